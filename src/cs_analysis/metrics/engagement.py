"""Engagement: how many are active, how often they come back, and who begins, stays, returns and goes silent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, engine_of
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.uses import active_days, activity_by_account, days_of, finished_windows, named_events, unit_days
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.estimates import check_conf_level, estimates, stack

WINDOWS = (1, 7, 28)
STATES = ("new", "returning", "resurrected", "dormant")
Actor = Literal["user", "account"]


def active_users(ds: Dataset, *, events: str | Sequence[str] | None = None, by: By = None, actor: Actor = "user") -> pd.DataFrame:
    """Number of users active on each day (DAU) and in the 7 and 28 days that end with it (WAU, MAU).

    Active = at least one qualifying event. Days are local to the calendar. Windows roll; a window that reaches back before
    the first event is not complete and has no row. A day without any active user is a row with 0.

    Parameters
    ----------
    ds : Dataset
        Needs `events`.
    events : str or list of str, optional
        Names of the events that qualify; default: all.
    by : str or list of str, optional
        Columns of `events` or `accounts` to group by.
    actor : {"user", "account"}
        What is counted.

    Returns
    -------
    DataFrame
        Estimates with the keys `period` (the day) and `window` (`1d`, `7d`, `28d`). Metric `active_users`, unit `count`, no
        limits (a fact), `n` = the count itself.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `events`; an unknown column in `by`; an event that never occurs; another actor.

    References
    ----------
    Definitions follow common product-analytics practice: daily, weekly (7 days) and monthly (28 days) active users.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.active_users(ds)["window"].unique().tolist()
    ['1d', '7d', '28d']
    """
    unit = _unit(actor)
    keys = group_columns(by)
    days = active_days(ds, named_events(ds, events), unit=unit, by=by)
    following = days.day.lead().over(ibis.window(group_by=[*keys, "unit"], order_by="day"))
    stays = engine_of(ds).stage(days.select(*keys, "day", following=following))
    counts = [_rolling(ds, stays, window, by=keys) for window in WINDOWS]
    return stack(
        [
            estimates(as_named(table[[*keys, "period", "window"]]), metric="active_users", unit="count", estimate=table["active"], n=table["active"])
            for table in counts
        ]
    )


def stickiness(
    ds: Dataset, *, events: str | Sequence[str] | None = None, period: Period = "month", by: By = None, actor: Actor = "user", conf_level: float = 0.95
) -> pd.DataFrame:
    """Share of the last 28 days on which a monthly active user was active, at the end of each finished period.

    active user-days / (28 x users active in the 28 days), which is mean DAU / MAU. `stickiness_naive` is the DAU of the last day alone over the
    MAU, as dashboards show it: it rises and falls with the weekday on which the period ends.

    Parameters
    ----------
    ds : Dataset
        Needs `events`.
    events : str or list of str, optional
        Names of the events that qualify; default: all.
    period : {"week", "month", "quarter", "year"}
        At whose ends to look.
    by : str or list of str, optional
        Columns of `events` or `accounts` to group by.
    actor : {"user", "account"}
        Who is active.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the key `period` (its first day; the 28 days end with its last). Metrics `stickiness` and `stickiness_naive`, unit `share`,
        Wilson limits with accounts as clusters, `n` = active users. No row for a period that is not over or whose 28 days reach back before the
        group's first event; missing where nobody was active; no limits where a single account was. On 2,000 groups of 30 and 60 accounts the 95 %
        limits of `stickiness` held the truth in 93 to 94 %, those of `stickiness_naive` in 95 to 96 %.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `events`; an unknown column in `by`; an event that never occurs; another actor or period.

    References
    ----------
    Korn and Graubard (1998), Survey Methodology 24, 193-201, for the limits. The ratio follows common product-analytics practice.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=4)
    >>> cs.stickiness(ds)["metric"].unique().tolist()
    ['stickiness', 'stickiness_naive']
    """
    check_conf_level(conf_level)
    keys = [*group_columns(by), "period"]
    days = unit_days(ds, named_events(ds, events), unit=_unit(actor), by=by)
    table = activity_by_account(ds, days, finished_windows(ds, days, period=period, length=WINDOWS[-1]), by=by)
    groups = table.groupby(keys, dropna=False, sort=True)
    codes, n, shown = groups.ngroup(), groups["actors"].sum().to_numpy(), as_named(groups.size().index.to_frame(index=False))
    of_days = clustered_share(table["actor_days"], WINDOWS[-1] * table["actors"], groups=codes, conf_level=conf_level)
    of_last_day = clustered_share(table["on_last_day"], table["actors"], groups=codes, conf_level=conf_level)
    named = {"stickiness": of_days, "stickiness_naive": of_last_day}
    return stack([estimates(shown, metric=metric, unit="share", **share._asdict(), n=n) for metric, share in named.items()])


def lifecycle(ds: Dataset, *, events: str | Sequence[str] | None = None, period: Period = "month", by: By = None, actor: Actor = "user") -> pd.DataFrame:
    """Number of users that are new, returning, resurrected or dormant in each finished period.

    new: the first qualifying activity ever seen lies in the period. returning: active in it and in the one before. resurrected: active in it and
    earlier, but not in the one before. dormant: active in the one before and not in it. new + resurrected - dormant is the change in active users
    and new + returning + resurrected their number, exactly. In the first period of the data everybody is new.

    Parameters
    ----------
    ds : Dataset
        Needs `events`.
    events : str or list of str, optional
        Names of the events that qualify; default: all.
    period : {"day", "week", "month", "quarter", "year"}
        Length of the periods.
    by : str or list of str, optional
        Columns of `events` or `accounts` to group by.
    actor : {"user", "account"}
        Who is counted.

    Returns
    -------
    DataFrame
        Estimates with the keys `period` (first day) and `state`. Metric `lifecycle`, unit `count`, no limits (a fact), `n` = users active in the
        period, for dormant ones in the period before. A period that is not over has no rows.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `events`; an unknown column in `by`; an event that never occurs; another actor or period.

    References
    ----------
    Growth accounting as in common product-analytics practice; the states are those of lifecycle charts.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=4)
    >>> cs.lifecycle(ds)["state"].head(4).tolist()
    ['new', 'returning', 'resurrected', 'dormant']
    """
    keys = group_columns(by)
    days = active_days(ds, named_events(ds, events), unit=_unit(actor), by=by)
    windows = finished_windows(ds, days, period=period)
    counted = _states(ds, days, windows, by=keys)
    every = _periods_since_first(counted, windows, by=keys)
    table = every.merge(counted, on=[*keys, "number"], how="left", validate="one_to_one")
    table = table.assign(**table[list(STATES)].fillna(0).astype("int64"))
    active = table[["new", "returning", "resurrected"]].sum(axis=1)
    long = table.assign(active=active, before=table["returning"] + table["dormant"]).melt(
        [*keys, "period", "active", "before"], list(STATES), "state", "actors"
    )
    order = long.assign(place=long["state"].map(STATES.index)).sort_values([*keys, "period", "place"], kind="stable")
    n = order["active"].where(order["state"] != "dormant", order["before"])
    return estimates(as_named(order[[*keys, "period", "state"]]), metric="lifecycle", unit="count", estimate=order["actors"], n=n)


def _periods_since_first(counted: pd.DataFrame, windows: pd.DataFrame, *, by: list[str]) -> pd.DataFrame:
    """Return the group columns, `period` and `number` of every finished period from each group's first on."""
    since = counted.groupby(by, dropna=False)["number"].min().rename("since").reset_index() if by else counted[["number"]].head(1).set_axis(["since"], axis=1)
    crossed = since.merge(windows[["period", "number"]], how="cross")
    return crossed.loc[crossed["number"] >= crossed["since"], [*by, "period", "number"]]


