"""What every fitted model hands back: coefficients, covariance, likelihood, and what the fit itself has to say against them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Diagnostic:
    """One check of a fit.

    `finding` is `ok` or the short name of what is wrong (`not identified`, `boundary` ...); `what_to_do` is empty when it is `ok`.
    """

    check: str
    value: float
    finding: str = "ok"
    what_to_do: str = ""


@dataclass(frozen=True, eq=False)
class Fit:
    """Frozen result of a `fit_*` function.

    Attributes
    ----------
    coefficients : DataFrame
        Estimates with the key `term`.
    covariance : DataFrame
        Wald covariance of the terms; missing where a term lies on a boundary.
    log_likelihood : float
        At the maximum.
    converged : bool
        The gradient is zero to rounding and no check of `diagnostics` found a boundary or a ridge.
    diagnostics : DataFrame
        One row a check: `check, value, finding, what_to_do`. A fit without fault has `ok` in every row.
    """

    coefficients: pd.DataFrame
    covariance: pd.DataFrame
    log_likelihood: float
    converged: bool
    diagnostics: pd.DataFrame


def diagnostics_table(found: Iterable[Diagnostic]) -> pd.DataFrame:
    """Return checks as a table, in the order in which they were made."""
    rows = [(each.check, float(each.value), each.finding, each.what_to_do) for each in found]
    return pd.DataFrame(rows, columns=["check", "value", "finding", "what_to_do"])
