"""How long customers wait, in words."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from cs_analysis.data.calendar import Calendar
from cs_analysis.report.support import hours_text, waiting_words

EIGHT_HOURS = Calendar()
LONG_DAYS = Calendar(business_hours=("08:00", "20:00"))


@pytest.mark.parametrize(
    ("days", "calendar", "words"),
    [
        (0.0, EIGHT_HOURS, "0 min"),
        (1 / 480, EIGHT_HOURS, "1 min"),  # a business day of eight hours has 480 minutes
        (0.5, EIGHT_HOURS, "4 h"),
        (0.5, LONG_DAYS, "6 h"),
        (1.15, EIGHT_HOURS, "9 h 12 min"),
        (3.0, EIGHT_HOURS, "3 business days"),
        (math.nan, EIGHT_HOURS, "–"),
    ],
)
def test_business_days_read_as_opening_hours(days: float, calendar: Calendar, words: str) -> None:
    assert hours_text(days, calendar) == words


def times(half: float, low: float, high: float, slow: float) -> pd.DataFrame:
    """Return what `response_time` answers."""
    names = ["response_time", "response_time_90", "response_time_naive"]
    return pd.DataFrame({"metric": names, "estimate": [half, slow, 9.0], "conf_low": [low, 0, math.nan], "conf_high": [high, 9, math.nan]})


def test_the_sentence_names_the_median_its_limits_and_the_slowest_tenth() -> None:
    found = waiting_words(times(0.25, 0.125, 0.5, 2.0), EIGHT_HOURS, what="Tickets")
    assert found == "Tickets: half of the customers waited no longer than 2 h of opening hours (1 h to 4 h), one in ten longer than 16 h."


def test_an_open_limit_and_an_unknown_tail_are_said() -> None:
    found = waiting_words(times(0.25, 0.125, math.nan, math.nan), EIGHT_HOURS, what="Tickets")
    assert found.endswith("(1 h or more), how long the slowest tenth waits is not known yet.")


def test_a_median_that_is_not_reached_is_said() -> None:
    found = waiting_words(times(math.nan, 0.125, math.nan, math.nan), EIGHT_HOURS, what="Tickets")
    assert found == "Tickets: fewer than half of them have come to an end, so the median is not known yet."
