"""Small multiples: the same figure once a group, on the same scales."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from cs_analysis import glossary
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.show.heatmaps import DAGGER
from cs_analysis.show.style import SMALL_N, colour_bar, figure_style, in_rows, row_names, unfinished_rows
from cs_analysis.stats.estimates import COLUMNS, key_columns

_WIDTH = 8.2


def small_multiples(
    table: pd.DataFrame, draw: Callable[..., Axes], *, by: str | list[str], columns: int = 3, height: float = 2.4, language: str = "en"
) -> list[Axes]:
    """Return the axes of one panel a group, each drawn by `draw` and titled with the group's name, in the table's order.

    All panels have the same scales and the same places: what a group lacks stays empty in its panel. A group of lines has one colour in all
    of them. The legend and the names of the axes stand once, outside.

    Parameters
    ----------
    table : DataFrame
        Estimates as `draw` takes them, with the key columns `by` besides.
    draw : callable
        A function of this room such as `trend`; one that needs more arguments through `functools.partial`.
    by : str or list of str
        Key columns whose values make the panels.
    columns : int
        Panels side by side.
    height : float
        Height of a panel in inches.
    language : str
        Language of the texts.

    Returns
    -------
    list of Axes

    Raises
    ------
    MissingColumnsError, ParameterError
        The table lacks a column or holds no row; `columns` is below one; two panels would have different colour scales. And what `draw`
        raises.

    Examples
    --------
    >>> from cs_analysis.show.curves import curve
    >>> from cs_analysis.stats.estimates import estimates
    >>> keys = {"segment": ["small", "large"], "time_days": [30.0, 60.0]}
    >>> axes = small_multiples(estimates(keys, metric="survival", unit="share", estimate=[0.9, 0.8], n=100), curve, by="segment")
    >>> [ax.get_title(loc="left") for ax in axes]
    ['small', 'large']
    >>> import matplotlib.pyplot as plt; plt.close(axes[0].figure)
    """
    keys = [by] if isinstance(by, str) else list(by)
    parts = _complete(table, keys, language=language)
    if columns < 1:
        raise ParameterError(f"columns must be 1 or more, not {columns}.")
    across = min(columns, len(parts))
    down = -(-len(parts) // across)
    with figure_style():
        figure, grid = plt.subplots(down, across, figsize=(_WIDTH, 0.6 + height * down), layout="constrained", squeeze=False)
        axes = list(grid.flat[: len(parts)])
        for ax, (name, part) in zip(axes, parts, strict=True):
            draw(part, ax=ax, language=language)
            ax.set_title(fill(name, width=max(12, 78 // across)), loc="left", fontsize=10)
        for ax in grid.flat[len(parts) :]:
            ax.remove()
        _one_colour_bar(axes)
        _same_scales(axes)
        _once(figure, axes, across=across, marks=_marks(language))
    return axes


def _complete(table: pd.DataFrame, keys: list[str], *, language: str) -> list[tuple[str, pd.DataFrame]]:
    """Return each group's name and rows, with an empty row wherever another group has one, so that all panels have the same places."""
    missing = [name for name in (*keys, *COLUMNS) if name not in table.columns]
    if missing:
        raise MissingColumnsError(missing, table.columns, table="estimates")
    if not len(table):
        raise ParameterError("the table must hold at least one row: a panel is drawn for each group, and there is none.")
    rows = unfinished_rows(table).reset_index(drop=True)
    places = [*(name for name in key_columns(table) if name not in (*keys, "unfinished")), "metric", "unit"]
    names = row_names(rows, keys, language=language)
    every = rows[places].drop_duplicates()
    parts = rows.groupby(keys, dropna=False, sort=False, observed=True)
    return [(names[part.index[0]], _filled(every.merge(part.drop(columns=keys), on=places, how="left"), table)) for _, part in parts]


def _filled(part: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Return a panel's rows in the order and with the columns of the table, an absent row on no case and not marked."""
    full = part.assign(n=part["n"].fillna(0).astype("int64"), unfinished=part["unfinished"].eq(other=True))
    return full[[name for name in table.columns if name in full.columns]]


def _one_colour_bar(axes: list[Axes]) -> None:
    """Leave one colour bar for all panels; raise if their scales differ."""
    coloured: list[Any] = [mesh for ax in axes for mesh in ax.collections if mesh.colorbar is not None]
    if len({mesh.get_clim() for mesh in coloured}) > 1:
        raise ParameterError("all panels must have one colour scale, and theirs differ. Give it: partial(heatmap, ..., limits=(0, 1)).")
    if coloured:
        bar = coloured[0].colorbar
        label, writes = bar.ax.get_ylabel(), bar.formatter
        for mesh in coloured:
            mesh.colorbar.remove()
        colour_bar(coloured[0], axes, label=label, writes=writes)


def _same_scales(axes: list[Axes]) -> None:
    """Give all panels the widest limits of any, in the direction in which they run, and fixed ticks from the panel with the widest limits of its own."""
    for name in ("x", "y"):
        limits = np.array([getattr(ax, f"get_{name}lim")() for ax in axes])
        starts, ends = limits.T
        widest = (starts.max(), ends.min()) if starts[0] > ends[0] else (starts.min(), ends.max())
        longest = getattr(axes[int(np.abs(ends - starts).argmax())], f"{name}axis")
        ticks = longest.get_majorticklocs() if isinstance(longest.get_major_locator(), FixedLocator) else None
        for ax in axes:
            getattr(ax, f"set_{name}lim")(*widest)
            if ticks is not None:
                getattr(ax, f"{name}axis").set_major_locator(FixedLocator(ticks))


def _once(figure: Figure, axes: list[Axes], *, across: int, marks: set[str]) -> None:
    """Write the names of the axes and the legend once for all panels; the names of places along the left side only where all have the same."""
    figure.supxlabel(axes[0].get_xlabel(), fontsize=10)
    figure.supylabel(axes[0].get_ylabel(), fontsize=10)
    same = len({tuple(text.get_text() for text in ax.get_yticklabels()) for ax in axes}) == 1
    entries: dict[str, Any] = {}
    for number, ax in enumerate(axes):
        ax.set(xlabel="", ylabel="")
        ax.tick_params(labelleft=not same or number % across == 0)
        entries.update({handle.get_label(): handle for handle in _taken_legend(ax)})
    if entries:
        handles, ncols = in_rows(sorted(entries.values(), key=lambda handle: handle.get_label() in marks))
        figure.legend(handles=handles, loc="outside upper left", ncols=ncols, frameon=False)


def _marks(language: str) -> set[str]:
    """Return the legend entries that are no groups; they come last."""
    small, unfinished = glossary.label("small_n", language, limit=SMALL_N), glossary.label("unfinished", language)
    return {small, f"{DAGGER} {small}", unfinished}


def _taken_legend(ax: Axes) -> list[Any]:
    """Take the legend off a panel and return its entries."""
    shown = ax.get_legend()
    if shown is None:
        return []
    shown.remove()
    return list(shown.legend_handles)
