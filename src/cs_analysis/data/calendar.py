"""The calendar of a dataset: its time zone, weeks, fiscal years and business hours."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from cs_analysis.data.business_time import Opening, business_microseconds, minutes_of
from cs_analysis.data.local_days import MICROSECOND, Moment, as_day, as_instant, day_start, is_zone, wall_instants
from cs_analysis.errors import ParameterError

Period = Literal["day", "week", "month", "quarter", "year"]

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS: Mapping[str, int] = {"month": 1, "quarter": 3, "year": 12}
_DAYS: Mapping[str, int] = {"day": 1, "week": 7}
_MINUTE = 60_000_000


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """How a company counts time.

    Parameters
    ----------
    timezone : str
        IANA name of the zone in which days, weeks and months begin.
    week_start : str
        First day of the week, in English.
    fiscal_year_start : int
        First month (1-12) of the fiscal year, of which quarters and years are counted.
    business_hours : (str, str)
        Opening and closing time, the same on every business day ("24:00" = midnight at its end).
    business_days : sequence of str
        Days of the week with business hours, in English.
    holidays : sequence of date or str
        Days without business hours.

    Raises
    ------
    ParameterError
        A field is not as described; the message names every such field.

    Examples
    --------
    >>> Calendar(timezone="Europe/Berlin").end_of("2026-10-31")
    Timestamp('2026-10-31 23:59:59.999999+0100', tz='Europe/Berlin')
    """

    timezone: str = "UTC"
    week_start: str = "monday"
    fiscal_year_start: int = 1
    business_hours: tuple[str, str] = ("09:00", "17:00")
    business_days: Sequence[str] = WEEKDAYS[:5]
    holidays: Sequence[date | str] = ()

    def __post_init__(self) -> None:
        problems = _problems(self)
        if problems:
            raise ParameterError("the calendar must be as described: " + "; ".join(problems) + ".")
        object.__setattr__(self, "business_hours", tuple(self.business_hours))
        object.__setattr__(self, "business_days", tuple(day for day in WEEKDAYS if day in self.business_days))
        object.__setattr__(self, "holidays", tuple(sorted({day for day in map(as_day, self.holidays) if day})))

    @property
    def zone(self) -> ZoneInfo:
        """The time zone as an object."""
        return ZoneInfo(self.timezone)

    @property
    def opening(self) -> Opening:
        """When business is open."""
        opens, closes = (minutes_of(text) or 0 for text in self.business_hours)
        weekdays = [WEEKDAYS.index(day) for day in self.business_days]
        return Opening(opens, closes, weekdays, [day for day in map(as_day, self.holidays) if day], self.zone)

    def end_of(self, as_of: Moment) -> pd.Timestamp:
        """Return the last microsecond of a day, or the instant that was given, in the calendar's zone.

        Raises
        ------
        ParameterError
            `as_of` is a time without zone, or neither a date nor a time.
        """
        day = as_day(as_of)
        if day is None:
            return as_instant(as_of, argument="as_of").tz_convert(self.zone)
        if day >= date(9999, 12, 30):
            raise ParameterError(f"as_of must be the last day of the data, not {day}, which stands for 'never'.")
        return day_start(day + timedelta(days=1), self.zone) - MICROSECOND

    def period_start(self, at: Moment, period: Period) -> pd.Timestamp:
        """Return the instant (in UTC) at which the period that holds `at` begins; a date means its first instant."""
        return day_start(_floor(self._day(at), period, self), self.zone).tz_convert("UTC")

    def period_bounds(self, start: Moment, end: Moment, period: Period) -> pd.DataFrame:
        """Return the periods that share time with [start, end), one a row: `label, start_at, end_at`, the instants in UTC.

        Raises
        ------
        ParameterError
            `end` is not after `start`, or the period is unknown.
        """
        first, last = self._instant(start), self._instant(end)
        if last <= first:
            raise ParameterError(f"end must be after start ({start!s}), not {end!s}.")
        day, last_day = self._day(start), (last - MICROSECOND).tz_convert(self.zone).date()
        days = [_floor(day, period, self)]
        while days[-1] <= last_day:
            days.append(_following(days[-1], period))
        bounds = _instants(days, self.zone)
        return pd.DataFrame({"label": [_label(day, period, self) for day in days[:-1]], "start_at": bounds[:-1], "end_at": bounds[1:]})

    def label(self, at: Moment, period: Period) -> str:
        """Return the name of the period that holds `at`.

        Days and months are 2026-10-31 and 2026-10. A week bears the number of its fourth day, which for weeks from Monday is
        the ISO number: 2026-W44. Where the fiscal year does not begin in January, years bear the number of the calendar year
        in which they end, and FY: FY2027-Q3, FY2027.
        """
        return _label(_floor(self._day(at), period, self), period, self)

    def business_time(self, start: Any, end: Any, *, unit: Literal["days", "hours"] = "days") -> np.ndarray:
        """Return the business time from each start to each end.

        Opening hours are those on the wall: a clock change inside them makes that day shorter or longer. A day is one
        business day (the length of the business hours), not 24 hours.

        Parameters
        ----------
        start, end : array-like or scalar
            Instants with zone, or without one in UTC. Missing ones give NaN; an end before its start gives a negative time.
        unit : {"days", "hours"}
            Business days, or hours.

        Returns
        -------
        ndarray of float
        """
        if unit not in ("days", "hours"):
            raise ParameterError(f"unit must be 'days' or 'hours', not {unit!r}.")
        opening = self.opening
        open_time = business_microseconds(start, end, opening=opening)
        return open_time / (_MINUTE * (60 if unit == "hours" else opening.closes - opening.opens))

    def _day(self, at: Moment) -> date:
        return as_day(at) or as_instant(at, argument="at").tz_convert(self.zone).date()

    def _instant(self, at: Moment) -> pd.Timestamp:
        day = as_day(at)
        return as_instant(at, argument="at") if day is None else day_start(day, self.zone)


def _problems(calendar: Calendar) -> list[str]:
    """Return what is wrong with a calendar's fields."""
    checks = (
        (is_zone(calendar.timezone), f"timezone is an IANA name such as 'Europe/Berlin', not {calendar.timezone!r}"),
        (calendar.week_start in WEEKDAYS, f"week_start is one of {', '.join(WEEKDAYS)}, not {calendar.week_start!r}"),
        (calendar.fiscal_year_start in range(1, 13), f"fiscal_year_start is a month from 1 to 12, not {calendar.fiscal_year_start!r}"),
        (_are_hours(calendar.business_hours), f"business_hours are two times such as ('09:00', '17:00'), the later one last, not {calendar.business_hours!r}"),
        (_are_days(calendar.business_days), f"business_days are some of {', '.join(WEEKDAYS)}, not {calendar.business_days!r}"),
        (_are_holidays(calendar.holidays), f"holidays are a sequence of dates or of texts such as '2026-12-25', not {calendar.holidays!r}"),
    )
    return [problem for holds, problem in checks if not holds]


