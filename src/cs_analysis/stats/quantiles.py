"""How long those take who reach a stage in time: quantiles with bands, for units of which some have not been watched to the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from cs_analysis.errors import ParameterError
from cs_analysis.stats.clusters import Units
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.risk import By, Floats, Integers, RiskTable, Rows, by_columns, grouped, risk_table, steps
from cs_analysis.stats.stages import cluster_codes, ratio_of, reached_by, stage_rows
from cs_analysis.stats.survival import product_limit

_SAME = 1e-9  # a share this close to a quantile is there; products of fractions are off by their last digits


def stage_quantiles(
    units: pd.DataFrame,
    by: By = None,
    *,
    stages: Sequence[str],
    horizon_days: float,
    quantiles: Sequence[float] = (0.25, 0.5, 0.75, 0.9),
    cluster: str | None = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Days by which given shares of those who reach a stage within the horizon have reached it.

    The q quantile is the first time t with F(t) >= q F(h), where F is one minus Kaplan-Meier and h the horizon: without censoring the
    plain quantile of the units that reached the stage. Its limits are the first times at which F(t) / F(h) is at q - d and at q + d, where
    d = z sqrt(q (1 - q) / n): the times whose Wilson limits for the share contain q. n is the effective number of units at the quantile,
    clustered where units come in clusters (Woodruff's method).

    Parameters
    ----------
    units, by, stages, horizon_days, cluster, conf_level
        As for `stage_shares`.
    quantiles : list of float
        Between 0 and 1.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by`, `stage` (2, 3, ...) and `quantile`; metric `time_quantile`, unit `days`, `n` = units seen to reach
        the stage. All is missing for a group of which nobody was watched as long as the horizon, or nobody reached the stage; the upper
        limit is missing where so few reached it that the time may lie beyond all of theirs, the lower one is then often 0.

    Raises
    ------
    ParameterError
        A quantile is not between 0 and 1.

    References
    ----------
    Woodruff (1952), Journal of the American Statistical Association 47, 635-646. Francisco and Fuller (1991), Annals of Statistics 19,
    454-469.
    """
    check_conf_level(conf_level)
    asked = np.unique(np.asarray(quantiles, dtype="float64"))
    if not (len(asked) and ((asked > 0) & (asked < 1)).all()):
        raise ParameterError(f"quantiles must lie between 0 and 1, such as 0.5, not {quantiles!r}.")
    keys, group = grouped(units, by_columns(by))
    who = Units(group, None if cluster is None else cluster_codes(units, cluster), 1)
    horizon = np.full(len(keys), steps(horizon_days))
    tables = []
    for number, stage in enumerate(stages, start=2):
        rows = stage_rows(units, keys, group, stage=stage)
        curve = _Curve.of(rows, risk_table(rows), horizon=horizon)
        n = np.bincount(group, rows.observed, len(keys))
        for quantile in asked:
            times = _limits(rows, curve, quantile=quantile, units=who, conf_level=conf_level)
            tables.append(estimates(keys.assign(stage=number, quantile=quantile), metric="time_quantile", unit="days", **times, n=n))
    return stack(tables)


class _Curve(NamedTuple):
    """F(t) / F(h) at every end until the horizon, rising from group to group (twice the group's number is added)."""

    rising: Floats
    risk: RiskTable
    horizon: Integers

    @classmethod
    def of(cls, rows: Rows, risk: RiskTable, *, horizon: Integers) -> _Curve:
        survival, _ = product_limit(risk)
        whole = 1 - np.append(survival, 1.0)[risk.last_end(np.arange(len(rows.keys)), horizon)]
        share = (1 - survival) / np.where(whole > 0, whole, np.nan)[risk.group]
        return cls(np.minimum(np.nan_to_num(share, nan=1.5), 1.5) + 2 * risk.group, risk, horizon)

    def first_at(self, quantile: Floats) -> Floats:
        """Return for each group the first time, in days, at which its share is at or above a quantile: 0 for nothing, missing beyond 1."""
        place = np.searchsorted(self.rising, 2 * np.arange(len(self.horizon)) + quantile - _SAME)
        # One entry more, of no group: where all shares lie below, and where nobody has reached anything.
        group, days = np.append(self.risk.group, -1)[place], np.append(self.risk.time_days, np.nan)[place]
        found = (quantile <= 1 + _SAME) & (group == np.arange(len(self.horizon)))
        return np.where(quantile > 0, np.where(found, days, np.nan), 0.0)


def _limits(rows: Rows, curve: _Curve, *, quantile: float, units: Units, conf_level: float) -> dict[str, Floats]:
    """Return a quantile of each group with its limits."""
    whole = reached_by(rows, curve.risk, horizon=curve.horizon)
    known = np.where(whole.share > 0, 1.0, np.nan)
    at = curve.first_at(np.full(len(curve.horizon), quantile)) * known
    own = reached_by(rows, curve.risk, horizon=np.where(np.isfinite(at), steps(np.nan_to_num(at)), curve.horizon))
    _, n, _ = ratio_of(own, whole, units=units, conf_level=conf_level)
    reach = special.ndtri((1 + conf_level) / 2) * np.sqrt(quantile * (1 - quantile) / np.where(n > 0, n, np.nan))
    return {"estimate": at, "conf_low": curve.first_at(quantile - reach) * known, "conf_high": curve.first_at(quantile + reach) * known}
