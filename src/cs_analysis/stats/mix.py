"""A change of a share between two periods, split into what the mix of groups did and what the groups' own shares did."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.risk import Floats, Integers, Rows, risk_table, steps
from cs_analysis.stats.stages import cluster_codes, reached_by, stage_rows


def mix_and_rate(
    units: pd.DataFrame, by: str, *, period: str, stage: str, horizon_days: float, cluster: str | None = None, conf_level: float = 0.95
) -> pd.DataFrame:
    """Change of the share that reaches a stage from the first to the second period, in a part of the mix and a part of the rates.

    With weights w (a group's part of the units) and shares r (one minus Kaplan-Meier at the horizon), the share of a period is the sum of
    w r over the groups. The rate part of a group is (r2 - r1) (w1 + w2) / 2, its mix part (w2 - w1) ((r1 + r2) / 2 - m), where m is the
    mean of the two periods' shares: taking m off leaves the sum alone and makes a group's mix part positive when a group better than
    average grew. They add up to the change exactly. A group without units in a period is given the share of the other one: it came or went.

    Parameters
    ----------
    units : DataFrame
        One row a unit, as for `stage_shares`, with the columns `by` and `period`.
    by : str
        Column that makes the groups; a missing value is a group of its own.
    period : str
        Column with two values; the smaller one is the first period.
    stage : str
        Column with the days until the stage.
    horizon_days : float
        Within how many days.
    cluster : str, optional
        Column that says which units belong together, also across the two periods; default: every unit is one.
    conf_level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Estimates with the keys `by` (missing: all groups) and `part` (`mix`, `rate`, `total`); metric `share_change`, unit `share` (a
        difference), `n` = units of the smaller period. The limits are the estimate and t standard errors either way, from the units'
        contributions summed by cluster; missing where there are fewer than two clusters. All is missing for a group of which nobody in a
        period was watched as long as the horizon, and for all groups together then.

    Raises
    ------
    NotEnoughDataError, ParameterError
        There are not two periods; a level that is none.

    References
    ----------
    Kitagawa (1955), Journal of the American Statistical Association 50, 1168-1194. Binder (1983), International Statistical Review 51,
    279-292 (standard errors).
    """
    check_conf_level(conf_level)
    if by == period:
        raise ParameterError(f"by and period must be different columns, not both {by!r}.")
    periods = units[period].drop_duplicates().sort_values().tolist()
    if len(periods) != 2:
        raise NotEnoughDataError(f"a change needs two periods with units; there are {len(periods)}. Choose two periods in which somebody starts.")
    codes, values = pd.factorize(units[by], sort=True, use_na_sentinel=False)
    late = (units[period] == periods[1]).to_numpy("int64")
    owner = np.arange(len(units)) if cluster is None else cluster_codes(units, cluster)
    cells = _cells(stage_rows(units, units[[]], late * len(values) + codes, stage=stage), owner, shape=(2, len(values)), horizon=steps(horizon_days))
    n = np.append(cells.units.min(axis=0), cells.units.sum(axis=1).min())
    tables = []
    for part, (change, moves) in _parts(cells).items():
        estimate = np.append(change, change.sum())
        half = _half_width(np.column_stack([moves, moves.sum(axis=1)]), conf_level)
        keys = {by: [*values, None], "part": part}
        tables.append(estimates(keys, metric="share_change", unit="share", estimate=estimate, conf_low=estimate - half, conf_high=estimate + half, n=n))
    return stack(tables)


class _Cells(NamedTuple):
    """Units, weights and shares by period and group; how each cluster moves the shares and the weights (a table a cluster)."""

    units: Integers
    weight: Floats
    share: Floats
    moves_share: Floats
    moves_weight: Floats


def _cells(rows: Rows, owner: Integers, *, shape: tuple[int, int], horizon: Integers) -> _Cells:
    """Return the cells; one without units takes share and moves from the other period."""
    used, place = np.unique(rows.group, return_inverse=True)
    present = replace(rows, keys=pd.DataFrame(index=range(len(used))), group=place)
    reached = reached_by(present, risk_table(present), horizon=np.full(len(used), horizon))
    units = np.bincount(rows.group, minlength=shape[0] * shape[1]).reshape(shape)
    share = np.full(units.size, np.nan)
    share[used] = reached.share
    clusters = int(owner.max()) + 1
    table = owner * units.size + rows.group
    sums = np.bincount(table, reached.parts / reached.units[place], clusters * units.size).reshape(clusters, *shape)
    size = units.sum(axis=1, keepdims=True)
    own = np.bincount(table, minlength=clusters * units.size).reshape(clusters, *shape) / size
    weight = units / size
    filled = np.where(units > 0, share.reshape(shape), share.reshape(shape)[::-1])
    return _Cells(units, weight, filled, np.where(units > 0, sums, sums[:, ::-1]), own - weight * own.sum(axis=2, keepdims=True))


def _parts(cells: _Cells) -> dict[str, tuple[Floats, Floats]]:
    """Return each part of the change by group, and by how much each cluster moves it."""
    weight, share, dshare, dweight = cells.weight, cells.share, cells.moves_share, cells.moves_weight
    middle, dmiddle = (weight * share).sum(axis=1).mean(), (weight * dshare + share * dweight).sum(axis=2).mean(axis=1)[:, None]
    rate = (share[1] - share[0]) * weight.mean(axis=0)
    drate = (dshare[:, 1] - dshare[:, 0]) * weight.mean(axis=0) + (share[1] - share[0]) * dweight.mean(axis=1)
    mix = (weight[1] - weight[0]) * (share.mean(axis=0) - middle)
    dmix = (dweight[:, 1] - dweight[:, 0]) * (share.mean(axis=0) - middle) + (weight[1] - weight[0]) * (dshare.mean(axis=1) - dmiddle)
    return {"mix": (mix, dmix), "rate": (rate, drate), "total": (mix + rate, dmix + drate)}


def _half_width(moves: Floats, conf_level: float) -> Floats:
    """Return t standard errors of a sum of so many clusters' moves, which sum to 0."""
    clusters = len(moves)
    if clusters < 2:
        return np.full(moves.shape[1], np.nan)
    variance = (moves**2).sum(axis=0) * clusters / (clusters - 1)
    return np.asarray(special.stdtrit(clusters - 1, (1 + conf_level) / 2) * np.sqrt(variance))
