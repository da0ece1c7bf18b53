"""The one table shape of every result: keys first, then metric, unit, estimate, limits and n."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cs_analysis.errors import ParameterError

COLUMNS = ("metric", "unit", "estimate", "conf_low", "conf_high", "n")
UNITS = ("share", "days", "points", "count", "ratio", "per_month", "ms", "minutes")


def estimates(
    keys: Mapping[str, Any] | pd.DataFrame, *, metric: str, unit: str, estimate: Any, conf_low: Any = np.nan, conf_high: Any = np.nan, n: Any
) -> pd.DataFrame:
    """Return one estimates table.

    Parameters
    ----------
    keys : mapping or DataFrame
        Key columns (one value a row); empty for a single row.
    metric, unit : str
        Name of the quantity; `share`, `days`, `points`, `count`, `ratio`, `per_month`, `ms`, `minutes` or an ISO 4217 code.
    estimate, conf_low, conf_high, n : array-like or scalar
        The value, its limits (missing for book facts) and the row's own denominator.

    Returns
    -------
    DataFrame
        The keys, then `metric, unit, estimate, conf_low, conf_high, n`; numbers are `float64`, `n` is `int64`.

    Raises
    ------
    ParameterError
        `unit` is none of the known units and no currency code.

    Examples
    --------
    >>> estimates({}, metric="nps", unit="points", estimate=30.0, conf_low=14.0, conf_high=44.3, n=100).shape
    (1, 6)
    """
    check_unit(unit)
    frame = pd.DataFrame(keys).reset_index(drop=True) if len(keys) or isinstance(keys, pd.DataFrame) else pd.DataFrame(index=range(1))
    clash = [name for position, name in enumerate(frame.columns) if name in (*COLUMNS, *frame.columns[:position])]
    if clash:
        raise ParameterError(f"a key column may not be called {clash[0]!r} here: the result has a column of that name. Rename it in the table.")
    frame["metric"] = metric
    frame["unit"] = unit
    for name, values in (("estimate", estimate), ("conf_low", conf_low), ("conf_high", conf_high)):
        frame[name] = np.asarray(values, dtype="float64") if np.ndim(values) else float(values)
    frame["n"] = np.asarray(n).astype("int64") if np.ndim(n) else int(n)
    return frame


def check_unit(unit: str) -> None:
    """Raise `ParameterError` unless `unit` is a known unit or looks like an ISO 4217 code."""
    if unit not in UNITS and not (len(unit) == 3 and unit.isalpha() and unit.isupper()):
        raise ParameterError(f"unit must be one of {', '.join(UNITS)} or a currency code such as EUR, not {unit!r}.")


def key_columns(table: pd.DataFrame) -> list[str]:
    """Return the names of the key columns of an estimates table."""
    return [name for name in table.columns if name not in COLUMNS]


def telling_keys(table: pd.DataFrame) -> list[str]:
    """Return the key columns that tell rows apart for a reader: those with a value somewhere (all of an empty table), without the mark `unfinished`."""
    return [name for name in key_columns(table) if name != "unfinished" and (table.empty or bool(table[name].notna().any()))]


def stack(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return several estimates tables as one, keys first; a key that a part lacks is missing there."""
    parts = list(tables)
    keys = list(dict.fromkeys(key for part in parts for key in key_columns(part)))
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True).reindex(columns=[*keys, *COLUMNS])


def check_conf_level(conf_level: float) -> float:
    """Return `conf_level` if it lies strictly between 0 and 1, else raise `ParameterError`."""
    if not 0 < conf_level < 1:
        raise ParameterError(f"conf_level must lie between 0 and 1, such as 0.95, not {conf_level!r}.")
    return float(conf_level)
