"""Shares that reach something within a horizon, for units of which some have not been watched that long: one end, or stages in a row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import numpy as np
import pandas as pd

from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.stats.clusters import Units, linear_number
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import wilson_limits
from cs_analysis.stats.restricted_mean import _horizon_days
from cs_analysis.stats.risk import By, Flags, Floats, Integers, RiskTable, Rows, by_columns, grouped, read_rows, risk_table, steps
from cs_analysis.stats.survival import product_limit


def share_within(durations: pd.DataFrame, by: By = None, *, horizon: str | timedelta, cluster: str | None = None, conf_level: float = 0.95) -> pd.DataFrame:
    """Share of units that end within the horizon, with those not watched so long counted as far as they were seen (1 - Kaplan-Meier).

    The limits are Wilson's on an effective number of units: F (1 - F) over the variance of the share, which is the sum of squared
    contributions of the units (infinitesimal jackknife), or of the clusters' sums where units come in clusters. Without censoring and
    clusters that number is the number of units and the limits are those of `wilson`; without censoring they are those of `clustered_share`.

    Parameters
    ----------
    durations : DataFrame
        As for `survival_curve`.
    by : str or list of str, optional
        Columns that make groups. A missing value is a group of its own.
    horizon : str or Timedelta
        Within how long, the end included, such as `"30d"`.
    cluster : str, optional
        Column that says which units belong together, such as the account of a user.
    conf_level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by`; metric `share_within`, unit `share`, `n` = units. All is missing for a group of which nobody has
        been watched as long as the horizon, unless all have ended by then. The limits are missing for a single cluster of several units.

    Raises
    ------
    MissingColumnsError, NotEnoughDataError, ParameterError
        As for `survival_curve`; the horizon has no unit.

    References
    ----------
    Kaplan and Meier (1958), Journal of the American Statistical Association 53, 457-481. Rothman (1978), Journal of Chronic Diseases 31,
    557-560 (limits). Jaeckel (1972), The infinitesimal jackknife, Bell Laboratories; Korn and Graubard (1998), Survey Methodology 24, 193-201.

    Examples
    --------
    >>> table = pd.DataFrame({"duration_days": [2, 3, 3, 5], "observed": [True, True, False, False]})
    >>> share_within(table, horizon="4d")[["metric", "estimate", "n"]]
             metric  estimate  n
    0  share_within       0.5  4
    """
    rows = read_rows(durations, by)
    units = Units(rows.group, None if cluster is None else cluster_codes(durations, cluster), 1 if rows.count is None else rows.count)
    reached = reached_by(rows, risk_table(rows), horizon=np.full(len(rows.keys), steps(_horizon_days(horizon))))
    interval = wilson_limits(reached.share, n=reached.number(units, conf_level), conf_level=conf_level)
    return estimates(rows.keys, metric="share_within", unit="share", **interval._asdict(), n=reached.units)


def stage_shares(
    units: pd.DataFrame,
    by: By = None,
    *,
    stages: Sequence[str],
    horizon_days: float,
    after: Sequence[int] | None = None,
    cluster: str | None = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Share of units that reach each stage within the horizon, of all units and of those at the stage before.

    The first is that of `share_within`. The second is the ratio of two such shares; its limits are Wilson's on an effective number made
    from the units' contributions to the ratio, so that without censoring they are those of a share of the units at the stage before.

    Parameters
    ----------
    units : DataFrame
        One row a unit: the columns of `stages` hold the days until the unit reached each (missing: not seen), `follow_up_days` how long it
        was watched at most, up to the horizon.
    by : str or list of str, optional
        Columns that make groups.
    stages : list of str
        Columns, in order. All units are at stage 1; these are the stages 2, 3 and so on.
    after : list of int, optional
        Of each column the number of the stage it is compared with; default: the one before.
    horizon_days : float
        Within how many days, the end included.
    cluster : str, optional
        Column that says which units belong together.
    conf_level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by` and `stage` (2, 3, ...); metrics `share_within` (`n` = units) and `share_of_previous` (`n` = units
        seen at the stage before), unit `share`. Both are missing for a group of which nobody was watched as long as the horizon.
    """
    check_conf_level(conf_level)
    keys, group = grouped(units, by_columns(by))
    who = Units(group, None if cluster is None else cluster_codes(units, cluster), 1)
    horizon = np.full(len(keys), steps(horizon_days))
    reached = [_everybody(group, len(keys))]
    for stage in stages:
        rows = stage_rows(units, keys, group, stage=stage)
        reached.append(reached_by(rows, risk_table(rows), horizon=horizon))
    tables = []
    for number, (own, earlier) in enumerate(zip(reached[1:], after or range(1, len(reached)), strict=True), start=2):
        before = reached[earlier - 1]
        key = keys.assign(stage=number)
        shares = wilson_limits(own.share, n=own.number(who, conf_level), conf_level=conf_level)
        tables.append(estimates(key, metric="share_within", unit="share", **shares._asdict(), n=own.units))
        ratio, n, seen = ratio_of(own, before, units=who, conf_level=conf_level)
        limits = wilson_limits(ratio, n=n, conf_level=conf_level)
        tables.append(estimates(key, metric="share_of_previous", unit="share", **limits._asdict(), n=seen))
    return stack(tables)


def stage_rows(units: pd.DataFrame, keys: pd.DataFrame, group: Integers, *, stage: str) -> Rows:
    """Return the units as durations until one stage, censored at the end of their follow-up."""
    seen = units[stage].notna().to_numpy()
    days = units[stage].where(seen, units["follow_up_days"]).to_numpy("float64")
    return Rows(keys, group, None, steps(days), seen, None)


class Reached(NamedTuple):
    """Share of each group's units that have ended by the horizon, and what its error is made of.

    `parts` has an entry a row: how far a unit moves the share, times the units of its group; they sum to 0. `seen` tells which rows have
    ended by the horizon, `base` how many units the share rests on where all parts are 0.
    """

    share: Floats
    parts: Floats
    seen: Flags
    base: Floats
    units: Integers

    def number(self, units: Units, conf_level: float) -> Floats:
        """Return the effective number of units the share of each group rests on."""
        return linear_number(self.share, self.parts, np.ones(len(self.parts)), base=self.base, units=units, conf_level=conf_level)


def _everybody(group: Integers, groups: int) -> Reached:
    units = np.bincount(group, minlength=groups)
    return Reached(np.ones(groups), np.zeros(len(group)), np.ones(len(group), dtype=bool), units.astype("float64"), units)


def reached_by(rows: Rows, risk: RiskTable, *, horizon: Integers) -> Reached:
    """Return who has ended by the horizon (in steps, one a group), with each unit's part in the error of the share.

    A unit that adds weight w to the sample moves log S(h) by w (B(t) - B(enter) - 1 / (at risk - ends at t, if it ends there by then)),
    where t is the end of its time at risk, at most h, and B the running sum of ends / (at risk (at risk - ends)).
    """
    survival, spread = product_limit(risk)
    groups = np.arange(len(rows.keys))
    staying = np.append(survival, 1.0)[risk.last_end(groups, horizon)]
    own = horizon[rows.group]
    last = risk.last_end(rows.group, np.minimum(rows.leave, own))
    seen = rows.observed & (rows.leave <= own)
    running = np.append(spread, 0.0)
    left = np.append(np.maximum(risk.at_risk - risk.ends, 1), 1)[last]
    moved = seen / left - running[last]
    if rows.enter is not None:
        moved += running[risk.last_end(rows.group, np.minimum(rows.enter, own))]
    known = np.where((risk.follow_up >= horizon) | (staying == 0), 1.0, np.nan)
    ended = np.bincount(rows.group, seen * (1 if rows.count is None else rows.count), len(rows.keys))
    base = np.where(staying == 0, ended, risk.number_at_risk(risk.code_of(groups, horizon)))
    parts = moved * (risk.units * staying)[rows.group]
    return Reached((1 - staying) * known, parts, seen, base, risk.units)


def ratio_of(own: Reached, before: Reached, *, units: Units, conf_level: float) -> tuple[Floats, Floats, Integers]:
    """Return the share of one stage over that of an earlier one, its effective number of units, and the units seen at the earlier one."""
    seen = np.bincount(units.groups, before.seen, len(own.share)).astype("int64")
    share = own.share / np.where(before.share > 0, before.share, np.nan)
    scale = seen / (own.units * np.where(before.share > 0, before.share, np.nan))
    parts = (own.parts + own.share[units.groups] - share[units.groups] * (before.parts + before.share[units.groups])) * scale[units.groups]
    n = linear_number(share, parts, before.seen.astype("float64"), base=seen.astype("float64"), units=units, conf_level=conf_level)
    return share, n, seen


def cluster_codes(table: pd.DataFrame, cluster: str) -> Integers:
    """Return a number a row, the same for rows of the same cluster.

    Raises
    ------
    MissingColumnsError, ParameterError
        There is no such column, or a row has no cluster.
    """
    if cluster not in table.columns:
        raise MissingColumnsError([cluster], table.columns, table="units")
    codes: Integers = pd.factorize(table[cluster])[0].astype("int64")
    if (codes < 0).any():
        row = table.index[int(np.argmax(codes < 0))]
        raise ParameterError(f"every row must have a cluster; row {row!r} has none in {cluster!r}. Fill it in or leave the row out.")
    return codes
