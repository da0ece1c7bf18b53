"""Whether an answer is the right one in any form that a careful reader would accept, and what to say about its form if it is not.

Numbers within a relative tolerance; a column, list, array or tuple; a table of one row where one number is asked for; dates as
text; words in any case. A share and the same in per cent are two different answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd

ABSOLUTE = 1e-9


def same(given: Any, wanted: Any, *, tolerance: float = 1e-6, ordered: bool = True) -> bool:
    """Tell whether `given` is `wanted` in a form that counts.

    Parameters
    ----------
    given, wanted : object
        The trainee's answer and the right one: numbers, words, dates, truth values, lists, columns, tables, mappings, sets.
    tolerance : float
        Largest relative difference of numbers.
    ordered : bool
        Whether the order of a list counts.

    Returns
    -------
    bool

    Examples
    --------
    >>> same([0.1, 0.2], pd.Series([0.1, 0.2 + 1e-12])), same(10, 0.1)
    (True, False)
    """
    options: dict[str, Any] = {"tolerance": tolerance, "ordered": ordered}
    if isinstance(wanted, pd.DataFrame):
        return isinstance(given, pd.DataFrame) and _same_table(given, wanted, **options)
    if isinstance(wanted, Mapping):
        return _same_mapping(given, wanted, **options)
    if isinstance(wanted, set | frozenset):
        return _is_list(given) and _same_list(_unique(given), _unique(wanted), tolerance=tolerance, ordered=False)
    if _is_list(wanted):
        return _same_series(given, wanted, **options)
    return _same_value(_single(given), wanted, tolerance)


def advice_on_form(given: Any, wanted: Any, *, tolerance: float = 1e-6) -> str:
    """Return what is wrong with the form of an answer, or nothing: per cent, sign, rounding, kind, length.

    Examples
    --------
    >>> advice_on_form(4.2, 0.042)
    'This looks like per cent. Give a share between 0 and 1.'
    """
    if isinstance(wanted, pd.DataFrame):
        return "" if isinstance(given, pd.DataFrame) else "A table is asked for."
    if isinstance(_single(given), pd.DataFrame):
        return "A table is more than is asked for: take the value or column from it."
    if _is_number(wanted):
        return _advice_on_number(_single(given), wanted, tolerance)
    if isinstance(wanted, str) and not isinstance(given, str):
        return "A word is asked for, in quotation marks."
    return _advice_on_list(given, wanted) if _is_list(wanted) else ""


def _advice_on_list(given: Any, wanted: Any) -> str:
    if not _is_list(given) and not isinstance(given, Mapping):
        return f"Several values are asked for ({len(wanted)}), in a list or column."
    if len(given) != len(wanted):
        return f"The number of values is {len(given)}; it should be {len(wanted)}."
    return ""


def _advice_on_number(given: Any, wanted: Any, tolerance: float) -> str:
    if _is_list(given):
        return "One number is asked for, not several."
    if not _is_number(given):
        return f"A number is asked for, not {_kind(given)}."
    checks: list[tuple[Callable[[float], float], str]] = [
        (lambda number: 100 * number, "This looks like per cent. Give a share between 0 and 1."),
        (lambda number: number / 100, "This looks like a share. Give the number on the scale that the task names."),
        (lambda number: -number, "The size is right, the sign is not: which is taken from which?"),
    ]
    for change, advice in checks:
        if float(wanted) and _close(float(given), change(float(wanted)), max(tolerance, 1e-4)):
            return advice
    if float(wanted) and _close(float(given), float(wanted), 0.01):
        return "Very close. If you rounded, keep all digits; if you did not, a boundary (first or last day, < or <=) is the likely reason."
    return ""


def _same_value(given: Any, wanted: Any, tolerance: float) -> bool:
    if _is_missing(wanted) or _is_missing(given):
        return _is_missing(wanted) and _is_missing(given)
    if _is_truth(wanted) or _is_truth(given):
        return _is_truth(wanted) and _is_truth(given) and bool(given) == bool(wanted)
    if _is_number(wanted):
        return _is_number(given) and _close(float(given), float(wanted), tolerance)
    if isinstance(wanted, str):
        return isinstance(given, str) and _word(given) == _word(wanted)
    if isinstance(wanted, pd.Timedelta):
        return bool(_parsed(given, pd.Timedelta) == wanted)
    return bool(_instant(given) == _instant(wanted)) if hasattr(wanted, "isoformat") else bool(given == wanted)


def _same_series(given: Any, wanted: Any, *, tolerance: float, ordered: bool) -> bool:
    """Tell whether two lists agree; two columns with the same labels in another order are matched by label."""
    if isinstance(given, Mapping) and isinstance(wanted, pd.Series):
        given = pd.Series(given)
    if not _is_list(given) or len(given) != len(wanted):
        return False
    both = isinstance(given, pd.Series) and isinstance(wanted, pd.Series)
    if both and given.index.is_unique and wanted.index.is_unique and set(given.index) == set(wanted.index):
        given = given.reindex(wanted.index)
    return _same_list(list(given), list(wanted), tolerance=tolerance, ordered=ordered)


def _same_list(given: list[Any], wanted: list[Any], *, tolerance: float, ordered: bool) -> bool:
    if len(given) != len(wanted):
        return False
    if ordered:
        return all(same(one, other, tolerance=tolerance) for one, other in zip(given, wanted, strict=True))
    left = list(given)
    for value in wanted:
        match = next((index for index, one in enumerate(left) if same(one, value, tolerance=tolerance)), None)
        if match is None:
            return False
        left.pop(match)
    return True


def _same_mapping(given: Any, wanted: Mapping[Any, Any], *, tolerance: float, ordered: bool) -> bool:
    if isinstance(given, pd.Series):
        given = given.to_dict()
    if not isinstance(given, Mapping) or {_word(key) for key in given} != {_word(key) for key in wanted}:
        return False
    values = {_word(key): value for key, value in given.items()}
    return all(same(values[_word(key)], value, tolerance=tolerance, ordered=ordered) for key, value in wanted.items())


def _same_table(given: pd.DataFrame, wanted: pd.DataFrame, *, tolerance: float, ordered: bool) -> bool:
    """Tell whether two tables hold the same rows; the order of columns and the index do not count."""
    if set(given.columns) != set(wanted.columns) or len(given) != len(wanted):
        return False
    rows = [table[list(wanted.columns)].to_numpy(dtype=object).tolist() for table in (given, wanted)]
    return _same_list(*rows, tolerance=tolerance, ordered=ordered)


def _single(given: Any) -> Any:
    """Return the one value of a list or column of length one, the estimate of a table of one row, else what was given."""
    if isinstance(given, pd.DataFrame) and len(given) == 1 and "estimate" in given.columns:
        return given["estimate"].iloc[0]
    if isinstance(given, pd.DataFrame) and given.size == 1:
        return given.iloc[0, 0]
    if isinstance(given, np.ndarray) and given.ndim == 0:
        return given.item()
    return next(iter(given)) if _is_list(given) and len(given) == 1 else given


def _is_list(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, list | tuple | set | frozenset | range | pd.Series | pd.Index | pd.api.extensions.ExtensionArray)


def _unique(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _is_number(value: Any) -> bool:
    return isinstance(value, Number | Decimal | np.number) and not isinstance(value, bool | np.bool_ | complex)


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


def _is_missing(value: Any) -> bool:
    if value is None or value is pd.NaT or value is pd.NA:
        return True
    return isinstance(value, float | np.floating) and math.isnan(value)


def _close(given: float, wanted: float, tolerance: float) -> bool:
    return math.isclose(given, wanted, rel_tol=tolerance, abs_tol=ABSOLUTE)


def _word(value: Any) -> Any:
    return " ".join(value.split()).casefold() if isinstance(value, str) else value


def _instant(value: Any) -> Any:
    """Return a date as an instant without zone, so that a day, an instant and text agree; else nothing that equals a date."""
    instant = _parsed(value, pd.Timestamp)
    return instant.tz_convert("UTC").tz_localize(None) if instant is not None and instant.tzinfo else instant


def _parsed(value: Any, kind: Callable[[Any], Any]) -> Any:
    if _is_number(value) or isinstance(value, bool):
        return None
    try:
        return kind(value)
    except (ValueError, TypeError):
        return None


def _kind(value: Any) -> str:
    words: list[tuple[type | tuple[type, ...], str]] = [
        (str, "text"),
        ((bool, np.bool_), "a truth value"),
        (Mapping, "a mapping"),
        (pd.DataFrame, "a table"),
    ]
    if callable(value):
        return "a function (did you forget to call it?)"
    return next((word for kind, word in words if isinstance(value, kind)), f"something of the kind {type(value).__name__}")
