"""Days, weeks, fiscal years and business hours where clocks change."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs_analysis.data.calendar import WEEKDAYS, Calendar
from cs_analysis.errors import ParameterError

BERLIN = Calendar(timezone="Europe/Berlin")


def utc(text):
    return pd.Timestamp(text, tz="UTC")


class TestConstruction:
    def test_all_wrong_fields_are_named_at_once(self):
        with pytest.raises(ParameterError) as caught:
            Calendar(timezone="Europe/Berln", week_start="Mon", fiscal_year_start=13, business_hours=("17:00", "9"), business_days=("mo",), holidays=("x",))
        for field in ("timezone", "week_start", "fiscal_year_start", "business_hours", "business_days", "holidays"):
            assert field in str(caught.value)

    @pytest.mark.parametrize(
        "field",
        [
            {"timezone": ""},
            {"timezone": None},
            {"timezone": "Europe"},
            {"week_start": "Montag"},
            {"fiscal_year_start": 0},
            {"business_hours": ("09:00", "09:00")},
            {"business_hours": ("18:00", "09:00")},
            {"business_hours": ("09:00", "24:01")},
            {"business_hours": ("09:00",)},
            {"business_hours": "09:00-17:00"},
            {"business_hours": (9, 17)},
            {"business_days": ()},
            {"business_days": "monday"},
            {"holidays": "2026-12-25"},
            {"holidays": ("25.12.2026",)},
            {"holidays": (None,)},
        ],
    )
    def test_a_field_outside_its_bounds_is_refused(self, field):
        with pytest.raises(ParameterError, match=next(iter(field))):
            Calendar(**field)

    def test_equal_calendars_are_equal_however_they_were_written(self):
        one = Calendar(business_days=["friday", "monday"], holidays=["2026-12-25", date(2026, 1, 1)], business_hours=["9:00", "17:00"])
        other = Calendar(
            business_days=("monday", "friday"), holidays=(pd.Timestamp("2026-01-01"), "2026-12-25", "2026-12-25"), business_hours=("9:00", "17:00")
        )
        assert one == other
        assert hash(one) == hash(other)

    def test_a_calendar_is_frozen(self):
        with pytest.raises(FrozenInstanceError):
            BERLIN.timezone = "UTC"


class TestEndOf:
    @pytest.mark.parametrize("day", ["2026-10-25", date(2026, 10, 25), pd.Timestamp("2026-10-25"), datetime(2026, 10, 25), np.datetime64("2026-10-25")])
    def test_a_date_is_its_last_microsecond_in_the_zone(self, day):
        # The day the clocks go back has 25 hours: 24 October 22:00 UTC to 25 October 23:00 UTC.
        end = BERLIN.end_of(day)
        assert end == utc("2026-10-25 22:59:59.999999")
        assert str(end) == "2026-10-25 23:59:59.999999+01:00"
        assert end.tz == ZoneInfo("Europe/Berlin")

    @pytest.mark.parametrize(
        "instant", ["2026-10-31T18:00+01:00", "2026-10-31 17:00Z", pd.Timestamp("2026-10-31 12:00", tz="America/New_York") + pd.Timedelta("1h")]
    )
    def test_an_instant_stays_the_instant(self, instant):
        end = BERLIN.end_of(instant)
        assert end == utc("2026-10-31 17:00")
        assert str(end) == "2026-10-31 18:00:00+01:00"

    def test_a_zone_whose_midnight_is_skipped(self):
        # In Beirut the clock jumped from 00:00 to 01:00 on 27 March 2022 (22:00 UTC): the 26th ends there.
        assert Calendar(timezone="Asia/Beirut").end_of("2022-03-26") == utc("2022-03-26 21:59:59.999999")
        assert Calendar(timezone="Asia/Beirut").end_of("2022-03-27") == utc("2022-03-27 20:59:59.999999")

    def test_a_zone_whose_midnight_comes_twice(self):
        # In Havana 6 November 2022 began at 00:00 summer time (04:00 UTC); at 01:00 it was 00:00 again.
        assert Calendar(timezone="America/Havana").end_of("2022-11-05") == utc("2022-11-06 03:59:59.999999")

    @pytest.mark.parametrize("moment", ["2026-10-31 18:00", "2026-10-31T00:00:00", pd.Timestamp("2026-10-31 18:00"), datetime(2026, 10, 31, 18)])
    def test_a_time_without_zone_is_refused(self, moment):
        with pytest.raises(ParameterError, match=r"as_of must say its time zone.*pass a date"):
            BERLIN.end_of(moment)

    @pytest.mark.parametrize("moment", ["31.10.2026", "2026-02-30", "now", "today", "", None, pd.NaT, 20261031, np.datetime64("NaT")])
    def test_what_is_no_time_is_refused(self, moment):
        with pytest.raises(ParameterError, match="must be a date or a time"):
            BERLIN.end_of(moment)


class TestPeriods:
    @pytest.mark.parametrize(
        ("period", "start"),
        [
            ("day", "2026-10-24 22:00"),
            ("week", "2026-10-18 22:00"),
            ("month", "2026-09-30 22:00"),
            ("quarter", "2026-09-30 22:00"),
            ("year", "2025-12-31 23:00"),
        ],
    )
    def test_periods_begin_at_local_midnight(self, period, start):
        # 25 October 2026 is a Sunday; summer time (UTC+2) until 03:00 that day.
        began = BERLIN.period_start("2026-10-25T23:30+01:00", period)
        assert began == utc(start)
        assert str(began.tz) == "UTC"

    @pytest.mark.parametrize(("first", "start"), [("monday", "2026-10-26"), ("sunday", "2026-10-25"), ("saturday", "2026-10-31"), ("wednesday", "2026-10-28")])
    def test_weeks_begin_on_their_day(self, first, start):
        # 31 October 2026 is a Saturday.
        assert Calendar(week_start=first).period_start("2026-10-31", "week") == utc(start)

    @pytest.mark.parametrize(
        ("day", "quarter", "year", "label"),
        [
            ("2026-03-31", "2026-01-01", "2025-04-01", "FY2026-Q4"),
            ("2026-04-01", "2026-04-01", "2026-04-01", "FY2027-Q1"),
            ("2026-12-31", "2026-10-01", "2026-04-01", "FY2027-Q3"),
            ("2027-01-01", "2027-01-01", "2026-04-01", "FY2027-Q4"),
        ],
    )
    def test_fiscal_years_from_april(self, day, quarter, year, label):
        fiscal = Calendar(fiscal_year_start=4)
        assert fiscal.period_start(day, "quarter") == utc(quarter)
        assert fiscal.period_start(day, "year") == utc(year)
        assert fiscal.label(day, "quarter") == label
        assert fiscal.label(day, "year") == label[:6]

    @pytest.mark.parametrize(
        ("day", "period", "label"),
        [
            ("2026-10-31", "day", "2026-10-31"),
            ("2026-10-31", "month", "2026-10"),
            ("2026-10-31", "week", "2026-W44"),
            ("2027-01-01", "week", "2026-W53"),
            ("2024-12-31", "week", "2025-W01"),
            ("2026-10-31", "quarter", "2026-Q4"),
            ("2026-10-31", "year", "2026"),
        ],
    )
    def test_labels(self, day, period, label):
        assert Calendar().label(day, period) == label

    def test_bounds_cover_the_range_and_touch(self):
        bounds = BERLIN.period_bounds("2026-10-20", "2026-11-02", "week")
        assert list(bounds["label"]) == ["2026-W43", "2026-W44"]
        assert list(bounds["start_at"]) == [utc("2026-10-18 22:00"), utc("2026-10-25 23:00")]
        assert list(bounds["end_at"]) == [utc("2026-10-25 23:00"), utc("2026-11-01 23:00")]

    def test_days_around_a_clock_change_have_23_and_25_hours(self):
        march = BERLIN.period_bounds("2026-03-28", "2026-03-31", "day")
        october = BERLIN.period_bounds("2026-10-24", "2026-10-27", "day")
        hours = [list((bounds["end_at"] - bounds["start_at"]) / pd.Timedelta("1h")) for bounds in (march, october)]
        assert hours == [[24, 23, 24], [24, 25, 24]]

    @pytest.mark.parametrize("end", ["2026-10-20", "2026-10-19"])
    def test_an_empty_range_is_refused(self, end):
        with pytest.raises(ParameterError, match="end must be after start"):
            BERLIN.period_bounds("2026-10-20", end, "day")

    def test_an_unknown_period_is_refused(self):
        with pytest.raises(ParameterError, match="day, week, month, quarter, year, not 'fortnight'"):
            BERLIN.period_start("2026-10-20", "fortnight")

    @settings(max_examples=60, deadline=None)
    @given(
        day=st.dates(date(2000, 1, 1), date(2040, 1, 1)),
        period=st.sampled_from(["day", "week", "month", "quarter", "year"]),
        zone=st.sampled_from(["UTC", "Europe/Berlin", "America/Havana", "Asia/Kathmandu"]),
        start=st.sampled_from(WEEKDAYS),
        fiscal=st.integers(1, 12),
    )
    def test_a_period_holds_its_days_and_ends_where_the_next_begins(self, day, period, zone, start, fiscal):
        calendar = Calendar(timezone=zone, week_start=start, fiscal_year_start=fiscal)
        began = calendar.period_start(day, period)
        ((label, start_at, end_at),) = calendar.period_bounds(day, pd.Timestamp(calendar.end_of(day)), period).itertuples(index=False)
        assert start_at == began <= calendar.end_of(day) < end_at
        assert calendar.period_start(end_at, period) == end_at
        assert calendar.period_start(end_at - pd.Timedelta(1, "us"), period) == began
        assert calendar.label(began, period) == label != calendar.label(end_at, period)


class TestBusinessTime:
    def test_a_week_by_hand(self):
        # Friday 16:00 to Monday 10:00 local: 1 hour on Friday, 1 on Monday; 2 of 8 hours are a quarter of a business day.
        hours = BERLIN.business_time(utc("2026-10-30 15:00"), utc("2026-11-02 09:00"), unit="hours")
        days = BERLIN.business_time(utc("2026-10-30 15:00"), utc("2026-11-02 09:00"))
        assert (float(hours), float(days)) == (2.0, 0.25)

    def test_holidays_do_not_count(self):
        calendar = Calendar(holidays=("2026-12-25",))
        # 24 December 2026 is a Thursday: 8 hours, then Friday off, then the weekend, then 8 hours on Monday.
        assert float(calendar.business_time("2026-12-24T00:00Z", "2026-12-29T00:00Z", unit="hours")) == 16.0

    def test_a_day_of_23_hours(self):
        around_the_clock = Calendar(timezone="Europe/Berlin", business_hours=("00:00", "24:00"), business_days=WEEKDAYS)
        start, end = utc("2026-03-28 23:00"), utc("2026-03-29 22:00")
        assert float(around_the_clock.business_time(start, end, unit="hours")) == 23.0

    def test_hours_that_a_clock_change_repeats_count_twice(self):
        # 25 October 2026, 01:00 to 02:30 local: 02:00-03:00 comes twice and 02:30 means the second, 01:30 UTC.
        night = Calendar(timezone="Europe/Berlin", business_hours=("01:00", "02:30"), business_days=WEEKDAYS)
        assert float(night.business_time(utc("2026-10-24 12:00"), utc("2026-10-25 12:00"), unit="hours")) == 2.5

    def test_a_midnight_that_comes_twice_ends_the_day_the_first_time(self):
        # Havana, Saturday 5 November 2022 (from 04:00 UTC) and Sunday 6 November, whose first hour came twice: 24 hours, then 25.
        calendar = Calendar(timezone="America/Havana", business_hours=("00:00", "24:00"), business_days=WEEKDAYS)
        sundays_off = Calendar(timezone="America/Havana", business_hours=("00:00", "24:00"), business_days=WEEKDAYS[:6])
        assert float(calendar.business_time(utc("2022-11-05 04:00"), utc("2022-11-07 05:00"), unit="hours")) == 49.0
        assert float(sundays_off.business_time(utc("2022-11-05 04:00"), utc("2022-11-07 05:00"), unit="hours")) == 24.0

    def test_arrays_scalars_missing_values_and_reversed_ends(self):
        start = pd.Series(pd.to_datetime(["2026-10-28 09:00", "2026-10-28 12:00", None], utc=True))
        result = Calendar().business_time(start, utc("2026-10-28 10:00"), unit="hours")
        np.testing.assert_array_equal(result, [1.0, -2.0, np.nan])
        np.testing.assert_array_equal(Calendar().business_time(np.array(["2026-10-28T09:00"], dtype="datetime64[us]"), pd.NaT), [np.nan])
        assert Calendar().business_time([], []).shape == (0,)

    def test_a_time_of_holidays_only(self):
        calendar = Calendar(holidays=[f"2026-10-{day}" for day in range(26, 32)])
        assert float(calendar.business_time(utc("2026-10-27"), utc("2026-10-29"))) == 0.0

    def test_an_unknown_unit_is_refused(self):
        with pytest.raises(ParameterError, match="'days' or 'hours', not 'minutes'"):
            BERLIN.business_time(utc("2026-10-27"), utc("2026-10-29"), unit="minutes")

    @pytest.mark.slow
    @settings(max_examples=60, deadline=None)
    @given(
        zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Asia/Beirut", "America/Havana"]),
        start=st.datetimes(datetime(2022, 3, 1), datetime(2022, 4, 20)) | st.datetimes(datetime(2022, 10, 1), datetime(2022, 11, 15)),
        minutes=st.integers(0, 6 * 24 * 60),
        hours=st.tuples(st.integers(0, 24 * 4), st.integers(0, 24 * 4)).filter(lambda pair: pair[0] < pair[1]),
        days=st.sets(st.sampled_from(WEEKDAYS), min_size=1),
        holiday=st.integers(-1, 6),
    )
    def test_as_many_minutes_as_a_clock_on_the_wall_shows_open(self, *, zone, start, minutes, hours, days, holiday):
        # Quarters of an hour; closing or opening inside a repeated hour is a matter of definition and tested by hand above.
        opens, closes = (quarter * 15 for quarter in hours)
        opens, closes = (0 if 0 < opens < 240 else opens), (1440 if closes < 240 else closes)
        start = pd.Timestamp(start.replace(second=0, microsecond=0), tz="UTC")
        off = (start + pd.Timedelta(days=holiday)).date()
        calendar = Calendar(timezone=zone, business_hours=tuple(f"{m // 60:02d}:{m % 60:02d}" for m in (opens, closes)), business_days=days, holidays=(off,))
        wall = pd.date_range(start, periods=minutes, freq="min").tz_convert(ZoneInfo(zone))
        minute_of_day = wall.hour * 60 + wall.minute
        is_open = (minute_of_day >= opens) & (minute_of_day < closes) & wall.day_name().str.lower().isin(days) & (wall.date != off)
        counted = calendar.business_time(start, start + pd.Timedelta(minutes=minutes), unit="hours") * 60
        assert round(float(counted)) == int(is_open.sum())

    @pytest.mark.slow
    @settings(max_examples=40, deadline=None)
    @given(instants=st.lists(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)), min_size=3, max_size=3))
    def test_time_adds_up(self, instants):
        a, b, c = (pd.Timestamp(instant, tz="UTC") for instant in instants)
        total = BERLIN.business_time(a, b) + BERLIN.business_time(b, c)
        assert float(total) == pytest.approx(float(BERLIN.business_time(a, c)), abs=1e-9)
