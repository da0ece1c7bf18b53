"""Shallow trees as rules: the same division as the tree's, with the roundest thresholds."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from cs_analysis.stats.rule_tree import roundest, rule_tree


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(2.0, 7.91, 5.0), (1180.0, 1340.0, 1300.0), (-3.2, 4.0, 0.0), (0.0, 0.4, 0.0), (-7.9, -2.0, -5.0), (0.1234, 0.1239, 0.1236), (1e-12, 3e-12, 2e-12)],
)
def test_the_roundest_number_between_two(low: float, high: float, expected: float) -> None:
    assert roundest(low, high) == pytest.approx(expected, rel=1e-12)


def test_no_number_with_fewer_digits_would_divide_as_well() -> None:
    """Every decimal with one digit less is tried."""
    rng = np.random.default_rng(1)
    for low, gap in zip(rng.uniform(0.001, 5000, 200), rng.uniform(0.0001, 50, 200), strict=True):
        found = roundest(low, low + gap)
        assert low <= found < low + gap
        places = next(place for place in range(-5, 12) if round(found, place) == found)
        coarser = Fraction(10) ** (1 - places)
        assert -(-Fraction(low) // coarser) * coarser >= Fraction(low + gap)


def test_values_beside_each_other_still_have_a_threshold_between_them() -> None:
    low = 1.0
    high = np.nextafter(low, 2)
    assert roundest(low, high) == low


def test_rules_divide_as_the_tree_does() -> None:
    rng = np.random.default_rng(2)
    values = np.round(rng.lognormal(2, 1, (300, 3)), 3)
    labels = np.where(values[:, 0] > 8, "A", np.where(values[:, 1] + values[:, 2] > 20, "B", "C")).astype(object)
    tree = rule_tree(values, labels, depth=3, fewest=10)
    grown = DecisionTreeClassifier(max_depth=3, min_samples_leaf=10, random_state=0).fit(values, labels.astype(str))
    assert tree.labels(values, purest=0.0, otherwise="none").tolist() == grown.predict(values).tolist()
    assert sum(leaf.rows for leaf in tree.leaves) == 300
    assert np.add.reduce([leaf.holds(values) for leaf in tree.leaves]).tolist() == [1] * 300
    assert max(len(leaf.conditions) for leaf in tree.leaves) <= 3
    assert min(leaf.rows for leaf in tree.leaves) >= 10


def test_mixed_leaves_and_missing_values_have_no_label() -> None:
    values = np.array([[1.0], [1.0], [1.0], [9.0], [9.0]])
    tree = rule_tree(values, np.array(["A", "A", "B", "B", "B"], dtype=object), depth=1, fewest=1)
    asked = np.array([[1.0], [9.0], [np.nan]])
    assert tree.labels(asked, purest=0.7, otherwise="?").tolist() == ["?", "B", "?"]
    assert tree.labels(asked, purest=0.6, otherwise="?").tolist() == ["A", "B", "?"]
