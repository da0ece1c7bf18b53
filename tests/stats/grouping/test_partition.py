"""Groups by k-means and mixtures: by hand, against a search and against scikit-learn's own silhouette."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.metrics import silhouette_score

from cs_analysis.stats.grouping.partition import Partition, divide, mixture_bic, silhouette

PLACES = np.array([[0.0, 0], [0, 2], [10, 0], [10, 2], [10, 1]])


def plain(centres: list[list[float]]) -> Partition:
    """Return groups as k-means makes them."""
    return Partition(np.array(centres), None, np.zeros(len(centres)), float("nan"), converged=True)


def brute_silhouette(rows: np.ndarray, labels: np.ndarray) -> float:
    widths = []
    for place, row in enumerate(rows):
        means = {}
        for group in set(labels.tolist()):
            others = [np.linalg.norm(row - rows[other]) for other in range(len(rows)) if other != place and labels[other] == group]
            means[group] = sum(others) / len(others) if others else None
        own = means.pop(labels[place])
        other = min(value for value in means.values() if value is not None)
        widths.append(0.0 if own is None or max(own, other) == 0 else (other - own) / max(own, other))
    return sum(widths) / len(widths)


@pytest.mark.parametrize("seed", range(6))
def test_the_silhouette_is_that_of_a_search(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, labels = rng.integers(0, 4, (25, 2)).astype(float), rng.integers(0, 3, 25)
    labels[0] = 7  # a row alone in its group
    assert silhouette(cdist(rows, rows), labels) == pytest.approx(brute_silhouette(rows, labels))


def test_the_silhouette_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(9)
    rows, labels = rng.normal(size=(60, 3)), rng.integers(0, 4, 60)
    assert silhouette(cdist(rows, rows), labels) == pytest.approx(silhouette_score(rows, labels))


def test_the_silhouette_by_hand() -> None:
    """Rows 0, 1 | 4: (4 - 1)/4 and (3 - 1)/3, and 0 for the row alone: (3/4 + 2/3 + 0) / 3 = 17/36."""
    rows = np.array([[0.0], [1], [4]])
    assert silhouette(cdist(rows, rows), np.array([0, 0, 1])) == pytest.approx(17 / 36)


def test_one_group_has_the_least_silhouette() -> None:
    assert silhouette(cdist(PLACES, PLACES), np.zeros(5, dtype=int)) == -1.0


def test_k_means_by_hand_largest_first() -> None:
    found = divide(PLACES, 2, method="kmeans", starts=5, seed=0).by_size(PLACES)
    assert found.centres.tolist() == [[10, 1], [0, 1]]
    assert found.labels(PLACES).tolist() == [1, 1, 0, 0, 0]
    assert found.converged


def test_the_margin_is_how_much_nearer_the_own_centre_is() -> None:
    found = plain([[0, 0], [4, 0]])
    assert found.margins(np.array([[1.0, 0], [2, 0], [4, 0], [-4, 0]])).tolist() == pytest.approx([1 - 1 / 3, 0, 1, 0.5])


def test_of_groups_of_one_size_the_larger_centre_is_first() -> None:
    rows = np.array([[1.0, 5], [1, 7], [0, 9]])
    assert plain([[0, 9], [1, 5], [1, 7]]).by_size(rows).centres.tolist() == [[1, 7], [1, 5], [0, 9]]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["kmeans", "mixture"])
def test_the_same_seed_gives_the_same_groups_to_the_last_digit(method: str) -> None:
    rows = np.random.default_rng(3).normal(size=(600, 4))
    first, second = (divide(rows, 3, method=method, starts=3, seed=5) for _ in range(2))
    assert first.centres.tobytes() == second.centres.tobytes()


def test_a_mixture_gives_rows_to_the_likeliest_group() -> None:
    """A wide and a narrow group around 0: what is far belongs to the wide one, though the centres are equally near."""
    rng = np.random.default_rng(4)
    rows = np.concatenate([rng.normal(0, 0.1, (200, 2)), rng.normal(0, 3, (200, 2))])
    found = divide(rows, 2, method="mixture", starts=3, seed=0)
    near, far = found.labels(np.array([[0.0, 0.0], [4.0, 4.0]]))
    assert near != far


@pytest.mark.slow
def test_the_criterion_prefers_one_group_where_there_is_one_and_two_where_there_are_two() -> None:
    rng = np.random.default_rng(5)
    one = rng.normal(size=(300, 2))
    two = one + np.where(rng.random((300, 1)) < 0.5, 6.0, 0.0)
    assert [int(mixture_bic(rows, range(1, 4), seed=0).argmin()) + 1 for rows in (one, two)] == [1, 2]


def test_the_criterion_of_one_group_by_hand() -> None:
    """One column, mean 0, variance 1 (+ the ridge): -2 log L = n (log 2 pi v + 1 / v); two parameters cost 2 log n."""
    rows = np.array([[-1.0], [1.0]] * 20)
    v = 1 + 1e-3
    assert mixture_bic(rows, range(1, 2), seed=0)[0] == pytest.approx(40 * (np.log(2 * np.pi * v) + 1 / v) + 2 * np.log(40))
