"""Lengths of time as callers write them, on the clock they are meant on."""

from __future__ import annotations

import re
from datetime import timedelta

from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import ParameterError
from cs_analysis.facts.opening_hours import Clock, check_clock, day_microseconds
from cs_analysis.windows import fixed_days, parse_window

_WHOLE_DAYS = re.compile("([0-9]*[1-9][0-9]*) *d")


def clock_days(ds: Dataset, length: str | timedelta, *, clock: Clock, name: str) -> float:
    """Return a length of time in days of a clock: of 24 hours, or business days.

    On the clock `business` hours and minutes are open time, and `"3d"` is three business days.

    Raises
    ------
    ParameterError
        As for `fixed_days`; on the clock `business` a length in weeks, or a Timedelta of 24 hours or more, which does not say what its days are.
    """
    check_clock(clock)
    days = fixed_days(length, name=name)
    if clock == "elapsed":
        return days
    whole = _WHOLE_DAYS.fullmatch(length.strip()) if isinstance(length, str) else None
    if whole:
        return float(whole[1])
    if (length.strip().endswith("w")) if isinstance(length, str) else days >= 1:
        raise ParameterError(f"{name} on the business clock must be open hours or business days, such as '12h' or '5d', not {length!r}.")
    return parse_window(length, name=name).microseconds / day_microseconds(ds, clock)
