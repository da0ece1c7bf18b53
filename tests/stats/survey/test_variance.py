"""The variance of weighted means: by hand, by brute force, and the three ways against each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import ParameterError
from cs_analysis.stats.intervals import net_share, wilson
from cs_analysis.stats.survey.variance import Spread, limits, weighted_mean
from cs_analysis.stats.survey.weights import post_stratify, rake, unweighted


def sample(seed: int, accounts: int = 60) -> tuple[pd.DataFrame, dict[str, dict[str, float]]]:
    """Return answers of accounts in two columns, and the margins of their population."""
    rng = np.random.default_rng(seed)
    of_account = pd.DataFrame({"size": rng.choice(list("sml"), accounts), "region": rng.choice(["eu", "us"], accounts)})
    who = rng.integers(0, accounts, 3 * accounts)
    rows = of_account.iloc[who].reset_index(drop=True)
    level = rows["size"].map({"s": 3.0, "m": 5.0, "l": 8.0}) + rng.normal(size=accounts)[who]
    rows = rows.assign(account=who, value=level + rng.normal(size=len(who)))
    return rows, {"size": {"s": 20.0, "m": 30.0, "l": 50.0}, "region": {"eu": 60.0, "us": 40.0}}


def test_the_jackknife_by_hand() -> None:
    weights = post_stratify(pd.Series(["a", "a", "b", "b"]), {"a": 3, "b": 1})
    found = weighted_mean([0, 4, 10, 20], weights)
    # mean 3/4 x 2 + 1/4 x 15 = 5.25; without each row in turn 3/4 x 4 or 0, or 1/4 x 20 or 10: deviations 1.5, -1.5, 1.25, -1.25
    assert found.mean == pytest.approx(5.25)
    assert found.variance == pytest.approx(3 / 4 * (2 * 1.5**2 + 2 * 1.25**2))
    assert found.clusters == pytest.approx(4**2 / (2 * 1.5**2 + 2 * 0.5**2))
    assert found.freedom == pytest.approx(found.clusters - 1)


def test_a_cell_that_a_replicate_loses_is_left_out_of_it() -> None:
    weights = post_stratify(pd.Series(["a", "a", "b"]), {"a": 3, "b": 1})
    found = weighted_mean([0, 4, 10], weights)
    # mean 3/4 x 2 + 1/4 x 10 = 4; without row 0: 5.5, without row 1: 2.5, without the only row of b: 2
    assert found.variance == pytest.approx(2 / 3 * (1.5**2 + 1.5**2 + 2**2))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("raked", [False, True])
def test_the_jackknife_is_weighting_anew_without_each_account(seed: int, raked: bool) -> None:
    rows, margins = sample(seed, accounts=25)

    def mean(part: pd.DataFrame) -> float:
        weights = rake(part, margins) if raked else post_stratify(part["size"], margins["size"])
        return float(weights.weight @ part["value"] / weights.weight.sum())

    weights = rake(rows, margins) if raked else post_stratify(rows["size"], margins["size"])
    accounts = rows["account"].unique()
    without = np.array([mean(rows[rows["account"] != account]) for account in accounts])
    expected = (len(accounts) - 1) / len(accounts) * ((without - mean(rows)) ** 2).sum()
    assert weighted_mean(rows["value"], weights, clusters=rows["account"]).variance == pytest.approx(expected, rel=1e-7)


def test_strata_are_left_out_of_within() -> None:
    stratum = np.array(["x", "x", "x", "y", "y"])
    values = np.array([1.0, 2.0, 6.0, 10.0, 20.0])
    found = weighted_mean(values, unweighted(5), strata=stratum)
    deviations = {"x": [], "y": []}
    for left_out in range(5):
        same = stratum == stratum[left_out]
        weight = np.where(same, same.sum() / (same.sum() - 1), 1.0)
        weight[left_out] = 0.0
        deviations[stratum[left_out]].append(weight @ values / weight.sum() - values.mean())
    expected = 2 / 3 * np.square(deviations["x"]).sum() + 1 / 2 * np.square(deviations["y"]).sum()
    assert found.variance == pytest.approx(expected)
    assert found.freedom == pytest.approx(5 - 2)


def test_the_three_variances_agree_in_large_samples() -> None:
    rows, margins = sample(5, accounts=400)
    weights = rake(rows, margins)
    found = {
        how: weighted_mean(rows["value"], weights, clusters=rows["account"], variance=how, replicates=2000) for how in ("jackknife", "linear", "bootstrap")
    }
    assert found["linear"].variance == pytest.approx(found["jackknife"].variance, rel=0.05)
    assert found["bootstrap"].variance == pytest.approx(found["jackknife"].variance, rel=0.12)  # of 2,000 draws: 3 %, thrice that and the difference above


def test_weighting_that_explains_the_answers_gains_more_than_kish_says_it_costs() -> None:
    rows, margins = sample(6, accounts=300)
    weights = post_stratify(rows["size"], margins["size"])
    plain = weighted_mean(rows["value"], unweighted(len(rows)), clusters=rows["account"]).variance
    assert weights.design_effect > 1
    assert weighted_mean(rows["value"], weights, clusters=rows["account"]).variance < plain


def test_the_order_of_rows_does_not_matter() -> None:
    rows, margins = sample(7)
    mixed = rows.sample(frac=1, random_state=1)
    first, second = (weighted_mean(part["value"], rake(part, margins), clusters=part["account"]) for part in (rows, mixed))
    assert first == pytest.approx(second, rel=1e-10)


def test_trimming_is_repeated_too() -> None:
    rows, margins = sample(8, accounts=14)
    weights = post_stratify(rows["size"], margins["size"], at_most=1.2)
    accounts = rows["account"].unique()

    def mean(part: pd.DataFrame) -> float:
        again = post_stratify(part["size"], margins["size"], at_most=1.2)
        return float(again.weight @ part["value"] / again.weight.sum())

    without = np.array([mean(rows[rows["account"] != account]) for account in accounts])
    expected = (len(accounts) - 1) / len(accounts) * ((without - mean(rows)) ** 2).sum()
    assert weighted_mean(rows["value"], weights, clusters=rows["account"]).variance == pytest.approx(expected, rel=1e-7)


def test_a_single_cluster_says_nothing_about_the_variance() -> None:
    assert np.isnan(weighted_mean([1, 2], unweighted(2), clusters=["a", "a"]).variance)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"variance": "delta"}, "jackknife, linear, bootstrap"),
        ({"clusters": ["a"]}, "one entry a row"),
        ({"clusters": ["a", None, "b"]}, "must have a cluster"),
        ({"clusters": ["a", "a", "b"], "strata": ["x", "y", "x"]}, "row 0 lies in two"),
        ({"variance": "bootstrap", "replicates": 10}, "at least 100"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        weighted_mean([1, 2, 3], unweighted(3), **options)  # type: ignore[arg-type]


def test_limits_of_equal_weights_are_the_plain_ones() -> None:
    values = np.repeat([1.0, 0.0, -1.0], [50, 30, 20])
    net = limits(weighted_mean(values, unweighted(100)), "net", n=100, extent=(-1, 1), shares=(0.2, 0.5))
    assert [float(part) for part in net] == pytest.approx(net_share((20, 30, 50)), rel=1e-9)
    points = limits(weighted_mean(100 * values, unweighted(100)), "net", n=100, extent=(-100, 100), shares=(0.2, 0.5))
    assert [float(part) for part in points] == pytest.approx([100 * part for part in net_share((20, 30, 50))], rel=1e-9)
    hits = np.repeat([1.0, 0.0], [8, 2])
    share = limits(weighted_mean(hits, unweighted(10)), "share", n=10)
    assert [float(part) for part in share] == pytest.approx(wilson(8, 10), rel=1e-9)


def test_limits_of_a_mean_stay_on_the_scale() -> None:
    found = limits(weighted_mean([5, 5, 5, 4], unweighted(4)), "mean", n=4, extent=(1, 5))
    assert 1 < found.conf_low < found.estimate < found.conf_high <= 5


def test_silent_data_have_the_limits_of_as_many_answers_as_clusters() -> None:
    found = limits(weighted_mean([1.0] * 6, unweighted(6), clusters=list("aabbcc")), "share", n=6)
    assert found.conf_high == 1
    # three clusters, and t quantiles with 5 and with 2 degrees of freedom, 2.5706 and 4.3027
    assert float(found.conf_low) == pytest.approx(wilson(3 * (2.5706 / 4.3027) ** 2, 3 * (2.5706 / 4.3027) ** 2).conf_low, abs=1e-4)


def test_a_single_answer_has_limits_and_two_of_one_cluster_have_none() -> None:
    assert limits(Spread(1.0, np.nan, 0.0, 1.0), "share", n=1).conf_low == pytest.approx(wilson(1, 1).conf_low)
    assert np.isnan(limits(Spread(1.0, np.nan, 0.0, 1.0), "share", n=2).conf_low)
