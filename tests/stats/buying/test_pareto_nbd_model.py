"""Formulas of the Pareto/NBD model: 50 digits, the mixture they come from, another package, and differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

from cs_analysis.stats.buying.histories import NEW_CUSTOMER, Past, read_histories
from cs_analysis.stats.buying.pareto_nbd_integral import lived_discounted, log_integral, log_integral_with_slopes
from cs_analysis.stats.buying.pareto_nbd_model import ParetoNBD
from cs_analysis.stats.newton import maximise

Golden = Callable[[str], pd.DataFrame]
MODEL = ParetoNBD()
TERMS = ["r", "alpha", "s", "beta"]
PUBLISHED = np.array([0.553, 10.578, 0.606, 11.669])  # weeks
POINTS = {"usual": [0.55, 74.0, 0.61, 82.0], "alpha = beta": [1.2, 30.0, 0.8, 30.0], "beta small": [2.0, 60.0, 0.4, 0.3], "large": [50.0, 9000.0, 20.0, 2e4]}
ROWS = [(0, 0, 272), (0, 0, 1), (1, 1, 200), (3, 120, 200), (7, 200, 200), (254, 271, 272), (254, 260, 272), (40, 60, 700)]


def past(*rows: tuple[float, ...]) -> Past:
    return Past(*np.array(rows, dtype="float64").T)


def table(*rows: tuple[float, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["frequency", "recency_days", "age_days"], dtype="float64")


def mixture(row: tuple[float, ...], terms: np.ndarray, weigh: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None) -> float:
    """Return the probability of a history over all rates of buying and leaving; with `weigh`, only of being there, times that weight.

    The trapezoidal rule in the logarithms of both rates; no formula of the model is used.
    """
    x, recency, age = row
    r, alpha, s, beta = terms
    logs = np.arange(-25, 2.5, 0.02)
    buy, leave = np.meshgrid(np.exp(logs), np.exp(logs), sparse=True)
    both = buy + leave
    there = buy**x * np.exp(-both * age)
    gone = buy**x * leave / both * np.exp(-both * recency) * -np.expm1(-both * (age - recency))
    density = stats.gamma.pdf(buy, r, scale=1 / alpha) * stats.gamma.pdf(leave, s, scale=1 / beta) * buy * leave
    return float((density * (there + gone if weigh is None else there * weigh(buy, leave))).sum() * 0.02**2)


SMALL = np.array([1.4, 20.0, 1.7, 45.0])
EASY = [(0, 0, 30), (1, 12, 30), (2, 29, 30), (3, 8, 30)]


@pytest.mark.parametrize("row", EASY)
def test_the_likelihood_is_the_mixture(row: tuple[float, ...]) -> None:
    value, _, _ = MODEL.objective(read_histories(table(row)))(np.log(SMALL))
    assert value == pytest.approx(np.log(mixture(row, SMALL)), rel=1e-10)


@pytest.mark.parametrize("row", EASY)
def test_still_there_and_expected_purchases_are_the_mixture(row: tuple[float, ...]) -> None:
    whole = mixture(row, SMALL)
    there = mixture(row, SMALL, lambda *_: np.ones(1))
    coming = mixture(row, SMALL, lambda buy, leave: buy * -np.expm1(-leave * 50) / leave)
    alive = special.expit(MODEL.alive_log_odds(np.log(SMALL), past(row)))[0]
    assert alive == pytest.approx(there / whole, rel=1e-9)
    assert alive * MODEL.expected(np.log(SMALL), past(row), 50.0)[0] == pytest.approx(coming / whole, rel=1e-9)


def test_integral_to_rounding(golden: Golden) -> None:
    """90 cases, among them 1,000 purchases, alpha next to beta, a last purchase next to the end; the published form needs 50 digits for them."""
    cases = golden("pareto_nbd/integrals.csv")
    found = []
    for case in cases.itertuples():
        terms = np.array([case.r, case.alpha, case.s, case.beta])
        without = case.r * np.log(case.alpha) + case.s * np.log(case.beta)
        found.append(log_integral(terms, past((case.frequency, case.recency_days, case.age_days)))[0] - without)
    assert np.array(found) == pytest.approx(cases["log_integral"].to_numpy(), rel=1e-12, abs=2e-12)


@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS)
@pytest.mark.parametrize("row", ROWS)
def test_derivatives_of_one_history_against_differences(point: list[float], row: tuple[float, ...]) -> None:
    objective, here, width = MODEL.objective(read_histories(table(row))), np.log(point), 1e-4
    _, gradient, hessian = objective(here)
    assert hessian == pytest.approx(hessian.T)
    for which, unit in enumerate(np.eye(4)):
        ahead, behind = objective(here + width * unit), objective(here - width * unit)
        assert (ahead[0] - behind[0]) / (2 * width) == pytest.approx(gradient[which], rel=1e-6, abs=1e-7 * (1 + row[0]))
        assert (ahead[1] - behind[1]) / (2 * width) == pytest.approx(hessian[which], rel=1e-6, abs=1e-7 * (1 + row[0]))


def test_bought_at_the_very_end() -> None:
    """Nobody can have left after a purchase at the end: the integral is 0, and the likelihood is its first term."""
    rows = past((5, 100, 100), (254, 272, 272))
    assert np.isposinf(MODEL.alive_log_odds(np.log(POINTS["usual"]), rows)).all()
    value, gradient, hessian = log_integral_with_slopes(np.array(POINTS["usual"]), rows)
    assert np.isneginf(value).all()
    assert np.isfinite(gradient).all()
    assert np.isfinite(hessian).all()
    r, alpha, s, beta = POINTS["usual"]
    by_hand = special.gammaln(r + 5) - special.gammaln(r) - r * np.log1p(100 / alpha) - 5 * np.log(alpha + 100) - s * np.log1p(100 / beta)
    assert MODEL.objective(read_histories(table((5, 100, 100))))(np.log(POINTS["usual"]))[0] == pytest.approx(by_hand, rel=1e-12)


def test_another_package(golden: Golden) -> None:
    """`lifetimes` at the published terms, 39 weeks ahead; its hypergeometric functions hold about nine digits here."""
    other = golden("pareto_nbd/lifetimes.csv")
    customers = past(*other[["frequency", "recency", "T"]].to_numpy())
    alive = special.expit(MODEL.alive_log_odds(np.log(PUBLISHED), customers))
    assert alive == pytest.approx(other["alive"].to_numpy(), rel=1e-7)
    assert alive * MODEL.expected(np.log(PUBLISHED), customers, 39.0) == pytest.approx(other["expected"].to_numpy(), rel=1e-7)
    assert MODEL.expected(np.log(PUBLISHED), NEW_CUSTOMER, 39.0)[0] == pytest.approx(other["new_customer"].iloc[0], rel=1e-9)


def test_expected_purchases_of_a_new_customer_by_hand() -> None:
    """r beta / (alpha (s - 1)) (1 - (beta / (beta + t))^(s - 1)); r beta / alpha log((beta + t) / beta) at s = 1, and no break beside it."""
    r, alpha, s, beta = 2.0, 30.0, 3.0, 60.0
    by_hand = 2 * 60 / (30 * 2) * (1 - (60 / 90) ** 2)  # 1.1111
    assert MODEL.expected(np.log([r, alpha, s, beta]), NEW_CUSTOMER, 30.0)[0] == pytest.approx(by_hand)
    at_one, beside = (MODEL.expected(np.log([r, alpha, one, beta]), NEW_CUSTOMER, 30.0)[0] for one in (1.0, 1 + 1e-9))
    assert at_one == pytest.approx(2 * 60 / 30 * np.log(1.5))
    assert beside == pytest.approx(at_one, rel=1e-8)


def test_probabilities_of_counts_to_rounding(golden: Golden) -> None:
    cases = golden("pareto_nbd/distribution.csv")
    for (*terms, days), group in cases.groupby([*TERMS, "days"]):
        at_least = np.append(1.0, MODEL.at_least(np.log(terms), NEW_CUSTOMER, days=days, most=41)[0])
        assert -np.diff(at_least)[group["k"]] == pytest.approx(group["probability"].to_numpy(), rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS)
@pytest.mark.parametrize("days", [7.0, 364.0, 3640.0])
def test_probabilities_of_counts_sum_to_the_expectation(point: list[float], days: float) -> None:
    customers = past((0, 0, 30), (3, 20, 100), (60, 200, 272))
    most = int(MODEL.reach(np.log(point), customers, days).max())
    chances = MODEL.at_least(np.log(point), customers, days=days, most=most)
    assert (np.diff(chances, axis=1) <= 1e-15).all()
    assert chances.sum(axis=1) == pytest.approx(MODEL.expected(np.log(point), customers, days), rel=1e-9)
    assert chances[:, -1].max() < 1e-12


def test_discounted_days_to_rounding(golden: Golden) -> None:
    cases = golden("pareto_nbd/tricomi.csv")
    found = [lived_discounted(case.s, np.array([case.beta]), case.rate)[0] for case in cases.itertuples()]
    assert np.array(found) == pytest.approx(cases["lived"].to_numpy(), rel=1e-11)


@pytest.mark.parametrize("row", [(0, 0, 272), (2, 213, 272), (29, 260, 272)])
def test_discounted_residual_purchases_are_an_integral_and_the_published_form(row: tuple[float, ...]) -> None:
    """Discount the slope of the expected purchases at every day to come; and (beta + T)^s delta^(s - 1) Psi(s, s; delta (beta + T))."""
    point, rate = np.log(POINTS["usual"]), np.log(1.15) / 365
    r, alpha, s, beta = POINTS["usual"]
    found = MODEL.expected_discounted(point, past(row), rate)[0]

    def discounted(day: float) -> float:
        return float(rate * np.exp(-rate * day) * MODEL.expected(point, past(row), day)[0])

    assert found == pytest.approx(integrate.quad(discounted, 0, 60 / rate, limit=500, epsrel=1e-10)[0], rel=1e-8)
    psi = special.hyperu(s, s, rate * (beta + row[2]))
    assert found == pytest.approx((r + row[0]) / (alpha + row[2]) * (beta + row[2]) ** s * rate ** (s - 1) * psi, rel=1e-6)


def test_published_terms(golden: Golden) -> None:
    """Fader, Hardie and Lee (2005), CDNOW in weeks: r .553, alpha 10.578, s .606, beta 11.669, log-likelihood -9595.0."""
    weeks = golden("pareto_nbd/weeks.csv").rename(columns={"recency": "recency_days", "T": "age_days"})
    histories = read_histories(weeks)
    for start in MODEL.starts(histories):
        found = maximise(MODEL.objective(histories), start, terms=TERMS)
        assert np.exp(found.point) == pytest.approx(PUBLISHED, abs=0.0011)
        assert found.value * histories.customers == pytest.approx(-9595.0, abs=0.05)
        assert found.steepest < 1e-12


def test_points_out_of_reach_are_marked() -> None:
    value, _, _ = MODEL.objective(read_histories(table((1, 2, 3))))(np.array([50.0, 0, 0, 0]))
    assert np.isneginf(value)


def test_far_points_stay_finite() -> None:
    objective = MODEL.objective(read_histories(table(*ROWS)))
    for point in ([15, 20, 12, 20], [-12, -8, -12, -8], [0, 0, -20, 20], [8, -15, 0, 10], [1, 15, 3, -15]):
        value, gradient, hessian = objective(np.array(point, dtype="float64"))
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
        assert np.isfinite(hessian).all()
