"""Step curves over time since the start: survival and cumulative incidence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from cs_analysis import glossary
from cs_analysis.show.limits import band
from cs_analysis.show.style import INK, SMALL_N, Group, axes_or_new, figure_style, finish, groups, legend, names_that_fit, one_metric, small_runs
from cs_analysis.show.text import axis_text

_TICK_STEPS = (0.25, 1, 7, 30, 90, 180, 365, 730, 1825)


def curve(table: pd.DataFrame, *, ax: Axes | None = None, language: str = "en") -> Axes:
    """Return axes with one step curve a group, each with its band.

    Nothing is drawn beyond the table's last row: what has not been observed is not shown. Stretches with fewer than 30 at risk are dashed and
    lighter, and the legend says so.

    A survival curve has no row for a group in which nobody has ended, nor after a group's last end. To see such a group, and how far each
    was followed, stack the curve with rows at fixed times (`survival_at`, or `at_days` of a metric): a row at day 0 is enough. A group
    whose curve has not moved is a flat line, or a point at day 0, and the legend says that it has no event yet.

    Parameters
    ----------
    table : DataFrame
        Estimates of one metric with key `time_days`; other keys make the groups. `n` is the number at risk.
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
        The table is not an estimates table over `time_days`, or holds several metrics.

    Examples
    --------
    >>> from cs_analysis.stats.estimates import estimates
    >>> table = estimates({"time_days": [30.0, 60.0]}, metric="survival", unit="share", estimate=[0.9, 0.8], n=[100, 80])
    >>> ax = curve(table)
    >>> [line.get_drawstyle() for line in ax.lines]
    ['steps-post']
    >>> import matplotlib.pyplot as plt; plt.close(ax.figure)
    """
    metric, unit = one_metric(table, key="time_days")
    parts = groups(table, key="time_days", language=language)
    with figure_style():
        ax = axes_or_new(ax)
        for part in parts:
            _draw(ax, _from_day_zero(part.rows), look={"color": part.color, "label": part.name}, pale=0.15 if len(parts) <= 4 else 0.06)
        finish(ax, unit=unit, title=glossary.title(metric, language), language=language)
        _days_axis(ax, language=language)
        if unit == "share":
            ax.set_ylim(0, 1.02)
        _legend(ax, parts, language=language)
    return ax


def _from_day_zero(part: pd.DataFrame) -> pd.DataFrame:
    """Start a survival curve at one and every other at nothing, before anybody could have had the event."""
    if not len(part) or part["time_days"].iloc[0] == 0:
        return part
    start = 1.0 if part["metric"].iloc[0] == "survival" else 0.0
    limit = start if part["conf_low"].notna().any() else np.nan
    first = part.iloc[[0]].assign(time_days=0.0, estimate=start, conf_low=limit, conf_high=limit)
    return pd.concat([first, part], ignore_index=True)


def _draw(ax: Axes, part: pd.DataFrame, *, look: dict[str, Any], pale: float) -> None:
    x, y = part["time_days"].to_numpy(), part["estimate"].to_numpy()
    if part["conf_low"].notna().any():
        band(ax, x, part, step="post", color=look["color"], alpha=pale)
    for small, first, after in small_runs(part):
        # One row more than the stretch: a step lasts until the next row's time.
        stretch = slice(first, after + 1)
        pen: dict[str, Any] = {"alpha": 0.55, "linestyle": "--"} if small else {"alpha": 1, "linestyle": "-"}
        ax.plot(x[stretch], y[stretch], drawstyle="steps-post", linewidth=2, **look, **pen)
    if len(x) == 1:
        ax.plot(x, y, linestyle="", marker="o", markersize=6, clip_on=False, **look)


def _days_axis(ax: Axes, *, language: str) -> None:
    """Set ticks at weeks, months, quarters or years of days: the spans people think in."""
    longest = 1.05 * ax.dataLim.x1 if ax.dataLim.x1 > 0 else 1
    ax.set_xlim(0, longest)
    step = next((step for step in _TICK_STEPS if longest / step <= names_that_fit(ax, 10)), _TICK_STEPS[-1])
    ax.set_xticks(np.arange(0, longest, step))
    ax.xaxis.set_major_formatter(FuncFormatter(axis_text("days", language)))
    ax.set_xlabel(glossary.label("at_risk", language))


def _legend(ax: Axes, parts: list[Group], *, language: str) -> None:
    names = [_name(part, language=language) for part in parts]
    handles = [Line2D([], [], color=part.color, linewidth=2, label=name) for part, name in zip(parts, names, strict=True) if name]
    if any((part.rows["n"] < SMALL_N).any() for part in parts):
        handles.append(Line2D([], [], color=INK, alpha=0.55, linewidth=2, linestyle="--", label=glossary.label("small_n", language, limit=SMALL_N)))
    legend(ax, handles)


def _name(part: Group, *, language: str) -> str:
    """Return the group's name, and that it has no event yet where its curve has not moved."""
    still = 1.0 if part.rows["metric"].iloc[0] == "survival" else 0.0
    if (part.rows["estimate"] != still).any():
        return part.name
    words = glossary.label("no_event_yet", language)
    return f"{part.name} ({words})" if part.name else words
