"""Engagement: how many are active, by day and over rolling windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.uses import active_days, named_events
from cs_analysis.stats.estimates import estimates, stack

WINDOWS = (1, 7, 28)
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
    if actor not in get_args(Actor):
        raise ParameterError(f"actor must be 'user' or 'account', not {actor!r}.")
    keys = group_columns(by)
    days = active_days(ds, named_events(ds, events), unit=f"{actor}_id", by=by)
    following = days.day.lead().over(ibis.window(group_by=[*keys, "unit"], order_by="day"))
    stays = engine_of(ds).stage(days.select(*keys, "day", following=following))
    counts = [_rolling(ds, stays, window, by=keys) for window in WINDOWS]
    return stack(
        [
            estimates(as_named(table[[*keys, "period", "window"]]), metric="active_users", unit="count", estimate=table["active"], n=table["active"])
            for table in counts
        ]
    )


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
