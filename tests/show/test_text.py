import math

import pandas as pd
import pytest

from cs_analysis.errors import ParameterError
from cs_analysis.show.text import (
    amount_text,
    axis_text,
    date_text,
    difference_text,
    grain_of,
    interval_text,
    key_texts,
    level_text,
    period_text,
    titled,
    value_text,
)


@pytest.mark.parametrize(
    ("value", "unit", "language", "text"),
    [
        (0.0312, "share", "en", "3.1%"),
        (0.0312, "share", "de", "3,1 %"),
        (0.0312, "share", "tr", "%3,1"),
        (1234.5, "EUR", "en", "€1,234"),
        (1234567.5, "EUR", "de", "1.234.568 €"),
        (1234567.5, "TRY", "tr", "₺1.234.568"),
        (12.345, "EUR", "en", "€12.34"),
        (-12.6, "points", "en", "−13"),
        (-0.2, "points", "en", "−0.2"),
        (-0.04, "points", "en", "0"),
        (5.35, "points", "de", "5,4"),  # a mean score
        (1234, "count", "de", "1.234"),
        (2.346, "ratio", "de", "2,35"),
        (math.nan, "share", "en", "–"),
    ],
)
def test_values_are_written_as_the_language_writes_them(value: float, unit: str, language: str, text: str) -> None:
    assert value_text(value, unit, language).replace("\xa0", " ") == text


def test_an_interval_without_limits_is_empty() -> None:
    assert interval_text(math.nan, math.nan, "EUR") == ""
    assert interval_text(-3.5, 39.8, "points", language="de") == "−3,5 bis 40"


def test_shares_differ_by_percentage_points() -> None:
    assert amount_text(0.0125, "share") == "1.2 percentage points"
    assert amount_text(13888, "EUR") == "€13,888"
    assert difference_text(-0.038, 0.0584, "share", language="de") == "−3,8 bis +5,8 Prozentpunkte"


def test_levels_keep_their_decimals() -> None:
    assert [level_text(level) for level in (0.95, 0.9, 0.999)] == ["95%", "90%", "99.9%"]


@pytest.mark.parametrize(
    ("starts", "grain"),
    [
        (["2026-01-01", "2026-02-01"], "month"),
        (["2026-01-01", "2026-04-01", "2026-10-01"], "quarter"),
        (["2025-01-01", "2026-01-01"], "year"),
        (["2026-01-01", "2026-01-02"], "day"),
        (["2026-10-31"], "day"),
        (["2026-10-01"], "month"),
        ([], "month"),
    ],
)
def test_the_grain_is_read_off_the_spacing(starts: list[str], grain: str) -> None:
    assert grain_of(pd.to_datetime(starts)) == grain


@pytest.mark.parametrize(
    ("language", "month", "quarter"), [("en", "October 2026", "Q4 2026"), ("de", "Oktober 2026", "Q4 2026"), ("tr", "Ekim 2026", "Ç4 2026")]
)
def test_periods_have_names(language: str, month: str, quarter: str) -> None:
    start = pd.Timestamp("2026-10-01")
    assert period_text(start, "month", language) == month
    assert period_text(start, "quarter", language, short=True) == quarter


def test_dates_are_written_out() -> None:
    assert date_text(pd.Timestamp("2026-10-31"), "de") == "31. Oktober 2026"


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [("share", 0.065, "6.5%"), ("share", 0.2, "20%"), ("EUR", 60000, "€60,000"), ("EUR", 1_500_000, "€1.5M"), ("count", 25_000, "25K"), ("points", -20, "−20")],
)
def test_axes_are_short(unit: str, value: float, text: str) -> None:
    assert axis_text(unit)(value, 0) == text


def test_another_language_is_refused() -> None:
    with pytest.raises(ParameterError, match="language must be one of en, de, tr, not 'xx'"):
        interval_text(0.1, 0.2, "count", language="xx")


@pytest.mark.parametrize(
    ("value", "unit", "language", "text"),
    [
        (-0.0001, "share", "en", "0.0%"),
        (-0.0001, "share", "tr", "%0,0"),
        (-0.001, "EUR", "de", "0,00 €"),
        (-0.004, "ratio", "en", "0.00"),
        (-0.031, "share", "tr", "−%3,1"),
        (999.999, "EUR", "en", "€1,000"),
        (1e15, "count", "tr", "1.000.000.000.000.000"),
        (1e-9, "per_month", "en", "<0.01"),
        (math.inf, "days", "de", "∞"),
        (500, "JPY", "en", "¥500"),
        (-2500, "TRY", "en", "−TRY 2,500"),
        (2500, "TRY", "de", "2.500 TRY"),
        (1234.5, "XXX", "en", "1,234"),
        (None, "EUR", "tr", "–"),
    ],
)
def test_odd_values_are_written_too(value: float, unit: str, language: str, text: str) -> None:
    assert value_text(value, unit, language).replace("\xa0", " ") == text


