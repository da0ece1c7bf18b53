"""CPU seconds of the success map against hand-written SQL and pandas: `python benchmarks/bench_journey.py [events]`."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import duckdb
import pandas as pd

import cs_analysis as cs
from cs_analysis.data.dataset import engine_of
from cs_analysis.stats.intervals import wilson

Answer = TypeVar("Answer")
AS_OF = "2026-06-30"
STAGES = ["e1", "e2", "e3", "e4"]


def make(folder: Path, events: int) -> None:
    """Write accounts and so many events of ten kinds."""
    accounts = max(events // 100, 10)
    run = duckdb.connect().execute
    run("SELECT setseed(0.4)")
    begun = "TIMESTAMPTZ '2025-07-01 00:00:00+00' + to_seconds((hash({k}) % (200 * 86400))::BIGINT)"
    run(f"COPY (SELECT 'a' || k AS account_id, {begun.format(k='k')} AS started_at FROM range({accounts}) r(k)) TO '{folder}/accounts.parquet'")
    sold = "'s' || k AS subscription_id, 'a' || k AS account_id, 10.0 AS mrr, 'EUR' AS currency"
    until = f"CASE WHEN hash(k + 1) % 3 = 0 THEN {begun.format(k='k')} + to_seconds((86400 + hash(k + 2) % (150 * 86400))::BIGINT) END"
    run(f"COPY (SELECT {sold}, {begun.format(k='k')} AS started_at, {until} AS ended_at FROM range({accounts}) r(k)) TO '{folder}/subscriptions.parquet'")
    used = f"{begun.format(k='k')} + to_seconds((random() * random() * 150 * 86400)::BIGINT)"
    run(
        f"""COPY (SELECT 'a' || k AS account_id, 'u' || k AS user_id, 'e' || floor(random() * random() * 10)::INT AS event, {used} AS event_at
            FROM (SELECT floor(random() * {accounts})::BIGINT AS k FROM range({events}))) TO '{folder}/events.parquet'"""
    )


def timed(name: str, do: Callable[[], Answer]) -> tuple[Answer, float]:
    """Return what `do` returns and the CPU seconds it took, all threads together."""
    begun = time.process_time()
    answer = do()
    spent = time.process_time() - begun
    print(f"{name:<28}{spent:>9.2f} CPU s", flush=True)
    return answer, spent


def by_sql(ds: cs.Dataset) -> pd.DataFrame:
    """Return the shares of the stages with limits from SQL."""
    view = {name: f'"{ds.tables[name]._view}"' for name in ds.tables}
    firsts = ", ".join(f"min(event_at) FILTER (event = '{name}') AS f{k}" for k, name in enumerate(STAGES, start=1))
    step = " ".join(
        f"WHEN greatest({', '.join(f'f{j}' for j in range(1, k + 1))}) <= until AND {' AND '.join(f'f{j} IS NOT NULL' for j in range(1, k + 1))} THEN {k}"
        for k in range(len(STAGES), 0, -1)
    )
    counts = (
        engine_of(ds)
        .execute(
            f"""WITH used AS (SELECT account_id, {firsts} FROM {view["events"]} JOIN {view["accounts"]} a USING (account_id)
            WHERE event IN ({", ".join(repr(name) for name in STAGES)}) AND event_at >= a.started_at GROUP BY account_id),
            there AS (SELECT account_id, min(ended_at) AS ended_at FROM {view["subscriptions"]} GROUP BY account_id),
            placed AS (SELECT ended_at, coalesce(ended_at, TIMESTAMP '9999-01-01') AS until, u.* FROM {view["accounts"]} a
                LEFT JOIN there USING (account_id) LEFT JOIN used u USING (account_id))
            SELECT CASE {step} ELSE 0 END AS step, count(*) AS count FROM placed WHERE ended_at IS NULL GROUP BY ALL ORDER BY ALL"""
        )
        .df()
    )
    return counts.assign(**wilson(counts["count"], counts["count"].sum(), conf_level=0.95)._asdict())


def by_pandas(events: pd.DataFrame, accounts: pd.DataFrame, sold: pd.DataFrame) -> pd.Series:
    """Return the numbers at the stages from pandas."""
    used = events[events["event"].isin(STAGES)].merge(accounts, on="account_id")
    early = used[used["event_at"] >= used["started_at"]]
    firsts = early.pivot_table(index="account_id", columns="event", values="event_at", aggfunc="min").reindex(accounts["account_id"])
    step = firsts[STAGES].notna().cumprod(axis=1).sum(axis=1)
    return step[step.index.isin(sold.loc[sold["ended_at"].isna(), "account_id"])].value_counts().sort_index()


def main(events: int) -> None:
    """Print the CPU seconds of all three, and whether they agree."""
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), events)
        ds = cs.read_dataset(folder, as_of=AS_OF)
        print(f"{events:,} events")
        ours, spent = timed("success_map", lambda: cs.success_map(ds, STAGES))
        theirs, sql = timed("hand-written SQL", lambda: by_sql(ds))
        frames = [ds.tables[name].to_pandas() for name in ("events", "accounts", "subscriptions")]
        frames[2]["ended_at"] = frames[2]["ended_at"].where(frames[2]["ended_at"] <= ds.as_of)
        counts, pandas = timed("pandas", lambda: by_pandas(*frames))
        shares = ours[(ours["metric"] == "success_map") & (ours["estimate"] > 0)]
        agree = abs(shares["estimate"].to_numpy() - theirs["estimate"].to_numpy()).max() < 1e-12 and counts.tolist() == theirs["count"].tolist()
        print(f"agree: {agree}; ours / SQL {spent / sql:.2f}, ours / pandas {spent / pandas:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000)
