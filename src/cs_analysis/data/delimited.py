"""Delimited text files into the database as they are: every cell a text, every row numbered, nothing lost.

The database reads the file at full speed. Only a file that it refuses (a line with too many fields, a stray quotation
mark) is gone through line by line, so that the good rows load and the others are kept with their reason.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import unicodedata
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from cs_analysis.data import sql
from cs_analysis.data.findings import Finding
from cs_analysis.data.line_repair import Fault, repair_lines
from cs_analysis.data.text_encoding import DAMAGE, Utf8File, utf8_file

_DELIMITERS = ",;\t|"
# A byte that no table holds: a file of one column has no delimiter, and its cells may hold any of the usual ones.
_NO_DELIMITER = "\x1f"
_SAMPLE_CHARACTERS = 1 << 18
_SAMPLE_RECORDS = 200
_DECLARED = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_WORKBOOK = "PK\x03\x04"
_NAMES = {"utf-8": "UTF-8", "utf-16": "UTF-16", "cp1252": "Windows-1252", "cp1254": "Windows-1254 (Turkish)"}
_REPAIR_ENCODING = "Export the table again as UTF-8 ('CSV UTF-8' in Excel)."


def normalise_header(text: str) -> str:
    """Return a source's column name as the contract writes it.

    Lower case, Turkish İ, I and ı as i, runs of blanks, hyphens and dots as one underscore.

    Examples
    --------
    >>> normalise_header(" ACCOUNT-İD "), normalise_header("Started.At")
    ('account_id', 'started_at')
    """
    plain = unicodedata.normalize("NFC", text).replace("\ufeff", "").strip().translate(str.maketrans("İIı", "iii"))
    return re.sub(r"[\s\-.]+", "_", plain.lower())


def load_delimited(con: duckdb.DuckDBPyConnection, path: Path, *, relation: str, table: str, scratch: Path) -> list[Finding]:
    """Return what was wrong with a delimited text file, loaded as the table `relation`.

    `relation` gets `_row` (data row number from 1, blank lines not counted) and one VARCHAR column for each column of the
    source, under its normalised name; empty cells are NULL. `<relation>_rejects` gets the rows that could not be told apart
    into cells, as `_row`, `line` and `reason`. Both exist afterwards, whatever was found.

    Encoding (UTF-8 with or without byte order mark, UTF-16, Windows-1252 or -1254), delimiter (comma, semicolon, tab, bar),
    line ends and gzip are found out from the file; a first line `sep=;` is obeyed.

    Parameters
    ----------
    con : DuckDBPyConnection
        The database.
    path : Path
        The file, gzipped or not.
    relation, table : str
        Name of the table to make, and name of the contract's table for the findings.
    scratch : Path
        Folder for a copy in UTF-8, where one is needed; the copy is deleted again.

    Returns
    -------
    list of Finding
        Rules `unreadable file`, `duplicate column`, `unreadable row` (errors) and `encodings` (warning).

    Raises
    ------
    OSError
        The file does not exist or may not be read.
    """
    try:
        source = utf8_file(path, scratch=scratch)
        layout = _layout(source)
    except (EOFError, zlib.error, gzip.BadGzipFile, csv.Error) as error:
        return _unreadable(con, relation, table, example=f"{path.name}: {error}", what_to_do="The file is cut off or damaged; export it again.")
    if layout is None:
        found = _unreadable(con, relation, table, example=path.name, what_to_do="The file is empty: export it again, at least with a header line.")
    elif layout.header[0].startswith(_WORKBOOK):
        found = _unreadable(con, relation, table, example=path.name, what_to_do="This is a workbook, not text: save it as 'CSV UTF-8'.")
    else:
        faults = _load(con, source, layout, relation=relation, scratch=scratch)
        found = _duplicates(layout, table) + [_bad_rows(fault, layout, table) for fault in faults] + _encodings(con, source, relation, table=table)
    if source.path != path:
        source.path.unlink()
    return found


@dataclass(frozen=True)
class _Layout:
    """How a file is written: lines before its header, what parts the cells, and the header's names as they stand."""

    skip: int
    delimiter: str
    header: tuple[str, ...]

    @property
    def columns(self) -> list[str]:
        """Column names of the relation: normalised, and told apart by a number where two are the same."""
        names: list[str] = ["_row"]
        for position, text in enumerate(self.header, start=1):
            name = normalise_header(text) or f"column_{position}"
            names.append(name if name not in names else f"{name}__{position}")
        return names[1:]


