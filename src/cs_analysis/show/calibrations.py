"""Calibration: what was foretold against what came."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cs_analysis import glossary
from cs_analysis.errors import MissingColumnsError
from cs_analysis.show.limits import interval_lines
from cs_analysis.show.style import INK, PALETTE, QUIET, SMALL_N, axes_or_new, figure_style, finish, legend, one_metric, small_mark
from cs_analysis.show.text import axis_text

_BAND = ("band_low", "band_high")


def calibration(table: pd.DataFrame, *, ax: Axes | None = None, language: str = "en") -> Axes:
    """Return axes with a point a bin: across what was foretold, up what came, with its interval; the diagonal is right.

    The shaded band around the diagonal holds what comes if the forecasts are right. Points on fewer than 30 cases are hollow.

    Parameters
    ----------
    table : DataFrame
        Estimates of one metric and one model with the key `predicted`, as `health_calibration` returns them; `band_low` and `band_high` if there are any.
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
        The table has no `predicted`, or several metrics.

    Examples
    --------
    >>> from cs_analysis.stats.estimates import estimates
    >>> table = estimates({"predicted": [0.1, 0.4]}, metric="health_calibration", unit="share", estimate=[0.12, 0.35], n=[100, 100])
    >>> ax = calibration(table)
    >>> bool(ax.get_xlim()[0] == ax.get_ylim()[0] == 0)
    True
    >>> import matplotlib.pyplot as plt; plt.close(ax.figure)
    """
    if "predicted" not in table.columns:
        raise MissingColumnsError(["predicted"], table.columns, table="estimates")
    metric, unit = one_metric(table, key="predicted")
    rows = table.sort_values("predicted", ignore_index=True)
    banded = set(_BAND) <= set(rows.columns)
    with figure_style():
        ax = axes_or_new(ax, height=4.2)
        if banded:
            ax.fill_between(rows["predicted"], rows["band_low"], rows["band_high"], color=QUIET, alpha=0.2, linewidth=0)
        interval_lines(ax, rows["predicted"], rows, value_axis="y", color=PALETTE[0], linewidth=3, alpha=0.35)
        for row in rows[rows["estimate"].notna()].itertuples():
            face = "white" if row.n < SMALL_N else PALETTE[0]
            ax.plot(row.predicted, row.estimate, linestyle="", marker="o", markersize=7, markerfacecolor=face, markeredgecolor=PALETTE[0])
        finish(ax, unit=unit, title=glossary.title(metric, language), language=language)
        _square(ax, rows, language=language)
        legend(ax, _marks(rows, banded=banded, language=language))
    return ax


def _square(ax: Axes, rows: pd.DataFrame, *, language: str) -> None:
    """Give both axes one scale from 0, with the diagonal."""
    columns = [name for name in ("predicted", "estimate", "conf_high", "band_high") if name in rows.columns]
    top = min(1.05 * float(rows[columns].max().max()), 1.02)
    ax.plot([0, top], [0, top], color=INK, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    ax.set_xlim(0, top)
    ax.set_ylim(0, top)
    ax.xaxis.set_major_formatter(axis_text("share", language))
    ax.set_xlabel(glossary.key_label("predicted", language))


def _marks(rows: pd.DataFrame, *, banded: bool, language: str) -> list[Line2D | Patch]:
    marks: list[Line2D | Patch] = [Line2D([], [], color=INK, linewidth=1, linestyle=(0, (4, 3)), label=glossary.label("as_foretold", language))]
    if banded:
        marks.append(Patch(facecolor=QUIET, alpha=0.2, label=glossary.label("by_chance", language)))
    if (rows["n"] < SMALL_N).any():
        marks.append(small_mark(language))
    return marks
