"""Models held against what came: the calibration line, and expectations over time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from cs_analysis import errors
from cs_analysis.stats.buying.evaluation import calibration_line, expected_over_time, fit_buying


@pytest.fixture(scope="module")
def rfm() -> pd.DataFrame:
    frequency = [0, 0, 0, 1, 1, 1, 2, 3, 4, 5, 8, 22]
    recency_days = [0, 0, 0, 51, 2, 147, 202, 206, 27, 221, 209, 236]
    return pd.DataFrame({"frequency": frequency, "recency_days": recency_days, "age_days": 240})


def test_the_line_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(1)
    predicted = rng.gamma(1, 2, 300)
    actual = rng.poisson(predicted * 0.8 + 0.1).astype("float64")
    line = calibration_line(predicted, actual, conf_level=0.9)
    oracle = sm.OLS(actual, sm.add_constant(predicted)).fit(cov_type="HC1")
    np.testing.assert_allclose([line.intercept[0], line.slope[0]], oracle.params, rtol=1e-9)
    np.testing.assert_allclose([line.intercept[1:], line.slope[1:]], oracle.conf_int(0.1), rtol=1e-9)


def test_a_perfect_forecast_lies_on_the_diagonal() -> None:
    line = calibration_line(np.array([0.0, 1.0, 4.0]), np.array([0.0, 1.0, 4.0]), conf_level=0.95)
    np.testing.assert_allclose(line.intercept, 0, atol=1e-12)
    np.testing.assert_allclose(line.slope, 1, atol=1e-12)


def test_a_line_needs_predictions_that_differ() -> None:
    with pytest.raises(errors.NotEnoughDataError, match="three customers"):
        calibration_line(np.ones(5), np.arange(5.0), conf_level=0.95)


@pytest.mark.parametrize("model", ["bg_nbd", "mbg_nbd"])
def test_expected_over_time_sums_what_is_expected_of_new_customers(model: str, rfm: pd.DataFrame) -> None:
    fit = fit_buying(rfm, model=model)
    births = np.array([2, 0, 1, 0, 0])
    table = expected_over_time(fit, births, np.array([1, 7, 700]), conf_level=0.95)
    # On day 0 nobody has had time; by the end of day 6 the two of day 0 are 6 days old and the one of day 2 is 4; by the end of day 699, 699 and 697.
    alone = fit.new_customer_purchases(["6d", "4d", "699d", "697d"])["estimate"].to_numpy()
    assert table["estimate"].iloc[0] == 0
    np.testing.assert_allclose(table["estimate"].iloc[1:], [2 * alone[0] + alone[1], 2 * alone[2] + alone[3]], rtol=2e-5)
    assert (table["conf_low"] <= table["estimate"]).all()
    assert table["n"].tolist() == [3, 3, 3]


def test_limits_of_one_customer_over_time_are_those_of_the_fit(rfm: pd.DataFrame) -> None:
    fit = fit_buying(rfm, model="bg_nbd")
    table = expected_over_time(fit, np.array([1]), np.array([101]), conf_level=0.9)
    alone = fit.new_customer_purchases("100d", conf_level=0.9)
    columns = ["estimate", "conf_low", "conf_high"]
    np.testing.assert_allclose(table[columns], alone[columns], rtol=1e-6)


def test_an_unknown_model_is_refused(rfm: pd.DataFrame) -> None:
    with pytest.raises(errors.ParameterError, match="model must be one of 'bg_nbd', 'mbg_nbd', 'pareto_nbd', not 'nbd'"):
        fit_buying(rfm, model="nbd")
