"""Funnels: the share of those who entered that reached each step."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from cs_analysis import glossary
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.show.limits import interval_lines
from cs_analysis.show.style import (
    INK,
    SMALL_N,
    Group,
    axes_or_new,
    bar_look,
    bar_marks,
    check_one_row_each,
    figure_style,
    finish,
    groups,
    legend,
    one_metric,
    unfinished_rows,
    write_beside,
)
from cs_analysis.show.text import interval_text, key_texts, value_text
from cs_analysis.stats.estimates import key_columns

_OF_PREVIOUS = "step_conversion"


def funnel(table: pd.DataFrame, *, metric: str = "conversion", ax: Axes | None = None, language: str = "en") -> Axes:
    """Return axes with one bar a step, from the first step at the top, as long as the share of entrants that reached it.

    Intervals are lines through the ends of the bars. Groups stand side by side in each step. Where the table also has the metric
    `step_conversion`, its value is written between the bars (with its interval), or beside them when there are groups. Bars on fewer than
    30 entrants are pale, rows marked as not over hatched; the legend says so. A step without an estimate keeps its place.

    Parameters
    ----------
    table : DataFrame
        Estimates with key `step` (1, 2, ...), as the metric `funnel` returns them; `event` names the steps, other keys make the groups.
        A boolean column `unfinished` marks rows whose time is not over.
    metric : str
        Metric of the bars, in shares. Rows of other metrics than this and `step_conversion` are not shown.
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
        The table is not an estimates table over `step`, lacks the metric or has it in another unit than shares, or has several rows or
        names for one step.

    Examples
    --------
    >>> from cs_analysis.stats.estimates import estimates
    >>> keys = {"step": [1, 2], "event": ["sign-up", "export"]}
    >>> ax = funnel(estimates(keys, metric="conversion", unit="share", estimate=[1.0, 0.4], n=[100, 100]))
    >>> [float(bar.get_width()) for bar in ax.patches]
    [1.0, 0.4]
    >>> import matplotlib.pyplot as plt; plt.close(ax.figure)
    """
    reached, passed = _parts(table, metric=metric)
    _, unit = one_metric(reached, key="step")
    _check(reached, unit=unit)
    steps = np.sort(reached["step"].unique())
    parts = groups(reached.drop(columns="event", errors="ignore"), key="step", language=language, gaps=True, empty=True)
    with figure_style():
        ax = axes_or_new(ax, height=1.1 + len(steps) * max(0.62, 0.26 * len(parts)))
        for number, part in enumerate(parts):
            _draw(ax, part, steps, lane=(number, len(parts)))
        finish(ax, unit=unit, title=glossary.title(metric, language), language=language, value_axis="x")
        ax.set_xlim(0, 1)
        ax.set_yticks(range(len(steps)), _names(reached, language=language))
        ax.set_ylim(max(len(steps), 1) - 0.5, -0.5)
        _texts(ax, parts, steps, passed=_passed(passed, parts, language=language), language=language)
        named = [Patch(facecolor=part.color, label=part.name) for part in parts if part.name]
        legend(ax, [*named, *bar_marks(reached, language=language)])
    return ax


def _parts(table: pd.DataFrame, *, metric: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of the metric, and those of the share of the step before."""
    if "metric" not in table.columns:
        raise MissingColumnsError(["metric"], table.columns, table="estimates")
    rows = unfinished_rows(table)
    reached = rows[rows["metric"] == metric]
    if not len(reached):
        raise ParameterError(
            f"the table must have rows of the metric {metric!r}; it has {', '.join(table['metric'].unique()) or 'none'}. Name one with metric=."
        )
    return reached, rows[rows["metric"] == _OF_PREVIOUS]


def _check(rows: pd.DataFrame, *, unit: str) -> None:
    if unit != "share":
        raise ParameterError(f"a funnel shows shares of those who entered; the table's unit is {unit}. Use bars or interval_plot.")
    check_one_row_each(rows, [name for name in key_columns(rows) if name not in ("event", "unfinished")])
    if "event" in rows.columns:
        names = rows.groupby("step")["event"].nunique()
        if (names > 1).any():
            raise ParameterError(f"a step must have one event; step {names[names > 1].index[0]} has several. Draw them apart, or drop the column event.")


def _names(rows: pd.DataFrame, *, language: str) -> list[str]:
    first = rows.drop_duplicates("step").sort_values("step")
    numbers = key_texts(first["step"], language=language)
    if "event" not in first.columns:
        return [f"{glossary.key_label('step', language)} {number}" for number in numbers]
    return [f"{number}  {name}" for number, name in zip(numbers, key_texts(first["event"], language=language), strict=True)]


def _draw(ax: Axes, part: Group, steps: np.ndarray, *, lane: tuple[int, int]) -> None:
    places, height = _places(part, steps, lane=lane)
    for place, row in zip(places, part.rows.itertuples(), strict=True):
        ax.barh(place, row.estimate, height=0.92 * height, **bar_look(part.color, small=row.n < SMALL_N, unfinished=row.unfinished))
    interval_lines(ax, places, part.rows, value_axis="x", color=INK, linewidth=1.5)


def _places(part: Group, steps: np.ndarray, *, lane: tuple[int, int]) -> tuple[np.ndarray, float]:
    """Return where the group's bars stand, and how high they are; a single group leaves room for the texts between its steps."""
    number, count = lane
    height = 0.54 if count == 1 else 0.84 / count
    return np.searchsorted(steps, part.rows["step"]) + (number - (count - 1) / 2) * height, height


def _passed(rows: pd.DataFrame, parts: list[Group], *, language: str) -> dict[tuple[str, object], str]:
    """Return the text of the share of the step before, by group and step."""
    alone = len(parts) == 1
    found = groups(rows.drop(columns="event", errors="ignore"), key="step", language=language)
    texts = {}
    for part in found:
        for row in part.rows.itertuples():
            limits = interval_text(row.conf_low, row.conf_high, row.unit, language=language) if alone else ""
            value = value_text(row.estimate, row.unit, language) + (f" ({limits})" if limits else "")
            texts[part.name, row.step] = glossary.label("previous_step", language, value=value)
    return texts


def _texts(ax: Axes, parts: list[Group], steps: np.ndarray, *, passed: dict[tuple[str, object], str], language: str) -> None:
    alone = len(parts) == 1
    for number, part in enumerate(parts):
        places, _ = _places(part, steps, lane=(number, len(parts)))
        for place, row in zip(places, part.rows.itertuples(), strict=True):
            share, before = value_text(row.estimate, row.unit, language), passed.get((part.name, row.step), "") if row.step != steps[0] else ""
            end = min(np.nanmax([0.0, row.estimate, row.conf_high]), 1.0)
            beside = share if alone or not before else f"{share}  ({before})"
            write_beside(ax, (end, place), beside, size=9 if len(parts) <= 3 else 8)
            if alone and before:
                write_beside(ax, (0, place - 0.5), f"↓ {before}", size=8.5)
