"""What reading numbers and reading instants share: the trimmed cell, missing markers, and the shapes of a column.

A cell's shape is its text with every digit written as 9. A column of millions of cells has a few shapes, so how it is to be
read is decided from a short table, and the cells themselves never leave the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb

from cs_analysis.data import sql
from cs_analysis.data.findings import Finding

BLANKS = " \t\r\n\u00a0\u202f\u2009\ufeff"
_MARKERS = ("", "na", "n/a", "nan", "null", "none", "-", "\\n")
_LONGEST = 60
# Everything longer than a number or an instant can be is one shape.
_TOO_LONG = "too long"


@dataclass(frozen=True)
class TextColumn:
    """How a column of texts is read, as SQL over its relation.

    Attributes
    ----------
    value : str
        Expression: the typed value, NULL where the cell is missing or cannot be read.
    missing : str
        Predicate: the cell is empty or holds a missing marker.
    naive : str or None
        Predicate: a readable instant that states no time zone, where none was given either; None for other kinds.
    clash : str or None
        Predicate: written in another convention than the column's, or (dates) in one that cannot be told; None where
        there is no such cell. These are the rows behind the error `locale decimals` or `mixed date formats`.
    """

    value: str
    missing: str
    naive: str | None = None
    clash: str | None = None


@dataclass(frozen=True)
class Source:
    """A column to be read: the relation it stands in, under which connection, and its table for the findings."""

    con: duckdb.DuckDBPyConnection
    relation: str
    table: str
    column: str

    @property
    def cell(self) -> str:
        """The cell without blanks around it."""
        return trimmed(self.column)

    def row(self, select: str, where: str) -> tuple[Any, ...]:
        """Return the one row of an aggregate over the cells for which a predicate holds."""
        counted: tuple[Any, ...] = self.con.execute(f"SELECT {select} FROM {sql.name(self.relation)} WHERE {where}").fetchall()[0]
        return counted

    def finding(self, severity: Any, rule: str, rows_where: str, *, what_to_do: str) -> Finding:
        """Return a finding about the cells for which the predicate `rows_where` holds."""
        cell = sql.name(self.column)
        count, first, example = self.row(f"count(*), min(_row), arg_min({cell}, _row)", rows_where)
        return Finding(severity, self.table, self.column, rule, count, first or 0, example or "", what_to_do)


def trimmed(column: str) -> str:
    """Return the expression for a cell without blanks around it (no-break spaces count as blanks)."""
    return f"trim({sql.name(column)}, {sql.literal(BLANKS)})"


def missing(column: str) -> str:
    """Return the predicate for an empty cell or one that holds a missing marker."""
    markers = ", ".join(sql.literal(marker) for marker in _MARKERS)
    return f"({sql.name(column)} IS NULL OR lower({trimmed(column)}) IN ({markers}))"


def shapes(source: Source) -> dict[str, int]:
    """Return shape -> number of cells, the most frequent first; missing cells are left out."""
    shape = f"CASE WHEN strlen({source.cell}) <= {_LONGEST} THEN translate({source.cell}, '012345678', '999999999') ELSE '{_TOO_LONG}' END"
    counted = source.con.execute(
        f"SELECT {shape} AS shape, count(*) AS cells FROM {sql.name(source.relation)} GROUP BY shape ORDER BY cells DESC, shape"
    ).fetchall()
    return {text: cells for text, cells in counted if text is not None and text.lower() not in _MARKERS}


def full_match(expression: str, pattern: str) -> str:
    """Return the predicate that an expression as a whole follows a pattern."""
    return f"regexp_full_match({expression}, {sql.literal(pattern)})"
