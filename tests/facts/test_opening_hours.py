"""The clock of opening hours inside the database, against the calendar's own and against a count of open minutes."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.data.dataset import engine_of
from cs_analysis.facts.opening_hours import check_clock, day_microseconds, days_on_grid, opening_days, with_waits

ACCOUNTS = pd.DataFrame({"account_id": ["a"], "started_at": pd.to_datetime(["2020-01-01"], utc=True)})
CALENDARS = {
    "office in Berlin": cs.Calendar(timezone="Europe/Berlin", holidays=["2026-03-30", "2026-10-26"]),
    "open through the clock changes": cs.Calendar(
        timezone="Europe/Berlin", business_hours=("01:00", "04:00"), business_days=["saturday", "sunday", "monday", "friday"]
    ),
    "round the clock": cs.Calendar(
        timezone="America/New_York",
        business_hours=("00:00", "24:00"),
        business_days=["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
    ),
    "far ahead of UTC": cs.Calendar(timezone="Pacific/Kiritimati", business_hours=("08:30", "24:00"), business_days=["sunday", "monday", "friday"]),
    "half an hour off": cs.Calendar(timezone="Australia/Lord_Howe", business_hours=("00:00", "23:59")),
    "far behind UTC": cs.Calendar(timezone="Pacific/Honolulu", business_hours=("12:00", "20:00")),
}
each_calendar = pytest.mark.parametrize("calendar", CALENDARS.values(), ids=CALENDARS.keys())


def waited(opened: pd.DatetimeIndex, ended: pd.DatetimeIndex, calendar: cs.Calendar, *, as_of: str = "2026-12-01T12:00:00.123457+00:00") -> pd.DataFrame:
    """Return what the database counts between instants."""
    ds = cs.read_dataset({"accounts": ACCOUNTS}, as_of=as_of, calendar=calendar)
    frame = pd.DataFrame({"row": np.arange(len(opened)), "opened_at": opened, "ended_at": ended})
    spans = engine_of(ds).lookup(frame)
    return engine_of(ds).run(with_waits(ds, spans, clock="business").order_by("row"))


@each_calendar
def test_it_is_the_calendars_clock_to_the_microsecond(calendar: cs.Calendar) -> None:
    rng = np.random.default_rng(2)
    # Around both clock changes of each half of the globe, and a stretch of months.
    around = pd.to_datetime(["2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01"]).to_numpy("datetime64[us]")
    start = rng.choice(around, 600) + rng.integers(-3 * 86_400_000_000, 3 * 86_400_000_000, 600).astype("timedelta64[us]")
    start[::50] = start[::50].astype("datetime64[D]")  # midnight, where a row of the table ends
    end = start + np.where(rng.random(600) < 0.5, rng.integers(0, 10**11, 600), rng.integers(0, 10**12, 600)).astype("timedelta64[us]")
    opened, ended = pd.DatetimeIndex(start), pd.DatetimeIndex(np.minimum(end, np.datetime64("2026-11-30", "us")))
    found = waited(opened, ended, calendar)
    hours = calendar.business_time(opened, ended, unit="hours")
    np.testing.assert_array_equal(found["waited"], np.rint(hours * 3.6e9))
    assert (found["waited"] > 0).mean() > 0.5
    assert found["observed"].all()


@pytest.mark.slow
@each_calendar
def test_it_is_the_number_of_open_minutes(calendar: cs.Calendar) -> None:
    rng = np.random.default_rng(3)
    start = pd.to_datetime("2026-03-27") + pd.to_timedelta(rng.integers(0, 5 * 1440, 6), "min")
    end = start + pd.to_timedelta(rng.integers(0, 3 * 1440, 6), "min")
    found = waited(pd.DatetimeIndex(start), pd.DatetimeIndex(end), calendar)
    assert (found["waited"] / 60e6).tolist() == [open_minutes(a, b, calendar) for a, b in zip(start, end, strict=True)]


def open_minutes(start: pd.Timestamp, end: pd.Timestamp, calendar: cs.Calendar) -> int:
    """Count the minutes from start to end during which the wall shows an hour of business, one by one."""
    opens, closes = (int(text[:2]) * 60 + int(text[3:]) for text in calendar.business_hours)
    days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    utc, minutes = ZoneInfo("UTC"), 0
    moment = start.to_pydatetime().replace(tzinfo=utc)
    while moment < end.to_pydatetime().replace(tzinfo=utc):
        wall: datetime = moment.astimezone(ZoneInfo(calendar.timezone))
        of_day = wall.hour * 60 + wall.minute
        minutes += days[wall.weekday()] in calendar.business_days and wall.date() not in calendar.holidays and opens <= of_day < closes
        moment += timedelta(minutes=1)
    return minutes


def test_by_hand_over_a_weekend_and_a_holiday() -> None:
    """Friday 16:30 to Tuesday 10:15 with Monday off: half an hour and an hour and a quarter, 1.75 hours of 8, 0.21875 business days."""
    calendar = cs.Calendar(holidays=["2026-05-25"])
    found = waited(pd.DatetimeIndex(["2026-05-22 16:30"]), pd.DatetimeIndex(["2026-05-26 10:15"]), calendar)
    assert found["waited"].tolist() == [1.75 * 3_600_000_000]
    ds = cs.read_dataset({"accounts": ACCOUNTS}, as_of="2026-06-01", calendar=calendar)
    assert days_on_grid(found["waited"], found["observed"], day=day_microseconds(ds, "business")).tolist() == [0.21875]


def test_who_waits_on_is_counted_to_the_last_instant_known() -> None:
    """Opened at 11:00, known until 12:00:00.123457: an hour and 123,457 microseconds."""
    found = waited(pd.DatetimeIndex(["2026-12-01 11:00"]), pd.DatetimeIndex([pd.NaT]), cs.Calendar())
    assert found["waited"].tolist() == [3_600_123_457]
    assert not found["observed"].any()


def test_without_a_single_open_day_nothing_is_counted() -> None:
    days = [f"2026-01-{day:02d}" for day in range(1, 32)]
    table = opening_days(cs.Calendar(holidays=days), pd.Timestamp("2026-01-10"), pd.Timestamp("2026-01-12"))
    assert table["before"].tolist() == [0] * len(table)
    assert list(table.columns) == ["day", "before"]
    found = waited(pd.DatetimeIndex(["2026-01-10"]), pd.DatetimeIndex(["2026-01-12"]), cs.Calendar(holidays=days), as_of="2026-01-15")
    assert found["waited"].tolist() == [0]


def test_time_under_observation_is_rounded_down_on_the_grid() -> None:
    """A step is 86.4 microseconds. One microsecond is no step; 30 short of a day are a third of a step short: a day if it ended, else a step less."""
    waits, ended = pd.Series([1, 86_399_999_970, 86_399_999_970]), pd.Series([False, True, False])
    assert days_on_grid(waits, ended, day=86_400_000_000).tolist() == [0.0, 1.0, 0.999999999]
    assert days_on_grid(pd.Series([28_800_000_000 * 7]), pd.Series([False]), day=28_800_000_000).tolist() == [7.0]


def test_there_are_two_clocks() -> None:
    with pytest.raises(cs.errors.ParameterError, match="clock must be 'business'"):
        check_clock("lunar")
