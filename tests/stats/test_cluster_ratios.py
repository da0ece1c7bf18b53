"""Rate ratios, means, medians and empty shares of clusters: by hand, in limiting cases, and by coverage."""

import numpy as np
import pytest
from scipy import stats

from cs_analysis import errors
from cs_analysis.stats.cluster_ratios import clustered_mean, clustered_rate_ratio, none_limit, woodruff_levels
from cs_analysis.stats.intervals import wilson


def test_one_occurrence_a_cluster_is_the_score_interval_of_two_poisson_rates() -> None:
    # 30 after and 20 before: Wilson for 30 of 50 is 0.461807 to 0.723932; as odds 0.8581 to 2.6223
    ratio = clustered_rate_ratio([1] * 30 + [0] * 20, [0] * 30 + [1] * 20)
    share = wilson(30, 50)
    assert ratio.estimate == pytest.approx(1.5)
    assert (ratio.conf_low, ratio.conf_high) == pytest.approx((share.conf_low / (1 - share.conf_low), share.conf_high / (1 - share.conf_high)))


def test_time_turned_round_turns_the_ratio_round() -> None:
    x, y = [30, 5, 12, 9], [20, 8, 6, 10]
    forth, back = clustered_rate_ratio(x, y), clustered_rate_ratio(y, x)
    assert (forth.estimate, forth.conf_low, forth.conf_high) == pytest.approx((1 / back.estimate, 1 / back.conf_high, 1 / back.conf_low))


def test_exposure_divides_the_ratio() -> None:
    assert clustered_rate_ratio([3, 4], [1, 2], exposure_ratio=2.0).estimate == pytest.approx(7 / 3 / 2)


def test_nothing_after_is_zero_and_nothing_before_is_unknown() -> None:
    fallen, begun = clustered_rate_ratio([0, 0, 0], [4, 5, 6]), clustered_rate_ratio([4, 5, 6], [0, 0, 0])
    assert (fallen.estimate, fallen.conf_low) == (0, 0)
    assert 0 < fallen.conf_high < np.inf
    assert np.isnan([begun.estimate, begun.conf_high]).all()
    assert begun.conf_low > 0


def test_clusters_that_did_nothing_change_nothing() -> None:
    assert clustered_rate_ratio([3, 4, 0], [1, 2, 0]) == clustered_rate_ratio([3, 4], [1, 2])


@pytest.mark.parametrize("exposure_ratio", [0, -1, float("nan"), float("inf")])
def test_an_exposure_ratio_is_above_zero(exposure_ratio: float) -> None:
    with pytest.raises(errors.ParameterError, match="exposure_ratio"):
        clustered_rate_ratio([1], [1], exposure_ratio=exposure_ratio)


def test_the_columns_have_one_length() -> None:
    with pytest.raises(errors.ParameterError, match="one entry a cluster"):
        clustered_rate_ratio([1, 2], [1])


def test_a_clustered_mean_by_hand() -> None:
    # mean 51 / 18; e = 12 - 34/3, 3 - 17/3, 20 - 85/6, 7 - 8.5, 9 - 34/3; h = m / 18; n_eff = 18^2 / 70
    sums, sizes = np.array([12, 3, 20, 7, 9.0]), np.array([4, 2, 5, 3, 4.0])
    mean = 51 / 18
    error = np.sqrt((((sums - mean * sizes) ** 2) / (1 - sizes / 18)).sum()) / 18
    factor = np.exp(stats.t.ppf(0.975, 324 / 70 - 1) * error / mean)
    found = clustered_mean(sums, sizes)
    assert found == pytest.approx((mean, mean / factor, mean * factor))


def test_equal_clusters_leave_one_degree_of_freedom_less_than_clusters() -> None:
    # means 1, 2, 3 of three units of one: 2 (1.1.. by t with 2 degrees of freedom); s = sd / sqrt(3) = 1 / sqrt(3)
    factor = np.exp(stats.t.ppf(0.975, 2) / np.sqrt(3) / 2)
    assert clustered_mean([1, 2, 3], [1, 1, 1]) == pytest.approx((2, 2 / factor, 2 * factor))


def test_what_says_nothing_about_spread_has_no_limits() -> None:
    for sums, sizes in (([6], [3]), ([2, 4, 6], [1, 2, 3]), ([0, 0], [0, 0])):
        assert np.isnan([clustered_mean(sums, sizes).conf_high]).all()
    nothing = clustered_mean([0, 0], [2, 3])
    assert (nothing.estimate, nothing.conf_low) == (0, 0)
    assert np.isnan(nothing.conf_high)


def test_groups_are_separate() -> None:
    together = clustered_mean([1, 2, 3, 5, 9], [1, 1, 1, 2, 2], groups=[0, 0, 0, 1, 1])
    for group, (sums, sizes) in enumerate((([1, 2, 3], [1, 1, 1]), ([5, 9], [2, 2]))):
        assert [values[group] for values in together] == pytest.approx(list(clustered_mean(sums, sizes)))


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(errors.ParameterError, match="cluster 1 has -2"):
        clustered_mean([1, -2], [1, 1])


def test_levels_of_single_units_are_those_of_wilson() -> None:
    share = wilson(20, 40)
    assert woodruff_levels([1, 0] * 20, [1] * 40) == pytest.approx((share.conf_low, share.conf_high))


def test_none_of_n_is_clopper_and_pearson() -> None:
    assert none_limit([1, 30, 500]) == pytest.approx(stats.beta.ppf(0.975, 1, [1, 30, 500]))
    assert np.isnan(none_limit(0))


@pytest.mark.slow
@pytest.mark.coverage
@pytest.mark.parametrize(("accounts", "least", "most"), [(20, 0.92, 0.98), (100, 0.93, 0.97)])
def test_the_trend_covers_where_independence_fails(accounts: int, least: float, most: float) -> None:
    # 2,000 companies: accounts differ in level, and each goes its own way from window to window; the true ratio is 1.2
    rng = np.random.default_rng(20261031)
    level = rng.lognormal(2, 1, (2000, accounts))
    before, after = (rng.poisson(level * rate * rng.gamma(4, 1 / 4, level.shape)) for rate in (1.0, 1.2))
    codes = np.repeat(np.arange(2000), accounts)
    found = clustered_rate_ratio(after.ravel(), before.ravel(), groups=codes)
    share = wilson(after.sum(axis=1), (after + before).sum(axis=1))
    naive = [np.asarray(limit) / (1 - np.asarray(limit)) for limit in share[1:]]
    assert least <= ((found.conf_low <= 1.2) & (found.conf_high >= 1.2)).mean() <= most
    assert ((naive[0] <= 1.2) & (naive[1] >= 1.2)).mean() < 0.7
