"""Estimates as tables for readers: titles instead of names, rounded values with their unit, intervals in one column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cs_analysis import glossary
from cs_analysis.errors import MissingColumnsError
from cs_analysis.show.heatmaps import DAGGER, grid_of
from cs_analysis.show.style import SMALL_N, unfinished_rows
from cs_analysis.show.text import Grain, interval_text, key_texts, level_text, titled, value_text
from cs_analysis.stats.estimates import COLUMNS, telling_keys

STAR = "*"


def labelled(table: pd.DataFrame, *, conf_level: float = 0.95, grain: Grain | None = None, language: str = "en") -> pd.DataFrame:
    """Return an estimates table as text: keys, metric (where there are several), value, interval, n.

    No row is dropped or sorted; a key that is missing in every row says nothing and has no column. Bases below 30 carry a dagger, values whose
    time is not over a star; `notes` says so in words. A missing estimate is a dash. The interval column is left out where no row has one. Each
    row is rounded by its own unit, so several metrics and currencies can stand in one table; days and rates a month are named in the title.

    Parameters
    ----------
    table : DataFrame
        Estimates. A boolean column `unfinished` marks rows whose time is not over.
    conf_level : float
        Level of the intervals, for the heading.
    grain : {"day", "month", "quarter", "year"}, optional
        Length of the periods of a `period` key; read off their spacing without it.
    language : str
        Language of headings, numbers and dates.

    Returns
    -------
    DataFrame
        Columns of text, in reading order.

    Raises
    ------
    MissingColumnsError
        The table is no estimates table.

    Examples
    --------
    >>> from cs_analysis.stats.estimates import estimates
    >>> table = estimates({"segment": ["small"]}, metric="nps", unit="points", estimate=30.0, conf_low=14.0, conf_high=44.3, n=20)
    >>> labelled(table).iloc[0].to_dict()
    {'Segment': 'small', 'Net Promoter Score': '30', '95% interval': '14 to 44', 'n': '20 †'}
    """
    if missing := [name for name in COLUMNS if name not in table.columns]:
        raise MissingColumnsError(missing, table.columns, table="estimates")
    keys = telling_keys(table)
    shown = {glossary.key_label(name, language): key_texts(table[name], grain=grain, language=language) for name in keys}
    titles = [titled(glossary.title(metric, language), unit, language) for metric, unit in zip(table["metric"], table["unit"], strict=True)]
    if len(set(titles)) > 1:
        shown[glossary.label("metric", language)] = titles
    value_title = titles[0] if len(set(titles)) == 1 else glossary.label("estimate", language)
    rows = unfinished_rows(table)
    shown[value_title] = [value_text(row.estimate, row.unit, language) + (f" {STAR}" if row.unfinished else "") for row in rows.itertuples()]
    if table[["conf_low", "conf_high"]].notna().any(axis=None):
        limits = zip(table["conf_low"], table["conf_high"], table["unit"], strict=True)
        shown[interval_title(conf_level, language)] = [interval_text(low, high, unit, language=language) for low, high, unit in limits]
    shown[glossary.label("n", language)] = [n_text(n, language) for n in table["n"]]
    return pd.DataFrame(shown, index=range(len(table)))


def wide(table: pd.DataFrame, *, rows: str, columns: str, language: str = "en") -> pd.DataFrame:
    """Return one metric as a table of text that runs down one key and across another: value and interval in each cell.

    Values on fewer than 30 cases carry a dagger, cells whose time is not over a star; `notes` says so in words. A cell that the table does
    not have, or without an estimate, is blank. Dates and numbers are sorted, everything else keeps the table's order; a missing value (the
    whole) comes last.

    Parameters
    ----------
    table : DataFrame
        Estimates of one metric, one row for each value of the two keys. A boolean column `unfinished` marks rows whose time is not over.
    rows, columns : str
        Key columns that run down and across.
    language : str
        Language of headings, numbers and dates.

    Returns
    -------
    DataFrame
        The names of the rows, then a column for each value of `columns`.

    Raises
    ------
    MissingColumnsError, ParameterError
        The table has no such keys, is not an estimates table, or holds several metrics or several rows for one cell.

    Examples
    --------
    >>> from cs_analysis.stats.estimates import estimates
    >>> keys = {"cohort": ["spring", "spring", "autumn"], "age": [0, 1, 1]}
    >>> limits = {"conf_low": [0.9, 0.5, 0.4], "conf_high": [1.0, 0.7, 0.6]}
    >>> wide(estimates(keys, metric="retention", unit="share", estimate=[1.0, 0.6, 0.5], **limits, n=[80, 80, 20]), rows="cohort", columns="age")
       Cohort                         0                         1
    0  spring  100.0% (90.0% to 100.0%)    60.0% (50.0% to 70.0%)
    1  autumn                            50.0% (40.0% to 60.0%) †
    """
    cells = unfinished_rows(table)
    grid = grid_of(cells, rows=rows, columns=columns)
    texts = np.full((len(grid.rows), len(grid.columns)), "", dtype=object)
    texts[grid.row_at, grid.column_at] = [_cell(row, language) for row in cells.itertuples()]
    shown = pd.DataFrame(texts, columns=key_texts(grid.columns, language=language))
    shown.insert(0, glossary.key_label(rows, language), key_texts(grid.rows, language=language), allow_duplicates=True)
    return shown


def notes(table: pd.DataFrame, *, language: str = "en") -> str:
    """Return what the marks of a table mean, in words, as far as the table has such rows.

    Parameters
    ----------
    table : DataFrame
        The estimates given to `labelled` or `wide`.
    language : str
        Language of the words.

    Returns
    -------
    str
        Nothing where no row is marked.

    Examples
    --------
    >>> from cs_analysis.stats.estimates import estimates
    >>> notes(estimates({}, metric="nps", unit="points", estimate=30.0, n=20))
    '† n below 30: read with care.'
    """
    small = glossary.label("small_n_note", language, limit=SMALL_N) if (table["n"] < SMALL_N).any() else ""
    late = glossary.label("unfinished_note", language) if unfinished_rows(table)["unfinished"].any() else ""
    return f"{small} {late}".strip()


def _cell(row: Any, language: str) -> str:
    if pd.isna(row.estimate):
        return STAR if row.unfinished else ""
    limits = interval_text(row.conf_low, row.conf_high, row.unit, language=language)
    marks = (f"({limits})" if limits else "", DAGGER if row.n < SMALL_N else "", STAR if row.unfinished else "")
    return " ".join((value_text(row.estimate, row.unit, language), *(mark for mark in marks if mark)))


def interval_title(conf_level: float, language: str = "en") -> str:
    """Return the heading of an interval column.

    Examples
    --------
    >>> interval_title(0.9)
    '90% interval'
    """
    return glossary.label("interval_title", language, level=level_text(conf_level, language))


def n_text(n: int, language: str = "en") -> str:
    """Return a base as text, with a dagger where it is small.

    Examples
    --------
    >>> n_text(1200), n_text(12)
    ('1,200', '12 †')
    """
    return value_text(n, "count", language) + (f" {DAGGER}" if n < SMALL_N else "")
