"""Sums of survival against closed forms and against adding up."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from cs_analysis.stats.contracts.lifetimes import periods_ahead
from cs_analysis.stats.contracts.renewals import BDW, SBG, bdw_log_survival

PAIRS = [(0.7041, 1.182), (1.5, 3.0), (5.0, 1.0), (0.05, 0.02), (2.0, 50.0), (1.1, 0.1)]


@pytest.mark.parametrize(("alpha", "beta"), PAIRS)
@pytest.mark.parametrize("rate", [0.1, 0.008, 0.0005])
def test_discounted_sums_are_the_hypergeometric_function(alpha: float, beta: float, rate: float) -> None:
    logs = np.log([alpha, beta])
    new = special.hyp2f1(1, beta, alpha + beta, 1 / (1 + rate))
    assert periods_ahead(SBG, logs, discount_rate=rate) == pytest.approx(new, rel=1e-11)
    renewed = 4  # times; S(5) / S(4) = (beta + 4) / (alpha + beta + 4), and so on
    residual = (beta + 4) / (alpha + beta + 4) * special.hyp2f1(1, beta + 5, alpha + beta + 5, 1 / (1 + rate))
    assert periods_ahead(SBG, logs, first=renewed + 1, discount_rate=rate) == pytest.approx(residual, rel=1e-11)


@pytest.mark.parametrize(("alpha", "beta"), [*PAIRS, (1.001, 2.0), (1.0, 3.0), (1e4, 1e6), (1e4, 4e7)])
def test_the_sum_without_discount_has_a_closed_form_or_none(alpha: float, beta: float) -> None:
    expected = (alpha + beta - 1) / (alpha - 1) if alpha > 1 else np.inf
    assert periods_ahead(SBG, np.log([alpha, beta])) == pytest.approx(expected, rel=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("terms", [(0.26, 1.72, 1.58), (0.5, 1.0, 3.0), (3.0, 2.0, 0.6)])
def test_weibull_sums_equal_adding_up(terms: tuple[float, float, float]) -> None:
    logs = np.log(terms)
    times = np.arange(2_000_000.0)
    added = float(np.exp(bdw_log_survival(logs, times) - times * np.log1p(2e-5)).sum())
    assert periods_ahead(BDW, logs, discount_rate=2e-5) == pytest.approx(added, rel=1e-10)


def test_a_tail_that_is_added_up_lies_between_two_integrals() -> None:
    # alpha c = 1.5: S falls like t^-1.5; the rest after n terms lies between S(n) / 0.5 n (1 - small) and that plus S(n)
    logs, terms = np.log([0.5, 1.0, 3.0]), 1_000_000
    times = np.arange(float(terms))
    added = float(np.exp(bdw_log_survival(logs, times)).sum())
    last = float(np.exp(bdw_log_survival(logs, np.array([float(terms)]))[0]))
    assert 2 * last * terms * (1 - 1e-9) <= periods_ahead(BDW, logs) - added <= (2 * terms + 1) * last


@pytest.mark.slow
def test_a_horizon_counts_that_many_periods() -> None:
    # Beta(1, 1): S = 1, 1/2, 1/3
    assert periods_ahead(SBG, np.zeros(2), horizon=3) == pytest.approx(1 + 1 / 2 + 1 / 3, rel=1e-15)
    assert periods_ahead(SBG, np.zeros(2), horizon=3_000_000) == pytest.approx(special.digamma(3_000_001) + np.euler_gamma, rel=1e-12)
