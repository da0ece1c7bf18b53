"""Quantiles of the time until a stage, against plain quantiles, by hand and by simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import ParameterError
from cs_analysis.stats.quantiles import stage_quantiles
from cs_analysis.stats.stages import stage_shares


def test_without_censoring_they_are_the_plain_quantiles_of_those_who_reached_it() -> None:
    rng = np.random.default_rng(3)
    days = pd.Series(rng.integers(0, 40, 500).astype(float))
    units = pd.DataFrame({"plan": rng.choice(["a", "b"], 500), "reached": days.where(days <= 30), "follow_up_days": 30.0})
    asked = [0.1, 0.25, 0.5, 0.9]
    found = stage_quantiles(units, "plan", stages=["reached"], horizon_days=30, quantiles=asked)
    for plan, part in units.groupby("plan"):
        expected = np.quantile(part["reached"].dropna(), asked, method="inverted_cdf")
        rows = found[found["plan"] == plan].sort_values("quantile")
        assert rows["estimate"].tolist() == expected.tolist()
        assert set(rows["n"]) == {part["reached"].notna().sum()}


def test_the_limits_of_a_median_are_those_of_order_statistics() -> None:
    # 20 units at 1, ..., 20 days. The 6th and the 15th contain the median with probability 1 - 2 P(Bin(20, 1/2) <= 5) = 0.9586: the
    # shortest such pair above 95 %. By the formula: 0.5 -+ 1.96 sqrt(0.25 / 20) = 0.281 and 0.719, times 20 and rounded up.
    units = pd.DataFrame({"reached": np.arange(1.0, 21.0), "follow_up_days": 30.0})
    found = stage_quantiles(units, stages=["reached"], horizon_days=30, quantiles=[0.5]).iloc[0]
    assert found[["estimate", "conf_low", "conf_high"]].tolist() == [10, 6, 15]


def test_censored_units_count_as_far_as_they_were_watched() -> None:
    # Day 1: 1 of 4. Then one is lost. Day 3: 1 of 2. F = 1/4, then 1 - 3/4 x 1/2 = 5/8. Half of 5/8 is reached on day 3, 0.3 of it on day 1.
    units = pd.DataFrame({"reached": [1.0, 3.0, np.nan, np.nan], "follow_up_days": [5.0, 5.0, 5.0, 2.0]})
    found = stage_quantiles(units, stages=["reached"], horizon_days=5, quantiles=[0.3, 0.4, 0.5])
    assert found["estimate"].tolist() == [1, 1, 3]  # 1/4 is exactly 0.4 of 5/8
    assert found["n"].tolist() == [2, 2, 2]


def test_nothing_is_said_where_nobody_was_watched_long_enough_or_nobody_reached_it() -> None:
    units = pd.DataFrame({"plan": list("aabb"), "reached": [1.0, np.nan, np.nan, np.nan], "follow_up_days": [4.0, 4.0, 5.0, 5.0]})
    found = stage_quantiles(units, "plan", stages=["reached"], horizon_days=5, quantiles=[0.5])
    assert found[["estimate", "conf_low", "conf_high"]].isna().all(axis=None)


def test_where_nobody_reached_it_at_all_there_is_no_quantile() -> None:
    units = pd.DataFrame({"reached": [1.0, 2.0], "never": [np.nan, np.nan], "follow_up_days": 5.0})
    found = stage_quantiles(units, stages=["reached", "never"], horizon_days=5, quantiles=[0.5])
    assert found["estimate"].isna().tolist() == [False, True]
    assert found["n"].tolist() == [2, 0]
    assert found.loc[1, ["conf_low", "conf_high"]].isna().all()


def test_limits_are_open_where_all_may_lie_on_one_side() -> None:
    # That all of n units lie below the 0.9 quantile has probability 0.9^n: 0.025 at n = 35.
    for size, known in ((34, False), (35, True)):
        units = pd.DataFrame({"reached": np.arange(1.0, size + 1), "follow_up_days": 90.0})
        found = stage_quantiles(units, stages=["reached"], horizon_days=90, quantiles=[0.1, 0.9])
        assert np.isfinite(found["conf_high"].iloc[1]) == known
        assert (found["conf_low"].iloc[0] > 0) == known


@pytest.mark.parametrize("quantiles", [[], [0], [0.5, 1], [50]])
def test_quantiles_lie_between_0_and_1(quantiles: list[float]) -> None:
    units = pd.DataFrame({"reached": [1.0], "follow_up_days": 5.0})
    with pytest.raises(ParameterError, match="between 0 and 1"):
        stage_quantiles(units, stages=["reached"], horizon_days=5, quantiles=quantiles)


@pytest.mark.slow
def test_the_limits_cover_the_truth_with_clusters_and_censoring() -> None:
    rng = np.random.default_rng(9)
    replicates, accounts = 600, 60
    account = np.repeat(np.arange(replicates * accounts), 4)
    size = len(account)
    from scipy.special import ndtr

    # Of those who reach it, the time is uniform over 20 days, alike within accounts; a third is watched for less than the horizon.
    days = 20 * ndtr(0.6 * rng.standard_normal(replicates * accounts)[account] + 0.8 * rng.standard_normal(size))
    reached, watched = np.where(rng.random(size) < 0.6, days, np.nan), np.minimum(45 * rng.random(size), 30.0)
    units = pd.DataFrame(
        {"replicate": account // accounts, "account": account, "follow_up_days": watched, "reached": np.where(reached <= watched, reached, np.nan)}
    )
    found = stage_quantiles(units, "replicate", stages=["reached"], horizon_days=30, cluster="account", quantiles=[0.25, 0.5, 0.75])
    for quantile, rows in found.groupby("quantile"):
        covered = ((rows["conf_low"] <= 20 * quantile) & (20 * quantile <= rows["conf_high"])).mean()
        # Of 600 intervals that cover 95 %, 92.3 to 97.7 % do so but for 3 in 1,000 studies.
        assert 0.923 <= covered <= 0.977, (quantile, covered)
    assert stage_shares(units, stages=["reached"], horizon_days=30)["estimate"].iloc[0] == pytest.approx(0.6, abs=0.01)
