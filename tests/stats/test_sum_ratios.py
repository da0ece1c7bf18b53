"""Ratios of sums over clusters: by hand, against `clustered_mean`, and what is missing when."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import ParameterError
from cs_analysis.stats.cluster_ratios import clustered_mean
from cs_analysis.stats.sum_ratios import ratio_of_sums, ratios_by_cell


def test_two_sums_over_different_clusters_have_satterthwaites_freedom() -> None:
    found = ratio_of_sums([10, 20, 30, 20, 0, 0, 0, 0], [0, 0, 0, 0, 5, 10, 15, 10])
    # Ratio 80 / 40 = 2; e = y, and -2 x 5, 10, 15, 10; parts 1/8, 2/8, 3/8, 2/8 in both sums: 2 (100/.875 + 400/.75 + 900/.625 + 400/.75) / 40^2.
    error = np.sqrt(2 * (100 / 0.875 + 800 / 0.75 + 900 / 0.625)) / 40
    # Effective number of each sum 40^2 / (25 + 100 + 225 + 100) = 3.5556; (2/3.5556)^2 / (2 / (12.6420 x 2.5556)) = 5.1111; R: qt(0.975, 5.111111) = 2.553864.
    factor = np.exp(2.553864 * error / 2)
    assert list(found) == [pytest.approx(2.0), pytest.approx(2 / factor, rel=1e-6), pytest.approx(2 * factor, rel=1e-6)]


def test_proportional_sums_are_those_of_the_clustered_mean() -> None:
    rng = np.random.default_rng(4)
    sizes = rng.integers(1, 9, 400).astype(float)
    sums = sizes * rng.uniform(0.9, 1.1, 400)
    mine, theirs = ratio_of_sums(sums, sizes), clustered_mean(sums, sizes)
    assert list(mine) == [pytest.approx(value, rel=1e-4) for value in theirs]


def test_a_row_of_several_clusters_is_so_many_rows() -> None:
    alike = ratio_of_sums([1, 4, 9], [2, 3, 8], counts=[3, 2, 4], groups=[0, 0, 0])
    apart = ratio_of_sums([1, 1, 1, 4, 4, 9, 9, 9, 9], [2, 2, 2, 3, 3, 8, 8, 8, 8])
    assert [value[0] for value in alike] == [pytest.approx(value) for value in apart]


@pytest.mark.parametrize(
    ("numerators", "denominators", "known"),
    [
        ([5], [10], "e"),  # a single cluster
        ([1, 2, 3, 4], [10, 20, 30, 40], "e"),  # all alike
        ([1, 2, 50], [10, 20, 500], "e"),  # one cluster is nearly all: effectively fewer than three
        ([0, 0, 0, 0], [1, 2, 3, 4], "el"),
        ([1, 2, 3], [0, 0, 0], ""),
        ([1, 2, 3, -7], [1, 1, 1, 1], "e"),
    ],
)
def test_what_is_missing(numerators: list[float], denominators: list[float], known: str) -> None:
    found = ratio_of_sums(numerators, denominators)
    assert "".join(name for name, value in zip("elh", found, strict=True) if np.isfinite(value)) == known


@pytest.mark.parametrize(
    ("numerators", "denominators", "message"),
    [([1, 2], [1, -2], "at least 0"), ([1, np.nan], [1, 2], "numerators must be finite"), ([1, 2], [np.inf, 1], "denom")],
)
def test_numbers_are_checked(numerators: list[float], denominators: list[float], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        ratio_of_sums(numerators, denominators)


def test_cells_in_the_order_of_their_first_rows_and_n_the_clusters_with_a_denominator() -> None:
    rows = pd.DataFrame({"group": ["b", "b", "a", None], "up": [1.0, 2.0, 3.0, 1.0], "down": [2.0, 0.0, 6.0, 4.0], "accounts": [2, 1, 5, 1]})
    table = ratios_by_cell(rows, ["group"], numerator="up", denominator="down")
    assert table["group"].fillna("none").tolist() == ["b", "a", "none"]
    assert table["estimate"].tolist() == [1.0, 0.5, 0.25]  # (2 x 1 + 2) / (2 x 2 + 0), 15 / 30, 1 / 4
    assert table["n"].tolist() == [2, 5, 1]


def test_no_rows_are_no_cells() -> None:
    rows = pd.DataFrame({"group": [], "up": [], "down": [], "accounts": []})
    for interval in ("linearised", "bootstrap"):
        assert ratios_by_cell(rows, ["group"], numerator="up", denominator="down", interval=interval).empty
