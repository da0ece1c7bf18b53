"""Where those in each state went: a band a pair of states, as high as the number that went that way."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
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
_ALL_WIDTH = _RIGHT - _LEFT + 2 * _NAMES_WIDTH
_STAYED, _WENT = 0.3, 0.75
_SLOT, _LINE, _GAP, _READABLE = 0.3, 0.16, 0.08, 0.16
_BANDS_INCHES, _OWN_WIDTH = 3.0, 8.1
_LARGEST, _SMALLEST = 10.0, 9.0  # points; what would be smaller goes over several lines


class _Texts(NamedTuple):
    """Texts over as many lines as they need, and their size in points."""

    lines: list[str]
    size: float

    @property
    def most(self) -> int:
        return max(text.count("\n") for text in self.lines) + 1

    def within(self, inches: float) -> _Texts:
        """Return the texts no larger than fits into a height."""
        return self._replace(size=min(self.size, 72 * inches / (1.2 * self.most)))


class _Side(NamedTuple):
    """The states at one side from the top: names, sums, texts, where their bars begin, and how high all is, in inches from the top down."""

    names: list[object]
    sums: Floats
    texts: list[str]
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
    sums = [_sums(moves[end], moves["size"], states) for end in ("source", "target")]
    width = _OWN_WIDTH if ax is None else width_of(ax)
    with figure_style():
        texts = _fitted([text for side, key in zip(sums, (source, target), strict=True) for text in _named(side, key, language)], width=width * _NAMES_WIDTH)
        heads = _fitted(ends or [glossary.key_label(key, language) for key in (source, target)], width=width / 2, weight="bold")
        # One scale for both sides, so that bands keep their height.
        inches = _BANDS_INCHES / moves["size"].sum()
        sides = [_side(sums[0], texts.lines[: len(sums[0])], inches), _side(sums[1], texts.lines[len(sums[0]) :], inches)]
        height, top = max(side.height for side in sides), 0.14 + _LINE * heads.most
        shrunk = 1.0 if ax is None else min(1.0, ax.bbox.height / ax.figure.dpi / (height + top))
        texts, heads = texts.within(shrunk * (max(_SLOT, _LINE * texts.most) + _GAP)), heads.within(shrunk * (_LINE * heads.most + 0.02))
        ax = axes_or_new(ax, height=height + top + 0.3)
        shades = dict(zip(states, colors(len(states)), strict=True))
        _bands(ax, moves, sides, shades=shades, inches=inches, readable=_READABLE / shrunk, language=language)
        for side, place in zip(sides, (_LEFT, _RIGHT), strict=True):
            _bars(ax, side, place, shades=shades, inches=inches)
            _names(ax, side, place, inches=inches, size=texts.size)
        _frame(ax, heads, bottom=height + 0.05, top=-top)
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


def _sums(end: pd.Series, sizes: pd.Series, states: list[object]) -> pd.Series:
    """Return how many are at each state of one side, in the order of the states."""
    sums = sizes.groupby(end).sum()
    return sums.reindex([state for state in states if state in sums.index])


def _named(sums: pd.Series, key: str, language: str) -> list[str]:
    """Return the name of each state with its sum."""
    names = key_texts(pd.Series(sums.index, name=key, dtype=object), language=language)
    return [f"{name}{_DAGGER if total < SMALL_N else ''}  {value_text(total, 'count', language)}" for name, total in zip(names, sums, strict=True)]


def _fitted(texts: Sequence[str], *, width: float, weight: str = "normal") -> _Texts:
    """Return texts broken where they are wider than a share of the axes (in inches) at a readable size, and the size at which all fit."""
    room, font = 72 * 0.9 * width / _ALL_WIDTH, FontProperties(weight=weight)
    broken = []
    for text in texts:
        part = room / _wide(text, font, size=_SMALLEST)
        broken.append(text if part >= 1 else fill(text, max(1, int(part * len(text)))))
    widest = max(_wide(line, font, size=1) for text in broken for line in text.splitlines())
    return _Texts(broken, min(_LARGEST, room / widest))


def _wide(text: str, font: FontProperties, *, size: float) -> float:
    """Return how wide a line is, in points."""
    return float(TextPath((0, 0), text, size=size, prop=font).get_extents().width)


def _side(sums: pd.Series, texts: list[str], inches: float) -> _Side:
    """Return where the states of one side stand; a small one has room for its name, and its bar in the middle of it."""
    values = sums.to_numpy("float64")
    slots = np.maximum.reduce([values * inches, np.full(len(values), _SLOT), [_LINE * (text.count("\n") + 1) for text in texts]])
    starts = np.concatenate([[0.0], np.cumsum(slots + _GAP)])
    return _Side(sums.index.tolist(), values, texts, starts[:-1] + (slots - values * inches) / 2, float(starts[-1] - _GAP))


def _bands(ax: Axes, moves: pd.DataFrame, sides: list[_Side], *, shades: dict[object, str], inches: float, readable: float, language: str) -> None:
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
        if row.height >= readable:
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


def _names(ax: Axes, side: _Side, place: float, *, inches: float, size: float) -> None:
    """Write each state with its sum beside its bar."""
    away, side_of = (-0.015, "right") if place == _LEFT else (0.015, "left")
    for text, total, top in zip(side.texts, side.sums, side.top, strict=True):
        ax.text(place + away, top + total * inches / 2, text, ha=side_of, va="center", fontsize=size, color=INK, linespacing=1.1)


def _frame(ax: Axes, heads: _Texts, *, bottom: float, top: float) -> None:
    ax.set_xlim(_LEFT - _NAMES_WIDTH, _RIGHT + _NAMES_WIDTH)
    ax.set_ylim(bottom, top)
    for place, name, where in ((_LEFT, heads.lines[0], "left"), (_RIGHT, heads.lines[1], "right")):
        ax.text(place, -0.12, name, ha=where, va="bottom", fontsize=heads.size, weight="bold", color=INK, linespacing=1.1)
    ax.set_axis_off()
