"""Tests of whether groups last equally long."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import special

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.risk import By, Floats, Integers, RiskTable, by_columns, grouped, read_rows, risk_table


def logrank_test(durations: pd.DataFrame, by: str | Sequence[str], strata: By = None) -> pd.DataFrame:
    """Log-rank test of whether the units of all groups end at the same rate at every time.

    At each time the ends of a group are compared with its share of those at risk; the differences add up to O - E with the hypergeometric
    variance V, and the statistic is (O - E)' V^- (O - E). Late entrants are at risk from their entry on. With `strata` the comparison is
    made within each stratum and added up. The sums run over all ends, so that groups with few units weigh little.

    Parameters
    ----------
    durations : DataFrame
        As for `survival_curve`.
    by : str or list of str
        Columns that make the groups to compare.
    strata : str or list of str, optional
        Columns within whose values the groups are compared.

    Returns
    -------
    DataFrame
        One row: `statistic` (chi-squared), `df` (groups - 1, fewer if some never meet at risk) and `p_value`.

    Raises
    ------
    MissingColumnsError
        As for `survival_curve`.
    ParameterError
        As for `survival_curve`; `by` is empty or shares a column with `strata`.
    NotEnoughDataError
        There is no row, or at no end were units of two groups at risk.

    References
    ----------
    Mantel (1966), Cancer Chemotherapy Reports 50, 163-170. Peto and Peto (1972), Journal of the Royal Statistical Society A 135, 185-207.

    Examples
    --------
    >>> table = pd.DataFrame({"duration_days": [1, 2, 3, 4, 5, 6], "observed": True, "plan": ["a", "a", "a", "b", "b", "b"]})
    >>> logrank_test(table, "plan").round(4)
       statistic  df  p_value
    0     5.0517   1   0.0246
    """
    groups, layers = by_columns(by), by_columns(strata)
    if not groups or set(groups) & set(layers):
        raise ParameterError(f"by must name columns, and none of strata: by {groups}, strata {layers}.")
    risk = risk_table(read_rows(durations, [*layers, *groups]))
    difference, variance = _observed_minus_expected(risk, layers, groups)
    values, vectors = np.linalg.eigh(variance)
    matter = values > 1e-9 * max(float(np.trace(variance)), 1e-300)
    if not matter.any():
        raise NotEnoughDataError("the groups cannot be compared: at no end were units of two of them at risk. Pool groups or drop strata.")
    statistic = float(np.sum((vectors[:, matter].T @ difference) ** 2 / values[matter]))
    freedom = int(matter.sum())
    return pd.DataFrame({"statistic": [statistic], "df": [freedom], "p_value": [float(special.chdtrc(freedom, statistic))]})


def _observed_minus_expected(risk: RiskTable, layers: list[str], groups: list[str]) -> tuple[Floats, Floats]:
    """Return O - E of each group and its covariance, added up over strata."""
    _, stratum = grouped(risk.keys, layers)
    _, group = grouped(risk.keys, groups)
    count = int(group.max()) + 1
    difference, variance = np.zeros(count), np.zeros((count, count))
    for layer in range(int(stratum.max()) + 1):
        cells = np.flatnonzero(stratum == layer)
        apart, spread = _within_stratum(risk, cells)
        difference[group[cells]] += apart
        variance[np.ix_(group[cells], group[cells])] += spread
    return difference, variance


def _within_stratum(risk: RiskTable, cells: Integers) -> tuple[Floats, Floats]:
    """Return O - E of the given groups of the risk table among each other, and its covariance."""
    inside = np.isin(risk.group, cells)
    times, place = np.unique(risk.code[inside] & ((1 << risk.bits) - 1), return_inverse=True)
    ends = np.bincount(place, risk.ends[inside], len(times))
    at_risk = np.column_stack([risk.number_at_risk((cell << risk.bits) | times) for cell in cells])
    everybody = at_risk.sum(axis=1)
    share = at_risk / everybody[:, None]
    observed = np.bincount(risk.group[inside], risk.ends[inside], len(risk.keys))[cells]
    weight = ends * (everybody - ends) / np.maximum(everybody - 1, 1)
    spread = np.diag(weight @ share) - (share * weight[:, None]).T @ share
    return observed - ends @ share, spread
