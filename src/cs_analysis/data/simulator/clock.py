"""The working clock: people work on weekdays in office hours, and the simulated processes run on working time.

A process that is even in working time has the weekly rhythm of an office in real time. The change of clocks is monotone, so it keeps
every order, and it repeats each week, so seven days of working time are seven days of real time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cs_analysis.data.simulator.arrays import DAY, NEVER, Floats, Ints

_WEEK = 7.0
_ROUNDING = 1e-3  # seconds; far more than the rounding of floats, so that going there and back gives the same second
_FIRST_MONDAY = 4.0  # 1970-01-05, counted in days from 1970-01-01
_HOUR_LOAD = (0.02,) * 6 + (0.2, 0.8, 1.6, 2.0, 2.0, 1.8, 1.2, 1.8, 2.0, 1.9, 1.5, 0.9, 0.4, 0.25, 0.2, 0.12, 0.06, 0.03)
_DAY_LOAD = (1.0, 1.08, 1.08, 1.02, 0.85, 0.16, 0.14)


def _weekly_profile() -> tuple[Floats, Floats]:
    load = np.outer(_DAY_LOAD, _HOUR_LOAD).ravel()
    done = np.concatenate([[0.0], np.cumsum(load) / load.sum() * _WEEK])
    return np.linspace(0.0, _WEEK, len(done)), done


_REAL, _DONE = _weekly_profile()


def working_time(instant: Any, shift: Any = 0.0) -> Floats:
    """Return the working time, in days, of an instant; that of `NEVER` is infinite.

    `shift` is the time, in days, by which a region's office day begins later in UTC.
    """
    day = np.asarray(instant) / DAY - _FIRST_MONDAY - shift
    week = np.floor(day / _WEEK) * _WEEK
    return np.where(np.asarray(instant) >= NEVER, np.inf, week + np.interp(day - week, _REAL, _DONE))


def instant_at(working: Any, shift: Any = 0.0) -> Ints:
    """Return the instant, cut to whole seconds since 1970, of a working time; `NEVER` where it is infinite."""
    finite = np.isfinite(working)
    time = np.where(finite, working, 0.0)
    week = np.floor(time / _WEEK) * _WEEK
    day = week + np.interp(time - week, _DONE, _REAL) + _FIRST_MONDAY + shift
    return np.where(finite, np.floor(day * DAY + _ROUNDING).astype(np.int64), NEVER)


def anniversaries(start: Ints, months: int) -> Ints:
    """Return the instants 0, 1, ..., `months` calendar months after `start`, one row a start.

    The time of day is kept; a day of the month that a month does not have becomes its last day. A start of `NEVER` stays `NEVER`.
    """
    real = np.where(start < NEVER, start, 0)
    day = real // DAY
    month = day.astype("datetime64[D]").astype("datetime64[M]")
    of_month = day - month.astype("datetime64[D]").astype(np.int64)
    later = month[:, None] + np.arange(months + 1)
    first = later.astype("datetime64[D]").astype(np.int64)
    last = (later + 1).astype("datetime64[D]").astype(np.int64) - 1
    turn = np.minimum(first + of_month[:, None], last) * DAY + (real % DAY)[:, None]
    return np.where((start < NEVER)[:, None], turn, NEVER)


def month_start(year_month: str) -> int:
    """Return the first second of a month such as "2026-11"."""
    return int(np.datetime64(year_month, "s").astype(np.int64))
