"""Median times: when half of the units have ended."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cs_analysis.stats.estimates import estimates
from cs_analysis.stats.risk import By, Floats, RiskTable, read_rows, risk_table
from cs_analysis.stats.survival import log_log_limits, product_limit

_SAME = 1e-9  # a curve this close to one half is there; products of fractions are off by their last digits


def median_time(durations: pd.DataFrame, by: By = None, *, conf_level: float = 0.95) -> pd.DataFrame:
    """Days by which half of the units have ended, with censored units counted as far as they were seen.

    The first time at which the curve of `survival_curve` is at or below one half; where it lies exactly at one half for a while, the
    middle of that while. The limits are the same times for the curve's lower and upper limits.

    Parameters
    ----------
    durations : DataFrame
        As for `survival_curve`.
    by : str or list of str, optional
        Columns that make groups.
    conf_level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by`; metric `median_time`, unit `days`, `n` = units. An estimate or limit is missing where its curve does
        not come down to one half within the follow-up (the upper limit often is), or has no limits there because it is 0.

    Raises
    ------
    MissingColumnsError, ParameterError, NotEnoughDataError
        As for `survival_curve`.

    References
    ----------
    Brookmeyer and Crowley (1982), Biometrics 38, 29-41.

    Examples
    --------
    >>> table = pd.DataFrame({"duration_days": [2, 3, 3, 5, 8], "observed": [True, True, True, True, False]})
    >>> median_time(table)[["metric", "estimate", "n"]]
            metric  estimate  n
    0  median_time       3.0  5
    """
    risk = risk_table(read_rows(durations, by))
    survival, variance = product_limit(risk)
    low, high = log_log_limits(survival, variance, conf_level=conf_level)
    times = [_first_at_half(risk, curve) for curve in (survival, low, high)]
    return estimates(risk.keys, metric="median_time", unit="days", estimate=times[0], conf_low=times[1], conf_high=times[2], n=risk.units)


def _first_at_half(risk: RiskTable, curve: Floats) -> Floats:
    """Return for each group when a curve comes down to one half; missing where it does not."""
    down = np.flatnonzero(curve <= 0.5 + _SAME)
    group, place = np.unique(risk.group[down], return_index=True)
    first = down[place]
    following = np.append(risk.time_days, np.nan)[first + 1]
    last_of_group = np.append(risk.group, -1)[first + 1] != group
    until = np.where(last_of_group, risk.follow_up_days[group], following)
    when = np.full(len(risk.keys), np.nan)
    when[group] = np.where(curve[first] >= 0.5 - _SAME, (risk.time_days[first] + until) / 2, risk.time_days[first])
    return when
