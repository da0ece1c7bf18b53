"""Scores from the order of values: by hand, against counting, and the limits of a median against exact coin throws."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from cs_analysis.errors import ParameterError
from cs_analysis.stats.quantile_scores import median_limits, quantile_scores, threshold_scores


def counted(values: list[float], bins: int, groups: list[int]) -> list[int]:
    """Return the scores by counting pairs in plain Python."""
    scores = []
    for value, group in zip(values, groups, strict=True):
        own = [other for other, its in zip(values, groups, strict=True) if its == group]
        twice = 2 * sum(other < value for other in own) + sum(other == value for other in own)
        scores.append(1 + bins * twice // (2 * len(own)))
    return scores


def test_without_ties_the_parts_are_of_equal_size() -> None:
    values = np.random.default_rng(1).permutation(100)
    assert np.array_equal(quantile_scores(values, 5), 1 + values // 20)
    assert np.array_equal(quantile_scores(values, 5, largest_first=True), 5 - values // 20)


@pytest.mark.parametrize(
    ("values", "scores"),
    [
        ([7, 7, 7, 7], [3, 3, 3, 3]),  # half of 4 is 2: 1 + floor(5 x 2 / 4)
        ([4], [3]),
        ([4, 9], [2, 4]),  # middle ranks 1/4 and 3/4 of the order: 1 + floor(1.25), 1 + floor(3.75)
        ([1, 1, 1, 1, 1, 1, 1, 1, 2, 3], [3, 3, 3, 3, 3, 3, 3, 3, 5, 5]),  # 4 / 10, 8.5 / 10 and 9.5 / 10 of the order
        ([], []),
    ],
)
def test_equal_values_share_the_score_of_their_middle_rank(values: list[float], scores: list[int]) -> None:
    assert quantile_scores(values, 5).tolist() == scores


@pytest.mark.parametrize("seed", range(12))
def test_counting_finds_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size, bins = int(rng.integers(1, 60)), int(rng.integers(2, 8))
    values, groups = rng.integers(0, 1 + seed * 3, size).astype(float).tolist(), rng.integers(0, 4, size).tolist()
    assert quantile_scores(values, bins, within=groups).tolist() == counted(values, bins, groups)


def test_the_order_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    values, order = rng.integers(0, 9, 200), rng.permutation(200)
    assert np.array_equal(quantile_scores(values[order], 5), quantile_scores(values, 5)[order])


def test_thresholds_are_reached_by_those_who_are_at_them() -> None:
    assert threshold_scores([1, 2, 3, 9], [2, 5, 9]).tolist() == [1, 2, 2, 4]
    assert threshold_scores([0, 30, 31, 91], [30, 60, 90], largest_first=True).tolist() == [4, 4, 3, 1]


@pytest.mark.parametrize("thresholds", [[], [3, 2], [2, 2], [1, np.nan]])
def test_thresholds_rise(thresholds: list[float]) -> None:
    with pytest.raises(ParameterError, match="rising order"):
        threshold_scores([1.0], thresholds)


@pytest.mark.parametrize("bins", [1, 0, 2.5, True])
def test_bins_are_at_least_two(bins: object) -> None:
    with pytest.raises(ParameterError, match="bins must be"):
        quantile_scores([1.0], bins)  # type: ignore[arg-type]


def test_a_missing_value_cannot_be_scored() -> None:
    with pytest.raises(ParameterError, match="row 1"):
        quantile_scores([1.0, np.nan], 5)


@pytest.mark.parametrize("n", [1, 5, 6, 7, 20, 101])
@pytest.mark.parametrize("conf_level", [0.8, 0.95])
def test_limits_of_a_median_are_as_narrow_as_coins_allow(n: int, conf_level: float) -> None:
    below = [sum(comb(n, heads) for heads in range(k)) / 2**n for k in range(n + 1)]  # chance of fewer than k heads
    k = max(place for place, chance in enumerate(below) if chance <= (1 - conf_level) / 2)
    found = median_limits(np.arange(1, n + 1), conf_level=conf_level)
    assert found.estimate == (n + 1) / 2
    assert (found.conf_low, found.conf_high) == (k, n + 1 - k) if k else np.isnan([found.conf_low, found.conf_high]).all()


def test_the_median_of_nobody_is_missing() -> None:
    assert np.isnan(median_limits([], conf_level=0.95)).all()
