"""Business time between instants: the opening hours of all days laid end to end."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from cs_analysis.data.local_days import wall_instants

_CLOCK_TIME = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])")
_MINUTE = 60_000_000
_DAY = 86_400_000_000
_MISSING = np.iinfo(np.int64).min


class Opening(NamedTuple):
    """When business is open: minutes after midnight, weekdays (Monday is 0) and days off, on the wall of a zone."""

    opens: int
    closes: int
    weekdays: Collection[int]
    holidays: Collection[date]
    zone: ZoneInfo


def minutes_of(clock_time: object) -> int | None:
    """Return the minutes after midnight of a time such as "09:30" ("24:00" ends the day), or None if it is none."""
    match = _CLOCK_TIME.fullmatch(clock_time) if isinstance(clock_time, str) else None
    minutes = int(match[1]) * 60 + int(match[2]) if match else None
    return minutes if minutes is not None and minutes <= 24 * 60 else None


def business_microseconds(start: Any, end: Any, *, opening: Opening) -> np.ndarray:
    """Return the open time from each start to each end, NaN where one is missing; an end before its start counts down."""
    first, last = np.broadcast_arrays(_microseconds(start), _microseconds(end))
    known = (first != _MISSING) & (last != _MISSING)
    out = np.full(first.shape, np.nan)
    if known.any():
        opened, closed = open_spans(opening, min(first[known].min(), last[known].min()), max(first[known].max(), last[known].max()))
        out[known] = _open_until(last[known], opened, closed) - _open_until(first[known], opened, closed)
    return out


def _microseconds(values: Any) -> Any:
    """Return instants as microseconds since 1970 in UTC."""
    index = pd.to_datetime(pd.Index(values if np.ndim(values) else [values]), utc=True).as_unit("us")
    return index.asi8 if np.ndim(values) else index.asi8[0]


def open_spans(opening: Opening, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the instants of opening and closing of every business day around two instants."""
    # A zone is less than a day off UTC, so one day more on each side is enough.
    days = np.arange(first // _DAY - 1, last // _DAY + 2).astype("datetime64[D]")
    weekdays = (days.astype("int64") + 3) % 7
    off = np.array(list(opening.holidays), dtype="datetime64[D]")
    midnights = days[np.isin(weekdays, list(opening.weekdays)) & ~np.isin(days, off)].astype("datetime64[us]")
    opened = wall_instants(midnights + opening.opens * _MINUTE, opening.zone)
    # A closing time that comes twice is the second, but a day ends when the next one begins for the first time.
    ends_day = opening.closes * _MINUTE == _DAY
    return opened, wall_instants(midnights + opening.closes * _MINUTE, opening.zone, second=not ends_day)


def _open_until(instants: np.ndarray, opened: np.ndarray, closed: np.ndarray) -> np.ndarray:
    """Return the open time before each instant, counted from the first opening."""
    lengths = closed - opened
    before = np.concatenate([[0], np.cumsum(lengths)])
    span = np.searchsorted(opened, instants, side="right") - 1
    if not len(opened):
        return np.zeros(len(instants))
    inside = np.minimum(instants - opened[span], lengths[span])
    return np.where(span < 0, 0, before[span] + inside)
