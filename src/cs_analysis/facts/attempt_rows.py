"""The rows that attempts at a funnel are made of, narrowed and staged, and the instants at which attempts start and end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.data.engine import Engine
from cs_analysis.data.local_days import MICROSECOND, Moment, as_day, as_instant, day_start
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.facts.funnel_definition import FunnelDefinition
from cs_analysis.facts.groups import by_columns
from cs_analysis.facts.uses import later

_SOURCES = {"lead": ("touchpoints", "stage", "touched_at")}
_EVENTS = ("events", "event", "event_at")
_INSTANT = "timestamp(6)"


@dataclass(frozen=True)
class Material:
    """What attempts are made of.

    Attributes
    ----------
    engine : Engine
        Where everything is staged.
    asked : FunnelDefinition
        What is counted.
    rows : Table
        Staged: `actor`, `code` (see `FunnelDefinition.codes`), `at`, with `hold` also `held`, then `account_id` and group columns of its own.
    starts_before : Timestamp or None
        Starts lie before this instant.
    """

    engine: Engine
    asked: FunnelDefinition
    rows: ir.Table
    starts_before: pd.Timestamp | None

    @property
    def held(self) -> list[str]:
        """Column of the held value, if one is held."""
        return ["held"] if self.asked.hold else []

    @property
    def match(self) -> list[str]:
        """Columns in which the rows of an attempt agree."""
        return ["actor", *self.held]

    @property
    def key(self) -> list[str]:
        """Columns that identify an attempt."""
        return self.match if self.asked.entry == "first" else [*self.match, "start_at"]

    def of(self, name: str) -> ir.Table:
        """Return actor, held value and instant of the rows of one event."""
        return self.rows.filter(self.rows.code == self.asked.codes[name]).select(*self.match, "at")

    def listed(self) -> ir.Table:
        """Return the different rows of all listed events."""
        return self.rows.filter(self.rows.code <= self.asked.listed).select(*self.match, "code", "at").distinct()


def time_column(step: int) -> str:
    """Return the name of the column with the instant of a step; that of step 1 is the start."""
    return "start_at" if step == 1 else f"at_{step}"


def instant(at: pd.Timestamp) -> ir.TimestampScalar:
    """Return an instant in UTC without zone as a literal."""
    return ibis.timestamp(at.isoformat(sep=" "))


def read_material(ds: Dataset, asked: FunnelDefinition) -> Material:
    """Return the rows of the named events from the start of the range on, staged.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No table of such actors; no column for `actor`, `hold` or `by`; a name that never occurs; a range that ends before it starts.
    """
    start, end = _range(ds, asked)
    table, event, at = _SOURCES.get(asked.actor, _EVENTS)
    actor = f"{asked.actor}_id"
    source = relation(ds, table, actor, *([asked.hold] if asked.hold else []))
    own = _own_columns(ds, asked, table)
    wanted = source.filter(source[event].isin(list(asked.codes)), source[actor].notnull(), *_within(source[at], asked, start=start, end=end))
    if asked.hold:
        wanted = wanted.filter(wanted[asked.hold].notnull())
    named = {"actor": wanted[actor], "code": _code(wanted[event], asked), "at": wanted[at], **({"held": wanted[asked.hold]} if asked.hold else {})}
    account = {"account_id": wanted.account_id} if asked.actor != "account" else {}
    rows = wanted.select(**named, **account, **{f"by.{name}": wanted[name] for name in own})
    staged = engine_of(ds).stage(_narrowed(_of_known_accounts(ds, rows, asked), asked))
    _check_names(ds, asked, staged, source=(table, event))
    return Material(engine_of(ds), asked, staged, end)


def started(material: Material) -> ir.Table:
    """Return the attempts that may count, staged: `actor`, `held`, `start_at` and `until`, after which no row belongs to them."""
    rows, asked = material.rows, material.asked
    firsts = rows.filter(rows.code <= asked.listed if asked.order == "any" else rows.code == 1)
    if material.starts_before is not None:
        firsts = firsts.filter(firsts["at"] < instant(material.starts_before))
    if asked.entry == "best":
        starts = firsts.select(*material.match, start_at="at").distinct()
    else:
        starts = firsts.group_by("actor").agg(start_at=firsts["at"].min())
        if asked.hold:
            starts = _with_smallest_value(starts, firsts)
    windows = material.engine.stage(starts.mutate(until=later(starts.start_at, asked.window)))
    return _until_excluded(material, windows) if asked.exclude else windows


def following(material: Material, positions: ir.Table, name: str) -> ir.Table:
    """Return the attempts that have a row of an event from a position on until their end, with the first such row, staged.

    Both tables have the columns of `material.key`, then `until` and `at`. With one attempt an actor a join is cheapest; with many, whose
    rows overlap, one pass over positions and rows in descending order of time.
    """
    rows = material.of(name)
    if material.asked.entry == "best":
        return material.engine.stage(_swept(material, positions, rows))
    rows = rows.rename(row_at="at")
    joined = positions.inner_join(rows, [*material.match, rows.row_at >= positions["at"], rows.row_at <= positions.until])
    return material.engine.stage(joined.group_by(*material.key).agg(until=joined.until.min(), at=joined.row_at.min()))


def _swept(material: Material, positions: ir.Table, rows: ir.Table) -> ir.Table:
    nothing = ibis.null(_INSTANT)
    asked = positions.select(*material.key, "until", "at", row_at=nothing, asks=ibis.literal(1, "int8"))
    given = rows.select(*material.match, start_at=nothing, until=nothing, at="at", row_at="at", asks=ibis.literal(0, "int8"))
    both = asked.union(given.select(*asked.columns))
    later_rows = ibis.window(group_by=material.match, order_by=[both["at"].desc(), "asks"], rows=(None, 0))
    found = both.mutate(found=both.row_at.min().over(later_rows))
    return found.filter(found.asks == 1, found.found <= found.until).select(*material.key, "until", at="found")


def _until_excluded(material: Material, windows: ir.Table) -> ir.Table:
    """Return attempts that end at the first excluded row strictly after their start."""
    positions = windows.select(*material.key, "until", at=windows.start_at + ibis.interval(microseconds=1))
    for number, name in enumerate(dict.fromkeys(material.asked.exclude)):
        ended = following(material, positions, name).select(*material.key, **{f"ended_{number}": "at"})
        windows = beside(windows, ended, material.key)
    ends = [windows[column] for column in windows.columns if column.startswith("ended_")]
    until = ibis.least(windows.until, *(end.fill_null(windows.until) for end in ends))
    return material.engine.stage(windows.select(*material.match, "start_at", until=until))


def beside(left: ir.Table, right: ir.Table, key: list[str]) -> ir.Table:
    """Return every row of the left table with the columns of the right one, missing where it has no such key."""
    return left.left_join(right, key).drop(*(f"{name}_right" for name in key))


def _with_smallest_value(starts: ir.Table, firsts: ir.Table) -> ir.Table:
    rows = firsts.select("actor", "held", row_at="at")
    at_start = starts.inner_join(rows, ["actor", starts.start_at == rows.row_at])
    return at_start.group_by("actor").agg(held=at_start.held.min(), start_at=at_start.start_at.min())


def _range(ds: Dataset, asked: FunnelDefinition) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
    """Return the bounds of the report range in UTC without zone."""

    def bound(moment: Moment | None, argument: str) -> pd.Timestamp | None:
        if moment is None:
            return None
        day = as_day(moment)
        at = as_instant(moment, argument=argument) if day is None else day_start(day, ds.calendar.zone)
        return at.tz_convert("UTC").tz_localize(None)

    start, end = bound(asked.start, "start"), bound(asked.end, "end")
    if start is not None and end is not None and end <= start:
        raise ParameterError(f"end must be after start ({asked.start!s}), not {asked.end!s}.")
    return start, end


def _within(at: ir.TimestampColumn, asked: FunnelDefinition, *, start: pd.Timestamp | None, end: pd.Timestamp | None) -> Iterable[ir.BooleanValue]:
    """Yield conditions on rows that an attempt of the range may use."""
    if start is not None:
        yield at >= instant(start)
    if end is not None:
        yield at <= later(instant(end - MICROSECOND), asked.window)


def _own_columns(ds: Dataset, asked: FunnelDefinition, table: str) -> list[str]:
    """Return the columns of `by` that the table itself has."""
    columns, own, theirs = by_columns(asked.by), ds.tables[table].columns, ds.tables["accounts"].columns
    missing = [column for column in columns if column not in (*own, *theirs)]
    if missing:
        raise MissingColumnsError(missing, dict.fromkeys((*own, *theirs)), table=table)
    return [column for column in columns if column in own]


def _code(event: ir.StringColumn, asked: FunnelDefinition) -> ir.IntegerColumn:
    return ibis.cases(*((event == name, ibis.literal(code, "int8")) for name, code in asked.codes.items()))


def _of_known_accounts(ds: Dataset, rows: ir.Table, asked: FunnelDefinition) -> ir.Table:
    """Return the rows of accounts that exist by `as_of`; a lead whose account does not is a lead without one."""
    if not ds.ignored_rows["accounts"]:
        return rows
    known = relation(ds, "accounts").select(known_account="account_id")
    account = "actor" if asked.actor == "account" else "account_id"
    if asked.actor != "lead":
        return rows.semi_join(known, rows[account] == known.known_account)
    joined = rows.left_join(known, rows.account_id == known.known_account)
    return joined.mutate(account_id=joined.known_account).drop("known_account")


def _narrowed(rows: ir.Table, asked: FunnelDefinition) -> ir.Table:
    """Return the rows without values that are read at the start alone, where no attempt can start: less to store."""
    if asked.order == "any":
        return rows
    spared = [name for name in rows.columns if name == "account_id" or (name.startswith("by.") and asked.attribution == "first")]
    return rows.mutate(**{name: ibis.ifelse(rows.code == 1, rows[name], ibis.null(rows[name].type())) for name in spared})


def _check_names(ds: Dataset, asked: FunnelDefinition, rows: ir.Table, *, source: tuple[str, str]) -> None:
    """Raise if a name never occurs in the whole table: most likely a misspelling."""
    engine = engine_of(ds)
    found = set(engine.run(rows.select("code").distinct().order_by("code"))["code"])
    doubtful = [name for name, code in asked.codes.items() if code not in found]
    if not doubtful:
        return
    table, column = source
    present = engine.run(relation(ds, table).select(column).distinct().order_by(column))[column].tolist()
    unknown = [name for name in doubtful if name not in present]
    if unknown:
        raise ParameterError(f"no {column} is named {', '.join(map(repr, unknown))}; the names are {', '.join(map(str, present[:30]))}.")
