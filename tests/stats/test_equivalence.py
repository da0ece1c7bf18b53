"""Tests of equivalence against other implementations and by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats
from statsmodels.stats.weightstats import ttost_ind

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.correlation import Correlation, rank_correlation
from cs_analysis.stats.equivalence import Equivalence, check_margin, tost, tost_by_limits, tost_correlation, tost_means, tost_shares, verdict
from cs_analysis.stats.intervals import Interval, newcombe_difference

GOLDEN = Path(__file__).parents[1] / "golden" / "correlation"
ROWS = pd.read_csv(GOLDEN / "rows.csv")
FIRST, SECOND = (ROWS.loc[ROWS["reached"] == side, "free"] for side in (1, 0))
TESTS = pd.read_csv(GOLDEN / "equivalence.csv", skipinitialspace=True)


@pytest.mark.parametrize("row", TESTS.to_dict("records"), ids=str)
def test_means_equal_one_sided_t_tests(row: dict) -> None:
    pooled = str(row["pooled"]).strip() == "TRUE" or row["pooled"] is True
    found = tost_means(FIRST, SECOND, margin=row["margin"], pooled=pooled)
    assert tuple(found) == pytest.approx((row["above"], row["below"]), rel=1e-9)


@pytest.mark.parametrize("pooled", [True, False])
def test_means_equal_statsmodels(pooled: bool) -> None:
    expected = ttost_ind(FIRST, SECOND, -1.2, 1.2, usevar="pooled" if pooled else "unequal")
    found = tost_means(FIRST, SECOND, margin=1.2, pooled=pooled)
    assert found.p_value == pytest.approx(expected[0], rel=1e-9)
    assert tuple(found) == pytest.approx((expected[1][1], expected[2][1]), rel=1e-9)


def test_by_hand() -> None:
    # 0.1 with error 0.2: (0.1 + 0.5) / 0.2 = 3 and (0.5 - 0.1) / 0.2 = 2 errors from the bounds; upper tails 0.00135 and 0.02275
    found = tost(0.1, 0.2, low=-0.5, high=0.5)
    assert tuple(found) == pytest.approx((0.0013498980, 0.0227501319))
    assert found.p_value == found.p_below_high


@pytest.mark.parametrize(("estimate", "error"), [(0.1, 0.05), (-0.12, 0.06), (0.0, 0.13), (0.25, 0.01)])
def test_it_is_shown_exactly_where_the_limits_of_twice_the_level_lie_between_the_bounds(estimate: float, error: float) -> None:
    half = special.stdtrit(30, 0.95) * error
    inside = estimate - half > -0.2 and estimate + half < 0.2
    assert (tost(estimate, error, low=-0.2, high=0.2, freedom=30).p_value < 0.05) == inside


def test_a_one_sided_margin_asks_one_question() -> None:
    assert tost(0.0, 1.0, low=-np.inf, high=1.6448536).p_value == pytest.approx(0.05)


def test_correlations_are_tested_on_fishers_transform() -> None:
    # r = .02, error of z .1 with many degrees of freedom: (.30952 - .02000) / .1 = 2.895
    found = tost_correlation(Correlation(0.02, 0.1 * (1 - 0.02**2), 10**9, 0.02, 0.0), margin=0.3)
    assert found.p_value == pytest.approx(stats.norm.sf((np.arctanh(0.3) - np.arctanh(0.02)) / 0.1), rel=1e-6)
    assert found.p_below_high > found.p_above_low


def test_without_an_error_nothing_is_shown() -> None:
    nothing = tost_correlation(Correlation(0.0, np.nan, 0, 0.0, 0.1), margin=0.2)
    assert np.isnan(nothing.p_value)
    assert verdict(Interval(0.0, np.nan, np.nan), nothing, alpha=0.05) == "not shown"


def test_limits_of_any_kind_give_the_p_value_at_which_they_touch_the_bound() -> None:
    found = tost_shares((52, 100), (50, 100), margin=0.15)
    touching = newcombe_difference((52, 100), (50, 100), conf_level=1 - 2 * found.p_below_high)
    assert touching.conf_high == pytest.approx(0.15, abs=1e-7)
    assert newcombe_difference((52, 100), (50, 100), conf_level=1 - 2 * found.p_above_low).conf_low == pytest.approx(-0.15, abs=1e-7)
    assert found.p_value == found.p_below_high


def test_normal_limits_give_what_the_error_gives() -> None:
    def limits(level: float) -> Interval:
        half = 0.2 * special.ndtri((1 + level) / 2)
        return Interval(0.1, 0.1 - half, 0.1 + half)

    assert tuple(tost_by_limits(limits, low=-0.5, high=0.5)) == pytest.approx(tuple(tost(0.1, 0.2, low=-0.5, high=0.5)), rel=1e-5)
    assert np.isnan(tost_by_limits(lambda _: Interval(0.1, np.nan, np.nan), low=-1, high=1).p_value)
    for low, high in ((-0.5, 0.05), (0.15, 0.5)):  # the estimate lies outside: p is above one half
        assert tost_by_limits(limits, low=low, high=high).p_value == pytest.approx(tost(0.1, 0.2, low=low, high=high).p_value, rel=1e-5)


@pytest.mark.parametrize(
    ("limits", "p_value", "expected"),
    [
        ((0.3, 0.1, 0.5), 0.8, "different"),
        ((0.1, -0.1, 0.3), 0.2, "not shown"),
        ((0.0, -0.1, 0.1), 0.01, "within the margin"),
        ((0.05, 0.01, 0.09), 0.001, "within the margin"),
    ],
)
def test_no_difference_is_said_only_where_the_test_says_so(limits: tuple, p_value: float, expected: str) -> None:
    assert verdict(Interval(*limits), Equivalence(0.0, p_value), alpha=0.05) == expected


def test_few_rows_show_neither_and_many_show_that_there_is_none() -> None:
    x, y = [0, 0, 1, 1], [0, 1, 0, 1]  # no correlation at all
    said = [rank_correlation(x * times, y * times) for times in (5, 100)]
    assert [verdict(each.limits(0.95), tost_correlation(each, margin=0.2), alpha=0.05) for each in said] == ["not shown", "within the margin"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tost(0, 1, low=1, high=1), ParameterError, "low must be below high"),
        (lambda: tost_by_limits(lambda _: Interval(0, 0, 0), low=1, high=0), ParameterError, "low must be below high"),
        (lambda: tost_means([1, 2], [1], margin=1), NotEnoughDataError, "there are 2 and 1"),
        (lambda: tost_means([1, np.nan], [1, 2], margin=1), ParameterError, "finite"),
        (lambda: tost_correlation(Correlation(0, 1, 9, 0, 0), margin=1.0), ParameterError, "between 0 and 1"),
        (lambda: check_margin(0), ParameterError, "above 0"),
        (lambda: check_margin("0.2"), ParameterError, "above 0"),
    ],
)
def test_what_cannot_be_is_refused(call: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
