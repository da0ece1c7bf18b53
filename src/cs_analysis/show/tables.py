"""Estimates as tables for readers: titles instead of names, rounded values with their unit, intervals in one column."""

from __future__ import annotations

import pandas as pd

from cs_analysis import glossary
from cs_analysis.show.style import SMALL_N
from cs_analysis.show.text import Grain, interval_text, key_texts, level_text, value_text
from cs_analysis.stats.estimates import key_columns


def labelled(table: pd.DataFrame, *, conf_level: float = 0.95, grain: Grain | None = None, language: str = "en") -> pd.DataFrame:
    """Return an estimates table as text: keys, metric (where there are several), value, interval, n.

    Nothing is dropped or sorted. Bases below 30 carry a dagger. The interval column is left out where no row has one.

    Parameters
    ----------
    table : DataFrame
        Estimates.
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

    Examples
    --------
    >>> from cs_analysis.stats.estimates import estimates
    >>> table = estimates({"segment": ["small"]}, metric="nps", unit="points", estimate=30.0, conf_low=14.0, conf_high=44.3, n=20)
    >>> labelled(table).iloc[0].to_dict()
    {'Segment': 'small', 'Net Promoter Score': '30', '95% interval': '14 to 44', 'n': '20 †'}
    """
    metrics = table["metric"].unique()
    shown = {glossary.key_label(name, language): key_texts(table[name], grain=grain, language=language) for name in key_columns(table)}
    if len(metrics) > 1:
        shown[glossary.label("metric", language)] = [glossary.title(name, language) for name in table["metric"]]
    value_title = glossary.title(metrics[0], language) if len(metrics) == 1 else glossary.label("estimate", language)
    shown[value_title] = [value_text(value, unit, language) for value, unit in zip(table["estimate"], table["unit"], strict=True)]
    if table[["conf_low", "conf_high"]].notna().any(axis=None):
        limits = zip(table["conf_low"], table["conf_high"], table["unit"], strict=True)
        shown[interval_title(conf_level, language)] = [interval_text(low, high, unit, language=language) for low, high, unit in limits]
    shown[glossary.label("n", language)] = [n_text(n, language) for n in table["n"]]
    return pd.DataFrame(shown, index=range(len(table)))


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
    return value_text(n, "count", language) + (" †" if n < SMALL_N else "")
