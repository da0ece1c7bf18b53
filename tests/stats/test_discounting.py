"""Discount factors and lengths of age."""

from __future__ import annotations

import numpy as np
import pytest

from cs_analysis.errors import ParameterError
from cs_analysis.stats.discounting import age_window_days, discount_factors


def test_a_year_at_10_percent_costs_an_eleventh() -> None:
    assert discount_factors([365.25], discount_rate=0.10)[0] == pytest.approx(1 / 1.1)


def test_without_a_rate_nothing_is_lost() -> None:
    np.testing.assert_array_equal(discount_factors([0, 1000], discount_rate=0), [1.0, 1.0])


@pytest.mark.parametrize("rate", [-0.1, np.nan, np.inf, "10%", True])
def test_a_rate_is_a_number_from_0(rate: object) -> None:
    with pytest.raises(ParameterError, match="discount_rate must be a rate a year from 0 up"):
        discount_factors([1], discount_rate=rate)  # type: ignore[arg-type]


@pytest.mark.parametrize(("window", "days"), [("36mo", 1096), ("1y", 365), ("90d", 90)])
def test_months_of_age_are_twelfths_of_a_year(window: str, days: int) -> None:
    assert age_window_days(window, name="horizon") == days  # 36 x 30.4375 = 1095.75; 365.25


def test_an_hour_is_too_short() -> None:
    with pytest.raises(ParameterError, match="horizon must be a day or longer"):
        age_window_days("1h", name="horizon")
