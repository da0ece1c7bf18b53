"""What is found again, what lies between groups, and the evidence: by hand."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from cs_analysis.stats.grouping.partition import Partition, divide
from cs_analysis.stats.grouping.stability import jaccard, stability
from cs_analysis.stats.grouping.valleys import valleys
from cs_analysis.stats.grouping.verdict import Evidence, evidence


def test_the_jaccard_index_by_hand() -> None:
    """Groups {0, 1, 2} and {3} against {0, 1} and {2, 3}: 2/3 and 1/4, 0/3 and 1/2."""
    found = jaccard(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), sizes=(2, 2))
    assert found.tolist() == [[2 / 3, 1 / 4], [0, 1 / 2]]


def test_empty_groups_have_nothing_in_common() -> None:
    assert jaccard(np.array([0, 0]), np.array([0, 0]), sizes=(2, 2)).tolist() == [[1, 0], [0, 0]]


def test_groups_far_apart_are_always_found_again() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(100, 2)) + np.repeat([[0], [50]], 50, axis=0)
    again = lambda drawn, seed: divide(drawn, 2, method="kmeans", starts=2, seed=seed)  # noqa: E731 - as the caller writes it
    found = stability(rows, again(rows, 0), again=again, replicates=10, rng=rng)
    assert (found.jaccard == 1).all()
    assert found.share == 1


def cut(rows: np.ndarray, *centres: float) -> list[float]:
    """Return the chance that accounts are not rarer between groups around some centres."""
    groups = Partition(np.array(centres)[:, None], None, np.zeros(len(centres)), float("nan"), converged=True)
    return [valley.p_value for valley in valleys(rows[:, None], groups)]


def test_a_valley_by_hand() -> None:
    """Ten rows at 0, ten at 8, two at 4: of 12 rows at a side or half-way 2 are half-way; (1 + 12 + 66) / 2^12."""
    rows = np.repeat([0.0, 8.0, 4.0], [10, 10, 2])
    assert cut(rows, 0, 8) == pytest.approx([79 / 4096] * 2)


def test_one_crowd_has_no_valley_where_it_is_cut() -> None:
    rows = np.random.default_rng(1).normal(size=2000)
    assert min(cut(rows, -0.8, 0.8)) > 0.5


def test_a_crowd_with_a_long_tail_has_no_valley() -> None:
    rows = np.random.default_rng(2).exponential(size=2000)
    assert min(cut(rows, 0.5, 3)) > 0.5


def test_the_chance_counts_the_table_itself_among_those_without_groups() -> None:
    """Of three tables without groups one reaches 0.3: (1 + 1) / (1 + 3)."""
    seen = Evidence(range(2, 4), np.array([0.2, 0.3]), np.array([0.1, 0.3, 0.2]), 50)
    assert (seen.best, seen.size, seen.p_value) == (0.3, 3, 0.5)


@pytest.mark.slow
def test_the_evidence_is_the_same_for_the_same_seed_and_sees_two_groups() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(80, 3)) + np.repeat([[0], [6]], 40, axis=0)
    ask = partial(evidence, rows, most=3, tables=19)
    first, second = ask(rng=np.random.default_rng(0)), ask(rng=np.random.default_rng(0))
    assert first.null.tobytes() == second.null.tobytes()
    assert (first.size, first.p_value, first.rows) == (2, 0.05, 80)
