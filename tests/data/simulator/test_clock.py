"""The working clock and the calendar."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cs_analysis.data.simulator.arrays import NEVER
from cs_analysis.data.simulator.clock import anniversaries, instant_at, month_start, working_time


def seconds(*texts: str) -> np.ndarray:
    return pd.DatetimeIndex(texts).as_unit("s").asi8


def texts(instants: np.ndarray) -> list[str]:
    return [str(value) for value in np.asarray(instants).ravel().astype("datetime64[s]")]


def test_a_week_of_working_time_is_a_week() -> None:
    start = seconds("2026-03-03T10:20:30", "2026-03-07T23:00:00", "2026-03-08T03:00:00")
    np.testing.assert_array_equal(instant_at(working_time(start) + 21.0), start + 21 * 86_400)


def test_there_and_back_again() -> None:
    instants = seconds("2024-11-01")[0] + np.arange(0, 20 * 86_400, 977)
    for shift in (0.0, 0.25, -0.08):
        np.testing.assert_array_equal(instant_at(working_time(instants, shift), shift), instants)


def test_the_clock_never_runs_backwards() -> None:
    instants = seconds("2024-11-01")[0] + np.arange(0, 20 * 86_400, 60)
    assert (np.diff(working_time(instants)) > 0).all()


def test_most_work_is_done_on_weekdays_in_office_hours() -> None:
    done = pd.DatetimeIndex(pd.to_datetime(instant_at(np.arange(0, 700, 0.01)), unit="s"))
    assert (done.dayofweek >= 5).mean() < 0.08
    assert done.hour.isin(range(7, 18)).mean() > 0.85


def test_never_stays_never() -> None:
    assert working_time(np.array([NEVER]))[0] == np.inf
    assert instant_at(np.array([np.inf]))[0] == NEVER
    assert (anniversaries(np.array([NEVER]), 3) == NEVER).all()


def test_anniversaries_keep_the_day_where_the_month_has_it() -> None:
    turns = anniversaries(seconds("2025-12-31T09:15:00", "2024-02-29T00:00:01"), 3)
    assert texts(turns[0]) == ["2025-12-31T09:15:00", "2026-01-31T09:15:00", "2026-02-28T09:15:00", "2026-03-31T09:15:00"]
    assert texts(turns[1]) == ["2024-02-29T00:00:01", "2024-03-29T00:00:01", "2024-04-29T00:00:01", "2024-05-29T00:00:01"]


def test_a_month_starts_at_midnight_utc() -> None:
    assert texts(np.array([month_start("2026-11")])) == ["2026-11-01T00:00:00"]
