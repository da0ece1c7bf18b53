"""Uses of the product from events: unit-days, and how often an account used what."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.calendar import Calendar, Period
from cs_analysis.data.dataset import Dataset, cutoff, engine_of, relation
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import By, group_columns, with_groups
from cs_analysis.facts.periods import periods
from cs_analysis.windows import Window

_first_events: WeakKeyDictionary[Dataset, pd.Timestamp] = WeakKeyDictionary()  # a scan of all events that each dataset, frozen as it is, needs once


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


def known_events(ds: Dataset, events: ir.Table, *, by: By = None) -> ir.Table:
    """Return the events of known accounts with the group columns."""
    if by is not None:
        return with_groups(ds, events, by, table="events")
    # Every event has an account, so only an account that is not known yet has to be looked for.
    return events.semi_join(relation(ds, "accounts"), "account_id") if ds.ignored_rows["accounts"] else events


def active_days(ds: Dataset, events: ir.Table, *, unit: str, by: By = None) -> ir.Table:
    """Return one row a unit of a known account and local day with at least one of the events: the group columns, `unit`, `day`; staged."""
    grouped = known_events(ds, events, by=by)
    local = grouped.mutate(day=local_day(ds, grouped.event_at), unit=grouped[unit])
    return engine_of(ds).stage(local.select(*group_columns(by), "unit", "day").distinct())


def unit_days(ds: Dataset, events: ir.Table, *, unit: str, by: By = None, key_events: Sequence[str] | None = None) -> ir.Table:
    """Return `active_days` with the `account_id` of each unit and day (of several the first) and its `uses` of the key events (default: all); staged."""
    grouped = known_events(ds, events, by=by)
    local = grouped.select(*group_columns(by), "account_id", "event", day=local_day(ds, grouped.event_at), unit=grouped[unit])
    uses = local.count() if key_events is None else local.event.isin(key_events).sum()
    return engine_of(ds).stage(local.group_by(*group_columns(by), "unit", "day").agg(account_id=local.account_id.min(), uses=uses))


def finished_windows(ds: Dataset, days: ir.Table, *, period: Period, length: int | None = None) -> pd.DataFrame:
    """Return the finished periods since the first of the days: `period`, `number`, `first_day`, `last_day`, `seen_from`, `starts_at`, `ends_at`.

    The days are those of the period, or with a `length` so many up to its last one; such a window must lie behind the first event as a whole.
    """
    first = engine_of(ds).run(days.agg(first=days.day.min()).order_by("first"))["first"].iloc[0]
    nobody = pd.isna(first)
    since = cutoff(ds) - pd.Timedelta(1, "us") if nobody else ds.calendar.period_start(pd.Timestamp(first).date(), "day").tz_localize(None)
    table = periods(ds, since, period=period, unfinished=False)
    last = table["ends_at"].dt.tz_localize("UTC").dt.tz_convert(ds.calendar.zone).dt.tz_localize(None).dt.normalize() - pd.Timedelta(1, "D")
    starts = table["period"] if length is None else last - pd.Timedelta(length - 1, "D")
    found = table[["period", "starts_at", "ends_at"]].assign(
        number=range(len(table)), first_day=starts, last_day=last, seen_from=last if length is None else starts
    )
    return found.iloc[:0] if nobody else found


def days_of(ds: Dataset, windows: pd.DataFrame) -> ir.Table:
    """Return each day of each window as a small table of the database: `day`, `period`, `number`, `last_day`."""
    listed = [pd.date_range(first, last) for first, last in zip(windows["first_day"], windows["last_day"], strict=True)]
    table = windows[["period", "number", "last_day"]].assign(day=pd.Series(listed, index=windows.index, dtype="object")).explode("day")
    lookup = engine_of(ds).lookup(table.astype({"day": "datetime64[us]"}))
    return lookup.mutate(day=lookup.day.cast("date"), last_day=lookup.last_day.cast("date"))


def activity_by_account(ds: Dataset, days: ir.Table, windows: pd.DataFrame, *, by: By = None) -> pd.DataFrame:
    """Return the activity of each group, window and account: `actors`, `actor_days`, `on_last_day` and `uses`, from `unit_days`.

    A window of a group without anybody is one row of zeros without account; a window for which the group begins too late is left out.
    """
    keys, engine = group_columns(by), engine_of(ds)
    joined = days.inner_join(days_of(ds, windows), "day")
    actors = joined.group_by(*keys, "period", "unit").agg(
        account_id=joined.account_id.min(), days=joined.count(), uses=joined.uses.sum(), last=(joined.day == joined.last_day).max()
    )
    sums = actors.group_by(*keys, "period", "account_id").agg(
        actors=actors.count(), actor_days=actors.days.sum(), on_last_day=actors.last.cast("int64").sum(), uses=actors.uses.sum()
    )
    counted = engine.run(sums.order_by([*keys, "period", "account_id"]))
    cells = _cells(engine.run(days.aggregate(by=keys, since=days.day.min()).order_by([*keys, "since"])), windows)
    joined_cells = cells.merge(counted, on=[*keys, "period"], how="left", validate="one_to_many")
    numbers = ["actors", "actor_days", "on_last_day", "uses"]
    return joined_cells.assign(**joined_cells[numbers].fillna(0).astype("int64"))


def _cells(groups: pd.DataFrame, windows: pd.DataFrame) -> pd.DataFrame:
    """Return the group columns, `period`, `first_day` and `last_day` of each group's windows from its first day on."""
    crossed = groups.dropna(subset=["since"]).merge(windows, how="cross")
    return crossed.loc[crossed["since"] <= crossed["seen_from"], [*groups.columns.drop("since"), "period", "first_day", "last_day"]]


