from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cs_analysis.errors import ParameterError
from cs_analysis.stats.importance.subsets import lmg, subset_r_squared

GOLDEN = Path(__file__).parents[2] / "golden" / "importance"


def r_squared(x: np.ndarray, y: np.ndarray) -> float:
    """Return R squared by least squares on the data."""
    design = np.column_stack([np.ones(len(y)), x])
    residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return 1 - residual @ residual / np.sum((y - y.mean()) ** 2)


def over_all_orders(x: np.ndarray, y: np.ndarray, columns: list[int]) -> np.ndarray:
    """Return the gain of each driver, averaged over a walk through every order."""
    edges, total = np.cumsum([0, *columns]), np.zeros(len(columns))
    orders = list(permutations(range(len(columns))))
    for order in orders:
        entered: list[int] = []
        for driver in order:
            more = [*entered, *range(edges[driver], edges[driver + 1])]
            total[driver] += r_squared(x[:, more], y) - r_squared(x[:, entered], y)
            entered = more
    return total / len(orders)


@pytest.mark.parametrize("columns", [[1], [1, 1], [1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1, 1], [2, 1], [1, 2, 2]])
def test_equals_a_walk_through_all_orders(columns: list[int]) -> None:
    rng = np.random.default_rng(sum(columns) + 10 * len(columns))
    x = rng.normal(size=(40, sum(columns))) + rng.normal(size=(40, 1))
    y = x @ rng.normal(size=x.shape[1]) + 2 * rng.normal(size=40)
    correlations = np.corrcoef(np.column_stack([x, y]).T)
    assert_allclose(lmg(correlations[None], columns)[0], over_all_orders(x, y, columns), rtol=1e-10)


@pytest.mark.parametrize("name", ["swiss", "attitude", "LifeCycleSavings", "mtcars"])
def test_equals_r_on_its_own_data(name: str) -> None:
    wanted = pd.read_csv(GOLDEN / "importance.csv").query("data == @name")
    table = pd.read_csv(GOLDEN / f"{name}.csv")
    found = lmg(table[[*wanted["driver"], wanted["outcome"].iloc[0]]].corr().to_numpy()[None])[0]
    assert_allclose(found, wanted["lmg"], rtol=1e-10)
    assert found.sum() == pytest.approx(wanted["r_squared"].iloc[0], rel=1e-12)


def test_published_parts_of_the_swiss_data() -> None:
    table = pd.read_csv(GOLDEN / "swiss.csv")
    found = lmg(table[[*table.columns[1:], "Fertility"]].corr().to_numpy()[None])[0]
    published = [0.0570912207681, 0.1711730289002, 0.2601346786244, 0.1055701503735, 0.1127659229265]  # calc.relimp(lm(Fertility ~ ., swiss)) of relaimpo
    assert_allclose(found, published, atol=1e-13)


def test_uncorrelated_drivers_get_their_squared_correlations() -> None:
    matrix = np.eye(4)
    matrix[3, :3] = matrix[:3, 3] = [0.6, -0.3, 0.0]
    assert_allclose(lmg(matrix[None])[0], [0.36, 0.09, 0.0], atol=1e-15)


def test_subsets_are_numbered_by_bits() -> None:
    x = np.random.default_rng(0).normal(size=(30, 3))
    y = x.sum(axis=1) + np.random.default_rng(1).normal(size=30)
    found = subset_r_squared(np.corrcoef(np.column_stack([x, y]).T)[None], [1, 1, 1])[:, 0]
    sets = [[], [0], [1], [0, 1], [2], [0, 2], [1, 2], [0, 1, 2]]
    assert_allclose(found, [r_squared(x[:, members], y) for members in sets], atol=1e-12)


def test_a_copy_takes_half() -> None:
    matrix = np.array([[1, 1, 0.5], [1, 1, 0.5], [0.5, 0.5, 1]])  # R squared .25, whichever enters first takes all of it
    assert_allclose(lmg(matrix[None])[0], [0.125, 0.125])


def test_replicates_do_not_mix_and_nothing_is_negative() -> None:
    rng = np.random.default_rng(3)
    matrices = np.stack([np.corrcoef(rng.normal(size=(8, 7)).T) for _ in range(5000)])  # more than are held at a time
    found = lmg(matrices)
    assert found.min() >= 0
    assert_allclose(found[[0, 4321]], np.concatenate([lmg(matrices[[0]]), lmg(matrices[[4321]])]), rtol=1e-12)


def test_too_many_drivers_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"all orders of 21 drivers are too many; 20 is the most\. Use method='johnson'"):
        lmg(np.eye(22)[None])
