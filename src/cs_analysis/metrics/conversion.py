"""More about a funnel: how long conversion takes, where a group differs from the rest, and what made the rate change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict, Unpack

import numpy as np
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, cutoff, engine_of
from cs_analysis.data.local_days import Moment
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.attempts import attempts, days_column, entrants
from cs_analysis.facts.funnel_definition import Actor, Attribution, Entry, FunnelDefinition, Length, Names, Order
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.periods import periods as calendar_periods
from cs_analysis.facts.steps import steps_or_default
from cs_analysis.stats.differences import Correction, compare_with_rest
from cs_analysis.stats.estimates import COLUMNS, check_conf_level
from cs_analysis.stats.mix import mix_and_rate
from cs_analysis.stats.quantiles import stage_quantiles
from cs_analysis.stats.stages import stage_shares
from cs_analysis.windows import parse_window

_SHARES = {"share_within": "conversion", "share_of_previous": "step_conversion"}
_METRICS = {f"{old}{end}": f"{new}{end}" for old, new in _SHARES.items() for end in ("_difference", "_adjusted_p_value")}
_NOBODY = "nobody did {!r} in the range. Widen it."
_YEARS_BACK = pd.Timedelta(1200, "D")  # holds three years, so two finished ones


class Options(TypedDict, total=False):
    """The options of `funnel` that say what counts as an attempt."""

    order: Order
    entry: Entry
    actor: Actor
    step_within: Mapping[str, Length] | None
    optional: Names
    exclude: Names
    hold: str | None
    start: Moment | None
    end: Moment | None
    attribution: Attribution


def time_to_convert(
    ds: Dataset,
    steps: Sequence[str],
    *,
    within: Length,
    quantiles: Sequence[float] = (0.25, 0.5, 0.75, 0.9),
    by: By = None,
    conf_level: float = 0.95,
    **options: Unpack[Options],
) -> pd.DataFrame:
    """Days from step 1 within which given shares of those who reach a step have reached it.

    Of those who reach the step within the window, so that the longest time is the window. Entrants still under way are counted as far as
    they were seen: the quantile of those who happen to be through by now is too short, because the slow ones are missing from it.

    Parameters
    ----------
    ds : Dataset
        Needs `events`, or `touchpoints` for leads.
    steps : list of str
        Names of the events, in order, at least two.
    within : str or Timedelta
        Time from step 1 to any later one, its end included.
    quantiles : list of float
        Shares between 0 and 1.
    by : str or list of str, optional
        Columns to group by.
    conf_level : float
        Level of the limits.
    **options
        `order`, `entry`, `actor`, `step_within`, `optional`, `exclude`, `hold`, `start`, `end`, `attribution`, as for `funnel`.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by`, `step` (2, 3, ...), `event` and `quantile`. Metric `time_to_convert`, unit `days`, `n` = entrants seen
        to reach the step; limits by Woodruff's method, account-clustered for users and sessions. All is missing for a group of which nobody
        had the whole window, or nobody reached the step; the upper limit where so few did that the time may lie beyond all of theirs.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        As for `funnel`; a quantile that is none.

    References
    ----------
    Woodruff, R. S. (1952). Confidence intervals for medians and other position measures. Journal of the American Statistical Association
    47, 635-646.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.time_to_convert(ds, ["signed_up", "created_project"], within="14d", actor="account", quantiles=[0.5])[["step", "event", "quantile"]]
       step            event  quantile
    0     2  created_project       0.5
    """
    asked = FunnelDefinition(steps=steps, within=within, by=by, **options)
    check_conf_level(conf_level)
    units = _entrants(ds, asked)
    found = stage_quantiles(
        units,
        group_columns(by),
        stages=_stages(asked),
        horizon_days=asked.horizon_days,
        quantiles=quantiles,
        cluster=_cluster(asked),
        conf_level=conf_level,
    )
    return _named(found.assign(metric="time_to_convert"), asked, [*group_columns(by), "stage", "quantile"])


def conversion_difference(
    ds: Dataset,
    steps: Sequence[str],
    *,
    within: Length,
    by: str = "segment",
    correction: Correction | None = None,
    conf_level: float = 0.95,
    **options: Unpack[Options],
) -> pd.DataFrame:
    """Conversion of each group minus that of all other entrants together; of two groups one row, the first minus the second.

    A group is compared with its complement, not with the total that contains it. Both sides are one minus Kaplan-Meier at the window's
    end, as in `funnel`.

    Parameters
    ----------
    ds, steps, within
        As for `funnel`.
    by : str
        Column that makes the groups. With a column of the event table an account can be on both sides; the limits take the sides for
        independent then.
    correction : {"holm", "benjamini_hochberg"}, optional
        Adds the metrics `conversion_adjusted_p_value` and `step_conversion_adjusted_p_value`, adjusted for all differences of the table, as
        in `compare`, and the key `comparisons` with their number.
    conf_level : float
        Level of the limits.
    **options
        As for `funnel`.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by`, `step` (2, 3, ...) and `event`. Metrics `conversion_difference` and `step_conversion_difference`, unit
        `share`, limits from those of both sides (for single entrants Newcombe's), `n` = the smaller side.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        As for `funnel`; there is one group only.

    References
    ----------
    Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions. Statistics in Medicine 17, 873-890. Zou,
    G. Y. and Donner, A. (2008). Construction of confidence limits about effect measures. Statistics in Medicine 27, 1693-1702.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=60, months=6)
    >>> found = cs.conversion_difference(ds, ["signed_up", "created_project"], within="14d", by="touch", actor="account")
    >>> found[["touch", "step", "metric"]].to_dict("records")[0]
    {'touch': 'high', 'step': 2, 'metric': 'conversion_difference'}
    """
    asked = FunnelDefinition(steps=steps, within=within, by=by, **options)
    check_conf_level(conf_level)

    def shares(rows: pd.DataFrame) -> pd.DataFrame:
        return stage_shares(rows, stages=_stages(asked), horizon_days=asked.horizon_days, after=asked.before, cluster=_cluster(asked), conf_level=conf_level)

    (column,) = group_columns(by)
    found = compare_with_rest(_entrants(ds, asked), column, shares, correction=correction, conf_level=conf_level)
    keys = [column, "stage", *(["comparisons"] if correction else [])]
    return _named(found.assign(metric=found["metric"].replace(_METRICS)), asked, keys)


def conversion_by_period(
    ds: Dataset,
    steps: Sequence[str],
    *,
    within: Length,
    period: Period = "month",
    by: By = None,
    conf_level: float = 0.95,
    **options: Unpack[Options],
) -> pd.DataFrame:
    """Conversion to the last step, by the period in which entrants did step 1.

    One minus Kaplan-Meier at the window's end, as in `funnel`: a young period rests on those of its entrants who have had the whole
    window, and is missing while none has. That a line ends there is no drop.

    Parameters
    ----------
    ds, steps, within
        As for `funnel`.
    period : {"day", "week", "month", "quarter", "year"}
        Length of the periods.
    by, conf_level
        As for `funnel`.
    **options
        As for `funnel`.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by` and `period` (first day), periods with entrants only. Metric `conversion`, unit `share`, limits as
        for `funnel`, `n` = entrants of the period.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        As for `funnel`.

    References
    ----------
    As for `funnel`.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=60, months=6)
    >>> found = cs.conversion_by_period(ds, ["signed_up", "created_project"], within="14d", actor="account")
    >>> int(found["n"].sum())
    60
    """
    asked = FunnelDefinition(steps=steps, within=within, by=by, **options)
    check_conf_level(conf_level)
    stage = days_column(len(asked.steps))
    names = [*group_columns(by), "account_id", "start_at", "follow_up_days", stage]
    units = engine_of(ds).run(attempts(ds, asked).select(*names).order_by(names))
    if units.empty:
        raise NotEnoughDataError(_NOBODY.format(asked.steps[0]))
    frame = calendar_periods(ds, units["start_at"].min(), period=period, unfinished=True)
    place = np.searchsorted(frame["starts_at"].to_numpy(), units["start_at"].to_numpy(), side="right") - 1
    units = units.assign(period=frame["period"].to_numpy()[place])
    keys = [*group_columns(by), "period"]
    found = stage_shares(units, keys, stages=[stage], horizon_days=asked.horizon_days, cluster=_cluster(asked), conf_level=conf_level)
    conversion = found[found["metric"] == "share_within"].assign(metric="conversion")
    return as_named(conversion.sort_values(keys, ignore_index=True)[[*keys, *COLUMNS]])


def usual_steps(ds: Dataset, *, within: Length = "30d") -> list[str]:
    """Names of the up to five events that most accounts first use within the window from their start, in order of their median wait.

    A first look at a product nobody has described yet, not a definition: name your own steps.

    Parameters
    ----------
    ds : Dataset
        Needs `events`.
    within : str or Timedelta
        Time from an account's start.

    Returns
    -------
    list of str

    Raises
    ------
    MissingTableError, NotEnoughDataError, ParameterError
        No `events`; fewer than two events follow an account's start within the window; a window without unit.

    References
    ----------
    The events and their order are a heuristic of this package.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=60, months=6)
    >>> cs.usual_steps(ds)[0]
    'created_project'
    """
    found = steps_or_default(ds, None, window=parse_window(within))
    if len(found) < 2:
        raise NotEnoughDataError(f"steps need two different events within {within!r} from an account's start; there is only {found[0]!r}. Widen the window.")
    return found


def conversion_change(
    ds: Dataset,
    steps: Sequence[str],
    *,
    within: Length,
    by: str = "segment",
    period: Period = "month",
    periods: tuple[Moment, Moment] | None = None,
    conf_level: float = 0.95,
    **options: Unpack[Options],
) -> pd.DataFrame:
    """Change of a funnel's conversion between two periods, split into what the mix of groups did and what the groups' own rates did.

    A rate can fall in the whole and rise in every group, because the group that converts least grew. Each period has the entrants who did step 1
    in it. The rate part of a group is its change times its mean part of the entrants; the mix part is the change of its part times how far it
    lies above the mean of all. Both add up to the change exactly (Kitagawa).

    Parameters
    ----------
    ds, steps, within
        As for `funnel`; the conversion is that to the last step.
    by : str
        Column that makes the groups.
    period : {"day", "week", "month", "quarter", "year"}
        Length of the periods.
    periods : (date, date), optional
        A day of each of the two periods; default: the last two whose entrants have all had the whole window.
    conf_level : float
        Level of the limits.
    **options
        As for `funnel`, without `start` and `end`.

    Returns
    -------
    DataFrame
        Estimates with the keys `period` and `against_period` (first days), the key of `by` (missing: all groups) and `part` (`mix`, `rate`,
        `total`). Metric `conversion_change`, unit `share` (a difference), `n` = entrants of the smaller period. Limits from the entrants'
        contributions, summed by account for users and sessions.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        As for `funnel`; `start` or `end` is given; nobody started in one of the periods.

    References
    ----------
    Kitagawa, E. M. (1955). Components of a difference between two rates. Journal of the American Statistical Association 50, 1168-1194.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=200, months=9)
    >>> found = cs.conversion_change(ds, ["signed_up", "shared_report"], within="14d", actor="account", period="quarter")
    >>> sorted(found["part"].unique())
    ['mix', 'rate', 'total']
    """
    if taken := [name for name in ("start", "end") if options.get(name) is not None]:
        raise ParameterError(f"{' and '.join(taken)} may not be given here: the periods say who enters. Leave them out.")
    asked = FunnelDefinition(steps=steps, within=within, by=by, **options)
    check_conf_level(conf_level)
    chosen = _two_periods(ds, asked, period=period, periods=periods)
    parts = []
    for row in chosen.itertuples():
        span: Options = {**options, "start": row.starts_at.tz_localize("UTC"), "end": row.ends_at.tz_localize("UTC")}
        parts.append(_entrants(ds, FunnelDefinition(steps=steps, within=within, by=by, **span)).assign(period=row.period))
    (column,) = group_columns(by)
    units = pd.concat(parts, ignore_index=True)
    stage = days_column(len(asked.steps))
    found = mix_and_rate(units, column, period="period", stage=stage, horizon_days=asked.horizon_days, cluster=_cluster(asked), conf_level=conf_level)
    found.insert(0, "period", chosen["period"].iloc[1])
    found.insert(1, "against_period", chosen["period"].iloc[0])
    return as_named(found.assign(metric="conversion_change"))


def _entrants(ds: Dataset, asked: FunnelDefinition) -> pd.DataFrame:
    units = entrants(ds, asked)
    if units.empty:
        raise NotEnoughDataError(_NOBODY.format(asked.steps[0]))
    return units


def _stages(asked: FunnelDefinition) -> list[str]:
    return [days_column(step) for step in range(2, len(asked.steps) + 1)]


def _cluster(asked: FunnelDefinition) -> str | None:
    return "account_id" if asked.clustered else None


def _two_periods(ds: Dataset, asked: FunnelDefinition, *, period: Period, periods: tuple[Moment, Moment] | None) -> pd.DataFrame:
    """Return the earlier and the later period: `period`, `starts_at`, `ends_at` (UTC)."""
    if periods is not None:
        starts = sorted(ds.calendar.period_start(moment, period).tz_localize(None) for moment in periods)
        frame = calendar_periods(ds, starts[0], period=period, unfinished=True)
        found = frame[frame["starts_at"].isin(starts)]
    else:
        end = cutoff(ds) - pd.Timedelta(asked.horizon_days, "D")
        frame = calendar_periods(ds, end - _YEARS_BACK, period=period, unfinished=False)
        found = frame[frame["ends_at"] <= end].tail(2)
    if len(found) != 2:
        raise ParameterError(f"periods must be days of two different periods that begin by {ds.as_of:%Y-%m-%d}, not {periods!r}.")
    return found.reset_index(drop=True)


def _named(found: pd.DataFrame, asked: FunnelDefinition, keys: list[str]) -> pd.DataFrame:
    """Return the table with steps instead of stages, their names beside them, sorted by the keys."""
    placed = found.sort_values(keys, kind="stable", ignore_index=True)[[*keys, *COLUMNS]].rename(columns={"stage": "step"})
    if asked.order != "any":
        placed.insert(placed.columns.get_loc("step") + 1, "event", [asked.steps[step - 1] for step in placed["step"]])
    return as_named(placed)
