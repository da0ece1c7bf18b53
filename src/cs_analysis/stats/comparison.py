"""Tests of whether groups last equally long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy import linalg, special

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.risk import By, Floats, Integers, RiskTable, by_columns, grouped, read_rows, risk_table

_CELLS_PER_BLOCK = 4_000_000  # groups x moments held at a time: 32 MB
_SINGULAR = 1e-10  # a variance this small beside the group's own is what rounding left of 0


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
    if not np.diag(variance).any():
        raise NotEnoughDataError("the groups cannot be compared: at no end were units of two of them at risk. Pool groups or drop strata.")
    statistic, freedom = _squared_length(difference, variance)
    return pd.DataFrame({"statistic": [statistic], "df": [freedom], "p_value": [float(special.chdtrc(freedom, statistic))]})


def _observed_minus_expected(risk: RiskTable, layers: list[str], groups: list[str]) -> tuple[Floats, Floats]:
    """Return O - E of each group and its covariance, added up over all moments (a time in a stratum) at which units end."""
    (_, stratum), (_, group) = grouped(risk.keys, layers), grouped(risk.keys, groups)
    moments, place = np.unique(_moment(risk.code, stratum, risk.bits), return_inverse=True)
    ends = np.bincount(place, risk.ends, len(moments)).astype("float64")
    difference = np.bincount(group[risk.group], risk.ends, int(group.max()) + 1).astype("float64")
    variance = np.zeros((len(difference), len(difference)))
    for part, at_risk in _at_risk(risk, moments, group=group, stratum=stratum):
        expected, spread = _hypergeometric(at_risk, ends[part])
        difference -= expected
        variance += spread
    return difference, variance


def _moment(code: Integers, stratum: Integers, bits: int) -> Integers:
    """Return codes of the risk table (its group and time) as codes of stratum and time; one just below time 0 stays there."""
    cell = (code + 1) >> bits
    return np.asarray(code + ((stratum[cell] - cell) << bits))


def _at_risk(risk: RiskTable, moments: Integers, *, group: Integers, stratum: Integers) -> Iterator[tuple[slice, Floats]]:
    """Yield, some moments at a time, how many units of each group are at risk at each: those that came minus those that went before."""
    code = np.concatenate([risk.entered.code, risk.left.code])
    place = np.searchsorted(moments, _moment(code, stratum, risk.bits), side="right")
    change = np.concatenate([np.diff(risk.entered.below), -np.diff(risk.left.below)])
    order = np.argsort(place, kind="stable")
    place, change, member = place[order], change[order], group[(code[order] + 1) >> risk.bits]
    count = int(group.max()) + 1
    size, present = max(1, _CELLS_PER_BLOCK // count), np.zeros((count, 1))
    for begin in range(0, len(moments), size):
        width = min(size, len(moments) - begin)
        now = slice(*np.searchsorted(place, [begin, begin + width]))
        changes = np.bincount(member[now] * width + place[now] - begin, change[now], count * width).reshape(count, width)
        at_risk = present + np.cumsum(changes, axis=1)
        present = at_risk[:, -1:]
        yield slice(begin, begin + width), at_risk


def _hypergeometric(at_risk: Floats, ends: Floats) -> tuple[Floats, Floats]:
    """Return the expected ends of each group (a row of `at_risk`) over some moments, and their hypergeometric covariance."""
    everybody = at_risk.sum(axis=0)
    share = at_risk / everybody
    weighted = share * np.sqrt(ends * (everybody - ends) / np.maximum(everybody - 1, 1))
    spread = -(weighted @ weighted.T)
    np.fill_diagonal(spread, 0.0)
    np.fill_diagonal(spread, -spread.sum(axis=1))  # rows add up to 0; share - share^2 would lose the digits of a group that is nearly all
    return np.asarray(share @ ends), spread


def _squared_length(difference: Floats, variance: Floats) -> tuple[float, int]:
    """Return (O - E)' V^- (O - E) and the rank of V, by a Cholesky factor with pivots of V scaled to a diagonal of ones."""
    scale = np.sqrt(np.where(np.diag(variance) > 0, np.diag(variance), 1.0))
    factor, order, rank, _ = linalg.lapack.dpstrf(variance / np.outer(scale, scale), tol=_SINGULAR)
    solved = linalg.solve_triangular(factor[:rank, :rank], (difference / scale)[order[:rank] - 1], trans="T")
    return float(solved @ solved), int(rank)
