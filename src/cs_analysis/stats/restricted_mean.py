"""Restricted mean times: how long units last on average within a horizon."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
from scipy import special

from cs_analysis.stats.differences import groups_and_rest
from cs_analysis.stats.durations import GRID_PER_DAY
from cs_analysis.stats.estimates import check_conf_level, estimates
from cs_analysis.stats.risk import By, Floats, RiskTable, read_rows, risk_table
from cs_analysis.stats.survival import product_limit
from cs_analysis.windows import fixed_days


def restricted_mean_time(durations: pd.DataFrame, *, horizon: str | timedelta, by: By = None, conf_level: float = 0.95) -> pd.DataFrame:
    """Mean days until the end, those beyond the horizon counted as the horizon: the area under the survival curve up to there.

    With A(u) the area from u to the horizon, the variance is the sum over the times u of A(u)^2 ends / (at risk (at risk - ends)), and the
    limits are the estimate and z standard errors either way, within 0 and the horizon.

    Parameters
    ----------
    durations : DataFrame
        As for `survival_curve`.
    horizon : str or Timedelta
        How far to look, such as `"365d"`, `"12w"` or `"36h"`.
    by : str or list of str, optional
        Columns that make groups.
    conf_level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by`; metric `restricted_mean_time`, unit `days`, `n` = units. All is missing for a group whose longest
        follow-up falls short of the horizon, unless all of it has ended by then; the limits are missing where nobody ends within the
        horizon, or everybody at one time, which says nothing about the spread.

    Raises
    ------
    MissingColumnsError, NotEnoughDataError
        As for `survival_curve`.
    ParameterError
        As for `survival_curve`; the horizon has no unit, or is in months, which have no fixed length.

    References
    ----------
    Irwin (1949), Journal of Hygiene 47, 188-189. Klein and Moeschberger (2003), Survival Analysis, section 4.5.

    Examples
    --------
    >>> table = pd.DataFrame({"duration_days": [2, 3, 3, 5], "observed": [True, True, False, False]})
    >>> restricted_mean_time(table, horizon="4d")[["metric", "estimate", "n"]]
                     metric  estimate  n
    0  restricted_mean_time      3.25  4
    """
    days = _horizon_days(horizon)
    z = special.ndtri((1 + check_conf_level(conf_level)) / 2)
    risk = risk_table(read_rows(durations, by))
    survival, _ = product_limit(risk)
    mean, variance = _areas(risk, survival, horizon=days)
    half = z * np.sqrt(np.where(variance > 0, variance, np.nan))
    limits = {"conf_low": np.maximum(mean - half, 0.0), "conf_high": np.minimum(mean + half, days)}
    return estimates(risk.keys, metric="restricted_mean_time", unit="days", estimate=mean, **limits, n=risk.units)


def restricted_mean_difference(durations: pd.DataFrame, by: str, *, horizon: str | timedelta, conf_level: float = 0.95) -> pd.DataFrame:
    """Mean days until the end within the horizon of each group, minus that of all other groups together; of two groups one row.

    The variance is the sum of both variances of `restricted_mean_time`, the limits are z standard errors either way.

    Parameters
    ----------
    durations : DataFrame
        As for `survival_curve`.
    by : str
        Column that makes the groups; a missing value is a group of its own.
    horizon : str or Timedelta
        How far to look, such as `"365d"`.
    conf_level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Estimates with the key `by`; metric `restricted_mean_time_difference`, unit `days`, `n` = units of the smaller side. Missing where
        the mean of a side is, or its limits.

    Raises
    ------
    MissingColumnsError, NotEnoughDataError, ParameterError
        As for `restricted_mean_time`; there are fewer than two groups.

    References
    ----------
    Royston and Parmar (2011), Statistics in Medicine 30, 2409-2421.

    Examples
    --------
    >>> table = pd.DataFrame({"touch": ["low", "low", "high", "high"], "duration_days": [3, 5, 1, 2], "observed": True})
    >>> restricted_mean_difference(table, "touch", horizon="4d")[["touch", "estimate", "n"]]
      touch  estimate  n
    0  high      -2.0  2
    """
    days = _horizon_days(horizon)
    z = special.ndtri((1 + check_conf_level(conf_level)) / 2)
    gaps = []
    for value, own in groups_and_rest(durations, by):
        risk = risk_table(read_rows(durations.assign(**{by: own}), by))
        (rest, mean), (rest_variance, variance) = _areas(risk, product_limit(risk)[0], horizon=days)
        known = rest_variance > 0 and variance > 0
        half = z * np.sqrt(rest_variance + variance) if known else np.nan
        gaps.append((value, mean - rest, mean - rest - half, mean - rest + half, risk.units.min()))
    keys, *numbers = zip(*gaps, strict=True)
    named = dict(zip(("estimate", "conf_low", "conf_high", "n"), numbers, strict=True))
    return estimates({by: list(keys)}, metric="restricted_mean_time_difference", unit="days", **named)


def _areas(risk: RiskTable, survival: Floats, *, horizon: float) -> tuple[Floats, Floats]:
    """Return area under each group's curve up to the horizon, and its variance; missing beyond the follow-up."""

    def total(values: Floats) -> Floats:
        return np.asarray(np.bincount(risk.group, values, len(risk.keys)))

    time = np.minimum(risk.time_days, horizon)
    last = np.append(risk.group, -1)[1:] != risk.group
    piece = survival * (np.where(last, horizon, np.append(time, horizon)[1:]) - time)
    after = total(piece)
    first = np.full(len(risk.keys), horizon)
    np.minimum.at(first, risk.group, time)
    remaining = np.where(risk.time_days <= horizon, after[risk.group] - risk.cumulate(piece, "cumsum") + piece, 0.0)
    staying = np.where(risk.at_risk > risk.ends, risk.at_risk - risk.ends, np.inf)
    all_ended = total(last & (survival == 0) & (risk.time_days >= risk.follow_up_days[risk.group])) > 0
    known = np.where(all_ended | (risk.follow_up_days >= horizon), 1.0, np.nan)
    return (first + after) * known, total(remaining**2 * risk.ends / (risk.at_risk * staying)) * known


def _horizon_days(horizon: str | timedelta) -> float:
    """Return a horizon in days, on the grid that durations are on: two hours of follow-up reach a horizon of two hours."""
    return round(fixed_days(horizon, name="horizon") * GRID_PER_DAY) / GRID_PER_DAY
