"""Whether a fitted curve of survival says what the data say, as far as they go."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from cs_analysis.stats.durations import GRID_PER_DAY
from cs_analysis.stats.parametric_survival import SurvivalFit
from cs_analysis.stats.risk import Flags, Floats, read_rows

ENDS_A_CELL = 8
FEWEST_CELLS, MOST_CELLS = 4, 10
_STEPS = 50
_FLAT = 1e-3  # share of the largest eigenvalue below which a direction is one that the fit has used up


class CurveCheck(NamedTuple):
    """A chi-square statistic with its degrees of freedom and p-value, missing where there are too few ends."""

    statistic: float
    df: int
    p_value: float


def curve_check(durations: pd.DataFrame, fit: SurvivalFit) -> CurveCheck:
    """Chi-square of the ends in stretches of time against those that a fitted curve expects.

    Time is cut into at most 10 cells in which the curve expects about equally many ends, 8 or more. In each cell d = ends seen - ends expected, the latter
    the sum over units of the cumulated hazard over their time at risk in it (their Cox-Snell residual there). Its covariance is diag(expected) - B C B',
    with B the derivatives of the expected numbers by the terms and C the covariance of these: what fitting has used up is taken out. d' V^- d is
    chi-square with the rank of V.

    Parameters
    ----------
    durations : DataFrame
        Those of the fit.
    fit : SurvivalFit
        A curve fitted to them.

    Returns
    -------
    CurveCheck
        `statistic, df, p_value`; missing with fewer than 4 cells.

    References
    ----------
    Hjort (1990), Goodness of fit tests in models for life history data based on cumulative hazard rates, Annals of Statistics 18, 1221-1258. Cox and Snell
    (1968), Journal of the Royal Statistical Society B 30, 248-275.

    Examples
    --------
    >>> from cs_analysis.stats.parametric_survival import fit_survival
    >>> table = pd.DataFrame({"duration_days": [float(day) for day in range(1, 61)], "observed": True})
    >>> curve_check(table, fit_survival(table)).df
    6
    """
    rows = read_rows(durations, None)
    count = np.ones(len(rows.leave)) if rows.count is None else rows.count.astype("float64")
    enter, leave = (np.zeros_like(rows.leave) if rows.enter is None else rows.enter) / GRID_PER_DAY, rows.leave / GRID_PER_DAY
    ended = rows.observed & (leave > 0)
    edges = _edges(fit, (enter, leave), ended=ended, count=count)
    if len(edges) < FEWEST_CELLS - 1:
        return CurveCheck(np.nan, 0, np.nan)
    cells = len(edges) + 1
    seen = np.bincount(np.searchsorted(edges, leave[ended]), count[ended], cells)
    hazard, slopes = _spent(fit, leave, edges, count=count)
    before, before_slopes = _spent(fit, enter, edges, count=count)
    expected = hazard - before
    used = (slopes - before_slopes) @ fit.covariance.to_numpy() @ (slopes - before_slopes).T
    return _chi_square(seen - expected, np.diag(expected) - used)


def _edges(fit: SurvivalFit, times: tuple[Floats, Floats], *, ended: Flags, count: Floats) -> Floats:
    """Return the inner edges of cells in which the curve expects about equally many ends.

    Edges at ends themselves would let the last of a cell decide how long it is, and refuse true curves too often.
    """
    enter, leave = times
    cells = int(min(MOST_CELLS, count[ended].sum() // ENDS_A_CELL))
    grid = np.unique(np.quantile(np.unique(leave[ended]), np.linspace(0, 1, _STEPS)))
    spent = _spent(fit, leave, grid, count=count)[0] - _spent(fit, enter, grid, count=count)[0]
    reached = np.cumsum(spent)
    edges = np.interp(np.arange(1, cells) / max(cells, 1) * reached[-1], np.append(0.0, reached[:-1]), np.append(0.0, grid))
    return np.unique(edges[edges < grid[-1]])


def _spent(fit: SurvivalFit, until: Floats, edges: Floats, *, count: Floats) -> tuple[Floats, Floats]:
    """Return the hazard that units spend in each cell from the start until their time, summed over units, and its derivatives by the terms."""
    times, place = np.unique(until, return_inverse=True)
    units = np.bincount(place, count)
    inner = np.minimum(times[:, None], np.append(edges, np.inf))
    grid, where = np.unique(inner, return_inverse=True)
    early = grid <= 0
    safe = np.where(early, 1.0, grid)
    hazard = np.where(early, 0.0, -fit.log_survival(safe))
    slopes = np.where(early[:, None], 0.0, -fit.slopes(safe))
    shape = inner.shape
    reached = units @ hazard[where].reshape(shape)
    by_term = np.einsum("i,ijk->jk", units, slopes[where].reshape(*shape, -1))
    return np.diff(reached, prepend=0.0), np.diff(by_term, axis=0, prepend=0.0)


def _chi_square(distance: Floats, covariance: Floats) -> CurveCheck:
    sizes, directions = np.linalg.eigh(covariance)
    kept = sizes > _FLAT * sizes[-1]
    statistic = float(np.sum((directions.T @ distance)[kept] ** 2 / sizes[kept]))
    return CurveCheck(statistic, int(kept.sum()), float(stats.chi2.sf(statistic, kept.sum())))
