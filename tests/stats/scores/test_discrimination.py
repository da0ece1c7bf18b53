"""Areas under the curve and lists of the highest scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.scores.discrimination import auc, auc_difference, caught

GOLDEN = Path(__file__).parents[2] / "golden" / "scores"
ROWS, FOUND = pd.read_csv(GOLDEN / "rows.csv"), pd.read_csv(GOLDEN / "auc.csv").set_index("what")
Z = 1.959963984540054


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_area_and_variance_equal_proc(name: str) -> None:
    found = auc(ROWS[name], ROWS["y"])
    area, error = FOUND.loc[name, "auc"], np.sqrt(FOUND.loc[name, "variance"])
    assert found.estimate == pytest.approx(area, rel=1e-12)
    half = Z * error / (area * (1 - area))
    np.testing.assert_allclose([found.conf_low, found.conf_high], special.expit(special.logit(area) + np.array([-half, half])), rtol=1e-9)


@pytest.mark.parametrize("pair", ["a-b", "a-c"])
def test_a_paired_difference_equals_proc(pair: str) -> None:
    one, other = pair.split("-")
    found = auc_difference(ROWS[one], ROWS[other], ROWS["y"])
    half = Z * np.sqrt(FOUND.loc[pair, "variance"])
    np.testing.assert_allclose(found, [FOUND.loc[pair, "auc"], FOUND.loc[pair, "auc"] - half, FOUND.loc[pair, "auc"] + half], rtol=1e-9)


def test_by_hand_with_ties() -> None:
    # Pairs (yes, no): (2,1) in order, (2,2) a tie, (3,1) and (3,2) in order: 3.5 of 4.
    assert auc([2, 3, 1, 2], [True, True, False, False]).estimate == 0.875


def test_rows_of_one_cluster_counted_twice_say_no_more() -> None:
    twice = pd.concat([ROWS, ROWS], ignore_index=True)
    owners = np.tile(np.arange(len(ROWS)), 2)
    once, clustered, naive = auc(ROWS["a"], ROWS["y"]), auc(twice["a"], twice["y"], clusters=owners), auc(twice["a"], twice["y"])
    np.testing.assert_allclose(once, clustered, rtol=1e-9)
    assert naive.conf_high - naive.conf_low < 0.75 * (once.conf_high - once.conf_low)


def test_obuchowski_by_a_double_loop() -> None:
    rng = np.random.default_rng(1)
    owners, y, score = rng.integers(0, 15, 60), rng.random(60) < 0.4, rng.integers(0, 6, 60).astype(float)
    above = np.array([[(one > other) + (one == other) / 2 for other in score[~y]] for one in score[y]])
    area, m, n = above.mean(), y.sum(), (~y).sum()
    own = {side: {} for side in (True, False)}
    for side, places in ((True, above.mean(axis=1)), (False, above.mean(axis=0))):
        for owner, place in zip(owners[y == side], places, strict=True):
            own[side][owner] = own[side].get(owner, 0.0) + place - area
    sums = {side: sum(value**2 for value in own[side].values()) * len(own[side]) / (len(own[side]) - 1) for side in own}
    both = set(own[True]) | set(own[False])
    cross = sum(own[True].get(each, 0) * own[False].get(each, 0) for each in both) * len(both) / (len(both) - 1)
    variance = sums[True] / m**2 + sums[False] / n**2 + 2 * cross / (m * n)
    found = auc(score, y, clusters=owners)
    half = Z * np.sqrt(variance) / (area * (1 - area))
    np.testing.assert_allclose([special.logit(found.conf_high), special.logit(found.conf_low)], special.logit(area) + np.array([half, -half]))


def test_perfect_order_has_limits_that_say_how_little_is_known() -> None:
    # 3 with a yes, all above the 4 without: three independent pairs in order have probability .025 when one has .025^(1/3) = .2924.
    found = auc([5, 6, 7, 1, 2, 3, 4], [1, 1, 1, 0, 0, 0, 0])
    np.testing.assert_allclose(found, [1.0, 0.025 ** (1 / 3), 1.0])
    np.testing.assert_allclose(auc([1, 2, 3, 4, 5, 6, 7], [1, 1, 1, 0, 0, 0, 0]), [0.0, 0.0, 1 - 0.025 ** (1 / 3)])


def test_what_cannot_be_limited_has_no_limits() -> None:
    assert np.isnan(auc([1, 2, 3, 4], [0, 1, 0, 1], clusters=["a"] * 4).conf_low)
    opposed = auc_difference([1, 2, 3, 4], [4, 3, 2, 1], [0, 0, 1, 1])
    assert (opposed.estimate, np.isnan(opposed.conf_low), np.isnan(opposed.conf_high)) == (1.0, True, True)
    assert auc_difference([1, 3, 2, 4], [1, 3, 2, 4], [0, 0, 1, 1]) == (0.0, 0.0, 0.0)


def test_a_list_by_hand() -> None:
    # Ten rows, three with a yes. The list of 30 % holds 9, 8 and one of the two that tie at 7, each half: one yes for sure, and half of another.
    score = [9, 8, 7, 7, 6, 5, 4, 3, 2, 1]
    y = [True, False, True, False, False, True, False, False, False, False]
    found = {name: each.estimate for name, each in caught(score, y, share=0.3).items()}
    assert found == pytest.approx({"precision": 1.5 / 3, "recall": 1.5 / 3, "lift": 0.5 / 0.3})


def test_a_score_that_says_nothing_has_lift_1_and_a_tie_is_shared_out() -> None:
    found = caught(np.zeros(50), np.arange(50) < 10, share=0.2)
    assert found["lift"].estimate == pytest.approx(1)
    assert found["precision"].estimate == pytest.approx(0.2)
    assert found["recall"].estimate == pytest.approx(0.2)


@pytest.mark.slow
def test_limits_cover_with_clusters() -> None:
    area, lift = [], []
    truth_rng = np.random.default_rng(99)
    place, size = truth_rng.standard_normal(2_000_000), 2_000_000
    yes = truth_rng.random(size) < special.expit(-1.5 + 1.2 * place)
    order = np.argsort(-place)[: size // 10]
    truth = auc(place[:200_000], yes[:200_000]).estimate, yes[order].mean() / yes.mean()
    for seed in range(300):
        rng = np.random.default_rng(seed)
        owners = np.repeat(np.arange(150), 4)
        score = rng.standard_normal(150)[owners]
        y = rng.random(150)[owners] < special.expit(-1.5 + 1.2 * score)
        found, top = auc(score, y, clusters=owners), caught(score, y, share=0.1, clusters=owners, replicates=200)["lift"]
        area.append(found.conf_low <= truth[0] <= found.conf_high)
        lift.append(top.conf_low <= truth[1] <= top.conf_high)
    assert 0.91 <= np.mean(area) <= 0.98
    assert 0.89 <= np.mean(lift) <= 0.98


def test_refusals() -> None:
    with pytest.raises(NotEnoughDataError, match="all 2 rows are alike"):
        auc([1, 2], [True, True])
    with pytest.raises(ParameterError, match="finite numbers"):
        auc([1, np.nan], [True, False])
    with pytest.raises(ParameterError, match="as many rows; they have 2, 3 and 2"):
        auc([1, 2], [True, False, True])
    with pytest.raises(ParameterError, match="share must lie between 0 and 1"):
        caught([1, 2], [True, False], share=10)
