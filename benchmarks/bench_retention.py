"""A weekly retention triangle with clustered limits: CPU seconds of our call, of hand-written SQL for the same table, and of pandas.

Usage: bench_retention.py [EVENTS] [--alone] (default 10,000,000 events; `--alone` times our call only, with at most 2 GiB for the database)

The SQL runs on the same connection and view as ours and makes every share, cohort by cohort and pooled, with the counts of accounts that the limits
need; the limits of these few rows are made by the same function as ours. pandas makes the shares alone, from the columns it needs, already read.
Each has run on a small company before, so that no time goes into loading libraries.
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
from cs_analysis.stats.clusters import clustered_share

Answer = TypeVar("Answer")
AS_OF = "2026-06-28"  # a Sunday
WEEKS = 52


def make(folder: Path, events: int) -> None:
    """Write a company of a year: a hundred events a user, ten users an account, users joining all the time and coming less and less."""
    users, accounts = max(events // 100, 100), max(events // 1000, 10)
    con = duckdb.connect(config={"preserve_insertion_order": "false"})
    con.execute("SELECT setseed(0.5)")
    con.execute(
        f"""COPY (SELECT 'a' || i AS account_id, TIMESTAMPTZ '2025-06-30 00:00:00+00' AS started_at FROM range({accounts}) t(i))
            TO '{folder}/accounts.parquet'"""
    )
    con.execute(
        f"""COPY (SELECT TIMESTAMPTZ '2025-06-30 00:00:00+00' + to_microseconds((({WEEKS * 7} - 1) * 86400e6 *
                (hash(u) % 1000 / 1000.0 + (1 - hash(u) % 1000 / 1000.0) * pow(random(), 2)))::BIGINT) AS event_at,
            'a' || (u % {accounts}) AS account_id, 'u' || u AS user_id, ['login', 'report', 'export'][1 + floor(random() * 3)::INT] AS event
            FROM (SELECT floor(random() * {users})::BIGINT AS u FROM range({events}))) TO '{folder}/events.parquet'"""
    )


def timed(name: str, do: Callable[[], Answer]) -> tuple[Answer, float]:
    """Return what `do` returns and the CPU seconds it took, all threads together."""
    begun, clock = time.process_time(), time.perf_counter()
    answer = do()
    spent = time.process_time() - begun
    print(f"{name:<28}{spent:>9.2f} CPU s{time.perf_counter() - clock:>9.2f} s", flush=True)
    return answer, spent


def by_sql(ds: cs.Dataset) -> pd.DataFrame:
    """Return the triangle and the pooled row, with limits, from SQL."""
    engine = engine_of(ds)
    run = engine.execute
    run(
        f"""CREATE OR REPLACE TEMP TABLE active AS SELECT DISTINCT account_id, user_id, (date_diff('day', DATE '2025-06-30', event_at::DATE) // 7)::INT AS week
            FROM "{ds.tables["events"]._view}" """
    )
    run("CREATE OR REPLACE TEMP TABLE members AS SELECT account_id, user_id, min(week) AS cohort FROM active GROUP BY ALL")
    run("CREATE OR REPLACE TEMP TABLE sizes AS SELECT account_id, cohort, count(*) AS units FROM members GROUP BY ALL")
    run(
        """CREATE OR REPLACE TEMP TABLE returned AS SELECT account_id, cohort, week - cohort AS age, count(*) AS returned
           FROM members JOIN active USING (account_id, user_id) GROUP BY ALL"""
    )
    run(
        f"""CREATE OR REPLACE TEMP TABLE exposed AS SELECT s.account_id, s.cohort, a.age::INT AS age, units, coalesce(returned, 0) AS returned
            FROM sizes s JOIN range({WEEKS}) a(age) ON s.cohort + a.age < {WEEKS} LEFT JOIN returned r
            ON r.account_id = s.account_id AND r.cohort = s.cohort AND r.age = a.age"""
    )
    cells = run("SELECT cohort, age, units, returned, count(*) AS accounts FROM exposed GROUP BY ALL ORDER BY ALL").df()
    pooled = run(
        """SELECT NULL::INT AS cohort, age, units, returned, count(*) AS accounts FROM
           (SELECT account_id, age, sum(units) AS units, sum(returned) AS returned FROM exposed GROUP BY ALL) GROUP BY ALL ORDER BY ALL"""
    ).df()
    return pd.concat([_with_limits(rows) for rows in (cells, pooled)], ignore_index=True)


def _with_limits(rows: pd.DataFrame) -> pd.DataFrame:
    number = rows.groupby(["cohort", "age"], dropna=False, sort=False).ngroup()
    share = clustered_share(rows["returned"].astype(float), rows["units"].astype(float), groups=number, counts=rows["accounts"])
    return rows[["cohort", "age"]].drop_duplicates().assign(**share._asdict())


def by_pandas(events: pd.DataFrame) -> pd.DataFrame:
    """Return the shares of the triangle, without limits, from pandas."""
    days = (events["event_at"] - pd.Timestamp("2025-06-30", tz="UTC")).dt.days
    active = events.assign(week=days // 7)[["account_id", "user_id", "week"]].drop_duplicates()
    cohort = active.groupby(["account_id", "user_id"])["week"].transform("min")
    counted = active.assign(cohort=cohort, age=active["week"] - cohort).groupby(["cohort", "age"])["week"].size()
    return (counted / counted.xs(0, level="age").reindex(counted.index.get_level_values("cohort")).to_numpy()).rename("share").reset_index()


def compare(events: int, *, alone: bool) -> None:
    """Print the CPU seconds of all three for a company of so many events."""
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), events)
        ds = cs.read_dataset(folder, as_of=AS_OF)
        if alone:
            engine_of(ds).execute("SET memory_limit = '2GiB'")
        print(f"{events:,} events")
        ours, spent = timed("cohort_retention", lambda: cs.cohort_retention(ds, period="week"))
        if alone:
            return
        theirs, sql = timed("hand-written SQL", lambda: by_sql(ds))
        for name in ("estimate", "conf_low", "conf_high"):
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-9, atol=1e-12)
        table = pd.read_parquet(f"{folder}/events.parquet", columns=["event_at", "account_id", "user_id"])
        _, plain = timed("pandas, shares alone", lambda: by_pandas(table))
        print(f"ours / SQL {spent / sql:.2f}, ours / pandas {spent / plain:.2f}")


if __name__ == "__main__":
    compare(20_000, alone=False)
    sizes = [int(text) for text in sys.argv[1:] if not text.startswith("--")]
    compare(sizes[0] if sizes else 10_000_000, alone="--alone" in sys.argv)
