"""Where those in each state went: a band a pair of states, as high as the number that went that way."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from cs_analysis import glossary
from cs_analysis.errors import ParameterError
from cs_analysis.show.style import INK, SMALL_N, axes_or_new, check_one_row_each, colors, figure_style, legend, one_metric, width_of
from cs_analysis.show.text import key_texts, value_text

Floats = npt.NDArray[np.float64]

_DAGGER = "†"
_LEFT, _RIGHT, _BAR = 0.0, 1.0, 0.025
_NAMES_WIDTH = 0.34
_STAYED, _WENT = 0.3, 0.75
_SLOT, _GAP, _READABLE = 0.3, 0.08, 0.16
_BANDS_INCHES = 3.0


class _Side(NamedTuple):
    """The states at one side from the top: their key, names and sums, where their bars begin, and how high all is, in inches from the top down."""

    key: str
    names: list[object]
    sums: Floats
    top: Floats
    height: float


def flow(
    table: pd.DataFrame,
    *,
    source: str = "from_persona",
    target: str = "to_persona",
    ends: tuple[str, str] | None = None,
    ax: Axes | None = None,
    language: str = "en",
) -> Axes:
    """Return axes with one band a pair of states, as high as the number that went from the one at the left to the one at the right.

    Bands have the colour of the state left; who stayed is pale. The share of the state left is written where the band is high enough. States stand in the
    order of the table, with their sums. A dagger marks states with fewer than 30, and the legend says so.

    Parameters
    ----------
    table : DataFrame
        Estimates of one metric: shares of the state left, whose `n` is the number there, or counts.
    source, target : str
        Key columns of the state left and the state reached.
    ends : tuple of str, optional
        What stands over the two sides, such as two dates; the names of the keys without it.
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
        The table has no such keys, is not an estimates table of shares or counts, has several metrics, or several rows for one pair; nobody is in it.

    Examples
    --------
    >>> from cs_analysis.stats.estimates import estimates
    >>> keys = {"from_persona": ["A", "A"], "to_persona": ["A", "B"]}
    >>> ax = flow(estimates(keys, metric="persona_migration", unit="share", estimate=[0.8, 0.2], n=40))
    >>> [text.get_text() for text in ax.texts][:5]
    ['80.0%', '20.0%', 'A  40', 'A  32', 'B†  8']
    >>> import matplotlib.pyplot as plt; plt.close(ax.figure)
    """
    moves = _moves(table, source=source, target=target)
    states = list(dict.fromkeys([*moves["source"], *moves["target"]]))
    # One scale for both sides, so that bands keep their height.
    inches = _BANDS_INCHES / moves["size"].sum()
    sides = [_side(moves.groupby(end)["size"].sum(), states, key=key, inches=inches) for end, key in (("source", source), ("target", target))]
    height = max(side.height for side in sides)
    with figure_style():
        ax = axes_or_new(ax, height=height + 0.6)
        shades = dict(zip(states, colors(len(states)), strict=True))
        _bands(ax, moves, sides, shades=shades, inches=inches, language=language)
        for side, place in zip(sides, (_LEFT, _RIGHT), strict=True):
            _bars(ax, side, place, shades=shades, inches=inches)
            _names(ax, side, place, inches=inches, language=language)
        _frame(ax, ends or (glossary.key_label(source, language), glossary.key_label(target, language)), height=height)
        small = any((side.sums < SMALL_N).any() for side in sides)
        legend(ax, [Line2D([], [], linestyle="", label=f"{_DAGGER} {glossary.label('small_n', language, limit=SMALL_N)}")] if small else [])
    return ax


def _moves(table: pd.DataFrame, *, source: str, target: str) -> pd.DataFrame:
    """Return the pairs with anybody, with how many and what share of the state left."""
    for key in (source, target):
        _, unit = one_metric(table, key=key)
    if source == target or unit not in ("share", "count"):
        raise ParameterError(f"a flow needs two key columns and shares or counts, not {source!r}, {target!r} and the unit {unit!r}. Choose rows and keys.")
    check_one_row_each(table, [source, target])
    some = table[table["estimate"] > 0]
    rows = pd.DataFrame({"source": some[source], "target": some[target], "share": some["estimate"]}).astype({"source": object, "target": object})
    rows["size"] = some["estimate"] * some["n"] if unit == "share" else some["estimate"]
    if not rows["size"].sum() > 0:
        raise ParameterError("a flow needs somebody who was somewhere; the table has no positive estimate. Leave the figure out.")
    return rows if unit == "share" else rows.assign(share=rows["size"] / rows.groupby("source")["size"].transform("sum"))


def _side(sums: pd.Series, states: list[object], *, key: str, inches: float) -> _Side:
    """Return where the states of one side stand; a small one has room for its name, and its bar in the middle of it."""
    names = [state for state in states if state in sums.index]
    values = sums.reindex(names).to_numpy("float64")
    slots = np.maximum(values * inches, _SLOT)
    starts = np.concatenate([[0.0], np.cumsum(slots + _GAP)])
    return _Side(key, names, values, starts[:-1] + (slots - values * inches) / 2, float(starts[-1] - _GAP))


def _bands(ax: Axes, moves: pd.DataFrame, sides: list[_Side], *, shades: dict[object, str], inches: float, language: str) -> None:
    """Draw the bands, those who stayed behind the others."""
    order = {state: place for place, state in enumerate(shades)}
    rows = moves.assign(leaving=moves["source"].map(order), reaching=moves["target"].map(order), height=moves["size"] * inches)
    left = _starts(rows, sides[0], of="source", order=["leaving", "reaching"])
    right = _starts(rows, sides[1], of="target", order=["reaching", "leaving"])
    for row in rows.assign(left=left, right=right).itertuples():
        stayed, color = row.source == row.target, shades[row.source]
        band = _band(row.left, row.right, row.height)
        # The thin edge keeps a band of one among thousands visible.
        ax.add_patch(PathPatch(band, facecolor=color, edgecolor=color, linewidth=0.4, alpha=_STAYED if stayed else _WENT, zorder=1 if stayed else 2))
        if row.height >= _READABLE:
            text = value_text(row.share, "share", language)
            ax.text(_LEFT + _BAR + 0.012, row.left + row.height / 2, text, va="center", ha="left", fontsize=8, color=INK, zorder=4)


def _starts(rows: pd.DataFrame, side: _Side, *, of: str, order: list[str]) -> pd.Series:
    """Return where each band begins at one side: at each state in the order of the states of the other side, so that few cross."""
    ordered = rows.sort_values(order)
    above = ordered.groupby(of)["height"].cumsum() - ordered["height"]
    return above.reindex(rows.index) + rows[of].map(dict(zip(side.names, side.top, strict=True))).astype("float64")


def _band(left: float, right: float, height: float) -> Path:
    """Return a band from one side to the other, equally high everywhere."""
    start, end, middle = _LEFT + _BAR, _RIGHT - _BAR, (_LEFT + _RIGHT) / 2
    over = [(start, left), (middle, left), (middle, right), (end, right)]
    under = [(x, y + height) for x, y in reversed(over)]
    return Path([*over, *under, over[0]], [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY])


def _bars(ax: Axes, side: _Side, place: float, *, shades: dict[object, str], inches: float) -> None:
    for name, total, top in zip(side.names, side.sums, side.top, strict=True):
        ax.add_patch(Rectangle((place if place == _LEFT else place - _BAR, top), _BAR, total * inches, facecolor=shades[name], linewidth=0, zorder=3))


def _names(ax: Axes, side: _Side, place: float, *, inches: float, language: str) -> None:
    """Write each state with its sum beside its bar, smaller where the longest would not fit."""
    names = key_texts(pd.Series(side.names, name=side.key, dtype=object), language=language)
    sums = [value_text(total, "count", language) for total in side.sums]
    texts = [f"{name}{_DAGGER if total < SMALL_N else ''}  {text}" for name, total, text in zip(names, side.sums, sums, strict=True)]
    widest = max(TextPath((0, 0), text, size=1).get_extents().width for text in texts)
    size = min(10.0, 72 * width_of(ax) * _NAMES_WIDTH / (1 + 2 * _NAMES_WIDTH) * 0.9 / widest)
    away, side_of = (-0.015, "right") if place == _LEFT else (0.015, "left")
    for text, total, top in zip(texts, side.sums, side.top, strict=True):
        ax.text(place + away, top + total * inches / 2, text, ha=side_of, va="center", fontsize=size, color=INK)


def _frame(ax: Axes, ends: tuple[str, str], *, height: float) -> None:
    ax.set_xlim(_LEFT - _NAMES_WIDTH, _RIGHT + _NAMES_WIDTH)
    ax.set_ylim(height + 0.05, -0.3)
    for place, name, where in ((_LEFT, ends[0], "left"), (_RIGHT, ends[1], "right")):
        ax.text(place, -0.12, name, ha=where, va="bottom", fontsize=10, weight="bold", color=INK)
    ax.set_axis_off()
