"""The test of alike moves against the arithmetic of Pearson's statistic."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cs_analysis.stats.move_tests import moves_alike


def moves(counts: dict[tuple[int, int, bool], int]) -> pd.DataFrame:
    return pd.DataFrame([{"from": a, "to": b, "kind": kind} for (a, b, kind), times in counts.items() for _ in range(times)])


def test_by_hand() -> None:
    # One kind: 30 stay, 10 move; the other: 10 stay, 10 move. Expected 80/3, 40/3 and 40/3, 20/3: (10/3)^2 (3/80 + 3/40 + 3/40 + 3/20) = 3.75.
    test = moves_alike(moves({(0, 0, True): 30, (0, 1, True): 10, (0, 0, False): 10, (0, 1, False): 10}))
    assert test.statistic == pytest.approx(3.75)
    assert (test.freedom, test.moves) == (1, 60)
    assert test.p_value == pytest.approx(0.0528, abs=5e-5)  # a normal variable beyond 1.9365 on either side


def test_states_add_up_and_small_ones_are_left_out() -> None:
    one = {(0, 0, True): 30, (0, 1, True): 10, (0, 0, False): 10, (0, 1, False): 10}
    both = one | {(1, b, kind): times for (_, b, kind), times in one.items()} | {(2, 2, True): 9, (2, 3, False): 50}
    test = moves_alike(moves(both))
    assert test.statistic == pytest.approx(7.5)
    assert (test.freedom, test.moves) == (2, 120)
    assert np.isnan(moves_alike(moves({(2, 2, True): 9, (2, 3, False): 50})).p_value)


def test_a_rare_move_is_put_together_with_the_next_rarest() -> None:
    test = moves_alike(moves({(0, 0, True): 30, (0, 1, True): 9, (0, 2, True): 1, (0, 0, False): 10, (0, 1, False): 10}))
    assert test.statistic == pytest.approx(3.75)  # one move of 60, expected 1/3 in the smaller kind


@pytest.mark.slow
def test_it_claims_a_difference_as_seldom_as_it_says() -> None:
    rng = np.random.default_rng(5)
    rejected = 0
    for _ in range(200):
        table = pd.DataFrame({"from": rng.integers(0, 2, 150), "to": rng.choice(3, 150, p=[0.6, 0.3, 0.1]), "kind": rng.random(150) < 0.4})
        rejected += moves_alike(table).p_value < 0.05
    assert rejected <= 20  # 5 % of 200 is 10, with a standard deviation of 3
