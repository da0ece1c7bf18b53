"""Tables of estimates in colour: cohorts by age, segments by month."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter

from cs_analysis import glossary
from cs_analysis.errors import ParameterError
from cs_analysis.show.style import (
    HATCH,
    SMALL_N,
    axes_or_new,
    check_one_row_each,
    colour_bar,
    figure_style,
    legend,
    names_that_fit,
    one_metric,
    unfinished_rows,
    width_of,
)
from cs_analysis.show.text import axis_text, key_texts, titled, value_text
from cs_analysis.stats.estimates import UNITS

DAGGER = "†"
_DARK, _LIGHT, _HATCHED = "#111111", "#ffffff", "#b0b0b0"
_SMALLEST_TEXT = 6.5


class Grid(NamedTuple):
    """Rows of a table laid out in two directions: the values along each, and where each row of the table stands."""

    rows: pd.Series
    columns: pd.Series
    row_at: npt.NDArray[np.intp]
    column_at: npt.NDArray[np.intp]


def heatmap(table: pd.DataFrame, *, rows: str, columns: str, limits: tuple[float, float] | None = None, ax: Axes | None = None, language: str = "en") -> Axes:
    """Return axes with one coloured cell a value of `rows` and `columns`: the darker, the larger; its value is written in it.

    Cells without an estimate are blank, those whose time is not over hatched. Values on fewer than 30 cases are in italics with a dagger.
    The legend says so. Where the cells are too narrow for their values only the daggers remain. Amounts of both signs have a palette with
    two colours around zero. Dates and numbers are sorted, everything else keeps the table's order; a missing value (the whole) comes last.

    Parameters
    ----------
    table : DataFrame
        Estimates of one metric, one row for each value of the two keys. A boolean column `unfinished` marks rows whose time is not over.
    rows, columns : str
        Key columns that run down and across.
    limits : tuple of float, optional
        Values of the two ends of the colour scale, to compare several figures; from zero to the table's largest without it.
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
        The table has no such keys, is not an estimates table, holds several metrics or several rows for one cell; the limits are not
        two rising numbers.

    Examples
    --------
    >>> from cs_analysis.stats.estimates import estimates
    >>> keys = {"cohort": ["spring", "spring", "autumn"], "age": [0, 1, 0]}
    >>> ax = heatmap(estimates(keys, metric="retention", unit="share", estimate=[1.0, 0.6, 1.0], n=[80, 80, 90]), rows="cohort", columns="age")
    >>> [text.get_text() for text in ax.texts]
    ['100.0%', '60.0%', '100.0%']
    >>> import matplotlib.pyplot as plt; plt.close(ax.figure)
    """
    metric, unit = one_metric(table, key=rows)
    cells = unfinished_rows(table).reset_index(drop=True)
    grid = grid_of(cells, rows=rows, columns=columns)
    with figure_style():
        ax = axes_or_new(ax, height=1.3 + 0.3 * max(len(grid.rows), 2))
        mesh = _colours(ax, cells, grid, limits=limits)
        _hatches(ax, cells, grid)
        _names(ax, grid, language=language)
        label = titled(glossary.title(metric, language), unit, language)
        colour_bar(mesh, ax, label=label, writes=FuncFormatter(axis_text(unit, language)))
        legend(ax, _marks(cells, language=language))
        figure = cast("Figure", ax.get_figure(root=True))
        if figure.axes[0] is ax and len(figure.axes) == 2:
            # How wide a cell is shows only when names and colour bar have their place; panels get theirs later, and about as much.
            figure.draw_without_rendering()
        _write(ax, cells, grid, mesh=mesh, language=language)
    return ax


def grid_of(table: pd.DataFrame, *, rows: str, columns: str) -> Grid:
    """Return where each row of the table stands among the values of two key columns; raise unless it is one estimates table of single cells."""
    for key in (rows, columns):
        one_metric(table, key=key)
    if rows == columns:
        raise ParameterError(f"rows and columns must be two key columns, not {rows!r} twice.")
    check_one_row_each(table, [rows, columns])
    down, across = _in_order(table[rows]), _in_order(table[columns])
    return Grid(down, across, pd.Index(down).get_indexer(table[rows]), pd.Index(across).get_indexer(table[columns]))


def _in_order(values: pd.Series) -> pd.Series:
    distinct = values.drop_duplicates()
    kept = values.dtype.kind not in "Miuf" and not isinstance(values.dtype, pd.CategoricalDtype | pd.DatetimeTZDtype)
    ordered = distinct.sort_values(key=lambda given: given.isna() if kept else given, kind="stable", na_position="last")
    return ordered.astype(object if isinstance(values.dtype, pd.CategoricalDtype) else values.dtype).reset_index(drop=True)


def _colours(ax: Axes, cells: pd.DataFrame, grid: Grid, *, limits: tuple[float, float] | None) -> QuadMesh:
    values = np.full((len(grid.rows), len(grid.columns)), np.nan)
    values[grid.row_at, grid.column_at] = cells["estimate"]
    low, high = limits or _limits(cells["estimate"])
    if not low < high:
        raise ParameterError(f"limits must be two rising numbers such as (0, 1), not {limits!r}.")
    name = "vlag" if low < 0 < high else "crest" if high > 0 else "crest_r"
    look: dict[str, Any] = {"edgecolors": "white", "linewidth": 1.0, "rasterized": True}
    return ax.pcolormesh(np.ma.masked_invalid(values), cmap=sns.color_palette(name, as_cmap=True), vmin=low, vmax=high, **look)


def _limits(values: pd.Series) -> tuple[float, float]:
    """Return the ends of the colour scale: from zero to the largest, the same on both sides where there are both signs."""
    low, high = min(0.0, values.min()) if values.notna().any() else 0.0, max(0.0, values.max()) if values.notna().any() else 1.0
    if low < 0 < high:
        return -max(-low, high), max(-low, high)
    return (low, high) if low < high else (0.0, 1.0)


def _hatches(ax: Axes, cells: pd.DataFrame, grid: Grid) -> None:
    for row in cells[cells["unfinished"]].itertuples():
        corner = (grid.column_at[row.Index], grid.row_at[row.Index])
        # Sparser where a value has to be read through it.
        hatch = HATCH if pd.isna(row.estimate) else HATCH[0]
        ax.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=_HATCHED, hatch=hatch, linewidth=0))


def _write(ax: Axes, cells: pd.DataFrame, grid: Grid, *, mesh: QuadMesh, language: str) -> None:
    """Write the values into the cells, as large as fits; where there is no room only the daggers."""
    seen = cells[cells["estimate"].notna()]
    texts = [_text(row, language) + (DAGGER if row.n < SMALL_N else "") for row in seen.itertuples()]
    room = 72 * width_of(ax) / max(len(grid.columns), 1)
    widest = max((TextPath((0, 0), text, size=1).get_extents().width for text in set(texts)), default=1.0)
    size = min(9.0, 0.9 * room / widest)
    fits = size >= _SMALLEST_TEXT
    for row, text in zip(seen.itertuples(), texts, strict=True):
        small = row.n < SMALL_N
        middle = (grid.column_at[row.Index] + 0.5, grid.row_at[row.Index] + 0.5)
        look: dict[str, Any] = {
            "color": _readable_on(mesh.to_rgba(row.estimate)),
            "fontsize": max(size, _SMALLEST_TEXT),
            "style": "italic" if small else "normal",
        }
        if fits or small:
            ax.text(*middle, text if fits else DAGGER, ha="center", va="center", **look)


def _text(row: Any, language: str) -> str:
    """Return a value as short as a cell needs it: money without its hundredths."""
    return axis_text(row.unit, language)(row.estimate, None) if row.unit not in UNITS else value_text(row.estimate, row.unit, language)


def _readable_on(background: Any) -> str:
    """Return dark or light, whichever stands out more against a colour."""
    return _DARK if _luminance(background) > 0.2 else _LIGHT


def _luminance(colour: Any) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def _names(ax: Axes, grid: Grid, *, language: str) -> None:
    across, down = key_texts(grid.columns, language=language, short=True), key_texts(grid.rows, language=language)
    step = max(1, -(-len(across) // names_that_fit(ax, max(2, 80 // (2 + max(map(len, across), default=1))))))
    worded = grid.columns.map(lambda value: isinstance(value, str)).any()
    # Between two dates or numbers the reader can count, between two words not: these all stand there, slanted where they are too long.
    shown = list(range(0, len(across), 1 if worded else step))
    ax.set_xticks([place + 0.5 for place in shown], [across[place] for place in shown])
    if worded and step > 1:
        for name in ax.get_xticklabels():
            name.set(rotation=30, ha="right", rotation_mode="anchor")
    ax.set_yticks(np.arange(len(down)) + 0.5, down)
    ax.set_ylim(max(len(down), 1), 0)
    ax.set_xlabel(glossary.key_label(str(grid.columns.name), language))
    ax.set_ylabel(glossary.key_label(str(grid.rows.name), language))
    ax.tick_params(labelsize=9, length=0)
    sns.despine(ax=ax, left=True, bottom=True)


def _marks(cells: pd.DataFrame, *, language: str) -> list[Line2D | Patch]:
    marks: list[Line2D | Patch] = []
    if (cells["n"] < SMALL_N)[cells["estimate"].notna()].any():
        marks.append(Line2D([], [], linestyle="", label=f"{DAGGER} {glossary.label('small_n', language, limit=SMALL_N)}"))
    if cells["unfinished"].any():
        marks.append(Patch(fill=False, edgecolor=_HATCHED, hatch=HATCH, linewidth=0, label=glossary.label("unfinished", language)))
    return marks
