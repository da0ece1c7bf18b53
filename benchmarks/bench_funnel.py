"""A funnel of five steps within seven days by segment: CPU seconds of our call, of hand-written SQL for the same table, and of pandas.

Usage: bench_funnel.py [EVENTS] [--alone] (default 10,000,000 events; `--alone` times our call only, with at most 2 GiB for the database)

The SQL runs on the same connection and view as ours. It makes the shares and the sums over accounts that the limits need; quantiles, which
DuckDB does not have, are looked up for its few rows in Python. pandas makes the shares alone, from the columns it needs, already read.
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
from scipy import special

import cs_analysis as cs
from cs_analysis.data.dataset import engine_of
from cs_analysis.metrics.funnel import funnel
from cs_analysis.stats.intervals import wilson_limits

Answer = TypeVar("Answer")
STEPS = ("signed_in", "viewed", "created", "shared", "exported")
OTHERS = ("commented", "searched", "edited")
LATER = range(2, len(STEPS) + 1)
WINDOW_US = 7 * 86_400_000_000
AS_OF = "2026-03-31"


def make(folder: Path, events: int) -> None:
    """Write a company whose users do 25 things in three months, rarer ones later in the list of names."""
    users, accounts = max(events // 25, 1_000), max(events // 500, 50)
    names = ", ".join(f"'{name}'" for name in (*STEPS, *OTHERS))
    con = duckdb.connect(config={"preserve_insertion_order": "false"})
    con.execute("SELECT setseed(0.5)")
    con.execute(
        f"""COPY (SELECT 'a' || i AS account_id, TIMESTAMPTZ '2026-01-01 00:00:00+00' AS started_at, ['small', 'mid', 'large'][1 + i % 3] AS segment
            FROM range({accounts}) t(i)) TO '{folder}/accounts.parquet'"""
    )
    con.execute(
        f"""COPY (SELECT TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_microseconds((random() * 90 * 86400e6)::BIGINT) AS event_at,
            'a' || (u % {accounts}) AS account_id, 'u' || u AS user_id, [{names}][1 + floor(pow(random(), 1.5) * 8)::INT] AS event
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
    """Return the shares of all steps by segment, with limits, from SQL."""
    engine = engine_of(ds)
    events, accounts = (f'"{ds.tables[name]._view}"' for name in ("events", "accounts"))
    as_of = ds.as_of.tz_convert("UTC").tz_localize(None).isoformat(sep=" ")
    codes = " ".join(f"WHEN event = '{name}' THEN {number}::TINYINT" for number, name in enumerate(STEPS, 1))
    run = engine.execute
    run(
        f"""CREATE OR REPLACE TEMP TABLE narrow AS SELECT user_id, account_id, event_at AS ts, CASE {codes} END AS step FROM {events}
            WHERE event IN {STEPS} AND user_id IS NOT NULL"""
    )
    run(
        f"""CREATE OR REPLACE TEMP TABLE s1 AS SELECT user_id, min(ts) AS t, min(ts) + to_microseconds({WINDOW_US}) AS until,
            arg_min(account_id, ts) AS account_id FROM narrow WHERE step = 1 GROUP BY user_id"""
    )
    for step in LATER:
        run(
            f"""CREATE OR REPLACE TEMP TABLE s{step} AS SELECT user_id, min(until) AS until, min(n.ts) AS t FROM s{step - 1} p JOIN narrow n USING (user_id)
                WHERE n.step = {step} AND n.ts >= p.t AND n.ts <= p.until GROUP BY user_id"""
        )
    waits = ", ".join(f"epoch_us(s{step}.t) - epoch_us(s1.t) AS w{step}" for step in LATER)
    joins = " ".join(f"LEFT JOIN s{step} USING (user_id)" for step in LATER)
    run(
        f"""CREATE OR REPLACE TEMP TABLE units AS SELECT segment, account_id, least(epoch_us(TIMESTAMP '{as_of}') - epoch_us(s1.t), {WINDOW_US}) AS seen,
            {waits} FROM s1 {joins} JOIN {accounts} USING (account_id)"""
    )
    for step in LATER:
        run(risk_sql(step))
    return limits(engine.execute(sums_sql()).df())


def risk_sql(step: int) -> str:
    """Return SQL for the risk table of a step: at each time of an end the share still waiting and the running sum of its variance."""
    return f"""CREATE OR REPLACE TEMP TABLE risk{step} AS
        WITH times AS (SELECT segment, coalesce(w{step}, seen) AS t, count(*) AS leave, count(w{step}) AS ends FROM units GROUP BY ALL),
        risk AS (SELECT *, sum(leave) OVER (PARTITION BY segment ORDER BY t DESC) AS n FROM times)
        SELECT segment, t, ends, n, exp(sum(ln(greatest(1 - ends / n, 1e-300))) OVER before) AS waiting,
            sum(ends / (n * greatest(n - ends, 1))) OVER before AS spread
        FROM risk WINDOW before AS (PARTITION BY segment ORDER BY t)"""


def sums_sql() -> str:
    """Return SQL for one row a segment and step: shares, and the sums over accounts that their limits need."""
    shares = " UNION ALL ".join(f"SELECT segment, {step} AS step, 1 - min(waiting) AS share FROM risk{step} GROUP BY segment" for step in LATER)
    parts = ", ".join(
        f"""(1 - f{step}.share) * ((w{step} IS NOT NULL)::INT / greatest(r{step}.n - r{step}.ends, 1) - r{step}.spread) * size AS p{step},
            f{step}.share AS f{step}"""
        for step in LATER
    )
    joins = " ".join(
        f"""JOIN risk{step} r{step} ON r{step}.segment = u.segment AND r{step}.t = coalesce(w{step}, seen)
            JOIN shares f{step} ON f{step}.segment = u.segment AND f{step}.step = {step}"""
        for step in LATER
    )
    moved = {step: f"(p{step} + f{step} - f{step} / {f'f{step - 1} * (p{step - 1} + f{step - 1})' if step > 2 else '1'})" for step in LATER}
    sums = ", ".join(
        f"""sum(p{step}) AS a{step}, sum(p{step} * p{step}) AS q{step}, sum({moved[step]}) AS b{step}, sum({moved[step]} * {moved[step]}) AS v{step},
            count({f"w{step - 1}" if step > 2 else "*"}) AS m{step}"""
        for step in LATER
    )
    rows = " UNION ALL ".join(
        f"""SELECT segment, {step} AS step, any_value(f{step}) AS share, {f"any_value(f{step - 1})" if step > 2 else "1.0"} AS before, sum(size) AS n,
            sum(m{step}) AS m, count(*) AS accounts, sum(a{step} ** 2) AS between_all, sum(q{step}) AS within_all,
            sum(b{step} ** 2) AS between_step, sum(v{step}) AS within_step FROM clusters GROUP BY segment"""
        for step in LATER
    )
    shares_of = ", ".join(f"any_value(f{step}) AS f{step}" for step in LATER)
    return f"""WITH shares AS ({shares}), sizes AS (SELECT segment, count(*) AS size FROM units GROUP BY segment),
        parts AS (SELECT u.segment, account_id, {", ".join(f"w{step}" for step in LATER)}, {parts} FROM units u JOIN sizes USING (segment) {joins}),
        clusters AS (SELECT segment, account_id, count(*) AS size, {sums}, {shares_of} FROM parts GROUP BY segment, account_id)
        SELECT * FROM ({rows}) ORDER BY segment, step"""


def limits(rows: pd.DataFrame) -> pd.DataFrame:
    """Return Wilson limits on the number of users over the design effect, allowing for the accounts' degrees of freedom."""
    t_units, t_accounts = special.stdtrit(rows["n"] - 1, 0.975), special.stdtrit(rows["accounts"] - 1, 0.975)
    made = []
    for metric, share, base, kind in (("conversion", rows["share"], "n", "all"), ("step_conversion", rows["share"] / rows["before"], "m", "step")):
        scale = rows["n"] ** 2 * (1 if kind == "all" else rows["before"] ** 2)
        variance = rows[f"between_{kind}"] / scale * rows["accounts"] / (rows["accounts"] - 1)
        low, high = wilson_limits(share.to_numpy(), n=(share * (1 - share) / variance * (t_units / t_accounts) ** 2).to_numpy(), conf_level=0.95)[1:]
        made.append(rows[["segment", "step"]].assign(metric=metric, unit="share", estimate=share, conf_low=low, conf_high=high, n=rows[base]))
    return pd.concat(made)


def by_pandas(events: pd.DataFrame, segments: pd.Series, as_of: pd.Timestamp) -> pd.DataFrame:
    """Return the shares of all steps by segment, without limits."""
    narrow = events[events["event"].isin(STEPS)]
    first = narrow[narrow["event"] == STEPS[0]].sort_values("event_at").drop_duplicates("user_id").set_index("user_id")
    units = pd.DataFrame({"segment": first["account_id"].map(segments), "start": first["event_at"], "at_1": first["event_at"]})
    until = units["start"] + pd.Timedelta(WINDOW_US, "us")
    for step, name in enumerate(STEPS[1:], 2):
        rows = (
            narrow.loc[narrow["event"] == name, ["user_id", "event_at"]].join(units[f"at_{step - 1}"], on="user_id").join(until.rename("until"), on="user_id")
        )
        units[f"at_{step}"] = rows[(rows["event_at"] >= rows[f"at_{step - 1}"]) & (rows["event_at"] <= rows["until"])].groupby("user_id")["event_at"].min()
    seen = (as_of - units["start"]).clip(upper=pd.Timedelta(WINDOW_US, "us"))
    waits = {step: (units[f"at_{step}"] - units["start"]).fillna(seen) for step in LATER}
    tables = [kaplan_meier(units["segment"], wait, units[f"at_{step}"].notna()).assign(step=step) for step, wait in waits.items()]
    return pd.concat(tables)


def kaplan_meier(group: pd.Series, wait: pd.Series, ended: pd.Series) -> pd.DataFrame:
    counts = pd.DataFrame({"segment": group, "wait": wait, "ended": ended}).groupby(["segment", "wait"])["ended"].agg(["sum", "size"])
    at_risk = counts["size"][::-1].groupby("segment").cumsum()[::-1]
    return (1 - (1 - counts["sum"] / at_risk).groupby("segment").prod()).rename("estimate").reset_index()


def compared(ours: pd.DataFrame, theirs: pd.DataFrame, *, columns: list[str]) -> float:
    """Return the largest difference between two tables of estimates."""
    keys = ["segment", "step", *(["metric"] if "metric" in theirs.columns else [])]
    both = ours[ours["step"] > 1].merge(theirs, on=keys, suffixes=("", "_other"), validate="many_to_one")
    return float(np.max([np.abs(both[name] - both[f"{name}_other"]).max() for name in columns]))


def warm() -> None:
    """Run everything once on a small company."""
    with tempfile.TemporaryDirectory() as name:
        make(Path(name), 20_000)
        ds = cs.read_dataset(name, as_of=AS_OF)
        funnel(ds, STEPS, within="7d", by="segment")
        by_sql(ds)


def main(events: int, *, alone: bool) -> None:
    warm()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, events)
        ds = cs.read_dataset(folder, as_of=AS_OF)
        if alone:
            engine_of(ds).execute("SET memory_limit = '2GiB'")
        ours, spent = timed("ours", lambda: funnel(ds, STEPS, within="7d", by="segment"))
        print(ours.to_string() if alone else f"{int(ours.loc[ours['step'] == 1, 'n'].sum() / 2):,} entrants")
        if alone:
            return
        sql, spent_sql = timed("SQL", lambda: by_sql(ds))
        read = ds.tables["events"].to_pandas(["event_at", "account_id", "user_id", "event"])
        segments = ds.tables["accounts"].to_pandas().set_index("account_id")["segment"]
        frame, spent_pandas = timed("pandas, without limits", lambda: by_pandas(read, segments, ds.as_of))
        print(f"ours / SQL {spent / spent_sql:.2f}, ours / pandas {spent / spent_pandas:.2f}")
        away = [compared(ours, sql, columns=["estimate", "n"]), compared(ours, sql, columns=["conf_low", "conf_high"])]
        plain = ours[ours["metric"] == "conversion"].drop(columns="metric")
        print(f"largest difference to SQL: {away[0]:.1e} (limits {away[1]:.1e}), to pandas: {compared(plain, frame, columns=['estimate']):.1e}")


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    main(numbers[0] if numbers else 10_000_000, alone="--alone" in sys.argv)