def _layout(source: Utf8File) -> _Layout | None:
    """Return how the file is written, or None where there is nothing in it."""
    with source.open() as handle:
        sample = handle.read(_SAMPLE_CHARACTERS)
    lines = io.StringIO(sample, newline="")
    skip = 0
    declared = None
    for line in lines:
        if match := _DECLARED.fullmatch(line):
            declared = match[1]
        elif line.strip():
            break
        skip += 1
    else:
        return None
    text = "".join([line, *lines])
    delimiter = declared or _delimiter(text, whole=len(sample) < _SAMPLE_CHARACTERS)
    return _Layout(skip, delimiter, tuple(next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))))


def _delimiter(text: str, *, whole: bool) -> str:
    """Return the character that cuts most records into as many fields as the header, and the header into the most."""
    scores = {}
    for delimiter in _DELIMITERS:
        widths = _widths(text, delimiter)
        widths = widths if whole else widths[:-1] or widths
        if widths[0] > 1:
            scores[delimiter] = (sum(width == widths[0] for width in widths) / len(widths), widths[0])
    return max(scores, key=lambda delimiter: scores[delimiter], default=_NO_DELIMITER)


def _widths(text: str, delimiter: str) -> list[int]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    widths = [1]
    try:
        widths = [len(record) for record in islice(reader, _SAMPLE_RECORDS) if record]
    except csv.Error:
        # A field beyond the module's limit: no table is cut like that.
        return [1]
    return widths


def _load(con: duckdb.DuckDBPyConnection, source: Utf8File, layout: _Layout, *, relation: str, scratch: Path) -> list[Fault]:
    """Fill the relation and its rejects, and return the faults of its lines."""
    cells = ", ".join(sql.name(column) for column in layout.columns)
    scan = _scan(source.path, layout.columns, delimiter=layout.delimiter, skip=layout.skip, zipped=source.zipped)
    try:
        with _in_file_order(con):
            # A line of nothing but separators, as spreadsheets leave them, is as empty as a blank line.
            _create(con, relation, f"SELECT row_number() OVER () AS _row, {cells} FROM {scan} WHERE coalesce({cells}) IS NOT NULL")
    except duckdb.InvalidInputException:
        return _load_repaired(con, source, layout, relation=relation, scratch=scratch)
    _create(con, f"{relation}_rejects", "SELECT 0::BIGINT AS _row, '' AS line, '' AS reason WHERE false")
    return []


def _load_repaired(con: duckdb.DuckDBPyConnection, source: Utf8File, layout: _Layout, *, relation: str, scratch: Path) -> list[Fault]:
    good, bad = scratch / f"{source.path.name}.good", scratch / f"{source.path.name}.bad"
    with source.open() as text:
        faults = repair_lines(text, good, bad, skip=layout.skip, width=len(layout.header), delimiter=layout.delimiter)
    for target, part, columns in ((relation, good, layout.columns), (f"{relation}_rejects", bad, ["line", "reason"])):
        _create(con, target, f"SELECT * REPLACE (_row::BIGINT AS _row) FROM {_scan(part, ['_row', *columns])}")
    good.unlink()
    bad.unlink()
    return faults


def _create(con: duckdb.DuckDBPyConnection, relation: str, query: str) -> None:
    con.execute(f"CREATE OR REPLACE TABLE {sql.name(relation)} AS {query}")


