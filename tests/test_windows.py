"""Windows say their unit; months are not thirty days."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import ParameterError
from cs_analysis.windows import Window, fixed_days, parse_window


@pytest.mark.parametrize(
    ("written", "months", "microseconds"),
    [
        ("14d", 0, 14 * 86_400 * 10**6),
        ("2w", 0, 14 * 86_400 * 10**6),
        ("3h", 0, 3 * 3_600 * 10**6),
        ("30min", 0, 30 * 60 * 10**6),
        ("12mo", 12, 0),
        ("1y", 12, 0),
        (" 7 d ", 0, 7 * 86_400 * 10**6),
        (pd.Timedelta("36h"), 0, 36 * 3_600 * 10**6),
        (timedelta(days=1, microseconds=1), 0, 86_400 * 10**6 + 1),
        (timedelta(days=200_000), 0, 200_000 * 86_400 * 10**6),
    ],
)
def test_windows_in_their_unit(written, months, microseconds):
    assert parse_window(written) == Window(months, microseconds)


@pytest.mark.parametrize("bare", [14, 14.0, True, np.int64(3), np.timedelta64(3), None, [7]])
def test_a_bare_number_has_no_unit(bare):
    with pytest.raises(ParameterError, match="within must say its unit"):
        parse_window(bare, name="within")


@pytest.mark.parametrize("text", ["", "14", "14 days", "1.5d", "-3d", "1m", "d", "P14D", "14D", "2w3d", "１４d"])
def test_a_text_without_a_known_unit_is_refused(text):
    with pytest.raises(ParameterError, match="must be a length of time"):
        parse_window(text)


@pytest.mark.parametrize("empty", ["0d", "0mo", pd.Timedelta(0), timedelta(days=-1)])
def test_a_window_is_longer_than_nothing(empty):
    with pytest.raises(ParameterError, match="longer than nothing"):
        parse_window(empty)


def test_a_missing_length_is_refused():
    with pytest.raises(ParameterError, match="must say its unit"):
        parse_window(pd.NaT)


def test_days_are_24_hours_and_months_have_none():
    assert parse_window("36h").days == 1.5
    assert parse_window("1mo").days is None


def test_a_window_stays_what_it_is():
    window = parse_window("14d")
    assert parse_window(window) is window


def test_fixed_days():
    assert fixed_days("36h") == 1.5
    assert fixed_days(pd.Timedelta(33.577, "D")) == pytest.approx(33.577, abs=1e-10)


@pytest.mark.parametrize("window", ["1mo", "2y"])
def test_months_are_no_fixed_number_of_days(window):
    with pytest.raises(ParameterError, match=f"horizon must have a fixed length, which {window!r} has not"):
        fixed_days(window, name="horizon")
