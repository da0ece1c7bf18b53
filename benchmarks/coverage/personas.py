"""How often personas are found where there are none, and where there are.

`python benchmarks/coverage/personas.py` writes `results/personas.csv` beside this file: one row a kind of accounts, with the share of companies in which the
verdict is not "no structure" and in which it is "structure". Companies have 200 to 400 accounts and 4 to 6 features; 19 tables without groups are
compared at the level of 5 %. Groups have unit spread in each feature; `distance` is that between the centres of any two of them, in a random direction of
the features, in standard deviations.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from cs_analysis.stats.grouping.copula_null import null_tables
from cs_analysis.stats.grouping.groups import find_groups
from cs_analysis.stats.grouping.prepare import prepared_column, scaled
from cs_analysis.stats.grouping.verdict import NO_STRUCTURE, silhouettes

SEED, COMPANIES, FEWER, TABLES = 20261123, 200, 20, 19


def mixing(features: int, rng: np.random.Generator) -> np.ndarray:
    """Return what makes independent features correlated, by 0.1 to 0.7 on average."""
    each = rng.uniform(0.1, 0.7)
    return np.asarray(np.linalg.cholesky(np.full((features, features), each) + (1 - each) * np.eye(features)).T)


def normal(rows: int, features: int, rng: np.random.Generator) -> np.ndarray:
    """Return correlated normal features."""
    return np.asarray(rng.standard_normal((rows, features)) @ mixing(features, rng))


def uniform(rows: int, features: int, rng: np.random.Generator) -> np.ndarray:
    """Return independent uniform features."""
    return rng.random((rows, features))


def lognormal(rows: int, features: int, rng: np.random.Generator) -> np.ndarray:
    """Return correlated log-normal features."""
    return np.asarray(np.exp(normal(rows, features, rng)))


def heavy(rows: int, features: int, rng: np.random.Generator) -> np.ndarray:
    """Return correlated features that are t-distributed with three degrees of freedom, far ones together."""
    return np.asarray(normal(rows, features, rng) / np.sqrt(rng.chisquare(3, (rows, 1)) / 3))


def heavy_alone(rows: int, features: int, rng: np.random.Generator) -> np.ndarray:
    """Return independent features that are t-distributed with three degrees of freedom."""
    return rng.standard_t(3, (rows, features))


def counts(rows: int, features: int, rng: np.random.Generator) -> np.ndarray:
    """Return counts of one trait of the account, with many zeros and ties."""
    rate = np.exp(rng.normal(0.3, 0.8, (rows, 1)) + rng.normal(0, 0.4, (rows, features)))
    return rng.poisson(rate).astype(float)


def skew_trait(rows: int, features: int, rng: np.random.Generator) -> np.ndarray:
    """Return features that follow one skewed trait with noise: related, but by no normal copula."""
    return np.asarray(rng.exponential(size=(rows, 1)) + 0.5 * rng.standard_normal((rows, features)))


def grouped(rows: int, features: int, rng: np.random.Generator, *, groups: int, distance: float) -> np.ndarray:
    """Return groups of equal expected size whose centres are all `distance` apart."""
    simplex = np.eye(groups) - 1 / groups
    basis = np.linalg.qr(rng.standard_normal((features, features)))[0]
    corners = np.linalg.svd(simplex)[0][:, : groups - 1] * distance / np.sqrt(2)
    centres = corners @ basis[: groups - 1]
    return np.asarray(centres[rng.integers(groups, size=rows)] + rng.standard_normal((rows, features)))


KINDS = {each.__name__: each for each in (normal, uniform, lognormal, heavy, heavy_alone, counts, skew_trait)} | {
    f"{groups} groups, distance {distance}": partial(grouped, groups=groups, distance=distance) for groups in (2, 3, 4) for distance in (2, 3, 4)
}


PROMISED = ("normal", "uniform", "lognormal", "heavy")
"""Kinds without groups of which at most one in ten may be taken for groups."""


def verdict(kind: str, rng: np.random.Generator) -> tuple[str, int]:
    """Return the verdict on one company, and the number of personas.

    That of `fit_personas` with 19 tables, but no further table is made once one without groups does as well: none of the others could change the verdict.
    """
    rows, features = int(rng.integers(200, 401)), int(rng.integers(4, 7))
    values = KINDS[kind](rows, features, rng)
    scales = tuple(column for place, each in enumerate(values.T) if (column := prepared_column(str(place), each)))
    prepared, sizes = scaled(scales, values), range(2, 7)
    own = silhouettes(prepared, sizes, seed=int(rng.integers(2**31)))
    for table in null_tables(prepared, count=TABLES, rng=rng):
        if silhouettes(table, sizes, seed=int(rng.integers(2**31))).max() >= own.max():
            return NO_STRUCTURE, 0
    size = sizes[int(own.argmax())]
    found = find_groups(scales, values, size, method="kmeans", rng=rng).verdict
    return found, 0 if found == NO_STRUCTURE else size


def study(kind: str, companies: int = COMPANIES, *, seed: int = SEED) -> pd.DataFrame:
    """Return how often groups are found, in companies of one kind."""
    place = list(KINDS).index(kind)
    found = pd.DataFrame([verdict(kind, rng) for rng in np.random.default_rng([seed, place]).spawn(companies)], columns=["verdict", "k"])
    share = (found["verdict"] != NO_STRUCTURE).mean()
    error, groups = np.sqrt(share * (1 - share) / companies), int(kind[0]) if kind[0].isdigit() else 1
    strong, right = (found["verdict"] == "structure").mean(), (found["k"].clip(lower=1) == groups).mean()
    row = {"kind": kind, "companies": companies, "found": share, "simulation_error": error, "structure": strong, "right_number": right}
    return pd.DataFrame([row])


if __name__ == "__main__":
    path = Path(__file__).parent / "results" / "personas.csv"
    path.parent.mkdir(exist_ok=True)
    chosen = sys.argv[1:] or list(KINDS)
    table = pd.concat([study(kind, COMPANIES if kind in PROMISED else FEWER) for kind in chosen], ignore_index=True).round(4)
    if chosen == list(KINDS):
        table.to_csv(path, index=False)
    print(table.to_string(index=False))