def offered_events(ds: Dataset, offered: str | Sequence[str] | None) -> list[str]:
    """Return the events that are features on offer; for None every event ever seen.

    Raises
    ------
    ParameterError
        The list is empty or names an event twice.
    """
    if offered is None:
        events = relation(ds, "events")
        return [str(name) for name in engine_of(ds).run(known_events(ds, events).select("event").distinct().order_by("event"))["event"]]
    names = [offered] if isinstance(offered, str) else list(offered)
    if not names or len(set(names)) < len(names):
        raise ParameterError(f"offered must be a list of different events, at least one, not {names!r}.")
    return names


def features_by_account(ds: Dataset, names: list[str], *, period: Period, by: By = None) -> pd.DataFrame:
    """Return for each group, finished period and active account how many of the named events it `used`; `actors` is 1, or 0 in an empty period."""
    keys, engine = group_columns(by), engine_of(ds)
    grouped = known_events(ds, relation(ds, "events"), by=by)
    local = grouped.select(*keys, "account_id", "event", day=local_day(ds, grouped.event_at))
    days = engine.stage(local.distinct())
    windows = finished_windows(ds, days, period=period)
    joined = days.inner_join(days_of(ds, windows), "day")
    once = joined.select(*keys, "period", "account_id", "event").distinct()
    counted = once.group_by(*keys, "period", "account_id").agg(used=once.event.isin(names or [""]).cast("int64").sum(), actors=ibis.literal(1, "int64"))
    rows = engine.run(counted.order_by([*keys, "period", "account_id"]))
    cells = _cells(engine.run(days.aggregate(by=keys, since=days.day.min()).order_by([*keys, "since"])), windows)
    joined_cells = cells.merge(rows, on=[*keys, "period"], how="left", validate="one_to_many")
    return joined_cells.assign(**joined_cells[["used", "actors"]].fillna(0).astype("int64"))


def later(start: ir.TimestampColumn, window: Window) -> ir.TimestampColumn:
    """Return the instant at which a window from `start` ends."""
    return start + ibis.interval(months=window.months) + ibis.interval(microseconds=window.microseconds)


def local_day(ds: Dataset, instants: ir.TimestampColumn) -> ir.DateColumn:
    """Return the local date of UTC instants of events: the zone's offset changes are written out, so that every engine can run it."""
    if ds not in _first_events:
        table = relation(ds, "events")
        _first_events[ds] = engine_of(ds).run(table.agg(first=table.event_at.min()).order_by("first"))["first"].iloc[0]
    first, last = _first_events[ds], ds.as_of.tz_convert("UTC").tz_localize(None)
    changes = offset_changes(ds.calendar, last if pd.isna(first) else first, last)
    if len(changes) == 1 and changes[0][1] == 0:
        return instants.date()
    seconds = ibis.cases(*((instants >= since, offset) for since, offset in reversed(changes)), else_=changes[0][1])
    return (instants + seconds.as_interval("s")).date()


def offset_changes(calendar: Calendar, first: pd.Timestamp, last: pd.Timestamp) -> list[tuple[pd.Timestamp, int]]:
    """Return (UTC instant, offset in seconds from then on) for each change of the calendar's zone between two instants in UTC."""
    hours = pd.date_range(first.floor("h"), last, freq="h", tz="UTC")
    local = hours.tz_convert(calendar.zone).tz_localize(None)
    offsets = (local - hours.tz_localize(None)).total_seconds().astype("int64")
    changed = pd.Series(offsets, index=hours.tz_localize(None)).loc[lambda s: s.diff() != 0]
    return [(instant, int(offset)) for instant, offset in changed.items()]
