"""The month that a periodic run reports on, and the day up to which it counts, from words such as `last-month`."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime

from cs_analysis.data.local_days import time_zone
from cs_analysis.errors import ParameterError

_WORDS = ("last-month", "this-month", "last-quarter")
_MONTH, _QUARTER = re.compile(r"(\d{4})-(0[1-9]|1[0-2])"), re.compile(r"(\d{4})-Q([1-4])")


@dataclass(frozen=True)
class Reported:
    """What a run reports on: the `label` names its folder, `month` is the month of the pages, `as_of` the last day that counts."""

    label: str
    month: str
    as_of: str


def reported_period(period: str, *, as_of: str | None, today: date, timezone: str = "UTC") -> Reported:
    """Return what a period means, looked at from `as_of`, or from today where none is given.

    A quarter is reported on by the pages of its last month. Without `as_of`, the last day of the period counts, or today if that comes first.

    Parameters
    ----------
    period : str
        "last-month", "this-month", "last-quarter", a month such as "2026-10" or a quarter such as "2026-Q3".
    as_of : str, optional
        Last day or instant that counts.
    today : date
        The day of the run.
    timezone : str
        Zone whose day an instant in `as_of` lies in.

    Returns
    -------
    Reported

    Raises
    ------
    ParameterError
        The period is of another form, or it has not begun.

    Examples
    --------
    >>> reported_period("last-month", as_of=None, today=date(2026, 11, 2))
    Reported(label='2026-10', month='2026-10', as_of='2026-10-31')
    """
    seen_from = _day(as_of, timezone) if as_of else today
    label, first, last = _span(period, seen_from)
    if first > seen_from:
        raise ParameterError(f"the period {label} must have begun by {seen_from}; it begins on {first}. Choose an earlier period or a later --as-of.")
    month = min(last, seen_from)
    return Reported(label, f"{month:%Y-%m}", as_of or min(last, today).isoformat())


def _day(as_of: str, timezone: str) -> date:
    moment = datetime.fromisoformat(as_of)
    return (moment.astimezone(time_zone(timezone)) if moment.tzinfo else moment).date()


def check_period(period: str) -> None:
    """Raise `ParameterError` if a period is of no known form."""
    _span(period, date(2000, 1, 1))


def _span(period: str, seen_from: date) -> tuple[str, date, date]:
    """Return label, first and last day of a period."""
    if period == "this-month":
        period = f"{seen_from:%Y-%m}"
    elif period == "last-month":
        period = f"{_months_before(seen_from, 1):%Y-%m}"
    elif period == "last-quarter":
        within = _months_before(seen_from, 3)
        period = f"{within.year}-Q{(within.month + 2) // 3}"
    if match := _MONTH.fullmatch(period):
        year, first, last = int(match[1]), int(match[2]), int(match[2])
    elif match := _QUARTER.fullmatch(period):
        year, first, last = int(match[1]), 3 * int(match[2]) - 2, 3 * int(match[2])
    else:
        raise ParameterError(f"a period must be {', '.join(_WORDS)}, a month such as 2026-10 or a quarter such as 2026-Q3, not {period!r}.")
    return period, date(year, first, 1), date(year, last, calendar.monthrange(year, last)[1])


def _months_before(day: date, months: int) -> date:
    """Return the first day of the month so many months before a day's own."""
    number = day.year * 12 + day.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)
