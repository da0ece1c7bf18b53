"""Names of groups carried over from one time to another."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from cs_analysis.errors import ParameterError
from cs_analysis.stats.matching_labels import matched_groups


def test_any_order_is_found_again() -> None:
    centres = np.random.default_rng(1).normal(size=(5, 3))
    order = np.array([3, 0, 4, 1, 2])
    told = matched_groups(centres, centres[order] + 0.01)
    assert told.earlier.tolist() == order.tolist()
    assert told.nearest.all()


@pytest.mark.parametrize("seed", range(5))
def test_no_other_pairing_has_a_smaller_sum_of_squares(seed: int) -> None:
    earlier, later = np.random.default_rng(seed).normal(size=(2, 5, 3))
    sums = [((later - earlier[list(order)]) ** 2).sum() for order in permutations(range(5))]
    assert ((later - earlier[matched_groups(earlier, later).earlier]) ** 2).sum() == pytest.approx(min(sums))


def test_groups_that_all_shifted_alike_keep_their_names() -> None:
    """0, 2, 4 moved on by 3: names by the nearest would give the last twice; the largest shift without a swap is 3."""
    earlier = np.array([[0.0], [2.0], [4.0]])
    told = matched_groups(earlier, earlier + 3)
    assert told.earlier.tolist() == [0, 1, 2]
    assert told.nearest.tolist() == [False, False, True]  # 3 is nearer to 2 and 4 than to 0


def test_tables_of_different_shape_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"\(2, 3\) and \(3, 3\)"):
        matched_groups(np.zeros((2, 3)), np.zeros((3, 3)))
