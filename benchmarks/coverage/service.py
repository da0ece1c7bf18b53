"""Coverage of the limits of availability on an alternating chain: blocks of outages, blocks of days, and independent checks.

Run with `python benchmarks/coverage/service.py`; writes results/service.csv.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from cs_analysis.stats.blocks import block_share
from cs_analysis.stats.clusters import clustered_share
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


def main() -> None:
    """Write the table."""
    rows = [row for kind in ("geometric", "lognormal") for months in (1, 3, 12, 24) for row in study(kind, months)]
    table = pd.DataFrame(rows).round(4)
    table.to_csv(Path(__file__).parent / "results" / "service.csv", index=False)
    print(table.to_string())


if __name__ == "__main__":
    main()
