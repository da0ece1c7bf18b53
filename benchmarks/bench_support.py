"""Response time to messages in opening hours, limits clustered by account: CPU seconds of our call, of hand-written SQL for the same table, and of pandas.

Usage: bench_support.py [MESSAGES] [--alone] (default 10,000,000 messages; `--alone` times our call only, with at most 2 GiB for the database)

The SQL runs on the same connection and view as ours and counts waits and sums by account; from the few rows that leaves, the same functions as ours make
quantiles and limits. pandas makes the quantiles alone, without limits, from the columns it needs, already read. Each has run on a small company
before, so that no time goes into loading libraries.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import duckdb
import numpy as np
import pandas as pd

import cs_analysis as cs
from cs_analysis.data.dataset import engine_of
from cs_analysis.stats.time_quantiles import ClusterSums, time_quantiles

Answer = TypeVar("Answer")
AS_OF = "2026-06-28"
SCALE = 2.0**24


def make(folder: Path, messages: int) -> None:
    """Write a year of conversations of six messages on average; one in ten of ours comes late, and the last word is often the customer's."""
    threads, accounts = max(messages // 6, 100), max(messages // 1000, 10)
    con = duckdb.connect(config={"preserve_insertion_order": "false"})
    con.execute("SELECT setseed(0.5)")
    con.execute(
        f"""COPY (SELECT 'a' || i AS account_id, TIMESTAMPTZ '2025-06-30 00:00:00+00' AS started_at FROM range({accounts}) t(i))
            TO '{folder}/accounts.parquet'"""
    )
    con.execute(
        f"""COPY (SELECT 'm' || i AS message_id, 't' || t AS thread_id, 'a' || (t % {accounts}) AS account_id,
            TIMESTAMPTZ '2025-06-30 00:00:00+00' + to_seconds((hash(t) % (355 * 86400) + floor(random() * random() * 5 * 86400))::BIGINT) AS sent_at,
            CASE WHEN random() < 0.55 THEN 'in' ELSE 'out' END AS direction
            FROM (SELECT i, floor(random() * {threads})::BIGINT AS t FROM range({messages}) r(i))) TO '{folder}/messages.parquet'"""
    )


def timed(name: str, do: Callable[[], Answer]) -> tuple[Answer, float]:
    """Return what `do` returns and the CPU seconds it took, all threads together."""
    begun, clock = time.process_time(), time.perf_counter()
    answer = do()
    spent = time.process_time() - begun
    print(f"{name:<28}{spent:>9.2f} CPU s{time.perf_counter() - clock:>9.2f} s", flush=True)
    return answer, spent


def by_sql(ds: cs.Dataset) -> pd.DataFrame:
    """Return the quantiles with limits from SQL."""
    run = engine_of(ds).execute
    run(
        f"""CREATE OR REPLACE TEMP TABLE turns AS SELECT account_id, thread_id, sent_at, direction FROM "{ds.tables["messages"]._view}"
            QUALIFY direction IS DISTINCT FROM lag(direction) OVER (PARTITION BY thread_id ORDER BY sent_at, direction)"""
    )
    run(
        """CREATE OR REPLACE TEMP TABLE spans AS SELECT * FROM (SELECT account_id, direction, sent_at AS opened,
           lead(sent_at) OVER (PARTITION BY thread_id ORDER BY sent_at, direction) AS ended FROM turns) WHERE direction = 'in'"""
    )
    run(
        """CREATE OR REPLACE TEMP TABLE hours AS SELECT d::DATE AS day, sum(CASE WHEN isodow(d) < 6 THEN 28800 ELSE 0 END)
           OVER (ORDER BY d ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before, isodow(d) < 6 AS open
           FROM range(TIMESTAMP '2025-06-28', TIMESTAMP '2026-06-30', INTERVAL 1 DAY) t(d)"""
    )
    inside = "coalesce({h}.before, 0) + CASE WHEN {h}.open THEN greatest(least(epoch_us({t}) % 86400000000 - 32400000000, 28800000000), 0) ELSE 0 END / 1e6"
    end = f"coalesce(ended, TIMESTAMP '{AS_OF} 23:59:59.999999')"
    run(
        f"""CREATE OR REPLACE TEMP TABLE waits AS SELECT account_id, observed, CASE WHEN observed THEN ceil(w) ELSE floor(w) END::BIGINT AS seconds FROM (
            SELECT account_id, ended IS NOT NULL AS observed, ({inside.format(h="e", t=end)}) - ({inside.format(h="s", t="opened")}) AS w
            FROM spans JOIN hours s ON s.day = opened::DATE JOIN hours e ON e.day = {end}::DATE)"""
    )
    counted = run("SELECT seconds, observed, count(*) AS count FROM waits GROUP BY ALL ORDER BY ALL").df()
    return time_quantiles(counted.assign(duration_days=counted["seconds"] / 28800), cluster=lambda parts: _sums(ds, parts))


def _sums(ds: cs.Dataset, parts: pd.DataFrame) -> ClusterSums:
    engine = engine_of(ds)
    whole = parts[["seconds", "observed"]].assign(**{name: np.rint(parts[name] * SCALE).astype("int64") for name in ("part_0", "part_1")})
    with engine.registered(whole) as view:
        sums = engine.execute(
            f"""SELECT count(*) AS units, sum(part_0) AS a, sum(part_1) AS b FROM waits JOIN "{view}" USING (seconds, observed) GROUP BY account_id
                ORDER BY account_id"""
        ).df()
    return ClusterSums(np.zeros(len(sums), dtype="int64"), sums["units"].to_numpy("float64"), sums[["a", "b"]].to_numpy("float64") / SCALE)


def by_pandas(messages: pd.DataFrame, calendar: cs.Calendar) -> pd.DataFrame:
    """Return the quantiles, without limits, from pandas."""
    rows = messages.sort_values(["thread_id", "sent_at", "direction"], kind="stable")
    first = rows["thread_id"].ne(rows["thread_id"].shift())
    turns = rows[first | rows["direction"].ne(rows["direction"].shift())]
    following = turns["sent_at"].shift(-1).where(turns["thread_id"].eq(turns["thread_id"].shift(-1)))
    asked = turns["direction"] == "in"
    begun, ended = turns.loc[asked, "sent_at"], following[asked]
    days = calendar.business_time(begun, ended.fillna(pd.Timestamp(AS_OF, tz="UTC") + pd.Timedelta("1D") - pd.Timedelta("1us")))
    return time_quantiles(pd.DataFrame({"duration_days": days, "observed": ended.notna().to_numpy()}))


def compare(messages: int, *, alone: bool) -> None:
    """Print the CPU seconds of all three for so many messages."""
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), messages)
        ds = cs.read_dataset(folder, as_of=AS_OF)
        if alone:
            engine_of(ds).execute("SET memory_limit = '2GiB'")
        print(f"{messages:,} messages")
        ours, spent = timed("response_time", lambda: cs.response_time(ds, of="messages"))
        if alone:
            return
        theirs, sql = timed("hand-written SQL", lambda: by_sql(ds))
        for name in ("estimate", "conf_low", "conf_high", "n"):
            np.testing.assert_allclose(ours[name][:2], theirs[name], rtol=1e-9)
        table = pd.read_parquet(f"{folder}/messages.parquet", columns=["thread_id", "sent_at", "direction"])
        plainly, plain = timed("pandas, quantiles alone", lambda: by_pandas(table, ds.calendar))
        np.testing.assert_allclose(plainly["estimate"], ours["estimate"][:2], atol=1 / 28800)
        print(f"ours / SQL {spent / sql:.2f}, ours / pandas {spent / plain:.2f}")


if __name__ == "__main__":
    compare(20_000, alone=False)
    sizes = [int(text) for text in sys.argv[1:] if not text.startswith("--")]
    compare(sizes[0] if sizes else 10_000_000, alone="--alone" in sys.argv)
