"""Limits of shares lost in blocks, and contrasts of days, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cs_analysis.errors import ParameterError
from cs_analysis.stats.blocks import block_levels, block_share
from cs_analysis.stats.day_contrasts import marked_days, stratified_contrast, weekday_gaps


def test_limits_of_lengths_that_spread_as_exponential_ones_are_those_of_f() -> None:
    # two blocks of 3 -/+ d hours: (2 d^2 / 9 + 2) / 3 = 1 where d^2 = 4.5, so the sum of squares is 18 + 9
    found = block_share(94, 6, blocks=2, squares=27, typical=0)
    odds = 6 / 94
    worst, best = odds * stats.f.ppf(0.975, 6, 4) * 3 / 2, odds * stats.f.ppf(0.025, 4, 4)
    assert (found.estimate, found.conf_low, found.conf_high) == pytest.approx((0.94, 1 / (1 + worst), 1 / (1 + best)))


def test_no_block_is_not_none_for_ever() -> None:
    found = block_share(1000, 0, blocks=0, squares=0, typical=5)
    assert (found.estimate, found.conf_high) == (1, 1)
    assert found.conf_low == pytest.approx(1 / (1 + 3.6889 * 5 / 1000), abs=1e-6)  # -log(0.025) = 3.6889


def test_all_down_and_nothing_seen_have_no_limits() -> None:
    found = block_share([0, 0], [10, 0], blocks=[1, 0], squares=[100, 0], typical=[1, 1])
    assert found.estimate[0] == 0
    assert np.isnan(found.estimate[1])
    assert np.isnan(found.conf_high).all()


@pytest.mark.parametrize(("down", "blocks"), [(5, 0), (0, 1), (-1, 1)])
def test_blocks_and_time_down_belong_together(down: float, blocks: int) -> None:
    with pytest.raises(ParameterError):
        block_share(10, down, blocks=blocks, squares=1, typical=1)


def test_levels_widen_with_likeness_within_blocks() -> None:
    even = block_levels([19, 19, 19, 19], [20] * 4, level=0.95, groups=[0] * 4)
    uneven = block_levels([20, 20, 20, 16], [20] * 4, level=0.95, groups=[0] * 4)
    assert uneven[0] < even[0] < 0.95 < even[1] < uneven[1]


def test_a_gap_is_the_log_ratio_to_the_same_weekdays() -> None:
    amounts = np.full(29, 9.5)
    amounts[14] = 4.5
    gaps = weekday_gaps(amounts, np.arange(29) != 14)
    assert gaps[14] == pytest.approx(np.log(5 / 10))
    assert np.isnan(gaps[7])  # of its only pair, 0 and 14, one is not ordinary
    assert np.isnan(gaps[3])


def test_growth_cancels() -> None:
    growth = np.exp(0.01 * np.arange(60)) - 0.5
    gaps = weekday_gaps(growth, np.full(60, True))
    assert np.nanmax(np.abs(gaps)) < 1e-12


def test_a_day_far_from_all_others_has_the_least_p_value() -> None:
    rng = np.random.default_rng(3)
    amounts = rng.poisson(100, 120).astype("float64")
    amounts[60] = 20
    marked = np.arange(120) == 60
    found = marked_days(weekday_gaps(amounts, ~marked), marked, ~marked)
    others = np.isfinite(np.where(marked, np.nan, weekday_gaps(amounts, ~marked))).sum()
    assert found.p_value == pytest.approx(1 / (1 + others))
    assert found.conf_high < 0


def test_too_short_a_history_has_no_limits() -> None:
    marked = np.arange(20) == 10
    found = marked_days(weekday_gaps(np.full(20, 5.0), ~marked), marked, ~marked)
    assert found.n == 1
    assert np.isnan(found.conf_low)
    assert marked_days(weekday_gaps(np.full(20, 5.0), ~marked), marked & False, ~marked).n == 0


def test_the_contrast_is_weighted_by_the_exposed() -> None:
    # stratum a: 1/2 of the exposed left, 0/2 of the others; b: 0/6 and 1/2; weights 2/8 and 6/8: 1/8 - 3/8 = -1/4
    rows = [("a", True, 1), ("a", True, 0), ("a", False, 0), ("a", False, 0), *[("b", True, 0)] * 6, ("b", False, 1), ("b", False, 0)]
    table = pd.DataFrame(rows, columns=["s", "exposed", "left"]).assign(account_id=[f"a{row}" for row in range(len(rows))])
    found, n = stratified_contrast(table, strata=["s"])
    assert found.estimate == pytest.approx(-0.25)
    assert n == 12
    # contributions: a: exposed 1/4 x (-/+ 1/2) / 2 = 1/16 twice; b: others 3/4 x (1/2) / 2 = 3/16 twice; squares 2/256 + 18/256 = 20/256
    half = stats.t.ppf(0.975, 11) * np.sqrt(20 / 256 * 12 / 11)
    assert (found.conf_low, found.conf_high) == pytest.approx((-0.25 - half, -0.25 + half))


def test_all_exposed_alike_cannot_be_compared() -> None:
    table = pd.DataFrame({"account_id": ["a", "b"], "exposed": True, "left": [1.0, 0.0], "s": 1})
    found, n = stratified_contrast(table, strata=["s"])
    assert n == 0
    assert np.isnan(found.estimate)
