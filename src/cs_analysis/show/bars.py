"""Amounts and counts over periods, as bars from zero."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from cs_analysis import glossary
from cs_analysis.errors import ParameterError
from cs_analysis.show.limits import interval_lines
from cs_analysis.show.style import (
    INK,
    PALETTE,
    SMALL_N,
    axes_or_new,
    bar_look,
    bar_marks,
    figure_style,
    finish,
    from_zero,
    groups,
    legend,
    names_that_fit,
    one_metric,
)
from cs_analysis.show.text import Grain, grain_of, period_text
from cs_analysis.show.trends import with_unfinished


def bars(table: pd.DataFrame, *, ax: Axes | None = None, unfinished: Collection[pd.Timestamp] = (), grain: Grain | None = None, language: str = "en") -> Axes:
    """Return axes with one bar a period, intervals as lines through the tops.

    Bars on fewer than 30 cases are pale, periods that are not over are hatched; the legend says so. A period without an estimate keeps its
    place, empty.

    Parameters
    ----------
    table : DataFrame
        Estimates of one metric with key `period` (first day) and no other. A boolean column `unfinished` marks periods too.
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
        The table is not an estimates table over `period`, or holds several metrics or groups.

    Examples
    --------
    >>> from cs_analysis.stats.estimates import estimates
    >>> months = pd.to_datetime(["2026-09-01", "2026-10-01"])
    >>> ax = bars(estimates({"period": months}, metric="mrr", unit="EUR", estimate=[900.0, 950.0], n=[40, 41]))
    >>> [float(bar.get_height()) for bar in ax.patches]
    [900.0, 950.0]
    >>> import matplotlib.pyplot as plt; plt.close(ax.figure)
    """
    metric, unit = one_metric(table, key="period")
    parts = groups(with_unfinished(table, unfinished), key="period", language=language)
    if len(parts) > 1:
        raise ParameterError(f"bars shows one group; the table has {', '.join(part.name for part in parts)}. Use trend, or choose one.")
    rows = with_unfinished(table, unfinished).sort_values("period", kind="stable", ignore_index=True)
    with figure_style():
        ax = axes_or_new(ax)
        _draw(ax, rows)
        finish(ax, unit=unit, title=glossary.title(metric, language), language=language)
        from_zero(ax, rows)
        _names(ax, rows["period"], grain=grain or grain_of(table["period"]), language=language)
        legend(ax, bar_marks(rows, language=language))
    return ax


def _draw(ax: Axes, rows: pd.DataFrame) -> None:
    for position, row in enumerate(rows.itertuples()):
        ax.bar(position, row.estimate, width=0.72, **bar_look(PALETTE[0], small=row.n < SMALL_N, unfinished=row.unfinished))
    interval_lines(ax, np.arange(len(rows)), rows, color=INK, linewidth=1.5)


def _names(ax: Axes, periods: pd.Series, *, grain: Grain, language: str) -> None:
    """Name the last bar always, and no more of them than can be read."""
    step = max(1, -(-len(periods) // names_that_fit(ax, 9)))
    shown = range(len(periods) - 1, -1, -step)
    ax.set_xlim(-0.6, max(len(periods), 6) - 0.4)
    ax.set_xticks(list(shown), [period_text(periods[position], grain, language, short=True) for position in shown])
