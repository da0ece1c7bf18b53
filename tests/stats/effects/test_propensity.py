"""Chances of treatment against R, by hand, and where there is no maximum."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from cs_analysis.stats.effects.propensity import Propensity, propensity

Reader = Callable[[str], pd.DataFrame]
COVARIATES = ["use", "revenue", "large", "tenure"]
RNG = np.random.default_rng(3)
X = RNG.normal(size=(200, 3))
T = RNG.random(200) < 1 / (1 + np.exp(0.5 - X[:, 0]))


def fitted(treated: list[int], *columns: list[float]) -> Propensity:
    return propensity(np.array(treated, dtype=bool), np.array(columns, dtype=float).reshape(len(columns), len(treated)).T)


def test_equals_glm_of_r(golden: Reader) -> None:
    data = golden("effects/trials.csv")
    found = propensity(data["treated"].to_numpy(bool), data[COVARIATES].to_numpy("float64"))
    assert np.abs(found.chance - golden("effects/chances.csv")["chance"].to_numpy()).max() < 1e-8
    assert found.design.shape == (660, 5)
    assert not found.separated


def test_shares_of_groups_by_hand() -> None:
    """1 of 4 and 2 of 3 are treated: the chances of a model with one column of 0 and 1 are the shares."""
    found = fitted([1, 0, 0, 0, 1, 1, 0], [0, 0, 0, 0, 1, 1, 1])
    assert found.chance == pytest.approx([1 / 4] * 4 + [2 / 3] * 3, abs=1e-9)


def test_the_score_is_zero_at_the_maximum() -> None:
    found = propensity(T, X)
    assert found.design.T @ (T - found.chance) == pytest.approx(np.zeros(4), abs=1e-6)


def test_units_size_and_repetition_of_columns_change_nothing() -> None:
    usual = propensity(T, X)
    scaled = propensity(T, X * [1e9, 1e-6, -3] + [1e12, 0, 7])
    assert scaled.chance == pytest.approx(usual.chance, abs=1e-6)
    more = np.column_stack([X, np.full(200, 1e15), X[:, 0] + X[:, 1], 2 * X[:, 2]])
    found = propensity(T, more)
    assert found.design.shape[1] == 4
    assert found.chance == pytest.approx(usual.chance, abs=1e-9)


def test_order_of_rows_changes_nothing() -> None:
    order = RNG.permutation(200)
    assert propensity(T[order], X[order]).chance == pytest.approx(propensity(T, X).chance[order], abs=1e-10)


def test_without_columns_everybody_has_the_share() -> None:
    assert propensity(np.array([True, False, False, False]), np.empty((4, 0))).chance == pytest.approx([0.25] * 4)


@pytest.mark.parametrize("size", [1, 1e-8, 1e8])
def test_perfect_separation_is_told(size: float) -> None:
    assert fitted([0, 0, 0, 1, 1, 1], [size * value for value in (1, 2, 3, 4, 5, 6)]).separated


def test_a_sum_of_columns_that_separates_is_told() -> None:
    treated = X[:, 0] + X[:, 1] > 0.3
    assert propensity(treated, X).separated


def test_one_that_overlaps_is_no_separation() -> None:
    assert not fitted([0, 0, 1, 0, 1, 1], [1, 2, 3, 4, 5, 6]).separated


def test_a_segment_that_was_always_treated_counts_for_nothing_and_the_rest_is_compared() -> None:
    """All 20 of the segment are treated: their chance is 1. Of the others a third is, whom the same column says nothing about."""
    treated = np.array([1] * 20 + [1, 0, 0] * 40, dtype=bool)
    found = propensity(treated, np.array([[1.0]] * 20 + [[0.0]] * 120))
    assert not found.separated
    assert found.chance[:20].min() > 1 - 1e-6
    assert found.chance[20:] == pytest.approx(np.full(120, 1 / 3), abs=1e-6)
