"""How columns are prepared: by hand, and what must not matter."""

from __future__ import annotations

import numpy as np
import pytest

from cs_analysis.stats.grouping.prepare import Column, prepared_column, scaled


def test_a_column_of_plain_numbers_is_taken_as_it_is() -> None:
    column = prepared_column("days", np.array([-1.0, 1.0, -1.0, 1.0]))
    assert column is not None
    assert np.isnan(column.unit)
    assert (column.mean, column.sd, column.middle) == (0.0, 1.0, 0.0)
    assert column.scaled(np.array([0.5])).tolist() == [0.5]


def test_a_skewed_column_that_is_never_negative_is_taken_as_logarithms_of_its_lower_decile() -> None:
    values = np.array([0.0] * 10 + [10.0] * 20 + [1000.0])
    column = prepared_column("mrr", values)
    assert column is not None
    assert column.unit == 10.0
    shaped = np.log1p([0, 1, 100])
    expected = (shaped[1] - column.mean) / column.sd
    assert column.scaled(np.array([10.0]))[0] == pytest.approx(expected)


def test_a_skewed_column_with_a_negative_value_is_taken_as_it_is() -> None:
    column = prepared_column("change", np.array([-1.0] + [0.0] * 20 + [50.0]))
    assert column is not None
    assert np.isnan(column.unit)


def test_a_unit_that_is_given_is_taken() -> None:
    values = np.array([0.0, 3.0, 5.0, 9.0])
    logged, plain = (prepared_column("users", values, unit=unit) for unit in (2.0, np.nan))
    assert logged is not None
    assert plain is not None
    assert logged.mean == pytest.approx(np.clip(np.log1p(values / 2), logged.low, logged.high).mean())
    assert plain.mean == pytest.approx(np.clip(values, plain.low, plain.high).mean())


def test_the_outer_hundredth_is_drawn_in() -> None:
    values = np.arange(101.0)
    column = prepared_column("rank", values)
    assert column is not None
    assert (column.low, column.high) == (1.0, 99.0)
    inner = np.clip(values, 1, 99)
    assert (column.mean, column.sd) == pytest.approx((inner.mean(), inner.std()))
    assert column.scaled(np.array([5000.0])) == column.scaled(np.array([99.0]))
    assert column.scaled(np.array([5000.0]), drawn_in=False) == pytest.approx((5000 - 50) / column.sd)


@pytest.mark.parametrize("values", [np.full(30, 7.3), np.array([0.0] * 300 + [5.0]), np.full(4, 1e-12)], ids=["equal", "but for one", "tiny"])
def test_a_constant_column_is_none(values: np.ndarray) -> None:
    assert prepared_column("same", values) is None


@pytest.mark.parametrize("factor", [1000, 1e-6])
def test_the_unit_of_a_column_does_not_matter(factor: float) -> None:
    values = np.random.default_rng(1).lognormal(size=200)
    first, second = prepared_column("x", values), prepared_column("x", values * factor)
    assert first is not None
    assert second is not None
    np.testing.assert_allclose(first.scaled(values), second.scaled(values * factor), rtol=1e-10)


def test_scaled_and_back_is_the_value_again() -> None:
    values = np.random.default_rng(2).exponential(size=100)
    column = prepared_column("x", values)
    assert column is not None
    np.testing.assert_allclose(column.original(column.scaled(values, drawn_in=False)), values, rtol=1e-10)


def test_a_matrix_is_scaled_column_by_column() -> None:
    columns = (Column("a", np.nan, -9, 9, 1, 2, 1), Column("b", np.nan, -9, 9, 0, 0.5, 0))
    assert scaled(columns, np.array([[3.0, 1.0], [1.0, 20.0]])).tolist() == [[1.0, 2.0], [0.0, 18.0]]
