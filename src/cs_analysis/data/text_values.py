"""Columns of text into the contract's types: one convention a column, decided from all its cells inside the database."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from cs_analysis.data import sql
from cs_analysis.data.contract import Kind
from cs_analysis.data.findings import Finding
from cs_analysis.data.local_days import time_zone
from cs_analysis.data.text_cells import Source, TextColumn, full_match, missing, trimmed
from cs_analysis.data.text_instants import read_instant
from cs_analysis.data.text_numbers import number_evidence, plain_number, read_number, shared_mark

__all__ = ["TextColumn", "infer_kind", "read_text_columns"]

_NUMERIC = ("number", "money", "integer")
_TRUE = ("true", "t", "yes", "y", "1", "1.0", "ja", "j", "wahr", "evet", "e", "doğru")
_FALSE = ("false", "f", "no", "n", "0", "0.0", "nein", "falsch", "hayir", "h", "yanliş")


def read_text_columns(
    con: duckdb.DuckDBPyConnection, relation: str, kinds: Mapping[str, Kind], *, table: str, timezone: str | None
) -> tuple[dict[str, TextColumn], list[Finding]]:
    r"""Return how each column of texts is read, and where a column contradicts itself.

    Each column gets one convention, the one of most of its cells; cells in another one are findings and read as NULL.
    The expressions hold for the cells that `relation` has now.

    Parameters
    ----------
    con : DuckDBPyConnection
        The database.
    relation : str
        Table or view with `_row` and the columns, all VARCHAR.
    kinds : mapping
        Column -> kind. Text is trimmed and nothing more; in the other kinds an empty cell, NA, N/A, NaN, NULL, None, - and
        \N are missing.
    table : str
        Name of the contract's table, for the findings.
    timezone : str or None
        Zone of the instants that state none; without it they are NULL and `TextColumn.naive` holds for them.

    Returns
    -------
    dict of str to TextColumn, list of Finding
        Rules `locale decimals` (error: both a decimal point and a decimal comma; warning: it cannot be told which) and
        `mixed date formats` (error).

    Raises
    ------
    ParameterError
        `timezone` is no IANA name.
    """
    if timezone is not None:
        time_zone(timezone)
    sources = {column: Source(con, relation, table, column) for column in kinds}
    evidence = {column: number_evidence(sources[column], kind) for column, kind in kinds.items() if kind in _NUMERIC}
    columns: dict[str, TextColumn] = {}
    found: list[Finding] = []
    for column, kind in kinds.items():
        if kind in _NUMERIC:
            siblings = shared_mark(evidence, but=column)
            columns[column], problems = read_number(sources[column], kind, evidence=evidence[column], siblings=siblings)
        elif kind in ("instant", "month"):
            columns[column], problems = read_instant(sources[column], kind, timezone=timezone)
        else:
            columns[column], problems = _WORDS[kind](column), []
        found += problems
    return columns, found


def infer_kind(con: duckdb.DuckDBPyConnection, relation: str, column: str) -> Kind:
    """Return "number" where every cell that is not missing is a plain number, else "text".

    A number with leading zeros, a plus sign, an exponent or more than 15 digits is a code (a telephone number, an
    identifier), and one such cell makes the column text.
    """
    source = Source(con, relation, "", column)
    point, comma = (full_match(source.cell, plain_number(mark)) for mark in ("point", "comma"))
    cells, points, commas = source.row(f"count(*), count(*) FILTER (WHERE {point}), count(*) FILTER (WHERE {comma})", f"NOT {missing(column)}")
    return "number" if cells and cells in (points, commas) else "text"


def _text(column: str) -> TextColumn:
    cell = trimmed(column)
    return TextColumn(f"nullif({cell}, '')", f"({sql.name(column)} IS NULL OR {cell} = '')")


def _boolean(column: str) -> TextColumn:
    true, false = (", ".join(sql.literal(word) for word in words) for words in (_TRUE, _FALSE))
    word = _folded(column)
    return TextColumn(f"CASE WHEN {word} IN ({true}) THEN true WHEN {word} IN ({false}) THEN false END", missing(column))


def _currency(column: str) -> TextColumn:
    code = f"upper({_folded(column)})"
    return TextColumn(f"CASE WHEN {full_match(code, '[A-Z]{3}')} AND NOT {missing(column)} THEN {code} END", missing(column))


def _folded(column: str) -> str:
    """Return the cell in lower case; Turkish has two letters i, and both capitals fall to the dotted one."""
    return f"lower(translate({trimmed(column)}, 'İIı', 'iii'))"


_WORDS = {"text": _text, "boolean": _boolean, "currency": _currency}
