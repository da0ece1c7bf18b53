"""Covariates as columns of a model: lists, formulas, levels, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.stats.cox.terms import read_terms

TABLE = pd.DataFrame(
    {
        "duration_days": [1.0, 2, 3, 4],
        "age": [30.0, 40, 50, 60],
        "seats": [1, 2, 3, 9],
        "yearly": [True, False, True, False],
        "plan": ["pro", "basic", "top", "basic"],
        "my size": pd.Categorical(["small", "large", "small", "large"], categories=["small", "large", "huge"]),
    }
)


def test_a_list_takes_numbers_as_they_are_and_levels_apart() -> None:
    terms = read_terms(TABLE, ["age", "yearly", "plan", "my size"])
    assert terms.names == ("age", "yearly", "plan[T.pro]", "plan[T.top]", "my size[T.large]")
    assert terms.covariates == {"age": [0], "yearly": [1], "plan": [2, 3], "my size": [4]}
    assert terms.of(TABLE).tolist() == [[30, 1, 1, 0, 0], [40, 0, 0, 0, 1], [50, 1, 0, 1, 0], [60, 0, 0, 0, 1]]


def test_a_single_column_may_be_named_alone() -> None:
    assert read_terms(TABLE, "my size").names == ("my size[T.large]",)
    assert read_terms(TABLE, "age").of(TABLE).ravel().tolist() == [30, 40, 50, 60]
    assert read_terms(TABLE, ["age", "age"]).names == ("age",)


def test_a_formula() -> None:
    terms = read_terms(TABLE, "age + C(plan) + age:seats + np.log(seats)")
    found = dict(zip(terms.names, terms.of(TABLE).T.tolist(), strict=True))
    assert list(terms.covariates) == ["age", "C(plan)", "np.log(seats)", "age:seats"]
    assert found["age:seats"] == [30, 80, 150, 540]
    assert found["C(plan)[T.top]"] == [0, 0, 1, 0]
    assert found["np.log(seats)"] == pytest.approx(np.log([1, 2, 3, 9]))
    assert "Intercept" not in found


def test_a_list_and_a_formula_are_the_same_model() -> None:
    listed, written = read_terms(TABLE, ["age", "plan", "yearly"]), read_terms(TABLE, "age + plan + yearly")
    assert listed.names == written.names
    np.testing.assert_array_equal(listed.of(TABLE), written.of(TABLE))


@pytest.mark.parametrize("covariates", [["plan", "age"], "plan + age", "C(plan) + scale(age)"])
def test_a_later_table_is_read_as_the_first_was(covariates: str | list[str]) -> None:
    terms = read_terms(TABLE, covariates)
    np.testing.assert_allclose(terms.of(TABLE.iloc[[2]]), terms.of(TABLE)[[2]])
    with pytest.raises(ParameterError, match="free"):
        terms.of(TABLE.assign(plan="free"))


def test_missing_values_are_named_with_their_first_row() -> None:
    gaps = TABLE.assign(age=[30, None, None, 60], plan=[None, "a", "b", "a"]).set_axis(["r0", "r1", "r2", "r3"])
    with pytest.raises(ParameterError, match=r"missing in age \(2 rows, first row 'r1'\)"):
        read_terms(gaps, "scale(age)")
    for covariates in (["age", "plan"], "age + C(plan)"):
        with pytest.raises(ParameterError, match=r"missing in age \(2 rows, first row 'r1'\), plan \(1 rows, first row 'r0'\)"):
            read_terms(gaps, covariates)


def test_infinite_values_are_named() -> None:
    terms = read_terms(TABLE, ["age"])
    with pytest.raises(ParameterError, match=r"age must be finite numbers \(1 rows are not, first row 1: inf\)"):
        terms.of(TABLE.assign(age=[1, np.inf, 2, 3]))


@pytest.mark.parametrize(
    ("covariates", "message"),
    [
        ([], "at least one column"),
        (["duration_days"], "cannot be a covariate"),
        ("age + duration_days", "cannot be a covariate"),
        ("observed ~ age", "without '~' or '|'"),
        ("age | plan", "without '~' or '|'"),
        ("age - 1", "keep its intercept"),
        ("1", "keep its intercept"),
        ("age +", "cannot be read"),
        ("age + (", "cannot be read"),
    ],
)
def test_what_cannot_be_a_model_is_refused(covariates: str | list[str], message: str) -> None:
    with pytest.raises(ParameterError, match=message.replace("|", r"\|")):
        read_terms(TABLE.assign(observed=True), covariates)


def test_absent_columns_are_named_with_a_hint() -> None:
    for covariates in (["age", "seat"], "age + seat"):
        with pytest.raises(MissingColumnsError, match=r"no column 'seat'.*Did you mean 'seats'"):
            read_terms(TABLE, covariates)


def test_text_that_never_varies_and_numbers_that_became_text_are_refused() -> None:
    with pytest.raises(ParameterError, match="'plan' has one value only"):
        read_terms(TABLE.assign(plan="basic"), ["plan"])
    with pytest.raises(ParameterError, match="'age' must hold numbers"):
        read_terms(TABLE, ["age"]).of(TABLE.assign(age="forty"))


def test_instants_and_numbers_as_objects_are_refused() -> None:
    with pytest.raises(ParameterError, match="'age' must hold numbers or categories, not instants"):
        read_terms(TABLE.assign(age=pd.Timestamp("2025-01-01")), ["age"])
    with pytest.raises(ParameterError, match="'age' holds numbers as objects"):
        read_terms(TABLE.astype({"age": object}), ["age"])


@pytest.mark.parametrize("covariates", [["plan", "age", "yearly"], "plan + age + yearly"])
def test_nullable_types_are_read_as_plain_ones(covariates: str | list[str]) -> None:
    nullable = TABLE.astype({"plan": "string", "age": "Float64", "yearly": "boolean"})
    np.testing.assert_array_equal(read_terms(nullable, covariates).of(nullable), read_terms(TABLE, covariates).of(TABLE))
