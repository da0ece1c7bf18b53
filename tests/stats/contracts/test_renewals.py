"""Survival and the odds to leave: exact products, differences, and the limits of the models."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from scipy import special

from cs_analysis.stats.contracts.renewals import BDW, SBG, ContractModel, Floats, bdw_leaving, log_beta_ratio, sbg_leaving

RENEWALS = np.arange(1, 13, dtype="float64")


def exact_share(alpha: Fraction, beta: Fraction, renewals: int) -> Fraction:
    """Return the share still there: the product of the renewal rates (beta + t - 1) / (alpha + beta + t - 1)."""
    share = Fraction(1)
    for renewal in range(1, renewals + 1):
        share *= (beta + renewal - 1) / (alpha + beta + renewal - 1)
    return share


def log_of(share: Fraction) -> float:
    """Return the logarithm of a share, exact near 1 as well."""
    return math.log1p(float(share - 1)) if share > Fraction(1, 2) else math.log(share.numerator) - math.log(share.denominator)


@pytest.mark.parametrize(("alpha", "beta"), [("1/2", "3"), ("7", "1/5"), ("1/1000", "1/1000"), ("100000", "900000"), ("3", "4000000")])
def test_survival_is_the_product_of_the_renewal_rates(alpha: str, beta: str) -> None:
    logs = np.log([float(Fraction(alpha)), float(Fraction(beta))])
    got = SBG.log_survival(logs, RENEWALS)
    exact = [log_of(exact_share(Fraction(alpha), Fraction(beta), int(renewal))) for renewal in RENEWALS]
    np.testing.assert_allclose(got, exact, rtol=1e-11, atol=2e-14)


def test_with_alpha_1_half_leave_at_the_first_renewal_and_a_third_of_the_rest_at_the_second() -> None:
    # Beta(1, 1): 1 / (1 + 1) leave at the first, 1 / (1 + 1 + 1) of those left at the second
    np.testing.assert_allclose(special.expit(sbg_leaving(np.zeros(2), np.array([1.0, 2.0])).log_odds), [1 / 2, 1 / 3], rtol=1e-15)


def test_weibull_survival_at_t_is_the_geometric_one_at_t_to_the_c() -> None:
    # c = 2: after 3 renewals as many are there as after 9 with c = 1
    assert BDW.log_survival(np.log([0.5, 3, 2]), np.array([3.0]))[0] == pytest.approx(
        float(np.log(float(exact_share(Fraction(1, 2), Fraction(3), 9)))), rel=1e-13
    )


def test_with_c_1_the_two_models_are_one() -> None:
    for logs in np.random.default_rng(4).normal(0, 2, (20, 2)):
        one, other = sbg_leaving(logs, RENEWALS), bdw_leaving(np.append(logs, 0.0), RENEWALS)
        np.testing.assert_allclose(one.log_odds, other.log_odds, rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(one.gradient, other.gradient[:, :2], rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(one.hessian, other.hessian[:, :2, :2], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("model", [SBG, BDW], ids=lambda model: model.name)
def test_derivatives_are_those_of_differences(model: ContractModel) -> None:
    for logs in np.random.default_rng(5).normal(0, 1, (10, len(model.terms))):
        found = model.leaving(logs, RENEWALS)
        np.testing.assert_allclose(found.gradient, differences(lambda at: model.leaving(at, RENEWALS).log_odds, logs), atol=1e-6)
        np.testing.assert_allclose(found.hessian, differences(lambda at: model.leaving(at, RENEWALS).gradient, logs), atol=1e-5)


def differences(function: Callable[[Floats], Floats], at: Floats) -> Floats:
    """Return central differences, the last axis for the parameters."""
    step = 1e-6
    return np.stack([(function(at + step * unit) - function(at - step * unit)) / (2 * step) for unit in np.eye(len(at))], axis=-1)


@pytest.mark.parametrize("model", [SBG, BDW], ids=lambda model: model.name)
def test_odds_to_leave_and_survival_agree(model: ContractModel) -> None:
    logs = np.log([0.7, 1.2, 1.6])[: len(model.terms)]
    stays = special.log_expit(-model.leaving(logs, RENEWALS).log_odds)
    np.testing.assert_allclose(np.cumsum(stays), model.log_survival(logs, RENEWALS), rtol=1e-13)


def test_alike_customers_leave_at_a_constant_rate() -> None:
    # alpha : beta = 1 : 4 without limit is a chance of 0.2 for everybody, whatever the renewal
    for model in (SBG, BDW):
        logs = np.log([1e7, 4e7, 1])[: len(model.terms)]
        np.testing.assert_allclose(special.expit(model.leaving(logs, RENEWALS).log_odds), 0.2, rtol=1e-6)


def test_late_survival_is_a_power_of_time() -> None:
    # B(a, b + t) / B(a, b) -> Gamma(a + b) / Gamma(b) t^-a; at 10^15 exact to rounding
    a, b = 0.7, 1.2
    expected = special.gammaln(a + b) - special.gammaln(b) - a * np.log(1e15)
    assert float(log_beta_ratio(a, b, 1e15)) == pytest.approx(expected, rel=1e-13)
