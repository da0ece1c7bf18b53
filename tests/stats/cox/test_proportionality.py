"""Proportional hazards: equal to R's exact test, and to a score test of the likelihood written out in plain Python."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import special

from cox_designs import DAY, design, golden_design, random_design
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.cox.design import CoxData
from cs_analysis.stats.cox.proportionality import proportionality_test, schoenfeld

CASES = ("lung", "lung_strata_weights", "veteran", "veteran_months", "heart", "heart_strata", "rossi", "pbc_age", "drawn")


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("case", CASES)
def test_equal_to_r(golden: Callable[[str], pd.DataFrame], case: str, ties: str) -> None:
    wanted = golden("cox/diagnostics_zph.csv").query("case == @case and ties == @ties")
    data, beta = golden_design(case, ties)
    for transform, rows in wanted.groupby("transform"):
        found = proportionality_test(data, beta, transform=transform)
        assert found["term"].tolist() == rows["term"].tolist()
        for column in ("statistic", "df", "p_value"):
            np.testing.assert_allclose(found[column], rows[column], rtol=1e-9, err_msg=f"{column} {transform}")


def test_terms_of_a_factor_are_tested_together(golden: Callable[[str], pd.DataFrame]) -> None:
    data, beta = golden_design("veteran")
    found = proportionality_test(data, beta, groups={"celltype": ["x2", "x3", "x4"]})
    wanted = golden("cox/diagnostics_factor.csv")
    assert found["term"].tolist() == ["x1", "celltype", "x5", "GLOBAL"]
    np.testing.assert_allclose(found[["statistic", "df", "p_value"]], wanted[["statistic", "df", "p_value"]], rtol=1e-9)


@pytest.mark.parametrize("case", ["lung_strata_weights", "veteran_months", "heart", "heart_strata", "drawn"])
def test_residuals_equal_to_r(golden: Callable[[str], pd.DataFrame], case: str) -> None:
    for ties, rows in golden("cox/diagnostics_residuals.csv").query("case == @case").groupby("ties"):
        found = schoenfeld(*golden_design(case, ties))
        for term, wanted in rows.groupby("term"):
            own = found[found["term"] == term].sort_values(["time_days", "residual"])
            np.testing.assert_allclose(own[["time_days", "residual"]], wanted.sort_values(["time_days", "residual"])[["time_days", "residual"]], rtol=1e-9)


def at_risk(data: CoxData, row: int) -> np.ndarray:
    """Return the rows at risk when a row ends."""
    time, from_start = data.leave[row], data.enter == 0
    return ((data.enter < time) | from_start) & (data.leave >= time) & (data.stratum == data.stratum[row])


def log_likelihood(data: CoxData, beta: np.ndarray, trend: np.ndarray) -> float:
    """Return the partial log-likelihood with coefficients beta of x and of x times the row's trend at each end, term by term."""
    plain, moving, total = *np.split(beta, 2), 0.0
    for row in np.flatnonzero(data.observed):
        tied = [other for other in np.flatnonzero(data.observed) if data.leave[other] == data.leave[row] and data.stratum[other] == data.stratum[row]]
        risk = data.x @ (plain + trend[row] * moving)
        hazard = data.weights * np.exp(risk)
        everybody, ending = hazard[at_risk(data, row)].sum(), hazard[tied].sum()
        share = tied.index(row) / len(tied) if data.ties == "efron" else 0.0
        total += data.weights[row] * risk[row] - data.weights[tied].mean() * np.log(everybody - share * ending)
    return total


def derivatives(function: Callable[[np.ndarray], float], point: np.ndarray, step: float = 1e-3) -> tuple[np.ndarray, np.ndarray]:
    """Return gradient and Hessian by central differences of fourth order."""
    size, unit = len(point), np.eye(len(point)) * step
    weights = {-2: 1 / 12, -1: -2 / 3, 1: 2 / 3, 2: -1 / 12}
    gradient = np.array([sum(factor * function(point + by * unit[i]) for by, factor in weights.items()) for i in range(size)]) / step
    hessian = np.array(
        [
            [sum(f * g * function(point + a * unit[i] + b * unit[j]) for a, f in weights.items() for b, g in weights.items()) for j in range(size)]
            for i in range(size)
        ]
    )
    return gradient, hessian / step**2


def fitted(data: CoxData) -> np.ndarray:
    """Return the maximum of the written-out likelihood, by Newton steps."""
    beta = np.zeros(data.x.shape[1])
    for _ in range(12):
        gradient, hessian = derivatives(lambda point: log_likelihood(data, np.concatenate([point, 0 * point]), np.zeros(len(data.leave))), beta)
        beta = beta - np.linalg.solve(hessian, gradient)
    return beta


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_equal_to_the_score_test_of_the_likelihood_written_out(seed: int) -> None:
    options = [{}, {"late": False}, {"strata": 1, "ties": "breslow"}, {"weighted": False}][seed]
    data = random_design(seed, rows=16, **options)
    data = data._replace(x=data.x[:, :2], terms=data.terms[:2])
    beta = fitted(data)
    trend = data.leave / DAY
    gradient, hessian = derivatives(lambda point: log_likelihood(data, point, trend), np.concatenate([beta, 0 * beta]))
    score, information = gradient[2:], -hessian
    variance = information[2:, 2:] - information[2:, :2] @ np.linalg.solve(information[:2, :2], information[:2, 2:])
    wanted = [score[0] ** 2 / variance[0, 0], score[1] ** 2 / variance[1, 1], score @ np.linalg.solve(variance, score)]
    found = proportionality_test(data, beta, transform="identity")
    np.testing.assert_allclose(found["statistic"], wanted, rtol=1e-5)
    np.testing.assert_allclose(found["p_value"], special.chdtrc([1, 1, 2], wanted), rtol=1e-5)