def _states(ds: Dataset, days: ir.Table, windows: pd.DataFrame, *, by: list[str]) -> pd.DataFrame:
    """Return how many units of each group are in each state, by the number of the period; one that goes silent is dormant in the next."""
    joined = days.inner_join(days_of(ds, windows), "day")
    active = engine_of(ds).stage(joined.select(*by, "unit", "number").distinct())
    over = ibis.window(group_by=[*by, "unit"], order_by="number")
    near = active.mutate(before=active.number.lag().over(over), after=active.number.lead().over(over))
    came = near.group_by(*by, "number").agg(
        new=near.before.isnull().sum(),
        returning=(near.before == near.number - 1).fill_null(False).sum(),
        resurrected=(near.before < near.number - 1).fill_null(False).sum(),
    )
    gone = near.filter(near.after.isnull() | (near.after > near.number + 1))
    went = gone.group_by(*by, number=gone.number + 1).agg(dormant=gone.count())
    rows = [came.mutate(dormant=ibis.literal(0, "int64")), went.select(*by, "number", **dict.fromkeys(STATES[:3], ibis.literal(0, "int64")), dormant="dormant")]
    both = ibis.union(*(part.select(*by, "number", *(part[state].cast("int64").name(state) for state in STATES)) for part in rows))
    sums = both.group_by(*by, "number").agg(**{state: both[state].sum() for state in STATES})
    return engine_of(ds).run(sums.order_by([*by, "number"]))


def _unit(actor: str) -> str:
    if actor not in get_args(Actor):
        raise ParameterError(f"actor must be 'user' or 'account', not {actor!r}.")
    return f"{actor}_id"


def _rolling(ds: Dataset, stays: ir.Table, window: int, *, by: list[str]) -> pd.DataFrame:
    """Return for each group and day how many units were active in the `window` days that end with it.

    No day is exploded: a unit active on day d, and next on day e, is counted from d until min(e, d + window) - 1. That is +1
    at d and -1 where it ends; the running sum of both is the count.
    """
    longest = _plus(stays.day, window)
    spans = stays.mutate(ends=ibis.least(stays.following.fill_null(longest), longest))
    entries = spans.group_by(*by, day=spans.day).agg(change=spans.count())
    exits = spans.group_by(*by, day=spans.ends).agg(change=-spans.count())
    changes = engine_of(ds).run(entries.union(exits).order_by([*by, "day"]))
    last_day = ds.as_of.tz_convert(ds.calendar.zone).tz_localize(None).normalize()
    if changes.empty:
        return pd.DataFrame(columns=[*by, "period", "active", "window"])
    group = changes.groupby(by, sort=True, dropna=False).ngroup() if by else pd.Series(0, index=changes.index)
    parts = {number: _running(rows, window, last_day) for number, rows in changes.groupby(group)}
    counted = pd.concat(parts, names=["group", None]).reset_index("group").assign(window=f"{window}d")
    return counted.join(changes[by].groupby(group).first(), on="group").reset_index(drop=True)


def _running(changes: pd.DataFrame, window: int, last_day: pd.Timestamp) -> pd.DataFrame:
    """Return the running sum of changes on every day on which the whole window lies behind the first event."""
    by_day = changes.groupby("day")["change"].sum()
    every_day = pd.date_range(by_day.index.min(), last_day, name="period")
    active = by_day.reindex(every_day, fill_value=0).cumsum().iloc[window - 1 :]
    return active.rename("active").reset_index()


def _plus(day: ir.DateColumn, days: int) -> ir.DateColumn:
    return (day + ibis.interval(days=days)).cast("date")
