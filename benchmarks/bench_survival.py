"""Survival curves and what is built on them for a million rows, in CPU seconds and in sorts of the same rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from cs_analysis.stats.comparison import logrank_test
from cs_analysis.stats.competing import cumulative_incidence
from cs_analysis.stats.durations import durations
from cs_analysis.stats.medians import median_time
from cs_analysis.stats.restricted_mean import restricted_mean_time
from cs_analysis.stats.survival import survival_curve

ROWS = 1_000_000


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the least CPU time of three runs."""
    taken = []
    for _ in range(3):
        begin = time.process_time()
        work()
        taken.append(time.process_time() - begin)
    return min(taken)


def tables(rng: np.random.Generator) -> Iterator[tuple[str, pd.DataFrame, str | None]]:
    """Yield a million rows in the shapes that occur, with the column that makes groups."""
    plain = pd.DataFrame({"duration_days": rng.exponential(300, ROWS), "observed": rng.random(ROWS) < 0.6})
    plain["ended_by"] = np.where(plain["observed"], rng.choice(["left", "moved", "paid"], ROWS), None)
    plain["half"], plain["region"] = rng.choice(["a", "b"], ROWS), rng.integers(0, 1_000, ROWS)
    days = plain.assign(duration_days=np.ceil(plain["duration_days"]))
    yield "every time its own", plain, None
    yield "whole days", days, None
    yield "12 groups", days.assign(cohort=rng.integers(1, 13, ROWS).astype(str)), "cohort"
    yield "1,000 groups", days.assign(cohort=rng.integers(0, 1_000, ROWS)), "cohort"
    yield "late entry", plain.assign(enter_days=plain["duration_days"] * rng.random(ROWS) * 0.9), None
    yield "counts", days.assign(count=rng.integers(1, 5, ROWS)), None


def work_on(table: pd.DataFrame, by: str | None) -> dict[str, Callable[[], object]]:
    """Return what is timed on a table, by name."""
    return {
        "curve": lambda: survival_curve(table, by),
        "incidence": lambda: cumulative_incidence(table, by),
        "median": lambda: median_time(table, by),
        "mean": lambda: restricted_mean_time(table, horizon="365d", by=by),
        "log-rank": lambda: logrank_test(table, by or "half"),
        "log-rank in 1,000 strata": lambda: logrank_test(table, "half", "region"),
    }


def main() -> None:
    rng = np.random.default_rng(0)
    for name, table, by in tables(rng):
        sort = cpu_seconds(lambda table=table: table.sort_values("duration_days"))
        sorts = [f"{what} {cpu_seconds(work) / sort:.1f}" for what, work in work_on(table, by).items()]
        print(f"{name:18} one sort {sort:.2f} s; in sorts: {', '.join(sorts)}")
    begun = pd.to_datetime(rng.integers(1_600_000_000, 1_700_000_000, ROWS), unit="s", utc=True)
    starts = pd.DataFrame({"account_id": np.arange(ROWS), "start_at": begun})
    ends = pd.DataFrame({"account_id": starts["account_id"], "end_at": begun + pd.to_timedelta(rng.integers(0, 10**8, ROWS), unit="s")}).iloc[::2]
    print(f"durations, half of them ended: {cpu_seconds(lambda: durations(starts, ends, as_of='2023-11-14')):.2f} s")


if __name__ == "__main__":
    main()