@pytest.mark.parametrize(
    ("unit", "value", "language", "text"),
    [
        ("share", -1e-17, "en", "0%"),
        ("share", 0.0005, "de", "0,05 %"),
        ("EUR", 0.5, "en", "€0.50"),
        ("EUR", -1_500_000, "de", "−1,5 Mio. €"),
        ("EUR", 1_500_000, "tr", "1,5 Mn €"),
        ("XXX", 2_000_000, "en", "2,000,000"),
        ("count", 25_000, "de", "25.000"),
        ("count", 25_000, "tr", "25 B"),
        ("ratio", 0.1 + 0.2, "tr", "0,3"),
    ],
)
def test_axes_follow_the_language(unit: str, value: float, language: str, text: str) -> None:
    assert axis_text(unit, language)(value, 0).replace("\xa0", " ") == text


@pytest.mark.parametrize(("language", "text"), [("en", "12 or less"), ("de", "12 oder weniger"), ("tr", "12 ve altı")])
def test_a_missing_lower_limit_leaves_the_upper_one(language: str, text: str) -> None:
    assert interval_text(math.nan, 12, "days", language=language) == text


@pytest.mark.parametrize(("language", "point", "days"), [("en", "1 point", "2 days"), ("de", "1 Punkt", "2 Tage"), ("tr", "1 puan", "2 gün")])
def test_one_is_singular(language: str, point: str, days: str) -> None:
    assert (amount_text(1.0, "points", language), amount_text(2.0, "days", language)) == (point, days)


def test_only_what_is_more_than_nothing_has_a_plus() -> None:
    assert difference_text(-0.0001, 0.0, "share") == "0.0 to 0.0 percentage points"
    assert difference_text(-150.0, 20.0, "EUR", language="tr") == "−€150,00 – +€20,00"


@pytest.mark.parametrize(("language", "day"), [("en", "Sep 1, 2026"), ("de", "1. Sept. 2026"), ("tr", "1 Eyl 2026")])
def test_days_are_short_along_an_axis(language: str, day: str) -> None:
    assert period_text(pd.Timestamp("2026-09-01"), "day", language, short=True) == day


@pytest.mark.parametrize(
    ("value", "unit", "language", "text"),
    [
        (0.0004, "share", "en", "0.04%"),
        (0.0005, "share", "en", "0.05%"),
        (0.0006, "share", "en", "0.1%"),
        (0.00005, "share", "en", "<0.01%"),
        (0.00004, "share", "tr", "<%0,01"),
        (0.9996, "share", "de", "99,96 %"),
        (0.99999, "share", "en", ">99.99%"),
        (0.0, "share", "en", "0.0%"),
        (1.0, "share", "en", "100.0%"),
        (1e-17, "share", "en", "0.0%"),
        (1 - 1e-16, "share", "en", "100.0%"),
        (0.004, "ratio", "de", "<0,01"),
        (0.0, "ratio", "en", "0.00"),
    ],
)
def test_what_is_not_nothing_does_not_read_as_nothing(value: float, unit: str, language: str, text: str) -> None:
    assert value_text(value, unit, language).replace("\xa0", " ") == text


@pytest.mark.parametrize(
    ("days", "text"), [(0.004, "<0,01"), (0.25, "0,25"), (0.999, "1"), (1.0, "1"), (2.46, "2,5"), (9.96, "10"), (12.4, "12"), (1234.0, "1.234")]
)
def test_short_times_keep_decimals(days: float, text: str) -> None:
    assert value_text(days, "days", "de") == text


def test_a_title_names_the_unit_that_the_numbers_do_not() -> None:
    titles = [titled("Dauer", unit, "de") for unit in ("days", "per_month", "share", "EUR", "points", "count", "ratio")]
    assert titles == ["Dauer (Tage)", "Dauer (je Monat)", *["Dauer"] * 5]


def test_known_values_of_keys_are_translated_and_others_left() -> None:
    assert key_texts(pd.Series(["new", "my own", None], name="movement"), language="de") == ["neu", "my own", "alle"]
    assert key_texts(pd.Series(["new"], name="segment"), language="de") == ["new"]


@pytest.mark.parametrize(
    ("low", "high", "language", "text"),
    [(120, math.inf, "en", "120 or more"), (120, math.inf, "de", "120 oder mehr"), (-math.inf, 12, "en", "12 or less"), (-math.inf, math.inf, "en", "")],
)
def test_an_infinite_limit_is_none(low: float, high: float, language: str, text: str) -> None:
    assert interval_text(low, high, "count", language=language) == text
