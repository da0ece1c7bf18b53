import math

import pandas as pd
import pytest

from cs_analysis.errors import ParameterError
from cs_analysis.show.text import amount_text, axis_text, date_text, difference_text, grain_of, interval_text, level_text, period_text, value_text


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
        (-0.2, "points", "en", "0"),
        (1234, "count", "de", "1.234"),
        (2.346, "ratio", "de", "2,35"),
        (math.nan, "share", "en", "–"),
    ],
)
def test_values_are_written_as_the_language_writes_them(value: float, unit: str, language: str, text: str) -> None:
    assert value_text(value, unit, language).replace("\xa0", " ") == text


def test_an_interval_without_limits_is_empty() -> None:
    assert interval_text(math.nan, math.nan, "EUR") == ""
    assert interval_text(-3.5, 39.8, "points", language="de") == "−4 bis 40"


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
