"""How long it takes until given shares of units have ended, with limits that allow for likeness within clusters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from cs_analysis.errors import ParameterError
from cs_analysis.stats.clusters import Units, clustered_number
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.risk import By, Floats, Integers, RiskTable, Rows, read_rows, risk_table, steps
from cs_analysis.stats.stages import Reached, cluster_codes, reached_by
from cs_analysis.stats.survival import product_limit

_SAME = 1e-9  # a share this close to a quantile is there; products of fractions are off by their last digits


class ClusterSums(NamedTuple):
    """One entry a cluster of a group: number of the group, units, and for each quantile (a column) the sum of the units' parts."""

    group: Integers
    units: Floats
    sums: Floats


SumUp = Callable[[pd.DataFrame], ClusterSums]


def time_quantiles(
    durations: pd.DataFrame,
    by: By = None,
    *,
    quantiles: Sequence[float] = (0.5, 0.9),
    cluster: str | SumUp | None = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Days by which given shares of all units have ended, with censored units counted as far as they were seen.

    The q quantile is the first time t with F(t) >= q, where F is one minus Kaplan-Meier. Its limits are the first times at which F is at
    q - d and at q + d, where d = z sqrt(q (1 - q) / n) and n is the effective number of units behind F(t): F (1 - F) over its variance
    (infinitesimal jackknife), with units of a cluster taken together and fewer degrees of freedom where clusters are few (Woodruff's method).

    Parameters
    ----------
    durations : DataFrame
        As for `survival_curve`.
    by : str or list of str, optional
        Columns that make groups. A missing value is a group of its own.
    quantiles : list of float
        Between 0 and 1.
    cluster : str or callable, optional
        Column that says which units belong together. For units that were counted elsewhere, a function that takes the table with columns
        `part_0`, `part_1` ... (a unit's part in the error of each quantile) and returns their sums by cluster.
    conf_level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by` and `quantile`; metric `time_quantile`, unit `days`, `n` = units. The estimate is missing where F does
        not get to q within the follow-up, a limit where it does not get to q - d or q + d (the upper one often is) and for a single
        cluster of several units; the lower limit is 0 where q - d is below 0.

    Raises
    ------
    MissingColumnsError, NotEnoughDataError, ParameterError
        As for `survival_curve`; a quantile is not between 0 and 1.

    References
    ----------
    Woodruff (1952), Journal of the American Statistical Association 47, 635-646. Francisco and Fuller (1991), Annals of Statistics 19,
    454-469. Korn and Graubard (1998), Survey Methodology 24, 193-201.

    Examples
    --------
    >>> table = pd.DataFrame({"duration_days": [2, 3, 3, 5, 8], "observed": [True, True, True, True, False]})
    >>> time_quantiles(table, quantiles=[0.5])[["quantile", "estimate", "n"]]
       quantile  estimate  n
    0       0.5       3.0  5
    """
    check_conf_level(conf_level)
    asked = check_quantiles(quantiles)
    rows = read_rows(durations, by)
    curve = _Curve.of(rows)
    at = [curve.first_at(np.full(len(rows.keys), quantile)) for quantile in asked]
    reached = [reached_by(rows, curve.risk, horizon=np.where(np.isfinite(time), steps(np.nan_to_num(time)), curve.risk.follow_up)) for time in at]
    numbers = _numbers(durations, rows, reached, cluster=cluster, conf_level=conf_level)
    z = special.ndtri((1 + conf_level) / 2)
    tables = []
    for quantile, time, n in zip(asked, at, numbers, strict=True):
        d = z * np.sqrt(quantile * (1 - quantile) / np.where(n > 0, n, np.nan))
        low, high = curve.first_at(quantile - d), curve.first_at(quantile + d)
        keys = rows.keys.assign(quantile=quantile)
        tables.append(estimates(keys, metric="time_quantile", unit="days", estimate=time, conf_low=low, conf_high=high, n=curve.risk.units))
    return stack(tables)


def check_quantiles(quantiles: Sequence[float]) -> list[float]:
    """Return quantiles in rising order if they lie between 0 and 1, else raise `ParameterError`."""
    asked = np.unique(np.asarray(quantiles, dtype="float64"))
    if not (len(asked) and ((asked > 0) & (asked < 1)).all()):
        raise ParameterError(f"quantiles must lie between 0 and 1, such as 0.5, not {quantiles!r}.")
    return list(asked)


class _Curve(NamedTuple):
    """F at every end, rising from group to group (twice the group's number is added)."""

    rising: Floats
    risk: RiskTable

    @classmethod
    def of(cls, rows: Rows) -> _Curve:
        risk = risk_table(rows)
        return cls(1 - product_limit(risk)[0] + 2 * risk.group, risk)

    def first_at(self, share: Floats) -> Floats:
        """Return for each group the first time, in days, at which F is at or above a share: 0 for nothing, missing where it never is."""
        groups = np.arange(len(share))
        place = np.searchsorted(self.rising, 2 * groups + np.nan_to_num(share, nan=1.9) - _SAME)
        # One entry more, of no group: where all shares lie below, and where nobody has ended.
        group, days = np.append(self.risk.group, -1)[place], np.append(self.risk.time_days, np.nan)[place]
        return np.where(share > 0, np.where(group == groups, days, np.nan), np.where(np.isnan(share), np.nan, 0.0))


def _numbers(durations: pd.DataFrame, rows: Rows, reached: list[Reached], *, cluster: str | SumUp | None, conf_level: float) -> list[Floats]:
    """Return for each quantile the effective number of units of every group."""
    count = 1 if rows.count is None else rows.count
    if not callable(cluster):
        units = Units(rows.group, None if cluster is None else cluster_codes(durations, cluster), count)
        return [curve.number(units, conf_level) for curve in reached]
    found = cluster(durations.assign(**{f"part_{place}": curve.parts for place, curve in enumerate(reached)}))
    alone = [curve.number(Units(rows.group, None, count), conf_level) for curve in reached]
    squares = [np.bincount(rows.group, curve.parts**2 * count, len(rows.keys)) / curve.units for curve in reached]
    return [
        n / curve.units * clustered_number(found.sums[:, place], found.units, squares=square, groups=found.group, conf_level=conf_level)
        for place, (curve, n, square) in enumerate(zip(reached, alone, squares, strict=True))
    ]
