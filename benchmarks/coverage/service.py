"""Coverage of the limits of availability (blocks of outages, blocks of days, independent checks), and false claims about bad days that do nothing.

Run with `python benchmarks/coverage/service.py`; writes results/service.csv and results/service_bad_days.csv.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from cs_analysis.stats.blocks import block_share
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.day_contrasts import marked_days, weekday_gaps
from cs_analysis.stats.intervals import wilson

RUNS, START, MEAN_HOURS = 2_000, 0.0012, 5.0


def lengths(rng: np.random.Generator, kind: str, count: int) -> np.ndarray:
    """Return outages in whole hours with the mean MEAN_HOURS (geometric), or a heavy tail (log-normal)."""
    if kind == "geometric":
        return rng.geometric(1 / MEAN_HOURS, count)
    return np.maximum(1, np.round(rng.lognormal(np.log(MEAN_HOURS) - 0.72, 1.2, count))).astype("int64")


def state(rng: np.random.Generator, kind: str, hours: int) -> np.ndarray:
    """Return which hours are down; the chain has run for a long time before the first."""
    warm = 2_000
    gaps = rng.geometric(START, 8 + int((hours + warm) * START * 4))
    runs = np.stack([gaps, lengths(rng, kind, len(gaps))], axis=1).ravel()
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs)[warm : warm + hours]


def sums(down: np.ndarray) -> tuple[int, int]:
    """Return the number of outages and the sum of their squared lengths."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], down.astype("int64"), [0]])))
    return len(edges) // 2, int(((edges[1::2] - edges[::2]) ** 2).sum())


def study(kind: str, months: int) -> list[dict[str, object]]:
    """Return how often each method's limits held the truth, and their mean width."""
    rng = np.random.default_rng([41, months, kind == "geometric"])
    hours = 720 * months
    mean = lengths(np.random.default_rng(1), kind, 1_000_000).mean()
    truth = 1 / (1 + mean * START)
    downs = np.stack([state(rng, kind, hours) for _ in range(RUNS)])
    blocks, squares = np.array([sums(row) for row in downs]).T
    total = downs.sum(axis=1)
    days = downs.reshape(RUNS * 30 * months, 24).sum(axis=1)
    codes = np.repeat(np.arange(RUNS), 30 * months)
    found = {
        "outages": block_share(hours - total, total, blocks=blocks, squares=squares, typical=mean),
        "days": clustered_share(24 - days, np.full(len(days), 24), groups=codes),
        "independent": wilson(hours - total, np.full(RUNS, hours)),
    }
    return [
        {
            "lengths": kind,
            "months": months,
            "method": method,
            "coverage": np.mean((limits.conf_low <= truth) & (truth <= limits.conf_high)),
            "missed_below": np.mean(truth < limits.conf_low),
            "missed_above": np.mean(truth > limits.conf_high),
            "mean_width": np.nanmean(limits.conf_high - limits.conf_low),
            "median_width": np.nanmedian(limits.conf_high - limits.conf_low),
            "without_outage": np.mean(blocks == 0),
        }
        for method, limits in found.items()
    ]


def placebo(days: int, bad: int, memory: float) -> dict[str, object]:
    """Return how often days marked at random, in runs of two, are said to differ: usage with weekdays, growth and a memory of noise."""
    rng = np.random.default_rng([days, bad, int(10 * memory)])
    claims, covered, runs = 0, 0, 1_000
    for _ in range(runs):
        noise = np.zeros(days)
        shocks = rng.normal(0, 0.15, days)
        for day in range(1, days):
            noise[day] = memory * noise[day - 1] + shocks[day]
        week = np.where(np.arange(days) % 7 >= 5, 0.3, 1.0)
        amounts = rng.poisson(np.exp(4 + 0.002 * np.arange(days) + noise) * week)
        marked = np.zeros(days, dtype="bool")
        for first in rng.choice(days - 1, max(bad // 2, 1), replace=False):
            marked[first : first + min(2, bad)] = True
        found = marked_days(weekday_gaps(amounts, ~marked), marked, ~marked)
        claims += found.p_value <= 0.05
        covered += not (found.conf_low > 0 or found.conf_high < 0)
    return {"days": days, "bad_days": bad, "memory": memory, "false_claims": claims / runs, "limits_hold_1": covered / runs}


def main() -> None:
    """Write the table."""
    rows = [row for kind in ("geometric", "lognormal") for months in (1, 3, 12, 24) for row in study(kind, months)]
    table = pd.DataFrame(rows).round(4)
    table.to_csv(Path(__file__).parent / "results" / "service.csv", index=False)
    print(table.to_string())
    false = pd.DataFrame([placebo(days, bad, memory) for days in (180, 365) for bad in (1, 6, 20) for memory in (0.0, 0.5)])
    false.round(4).to_csv(Path(__file__).parent / "results" / "service_bad_days.csv", index=False)
    print(false.to_string())


if __name__ == "__main__":
    main()
