"""Dates and times as people write them: which way a column writes them, and how that becomes an instant in UTC."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from cs_analysis.data import sql
from cs_analysis.data.contract import Kind
from cs_analysis.data.findings import Finding
from cs_analysis.data.text_cells import Source, TextColumn, full_match, missing, shapes

Order = Literal["day first", "month first"]

_PART = "([0-9]{1,2})"
_YEAR = "([0-9]{4})"
_GAP = "[ \u00a0\u202f]"
_ZONE = f"{_GAP}?(?:[Zz]|UTC|GMT|[-+][0-9]{{2}}(?::?[0-9]{{2}})?)"
_HALF_DAY = f"{_GAP}?[AaPp][.]?[Mm][.]?"
_HALF_DAY_CLOCKS = "['%Y-%m-%d %I:%M %p', '%Y-%m-%d %I:%M:%S %p', '%Y-%m-%d %I:%M:%S.%f %p']"
_CLOCK = "[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?"
_TIME = f"(?:(?:[Tt]|,?{_GAP}){_CLOCK}(?:{_HALF_DAY}|{_ZONE})?)?"
_STATES_ZONE = f":[0-9]{{2}}.*{_ZONE}$"
# Applied in turn, after the date itself: ", 12:30", decimal commas of seconds, a blank before the offset, "pm" and "p.m.".
_REWRITES = (
    (f",{_GAP}", " "),
    (",([0-9])", r".\1"),
    (f"{_GAP}([-+][0-9])", r"\1"),
    (f"{_GAP}?([AaPp])[.]?[Mm][.]?$", r" \1M"),
)


@dataclass(frozen=True)
class _Format:
    """One way to write a date: what stands between its parts and whether the year comes first."""

    separator: str
    year_first: bool

    @property
    def shown(self) -> str:
        """How a message calls it."""
        parts = ("yyyy", "mm", "dd") if self.year_first else ("dd", "mm", "yyyy")
        return self.separator.join(parts) + (f" or {self.separator.join(('mm', 'dd', 'yyyy'))}" if self.is_open else "")

    @property
    def is_open(self) -> bool:
        """Whether only the column can tell which of the two first numbers is the day."""
        return not self.year_first and self.separator != "."

    @property
    def date(self) -> str:
        """Pattern of a date, its parts as groups."""
        return f"[{self.separator}]".join((_YEAR, _PART, _PART) if self.year_first else (_PART, _PART, _YEAR))

    @property
    def month(self) -> str:
        """Pattern of a month without a day, its parts as groups."""
        return f"[{self.separator}]".join((_YEAR, _PART) if self.year_first else (_PART, _YEAR))

    def cell(self, kind: Kind) -> str:
        """Pattern of a whole cell of this kind."""
        return f"(?:{self.date}{_TIME}|{self.month})" if kind == "month" else f"{self.date}{_TIME}"

    def year_month_day(self, order: Order) -> str:
        """Return the replacement that turns `date` into year-month-day."""
        if self.year_first:
            return r"\1-\2-\3"
        return r"\3-\2-\1" if order == "day first" else r"\3-\1-\2"


_ISO = _Format("-", year_first=True)
_FORMATS = (_ISO, _Format("/", year_first=True), _Format(".", year_first=False), _Format("/", year_first=False), _Format("-", year_first=False))


@dataclass(frozen=True)
class _Clash:
    """Cells that are not written as the column is: the predicate for them and what is reported."""

    predicate: str
    finding: Finding


def read_instant(source: Source, kind: Kind, *, timezone: str | None) -> tuple[TextColumn, list[Finding]]:
    """Return how a column of instants or months is read, and where it is written in more than one way.

    A local time that a clock change skips is moved on by the time that was skipped; one that occurs twice is the second
    (winter time).
    """
    seen, unreadable = _formats_seen(source, kind)
    if not seen:
        return TextColumn(_null(kind), missing(source.column), _never(kind)), []
    usual, *others = sorted(seen, key=lambda written: -sum(seen[written].values()))
    order, order_clash = _order(source, usual)
    clashes = [clash for clash in (_other_formats(source, kind, usual=usual, others=others), order_clash) if clash]
    value, naive = _null(kind), _never(kind)
    if order is not None:
        guard = full_match(source.cell, usual.cell(kind)) if unreadable or others else None
        text = _iso_text(source.cell, usual, order=order, seen=seen[usual], guard=guard)
        value, naive = _typed(source.cell, text, seen[usual], kind=kind, timezone=timezone)
    either = " OR ".join(clash.predicate for clash in clashes)
    return TextColumn(value, missing(source.column), naive, f"({either})" if either else None), [clash.finding for clash in clashes]


def _null(kind: Kind) -> str:
    return "CAST(NULL AS DATE)" if kind == "month" else "CAST(NULL AS TIMESTAMP)"


def _never(kind: Kind) -> str | None:
    return None if kind == "month" else "false"


def _formats_seen(source: Source, kind: Kind) -> tuple[dict[_Format, dict[str, int]], int]:
    """Return the shapes of a column by the format that reads them, and how many cells none reads."""
    patterns = {written: re.compile(written.cell(kind)) for written in _FORMATS}
    seen: dict[_Format, dict[str, int]] = {}
    unreadable = 0
    for shape, cells in shapes(source).items():
        readers = [written for written, pattern in patterns.items() if pattern.fullmatch(shape)]
        if readers:
            seen.setdefault(readers[0], {})[shape] = cells
        else:
            unreadable += cells
    return seen, unreadable


def _other_formats(source: Source, kind: Kind, *, usual: _Format, others: list[_Format]) -> _Clash | None:
    """Return the cells in another format than the usual one."""
    if not others:
        return None
    predicate = " OR ".join(full_match(source.cell, other.cell(kind)) for other in others)
    advice = f"Most dates of this column are written {usual.shown}, these {', '.join(other.shown for other in others)}. Write all as yyyy-mm-dd."
    return _Clash(predicate, source.finding("error", "mixed date formats", predicate, what_to_do=advice))


def _order(source: Source, written: _Format) -> tuple[Order | None, _Clash | None]:
    """Return the order of day and month (None: cannot be told), and the cells that are against it."""
    if not written.is_open:
        return "day first", None
    first, second = (f"TRY_CAST(regexp_extract({source.cell}, {sql.literal('^' + written.date)}, {group}) AS INTEGER)" for group in (1, 2))
    against: dict[Order, str] = {"day first": f"({second} > 12 AND {first} <= 12)", "month first": f"({first} > 12 AND {second} <= 12)"}
    predicates = (against["month first"], against["day first"], f"{first} <> {second}")
    days, months, telling = source.row(", ".join(f"count(*) FILTER (WHERE {predicate})" for predicate in predicates), "true")
    if telling and not days and not months:
        predicate = full_match(source.cell, written.date + _TIME)
        advice = "Nothing tells the day from the month: no number is above 12. Export the dates as yyyy-mm-dd."
        return None, _Clash(predicate, source.finding("error", "mixed date formats", predicate, what_to_do=advice))
    order: Order = "day first" if days >= months else "month first"
    if not days or not months:
        return order, None
    advice = f"Most dates of this column are written {order}, these are not. Write all as yyyy-mm-dd."
    return order, _Clash(against[order], source.finding("error", "mixed date formats", against[order], what_to_do=advice))


def _iso_text(cell: str, written: _Format, *, order: Order | None, seen: Iterable[str], guard: str | None) -> str:
    """Return the expression for a cell as `yyyy-mm-dd hh:mm:ss+zz`; only what the column's shapes call for is rewritten."""
    shown = "\n".join(seen)
    text = f"CASE WHEN {guard} THEN {cell} END" if guard else cell
    if any(gap in shown for gap in "\u00a0\u202f"):
        text = f"translate({text}, '\u00a0\u202f', '  ')"
    if shown != shown.upper():
        text = f"upper({text})"
    if written != _ISO:
        text = _replaced(text, f"^{written.date}", written.year_month_day(order or "day first"))
    for pattern, replacement in _REWRITES:
        if re.search(pattern, shown, re.MULTILINE):
            text = _replaced(text, pattern, replacement)
    if re.search(f"^{written.month}$", shown, re.MULTILINE):
        text = _replaced(text, f"^{written.month}$", r"\1-\2-01" if written.year_first else r"\2-\1-01")
    return text


