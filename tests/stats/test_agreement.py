"""Agreement of partitions and of sets."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

import cs_analysis as cs
from cs_analysis.stats.agreement import adjusted_rand_index, matched_overlap


@pytest.mark.parametrize("seed", range(5))
def test_the_rand_index_is_that_of_scikit_learn(seed: int) -> None:
    first, second = np.random.default_rng(seed).integers(0, 4, (2, 40))
    assert adjusted_rand_index(first, second) == pytest.approx(adjusted_rand_score(first, second))


def test_the_same_partition_under_other_names_agrees_wholly() -> None:
    assert adjusted_rand_index(["a", "a", "b"], [7, 7, 1]) == 1
    assert adjusted_rand_index([0, 0, 0], [5, 5, 5]) == 1
    with pytest.raises(cs.errors.ParameterError, match="same units"):
        adjusted_rand_index([1, 2], [1, 2, 3])


def test_partners_are_chosen_for_the_largest_sum() -> None:
    rng = np.random.default_rng(2)
    first, second = ([frozenset(rng.choice(12, 4, replace=False).tolist()) for _ in range(4)] for _ in range(2))
    best = max(sum(len(one & two) / len(one | two) for one, two in zip(first, order, strict=True)) for order in permutations(second))
    assert matched_overlap(first, second).sum() == pytest.approx(best)


def test_a_set_without_a_partner_has_none() -> None:
    assert matched_overlap([frozenset("ab"), frozenset("cd")], [frozenset("cd")]).tolist() == [0.0, 1.0]
    assert matched_overlap([], [frozenset("a")]).tolist() == []
