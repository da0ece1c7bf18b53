from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from cs_analysis.errors import ParameterError
from cs_analysis.stats.within_slopes import within_slope

DRAWN = np.random.default_rng(7)


def search(x: np.ndarray, y: np.ndarray, strata: np.ndarray, clusters: np.ndarray) -> tuple[float, float, float]:
    """Return the slope and its limits by leaving every cluster out in turn."""

    def slope(rows: np.ndarray) -> float:
        products = squares = 0.0
        for stratum in set(strata[rows]):
            own = rows & (strata == stratum)
            products += ((x[own] - x[own].mean()) * (y[own] - y[own].mean())).sum()
            squares += ((x[own] - x[own].mean()) ** 2).sum()
        return products / squares

    whole = slope(np.ones(len(x), dtype=bool))
    left = np.array([slope(clusters != cluster) for cluster in np.unique(clusters)])
    half = stats.t.ppf(0.975, len(left) - 1) * np.sqrt((len(left) - 1) / len(left) * ((left - left.mean()) ** 2).sum())
    return whole, whole - half, whole + half


def test_by_hand() -> None:
    """Deviations of x: -1.5, -.5, .5, 1.5 (squares 5). With y 1 1 0 0 the products sum to -2, with 1 0 1 0 to -1: -3 of 10. Without strata the same."""
    x, y = [1, 2, 3, 4] * 2, [1, 1, 0, 0, 1, 0, 1, 0]
    assert within_slope(x, y, strata=[0] * 4 + [1] * 4).estimate == pytest.approx(-0.3)
    assert within_slope(x, y).estimate == pytest.approx(-0.3)


def test_a_difference_between_strata_is_none_within_them() -> None:
    """All slow ones are of the angry kind: across kinds the share falls by 1 for 10, within them nothing moves."""
    x, y, kind = [1, 2, 11, 12], [1, 1, 0, 0], ["calm", "calm", "angry", "angry"]
    assert within_slope(x, y).estimate == pytest.approx(-10 / 101)  # deviations -5.5 -4.5 4.5 5.5: products -10, squares 101
    assert within_slope(x, y, strata=kind).estimate == 0


@pytest.mark.parametrize("case", range(5))
def test_it_is_what_leaving_clusters_out_in_turn_finds(case: int) -> None:
    size = 30 + 10 * case
    x, y = DRAWN.normal(50, 3, size), (DRAWN.random(size) < 0.4).astype(float)
    strata, clusters = DRAWN.integers(0, 3, size), DRAWN.integers(0, 7, size)
    assert within_slope(x, y, strata=strata, clusters=clusters) == pytest.approx(search(x, y, strata, clusters), rel=1e-9)
    assert within_slope(x, y, strata=strata) == pytest.approx(search(x, y, strata, np.arange(size)), rel=1e-9)


def test_order_names_and_origin_do_not_matter() -> None:
    x, y = DRAWN.normal(size=40), DRAWN.random(40)
    strata, clusters = DRAWN.integers(0, 3, 40), DRAWN.integers(0, 9, 40)
    turned = DRAWN.permutation(40)
    moved = within_slope(x[turned] + 1e6, y[turned] - 3, strata=strata[turned].astype(str), clusters=-clusters[turned])
    assert moved == pytest.approx(within_slope(x, y, strata=strata, clusters=clusters), rel=1e-5)


@pytest.mark.parametrize(
    ("x", "y", "options", "known"),
    [
        ([], [], {}, (False, False)),
        ([1, 1, 1, 1], [0, 1, 0, 1], {}, (False, False)),  # x does not vary
        ([1, 2, 1, 2], [0, 1, 0, 1], {"strata": [0, 1, 0, 1]}, (False, False)),  # nor within strata
        ([1, 2, 3, 4], [0, 1, 0, 1], {"clusters": [0, 0, 1, 1]}, (True, False)),  # two clusters
        ([1, 1, 1, 2], [0, 1, 0, 1], {}, (True, False)),  # without the last it does not vary
    ],
)
def test_what_is_not_known_is_missing(x: list[int], y: list[int], options: dict[str, Any], known: tuple[bool, bool]) -> None:
    slope = within_slope(x, y, **options)
    assert (not np.isnan(slope.estimate), not np.isnan(slope.conf_low), not np.isnan(slope.conf_high)) == (known[0], known[1], known[1])


def test_bad_numbers_are_refused() -> None:
    with pytest.raises(ParameterError, match="x must be finite numbers; entry 1 is not"):
        within_slope([1, np.inf], [0, 1])
    with pytest.raises(ParameterError, match="one entry a unit each"):
        within_slope([1, 2], [0, 1], clusters=[1])
