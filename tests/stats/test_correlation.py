"""Rank correlations: estimates against another implementation, errors against derivatives and the jackknife, limits under ties and clusters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.correlation import rank_correlation

GOLDEN = Path(__file__).parents[1] / "golden" / "correlation"
ROWS = pd.read_csv(GOLDEN / "rows.csv")
FOUND = pd.read_csv(GOLDEN / "correlation.csv", skipinitialspace=True).apply(lambda column: column.str.strip() if column.dtype == object else column)
METHODS = ["spearman", "kendall"]


@pytest.mark.parametrize("row", FOUND.to_dict("records"), ids=lambda row: "-".join((row["method"], row["x"], row["y"])))
def test_estimates_equal_another_implementation_and_errors_its_jackknife(row: dict) -> None:
    found = rank_correlation(ROWS[row["x"]], ROWS[row["y"]], method=row["method"])
    assert found.estimate == pytest.approx(row["estimate"], abs=1e-12)
    assert found.error == pytest.approx(row["jackknife"], rel=0.02)  # differs by terms of order 1 / n


def weighted(x: np.ndarray, y: np.ndarray, weight: np.ndarray, method: str) -> float:
    """Return the correlation of a distribution that gives each row a weight, by double loops."""
    weight = weight / weight.sum()
    first, second = (np.sign(values[:, None] - values) for values in (x, y))
    if method == "kendall":
        mean = [weight @ product @ weight for product in (first * second, first**2, second**2)]
    else:
        a, b = first @ weight / 2, second @ weight / 2  # the place below less the place above: twice the mid-rank share less one half
        mean = [weight @ (a * b), weight @ a**2, weight @ b**2]
    return float(mean[0] / np.sqrt(mean[1] * mean[2]))


def corrected(sums: np.ndarray, x: np.ndarray, y: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """Return squared sums by cluster over the parts of the columns' variances that are left without the cluster."""
    left = []
    for values in (x, y):
        place = stats.rankdata(values) - stats.rankdata(values).mean()
        left.append([1 - (owners == each).mean() - np.sum(place[owners == each] ** 2) / np.sum(place**2) for each in range(owners.max() + 1)])
    return sums**2 / np.prod(left, axis=0)


@pytest.mark.parametrize("method", METHODS)
def test_the_error_is_that_of_the_derivatives(method: str) -> None:
    rng = np.random.default_rng(2)
    x, y, owners = rng.integers(0, 3, 40).astype(float), rng.integers(0, 5, 40).astype(float), rng.integers(0, 12, 40)
    one = np.ones(40)
    slopes = [(weighted(x, y, one + step, method) - weighted(x, y, one - step, method)) / 2e-5 for step in 1e-5 * np.eye(40)]
    expected = np.sqrt(np.sum(corrected(np.bincount(owners, slopes), x, y, owners)) * 11 / 12)
    assert rank_correlation(x, y, method=method, clusters=owners).error == pytest.approx(expected, rel=1e-6)


def test_two_columns_of_two_values_have_phi() -> None:
    # 30 | 10 / 15 | 25: phi = (30 x 25 - 10 x 15) / sqrt(40 x 40 x 45 x 35) = 600 / 1587.45
    x, y = np.repeat([1, 1, 0, 0], [30, 10, 15, 25]), np.repeat([1, 0, 1, 0], [30, 10, 15, 25])
    both = [rank_correlation(x, y, method=method) for method in METHODS]
    assert [found.estimate for found in both] == pytest.approx([600 / np.sqrt(40 * 40 * 45 * 35)] * 2)
    assert both[0].error == pytest.approx(both[1].error)


@pytest.mark.parametrize("method", METHODS)
def test_rows_of_a_cluster_counted_twice_say_no_more(method: str) -> None:
    once = rank_correlation(ROWS["share"], ROWS["score"], method=method)
    owners = np.tile(np.arange(len(ROWS)), 2)
    twice = rank_correlation(np.tile(ROWS["share"], 2), np.tile(ROWS["score"], 2), method=method, clusters=owners)
    assert (twice.estimate, twice.error, twice.freedom) == pytest.approx((once.estimate, once.error, once.freedom))
    assert once.freedom == 148


