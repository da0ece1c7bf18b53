"""Funnels: which share of those who start a row of steps reaches each, how it gets from step to step, and who stopped where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of
from cs_analysis.data.local_days import Moment
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.attempt_rows import time_column
from cs_analysis.facts.attempts import attempts_by_instant, days_column, entrants
from cs_analysis.facts.funnel_definition import Actor, Attribution, Entry, FunnelDefinition, Length, Names, Order
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.stats.estimates import check_conf_level, estimates, key_columns, stack
from cs_analysis.stats.stages import stage_shares

Estimator = Literal["kaplan_meier", "mature", "naive"]
_METRICS = {"share_within": "conversion", "share_of_previous": "step_conversion"}
_ORDER = ["conversion", "step_conversion", "conversion_naive"]


def funnel(
    ds: Dataset,
    steps: Sequence[str],
    *,
    within: Length,
    order: Order = "ordered",
    by: By = None,
    estimator: Estimator = "kaplan_meier",
    entry: Entry = "first",
    actor: Actor = "user",
    step_within: Mapping[str, Length] | None = None,
    optional: Names = (),
    exclude: Names = (),
    hold: str | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    attribution: Attribution = "first",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Share of those who started that reached each step within the window, of all and of those at the step before.

    An entrant did step 1 in [start, end); from there on it has the window, which runs past the range. Whoever started too late to have had
    the whole window is counted as far as it was seen (one minus Kaplan-Meier); leaving, an excluded event or a wrong order is no reason to
    stop counting: who cannot convert any more has not converted. `conversion_naive` beside it, reached so far / all entrants, is what
    tools show that take everybody still under way for a failure: with a true rate of 40 %, a window of 30 days and a range of 31 days
    it can read 28 %. It is no estimate of the share and carries no limits.

    Parameters
    ----------
    ds : Dataset
        Needs `events`, or `touchpoints` for leads.
    steps : list of str
        Names of the events (of the stages for leads), in order, at least two.
    within : str or Timedelta
        Time from step 1 to any later one, its end included ("7d", "12mo").
    order : {"ordered", "strict", "any"}
        Later steps at or after earlier ones, whatever lies between; no other row of a step between; or as many of the steps as have been
        done, in any order (the key `event` is then missing).
    by : str or list of str, optional
        Columns of `events` (`touchpoints`) or `accounts` to group by.
    estimator : {"kaplan_meier", "mature", "naive"}
        How those still under way are counted: as far as they were seen; not at all, entrants whose window is over alone make the shares;
        or as having failed.
    entry : {"first", "best"}
        The attempt that counts: from the first start, or the one that gets furthest (of several the earliest).
    actor : {"user", "account", "session", "lead"}
        Who goes through the funnel.
    step_within : mapping of str to window, optional
        Longest time from the step before to a step, by its name.
    optional : str or list of str
        Steps that later ones do not wait for.
    exclude : str or list of str
        Events that end an attempt.
    hold : str, optional
        Column in which all rows of an attempt agree, such as `object_id`.
    start, end : date, str or Timestamp, optional
        Range in which step 1 lies; the end does not belong to it. Default: everything up to `as_of`.
    attribution : {"first", "last"} or int
        Where a column of the event table is read: at the start, at the last required step reached, or at the step of that number. All but
        the first look into an entrant's future and so select.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by`, `step` (1, 2, ...) and `event`; unit `share`. Metric `conversion`, `n` = entrants in the estimate;
        `step_conversion`, `n` = those seen at the required step before; for Kaplan-Meier also `conversion_naive`. Limits are Wilson's on
        an effective number of entrants that allows for likeness within accounts. Step 1 is 1 by definition, without limits. All is
        missing for a group of which nobody has had the whole window yet; limits are missing for a single account with several entrants.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        No such table or column; nobody started in the range; an event that never occurs, an option or a pair of options without meaning.

    References
    ----------
    Kaplan and Meier (1958), Journal of the American Statistical Association 53, 457-481. Wilson (1927), Journal of the American Statistical
    Association 22, 209-212. Korn and Graubard (1998), Survey Methodology 24, 193-201 (clusters).

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> found = cs.funnel(ds, ["signed_up", "created_project"], within="14d", actor="account")
    >>> found.loc[found["metric"] == "conversion", ["step", "event", "n"]].to_dict("records")
    [{'step': 1, 'event': 'signed_up', 'n': 30}, {'step': 2, 'event': 'created_project', 'n': 30}]
    """
    asked = FunnelDefinition(
        steps=steps, within=within, order=order, by=by, entry=entry, actor=actor, step_within=step_within, optional=optional,
        exclude=exclude, hold=hold, start=start, end=end, attribution=attribution,
    )  # fmt: skip
    check_conf_level(conf_level)
    if estimator not in get_args(Estimator):
        raise ParameterError(f"estimator must be one of {', '.join(map(repr, get_args(Estimator)))}, not {estimator!r}.")
    return funnel_of(entrants(ds, asked), asked, estimator=estimator, conf_level=conf_level)


