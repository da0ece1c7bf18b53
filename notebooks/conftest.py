"""How stored outputs are held against new ones: numbers handed on as data may differ in their last digits.

They have ten significant digits, and the last one or two of an estimate that was searched for are not the same on every processor. Whatever is shown to readers
is compared to the letter.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from nbval.plugin import IPyNbCell

CLOSE, ZERO = 1e-8, 1e-9
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


class Nearly(dict[str, Any]):
    """Data that equals other data if all numbers in it are close and all else is the same."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and nearly(dict(self), dict(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]


def nearly(one: Any, other: Any) -> bool:
    """Tell whether two nested values agree but for the last digits of numbers."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(nearly(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(nearly, one, other))
    if isinstance(one, str) and isinstance(other, str):
        return NUMBER.split(one) == NUMBER.split(other) and all(map(_close, NUMBER.findall(one), NUMBER.findall(other)))
    if isinstance(one, float) and isinstance(other, float | int):
        return _close(one, other)
    return bool(one == other)


def _close(one: Any, other: Any) -> bool:
    return math.isclose(float(one), float(other), rel_tol=CLOSE, abs_tol=ZERO)


def _comparable(cell: IPyNbCell, value: Any) -> Any:
    return Nearly(value) if isinstance(value, Mapping) else _as_it_is(cell, value)


_as_it_is, IPyNbCell.sanitize = IPyNbCell.sanitize, _comparable  # nbval offers no hook for outputs that are not text
