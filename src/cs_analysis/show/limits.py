"""Intervals in figures, also those that are open on one side."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

# How far an open band is filled, in heights of the known values: beyond what any panel beside it shows.
_BEYOND = 1000

Floats = npt.NDArray[np.float64]


def limits_of(rows: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return the lower and upper limits; infinite where only the other one is known, missing where neither is.

    Examples
    --------
    >>> low, high = limits_of(pd.DataFrame({"conf_low": [1.0, 2.0, np.nan], "conf_high": [3.0, np.nan, np.nan]}))
    >>> low.tolist(), high.tolist()
    ([1.0, 2.0, nan], [3.0, inf, nan])
    """
    low, high = (rows[name].to_numpy(dtype="float64", na_value=np.nan) for name in ("conf_low", "conf_high"))
    return np.where(np.isnan(low) & ~np.isnan(high), -np.inf, low), np.where(np.isnan(high) & ~np.isnan(low), np.inf, high)


def interval_lines(ax: Axes, places: Any, rows: pd.DataFrame, *, value_axis: Literal["x", "y"] = "y", **look: Any) -> None:
    """Draw each row's interval as a line at its place; on an open side as an arrow to the edge of the axes, so that it does not look certain."""
    low, high = limits_of(rows)
    values = rows["estimate"].to_numpy(dtype="float64", na_value=np.nan)
    lines = ax.vlines if value_axis == "y" else ax.hlines
    lines(places, np.where(np.isinf(low), values, low), np.where(np.isinf(high), values, high), **look)
    for edge, limit in ((0, low), (1, high)):
        for place, value in zip(np.asarray(places)[np.isinf(limit)], values[np.isinf(limit)], strict=True):
            _arrow(ax, place, value, edge=edge, value_axis=value_axis, look=look)


def band(ax: Axes, x: Any, rows: pd.DataFrame, *, step: Literal["post"] | None = None, **look: Any) -> None:
    """Fill the band between the limits, over an open side without end; the axes end where the known values do."""
    values = rows["estimate"].to_numpy(dtype="float64", na_value=np.nan)
    low, high = limits_of(rows)
    ax.fill_between(x, np.where(np.isinf(low), values, low), np.where(np.isinf(high), values, high), step=step, linewidth=0, **look)
    seen = ax.dataLim.frozen()
    beyond = _BEYOND * (seen.height or 1.0)
    for limit, reach in ((low, -beyond), (high, beyond)):
        if np.isinf(limit).any():
            ax.fill_between(x, values, np.where(np.isinf(limit), values + reach, values), step=step, linewidth=0, **look)
    ax.dataLim.set(seen)


def _arrow(ax: Axes, place: Any, value: float, *, edge: int, value_axis: str, look: dict[str, Any]) -> None:
    """Draw an arrow from a value to an edge, wherever the axes end when the figure is finished."""
    if not np.isfinite(value):
        return
    start, end, across = ((place, value), (place, edge), ("data", "axes fraction"))
    if value_axis == "x":
        start, end, across = start[::-1], end[::-1], across[::-1]
    pen = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, "mutation_scale": 11, **look}
    ax.annotate("", end, xycoords=across, xytext=start, textcoords="data", arrowprops=pen, annotation_clip=False)
