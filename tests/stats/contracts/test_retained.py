"""What the tables of retained customers must be, and all that is wrong said at once."""

from __future__ import annotations

import pandas as pd
import pytest

from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.contracts.retained import read_retained


def table(*counts: float) -> pd.DataFrame:
    """Return one cohort."""
    return pd.DataFrame({"period": range(len(counts)), "retained": counts})


def test_a_renewal_keeps_and_loses() -> None:
    steps = read_retained(table(10, 7, 7, 2)).steps
    assert steps["kept"].tolist() == [7, 7, 2]
    assert steps["lost"].tolist() == [3, 0, 5]


def test_the_order_of_rows_does_not_matter_and_nobody_is_asked_after_all_are_gone() -> None:
    data = read_retained(table(5, 2, 0, 0).sample(frac=1, random_state=3))
    assert data.steps[["renewal", "kept", "lost"]].to_numpy().tolist() == [[1, 2, 3], [2, 0, 2]]
    assert data.last == 3


def test_cohorts_may_end_at_different_renewals_and_come_back_as_a_table() -> None:
    rows = pd.concat([table(10, 7, 5).assign(cohort="a"), table(8, 6).assign(cohort="b")], ignore_index=True)
    data = read_retained(rows, cohort="cohort")
    assert data.customers == 18
    assert data.cohorts[["_last", "_left"]].to_numpy().tolist() == [[2, 5], [1, 6]]
    back = data.table(until=data.cohorts["_last"].to_numpy("float64") - 1).sort_values(["cohort", "period"])
    assert back.to_numpy().tolist() == [["a", 0, 10], ["a", 1, 7], ["b", 0, 8]]


def test_a_column_of_any_name_may_tell_cohorts_apart() -> None:
    rows = table(10, 7, 5).assign(kept="x", renewal=1)
    data = read_retained(rows, cohort=["kept", "renewal"])
    assert data.table(until=data.cohorts["_last"].to_numpy("float64"))["retained"].tolist() == [10, 7, 5]


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (table(10, 11), "may not rise"),
        (table(10, 7.5), "count heads"),
        (table(10, -1), "whole numbers from 0"),
        (table(10, float("nan")), "whole numbers from 0"),
        (table(10, 7, 5).iloc[[0, 2]], "may not leave a period out"),
        (table(10, 7, 5).iloc[1:], "must begin with period 0"),
        (table(0, 0), "must have customers in period 0"),
        (pd.concat([table(10, 7), table(9, 6)], ignore_index=True), "may have one row a period"),
        (table(10, 7).astype({"retained": "str"}), "must hold whole numbers"),
    ],
)
def test_impossible_counts_are_refused(rows: pd.DataFrame, text: str) -> None:
    with pytest.raises(ParameterError, match=text):
        read_retained(rows)


def test_all_that_is_wrong_is_said_at_once() -> None:
    rows = pd.concat([table(10, 11).assign(cohort="a"), table(8, 6, 4).iloc[[0, 2]].assign(cohort="b")], ignore_index=True)
    with pytest.raises(ParameterError) as caught:
        read_retained(rows, cohort="cohort")
    assert "may not rise" in str(caught.value)
    assert "may not leave a period out" in str(caught.value)
    assert "first row 2: cohort a, period 1, retained 11" in str(caught.value)


def test_covariates_describe_a_cohort_as_a_whole() -> None:
    with pytest.raises(ParameterError, match="must be the same in all rows of a cohort"):
        read_retained(table(10, 7).assign(plan=["a", "b"]), covariates="plan")
    with pytest.raises(ParameterError, match="may not be missing"):
        read_retained(table(10, 7).assign(plan=[None, None]), covariates="plan")


def test_columns_and_rows_must_be_there() -> None:
    with pytest.raises(MissingColumnsError, match="retained"):
        read_retained(table(1, 1).rename(columns={"retained": "left"}))
    with pytest.raises(NotEnoughDataError, match="no rows"):
        read_retained(table())
