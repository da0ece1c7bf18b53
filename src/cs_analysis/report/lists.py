"""Lists for a spreadsheet: CSV whose cells are read as text and numbers, never as formulas."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd

_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_ESCAPE = "'"
_DIGITS = 8


def write_list(table: pd.DataFrame, path: str | Path, *, private: bool = False) -> Path:
    """Write a table as CSV that is safe to open in a spreadsheet, and return the path.

    A text (also a column's name) that a spreadsheet would take for a formula, because it begins with `=`, `+`, `-`, `@`, a tab or a line break, also
    after spaces, gets an apostrophe before it; every text is in quotes. Numbers stay numbers, to eight digits, instants are ISO 8601, what is missing is
    empty. The file begins with a byte order mark, by which spreadsheets know UTF-8, and it appears whole or not at all.

    Parameters
    ----------
    table : DataFrame
        Any table; its index is not written.
    path : path
        Where to; a file that is there is replaced.
    private : bool
        Nobody but its owner may read the file.

    Returns
    -------
    Path
        The file.

    References
    ----------
    OWASP Foundation, CSV Injection (2023).

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     print(write_list(pd.DataFrame({"name": ["=1+1"]}), f"{folder}/list.csv").read_text(encoding="utf-8-sig").splitlines()[1])
    "'=1+1"
    """
    path = Path(path)
    building = path.with_name(f".{path.name}.building")
    try:
        building.touch(0o600 if private else 0o666)
        building.write_text(list_text(table), encoding="utf-8-sig", newline="")
        building.replace(path)
    finally:
        building.unlink(missing_ok=True)
    return path


def list_text(table: pd.DataFrame) -> str:
    """Return the CSV text of `write_list`."""
    harmless = table.rename(columns=lambda name: _harmless(str(name)))
    harmless = harmless.apply(_column)
    return str(harmless.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n"))


def _column(values: pd.Series) -> pd.Series:
    if pd.api.types.is_float_dtype(values):
        return values.map(lambda value: float(f"{value:.{_DIGITS}g}"), na_action="ignore")
    return values if pd.api.types.is_numeric_dtype(values) else values.map(_cell, na_action="ignore")


def _cell(value: object) -> object:
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat() if value == value.normalize() else value.isoformat()
    return _harmless(value) if isinstance(value, str) else value if isinstance(value, int | float) else _harmless(str(value))


def _harmless(text: str) -> str:
    """Return a text with an apostrophe before it if a spreadsheet would read it as a formula."""
    return _ESCAPE + text if text.lstrip(" \u00a0").startswith(_STARTS) else text
