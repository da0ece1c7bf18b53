from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cs_analysis.stats.importance.relative_weights import johnson
from cs_analysis.stats.importance.subsets import lmg

GOLDEN = Path(__file__).parents[2] / "golden" / "importance"


@pytest.mark.parametrize("name", ["swiss", "attitude", "LifeCycleSavings", "mtcars"])
def test_equals_r_on_its_own_data(name: str) -> None:
    wanted = pd.read_csv(GOLDEN / "importance.csv").query("data == @name")
    table = pd.read_csv(GOLDEN / f"{name}.csv")
    found = johnson(table[[*wanted["driver"], wanted["outcome"].iloc[0]]].corr().to_numpy()[None])[0]
    assert_allclose(found, wanted["johnson"], rtol=1e-10)
    assert found.sum() == pytest.approx(wanted["r_squared"].iloc[0], rel=1e-12)


def test_published_weights_of_the_car_data() -> None:
    table = pd.read_csv(GOLDEN / "mtcars.csv")[["cyl", "disp", "hp", "gear", "mpg"]]
    published = [0.2284797, 0.2221469, 0.2321744, 0.0963886]  # documentation of the R package rwa, after Tonidandel and LeBreton (2015)
    assert johnson(table.corr().to_numpy()[None])[0].round(7).tolist() == published


def test_two_drivers_get_what_averaging_over_orders_gives() -> None:
    matrices = np.array([[[1, r, a], [r, 1, b], [a, b, 1]] for r, a, b in [(0.5, 0.6, 0.4), (-0.3, 0.2, 0.7), (0.0, 0.5, 0.1)]])
    assert_allclose(johnson(matrices), lmg(matrices), rtol=1e-12)


def test_columns_of_one_driver_are_added() -> None:
    matrix = np.corrcoef(np.random.default_rng(2).normal(size=(5, 50)))
    single = johnson(matrix[None])[0]
    assert_allclose(johnson(matrix[None], [1, 2, 1])[0], [single[0], single[1] + single[2], single[3]])


def test_copies_share_alike_and_sum_to_r_squared() -> None:
    matrix = np.array([[1, 1, 0.5], [1, 1, 0.5], [0.5, 0.5, 1]])
    assert_allclose(johnson(matrix[None])[0], [0.125, 0.125])
