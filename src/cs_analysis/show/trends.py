"""Estimates over periods, joined by a line."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from cs_analysis import glossary
from cs_analysis.show.limits import band, interval_lines
from cs_analysis.show.style import (
    SMALL_N,
    Group,
    axes_or_new,
    figure_style,
    finish,
    from_zero,
    groups,
    legend,
    names_that_fit,
    one_metric,
    small_mark,
    small_runs,
    unfinished_mark,
)
from cs_analysis.show.text import Grain, grain_of, period_text

MAX_MARKERS = 48


def trend(table: pd.DataFrame, *, ax: Axes | None = None, unfinished: Collection[pd.Timestamp] = (), grain: Grain | None = None, language: str = "en") -> Axes:
    """Return axes with one line a group over the periods, intervals as bars through the points.

    Points on fewer than 30 cases are hollow, periods that are not over are hollow squares at the end of a dotted line; the legend says so.
    The line breaks where an estimate is missing. Series of more than 48 periods are drawn without points, with a band, and lighter where n is small.

    Parameters
    ----------
    table : DataFrame
        Estimates of one metric with key `period` (first day); other keys make the groups. A boolean column `unfinished` marks periods too.
    ax : Axes, optional
        Where to draw; a new figure without it.
    unfinished : collection of Timestamp
        Periods that are not over yet.
    grain : {"day", "month", "quarter", "year"}, optional
        Length of the periods; read off their spacing without it.
    language : str
        Language of the texts.

    Returns
    -------
    Axes

    Raises
    ------
    MissingColumnsError, ParameterError
        The table is not an estimates table over `period`, or holds several metrics.

    Examples
    --------
    >>> from cs_analysis.stats.estimates import estimates
    >>> months = pd.to_datetime(["2026-09-01", "2026-10-01"])
    >>> ax = trend(estimates({"period": months}, metric="mrr", unit="EUR", estimate=[900.0, 950.0], n=[40, 41]))
    >>> [text.get_text() for text in ax.get_xticklabels()]
    ['Sep 2026', 'Oct 2026']
    >>> import matplotlib.pyplot as plt; plt.close(ax.figure)
    """
    metric, unit = one_metric(table, key="period")
    table = with_unfinished(table, unfinished)
    parts = groups(table, key="period", language=language, gaps=True)
    with figure_style():
        ax = axes_or_new(ax)
        points = all(len(part.rows) <= MAX_MARKERS for part in parts)
        for part, shift in zip(parts, _shifts(table, len(parts)), strict=True):
            if points:
                _points(ax, part.rows.assign(period=part.rows["period"] + shift), color=part.color, name=part.name)
            else:
                _line(ax, part.rows, color=part.color, name=part.name)
        finish(ax, unit=unit, title=glossary.title(metric, language), language=language)
        if unit != "points":
            from_zero(ax, table)
        period_axis(ax, table["period"], grain=grain or grain_of(table["period"]), language=language)
        _legend(ax, parts, rows=table[table["estimate"].notna()], language=language)
    return ax


def with_unfinished(table: pd.DataFrame, unfinished: Collection[pd.Timestamp]) -> pd.DataFrame:
    """Return the table with naive periods and a boolean column `unfinished`."""
    marked = table["unfinished"] if "unfinished" in table.columns else False
    periods = pd.to_datetime(table["period"]).dt.tz_localize(None)
    late = periods.isin([pd.Timestamp(start).tz_localize(None) for start in unfinished])
    return table.assign(period=periods, unfinished=late | marked)


def period_axis(ax: Axes, periods: pd.Series, *, grain: Grain, language: str) -> None:
    """Name the periods along the axis, the last one always, and no more of them than can be read."""
    days = np.sort(periods.unique())
    step = max(1, -(-len(days) // names_that_fit(ax, 6 if grain == "day" else 9)))
    shown = [pd.Timestamp(day) for day in days[::-1][::step][::-1]]
    ax.set_xticks([day.to_pydatetime() for day in shown], [period_text(day, grain, language, short=True) for day in shown])


def _shifts(table: pd.DataFrame, count: int) -> list[pd.Timedelta]:
    """Return by how much each group's points stand beside the period, so that intervals of several groups can be told apart."""
    between = table["period"].drop_duplicates().sort_values().diff().min()
    step = pd.Timedelta(0) if pd.isna(between) or table["conf_low"].isna().all() else min(0.1, 0.5 / max(count, 1)) * between
    return [(number - (count - 1) / 2) * step for number in range(count)]


def _points(ax: Axes, part: pd.DataFrame, *, color: str, name: str) -> None:
    x, y = part["period"].to_numpy(), part["estimate"].to_numpy()
    late, small, seen = part["unfinished"].to_numpy(), part["n"].to_numpy() < SMALL_N, np.isfinite(y)
    over = ~late
    ax.plot(x[over], y[over], color=color, linewidth=1.6, label=name)
    if late.any():
        from_last = np.flatnonzero(late)[0] - 1
        ax.plot(x[max(from_last, 0) :], y[max(from_last, 0) :], color=color, linewidth=1.6, linestyle=":")
    interval_lines(ax, x, part, color=color, linewidth=3, alpha=0.35)
    for rows, marker, face in ((over & ~small, "o", color), (over & small, "o", "white"), (late, "s", "white")):
        if (rows & seen).any():
            ax.plot(x[rows & seen], y[rows & seen], linestyle="", marker=marker, markersize=6, markerfacecolor=face, markeredgecolor=color, clip_on=False)


def _line(ax: Axes, part: pd.DataFrame, *, color: str, name: str) -> None:
    x, y = part["period"].to_numpy(), part["estimate"].to_numpy()
    band(ax, x, part, color=color, alpha=0.15)
    for small, first, after in small_runs(part):
        stretch = slice(first, after + 1)
        ax.plot(x[stretch], y[stretch], color=color, linewidth=1.6, label=name, alpha=0.55 if small else 1, linestyle="--" if small else "-")


def _legend(ax: Axes, parts: list[Group], *, rows: pd.DataFrame, language: str) -> None:
    handles = [Line2D([], [], color=part.color, linewidth=2, label=part.name) for part in parts if part.name]
    if (rows["n"] < SMALL_N).any():
        handles.append(small_mark(language))
    if rows["unfinished"].any():
        handles.append(unfinished_mark(language))
    legend(ax, handles)
