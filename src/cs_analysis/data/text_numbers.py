"""Numbers written with a decimal point or a decimal comma: which of the two a column uses, and how it is read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from cs_analysis.data import sql
from cs_analysis.data.contract import Kind
from cs_analysis.data.findings import Finding
from cs_analysis.data.text_cells import Source, TextColumn, full_match, missing, shapes

Mark = Literal["point", "comma"]

_MINUS = "\u2212"
_SIGNS = f"-+{_MINUS}"
_GROUPERS = (" ", "\u00a0", "\u202f", "\u2009", "'", "\u2019")


def _pattern(mark: str, other: str, *, decimals: str = "[0-9]") -> str:
    """Return the pattern of a number with this decimal mark, grouped in threes by the other mark, a blank or an apostrophe."""
    groups = "|".join(f"[1-9][0-9]{{0,2}}(?:{grouper}[0-9]{{3}})+" for grouper in (other, *_GROUPERS))
    return f"[{_SIGNS}]?(?:(?:{groups}|[0-9]+)(?:{mark}{decimals}*)?|{mark}[0-9]+|[0-9]+(?:{mark}[0-9]+)?[eE][-+]?[0-9]+)"


_PATTERNS: Mapping[Mark, str] = {"point": _pattern("[.]", "[,]"), "comma": _pattern("[,]", "[.]")}
# 12.0 is a whole number and 1.234 can only be one if the point groups its digits.
_WHOLE_PATTERNS: Mapping[Mark, str] = {"point": _pattern("[.]", "[,]", decimals="0"), "comma": _pattern("[,]", "[.]", decimals="0")}
_COMPILED = {mark: re.compile(pattern) for mark, pattern in _PATTERNS.items()}
_BARE = re.compile("-?[0-9]+(?:[.][0-9]+)?")
_OTHER: Mapping[Mark, Mark] = {"point": "comma", "comma": "point"}
_TYPES = {"number": "DOUBLE", "money": "DECIMAL(18, 4)", "integer": "BIGINT"}
_EXAMPLES: Mapping[Mark, str] = {"point": "1,234.56", "comma": "1.234,56"}


@dataclass(frozen=True)
class Evidence:
    """How many cells of a column can only have a decimal point, only a comma, either (1.234), or are no number.

    `styled` counts those that the database would not read as they stand (1,234.56).
    """

    point: int = 0
    comma: int = 0
    ambiguous: int = 0
    unreadable: int = 0
    styled: int = 0

    @property
    def mark(self) -> Mark | None:
        """The mark that most telling cells have; None where none tells."""
        if self.point == self.comma == 0:
            return None
        return "comma" if self.comma > self.point else "point"

    @property
    def is_split(self) -> bool:
        """Whether both marks are in use."""
        return min(self.point, self.comma) > 0


def number_evidence(source: Source, kind: Kind) -> Evidence:
    """Return what the cells of a column say about its decimal mark."""
    counts: Counter[str] = Counter()
    for shape, cells in shapes(source).items():
        point, comma = (_COMPILED[mark].fullmatch(shape) is not None for mark in ("point", "comma"))
        if point and comma and ("." in shape or "," in shape):
            counts["ambiguous"] += cells
        elif point != comma:
            counts["point" if point else "comma"] += cells
        elif not point:
            counts["unreadable"] += cells
        counts["styled"] += 0 if _BARE.fullmatch(shape) else cells
    return _looked_closer(source, kind, Evidence(**counts)) if counts["ambiguous"] else Evidence(**counts)


def _written(source: Source, kind: Kind, mark: Mark) -> str:
    """Return the predicate for a cell that is a number of this kind with this decimal mark."""
    return full_match(source.cell, (_WHOLE_PATTERNS if kind == "integer" else _PATTERNS)[mark])


def _looked_closer(source: Source, kind: Kind, evidence: Evidence) -> Evidence:
    """Tell 0.123 (no thousands) from 1.234, and among whole numbers 1.234 (no decimals) from 1.000."""
    point, comma = _written(source, kind, "point"), _written(source, kind, "comma")
    counted = ", ".join(f"count(*) FILTER (WHERE {test})" for test in (f"{point} AND NOT {comma}", f"{comma} AND NOT {point}"))
    points, commas = source.row(counted, full_match(source.cell, f"[{_SIGNS}]?[0-9]{{1,3}}[.,][0-9]{{3}}"))
    return replace(evidence, point=evidence.point + points, comma=evidence.comma + commas, ambiguous=evidence.ambiguous - points - commas)


def read_number(source: Source, kind: Kind, *, evidence: Evidence, siblings: Mark | None) -> tuple[TextColumn, list[Finding]]:
    """Return how a column of numbers is read, and where that is doubtful.

    `siblings` is the mark of the table's other numeric columns, used where this one does not tell.
    """
    mark = evidence.mark or siblings or "point"
    usual, other = _written(source, kind, mark), _written(source, kind, _OTHER[mark])
    found: list[Finding] = []
    if evidence.is_split:
        advice = f"Most numbers of this column are written like {_EXAMPLES[mark]}; write these like that too."
        found.append(source.finding("error", "locale decimals", f"{other} AND NOT {usual}", what_to_do=advice))
    elif evidence.ambiguous and evidence.mark is None and siblings is None:
        advice = f"Nothing tells whether 1.234 is one thousand here: read as in {_EXAMPLES[mark]}. Write 1234 or 1.2340 to make it plain."
        found.append(source.finding("warning", "locale decimals", f"{usual} AND {other} AND regexp_matches({source.cell}, '[.,]')", what_to_do=advice))
    value = _value(source, kind, mark, evidence=evidence)
    return TextColumn(value, missing(source.column), clash=f"({other} AND NOT {usual})" if evidence.is_split else None), found


def _value(source: Source, kind: Kind, mark: Mark, *, evidence: Evidence) -> str:
    """Return the typed value; cells are rewritten and compared with the pattern only where the column has a cell that needs it."""
    bare = source.cell
    if evidence.styled or mark == "comma":
        decimal, dropped = (".", ",") if mark == "point" else (",", ".")
        bare = f"translate({bare}, {sql.literal(decimal + _MINUS + dropped + ''.join(_GROUPERS))}, '.-')"
    if evidence.unreadable or evidence.is_split:
        bare = f"CASE WHEN {_written(source, kind, mark)} THEN {bare} END"
    value = f"TRY_CAST({bare} AS {_TYPES[kind]})"
    if kind == "number":
        return f"CASE WHEN isfinite({value}) THEN {value} END"
    # The cast to a whole number rounds, it does not refuse.
    return f"CASE WHEN TRY_CAST({bare} AS DECIMAL(38, 10)) = {value} THEN {value} END" if kind == "integer" else value


def shared_mark(evidence: Mapping[str, Evidence], *, but: str) -> Mark | None:
    """Return the decimal mark on which the columns other than `but` agree, or None."""
    marks = {one.mark for column, one in evidence.items() if column != but and one.mark and not one.is_split}
    return marks.pop() if len(marks) == 1 else None


def plain_number(mark: Mark) -> str:
    """Return the pattern of a number as a measure is written: no leading zeros, no plus sign, no exponent, at most 15 digits."""
    decimal, grouper = ("[.]", "[,]") if mark == "point" else ("[,]", "[.]")
    return f"-?(?:0|[1-9][0-9]{{0,14}}|[1-9][0-9]{{0,2}}(?:{grouper}[0-9]{{3}})+)(?:{decimal}[0-9]+)?"
