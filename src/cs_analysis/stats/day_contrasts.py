"""Contrasts of marked days with days like them, and of units within strata."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.intervals import Floats, Interval

_WEEKS = 4
_LEAST_SHIFTS = 40


class DayContrast(NamedTuple):
    """Mean log ratio of marked days to days like them, its limits, p value and the number of marked days used."""

    estimate: float
    conf_low: float
    conf_high: float
    p_value: float
    n: int


def weekday_gaps(amounts: Floats, ordinary: np.ndarray) -> Floats:
    """Return for each day log(amount + 1/2) less the mean of the same weekdays up to four weeks before and after, in pairs that are both ordinary.

    A pair lies at like distance on both sides, so that steady growth cancels. Missing without a pair.

    Examples
    --------
    >>> weekday_gaps(np.full(15, 3.5), np.full(15, True))[7]
    np.float64(0.0)
    """
    logs = np.log(np.asarray(amounts, dtype="float64") + 0.5)
    usable = np.where(ordinary, logs, np.nan)
    padded = np.concatenate([np.full(7 * _WEEKS, np.nan), usable, np.full(7 * _WEEKS, np.nan)])
    here = np.arange(len(logs)) + 7 * _WEEKS
    pairs = np.stack([(padded[here - 7 * week] + padded[here + 7 * week]) / 2 for week in range(1, _WEEKS + 1)])
    known = np.isfinite(pairs)
    return np.asarray(logs - np.where(known, pairs, 0).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan))


def marked_days(gaps: Floats, marked: np.ndarray, ordinary: np.ndarray, *, conf_level: float = 0.95) -> DayContrast:
    """Return the mean gap of marked days, set against the same pattern of days moved along the calendar.

    The pattern is moved by every number of days, round the end to the beginning; on ordinary days alone its mean gaps show what comes without an effect,
    whatever days in a row have in common. The limits lie as far from the estimate as the like share of those means from 0. All but the estimate is missing
    with fewer than 40 moves.

    References
    ----------
    Fisher (1935), The Design of Experiments. Besag and Diggle (1977), Applied Statistics 26, 327-333, for moved patterns.
    """
    level = check_conf_level(conf_level)
    places = np.flatnonzero(marked & np.isfinite(gaps))
    if not len(places):
        return DayContrast(np.nan, np.nan, np.nan, np.nan, 0)
    estimate = float(gaps[places].mean())
    usual = np.where(ordinary & ~marked, gaps, np.nan)
    moved = usual[(np.arange(1, len(gaps))[:, None] + places) % len(gaps)]
    counts = np.isfinite(moved).sum(axis=1)
    enough = counts >= max(1, len(places) / 2)
    means = np.abs(np.nansum(moved[enough], axis=1) / counts[enough] * np.sqrt(counts[enough] / len(places)))
    if len(means) < _LEAST_SHIFTS:
        return DayContrast(estimate, np.nan, np.nan, np.nan, len(places))
    half = np.sort(means)[min(int(np.ceil(level * (len(means) + 1))), len(means)) - 1]
    p_value = (1 + int((means >= abs(estimate) - 1e-12).sum())) / (1 + len(means))
    return DayContrast(estimate, estimate - half, estimate + half, p_value, len(places))


def stratified_contrast(rows: pd.DataFrame, *, strata: list[str], conf_level: float = 0.95) -> tuple[Interval, int]:
    """Return the difference in `left` between exposed and others within strata, weighted by the exposed, and the rows compared.

    `rows` has `account_id`, `exposed`, `left` and the strata; strata without both sides are left out. The variance is that of the accounts' summed linearised
    contributions, the limits are t's with accounts - 1 degrees of freedom; missing with fewer than two accounts.

    References
    ----------
    Binder (1983), International Statistical Review 51, 279-292.
    """
    stratum = rows.groupby(strata, dropna=False).ngroup() if strata else pd.Series(0, index=rows.index)
    exposed, others = (rows[flags].groupby(stratum)["left"].agg(["size", "mean"]) for flags in (rows["exposed"], ~rows["exposed"]))
    shared = exposed.index.intersection(others.index)
    if shared.empty:
        return Interval(np.nan, np.nan, np.nan), 0
    exposed, others = exposed.loc[shared], others.loc[shared]
    weight = exposed["size"] / exposed["size"].sum()
    estimate = float((weight * (exposed["mean"] - others["mean"])).sum())
    used, codes = rows[stratum.isin(shared)], stratum[stratum.isin(shared)]
    share = np.where(used["exposed"], codes.map(exposed["mean"]), codes.map(others["mean"]))
    size = np.where(used["exposed"], codes.map(exposed["size"]), -codes.map(others["size"]))
    parts = pd.Series(codes.map(weight) * (used["left"] - share) / size).groupby(used["account_id"]).sum()
    if len(parts) < 2 or not parts.abs().max() > 0:
        return Interval(estimate, np.nan, np.nan), len(used)
    half = special.stdtrit(len(parts) - 1, (1 + check_conf_level(conf_level)) / 2) * np.sqrt((parts**2).sum() * len(parts) / (len(parts) - 1))
    return Interval(estimate, max(estimate - half, -1.0), min(estimate + half, 1.0)), len(used)
