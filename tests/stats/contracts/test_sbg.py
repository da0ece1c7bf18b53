"""The shifted-beta-geometric model against published figures, another optimiser, exact likelihoods and its own limits."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import ConvergenceError, NotEnoughDataError, ParameterError
from cs_analysis.stats.contracts.fit import ContractFit

GOLDEN = Path(__file__).parents[2] / "golden" / "contracts" / "optim.csv"
SERIES = {
    "regular": [[1000, 631, 468, 382, 326, 289, 262, 241]],
    "high_end": [[1000, 869, 743, 653, 593, 551, 517, 491]],
    "high_end_5": [[1000, 869, 743, 653, 593]],
    "cohorts": [[400, 310, 262, 230, 205, 188], [350, 275, 228, 201], [500, 401, 345], [120, 90]],
    "large": [[10_000_000, 8_000_000, 6_900_000, 6_150_000, 5_600_000, 5_170_000]],
}
MODELS = {"sbg": cs.fit_sbg, "bdw": cs.fit_bdw}


def cohorts(*series: list[int]) -> pd.DataFrame:
    """Return cohorts as a table."""
    return pd.concat([pd.DataFrame({"cohort": f"c{number}", "period": range(len(left)), "retained": left}) for number, left in enumerate(series)])


def fitted(*series: list[int], model: str = "sbg") -> ContractFit:
    """Return the fit to cohorts."""
    return MODELS[model](cohorts(*series), cohort="cohort")


def terms(fit: ContractFit) -> dict[str, float]:
    """Return the estimates by term."""
    return dict(zip(fit.coefficients["term"], fit.coefficients["estimate"], strict=True))


def test_the_published_fit_of_the_regular_customers() -> None:
    # Fader and Hardie (2007): alpha 0.704, beta 1.182, log-likelihood -1680.27; DEL at 10 % 3.69 by their formula
    fit = fitted(*SERIES["regular"])
    assert {name: round(value, 4) for name, value in terms(fit).items()} == {"alpha": 0.7041, "beta": 1.1820}
    assert round(fit.log_likelihood, 3) == -1680.265
    assert round(float(fit.discounted_lifetime(0.1)["estimate"].iloc[0]), 6) == 3.694908
    assert fit.converged


def test_the_published_fit_of_the_high_end_customers() -> None:
    # Fader and Hardie (2007): alpha 0.668, beta 3.806; another program's survival of years 8 to 12, and 7.530 periods left after 7 renewals
    fit = fitted(*SERIES["high_end"])
    assert {name: round(value, 3) for name, value in terms(fit).items()} == {"alpha": 0.668, "beta": 3.806}
    survival = fit.predict(5).query("metric == 'contract_survival'")["estimate"]
    assert survival.round(3).tolist() == [0.460, 0.436, 0.414, 0.395, 0.378]
    assert round(float(fit.discounted_residual_lifetime(0.1, 7)["estimate"].iloc[0]), 3) == 7.530


@pytest.mark.parametrize("model", list(MODELS))
@pytest.mark.parametrize("name", list(SERIES))
def test_another_optimiser_finds_the_same(name: str, model: str) -> None:
    expected = pd.read_csv(GOLDEN).query("series == @name and model == @model").reset_index(drop=True)
    fit = fitted(*SERIES[name], model=model)
    found = fit.coefficients
    assert found["term"].tolist() == expected["term"].tolist()
    np.testing.assert_allclose(found["estimate"], expected["estimate"], rtol=3e-6)
    reach = np.log(found["conf_high"] / found["conf_low"]) / 2 / 1.959963984540054
    np.testing.assert_allclose(reach, expected["log_error"], rtol=1e-4)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), expected["log_error"] * expected["estimate"], rtol=1e-4)
    assert fit.log_likelihood == pytest.approx(expected["log_likelihood"][0], rel=1e-9)
    assert fit.log_likelihood >= expected["log_likelihood"][0] * (1 + 1e-11)
    assert float(fit.discounted_lifetime(0.1)["estimate"].iloc[0]) == pytest.approx(expected["del"][0], rel=1e-6)
    assert float(fit.expected_lifetime(horizon=20)["estimate"].iloc[0]) == pytest.approx(expected["lifetime_20"][0], rel=1e-6)
    assert fit.diagnostics.set_index("check").loc["gradient", "value"] < 1e-8


def test_two_renewals_and_two_terms_fit_exactly() -> None:
    # 50 of 100 leave, then 10 of 50: alpha / (alpha + beta) = 1/2 and alpha / (alpha + beta + 1) = 1/5, so alpha = 1/3, beta = 1/3
    # log-likelihood: 50 log(1/2) + 10 log(1/2 x 1/5) + 40 log(1/2 x 4/5)
    fit = fitted([100, 50, 40])
    assert terms(fit) == pytest.approx({"alpha": 1 / 3, "beta": 1 / 3}, rel=1e-9)
    by_hand = Fraction(1, 2) ** 50 * Fraction(1, 10) ** 10 * Fraction(2, 5) ** 40
    assert fit.log_likelihood == pytest.approx(math.log(by_hand.numerator) - math.log(by_hand.denominator), rel=1e-12)


def test_a_cohort_is_worth_as_much_cut_in_two() -> None:
    whole, parts = fitted([300, 200, 150, 120]), fitted([200, 140, 100, 90], [100, 60, 50, 30])
    assert terms(parts) == pytest.approx(terms(whole), rel=1e-9)
    assert parts.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-12)


def test_ten_times_as_many_customers_halve_nothing_but_the_limits() -> None:
    small, large = fitted([300, 200, 150, 120]), fitted([30_000, 20_000, 15_000, 12_000])
    assert terms(large) == pytest.approx(terms(small), rel=1e-9)
    widths = [np.log(fit.coefficients["conf_high"] / fit.coefficients["conf_low"]) for fit in (small, large)]
    np.testing.assert_allclose(widths[0], widths[1] * 10, rtol=1e-8)


def test_a_covariate_that_is_the_cohort_gives_each_its_own_terms() -> None:
    both = cs.fit_sbg(cohorts(*SERIES["regular"], *SERIES["high_end"]), cohort="cohort", covariates="cohort")
    one, other = (fitted(*SERIES[name]) for name in ("regular", "high_end"))
    found = terms(both)
    assert found["alpha"] == pytest.approx(terms(one)["alpha"], rel=1e-8)
    assert found["beta"] * found["beta x cohort=c1"] == pytest.approx(terms(other)["beta"], rel=1e-8)
    assert both.log_likelihood == pytest.approx(one.log_likelihood + other.log_likelihood, rel=1e-12)
    checks = both.diagnostics.set_index("check")["value"]
    pooled = cs.fit_sbg(cohorts(*SERIES["regular"], *SERIES["high_end"]), cohort="cohort")
    gain = both.log_likelihood - pooled.log_likelihood
    # chi-squared with two degrees of freedom: P(X > x) = exp(-x / 2), so twice the gain has the p-value exp(-gain)
    assert checks["p-value of the covariates (likelihood ratio)"] == pytest.approx(np.exp(-gain), rel=1e-6)
    assert both.predict(1).query("metric == 'contract_survival'")["cohort"].tolist() == ["c0", "c1"]


def test_a_number_as_covariate_has_an_effect_a_unit() -> None:
    rows = cohorts(*SERIES["regular"], *SERIES["high_end"])
    numbers = rows.assign(seats=rows["cohort"].map({"c0": 10_000, "c1": 30_000}))
    fit = cs.fit_sbg(numbers, cohort="cohort", covariates="seats")
    one, other = (terms(fitted(*SERIES[name]))["beta"] for name in ("regular", "high_end"))
    assert terms(fit)["beta x seats"] == pytest.approx((other / one) ** (1 / 20_000), rel=1e-10)
    assert terms(fit)["beta"] == pytest.approx(np.sqrt(one * other), rel=1e-8)


@pytest.mark.parametrize("model", list(MODELS))
def test_customers_who_do_not_differ_are_a_boundary(model: str) -> None:
    # 1 in 5 leaves each time: 1000, 800, 640, 512, ...; the forecast is that of the constant rate
    fit = fitted([3125, 2500, 2000, 1600, 1280], model=model)
    assert not fit.converged
    assert "boundary" in fit.diagnostics["finding"].tolist()
    rate = fit.predict(1).query("metric == 'contract_renewal_rate'")
    assert rate["estimate"].iloc[0] == pytest.approx(0.8, rel=1e-3)
    assert rate[["conf_low", "conf_high"]].notna().all().all()


@pytest.mark.parametrize("model", list(MODELS))
def test_leaving_at_once_or_never_is_no_success(model: str) -> None:
    with_boundary = fitted([1000, 700, 700, 700, 700], model=model)
    assert not with_boundary.converged
    assert {"boundary", "not identified"} & set(with_boundary.diagnostics["finding"])


@pytest.mark.parametrize("model", list(MODELS))
def test_no_churn_and_nothing_but_churn_have_no_maximum(model: str) -> None:
    with pytest.raises(ConvergenceError, match="nobody of 50 customers left"):
        fitted([50, 50, 50, 50, 50], model=model)
    with pytest.raises(ConvergenceError, match="left at the first renewal"):
        fitted([50, 0], model=model)


def test_too_few_renewals_are_refused() -> None:
    with pytest.raises(NotEnoughDataError, match="2 terms"):
        fitted([50, 40])
    with pytest.raises(NotEnoughDataError, match="3 terms"):
        fitted([50, 40, 35], model="bdw")


def test_two_customers_and_a_long_tail_are_fitted_or_flagged() -> None:
    assert not fitted([2, 1, 1, 1]).converged
    tail = [round(10_000 * (1 + t) ** -0.3) for t in range(200)]
    fit = fitted(tail)
    assert fit.converged
    assert np.isinf(fit.expected_lifetime()["estimate"].iloc[0])


def test_the_expected_lifetime_is_infinite_unless_alpha_exceeds_1() -> None:
    # alpha 3, beta 4: 1000 x (4/7, x 5/8, x 6/9 ...) ; (3 + 4 - 1) / (3 - 1) = 3 periods
    left = [10_000_000.0]
    for t in range(1, 9):
        left.append(left[-1] * (4 + t - 1) / (7 + t - 1))
    fit = fitted([round(value) for value in left])
    row = fit.expected_lifetime().iloc[0]
    assert row["estimate"] == pytest.approx(3, rel=1e-3)
    assert row["conf_low"] < 3 < row["conf_high"] < np.inf
    regular = fitted(*SERIES["regular"]).expected_lifetime().iloc[0]
    assert np.isinf(regular["estimate"])
    assert np.isinf(regular["conf_high"])
    assert np.isnan(regular["conf_low"])


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (lambda fit: fit.predict(0), "periods"),
        (lambda fit: fit.predict([1.5]), "periods"),
        (lambda fit: fit.predict("3"), "periods"),
        (lambda fit: fit.expected_lifetime(horizon=0), "horizon"),
        (lambda fit: fit.discounted_lifetime(0), "discount_rate"),
        (lambda fit: fit.discounted_lifetime(-0.1), "discount_rate"),
        (lambda fit: fit.discounted_residual_lifetime(0.1, -1), "renewals"),
        (lambda fit: fit.backtest(hidden=0), "hidden"),
        (lambda fit: fit.predict(1, conf_level=95), "conf_level"),
    ],
)
def test_what_cannot_be_asked_is_refused(ask: object, text: str) -> None:
    with pytest.raises(ParameterError, match=text):
        ask(fitted(*SERIES["regular"]))  # type: ignore[operator]
