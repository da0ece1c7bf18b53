"""Rates of occurrences over time at risk, from units that come in clusters."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cs_analysis.stats.intervals import Interval, exact_poisson


def rates_by_cell(rows: pd.DataFrame, keys: list[str], *, events: str, exposure: str, conf_level: float = 0.95) -> pd.DataFrame:
    """Events per unit of exposure in each cell of a table that has one row for alike clusters, with their number in `accounts`.

    The limits are exact Poisson limits on the effective numbers of events and of exposure, both over the design effect: the linearised variance
    of the events, the sum of (events - rate x exposure)^2 / (1 - h) with h the cluster's part of the exposure, over their number; never below 1. With at most
    one event a cluster they are about those of `exact_poisson`.

    Parameters
    ----------
    rows : DataFrame
        The keys, the two columns and `accounts`.
    keys : list of str
        Columns whose values make a cell; a missing value is a value.
    events, exposure : str
        Columns to add up.
    conf_level : float
        Confidence level.

    Returns
    -------
    DataFrame
        The keys, `estimate`, `conf_low`, `conf_high`, one row a cell in order of first rows; missing where there is no exposure.

    References
    ----------
    Garwood (1936), Biometrika 28, 437-442. Korn and Graubard (1998), Survey Methodology 24, 193-201 (effective numbers).
    """
    number = rows.groupby(keys, sort=False, dropna=False).ngroup().to_numpy("int64")
    cells = rows[keys].loc[~pd.Series(number, index=rows.index).duplicated()].reset_index(drop=True)
    count, time, alike = (rows[name].to_numpy("float64") for name in (events, exposure, "accounts"))
    total, exposed = (np.bincount(number, values * alike, len(cells)) for values in (count, time))
    safe = np.where(exposed > 0, exposed, np.nan)
    part = np.nan_to_num(time / safe[number])
    residual = count - np.nan_to_num(total / safe)[number] * time
    spread = np.bincount(number, residual**2 / np.where(part < 1 - 1e-12, 1 - part, 1.0) * alike, len(cells))
    effect = np.maximum(spread / np.where(total > 0, total, np.inf), 1.0)
    limits: Interval = exact_poisson(total / effect, exposed / effect, conf_level=conf_level)
    return cells.assign(estimate=total / safe, conf_low=limits.conf_low, conf_high=limits.conf_high)