def _are_hours(hours: object) -> bool:
    if isinstance(hours, str) or not isinstance(hours, Sequence) or len(hours) != 2:
        return False
    opens, closes = (minutes_of(text) for text in hours)
    return opens is not None and closes is not None and opens < closes


def _are_days(days: object) -> bool:
    return isinstance(days, Collection) and not isinstance(days, str) and len(days) > 0 and all(day in WEEKDAYS for day in days)


def _are_holidays(days: object) -> bool:
    return isinstance(days, Collection) and not isinstance(days, str) and all(as_day(day) is not None for day in days)


def _floor(day: date, period: Period, calendar: Calendar) -> date:
    """Return the first day of the period that holds `day`."""
    if period == "day":
        return day
    if period == "week":
        return day - timedelta(days=(day.weekday() - WEEKDAYS.index(calendar.week_start)) % 7)
    if period not in _MONTHS:
        raise ParameterError(f"period must be one of {', '.join((*_DAYS, *_MONTHS))}, not {period!r}.")
    return _months_later(day, -((day.month - calendar.fiscal_year_start) % _MONTHS[period]))


def _following(first: date, period: Period) -> date:
    """Return the first day of the period after the one that begins on `first`."""
    return first + timedelta(days=_DAYS[period]) if period in _DAYS else _months_later(first, _MONTHS[period])


def _months_later(day: date, months: int) -> date:
    """Return the first day of the month so many months after the day's."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, 1)


def _label(first: date, period: Period, calendar: Calendar) -> str:
    if period == "day":
        return first.isoformat()
    if period == "month":
        return f"{first:%Y-%m}"
    if period == "week":
        fourth = (first + timedelta(days=3)).isocalendar()
        return f"{fourth.year}-W{fourth.week:02d}"
    months_in = (first.month - calendar.fiscal_year_start) % 12
    year = f"{first.year}" if calendar.fiscal_year_start == 1 else f"FY{_months_later(first, 11 - months_in).year}"
    return year if period == "year" else f"{year}-Q{months_in // 3 + 1}"


def _instants(days: list[date], zone: ZoneInfo) -> pd.DatetimeIndex:
    """Return the first instants of days, in UTC."""
    return pd.DatetimeIndex(wall_instants(np.array(days, dtype="datetime64[us]"), zone).view("datetime64[us]"), tz="UTC")
