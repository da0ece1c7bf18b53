"""How every figure looks: one palette that colour-blind readers can tell apart, one frame, and the two marks (small n, not over yet)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any, Literal, NamedTuple

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import Formatter, FuncFormatter, MaxNLocator

from cs_analysis import glossary
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.show.text import axis_text, key_texts, titled
from cs_analysis.stats.estimates import COLUMNS, key_columns, telling_keys

SMALL_N = 30
INK = "#333333"
QUIET = "#8a8a8a"
HATCH = "///"
# The scheme's pale pink and yellow cannot be read as thin lines on white; two dark colours stand in for them.
PALETTE = (*(sns.color_palette("colorblind").as_hex()[i] for i in (0, 1, 2, 4, 3, 7, 9, 5)), "#2b2b6b", "#235423")

# DejaVu Sans comes with matplotlib: the same letters on every machine, Turkish ones included. Names of segments may hold dollars: no formulas.
_RC: dict[Any, object] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "text.parse_math": False,
    "font.size": 10,
    "axes.labelsize": 10,
    "legend.fontsize": 9,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "text.color": INK,
    "hatch.linewidth": 1.2,
}


class Group(NamedTuple):
    """One group of a table: its name, its colour, and its rows."""

    name: str
    color: str
    rows: pd.DataFrame


@contextmanager
def figure_style() -> Iterator[None]:
    """Apply the package's style inside the block and leave matplotlib's settings as they were."""
    # Loads the backend. Were it loaded inside the block, leaving that would undo what it set, and later figures of a notebook would stay unseen.
    plt.draw_if_interactive()  # type: ignore[no-untyped-call]
    with sns.axes_style("ticks"), plt.rc_context(_RC):
        yield


def axes_or_new(ax: Axes | None, *, height: float = 3.6) -> Axes:
    """Return `ax`, or the axes of a new figure as wide as a report's text."""
    return ax if ax is not None else plt.subplots(figsize=(8.2, height), layout="constrained")[1]


