"""How often a relation, or that there is none, is claimed of goals and satisfaction, and how often the limits contain the true correlation.

`python benchmarks/coverage/success_satisfaction.py [SAMPLES]` writes `results/success_satisfaction.csv` beside this file. Goals reached (all or none; or
none, half, all) and a score of five levels come from two correlated normal variables, cut so that the rank correlation of the cut ones has the stated
value: 0, the margin (0.2), or more. Accounts have one answer, or one to six whose scores share half of their variance. Claims are those of
`success_vs_satisfaction` at 95 %. "silence" is how often the limits contain 0: what would be called "no relation" by whoever reads it so.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from cs_analysis.stats.correlation import rank_correlation
from cs_analysis.stats.equivalence import tost_correlation, verdict

SEED, MARGIN, LEVEL = 20261123, 0.2, 0.95
GOALS = {"all or none": (0.3, 0.7), "none, half, all": (0.2, 0.2, 0.6)}
SCORES = (0.05, 0.10, 0.20, 0.35, 0.30)
ALIKE = 0.5


def cuts(shares: tuple[float, ...]) -> np.ndarray:
    """Return where a standard normal variable is cut."""
    return special.ndtri(np.cumsum(shares)[:-1])


def true_correlation(latent: float, goals: tuple[float, ...]) -> float:
    """Return the rank correlation of the cut variables: that of the middles of their distribution functions."""
    both = stats.multivariate_normal(cov=[[1, latent], [latent, 1]])
    edges = [np.concatenate([[-9.0], cuts(shares), [9.0]]) for shares in (goals, SCORES)]
    cells = np.diff(np.diff(both.cdf(np.stack(np.meshgrid(*edges, indexing="ij"), axis=-1)), axis=0), axis=1)
    a, b = (np.cumsum(shares) - np.array(shares) / 2 - 0.5 for shares in (goals, SCORES))
    return float(a @ cells @ b / np.sqrt((a**2 @ np.array(goals)) * (b**2 @ np.array(SCORES))))


@cache
def latent_correlation(wanted: float, goals: tuple[float, ...]) -> float:
    """Return the correlation of the normal variables that gives the wanted one."""
    return 0.0 if wanted == 0 else float(optimize.brentq(lambda r: true_correlation(r, goals) - wanted, 0, 0.95, xtol=1e-4))


def sample(size: int, correlation: float, *, goals: tuple[float, ...], several: bool, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return shares of goals reached, scores and owners of the answers of `size` accounts."""
    r = latent_correlation(correlation, goals)
    owners = np.repeat(np.arange(size), rng.integers(1, 7, size)) if several else np.arange(size)
    first = rng.standard_normal(size)
    shared = ALIKE if several else 1.0
    second = r * first + np.sqrt(shared - r**2) * rng.standard_normal(size)
    scores = second[owners] + np.sqrt(1 - shared) * rng.standard_normal(len(owners))
    return np.searchsorted(cuts(goals), first)[owners], np.searchsorted(cuts(SCORES), scores), owners


def claims(size: int, correlation: float, *, goals: tuple[float, ...], several: bool, rng: np.random.Generator) -> tuple[float, ...]:
    """Return of one sample: related, no relation, limits that hold the truth, limits that hold 0; nothing is claimed where all are alike."""
    x, y, owners = sample(size, correlation, goals=goals, several=several, rng=rng)
    if min(np.ptp(x), np.ptp(y)) == 0:
        return (0.0, 0.0, np.nan, 1.0)
    found = rank_correlation(x, y, clusters=owners)
    limits = found.limits(LEVEL)
    said = verdict(limits, tost_correlation(found, margin=MARGIN), alpha=1 - LEVEL)
    low, high = limits.conf_low, limits.conf_high
    return (float(said == "different"), float(said == "within the margin"), float(low <= correlation <= high), float(low <= 0 <= high))


def study(samples: int, *, sizes: tuple[int, ...] = (20, 60, 200, 1000), correlations: tuple[float, ...] = (0.0, MARGIN, 0.3, 0.5)) -> pd.DataFrame:
    """Return one row a setting."""
    rng, rows = np.random.default_rng(SEED), []
    for name, goals in GOALS.items():
        for several in (False, True):
            for correlation in correlations:
                for size in sizes:
                    found = np.array([claims(size, correlation, goals=goals, several=several, rng=rng) for _ in range(samples)])
                    rows.append((name, "1 to 6" if several else "1", correlation, size, samples, *np.nanmean(found, axis=0)))
    columns = ["goals", "answers", "correlation", "accounts", "samples", "related", "no_relation", "coverage", "silence"]
    return pd.DataFrame(rows, columns=columns)


if __name__ == "__main__":
    results = study(int(sys.argv[1]) if len(sys.argv) > 1 else 1500)
    results.round(4).to_csv(Path(__file__).parent / "results" / "success_satisfaction.csv", index=False, lineterminator="\n")
    print(results.round(3).to_string(index=False))
