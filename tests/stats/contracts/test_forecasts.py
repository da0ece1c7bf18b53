"""Forecasts: shares at hand-made parameters, numbers to come by drawing, intervals that nest."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import cs_analysis as cs
from cs_analysis.stats.contracts.forecasts import _number_limits

REGULAR = pd.DataFrame({"period": range(8), "retained": [1000, 631, 468, 382, 326, 289, 262, 241]})


def test_shares_and_rates_are_those_of_the_terms() -> None:
    # alpha = beta = 1/3 (see the exact fit): S(1) = 1/2, S(2) = 2/5, r(3) = (7/3) / (8/3) = 7/8, S(3) = 2/5 x 7/8
    fit = cs.fit_sbg(pd.DataFrame({"period": [0, 1, 2], "retained": [100, 50, 40]}))
    table = fit.predict([0, 1, 2, 3])
    found = table.pivot_table(index="period", columns="metric", values="estimate")
    np.testing.assert_allclose(found["contract_survival"], [1, 1 / 2, 2 / 5, 7 / 20], rtol=1e-9)
    np.testing.assert_allclose(found["contract_renewal_rate"].loc[1:], [1 / 2, 4 / 5, 7 / 8], rtol=1e-9)
    assert found["retained_customers"].dropna().to_dict() == pytest.approx({3: 40 * 7 / 8})
    start = table.query("metric == 'contract_survival' and period == 0").iloc[0]
    assert (start["conf_low"], start["conf_high"]) == (1, 1)


def test_a_higher_level_widens_every_interval() -> None:
    fit = cs.fit_bdw(REGULAR)
    narrow, wide = (fit.predict(5, conf_level=level) for level in (0.8, 0.99))
    assert (wide["conf_low"] <= narrow["conf_low"]).all()
    assert (wide["conf_high"] >= narrow["conf_high"]).all()
    assert (narrow["conf_low"] <= narrow["estimate"]).all()
    assert (narrow["estimate"] <= narrow["conf_high"]).all()


def test_numbers_to_come_have_the_quantiles_of_draws() -> None:
    rng = np.random.default_rng(2)
    mean, spread, count = 0.7, 0.04, 300
    strength = mean * (1 - mean) / spread**2 - 1
    drawn = rng.binomial(count, rng.beta(mean * strength, (1 - mean) * strength, 400_000))
    low, high = _number_limits(float(count), mean, spread, tail=0.025)
    assert abs(low - np.quantile(drawn, 0.025)) <= 1
    assert abs(high - np.quantile(drawn, 0.975)) <= 1


def test_without_uncertainty_the_number_is_binomial() -> None:
    assert _number_limits(50.0, 0.3, 0.0, tail=0.05) == (stats.binom.ppf(0.05, 50, 0.3), stats.binom.ppf(0.95, 50, 0.3))


def test_many_customers_have_the_limits_of_the_written_out_distribution() -> None:
    exact, close = (np.array(_number_limits(count, 0.6, 0.002, tail=0.025)) for count in (100_000.0, 100_001.0))
    np.testing.assert_allclose(close, exact, atol=4)


def test_cohorts_are_forecast_beyond_their_own_last_renewal() -> None:
    rows = pd.concat([REGULAR.assign(cohort="old"), REGULAR.iloc[:4].assign(cohort="young")])
    table = cs.fit_sbg(rows, cohort="cohort").predict([5, 8]).query("metric == 'retained_customers'")
    assert table[["cohort", "period"]].to_numpy().tolist() == [["old", 8], ["young", 5], ["young", 8]]


def test_lifetimes_lie_between_the_bounds_they_cannot_leave() -> None:
    fit = cs.fit_sbg(pd.DataFrame({"period": range(4), "retained": [6, 3, 2, 2]}))
    for rate in (0.01, 0.5):
        row = fit.discounted_lifetime(rate).iloc[0]
        assert 1 < row["conf_low"] < row["estimate"] < row["conf_high"] < 1 + 1 / rate
    one = fit.expected_lifetime(horizon=1).iloc[0]
    assert (one["estimate"], one["conf_low"], one["conf_high"]) == (1, 1, 1)


@pytest.mark.slow
@pytest.mark.coverage
def test_coverage(repository: Path) -> None:
    """A short run of the study: 95 % limits hold the truth in about 95 of 100 cohorts (simulation error 2.2 points)."""
    study = runpy.run_path(str(repository / "benchmarks" / "coverage" / "contracts.py"))["study"]
    found = study("sbg, 1000 customers", 100).set_index("name")["held"]
    assert list(found.index) == [
        *("alpha", "beta", "survival at 8", "survival at 12", "survival at 20"),
        *("number at 8", "number at 12", "number at 20", "discounted lifetime"),
    ]
    assert found.between(0.87, 1).all()
