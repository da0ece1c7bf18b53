from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.facts.clock_lengths import clock_days
from helpers import accounts

SEVEN_HOURS = cs.read_dataset({"accounts": accounts(a="2025-01-01")}, as_of="2026-03-31", calendar=cs.Calendar(business_hours=("09:00", "16:00")))


@pytest.mark.parametrize(
    ("length", "clock", "days"),
    [
        ("12h", "elapsed", 0.5),
        ("2w", "elapsed", 14),
        (pd.Timedelta("36h"), "elapsed", 1.5),
        ("3d", "business", 3),  # business days, of whatever length
        ("7h", "business", 1),
        ("210min", "business", 0.5),
        (pd.Timedelta("14h"), "business", 2),
    ],
)
def test_lengths_are_read_on_their_clock(length: Any, clock: Any, days: float) -> None:
    assert clock_days(SEVEN_HOURS, length, clock=clock, name="target") == pytest.approx(days)


@pytest.mark.parametrize(
    ("length", "clock", "message"),
    [
        ("0d", "business", "target must be longer than nothing"),
        ("1mo", "business", "target must have a fixed length"),
        ("1w", "business", "target on the business clock must be open hours or business days"),
        (pd.Timedelta("24h"), "business", "target on the business clock must be open hours"),
        (3, "elapsed", "target must say its unit"),
        ("3d", "open", "clock must be"),
    ],
)
def test_others_are_refused(length: Any, clock: Any, message: str) -> None:
    with pytest.raises(cs.errors.ParameterError, match=message):
        clock_days(SEVEN_HOURS, length, clock=clock, name="target")
