"""Buying histories: what is refused, and that packing loses nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.buying.histories import read_histories, refuse_too_few


def rfm(*rows, **more):
    return pd.DataFrame(rows, columns=["frequency", "recency_days", "age_days"]).assign(**more)


def test_equal_rows_are_counted_once():
    packed = read_histories(rfm((2, 30, 90), (0, 0, 90), (2, 30, 90), (0, 0, 50)))
    assert packed.frequency.tolist() == [0, 0, 2]
    assert packed.recency.tolist() == [0, 0, 30]
    assert packed.age.tolist() == [50, 90, 90]
    assert packed.count.tolist() == [1, 1, 2]
    assert packed.row_of.tolist() == [2, 1, 2, 0]
    assert (packed.customers, packed.repeaters, packed.total(packed.frequency)) == (4, 2, 4.0)


@pytest.mark.parametrize("scale", [1.0, 1 / 7, 1e6 + 0.5])
def test_packing_gives_back_every_row(scale):
    rng = np.random.default_rng(3)
    table = rfm(*zip(rng.integers(1, 300, 500), rng.integers(1, 40, 500) * scale, (40 + rng.integers(0, 9, 500)) * scale, strict=True))
    packed = read_histories(table)
    rows = np.column_stack([packed.frequency, packed.recency, packed.age])
    assert (rows[packed.row_of] == table.to_numpy()).all()
    assert len(np.unique(rows, axis=0)) == len(rows)
    assert (np.lexsort(rows.T[::-1]) == np.arange(len(rows))).all()


def test_many_levels_in_every_column_still_fit_into_one_number():
    rng = np.random.default_rng(4)
    frequency = rng.permutation(np.arange(1, 2**20, 97)).astype("float64")
    recency = rng.uniform(1, 2, len(frequency)) * 1e7
    table = pd.DataFrame({"frequency": frequency, "recency_days": recency, "age_days": recency * 1.5})
    packed = read_histories(table)
    assert (packed.recency[packed.row_of] == recency).all()


def test_all_problems_are_told_at_once_with_their_first_rows():
    table = rfm((1, 0, 3), (0, 3, 2), (2.5, -1, 1), (np.nan, 9, 4))
    with pytest.raises(ParameterError) as caught:
        read_histories(table.set_axis(["a", "b", "c", "d"]))
    text = str(caught.value)
    assert "frequency may not be missing or infinite; fill it in or leave the row out (1 rows, first 'd' with nan)" in text
    assert "recency_days may not be negative; check the dates (1 rows, first 'c' with -1)" in text
    assert "frequency must be a whole number: it counts the days with a repeat purchase (1 rows, first 'c' with 2.5)" in text
    assert "recency_days must be 0 where frequency is 0: the last purchase is the first one (1 rows, first 'b' with 3)" in text
    assert "recency_days must be above 0 where frequency is: count purchases of one day as one (1 rows, first 'a' with 0)" in text
    assert "recency_days may not exceed age_days: leave out purchases after the end of the data (2 rows, first 'b' with 3)" in text


def test_numbers_are_numbers():
    with pytest.raises(ParameterError, match="recency_days must hold numbers"):
        read_histories(rfm((1, "3", 4)))
    with pytest.raises(ParameterError, match="frequency may not be missing or infinite"):
        read_histories(rfm((1, 3, 4), (None, 0, 4)).astype({"frequency": "Int64"}))


def test_missing_columns_are_named():
    with pytest.raises(MissingColumnsError, match="'recency_days'"):
        read_histories(rfm((1, 3, 4)).rename(columns={"recency_days": "recency"}))


def test_the_key_is_the_account_or_else_the_customer_or_else_the_index():
    table = rfm((0, 0, 4), (1, 3, 4)).set_axis([7, 8])
    assert read_histories(table).keys.to_dict("list") == {"customer": [7, 8]}
    assert read_histories(table.assign(customer=["x", "y"])).keys.to_dict("list") == {"customer": ["x", "y"]}
    assert read_histories(table.assign(customer=0, account_id=["a", "b"])).keys.to_dict("list") == {"account_id": ["a", "b"]}


def test_too_few():
    with pytest.raises(NotEnoughDataError, match="no rows"):
        read_histories(rfm())
    with pytest.raises(NotEnoughDataError, match="at least two"):
        refuse_too_few(read_histories(rfm((1, 3, 4))))
    with pytest.raises(NotEnoughDataError, match="none of the 2 customers bought a second time"):
        refuse_too_few(read_histories(rfm((0, 0, 4), (0, 0, 4))))


def test_customers_above_each_frequency():
    packed = read_histories(rfm((2, 30, 90), (0, 0, 90), (2, 40, 90), (1, 3, 50)))
    assert packed.more_than.tolist() == [3, 2]  # above 0: three; above 1: two; nobody above 2
    assert read_histories(rfm((0, 0, 9))).more_than.tolist() == []
    assert packed.take(np.array([2, 0])).recency.tolist() == [30, 0]
