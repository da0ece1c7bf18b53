"""The beta-discrete-Weibull model: figures of another program, the model it contains, and terms that come back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special

import cs_analysis as cs
from cs_analysis.stats.contracts.renewals import BDW
from cs_analysis.stats.contracts.retained import read_retained
from cs_analysis.stats.contracts.search import design_of, objective


def test_another_program_finds_the_same_terms_of_the_high_end_customers() -> None:
    # the package retenmod prints 0.2593, 1.7227, 1.5843 for four renewals
    fit = cs.fit_bdw(pd.DataFrame({"period": range(5), "retained": [1000, 869, 743, 653, 593]}))
    np.testing.assert_allclose(fit.coefficients["estimate"], [0.2593, 1.7227, 1.5843], rtol=2e-4)


def expected_counts(terms: tuple[float, float, float], customers: int, renewals: int) -> pd.DataFrame:
    """Return the cohort of that many customers in which exactly as many leave as expected."""
    a, b, c = terms
    share = np.exp(special.betaln(a, b + np.arange(renewals + 1.0) ** c) - special.betaln(a, b))
    return pd.DataFrame({"period": range(renewals + 1), "retained": np.rint(customers * share).astype("int64")})


@pytest.mark.parametrize("terms", [(0.5, 1.5, 1.5), (0.7, 1.2, 1.0), (2.0, 8.0, 0.7), (0.3, 0.4, 2.0)])
def test_terms_come_back_from_expected_counts(terms: tuple[float, float, float]) -> None:
    fit = cs.fit_bdw(expected_counts(terms, 1_000_000_000, 10))
    np.testing.assert_allclose(fit.coefficients["estimate"], terms, rtol=2e-4)


@pytest.mark.slow
def test_it_fits_no_worse_than_the_model_it_contains() -> None:
    rng = np.random.default_rng(6)
    for _ in range(10):
        left = np.concatenate([[400], 400 - np.cumsum(rng.multinomial(400, rng.dirichlet(np.ones(8)))[:6])])
        rows = pd.DataFrame({"period": range(7), "retained": left})
        assert cs.fit_bdw(rows).log_likelihood >= cs.fit_sbg(rows).log_likelihood - 1e-6


def test_the_likelihood_of_two_customers_by_hand() -> None:
    # c = 2, Beta(1, 1): S(t) = 1 / (1 + t^2) = 1, 1/2, 1/5; one leaves at the first renewal (1/2), one stays for two (1/5): mean log of 1/10
    data = read_retained(pd.DataFrame({"period": [0, 1, 2], "retained": [2, 1, 1]}))
    value, _, _ = objective(data, BDW, design_of(data, BDW))(np.log([1.0, 1.0, 2.0]))
    assert value == pytest.approx(np.log(1 / 10) / 2, rel=1e-14)
