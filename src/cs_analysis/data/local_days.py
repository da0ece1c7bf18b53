"""Days on the wall calendar of a time zone, and the instants at which they begin."""

from __future__ import annotations

from datetime import date, datetime
from difflib import get_close_matches
from typing import TypeVar, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np
import pandas as pd

from cs_analysis.errors import ParameterError

Moment = str | date | datetime | pd.Timestamp

_Kind = TypeVar("_Kind", date, datetime)
MICROSECOND = pd.Timedelta(1, "us")
_ADVICE = "pass a date ('2026-10-31', the whole day) or an instant with its zone ('2026-10-31T18:00+01:00')"


def time_zone(name: str, *, argument: str = "timezone") -> ZoneInfo:
    """Return the time zone of an IANA name.

    Raises
    ------
    ParameterError
        There is no zone of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
        close = get_close_matches(str(name), available_timezones(), n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ParameterError(f"{argument} must be an IANA name such as 'Europe/Berlin', not {name!r}.{hint}") from error


def is_zone(name: object) -> bool:
    """Return whether there is a time zone of that name."""
    try:
        time_zone(cast("str", name))
    except ParameterError:
        return False
    return True


def as_day(moment: object) -> date | None:
    """Return the day that a date, or a text or midnight that stands for one, means; None for anything else."""
    if isinstance(moment, str):
        return _iso(date, moment)
    if isinstance(moment, datetime | np.datetime64) and not pd.isna(moment):
        stamp = pd.Timestamp(moment)
        return stamp.date() if stamp.tz is None and stamp == stamp.normalize() else None
    return moment if isinstance(moment, date) and not pd.isna(moment) else None


def as_instant(moment: object, *, argument: str) -> pd.Timestamp:
    """Return the instant that a time with a zone stands for.

    Raises
    ------
    ParameterError
        It is no time, or one without a zone.
    """
    time = _iso(datetime, moment) if isinstance(moment, str) else moment
    if not isinstance(time, datetime | np.datetime64) or pd.isna(time):
        raise ParameterError(f"{argument} must be a date or a time, not {moment!r}: {_ADVICE}.")
    stamp = pd.Timestamp(time)
    if stamp.tz is None:
        raise ParameterError(f"{argument} must say its time zone, which {str(moment)!r} does not: {_ADVICE}.")
    return stamp.as_unit("us")


def _iso(kind: type[_Kind], text: str) -> _Kind | None:
    try:
        return kind.fromisoformat(text.strip())
    except ValueError:
        return None


def day_start(day: date, zone: ZoneInfo) -> pd.Timestamp:
    """Return the first instant of a day: midnight, or where the clock skips it, the end of the gap."""
    return pd.Timestamp(wall_instants(np.array([day], dtype="datetime64[us]"), zone)[0], unit="us", tz="UTC").tz_convert(zone)


def wall_instants(walls: np.ndarray, zone: ZoneInfo, *, second: bool = False) -> np.ndarray:
    """Return times on the wall as UTC microseconds.

    A time that the clock skips is the end of the gap; one that occurs twice is the first, or the `second` on request.
    """
    index = pd.DatetimeIndex(walls.astype("datetime64[us]"))
    placed = index.tz_localize(zone, ambiguous=np.full(len(index), not second), nonexistent="shift_forward")
    return np.asarray(placed.asi8)
