"""Series that follow a Bass curve, and what tests read off a fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cs_analysis.stats.bass import BassFit


def table(adopters: Any, first: int = 1) -> pd.DataFrame:
    return pd.DataFrame({"period": np.arange(first, first + len(adopters)), "adopters": adopters})


def cumulative(t: Any, p: float, q: float) -> Any:
    """The formula as it is printed everywhere."""
    t = np.asarray(t, dtype=float)
    return (1 - np.exp(-(p + q) * t)) / (1 + q / p * np.exp(-(p + q) * t))


def curve(p: float, q: float, m: float, *, periods: int, before: float = 0) -> np.ndarray:
    ends = before + np.arange(1, periods + 1)
    return m * (cumulative(ends, p, q) - cumulative(ends - 1, p, q))


def terms(fit: BassFit, column: str = "estimate") -> np.ndarray:
    assert list(fit.coefficients["term"]) == ["p", "q", "m"]
    return fit.coefficients[column].to_numpy()


def finding(fit: BassFit, check: str) -> str:
    return str(fit.diagnostics.set_index("check").loc[check, "finding"])
