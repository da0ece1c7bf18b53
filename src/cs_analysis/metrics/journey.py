"""The success map: how many customers are at which stage, how long stages take, and who leaves before the next one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.journey import Stages, journeys, stage_waits, stages_or_default, standing, with_stage
from cs_analysis.stats.competing import cumulative_incidence
from cs_analysis.stats.crossings import first_times
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import wilson
from cs_analysis.stats.risk import Integers, grouped
from cs_analysis.windows import fixed_days, parse_window

_METRIC_OF = {"moved": "reached_next", "left": "left_before"}


def success_map(ds: Dataset, stages: Stages = None, *, order: bool = True, by: By = None, conf_level: float = 0.95) -> pd.DataFrame:
    """Share and number of customers at each stage of the success map now.

    An account is at the furthest stage it has entered by `as_of`. Accounts that have left are not on the map, also those that came back: their way over the
    map ended when they first left; accounts that never had a subscription have not left. Leaving is the first instant without a
    subscription of any kind, a trial or a pause included, after there was one.

    Parameters
    ----------
    ds : Dataset
        Needs what the stages need; without `subscriptions` nobody leaves.
    stages : mapping or list, optional
        The stages in order, each with the event, or the list of events of which any, enters it: `{"set up": "imported_data", "value": "goal reached"}`. Besides
        events of the product: "subscription start", "first renewal" (the local day of the first renewal made), "expansion" (a higher price of a running
        subscription), "goal set", "goal reached" (the first of each) and "stage on record" (the first goal set at the stage of this name, or reached that was
        to lead to it). A list names each stage by what enters it. Default: the up to five events that most accounts first use within 60 days, in order of
        their median wait, then the first renewal and expansion - a first look; name the stages of your own map.
    order : bool
        True: at a stage is who has met its condition and those of all stages before, in whatever order. False: the furthest stage counts, whatever came before.
    by : str or list of str, optional
        Columns of `accounts` to group by.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys `step` (0: before the first stage) and `stage`. Metric `success_map`, unit `share`, Wilson limits, `n` = customers. Metrics
        `stage_customers` (at the stage now, `n` = customers) and `stage_leavers` (left from the stage so far, `n` = accounts), unit `count`, facts.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        No table that a stage needs; an unknown column in `by`; no account; an event that never occurs, stages without order.

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22, 209-212.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> table = cs.success_map(ds, {"signed up": "signed_up", "value": "goal reached"})
    >>> sorted(set(table["stage"]))
    ['(before the first)', 'signed up', 'value']
    """
    check_conf_level(conf_level)
    named, keys = stages_or_default(ds, stages), group_columns(by)
    accounts = standing(ds, journeys(ds, named, order=order, by=by), count=len(named), keys=keys)
    shown, group = grouped(accounts, keys)
    width, left = len(named) + 1, accounts["left"].to_numpy(bool)
    cell = group * width + accounts["step"].to_numpy()
    here, gone = (np.bincount(cell[chosen], minlength=len(shown) * width) for chosen in (~left, left))
    cells = shown.loc[shown.index.repeat(width)].reset_index(drop=True).assign(step=np.tile(np.arange(width), len(shown)))
    customers, everybody = (np.repeat(np.bincount(group[chosen], minlength=len(shown)), width) for chosen in (~left, left | ~left))
    named_cells = as_named(with_stage(cells, named))
    share = estimates(named_cells, metric="success_map", unit="share", **wilson(here, customers, conf_level=conf_level)._asdict(), n=customers)
    return stack(
        [
            share,
            estimates(named_cells, metric="stage_customers", unit="count", estimate=here, n=customers),
            estimates(named_cells, metric="stage_leavers", unit="count", estimate=gone, n=everybody),
        ]
    )


def time_in_stage(
    ds: Dataset, stages: Stages = None, *, within: str | timedelta = "90d", order: bool = True, by: By = None, conf_level: float = 0.95
) -> pd.DataFrame:
    """Days in each stage until the next, and the shares that have moved on or left within a time from entering it.

    Moving on and leaving rule each other out: both shares are cumulative incidences (Aalen-Johansen), in which accounts that are still in the stage count as
    far as they have been seen. With those still there they add up to 1. The median is the first day at which half of all who entered have moved on.

    Parameters
    ----------
    ds : Dataset
        As for `success_map`.
    stages : mapping or list, optional
        As for `success_map`.
    within : str or Timedelta
        Time from entering the stage, its end included, of fixed length ("90d").
    order : bool
        As for `success_map`. True: the next stage; with False any further stage counts as the next.
    by : str or list of str, optional
        Columns of `accounts` to group by.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys `step` and `stage` (the one left; the last stage is not in it), `n` = accounts that entered it. Metric `time_in_stage`, unit
        `days`: missing while fewer than half have moved on. Metrics `reached_next` and `left_before`, unit `share`: missing while nobody
        entered so long ago; where nobody, or everybody, has ended so, the limits are Wilson's for the accounts that entered so long ago. Metrics
        `time_in_stage_naive`, the mean days of those who moved on, too short while others are still there, and `reached_next_naive`, moved on so far over
        all that entered: facts without limits.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        As for `success_map`; a window without unit or in calendar months.

    References
    ----------
    Aalen and Johansen (1978), Scandinavian Journal of Statistics 5, 141-150. Brookmeyer and Crowley (1982), Biometrics 38, 29-41.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> table = cs.time_in_stage(ds, {"signed up": "signed_up", "value": "goal reached"})
    >>> table.loc[table["metric"] == "reached_next", ["stage", "n"]].to_dict("records")
    [{'stage': '(before the first)', 'n': 30}, {'stage': 'signed up', 'n': 30}]
    """
    named, horizon = stages_or_default(ds, stages), fixed_days(within, name="within")
    keys = [*group_columns(by), "step"]
    waits = stage_waits(ds, journeys(ds, named, order=order, by=by), count=len(named), keys=group_columns(by), horizon=parse_window(within))
    shown, group = grouped(waits, keys)
    entered = np.bincount(group, waits["count"]).astype("int64")
    curve = cumulative_incidence(waits, keys, conf_level=conf_level)
    median = first_times(curve[curve["ended_by"] == "moved"], keys, heights=[0.5], groups=shown.assign(n=entered)).drop(columns="quantile")
    shares = [_within(waits, curve, keys, way=way, horizon=horizon, conf_level=conf_level) for way in _METRIC_OF]
    table = stack([median.assign(metric="time_in_stage"), *shares, *_naive(waits, keys)])
    return as_named(with_stage(table, named))


def stage_curve(ds: Dataset, stages: Stages = None, *, order: bool = True, by: By = None, conf_level: float = 0.95) -> pd.DataFrame:
    """Share of the accounts that entered a stage that have moved on, and share that has left from it, by days since they entered.

    The curves from which `time_in_stage` reads its figures (Aalen-Johansen).

    Parameters
    ----------
    ds : Dataset
        As for `success_map`.
    stages, order, by, conf_level
        As for `success_map`.

    Returns
    -------
    DataFrame
        Estimates with the keys `step`, `stage`, `ended_by` ("moved", "left") and `time_days`; metric `stage_curve`, unit `share`, log-log limits, `n` =
        accounts still in the stage just before.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        As for `success_map`.

    References
    ----------
    Aalen and Johansen (1978), Scandinavian Journal of Statistics 5, 141-150.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> set(cs.stage_curve(ds, {"signed up": "signed_up", "value": "goal reached"})["metric"])
    {'stage_curve'}
    """
    named = stages_or_default(ds, stages)
    waits = stage_waits(ds, journeys(ds, named, order=order, by=by), count=len(named), keys=group_columns(by))
    curve = cumulative_incidence(waits, [*group_columns(by), "step"], conf_level=conf_level)
    return as_named(with_stage(curve.assign(metric="stage_curve"), named))


def _within(waits: pd.DataFrame, curve: pd.DataFrame, keys: list[str], *, way: str, horizon: float, conf_level: float) -> pd.DataFrame:
    """Return the share of each stage that has ended in one way by the horizon."""
    shown, group = grouped(waits, keys)
    entered, over, still = (_counted(waits, group, chosen) for chosen in (1, waits["over"], ~waits["observed"]))
    there = curve[(curve["ended_by"] == way) & (curve["time_days"] <= horizon)].drop_duplicates(keys, keep="last")
    found = shown.merge(there[[*keys, "estimate", "conf_low", "conf_high"]], on=keys, how="left")
    known = (over > 0) | (still == 0)
    share = np.where(known, found["estimate"].fillna(0.0), np.nan)
    edge = known & found["conf_low"].isna().to_numpy()
    settled = np.where(over > 0, over, entered)
    plain = wilson(np.where(edge, np.nan_to_num(share), 0.0).round() * settled, settled, conf_level=conf_level)
    low, high = (np.where(edge, getattr(plain, name), found[name].where(known)) for name in ("conf_low", "conf_high"))
    return estimates(shown, metric=_METRIC_OF[way], unit="share", estimate=share, conf_low=low, conf_high=high, n=entered)


def _counted(waits: pd.DataFrame, group: Integers, chosen: Any) -> Integers:
    return np.asarray(np.bincount(group, waits["count"] * chosen), dtype="int64")


def _naive(waits: pd.DataFrame, keys: list[str]) -> list[pd.DataFrame]:
    """Return the mean days of those who moved on, and their share so far."""
    shown, group = grouped(waits, keys)
    moved = (waits["ended_by"] == "moved").to_numpy()
    entered, gone = _counted(waits, group, 1), _counted(waits, group, moved)
    days = np.bincount(group, waits["count"] * np.where(moved, waits["duration_days"], 0.0))
    mean = days / np.where(gone > 0, gone, np.nan)
    return [
        estimates(shown, metric="time_in_stage_naive", unit="days", estimate=mean, n=gone),
        estimates(shown, metric="reached_next_naive", unit="share", estimate=gone / entered, n=entered),
    ]