def finish(ax: Axes, *, unit: str, title: str, language: str, value_axis: Literal["x", "y"] = "y") -> None:
    """Write the value axis in its unit and draw frame and grid; the ticks are set here because matplotlib makes them only when it draws."""
    axis = ax.yaxis if value_axis == "y" else ax.xaxis
    if unit == "count":
        axis.set_major_locator(MaxNLocator(nbins="auto", integer=True, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(FuncFormatter(axis_text(unit, language)))
    axis.set_label_text(titled(title, unit, language))
    ax.grid(visible=True, axis=value_axis, color="#e3e3e3", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.tick_params(colors=INK, labelsize=9, length=0, pad=6)
    sns.despine(ax=ax, left=value_axis == "y", bottom=value_axis == "x")


def from_zero(ax: Axes, table: pd.DataFrame, *, value_axis: Literal["x", "y"] = "y") -> None:
    """Begin the value axis at zero unless something lies below it; where all is zero, leave room above."""
    values = table[["estimate", "conf_low", "conf_high"]]
    if values.min(axis=None) >= 0:
        end = None if values.max(axis=None) > 0 else 1
        if value_axis == "y":
            ax.set_ylim(0, end)
        else:
            ax.set_xlim(0, end)


def small_mark(language: str) -> Line2D:
    """Return the legend entry of points that rest on few cases."""
    return Line2D([], [], linestyle="", marker="o", markerfacecolor="white", markeredgecolor=INK, label=glossary.label("small_n", language, limit=SMALL_N))


def unfinished_mark(language: str) -> Line2D:
    """Return the legend entry of periods that are not over yet."""
    return Line2D([], [], linestyle=":", marker="s", markerfacecolor="white", markeredgecolor=INK, color=INK, label=glossary.label("unfinished", language))


def bar_look(color: str, *, small: bool, unfinished: bool) -> dict[str, Any]:
    """Return how a bar is drawn: pale on few cases, hatched while its period is not over."""
    if unfinished:
        return {"facecolor": "white", "edgecolor": color, "hatch": HATCH}
    return {"facecolor": color, "alpha": 0.4 if small else 1.0}


def bar_marks(rows: pd.DataFrame, *, language: str) -> list[Patch]:
    """Return the legend entries of pale and hatched bars, as far as there are such; `rows` has a column `unfinished`."""
    seen = rows[rows["estimate"].notna()]
    marks = []
    if ((seen["n"] < SMALL_N) & ~seen["unfinished"]).any():
        marks.append(Patch(label=glossary.label("small_n", language, limit=SMALL_N), **bar_look(PALETTE[0], small=True, unfinished=False)))
    if seen["unfinished"].any():
        marks.append(Patch(label=glossary.label("unfinished", language), **bar_look(PALETTE[0], small=False, unfinished=True)))
    return marks


def names_that_fit(ax: Axes, most: int) -> int:
    """Return how many names fit along the axes, where `most` fit along those of a figure of full width."""
    return max(2, int(most * min(width_of(ax) / 6.3, 1) + 0.5))


def width_of(ax: Axes) -> float:
    """Return the width of the axes in inches, before texts are given room."""
    return float(ax.bbox.width) / float(ax.figure.dpi)


def colors(count: int) -> list[str]:
    """Return a colour a group; they repeat where there are more groups than colours."""
    return [PALETTE[number % len(PALETTE)] for number in range(count)]


def legend(ax: Axes, handles: Iterable[Any]) -> None:
    """Put the legend above the axes, where it covers no data; none when there is nothing to tell apart."""
    entries = list(handles)
    if entries:
        by_row, columns = in_rows(entries)
        ax.legend(handles=by_row, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False, borderaxespad=0.2)


def in_rows(entries: list[Any]) -> tuple[list[Any], int]:
    """Return legend entries in matplotlib's order, which fills column by column, so that they read row by row; and the number of columns."""
    longest = max(len(entry.get_label()) for entry in entries)
    columns = max(1, min(len(entries), 5, 100 // (longest + 6)))
    return [entry for column in range(columns) for entry in entries[column::columns]], columns


def write_beside(ax: Axes, at: tuple[float, float], text: str, *, size: float = 9) -> None:
    """Write a text to the right of a place, also beyond the axes."""
    ax.annotate(text, at, xytext=(6, 0), textcoords="offset points", ha="left", va="center", fontsize=size, color=INK, annotation_clip=False)


def colour_bar(mesh: ScalarMappable, axes: Axes | list[Axes], *, label: str, writes: Formatter) -> None:
    """Draw the scale of colours beside the axes."""
    figure = (axes if isinstance(axes, Axes) else axes[0]).figure
    bar = figure.colorbar(mesh, ax=axes, format=writes, label=label, aspect=30, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=9, length=0)


def one_metric(table: pd.DataFrame, *, key: str) -> tuple[str, str]:
    """Return the metric and unit of a table that holds a single one and the key column `key`; raise otherwise."""
    missing = [name for name in (key, *COLUMNS) if name not in table.columns]
    if missing:
        raise MissingColumnsError(missing, table.columns, table="estimates")
    found = table[["metric", "unit"]].drop_duplicates()
    if len(found) != 1:
        names = ", ".join(found["metric"]) or "none"
        raise ParameterError(f"a figure shows one metric in one unit; the table has {names}. Choose one: table[table['metric'] == ...].")
    return str(found["metric"].iloc[0]), str(found["unit"].iloc[0])


def groups(table: pd.DataFrame, *, key: str, language: str, gaps: bool = False, empty: bool = False) -> list[Group]:
    """Return the table's groups by its other key columns, each with its name, colour and rows sorted along `key`; a single unnamed one without them.

    Rows without an estimate are left out, with `gaps` only groups that have none at all, with `empty` not even those. A group that is left
    out keeps its colour to itself, so that a group has the same one in every panel.
    """
    others = [name for name in telling_keys(table) if name != key]
    rows = table.reset_index(drop=True)
    names = row_names(rows, others, language=language)
    # Unsorted: groups keep the order in which the table has them ("1d", "7d", "28d").
    parts = [part for _, part in rows.groupby(others, dropna=False, sort=False, observed=True)] if others else [rows]
    colored = zip(parts, colors(len(parts)), strict=True)
    seen = [(part if gaps else part[part["estimate"].notna()], color) for part, color in colored if len(part) and (empty or part["estimate"].notna().any())]
    return [Group(names[part.index[0]], color, part.sort_values(key, kind="stable")) for part, color in seen]


def check_one_row_each(table: pd.DataFrame, keys: list[str]) -> None:
    """Raise `ParameterError` if two rows of the table share their values of `keys`."""
    double = table[table.duplicated(keys)]
    if len(double):
        values = ", ".join(f"{key} {double[key].iloc[0]}" for key in keys)
        more = ", ".join(name for name in key_columns(table) if name not in (*keys, "unfinished")) or "none"
        raise ParameterError(f"the table must have one row for each {' and '.join(keys)}; it has several for {values}. Choose by its other keys: {more}.")


def unfinished_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with a boolean column `unfinished`, all false where it has none."""
    return table.assign(unfinished=table["unfinished"].fillna(value=False).astype(bool) if "unfinished" in table.columns else False)


def row_names(table: pd.DataFrame, keys: Iterable[str], *, language: str) -> list[str]:
    """Return what each row is called: the texts of its keys, or nothing without keys."""
    columns = [key_texts(table[key], language=language) for key in keys]
    return [" · ".join(values) for values in zip(*columns, strict=True)] if columns else [""] * len(table)


def small_runs(table: pd.DataFrame) -> list[tuple[bool, int, int]]:
    """Return the stretches of consecutive rows below and above the small-n limit: whether small, first row, row after the last."""
    runs, position = [], 0
    for small, rows in groupby(table["n"] < SMALL_N):
        length = len(list(rows))
        runs.append((small, position, position + length))
        position += length
    return runs
