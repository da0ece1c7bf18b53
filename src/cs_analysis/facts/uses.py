"""Uses of the product from events: unit-days, and how often an account used what."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.calendar import Calendar
from cs_analysis.data.dataset import Dataset, cutoff, engine_of, relation
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import By, group_columns, with_groups
from cs_analysis.windows import Window


def named_events(ds: Dataset, names: str | Sequence[str] | None) -> ir.Table:
    """Return the events of the given names; all of them for None.

    Raises
    ------
    ParameterError
        No row of the dataset has one of the names: most likely a misspelling.
    """
    events = relation(ds, "events")
    if names is None:
        return events
    wanted = [names] if isinstance(names, str) else list(names)
    present = engine_of(ds).run(events.select("event").distinct().order_by("event"))["event"].tolist()
    unknown = [name for name in wanted if name not in present]
    if unknown:
        raise ParameterError(f"no event is named {', '.join(map(repr, unknown))}; the events are {', '.join(map(str, present[:30]))}.")
    return events.filter(events.event.isin(wanted))


def active_days(ds: Dataset, events: ir.Table, *, unit: str, by: By = None) -> ir.Table:
    """Return one row a unit of a known account and local day with at least one of the events: the group columns, `unit`, `day`; staged."""
    if by is not None:
        grouped = with_groups(ds, events, by, table="events")
    else:  # every event has an account, so only an account that is not known yet has to be looked for
        grouped = events.semi_join(relation(ds, "accounts"), "account_id") if ds.ignored_rows["accounts"] else events
    local = grouped.mutate(day=_local_day(ds, grouped.event_at), unit=grouped[unit])
    return engine_of(ds).stage(local.select(*group_columns(by), "unit", "day").distinct())


def uses_by_account(ds: Dataset, events: ir.Table, *, within: Window | None) -> ir.Table:
    """Return `account_id`, `event`, `uses`: how often each known account used each event, within a window from its start."""
    starts = relation(ds, "accounts").select("account_id", account_start="started_at")
    joined = events.select("account_id", "event", "event_at").inner_join(starts, "account_id")
    if within is not None:
        joined = joined.filter(joined.event_at.between(joined.account_start, later(joined.account_start, within)))
    return joined.group_by("account_id", "event").agg(uses=joined.count())


def eligible_accounts(ds: Dataset, *, by: By, window: Window | None) -> ir.Table:
    """Return the known accounts with the group columns; with a window, those whose window is over by `as_of`."""
    accounts = with_groups(ds, relation(ds, "accounts"), by, table="accounts")
    if window is not None:
        accounts = accounts.filter(later(accounts.started_at, window) < ibis.timestamp(cutoff(ds).isoformat(sep=" ")))
    return accounts.select("account_id", *group_columns(by))


def later(start: ir.TimestampColumn, window: Window) -> ir.TimestampColumn:
    """Return the instant at which a window from `start` ends."""
    return start + ibis.interval(months=window.months) + ibis.interval(microseconds=window.microseconds)


def _local_day(ds: Dataset, instants: ir.TimestampColumn) -> ir.DateColumn:
    """Return the local date of UTC instants: the zone's offset changes are written out, so that every engine can run it."""
    table = relation(ds, "events")
    first = engine_of(ds).run(table.agg(first=table.event_at.min()).order_by("first"))["first"].iloc[0]
    last = ds.as_of.tz_convert("UTC").tz_localize(None)
    changes = offset_changes(ds.calendar, last if pd.isna(first) else first, last)
    seconds = ibis.cases(*((instants >= since, offset) for since, offset in reversed(changes)), else_=changes[0][1])
    return (instants + seconds.as_interval("s")).date()


def offset_changes(calendar: Calendar, first: pd.Timestamp, last: pd.Timestamp) -> list[tuple[pd.Timestamp, int]]:
    """Return (UTC instant, offset in seconds from then on) for each change of the calendar's zone between two instants in UTC."""
    hours = pd.date_range(first.floor("h"), last, freq="h", tz="UTC")
    local = hours.tz_convert(calendar.zone).tz_localize(None)
    offsets = (local - hours.tz_localize(None)).total_seconds().astype("int64")
    changed = pd.Series(offsets, index=hours.tz_localize(None)).loc[lambda s: s.diff() != 0]
    return [(instant, int(offset)) for instant, offset in changed.items()]
