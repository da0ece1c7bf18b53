from __future__ import annotations

from datetime import date

import pytest

from cs_analysis.errors import ParameterError
from cs_analysis.report.periods import Reported, check_period, reported_period

TODAY = date(2026, 11, 2)


@pytest.mark.parametrize(
    ("period", "label", "month", "as_of"),
    [
        ("last-month", "2026-10", "2026-10", "2026-10-31"),
        ("this-month", "2026-11", "2026-11", "2026-11-02"),
        ("last-quarter", "2026-Q3", "2026-09", "2026-09-30"),
        ("2026-02", "2026-02", "2026-02", "2026-02-28"),
        ("2024-02", "2024-02", "2024-02", "2024-02-29"),
        ("2026-Q4", "2026-Q4", "2026-11", "2026-11-02"),
        ("2025-Q4", "2025-Q4", "2025-12", "2025-12-31"),
    ],
)
def test_without_as_of_the_period_ends_on_its_last_day_or_today(period: str, label: str, month: str, as_of: str) -> None:
    assert reported_period(period, as_of=None, today=TODAY) == Reported(label, month, as_of)


@pytest.mark.parametrize(("as_of", "label"), [("2026-01-31", "2025-12"), ("2026-01-01T08:00:00+01:00", "2025-12"), ("2026-03-31", "2026-02")])
def test_last_month_is_the_one_before_as_of_which_stays_as_given(as_of: str, label: str) -> None:
    assert reported_period("last-month", as_of=as_of, today=TODAY) == Reported(label, label, as_of)


def test_last_quarter_in_january_is_of_the_year_before() -> None:
    assert reported_period("last-quarter", as_of=None, today=date(2026, 1, 1)).label == "2025-Q4"


def test_a_period_that_has_not_begun_is_refused() -> None:
    with pytest.raises(ParameterError, match="2026-12 must have begun by 2026-11-02"):
        reported_period("2026-12", as_of=None, today=TODAY)


@pytest.mark.parametrize("period", ["last month", "2026-13", "2026-Q5", "", "2026"])
def test_other_words_are_refused(period: str) -> None:
    with pytest.raises(ParameterError, match="a period must be last-month"):
        check_period(period)


def test_an_instant_belongs_to_the_day_of_the_zone() -> None:
    """Half past one on 1 November in Berlin is still October by UTC, and the other way round."""
    edge = "2026-11-01T00:30:00+01:00"
    months = [reported_period("this-month", as_of=edge, today=TODAY, timezone=zone).month for zone in ("Europe/Berlin", "UTC", "America/New_York")]
    assert months == ["2026-11", "2026-10", "2026-10"]
