from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.importance.ratings import read_ratings

ROWS = {"a": [1, 2, 3, 4, 5, 3], "b": [2, 2, 5, 1, 4, 3], "y": [1, 2, 4, 3, 5, 3], "account": ["p", "p", "q", "q", "r", "s"]}
USUAL = {"outcome": "y", "drivers": ["a", "b"], "cluster": None, "missing": "refuse"}


def table(**columns: list) -> pd.DataFrame:
    return pd.DataFrame({**ROWS, **columns})


@pytest.mark.parametrize(
    ("columns", "options", "error", "message"),
    [
        ({}, {"drivers": []}, ParameterError, "drivers must name at least one column"),
        ({}, {"drivers": ["a", "a"]}, ParameterError, "'a' is named twice"),
        ({}, {"drivers": ["a", "y"]}, ParameterError, "'y' is named twice"),
        ({}, {"drivers": ["a"], "cluster": "a"}, ParameterError, "'a' is named twice"),
        ({}, {"drivers": ["a", "c"]}, MissingColumnsError, "has no column 'c'"),
        ({}, {"missing": "drop"}, ParameterError, "missing must be one of 'refuse', 'complete', 'pairwise', 'not_applicable', not 'drop'"),
        ({"a": [1, "good", 3, 4, 5, 3]}, {}, ParameterError, "row 2 of 'a' holds 'good'. Convert ordered words"),
        ({"a": list("123453")}, {}, ParameterError, "row 1 of 'a' holds '1'"),
        ({"y": pd.date_range("2026-01-01", periods=6)}, {}, ParameterError, "row 1 of 'y' holds Timestamp"),
        ({"b": [2, 2, np.inf, 1, 4, 3]}, {}, ParameterError, "row 3 of 'b' holds inf"),
        ({"b": [2, 2, 2, 2, 2, 2]}, {}, NotEnoughDataError, "'b' is 2 in all of the 6 rows"),
        ({"y": [4] * 6}, {}, NotEnoughDataError, "'y' is 4 in all of the 6 rows"),
        ({"b": [1, 2, 3, 4, 5, 3]}, {}, ParameterError, "'b' is determined by 'a'. Leave one of them out"),
        ({"b": [5, 4, 3, 2, 1, 3]}, {}, ParameterError, "'b' is determined by 'a'"),
        ({"b": [2, None, 5, 1, None, 3], "y": [1, 2, None, 3, 5, 3]}, {}, ParameterError, "missing for 'b' in 2, 'y' in 1; 3 rows are complete"),
        ({"b": [None] * 6}, {"missing": "not_applicable"}, NotEnoughDataError, "'b' has no answer in all of the 6 rows"),
        (
            {"b": [2, None, None, None, 4, 3]},
            {"missing": "complete"},
            NotEnoughDataError,
            r"so many drivers \(2\) need at least 4 rows with answers; there are 3",
        ),
        ({"account": ["p", None, "q", "q", "r", "s"]}, {"cluster": "account"}, ParameterError, "row 2 has no 'account'"),
    ],
)
def test_what_cannot_be_read_is_refused(columns: dict, options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_ratings(table(**columns), **{**USUAL, **options})


def test_columns_of_one_name_are_refused() -> None:
    twice = pd.concat([table(), table()[["a"]]], axis=1)
    with pytest.raises(ParameterError, match="the table has several columns 'a'"):
        read_ratings(twice, **USUAL)


def test_a_combination_of_several_drivers_is_refused() -> None:
    drivers = table(c=[3, 4, 8, 5, 9, 6])  # a + b
    with pytest.raises(ParameterError, match="'c' is determined by 'a', 'b'"):
        read_ratings(drivers, **{**USUAL, "drivers": ["a", "b", "c"]})


@pytest.mark.parametrize(("missing", "rows"), [("complete", [0, 3, 5]), ("pairwise", [0, 1, 3, 5]), ("not_applicable", [0, 1, 3, 5])])
def test_which_rows_count(missing: str, rows: list[int]) -> None:
    holes = table(a=[1, 2, None, 4, None, 3], b=[2, None, 5, 1, None, 3], y=[1, 2, None, 3, 5, 3])  # row 3 without outcome, row 5 without any driver
    found = read_ratings(holes, **{**USUAL, "drivers": ["a"] if missing == "complete" else ["a", "b"], "missing": missing})
    assert found.y.tolist() == ([1, 2, 3, 3] if missing == "complete" else [ROWS["y"][row] for row in rows])
    assert found.answered[["a", "y"]].round(4).tolist() == [round(4 / 6, 4), round(5 / 6, 4)]
    assert found.given == 6


def test_clusters_are_numbered_and_any_kind_of_number_is_read() -> None:
    found = read_ratings(table(a=[Decimal(1), Decimal(2), 3, 4.0, 5, True]).convert_dtypes(), **{**USUAL, "cluster": "account"})
    assert found.owners.tolist() == [0, 0, 1, 1, 2, 3]
    assert found.clusters == 4
    assert found.x[:, 0].tolist() == [1, 2, 4, 3, 5, 1]  # within q the row with the lower outcome comes first


@pytest.mark.parametrize("cluster", [None, "account"])
def test_the_order_of_rows_is_that_of_their_content(cluster: str | None) -> None:
    first, second = (read_ratings(rows, **{**USUAL, "cluster": cluster}) for rows in (table(), table().iloc[[4, 2, 0, 5, 1, 3]]))
    assert (first.x == second.x).all()
    assert (first.owners == second.owners).all()
