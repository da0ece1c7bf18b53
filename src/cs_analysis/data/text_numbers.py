"""Numbers written with a decimal point or a decimal comma: which of the two a column uses, and how it is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cs_analysis.data import sql
from cs_analysis.data.contract import Kind
from cs_analysis.data.findings import Finding
from cs_analysis.data.text_cells import Source, TextColumn, full_match, missing, shapes

Mark = Literal["point", "comma"]

_MINUS = "\u2212"
_SIGNS = f"-+{_MINUS}"
_GROUPERS = (" ", "\u00a0", "\u202f", "\u2009", "'", "\u2019")


def _pattern(mark: str, other: str) -> str:
    """Return the pattern of a number with this decimal mark, grouped in threes by the other mark, a space or an apostrophe."""
    groups = "|".join(f"[1-9][0-9]{{0,2}}(?:{grouper}[0-9]{{3}})+" for grouper in (other, *_GROUPERS))
    return f"[{_SIGNS}]?(?:(?:{groups}|[0-9]+)(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][-+]?[0-9]+)?"


_PATTERNS: Mapping[Mark, str] = {"point": _pattern("[.]", "[,]"), "comma": _pattern("[,]", "[.]")}
_COMPILED = {mark: re.compile(pattern) for mark, pattern in _PATTERNS.items()}
_OTHER: Mapping[Mark, Mark] = {"point": "comma", "comma": "point"}
_AMBIGUOUS = f"[{_SIGNS}]?[1-9][0-9]{{0,2}}[.,][0-9]{{3}}"
_TYPES = {"number": "DOUBLE", "money": "DECIMAL(18, 4)", "integer": "BIGINT"}
_EXAMPLES: Mapping[Mark, str] = {"point": "1,234.56", "comma": "1.234,56"}


@dataclass(frozen=True)
class Evidence:
    """What a column's cells say: how many can only have a decimal point, only a comma, either (1.234), or be no number."""

    point: int
    comma: int
    ambiguous: int
    unreadable: int

    @property
    def mark(self) -> Mark | None:
        """The mark that most telling cells have; None where none tells."""
        if self.point == self.comma == 0:
            return None
        return "comma" if self.comma > self.point else "point"


def number_evidence(source: Source, kind: Kind) -> Evidence:
    """Return what the cells of a column say about its decimal mark."""
    counts = {"point": 0, "comma": 0, "ambiguous": 0, "unreadable": 0}
    for shape, cells in shapes(source).items():
        point, comma = (_COMPILED[mark].fullmatch(shape) is not None for mark in ("point", "comma"))
        if point and comma and ("." in shape or "," in shape):
            counts["ambiguous"] += cells
        elif point != comma:
            counts["point" if point else "comma"] += cells
        elif not point:
            counts["unreadable"] += cells
    return _looked_closer(source, kind, Evidence(**counts)) if counts["ambiguous"] else Evidence(**counts)


def _looked_closer(source: Source, kind: Kind, evidence: Evidence) -> Evidence:
    """Tell 0.123 (no thousands) from 1.234, and among whole numbers 1.234 (no decimals) from 1.000."""
    has_point = f"{source.cell} LIKE '%.%'"
    fraction = full_match(source.cell, f"[{_SIGNS}]?0[0-9]*[.,][0-9]{{3}}")
    grouped = f"(NOT {fraction} AND {source.cell} NOT LIKE '%000')" if kind == "integer" else "false"
    is_point = f"({fraction} AND {has_point} OR {grouped} AND NOT {has_point})"
    is_comma = f"({fraction} AND NOT {has_point} OR {grouped} AND {has_point})"
    ambiguous = full_match(source.cell, f"[{_SIGNS}]?[0-9]{{1,3}}[.,][0-9]{{3}}")
    point, comma = source.row(f"count(*) FILTER (WHERE {is_point}), count(*) FILTER (WHERE {is_comma})", ambiguous)
    return Evidence(evidence.point + point, evidence.comma + comma, evidence.ambiguous - point - comma, evidence.unreadable)


def read_number(source: Source, kind: Kind, *, evidence: Evidence, siblings: Mark | None) -> tuple[TextColumn, list[Finding]]:
    """Return how a column of numbers is read, and where that is doubtful.

    `siblings` is the mark of the table's other numeric columns, used where this one does not tell.
    """
    mark = evidence.mark or siblings or "point"
    found: list[Finding] = []
    clash = None
    if min(evidence.point, evidence.comma):
        clash = f"({full_match(source.cell, _PATTERNS[_OTHER[mark]])} AND NOT {full_match(source.cell, _PATTERNS[mark])})"
        advice = f"Most numbers of this column are written like {_EXAMPLES[mark]}; write these like that too."
        found.append(source.finding("error", "locale decimals", clash, what_to_do=advice))
    elif evidence.ambiguous and evidence.mark is None and siblings is None:
        advice = f"Nothing tells whether 1.234 is one thousand here: read as {_EXAMPLES[mark]}. Write 1234 or 1.2340 to make it plain."
        found.append(source.finding("warning", "locale decimals", full_match(source.cell, _AMBIGUOUS), what_to_do=advice))
    guarded = evidence.unreadable > 0 or clash is not None
    return TextColumn(_value(source, kind, mark, guarded=guarded), missing(source.column), clash=clash), found


def _value(source: Source, kind: Kind, mark: Mark, *, guarded: bool) -> str:
    """Return the typed value; the pattern is asked only where the column holds something that is no number."""
    decimal, dropped = (".", ",") if mark == "point" else (",", ".")
    plain = f"translate({source.cell}, {sql.literal(decimal + _MINUS + dropped + ''.join(_GROUPERS))}, '.-')"
    if guarded:
        plain = f"CASE WHEN {full_match(source.cell, _PATTERNS[mark])} THEN {plain} END"
    value = f"TRY_CAST({plain} AS {_TYPES[kind]})"
    if kind == "number":
        return f"CASE WHEN isfinite({value}) THEN {value} END"
    return f"CASE WHEN TRY_CAST({plain} AS DECIMAL(38, 10)) = {value} THEN {value} END" if kind == "integer" else value


def shared_mark(evidence: Mapping[str, Evidence], *, but: str) -> Mark | None:
    """Return the decimal mark on which the columns other than `but` agree, or None."""
    marks = {one.mark for column, one in evidence.items() if column != but and one.mark and not min(one.point, one.comma)}
    return marks.pop() if len(marks) == 1 else None


def plain_number(mark: Mark) -> str:
    """Return the pattern of a number as a measure is written: no leading zeros, no plus sign, no exponent, at most 15 digits."""
    decimal, grouper = ("[.]", "[,]") if mark == "point" else ("[,]", "[.]")
    return f"-?(?:0|[1-9][0-9]{{0,14}}|[1-9][0-9]{{0,2}}(?:{grouper}[0-9]{{3}})+)(?:{decimal}[0-9]+)?"