def funnel_of(units: pd.DataFrame, asked: FunnelDefinition, *, estimator: Estimator, conf_level: float) -> pd.DataFrame:
    """Return the estimates of `funnel` from entrants as `entrants` returns them."""
    if units.empty:
        raise NotEnoughDataError(f"nobody did {asked.steps[0]!r} in the range. Widen `start` and `end`.")
    counted = _counted(units, asked, estimator)
    tables = [_everybody(units, counted, asked)]
    if len(counted):
        tables.append(_shares(counted, asked, conf_level=conf_level))
    if estimator == "kaplan_meier":
        tables.append(_naive(units, asked))
    return _in_order(stack(tables), asked)


def funnel_actors(
    ds: Dataset,
    steps: Sequence[str],
    *,
    within: Length,
    order: Order = "ordered",
    by: By = None,
    entry: Entry = "first",
    actor: Actor = "user",
    step_within: Mapping[str, Length] | None = None,
    optional: Names = (),
    exclude: Names = (),
    hold: str | None = None,
    start: Moment | None = None,
    end: Moment | None = None,
    attribution: Attribution = "first",
) -> pd.DataFrame:
    """List of everybody who entered a funnel, with the furthest step and whether it can still go on.

    Parameters
    ----------
    ds : Dataset
        Needs `events`, or `touchpoints` for leads.
    steps : list of str
        Names of the events, in order.
    within : str or Timedelta
        Time from step 1 to any later one.
    order, by, entry, actor, step_within, optional, exclude, hold, start, end, attribution : optional
        As for `funnel`; the columns of `by` are carried along.

    Returns
    -------
    DataFrame
        One row an entrant, earliest first: `actor`, `account_id`, the columns of `by`, `entered_at`, `last_step` (the furthest required
        step reached), `last_event` (missing for `order="any"`), `last_step_at` and `under_way` (the last step is not reached, and neither
        the end of the window nor an excluded event has come).

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `funnel`.

    References
    ----------
    Definitions are those of `funnel`.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> people = cs.funnel_actors(ds, ["signed_up", "created_project"], within="14d", actor="account")
    >>> len(people), people.columns[2]
    (30, 'entered_at')
    """
    asked = FunnelDefinition(
        steps=steps, within=within, order=order, by=by, entry=entry, actor=actor, step_within=step_within, optional=optional,
        exclude=exclude, hold=hold, start=start, end=end, attribution=attribution,
    )  # fmt: skip
    found = engine_of(ds).run(attempts_by_instant(ds, asked).order_by(["start_at", "actor"]))
    required = found[[time_column(step) for step in asked.required]]
    last = np.array(asked.required)[required.notna().sum(axis=1).to_numpy() - 1]
    events = None if order == "any" else np.array(asked.steps, dtype=object)[last - 1]
    open_until = ds.as_of.tz_convert("UTC").tz_localize(None)
    people = found[["actor", "account_id", *group_columns(by)]].assign(
        entered_at=found["start_at"].dt.tz_localize("UTC"),
        last_step=last,
        last_event=events,
        last_step_at=required.max(axis=1).dt.tz_localize("UTC"),
        under_way=(found["until"] > open_until) & (last < asked.required[-1]),
    )
    return as_named(people)


