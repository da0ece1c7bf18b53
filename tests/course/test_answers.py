"""Every right form of an answer counts, no wrong value does, and what is wrong with a form is said."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from cs_analysis.course.answers import advice_on_form, same

TABLE = pd.DataFrame({"segment": ["small", "large"], "churn": [0.1, 0.2]})
RIGHT = {
    "a number as an integer": (3, 3.0),
    "rounded in the 8th digit": (0.33333333, 1 / 3),
    "numpy's number": (np.float64(0.25), 0.25),
    "numpy's integer": (np.int64(3), 3),
    "a number without dimension": (np.array(0.25), 0.25),
    "a decimal": (Decimal("0.25"), 0.25),
    "a fraction": (Fraction(1, 4), 0.25),
    "a column of one": (pd.Series([0.25]), 0.25),
    "a list of one": ([0.25], 0.25),
    "a row of estimates": (pd.DataFrame({"period": ["2026"], "estimate": [0.25]}), 0.25),
    "a table of one cell": (pd.DataFrame({"mine": [0.25]}), 0.25),
    "zero from floats": (0.1 + 0.2 - 0.3, 0.0),
    "minus zero": (-0.0, 0.0),
    "infinity": (float("inf"), np.inf),
    "nothing": (None, float("nan")),
    "pandas' nothing": (pd.NA, None),
    "a list for a column": ([1, 2], pd.Series([1.0, 2.0])),
    "a column for a list": (pd.Series([1, 2], index=["a", "b"]), [1, 2]),
    "a tuple": ((1, 2), [1, 2]),
    "an array": (np.array([1, 2]), [1, 2]),
    "pandas' own array": (pd.array([1, 2]), [1, 2]),
    "a range": (range(3), [0, 1, 2]),
    "labels in another order": (pd.Series({"b": 2, "a": 1}), pd.Series({"a": 1, "b": 2})),
    "a mapping for a column": ({"b": 2, "a": 1}, pd.Series({"a": 1, "b": 2})),
    "a column for a mapping": (pd.Series({"b": 2.0, "a": 1.0}), {"a": 1, "b": 2}),
    "a mapping in another case": ({"SMALL": 1}, {"small": 1}),
    "a set": ({"b", "a"}, {"a", "b"}),
    "a list for a set": (["b", "a", "a"], {"a", "b"}),
    "words in another case": (" Wrong  Way ", "wrong way"),
    "truth": (np.bool_(True), True),
    "a table in another order of columns": (TABLE[["churn", "segment"]], TABLE),
    "a table with another index": (TABLE.set_axis([5, 6]), TABLE),
    "a day as text": ("2026-03-01", pd.Timestamp("2026-03-01")),
    "a day as a date": (pd.Timestamp("2026-03-01").date(), pd.Timestamp("2026-03-01")),
    "a day in UTC": (pd.Timestamp("2026-03-01", tz="UTC"), pd.Timestamp("2026-03-01")),
    "a length of time as text": ("2 days", pd.Timedelta(days=2)),
    "nested lists": ([[1, 2], (3,)], [[1, 2], [3]]),
}
WRONG = {
    "per cent": (25.0, 0.25),
    "rounded too much": (0.33, 1 / 3),
    "text for a number": ("0.25", 0.25),
    "truth for a number": (True, 1),
    "a number for truth": (1, True),
    "nothing for a number": (None, 0.0),
    "not a number": (float("nan"), 0.0),
    "a list for a number": ([0.25, 0.25], 0.25),
    "another order": ([2, 1], [1, 2]),
    "another length": ([1, 2, 3], [1, 2]),
    "other labels, other values": (pd.Series({"a": 2, "b": 1}), pd.Series({"a": 1, "b": 2})),
    "another key": ({"c": 1}, {"a": 1}),
    "more keys": ({"a": 1, "b": 1}, {"a": 1}),
    "a smaller set": ({"a"}, {"a", "b"}),
    "another word": ("large", "small"),
    "a number for a word": (1, "small"),
    "a function": (len, 3),
    "a table with another column": (TABLE.rename(columns={"churn": "rate"}), TABLE),
    "rows in another order": (TABLE.iloc[::-1], TABLE),
    "another day": ("2026-03-02", pd.Timestamp("2026-03-01")),
    "a number for a day": (20260301, pd.Timestamp("2026-03-01")),
    "no date at all": ("soon", pd.Timestamp("2026-03-01")),
    "a list for a table": ([1, 2], TABLE),
    "an empty list": ([], [1]),
    "complex": (0.25 + 0j, 0.25),
}


@pytest.mark.parametrize(("given", "wanted"), RIGHT.values(), ids=RIGHT.keys())
def test_right_forms_count(given: object, wanted: object) -> None:
    assert same(given, wanted)


@pytest.mark.parametrize(("given", "wanted"), WRONG.values(), ids=WRONG.keys())
def test_wrong_answers_do_not(given: object, wanted: object) -> None:
    assert not same(given, wanted)


@pytest.mark.parametrize(("given", "wanted"), [([2, 1], [1, 2]), (pd.Series([2, 1, 1]), [1, 1, 2]), (TABLE.iloc[::-1], TABLE)])
def test_order_counts_only_where_it_matters(given: object, wanted: object) -> None:
    assert same(given, wanted, ordered=False)
    assert not same(given, wanted)


def test_each_value_of_an_unordered_list_is_matched_once() -> None:
    assert not same([1, 1, 2], [1, 2, 2], ordered=False)


def test_the_tolerance_is_relative() -> None:
    assert same(1009.0, 1000.0, tolerance=0.01)
    assert not same(1011.0, 1000.0, tolerance=0.01)


@pytest.mark.parametrize(
    ("given", "wanted", "advice"),
    [
        (4.2, 0.042, "per cent"),
        (0.42, 42.0, "a share"),
        (-12.0, 12.0, "sign"),
        (0.333, 1 / 3, "Very close"),
        ("0.5", 0.5, "not text"),
        (len, 0.5, "forget to call it"),
        ([0.1, 0.2], 0.5, "One number"),
        (TABLE, 0.5, "A table is more"),
        (0.5, TABLE, "A table is asked for"),
        (0.5, [0.5, 0.5], r"Several values are asked for \(2\)"),
        ([0.5], [0.5, 0.5], "is 1; it should be 2"),
        (3, "three", "quotation marks"),
    ],
)
def test_what_is_wrong_with_the_form_is_said(given: object, wanted: object, advice: str) -> None:
    assert re.search(advice, advice_on_form(given, wanted))


@pytest.mark.parametrize(("given", "wanted"), [(0.7, 0.2), ("small", "large"), ([1, 2], [2, 3]), (0.0, 0.0)])
def test_nothing_is_said_about_a_form_that_is_fine(given: object, wanted: object) -> None:
    assert advice_on_form(given, wanted) == ""


def test_a_small_difference_of_a_coarse_exercise_is_not_called_per_cent() -> None:
    assert "per cent" in advice_on_form(4.26, 0.042, tolerance=0.02)
    assert "per cent" not in advice_on_form(4.26, 0.042)
