"""Estimates side by side: one row a group, its point and its interval."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from cs_analysis import glossary
from cs_analysis.show.limits import interval_lines
from cs_analysis.show.style import PALETTE, QUIET, SMALL_N, axes_or_new, figure_style, finish, from_zero, legend, one_metric, row_names, small_mark
from cs_analysis.stats.estimates import telling_keys


def interval_plot(table: pd.DataFrame, *, key: str, reference: float | None = None, ax: Axes | None = None, language: str = "en") -> Axes:
    """Return axes with one row a value of `key`: a point, and its interval as a bar. The order is the table's.

    An interval that is open on one side (its limit missing or infinite) is an arrow to the edge.
    Points on fewer than 30 cases are hollow, and the legend says so. A row without an estimate keeps its place, empty.

    Parameters
    ----------
    table : DataFrame
        Estimates of one metric; a row for each value of `key` (and of the other keys, if there are any).
    key : str
        Key column that names the rows.
    reference : float, optional
        A value to compare with, such as 1 for ratios: a thin line.
    ax : Axes, optional
        Where to draw; a new figure without it.
    language : str
        Language of the texts.

    Returns
    -------
    Axes

    Raises
    ------
    MissingColumnsError, ParameterError
        The table has no such key, is not an estimates table or holds several metrics.

    Examples
    --------
    >>> from cs_analysis.stats.estimates import estimates
    >>> table = estimates({"event": ["export", "share"]}, metric="adoption_rate", unit="share", estimate=[0.4, 0.2], n=[100, 100])
    >>> ax = interval_plot(table, key="event")
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['export', 'share']
    >>> import matplotlib.pyplot as plt; plt.close(ax.figure)
    """
    metric, unit = one_metric(table, key=key)
    rows = table.reset_index(drop=True)
    names = row_names(rows, [key, *_others(rows, key)], language=language)
    with figure_style():
        ax = axes_or_new(ax, height=0.9 + 0.36 * max(len(rows), 1))
        if reference is not None:
            ax.axvline(reference, color=QUIET, linewidth=1, zorder=0)
        _draw(ax, rows)
        finish(ax, unit=unit, title=glossary.title(metric, language), language=language, value_axis="x")
        ax.set_yticks(range(len(rows)), names)
        ax.set_ylim(len(rows) - 0.5, -0.5)
        if unit == "share":
            from_zero(ax, rows, value_axis="x")
        legend(ax, [small_mark(language)] if (rows["n"] < SMALL_N)[rows["estimate"].notna()].any() else [])
    return ax


def _others(rows: pd.DataFrame, key: str) -> list[str]:
    return [name for name in telling_keys(rows) if name != key]


def _draw(ax: Axes, rows: pd.DataFrame) -> None:
    interval_lines(ax, rows.index, rows, value_axis="x", color=PALETTE[0], linewidth=3, alpha=0.35)
    for row in rows[rows["estimate"].notna()].itertuples():
        face = "white" if row.n < SMALL_N else PALETTE[0]
        ax.plot(row.estimate, row.Index, linestyle="", marker="o", markersize=7, markerfacecolor=face, markeredgecolor=PALETTE[0], clip_on=False)
