"""Likelihoods that rise for ever: found exactly when a linear programme over all pairs finds them, and told by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from cox_designs import DAY, design, golden_design, random_design
from cs_analysis import fit_cox
from cs_analysis.errors import ConvergenceError, NotEnoughDataError, ParameterError
from cs_analysis.stats.cox.design import CoxData
from cs_analysis.stats.cox.identification import check_design
from cs_analysis.stats.cox.separation import check_separation


def differences(data: CoxData) -> np.ndarray:
    """Return the covariates of who ends less those of everybody at risk then, pair by pair."""
    rows = []
    for row in np.flatnonzero(data.observed):
        for other in range(len(data.leave)):
            there = data.enter[other] < data.leave[row] or data.enter[other] == 0
            if there and data.leave[other] >= data.leave[row] and data.stratum[other] == data.stratum[row]:
                rows.append(data.x[row] - data.x[other])
    return np.array(rows)


def separated(data: CoxData) -> bool:
    """Return whether some direction is at least as high for who ends in all pairs and higher in one: a linear programme over all pairs."""
    pairs = differences(data)
    solved = optimize.linprog(-pairs.sum(axis=0), A_ub=-pairs, b_ub=np.zeros(len(pairs)), bounds=(-1, 1))
    return bool(-solved.fun > 1e-6)


def found(data: CoxData) -> bool:
    try:
        check_separation(data, np.zeros(data.x.shape[1]))
    except ConvergenceError:
        return True
    return False


@pytest.mark.slow
def test_found_exactly_when_all_pairs_say_so() -> None:
    both = []
    for seed in range(100):
        data = random_design(seed, rows=5 + seed % 14, late=bool(seed % 2), strata=1 + seed % 2)
        if data.observed.any():
            both.append((found(data), separated(data)))
    assert [one for one, _ in both] == [other for _, other in both]
    assert 20 < sum(one for one, _ in both) < 80  # the sample has plenty of both kinds


@pytest.mark.parametrize("case", ["lung", "veteran_months", "heart_strata", "rossi", "pbc_age"])
def test_public_data_have_a_maximum(case: str) -> None:
    data, beta = golden_design(case)
    assert check_separation(data, beta) is None


def months(**columns: list[float]) -> CoxData:
    """Return ten units that end or not after 1 to 5 months."""
    x = np.column_stack(list(columns.values()))
    return design(
        x, [1, 2, 3, 4, 5, 1, 2, 3, 4, 5], [1, 1, 0, 1, 1, 0, 1, 0, 1, 0], terms=tuple(name.replace("__", "[").replace("_e", "]") for name in columns)
    )


AGE = [40.0, 60, 50, 30, 20, 45, 35, 65, 58, 33]
FREE = [0.0, 0, 1, 0, 0, 1, 0, 0, 0, 1]


def test_a_level_in_which_nobody_ended() -> None:
    data = months(age=AGE, plan__free_e=FREE)
    with pytest.raises(ConvergenceError, match=r"nobody with plan = free ended: the hazard ratio of 'plan = free' .* pool it with other levels"):
        check_separation(data, np.array([0.1, -20.0]))


def test_a_level_outside_which_nobody_ended() -> None:
    with pytest.raises(ConvergenceError, match="nobody without paying ended"):
        check_separation(months(age=AGE, paying=[1 - free for free in FREE]), np.zeros(2))


def test_two_levels_whose_reference_never_ends() -> None:
    basic = [1.0, 0, 0, 1, 0, 0, 0, 1, 0, 0]
    full = [1 - free - one for free, one in zip(FREE, basic, strict=True)]
    with pytest.raises(ConvergenceError, match=r"nobody without plan = basic or plan = full ended: the hazard ratio of 'plan = basic', 'plan = full'"):
        check_separation(months(age=AGE, plan__basic_e=basic, plan__full_e=full), np.zeros(3))


def test_a_number_that_orders_all_ends() -> None:
    use = [9.0, 8, 1, 3, 3, 2, 8, 0, 3, 3]
    with pytest.raises(ConvergenceError, match=r"at every end the one who ended had the highest value of use among .* not known only through the end"):
        check_separation(months(age=AGE, use=use), np.zeros(2))
    with pytest.raises(ConvergenceError, match="had the lowest value of rest among those at risk"):
        check_separation(months(age=AGE, rest=[-each for each in use]), np.zeros(2))


def test_a_combination_that_orders_all_ends() -> None:
    use = np.array([9.0, 8, 1, 3, 3, 2, 8, 0, 3, 3])
    other = use - 0.3 * np.array(AGE)
    with pytest.raises(ConvergenceError, match=r"had the highest value of 0\.3 age \+ other among"):
        check_separation(months(age=AGE, other=list(other)), np.zeros(2))


def test_curvature_that_is_left_spares_the_search() -> None:
    """Information at the coefficients nearly that at 0 says that there is a maximum; information gone says that one must look."""
    data, unit = months(age=AGE, plan__free_e=FREE), np.diag([100.0, 1.0])
    assert check_separation(data, np.zeros(2), at_zero=unit, at_beta=unit / 2) is None
    with pytest.raises(ConvergenceError, match="nobody with plan = free ended"):
        check_separation(data, np.array([0.0, -20.0]), at_zero=unit, at_beta=unit * np.array([[0.9, 1], [1, 1e-8]]))


def test_a_fit_says_who_never_ended() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"duration_days": rng.exponential(size=200) * 100, "plan": rng.choice(["basic", "free", "pro"], 200), "age": rng.normal(size=200)})
    table["observed"] = table["plan"] != "free"
    with pytest.raises(ConvergenceError, match="because nobody with plan = free ended"):
        fit_cox(table, ["plan", "age"])
    with pytest.raises(ConvergenceError, match="highest value of soon among"):
        fit_cox(table.assign(soon=-table["duration_days"], observed=True), ["soon", "age"])
    with pytest.raises(ParameterError, match="it is 2 age"):
        fit_cox(table.assign(twice=2 * table["age"]), ["age", "twice"])


@pytest.mark.slow
@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_a_fit_refuses_exactly_what_has_no_maximum(ties: str) -> None:
    """The fit looks for a direction only where the curvature is gone; all pairs say whether it should have found one."""
    both = []
    for seed in range(60):
        data = random_design(1000 + seed, rows=9 + seed % 8, late=bool(seed % 2), strata=1 + seed % 2, ties=ties)
        rare = np.random.default_rng(seed).random(len(data.leave)) < 0.2
        data = data._replace(x=np.column_stack([data.x[:, 0], rare]), terms=data.terms[:2])
        try:
            check_design(data)
        except (NotEnoughDataError, ParameterError):
            continue
        times = {"enter_days": data.enter / DAY, "duration_days": data.leave / DAY, "observed": data.observed, "layer": data.stratum}
        table = pd.DataFrame({**times, "weight": data.weights, **dict(zip(data.terms, data.x.T, strict=True))})
        try:
            fit_cox(table, list(data.terms), strata="layer", weights="weight", ties=ties)
            refused = False
        except ConvergenceError as error:
            refused = "because" in str(error)
        both.append((refused, separated(data)))
    assert [one for one, _ in both] == [other for _, other in both]
    assert 10 < sum(one for one, _ in both) < len(both) - 10
