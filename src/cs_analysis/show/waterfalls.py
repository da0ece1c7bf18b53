"""Waterfalls: from an opening amount to a closing one, movement by movement."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from cs_analysis import glossary
from cs_analysis.errors import ParameterError
from cs_analysis.show.style import (
    QUIET,
    axes_or_new,
    bar_look,
    bar_marks,
    check_one_row_each,
    figure_style,
    finish,
    legend,
    one_metric,
    row_names,
    unfinished_rows,
    write_beside,
)
from cs_analysis.show.text import value_text

UP, DOWN, TOTAL = "#0173b2", "#d55e00", "#6b6b6b"
_TOLERANCE = 0.01

Floats = npt.NDArray[np.float64]


def waterfall(
    table: pd.DataFrame, *, key: str = "movement", totals: tuple[str, str] = ("opening", "closing"), ax: Axes | None = None, language: str = "en"
) -> Axes:
    """Return axes with the opening amount at the top, a bar for each movement from where the one before ended, and the closing amount.

    Movements are signed, in the table's order; the sign stands in the label as well as in the colour. Amounts are facts of the books: no
    interval is drawn and small bases are not marked. A movement without an amount keeps its place and counts as nothing. Rows marked as
    not over are hatched, and the legend says so.

    Parameters
    ----------
    table : DataFrame
        Estimates of one metric, one row for each value of `key`, the two totals among them. A boolean column `unfinished` marks rows
        whose time is not over.
    key : str
        Key column that names the movements.
    totals : tuple of str
        Values of `key` that hold the opening and the closing amount.
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
        The table has no such key, is not an estimates table, holds several metrics or rows for one movement, lacks a total, or the
        opening and the movements do not add up to the closing amount (to a hundredth).

    Examples
    --------
    >>> from cs_analysis.stats.estimates import estimates
    >>> keys = {"movement": ["opening", "new", "churn", "closing"]}
    >>> ax = waterfall(estimates(keys, metric="mrr", unit="EUR", estimate=[1000.0, 300.0, -100.0, 1200.0], n=[20, 4, 1, 23]))
    >>> [text.get_text() for text in ax.texts]
    ['€1,000', '+€300', '−€100', '€1,200']
    >>> import matplotlib.pyplot as plt; plt.close(ax.figure)
    """
    metric, unit = one_metric(table, key=key)
    rows = _in_order(unfinished_rows(table), key=key, totals=totals)
    starts, ends = _positions(rows["estimate"].to_numpy(dtype="float64", na_value=np.nan), unit=unit)
    with figure_style():
        ax = axes_or_new(ax, height=1.0 + 0.42 * len(rows))
        _draw(ax, rows, starts=starts, ends=ends)
        _labels(ax, rows, at=np.maximum(starts, ends), language=language)
        finish(ax, unit=unit, title=glossary.title(metric, language), language=language, value_axis="x")
        ax.axvline(0, color=QUIET, linewidth=0.8)
        ax.set_yticks(range(len(rows)), row_names(rows, [key], language=language))
        ax.set_ylim(len(rows) - 0.5, -0.5)
        legend(ax, bar_marks(rows.assign(n=np.inf), language=language))
    return ax


def _in_order(table: pd.DataFrame, *, key: str, totals: tuple[str, str]) -> pd.DataFrame:
    """Return the rows with the opening first and the closing last."""
    check_one_row_each(table, [key])
    opening, closing = (table[table[key] == total] for total in totals)
    missing = [total for total, row in zip(totals, (opening, closing), strict=True) if row["estimate"].isna().all()]
    if missing:
        raise ParameterError(f"the table must have an amount for {' and '.join(map(repr, missing))} in {key}; it has {', '.join(map(str, table[key]))}.")
    return pd.concat([opening, table[~table[key].isin(totals)], closing], ignore_index=True)


def _positions(amounts: Floats, *, unit: str) -> tuple[Floats, Floats]:
    """Return where each bar starts and ends; raise unless the last movement ends at the closing amount."""
    known = np.nan_to_num(amounts)
    running = np.cumsum(known[:-1])
    off = running[-1] - known[-1]
    if abs(off) > _TOLERANCE:
        more = "more" if off > 0 else "less"
        raise ParameterError(
            f"opening and movements must add up to the closing amount {known[-1]:,.2f} {unit}; they come to {running[-1]:,.2f}, {abs(off):,.2f} {more}. "
            "Are all movements in the table, with their signs?"
        )
    starts = np.concatenate([[0.0], running[:-1], [0.0]])
    return starts, np.concatenate([running, known[-1:]])


def _draw(ax: Axes, rows: pd.DataFrame, *, starts: Floats, ends: Floats) -> None:
    last = len(rows) - 1
    for place, unfinished in enumerate(rows["unfinished"]):
        color = TOTAL if place in (0, last) else UP if ends[place] >= starts[place] else DOWN
        # An edge of its own colour leaves a line of the smallest movement.
        look = {**bar_look(color, small=False, unfinished=unfinished), "edgecolor": color}
        ax.barh(place, ends[place] - starts[place], left=starts[place], height=0.66, **look)
    ax.vlines(ends[:-1], np.arange(last) - 0.33, np.arange(1, last + 1) + 0.33, color=QUIET, linewidth=0.8, zorder=0.9)


def _labels(ax: Axes, rows: pd.DataFrame, *, at: Floats, language: str) -> None:
    """Write each amount beside its bar, movements with their sign, all with hundredths or none."""
    whole = bool(rows["estimate"].abs().max() >= 1000)
    for place, row in enumerate(rows.itertuples()):
        text = value_text(row.estimate, row.unit, language, whole=whole)
        signed = f"+{text}" if row.estimate > 0 and 0 < place < len(rows) - 1 else text
        write_beside(ax, (max(at[place], 0.0), place), signed)
