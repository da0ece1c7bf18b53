"""Designs of Cox models for tests: small random ones with ties, late entries, weights and strata, and the public data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cs_analysis.stats.cox.design import CoxData

DAY = 10**9
GOLDEN = Path(__file__).resolve().parent / "golden" / "cox"


def design(x: Any, leave: Any, observed: Any, **others: Any) -> CoxData:
    """Return a design from plain lists; times in days."""
    x = np.asarray(x, dtype="float64").reshape(len(leave), -1)
    given = {"enter": np.zeros(len(leave)), "weights": np.ones(len(leave)), "stratum": np.zeros(len(leave)), "cluster": None, "ties": "efron"} | others
    terms = given.get("terms", tuple(f"x{column + 1}" for column in range(x.shape[1])))
    enter, left = (np.rint(np.asarray(days, dtype="float64") * DAY).astype("int64") for days in (given["enter"], leave))
    cluster = None if given["cluster"] is None else np.asarray(given["cluster"], dtype="int64")
    weights, stratum = np.asarray(given["weights"], dtype="float64"), np.asarray(given["stratum"], dtype="int64")
    return CoxData(x, tuple(terms), enter, left, np.asarray(observed, dtype=bool), weights, stratum, cluster, given["ties"])


def random_design(seed: int, *, rows: int = 30, late: bool = True, weighted: bool = True, strata: int = 2, ties: str = "efron") -> CoxData:
    """Return a random design in which many times, and the values of a covariate, are tied."""
    rng = np.random.default_rng(seed)
    enter = rng.integers(0, 4, rows) * late
    leave = enter + rng.integers(1, 6, rows)
    x = np.column_stack([rng.normal(size=rows), rng.integers(0, 3, rows), rng.normal(size=rows)])
    weights = rng.integers(1, 9, rows) / 4 if weighted else np.ones(rows)
    cluster = rng.integers(0, rows // 2, rows)
    return design(x, leave, rng.random(rows) < 0.7, enter=enter, weights=weights, stratum=rng.integers(0, strata, rows), cluster=cluster, ties=ties)


def golden_design(case: str, ties: str = "efron") -> tuple[CoxData, np.ndarray]:
    """Return a public data set as a design, and the coefficients that R fits."""
    table = pd.read_csv(GOLDEN / "diagnostics_data.csv").query("case == @case")
    fitted = pd.read_csv(GOLDEN / "diagnostics_beta.csv").query("case == @case and ties == @ties")
    others = {"enter": table["enter_days"], "weights": table["weight"], "stratum": table["stratum"], "cluster": table["cluster"]}
    terms = tuple(fitted["term"])
    return design(table[list(terms)], table["duration_days"], table["observed"], **others, terms=terms, ties=ties), fitted["beta"].to_numpy()
