"""Survival curves: the share that has not ended yet, by time since the start."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cs_analysis.errors import ParameterError
from cs_analysis.stats.estimates import check_conf_level, estimates
from cs_analysis.stats.risk import LONGEST_DAYS, By, Floats, RiskTable, by_columns, read_rows, risk_table, steps


def survival_curve(durations: pd.DataFrame, by: By = None, *, conf_level: float = 0.95) -> pd.DataFrame:
    """Share of units that have not ended, just after every time at which one ends (Kaplan-Meier).

    S(t) is the product over the times u <= t of 1 - ends(u) / at risk(u). A unit is at risk on (enter_days, duration_days], one with
    `enter_days` 0 at time 0 as well; at equal times ends come before censorings. The variance is Greenwood's, the limits are symmetric for
    log(-log S). Times are read in steps of 1e-9 day.

    Parameters
    ----------
    durations : DataFrame
        One row a unit, or one row a combination with its `count`: `duration_days` and `observed`; `enter_days` (absent: 0) and `count`
        (absent: 1) if they apply. See `durations`.
    by : str or list of str, optional
        Columns that make groups, each with its own curve. A missing value is a group of its own.
    conf_level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by` and `time_days`; metric `survival`, unit `share`, `n` = units at risk just before. There is no row
        after the last end: use `survival_at` for other times. A group in which nobody ends has no row. Where the curve is 0 the limits
        are missing.

    Raises
    ------
    MissingColumnsError, ParameterError, NotEnoughDataError
        A column is absent, values break a rule, or there is no row.

    Warns
    -----
    UserWarning
        All units at risk have ended while others come under observation only later (left truncation): the curve is 0 from there on,
        which says more about the few units seen early than about all. Start the durations later, or pool groups.

    References
    ----------
    Kaplan and Meier (1958), Journal of the American Statistical Association 53, 457-481. Greenwood (1926), Reports on Public Health and
    Medical Subjects 33. Kalbfleisch and Prentice (2002), The Statistical Analysis of Failure Time Data, section 1.4.

    Examples
    --------
    >>> table = pd.DataFrame({"duration_days": [2, 3, 3, 5], "observed": [True, True, False, False]})
    >>> survival_curve(table)[["time_days", "estimate", "n"]]
       time_days  estimate  n
    0        2.0      0.75  4
    1        3.0      0.50  3
    """
    check_key(by)
    risk = risk_table(read_rows(durations, by))
    survival, variance = product_limit(risk)
    return curve_table(risk, survival, limits=log_log_limits(survival, variance, conf_level=conf_level))


def survival_at(durations: pd.DataFrame, by: By = None, *, at_days: npt.ArrayLike, conf_level: float = 0.95) -> pd.DataFrame:
    """Share of units that have not ended at given times, from `survival_curve`.

    Parameters
    ----------
    durations : DataFrame
        As for `survival_curve`.
    by : str or list of str, optional
        Columns that make groups.
    at_days : float or array-like
        Times in days.
    conf_level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by` and `time_days`, one row a group and time; metric `survival`, unit `share`, `n` = units at risk
        just before. All is missing beyond the longest follow-up of the group: the curve is not carried on. The limits are missing where
        the estimate is 0, and where it is 1 because nobody has ended yet.

    Raises
    ------
    MissingColumnsError, ParameterError, NotEnoughDataError
        As for `survival_curve`; a time is negative or missing.

    References
    ----------
    Kaplan and Meier (1958), Journal of the American Statistical Association 53, 457-481.

    Examples
    --------
    >>> table = pd.DataFrame({"duration_days": [2, 3, 3, 5], "observed": [True, True, False, False]})
    >>> survival_at(table, at_days=[4, 6])[["time_days", "estimate", "n"]]
       time_days  estimate  n
    0        4.0       0.5  1
    1        6.0       NaN  0
    """
    check_key(by)
    days = np.unique(np.asarray(at_days, dtype="float64"))
    if not ((days >= 0) & (days <= LONGEST_DAYS)).all():
        raise ParameterError(f"at_days must hold numbers of days from 0 to {LONGEST_DAYS}, not {at_days!r}.")
    risk = risk_table(read_rows(durations, by))
    group, time = (part.ravel() for part in np.meshgrid(np.arange(len(risk.keys)), days, indexing="ij"))
    step = steps(time)
    last, n = risk.last_end(group, step), risk.number_at_risk(risk.code_of(group, step))
    curve, spread = product_limit(risk)
    survival, variance = np.append(curve, 1.0)[last], np.append(spread, 0.0)[last]
    survival = np.where(step <= risk.follow_up[group], survival, np.nan)
    low, high = log_log_limits(survival, variance, conf_level=conf_level)
    keys = risk.keys.take(group).assign(time_days=time)
    return estimates(keys, metric="survival", unit="share", estimate=survival, conf_low=low, conf_high=high, n=n)


def product_limit(risk: RiskTable) -> tuple[Floats, Floats]:
    """Return S just after every entry of the risk table, and the variance of log S (without meaning where S is 0)."""
    staying = risk.at_risk - risk.ends
    survival = risk.cumulate(staying / risk.at_risk, "cumprod")
    variance = risk.cumulate(risk.ends / (risk.at_risk * np.maximum(staying, 1.0)), "cumsum")
    _warn_early_zero(risk, survival)
    return survival, variance


def log_log_limits(survival: Floats, variance: Floats, *, conf_level: float) -> tuple[Floats, Floats]:
    """Return limits symmetric for log(-log S), missing where S is 0 or 1."""
    z = special.ndtri((1 + check_conf_level(conf_level)) / 2)
    return log_log_around(survival, z * np.sqrt(variance))


def log_log_around(survival: Floats, half_width: Floats) -> tuple[Floats, Floats]:
    """Return limits symmetric for log(-log S) from a half width for log S, missing where either is or S is 0 or 1."""
    logged = np.log(np.where((survival > 0) & (survival < 1), survival, np.nan))
    factor = np.exp(np.maximum(half_width / logged, -700.0))  # wider is 0 to 1 in floating point anyway
    return np.exp(logged / factor), np.exp(logged * factor)


def curve_table(risk: RiskTable, survival: Floats, *, limits: tuple[Floats, Floats]) -> pd.DataFrame:
    """Return a curve and its limits as estimates, one row an entry of the risk table."""
    keys = risk.keys.take(risk.group).assign(time_days=risk.time_days)
    return estimates(keys, metric="survival", unit="share", estimate=survival, conf_low=limits[0], conf_high=limits[1], n=risk.at_risk)


def _warn_early_zero(risk: RiskTable, survival: Floats) -> None:
    early = np.flatnonzero((survival == 0) & (risk.time_days < risk.follow_up_days[risk.group]))
    if len(early):
        where = ", ".join(f"{name} {value!r}" for name, value in risk.keys.iloc[risk.group[early[0]]].items())
        text = f"all units at risk at {risk.time_days[early[0]]:g} days ended while others come under observation later: the curve is 0 from there on"
        warnings.warn(f"{text}{f' (first in {where})' if where else ''}. Start the durations later, or pool groups.", UserWarning, stacklevel=4)


def check_key(by: By) -> None:
    """Raise `ParameterError` where a key is called as the time of the result is."""
    if "time_days" in by_columns(by):
        raise ParameterError("a key column may not be called 'time_days': the result has a column of that name. Rename it in the table.")
