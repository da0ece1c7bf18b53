"""Survival curves of a million rows, in CPU seconds and in sorts of the same rows."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from cs_analysis.stats.durations import durations
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


def tables(rng: np.random.Generator) -> dict[str, tuple[pd.DataFrame, str | None]]:
    """Return a million rows in the shapes that occur: every time its own, whole days, groups, late entry, counts."""
    plain = pd.DataFrame({"duration_days": rng.exponential(300, ROWS), "observed": rng.random(ROWS) < 0.6})
    days = plain.assign(duration_days=np.ceil(plain["duration_days"]))
    return {
        "every time its own": (plain, None),
        "whole days": (days, None),
        "twelve groups": (days.assign(cohort=rng.integers(1, 13, ROWS).astype(str)), "cohort"),
        "late entry": (plain.assign(enter_days=plain["duration_days"] * rng.random(ROWS) * 0.9), None),
        "counts": (days.assign(count=rng.integers(1, 5, ROWS)), None),
    }


def main() -> None:
    rng = np.random.default_rng(0)
    for name, (table, by) in tables(rng).items():
        sort = cpu_seconds(lambda table=table: table.sort_values("duration_days"))
        curve = cpu_seconds(lambda table=table, by=by: survival_curve(table, by))
        print(f"survival_curve, {ROWS:,} rows, {name:20} {curve:6.2f} s = {curve / sort:4.1f} sorts of the table")
    begun = pd.to_datetime(rng.integers(1_600_000_000, 1_700_000_000, ROWS), unit="s", utc=True)
    starts = pd.DataFrame({"account_id": np.arange(ROWS), "start_at": begun})
    ends = pd.DataFrame({"account_id": starts["account_id"], "end_at": begun + pd.to_timedelta(rng.integers(0, 10**8, ROWS), unit="s")}).iloc[::2]
    print(f"durations,      {ROWS:,} rows, half of them ended  {cpu_seconds(lambda: durations(starts, ends, as_of='2023-11-14')):6.2f} s")


if __name__ == "__main__":
    main()