def _scan(path: Path, columns: list[str], *, delimiter: str = ",", skip: int = 0, zipped: bool = False) -> str:
    types = ", ".join(f"{sql.literal(column)}: 'VARCHAR'" for column in columns)
    return (
        f"read_csv({sql.literal(str(path))}, auto_detect = false, header = true, skip = {skip}, delim = {sql.literal(delimiter)}, quote = '\"', escape = '\"', "
        f"columns = {{{types}}}, compression = '{'gzip' if zipped else 'none'}')"
    )


@contextmanager
def _in_file_order(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Have rows numbered in the order of the file even where the connection was told that order does not matter."""
    kept: Any = con.execute("SELECT current_setting('preserve_insertion_order')").fetchone()
    con.execute("SET preserve_insertion_order = true")
    try:
        yield
    finally:
        con.execute(f"SET preserve_insertion_order = {kept[0]}")


def _unreadable(con: duckdb.DuckDBPyConnection, relation: str, table: str, *, example: str, what_to_do: str) -> list[Finding]:
    con.execute(f"CREATE OR REPLACE TABLE {sql.name(relation)} (_row BIGINT)")
    con.execute(f"CREATE OR REPLACE TABLE {sql.name(relation + '_rejects')} (_row BIGINT, line VARCHAR, reason VARCHAR)")
    return [Finding("error", table, "", "unreadable file", 0, 0, example, what_to_do)]


def _duplicates(layout: _Layout, table: str) -> list[Finding]:
    """Return the findings on names that several columns have, or that is taken by the row number."""
    names = [normalise_header(text) for text in layout.header]
    found = []
    for name in dict.fromkeys(filter(None, names)):
        same = [text.strip() for text, other in zip(layout.header, names, strict=True) if other == name]
        if len(same) > 1 or name == "_row":
            reason = "'_row' numbers the rows" if name == "_row" else f"Only one column may be called '{name}'"
            found.append(Finding("error", table, name, "duplicate column", 0, 0, ", ".join(same), f"{reason}; rename the column in the source."))
    return found


def _bad_rows(fault: Fault, layout: _Layout, table: str) -> Finding:
    what_to_do = f"{fault.reason} ({len(layout.header)} fields). Repair the row; a value that holds the separator needs quotation marks."
    return Finding("error", table, "", "unreadable row", fault.rows, fault.first_row, fault.example, what_to_do)


def _encodings(con: duckdb.DuckDBPyConnection, source: Utf8File, relation: str, *, table: str) -> list[Finding]:
    """Return the guess between two encodings, and where the text shows an earlier wrong one."""
    found = []
    if source.guessed:
        shown = " ".join(f"{byte:02X}" for byte in source.guessed)
        advice = f"Read as {_NAMES[source.encoding]}, because of the bytes {shown}, which are other letters in Windows-1252. {_REPAIR_ENCODING}"
        found.append(Finding("warning", table, "", "encodings", 0, 0, source.guessed.decode(source.encoding), advice))
    if source.damaged:
        columns = [row[0] for row in con.execute(f"DESCRIBE {sql.name(relation)}").fetchall()][1:]
        found += [finding for column in columns if (finding := _damage(con, relation, column, table=table))]
    return found


def _damage(con: duckdb.DuckDBPyConnection, relation: str, column: str, *, table: str) -> Finding | None:
    cell = sql.name(column)
    aggregate = f"SELECT count(*), min(_row), arg_min({cell}, _row) FROM {sql.name(relation)}"
    rows, first, example = con.execute(f"{aggregate} WHERE regexp_matches({cell}, {sql.literal(DAMAGE)})").fetchall()[0]
    if not rows:
        return None
    return Finding("warning", table, column, "encodings", rows, first, example, f"Letters were lost or mangled before the file was written. {_REPAIR_ENCODING}")