def _replaced(text: str, pattern: str, replacement: str) -> str:
    return f"regexp_replace({text}, {sql.literal(pattern)}, {sql.literal(replacement)})"


def _typed(cell: str, text: str, seen: Iterable[str], *, kind: Kind, timezone: str | None) -> tuple[str, str | None]:
    """Return the value, and the predicate for instants whose time zone nobody states."""
    if kind == "month":
        return f"CAST(date_trunc('month', TRY_CAST(regexp_extract({text}, '^[-0-9]+') AS DATE)) AS DATE)", None
    shown = list(seen)
    zoned = [re.search(_STATES_ZONE, shape) is not None for shape in shown]
    absolute = f"timezone('UTC', TRY_CAST({text} AS TIMESTAMPTZ))"
    if all(zoned):
        return absolute, "false"
    local = _local(text, half_days=any(re.search(_HALF_DAY + "$", shape) for shape in shown))
    stated = f"regexp_matches({cell}, {sql.literal(_STATES_ZONE)})" if any(zoned) else "false"
    if timezone is None:
        return f"CASE WHEN {stated} THEN {absolute} END", f"(NOT {stated} AND {local} IS NOT NULL)"
    placed = local if timezone == "UTC" else f"timezone('UTC', timezone({sql.literal(timezone)}, {local}))"
    return (f"CASE WHEN {stated} THEN {absolute} ELSE {placed} END" if any(zoned) else placed), "false"


def _local(text: str, *, half_days: bool) -> str:
    """Return the time on the wall of a cell that states no zone (versions of the database differ on one that does)."""
    plain = f"TRY_CAST({text} AS TIMESTAMP)"
    if not half_days:
        return plain
    return f"CASE WHEN {text} LIKE '%M' THEN try_strptime({text}, {_HALF_DAY_CLOCKS}) ELSE {plain} END"
