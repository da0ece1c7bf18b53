"""When a rising curve gets to given heights, with the limits that its own limits give."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cs_analysis.errors import ParameterError
from cs_analysis.stats.estimates import estimates, stack
from cs_analysis.stats.risk import Floats, grouped

_SAME = 1e-9  # a curve this close to a height is there; products of fractions are off by their last digits


def first_times(curve: pd.DataFrame, by: Sequence[str] = (), *, heights: Sequence[float], groups: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the first days at which a rising curve of shares is at or above each height.

    The limits are the first days at which the upper and the lower limit of the curve are there: they hold for each height by itself.

    Parameters
    ----------
    curve : DataFrame
        Estimates over `time_days` (days rising within a group), such as one way of `cumulative_incidence`, or a survival curve turned over.
    by : list of str
        Key columns that make the groups.
    heights : list of float
        Shares between 0 and 1; equal ones count once.
    groups : DataFrame, optional
        The keys of all groups and their number of units `n`, so that a group without a row in the curve is not lost.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by` and `quantile`; metric `first_time`, unit `days`, `n` from `groups` (else the largest `n` of the
        curve). An estimate or limit is missing where its curve does not get there.

    Raises
    ------
    ParameterError
        A height does not lie between 0 and 1.

    References
    ----------
    Brookmeyer and Crowley (1982), Biometrics 38, 29-41.

    Examples
    --------
    >>> from cs_analysis.stats.competing import cumulative_incidence
    >>> table = pd.DataFrame({"duration_days": [1, 2, 2, 4], "observed": [True, True, True, False], "ended_by": ["paid", "left", "paid", None]})
    >>> paid = cumulative_incidence(table).query("ended_by == 'paid'")
    >>> first_times(paid, heights=[0.5, 0.75])[["quantile", "estimate", "n"]]
       quantile  estimate  n
    0      0.50       2.0  4
    1      0.75       NaN  4
    """
    asked = check_heights(heights)
    names = list(by)
    listed = groups if groups is not None else _largest(curve, names)
    keys, n = listed[names].reset_index(drop=True), listed["n"].to_numpy()
    together = pd.concat([keys, curve[names]], ignore_index=True) if names else pd.DataFrame(index=range(1 + len(curve)))
    _, code = grouped(together, names)
    rising = curve.assign(conf_high=curve["conf_high"].fillna(curve["estimate"]), code=code[len(keys) :])
    tables = []
    for height in asked:
        times = [_first(rising, column, height).reindex(code[: len(keys)]).to_numpy() for column in ("estimate", "conf_high", "conf_low")]
        key = keys.assign(quantile=height)
        tables.append(estimates(key, metric="first_time", unit="days", estimate=times[0], conf_low=times[1], conf_high=times[2], n=n))
    return stack(tables)


def check_heights(heights: Sequence[float]) -> Floats:
    """Return the different heights in order, or raise `ParameterError` where one does not lie between 0 and 1."""
    asked = np.unique(np.asarray(heights, dtype="float64"))
    if not (len(asked) and ((asked > 0) & (asked < 1)).all()):
        raise ParameterError(f"quantiles must lie between 0 and 1, such as 0.5, not {heights!r}.")
    return asked


def _largest(curve: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    if not names:
        return pd.DataFrame({"n": [curve["n"].max() if len(curve) else 0]})
    return curve.groupby(names, sort=True, dropna=False)["n"].max().reset_index()


def _first(rising: pd.DataFrame, column: str, height: float) -> pd.Series:
    """Return the first day, by group number, at which a column of the curve is at or above the height."""
    return rising[rising[column] >= height - _SAME].groupby("code")["time_days"].min()