@pytest.mark.parametrize("method", METHODS)
def test_turning_a_column_round_turns_the_sign(method: str) -> None:
    up, down = (rank_correlation(ROWS["share"], sign * ROWS["score"], method=method).limits(0.9) for sign in (1, -1))
    np.testing.assert_allclose(up, [-down.estimate, -down.conf_high, -down.conf_low])


def test_limits_are_symmetric_for_fishers_transform() -> None:
    found = rank_correlation(ROWS["share"], ROWS["score"])
    half = special.stdtrit(148, 0.975) * max(found.error / (1 - found.estimate**2), 1 / np.sqrt(149))
    limits = found.limits(0.95)
    np.testing.assert_allclose(limits, np.tanh(np.arctanh(found.estimate) + half * np.array([0, -1, 1])))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("method", METHODS)
def test_a_perfect_correlation_has_one_limit_that_narrows(method: str, sign: int) -> None:
    few, many = (rank_correlation(np.arange(n) % 3, sign * (np.arange(n) % 3), method=method).limits(0.95) for n in (9, 300))
    assert few.estimate == many.estimate == sign
    assert (few.conf_high if sign > 0 else few.conf_low) == sign
    near = [each.conf_low if sign > 0 else -each.conf_high for each in (few, many)]
    assert near[0] < near[1] < 1


def test_distinct_values_are_compared_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = rank_correlation(ROWS["free"], ROWS["score"], method="kendall")
    monkeypatch.setattr("cs_analysis.stats.correlation._CELLS", 500)
    assert rank_correlation(ROWS["free"], ROWS["score"], method="kendall") == pytest.approx(whole)
    assert whole.estimate == pytest.approx(stats.kendalltau(ROWS["free"], ROWS["score"]).statistic)


def test_an_error_that_is_luck_is_not_believed() -> None:
    # Two accounts of 26 missed their goals and gave the middle score: the correlation is 0, and little that is in the rows could move it.
    found = rank_correlation([0] * 2 + [1] * 24, [3] * 2 + [1, 5] * 12)
    assert found.estimate == pytest.approx(0, abs=1e-12)
    assert found.error < 0.12 < found.z[1]
    assert found.limits(0.95).conf_high == pytest.approx(np.tanh(special.stdtrit(24, 0.975) / np.sqrt(25)))


def test_where_one_account_makes_up_a_column_there_are_no_limits() -> None:
    assert np.isnan(rank_correlation([0] + [1] * 24, [3] + [1, 5] * 12).limits(0.95).conf_low)


def test_below_four_clusters_there_are_no_limits() -> None:
    found = rank_correlation([1, 2, 3, 4, 5, 6], [2, 1, 3, 4, 6, 5], clusters=[1, 1, 2, 2, 3, 3])
    assert np.isnan(found.limits(0.95)[1:]).all()
    assert found.estimate == pytest.approx(1 - 6 * 4 / (6 * 35))  # four places off by one: 1 - 6 sum d^2 / n (n^2 - 1)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"x": [1, 2], "y": [1, 2, 3]}, ParameterError, "as many rows; they have 2, 3 and 2"),
        ({"x": [1, np.nan], "y": [1, 2]}, ParameterError, "x must be finite numbers; row 1 is not"),
        ({"x": [1, 2], "y": [3, 3]}, NotEnoughDataError, "all 2 of y are the same"),
        ({"x": [], "y": []}, NotEnoughDataError, "all 0 of x"),
        ({"x": [1, 2], "y": [1, 2], "method": "pearson"}, ParameterError, "'spearman' or 'kendall', not 'pearson'"),
    ],
)
def test_what_cannot_be_is_refused(arguments: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        rank_correlation(**arguments)