def _counted(units: pd.DataFrame, asked: FunnelDefinition, estimator: Estimator) -> pd.DataFrame:
    """Return the entrants that an estimator counts, with the time it takes them to have been watched."""
    if estimator == "mature":
        return units[units["complete"]]
    return units.assign(follow_up_days=asked.horizon_days) if estimator == "naive" else units


def _shares(units: pd.DataFrame, asked: FunnelDefinition, *, conf_level: float) -> pd.DataFrame:
    found = stage_shares(
        units,
        group_columns(asked.by),
        stages=_stages(asked),
        horizon_days=asked.horizon_days,
        after=asked.before,
        cluster="account_id" if asked.clustered else None,
        conf_level=conf_level,
    )
    return found.rename(columns={"stage": "step"}).assign(metric=found["metric"].map(_METRICS))


def _stages(asked: FunnelDefinition) -> list[str]:
    return [days_column(step) for step in range(2, len(asked.steps) + 1)]


def _everybody(units: pd.DataFrame, counted: pd.DataFrame, asked: FunnelDefinition) -> pd.DataFrame:
    """Return step 1 of every group, and missing shares of groups of which an estimator counts nobody."""
    sizes = _sums(counted, asked, {"n": counted["complete"].notna()})
    groups = _sums(units, asked, {"entrants": units["complete"].notna()})
    table = groups.merge(sizes, how="left", on=group_columns(asked.by)) if asked.by else groups.assign(n=len(counted))
    table = table.assign(n=table["n"].fillna(0).astype("int64"))
    keys = group_columns(asked.by)
    first = estimates(table[keys].assign(step=1), metric="conversion", unit="share", estimate=np.where(table["n"] > 0, 1.0, np.nan), n=table["n"])
    empty = table.loc[table["n"] == 0, keys]
    later = [
        estimates(empty.assign(step=step), metric=metric, unit="share", estimate=np.full(len(empty), np.nan), n=np.zeros(len(empty)))
        for step in range(2, len(asked.steps) + 1)
        for metric in _METRICS.values()
    ]
    return stack([first, *later])


def _naive(units: pd.DataFrame, asked: FunnelDefinition) -> pd.DataFrame:
    """Return reached so far / all entrants."""
    reached = {"n": units["complete"].notna(), **{stage: units[stage].notna() for stage in _stages(asked)}}
    sums = _sums(units, asked, reached)
    keys = sums[group_columns(asked.by)]
    return stack(
        [
            estimates(keys.assign(step=step), metric="conversion_naive", unit="share", estimate=sums[column] / sums["n"], n=sums["n"])
            for step, column in enumerate(reached, start=1)
        ]
    )


def _sums(units: pd.DataFrame, asked: FunnelDefinition, columns: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Return sums of columns by group."""
    keys, table = group_columns(asked.by), pd.DataFrame(columns, index=units.index)
    if not keys:
        return table.sum().to_frame().T
    return table.groupby([units[key] for key in keys], dropna=False, sort=True).sum().reset_index()


def _in_order(table: pd.DataFrame, asked: FunnelDefinition) -> pd.DataFrame:
    """Return the rows group by group and step by step, with the steps' names."""
    keys = [*group_columns(asked.by), "step"]
    rank = table["metric"].map(_ORDER.index)
    placed = table.assign(**{".rank": rank}).sort_values([*keys, ".rank"], ignore_index=True).drop(columns=".rank")
    named = as_named(placed)
    if asked.order != "any":
        named.insert(named.columns.get_loc("step") + 1, "event", [asked.steps[step - 1] for step in named["step"]])
    return named[[*key_columns(named), *(name for name in named.columns if name not in key_columns(named))]]
