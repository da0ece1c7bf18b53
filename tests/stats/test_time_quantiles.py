"""Quantiles of all units' times: by hand, against the plain quantile, Kaplan-Meier point by point, and how often their limits hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special

from cs_analysis.errors import ParameterError
from cs_analysis.stats.time_quantiles import ClusterSums, time_quantiles


def units(days: list[float], observed: list[bool], **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"duration_days": days, "observed": observed, **columns})


def test_by_hand() -> None:
    """At risk 5, 4, 3, 1: F(1) = 1/5, F(2) = 1 - 4/5 3/4 = 2/5, F(4) = 1 - 3/5 2/3 = 3/5, and after a censoring F(9) = 1."""
    table = units([1, 2, 4, 5, 9], [True, True, True, False, True])
    found = time_quantiles(table, quantiles=[0.2, 0.4, 0.41, 0.6, 0.61])
    assert found["estimate"].tolist() == [1, 2, 4, 4, 9]
    assert found["n"].tolist() == [5] * 5


def test_limits_by_hand_without_censoring() -> None:
    """Of 1 to 100 days the median is the 50th; d = 1.96 sqrt(.25 / 100) = .098: limits are the first days at or above 40.2 and 59.8 %."""
    table = units(list(range(1, 101)), [True] * 100)
    assert time_quantiles(table, quantiles=[0.5])[["estimate", "conf_low", "conf_high"]].to_numpy().tolist() == [[50, 41, 60]]


def test_what_the_curve_does_not_reach_is_missing() -> None:
    """Two of ten have ended: there is no median, but a lower limit on the day on which F passes .5 - d. Where nobody has ended there is nothing."""
    found = time_quantiles(units([1, 2] + [3] * 8, [True] * 2 + [False] * 8), quantiles=[0.2, 0.5])
    assert found["estimate"].tolist()[0] == 2
    assert np.isnan(found["estimate"].tolist()[1])
    d = special.ndtri(0.975) * np.sqrt(0.25 / 10)  # .31: .5 - d is .19, which F passes on day 2
    assert 0.1 < 0.5 - d < 0.2
    assert found["conf_low"].tolist()[1] == 2
    nobody = time_quantiles(units([3, 4], [False, False]), quantiles=[0.5])
    assert nobody["estimate"].isna().all()
    assert nobody["conf_high"].isna().all()


def test_all_end_at_once() -> None:
    assert time_quantiles(units([2, 2, 2], [True] * 3), quantiles=[0.5, 0.9])["estimate"].tolist() == [2, 2]


def test_one_unit() -> None:
    found = time_quantiles(units([2.5], [True]))
    assert found[["estimate", "n"]].to_numpy().tolist() == [[2.5, 1], [2.5, 1]]


def test_groups_equal_each_alone_and_counts_equal_rows() -> None:
    table = sample(seed=4)
    together = time_quantiles(table, "side", cluster="account")
    for side, rows in table.groupby("side"):
        alone = time_quantiles(rows, cluster="account")
        pd.testing.assert_frame_equal(together[together["side"] == side].drop(columns="side").reset_index(drop=True), alone)
    counted = table.groupby(["side", "account", "duration_days", "observed"]).size().rename("count").reset_index()
    pd.testing.assert_frame_equal(time_quantiles(counted, "side", cluster="account"), together)


def test_without_censoring_it_is_the_plain_quantile() -> None:
    days = np.random.default_rng(5).exponential(2, 333).round(3)
    found = time_quantiles(units(list(days), [True] * 333), quantiles=[0.1, 0.5, 0.9])
    assert found["estimate"].tolist() == np.quantile(days, [0.1, 0.5, 0.9], method="inverted_cdf").tolist()


def test_sums_made_elsewhere_give_the_same_limits() -> None:
    table = sample(seed=6)
    here = time_quantiles(table, "side", cluster="account")

    def elsewhere(parts: pd.DataFrame) -> ClusterSums:
        sums = parts.groupby(["side", "account"])[["part_0", "part_1"]].sum()
        sizes = parts.groupby(["side", "account"]).size()
        return ClusterSums(sums.index.get_level_values("side").to_numpy("int64"), sizes.to_numpy("float64"), sums.to_numpy())

    pd.testing.assert_frame_equal(time_quantiles(table, "side", cluster=elsewhere), here)
    assert not here["conf_high"].equals(time_quantiles(table, "side")["conf_high"])


def test_one_unit_a_cluster_is_no_clustering() -> None:
    table = sample(seed=7).assign(own=lambda rows: np.arange(len(rows)))
    pd.testing.assert_frame_equal(time_quantiles(table, cluster="own"), time_quantiles(table))


def test_a_single_cluster_of_several_units_has_no_limits() -> None:
    found = time_quantiles(units([1, 2, 3], [True] * 3, account=["a"] * 3), cluster="account")
    assert found["estimate"].notna().all()
    assert found[["conf_low", "conf_high"]].isna().all(axis=None)


@pytest.mark.parametrize("quantiles", [[0], [1.0], [], [50], [float("nan")]])
def test_a_quantile_lies_between_0_and_1(quantiles: list[float]) -> None:
    with pytest.raises(ParameterError, match="quantiles must lie between 0 and 1"):
        time_quantiles(units([1], [True]), quantiles=quantiles)


def sample(seed: int, size: int = 300) -> pd.DataFrame:
    """Return units of 30 accounts that differ, censored at random, on whole tenths of a day so that there are ties."""
    rng = np.random.default_rng(seed)
    account = rng.integers(0, 30, size)
    days = rng.exponential(np.exp(rng.normal(0, 0.7, 30))[account] + 0.1)
    seen = rng.uniform(0, 6, size)
    return units(list(np.minimum(days, seen).round(1)), list(days <= seen), account=account, side=(account < 12).astype(int))


@pytest.mark.slow
def test_the_limits_of_clustered_times_hold_the_truth() -> None:
    """Of 600 samples of 60 accounts at least 92.5 and at most 97.5 % (four standard errors are 3.5 points); without clusters under 80 %."""
    rng = np.random.default_rng(8)
    median = np.exp(special.ndtri(0.5))
    hits = np.zeros(2)
    for _ in range(600):
        account = np.repeat(np.arange(60), rng.integers(1, 25, 60))
        days = np.exp(rng.normal(0, 1, 60)[account] * np.sqrt(0.5) + rng.normal(0, np.sqrt(0.5), len(account)))
        seen = rng.uniform(0, 6, len(account))
        table = pd.DataFrame({"duration_days": np.minimum(days, seen), "observed": days <= seen, "account": account})
        for place, cluster in enumerate(["account", None]):
            row = time_quantiles(table, quantiles=[0.5], cluster=cluster).iloc[0]
            hits[place] += row["conf_low"] <= median <= np.nan_to_num(row["conf_high"], nan=np.inf)
    assert 0.925 < hits[0] / 600 < 0.975
    assert hits[1] / 600 < 0.8
