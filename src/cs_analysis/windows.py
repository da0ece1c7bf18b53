"""Windows of time as callers write them: `"14d"`, `"12mo"`, or a `Timedelta`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from cs_analysis.errors import ParameterError

_MICROSECONDS = {"min": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000, "w": 7 * 86_400_000_000}
_MONTHS = {"mo": 1, "y": 12}
_WRITTEN = re.compile("([0-9]+) *(min|h|d|w|mo|y)")
_ADVICE = "write a number with its unit, such as '3h', '14d', '2w', '12mo' (calendar months) or '1y', or pass a Timedelta"


@dataclass(frozen=True)
class Window:
    """A length of time: calendar months or microseconds, one of them 0.

    A month has no fixed length; it ends on the same day of a later month, or on that month's last day.
    """

    months: int
    microseconds: int

    @property
    def days(self) -> float | None:
        """Length in days of 24 hours; None for calendar months."""
        return None if self.months else self.microseconds / _MICROSECONDS["d"]


def parse_window(window: str | timedelta | Window, *, name: str = "window", may_be_nothing: bool = False) -> Window:
    """Return a window as calendar months or microseconds.

    Parameters
    ----------
    window : str or Timedelta
        A whole number with `min`, `h`, `d` (24 hours), `w`, `mo` (calendar months) or `y` (12 of them), or a length of time.
    name : str
        Name of the caller's argument, for the message.
    may_be_nothing : bool
        Whether a length of zero is accepted, such as "0d".

    Returns
    -------
    Window

    Raises
    ------
    ParameterError
        A bare number, an unknown unit, or a length that is not above zero.

    Examples
    --------
    >>> parse_window("12mo")
    Window(months=12, microseconds=0)
    >>> parse_window("2w").days
    14.0
    """
    if isinstance(window, Window):
        return window
    if isinstance(window, str):
        parsed = _parse_text(window, name)
    elif isinstance(window, timedelta):
        parsed = Window(0, window // timedelta(microseconds=1))
    else:
        raise ParameterError(f"{name} must say its unit, which {window!r} does not: {_ADVICE}.")
    if parsed.months <= 0 and parsed.microseconds <= 0 and not (may_be_nothing and parsed == Window(0, 0)):
        raise ParameterError(f"{name} must be longer than nothing, not {window!r}.")
    return parsed


def fixed_days(window: str | timedelta | Window, *, name: str = "window") -> float:
    """Return a window of fixed length in days of 24 hours.

    Raises
    ------
    ParameterError
        As for `parse_window`; the window is in calendar months, which have no fixed length.
    """
    days = parse_window(window, name=name).days
    if days is None:
        raise ParameterError(f"{name} must have a fixed length, which {window!r} has not: months differ. Write it in days, such as '365d'.")
    return days


def _parse_text(text: str, name: str) -> Window:
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        raise ParameterError(f"{name} must be a length of time, not {text!r}: {_ADVICE}.")
    count, unit = int(match[1]), match[2]
    return Window(count * _MONTHS.get(unit, 0), count * _MICROSECONDS.get(unit, 0))
