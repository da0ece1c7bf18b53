"""CPU seconds of importances with their bootstrap: `key_drivers`, beside a plain loop that resamples rows and fits every subset.

`python benchmarks/bench_drivers.py [DRIVERS] [ROWS] [REPLICATES]`: 12 drivers, 10,000 rows, 2,000 replicates, independent rows, then 2,500 accounts, then an
ordinal outcome. The loop takes the rows of each replicate, their correlation matrix, and R squared of every subset by `numpy.linalg.solve`; it is
timed on as many replicates as fit into some seconds and its total is extrapolated. Both give the same importances.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd

import cs_analysis as cs

PATIENCE = 8.0


def answers(rows: int, drivers: int) -> pd.DataFrame:
    """Return ratings of 1 to 5 that share an impression, and an outcome."""
    rng = np.random.default_rng(0)
    latent = 0.6 * rng.normal(size=(rows, 1)) + 0.8 * rng.normal(size=(rows, drivers))
    table = pd.DataFrame(np.clip(np.round(3.5 + latent), 1, 5), columns=[f"item_{number}" for number in range(1, drivers + 1)])
    overall = latent @ np.linspace(0.5, 0.0, drivers) + rng.normal(size=rows)
    return table.assign(overall=np.clip(np.round(3.5 + overall), 1, 5), account_id=rng.integers(0, rows // 4, rows))


def plain_importances(matrix: np.ndarray) -> np.ndarray:
    """Return the importances from one correlation matrix, subset by subset."""
    drivers = len(matrix) - 1
    worth = {(): 0.0}
    for size in range(1, drivers + 1):
        for members in combinations(range(drivers), size):
            chosen = list(members)
            worth[members] = matrix[chosen, -1] @ np.linalg.solve(matrix[np.ix_(chosen, chosen)], matrix[chosen, -1])
    parts = np.zeros(drivers)
    for members, value in worth.items():
        for driver in set(range(drivers)) - set(members):
            parts[driver] += (worth[tuple(sorted((*members, driver)))] - value) / (drivers * comb(drivers - 1, len(members)))
    return parts


def by_loop(values: np.ndarray, replicates: int) -> tuple[np.ndarray, float]:
    """Return the importances, and the CPU seconds that all replicates would take."""
    rng = np.random.default_rng(0)
    whole = plain_importances(np.corrcoef(values.T))
    begin, done = time.process_time(), 0
    while time.process_time() - begin < PATIENCE and done < replicates:
        plain_importances(np.corrcoef(values[rng.integers(0, len(values), len(values))].T))
        done += 1
    return whole, (time.process_time() - begin) / done * replicates


def timed(call: Callable[[], pd.DataFrame]) -> tuple[pd.DataFrame, float]:
    """Return what a call returns and the least CPU seconds of three."""
    taken = []
    for _ in range(3):
        begin = time.process_time()
        found = call()
        taken.append(time.process_time() - begin)
    return found, min(taken)


def compare(drivers: int, rows: int, replicates: int) -> None:
    table = answers(rows, drivers)
    items = [name for name in table if name.startswith("item_")]
    usual = {"outcome": "overall", "drivers": items, "replicates": replicates}
    loop, plain = by_loop(table[[*items, "overall"]].to_numpy(), replicates)
    print(f"{drivers} drivers, {rows:,} rows, {replicates:,} replicates: a plain loop {plain:,.0f} CPU s")
    for name, options in (
        ("parts, ranks and leads of lmg", {"method": "lmg"}),
        ("lmg and johnson", {}),
        ("accounts", {"cluster": "account_id"}),
        ("ordinal outcome", {"ordinal": True}),
    ):
        found, spent = timed(lambda options=options: cs.key_drivers(table, **usual, **options))
        print(f"  {name}: {spent:.2f} CPU s, {plain / spent:,.0f} times less")
        if not options.get("ordinal"):
            np.testing.assert_allclose(found.loc[found["metric"] == "lmg", "estimate"], loop, rtol=1e-8)


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:]]
    compare(8, 2_000, 2_000)
    compare(*(given + [12, 10_000, 2_000][len(given) :]))
