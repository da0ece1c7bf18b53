"""What a design cannot tell is refused, with the name of the covariate and the reason."""

from __future__ import annotations

import numpy as np
import pytest

from cox_designs import design, random_design
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.cox.identification import check_design, combination, label

ENDS = [1, 1, 0, 1, 1, 0, 1, 1]
DAYS = [3, 1, 4, 1, 5, 9, 2, 6]
AGE = np.array([50.0, 61, 47, 39, 55, 62, 44, 58])
SEATS = np.array([3.0, 1, 4, 1, 5, 9, 2, 6])


def test_a_design_without_fault_passes() -> None:
    assert check_design(design(np.column_stack([AGE, SEATS, AGE**2]), DAYS, ENDS)) is None
    for seed in range(20):
        assert check_design(random_design(seed, rows=40)) is None


def test_a_constant_column_is_named() -> None:
    with pytest.raises(ParameterError, match=r"'plan = free' has the same value \(1\) in every row.*Leave it out"):
        check_design(design(np.column_stack([AGE, np.ones(8)]), DAYS, ENDS, terms=("age", "plan[free]")))
    with pytest.raises(ParameterError, match=r"So have 'b', 'c'"):
        check_design(design(np.column_stack([AGE, 0 * AGE, 0 * AGE, 0 * AGE + 1e7]), DAYS, ENDS, terms=("age", "a", "b", "c")))


def test_a_column_that_is_constant_within_every_stratum_is_named() -> None:
    stratum = [0, 0, 0, 0, 1, 1, 1, 1]
    with pytest.raises(ParameterError, match=r"'region' has the same value among all .* \(within each stratum\)"):
        check_design(design(np.column_stack([AGE, np.array(stratum) * 2]), DAYS, ENDS, stratum=stratum, terms=("age", "region")))


def test_a_column_that_varies_only_after_the_last_end_is_named() -> None:
    late = [0, 0, 0, 0, 0, 0, 0, 1]
    enter = [0, 0, 0, 0, 0, 0, 0, 6]
    with pytest.raises(ParameterError, match="'late' has the same value among all who are at risk when somebody ends"):
        check_design(design(np.column_stack([AGE, late]), [3, 1, 4, 1, 5, 9, 2, 12], [1, 1, 0, 1, 1, 0, 1, 0], enter=enter, terms=("age", "late")))


def test_a_linear_combination_is_spelt_out() -> None:
    mixed = 7 + 2 * AGE - 0.5 * SEATS
    columns = np.column_stack([AGE, SEATS, np.sin(AGE), mixed])
    with pytest.raises(ParameterError, match=r"'mixed' follows from others.* it is 2 age - 0\.5 seats\. Leave one of them out"):
        check_design(design(columns, DAYS, ENDS, terms=("age", "seats", "sine", "mixed")))


def test_levels_that_sum_to_one_are_spelt_out() -> None:
    level = np.eye(3)[np.arange(8) % 3]
    with pytest.raises(ParameterError, match=r"'plan = c' follows from others.* it is -\(plan = a\) - \(plan = b\)\."):
        check_design(design(level, DAYS, ENDS, terms=("plan[a]", "plan[b]", "plan[c]")))


def test_scales_do_not_matter() -> None:
    columns = np.column_stack([AGE * 1e9, SEATS * 1e-9, np.sin(AGE) * 1e-3 + 5e4])
    assert check_design(design(columns, DAYS, ENDS)) is None
    with pytest.raises(ParameterError, match="'x4' follows from others"):
        check_design(design(np.column_stack([columns, columns[:, 0] + 1e18 * columns[:, 1]]), DAYS, ENDS))


def test_what_is_the_same_for_all_at_risk_at_one_time_is_named() -> None:
    """Rows of one day each: the calendar day does not differ among those at risk on it, though it differs among rows."""
    enter = np.repeat([0, 1, 2, 3], 5)
    rng = np.random.default_rng(3)
    x = np.column_stack([rng.normal(size=20), enter, rng.normal(size=20)])
    ended = np.arange(20) % 5 == 0
    with pytest.raises(ParameterError, match=r"no hazard ratio of day can be told: at every time .* the same value for all at risk"):
        check_design(design(x, enter + 1, ended, enter=enter, terms=("age", "day", "seats")))
    x[:, 2] = x[:, 1] - 2 * x[:, 0]
    with pytest.raises(ParameterError, match="'seats' follows from others"):
        check_design(design(x, enter + 1, ended, enter=enter, terms=("age", "day", "seats")))


def test_too_few_ends() -> None:
    columns = np.column_stack([AGE, SEATS, AGE**2])
    with pytest.raises(NotEnoughDataError, match="3 coefficients cannot be told from 2 ends"):
        check_design(design(columns, DAYS, [1, 1, 0, 0, 0, 0, 0, 0]))
    with pytest.raises(NotEnoughDataError, match="nobody ended"):
        check_design(design(columns, DAYS, np.zeros(8)))


def test_combinations_in_words() -> None:
    assert combination(("a", "b", "c"), np.array([1.0, -1.0, 1e-12])) == "a - b"
    assert combination(("plan[T.free]", "b"), np.array([-0.25, 3.0])) == "-0.25 (plan = free) + 3 b"
    assert [label(term) for term in ("age", "plan[T.free]", "C(plan)[T.a b]", "plan[x]")] == ["age", "plan = free", "plan = a b", "plan = x"]