def test_by_hand() -> None:
    """At beta = 0 and x = 1, 0, 1, 0: at day 1 an x = 1 ends of {1, 0, 1, 0}, at day 2 an x = 0 of {0, 1, 0}.

    Residuals 1 - 1/2 = 1/2 and 0 - 1/3 = -1/3, variances 1/4 and 2/9. Scaled by ends / information = 2 / (17/36) = 72/17.
    """
    data = design([1, 0, 1, 0], [1, 2, 3, 4], [1, 1, 0, 0])
    found = schoenfeld(data, np.zeros(1))
    assert found["time_days"].tolist() == [1.0, 2.0]
    np.testing.assert_allclose(found["residual"], [36 / 17, -24 / 17])
    # g = -1, 1: U = -1/2 - 1/3 = -5/6; V = 17/36 - (2/9 - 1/4)^2 / (17/36) = 17/36 - 1/612 = 8/17; U^2 / V = 25/36 x 17/8 = 425/288
    test = proportionality_test(data, np.zeros(1), transform="identity")
    np.testing.assert_allclose(test["statistic"], [425 / 288, 425 / 288])
    assert test["df"].tolist() == [1, 1]


def test_the_order_of_the_rows_does_not_matter() -> None:
    data = random_design(5, rows=40)
    turned = np.random.default_rng(1).permutation(40)
    other = data._replace(**{name: getattr(data, name)[turned] for name in ("x", "enter", "leave", "observed", "weights", "stratum", "cluster")})
    beta = np.array([0.1, -0.2, 0.3])
    pd.testing.assert_frame_equal(proportionality_test(data, beta), proportionality_test(other, beta))


def test_a_covariate_that_varies_at_one_time_only_has_no_test() -> None:
    data = design([[1, 3], [0, 1], [0, 2], [0, 5], [0, 4]], [1, 2, 3, 4, 5], [1, 1, 1, 1, 0])
    found = proportionality_test(data, np.zeros(2)).set_index("term")
    assert found.loc["x1", "df"] == 0
    assert found.loc["x1", ["statistic", "p_value"]].isna().all()
    assert found.loc["GLOBAL", "df"] == found.loc["x2", "df"] == 1


def test_arguments_are_checked() -> None:
    data = design([1, 0, 1], [0, 2, 3], [1, 1, 0])
    with pytest.raises(ParameterError, match=r"transform must be one of km, identity, log, rank.* not 'sqrt'"):
        proportionality_test(data, np.zeros(1), transform="sqrt")
    with pytest.raises(ParameterError, match="needs ends after time 0"):
        proportionality_test(data, np.zeros(1), transform="log")
    with pytest.raises(ParameterError, match="'x9' is not one or stands twice"):
        proportionality_test(data, np.zeros(1), groups={"plan": ["x1", "x9"]})
    with pytest.raises(NotEnoughDataError, match="all ends come at one time"):
        proportionality_test(data._replace(observed=np.array([False, True, False])), np.zeros(1))


@pytest.mark.slow
def test_a_hazard_ratio_that_changes_is_found_and_one_that_does_not_is_not() -> None:
    """Truth: the hazard of x = 1 is twice that of x = 0 before day 1 and half of it after; p-values of a proportional one are uniform."""
    rng = np.random.default_rng(7)
    found = []
    for _ in range(200):
        x = rng.integers(0, 2, 500)
        early = rng.exponential(size=500) / np.where(x == 1, 2, 1)
        late = 1 + rng.exponential(size=500) / np.where(x == 1, 0.5, 1)
        changing, steady = np.where(early < 1, early, late), rng.exponential(size=500) / np.exp(0.5 * x)
        found.append([proportionality_test(design(x, time, np.ones(500)), np.array([beta]))["p_value"][0] for time, beta in ((changing, 0.05), (steady, 0.5))])
    changing, steady = np.array(found).T
    assert np.mean(changing < 0.05) > 0.95
    assert 0.02 <= np.mean(steady < 0.05) <= 0.085  # beta is the truth, not the fit: 5 % but for simulation error of 1.5 points


def test_units_of_the_covariates_do_not_matter() -> None:
    data, beta = golden_design("lung")
    unit = np.array([1e9, 1e-9, 1e3])
    scaled = data._replace(x=data.x * unit + np.array([0.0, 1e-6, 1e7]))
    wanted, found = proportionality_test(data, beta), proportionality_test(scaled, beta / unit)
    np.testing.assert_allclose(found["statistic"], wanted["statistic"], rtol=1e-7)
    residuals = schoenfeld(scaled, beta / unit)["residual"].to_numpy().reshape(-1, 3) * unit
    np.testing.assert_allclose(residuals, schoenfeld(data, beta)["residual"].to_numpy().reshape(-1, 3), rtol=1e-6)
