"""Overlap weights: R's figures, exact balance, limits that know the weights were estimated."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import special

from cs_analysis.stats.effects.overlap import balance, e_value, effective_clusters, overlap_contrast, overlap_weights
from cs_analysis.stats.effects.propensity import propensity

Reader = Callable[[str], pd.DataFrame]
COVARIATES = ["use", "revenue", "large", "tenure"]


def drawn(seed: int, rows: int = 300) -> tuple[np.ndarray, ...]:
    """Return treatment, covariates and an outcome."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=rows), rng.exponential(1, rows), rng.random(rows) < 0.2]).astype("float64")
    treated = rng.random(rows) < 1 / (1 + np.exp(1 - x[:, 0] - x[:, 2]))
    return treated, x, x[:, 0] + rng.normal(size=rows) + treated


@pytest.mark.parametrize("outcome", ["days", "stayed"])
def test_equals_the_stacked_equation_of_r(golden: Reader, outcome: str) -> None:
    data = golden("effects/trials.csv")
    treated = data["treated"].to_numpy(bool)
    fit = propensity(treated, data[COVARIATES].to_numpy("float64"))
    found = overlap_contrast(data[outcome].to_numpy("float64"), treated, fit, clusters=data["account"].to_numpy() - 1)
    expected = golden("effects/contrasts.csv").query("method == 'overlap' and outcome == @outcome").iloc[0]
    for name in ("treated", "compared", "estimate", "error"):
        assert getattr(found, name) == pytest.approx(expected[name], rel=1e-6), name
    reach = special.stdtrit(found.freedom, 0.975) * expected["error"]
    assert (found.conf_low, found.conf_high) == pytest.approx((expected["estimate"] - reach, expected["estimate"] + reach), rel=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_means_of_all_covariates_are_exactly_alike(seed: int) -> None:
    treated, x, _ = drawn(seed)
    fit = propensity(treated, x)
    weight = overlap_weights(treated, fit.chance)
    assert np.abs(balance(x, treated)).max() > 0.3
    assert np.abs(balance(x, treated, weight)).max() < 1e-6
    assert weight[treated].sum() == pytest.approx(weight[~treated].sum())


def test_an_effect_equal_for_all_is_found_exactly_where_the_outcome_is_made_by_the_covariates() -> None:
    treated, x, _ = drawn(7)
    found = overlap_contrast(3 * x[:, 0] - 2 * x[:, 1] + 0.5 * treated, treated, propensity(treated, x), clusters=np.arange(300))
    assert found.estimate == pytest.approx(0.5, abs=1e-6)


def test_by_hand() -> None:
    """Segment 0: 1 of 4 treated, segment 1: 2 of 3; weights of the treated 3/4, 1/3, 1/3, of the others 1/4 thrice, 2/3.

    Treated: (3/4 * 8 + 1/3 * 2 + 1/3 * 4) / (17/12) = 8 / (17/12) = 96/17. Others: (1/4 * (1 + 2 + 3) + 2/3 * 6) / (17/12) = 5.5 / (17/12) = 66/17.
    """
    treated = np.array([1, 0, 0, 0, 1, 1, 0], dtype=bool)
    fit = propensity(treated, np.array([[0.0]] * 4 + [[1.0]] * 3))
    assert overlap_weights(treated, fit.chance) == pytest.approx([3 / 4, 1 / 4, 1 / 4, 1 / 4, 1 / 3, 1 / 3, 2 / 3])
    found = overlap_contrast(np.array([8.0, 1, 2, 3, 2, 4, 6]), treated, fit, clusters=np.arange(7))
    assert (found.treated, found.compared, found.estimate) == pytest.approx((96 / 17, 66 / 17, 30 / 17))


def test_without_covariates_it_is_the_difference_of_means_with_its_robust_error() -> None:
    """Treated 4, 8: mean 6, squares 8 over 2^2; others 1, 2, 6: mean 3, squares 14 over 3^2; times 5/4 for the five clusters."""
    treated = np.array([1, 1, 0, 0, 0], dtype=bool)
    found = overlap_contrast(np.array([4.0, 8, 1, 2, 6]), treated, propensity(treated, np.zeros((5, 1))), clusters=np.arange(5))
    assert found.estimate == pytest.approx(3)
    assert found.error == pytest.approx(np.sqrt((8 / 4 + 14 / 9) * 5 / 4))
    assert found.freedom == pytest.approx(1)  # two treated
    assert found.conf_high - found.estimate == pytest.approx(special.stdtrit(1, 0.975) * found.error)


def test_repeated_rows_of_an_account_make_nothing_more_certain() -> None:
    treated, x, y = drawn(8)
    once = overlap_contrast(y, treated, propensity(treated, x), clusters=np.arange(300))
    again = [np.tile(part, (4, 1) if part.ndim > 1 else 4) for part in (treated, x, y)]
    four = overlap_contrast(again[2], again[0], propensity(*again[:2]), clusters=np.tile(np.arange(300), 4))
    assert (four.estimate, four.error, four.freedom) == pytest.approx((once.estimate, once.error, once.freedom), rel=1e-6)
    apart = overlap_contrast(again[2], again[0], propensity(*again[:2]), clusters=np.arange(1200))
    assert apart.error == pytest.approx(once.error / 2, rel=0.01)


def test_names_of_clusters_and_order_of_rows_change_nothing() -> None:
    treated, x, y = drawn(9)
    clusters = np.arange(300) // 3
    order = np.random.default_rng(1).permutation(300)
    found = overlap_contrast(y, treated, propensity(treated, x), clusters=clusters)
    other = overlap_contrast(y[order], treated[order], propensity(treated[order], x[order]), clusters=7 * (99 - clusters[order]))
    assert other == pytest.approx(found, rel=1e-8)


def test_knowing_that_weights_were_estimated_shortens_limits_where_covariates_tell_the_outcome() -> None:
    treated, x, _ = drawn(10)
    y = 5 * x[:, 0] + np.random.default_rng(2).normal(size=300)
    fit = propensity(treated, x)
    found = overlap_contrast(y, treated, fit, clusters=np.arange(300))
    weight = overlap_weights(treated, fit.chance)
    away = weight * (y - np.where(treated, found.treated, found.compared))
    as_if_known = np.sqrt((away**2).sum()) / weight[treated].sum()
    assert found.error < 0.5 * as_if_known


def test_one_account_has_no_error_to_speak_of() -> None:
    treated, x, y = drawn(11, rows=40)
    found = overlap_contrast(y, treated, propensity(treated, x), clusters=np.zeros(40, dtype="int64"))
    assert found.freedom == 1
    assert effective_clusters(np.ones(40), np.zeros(40, dtype="int64")) == 1  # below what a verdict needs


def test_huge_values() -> None:
    treated, x, y = drawn(12)
    fit = propensity(treated, x)
    usual, huge = (overlap_contrast(y * size, treated, fit, clusters=np.arange(300)) for size in (1, 1e12))
    assert (huge.estimate, huge.error) == pytest.approx((usual.estimate * 1e12, usual.error * 1e12))


def test_effective_clusters_by_hand() -> None:
    """Clusters weigh 2, 1, 1: 16 / 6."""
    assert effective_clusters(np.array([0.5, 1.5, 1, 1]), np.array([0, 0, 1, 4])) == pytest.approx(16 / 6)


def test_balance_by_hand() -> None:
    """Means 3 and 1, variances 1 and 1/4 (of the group as it is); a constant column has no difference."""
    treated = np.array([1, 1, 0, 0], dtype=bool)
    x = np.array([[2.0, 5], [4, 5], [0.5, 5], [1.5, 5]])
    assert balance(x, treated) == pytest.approx([2 / np.sqrt(0.625), 0])
    assert balance(x, treated, np.array([3.0, 1, 1, 1])) == pytest.approx([1.5 / np.sqrt(0.625), 0])


def test_e_value_by_hand() -> None:
    assert e_value(2.0) == pytest.approx(2 + np.sqrt(2))
    assert e_value(0.5) == pytest.approx(2 + np.sqrt(2))
    assert [e_value(value) for value in (1.0, 0.0, np.inf)] == [1, np.inf, np.inf]
