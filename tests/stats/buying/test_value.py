"""What customers will still be worth: sums of products, and limits that hold both models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.helpers import utc

import cs_analysis as cs
from cs_analysis import errors
from cs_analysis.stats.buying.fit import BuyingFit
from cs_analysis.stats.buying.gamma_gamma import GammaGammaFit
from cs_analysis.stats.buying.histories import Past
from cs_analysis.stats.buying.value import customer_values, total_value

CDNOW = Path(__file__).parents[2] / "golden" / "cdnow" / "orders.csv.gz"
AHEAD = {"days": 273.0, "discount_rate": 0.15, "conf_level": 0.95}


@pytest.fixture(scope="module")
def rfm() -> pd.DataFrame:
    orders = pd.read_csv(CDNOW, dtype={"account_id": "str"})
    return cs.rfm_summary(orders.assign(ordered_at=utc(*orders["ordered_on"])), as_of="1997-09-30")


@pytest.fixture(scope="module")
def fits(rfm: pd.DataFrame) -> tuple[BuyingFit, GammaGammaFit]:
    return cs.fit_bg_nbd(rfm), cs.fit_gamma_gamma(rfm)


@pytest.mark.slow
def test_the_total_is_the_sum_over_customers_of_often_times_much(rfm: pd.DataFrame, fits: tuple[BuyingFit, GammaGammaFit]) -> None:
    total = total_value(*fits, rfm, **AHEAD)
    often = fits[0].discounted_purchases(horizon="273d", discount_rate=0.15)["estimate"].to_numpy()
    spend = fits[1].predict()
    much = spend.loc[spend["metric"] == "expected_mean_value", "estimate"].to_numpy()
    assert total["estimate"].iloc[0] == pytest.approx(often @ much, rel=1e-9)
    assert total["estimate"].iloc[1] == pytest.approx(often @ much / 2357, rel=1e-9)
    listed = customer_values(*fits, rfm, **AHEAD)
    np.testing.assert_allclose(listed["value"], often * much, rtol=1e-9)


@pytest.mark.slow
def test_the_limits_are_those_of_parameters_drawn_at_random(rfm: pd.DataFrame, fits: tuple[BuyingFit, GammaGammaFit]) -> None:
    # Both parameter vectors drawn from their covariance; the spread of the logarithm of the total is the width of the limits / (2 x 1.96).
    rng = np.random.default_rng(2)
    few = rfm.sample(60, random_state=1).reset_index(drop=True)
    (low, high), *_ = total_value(*fits, few, **AHEAD)[["conf_low", "conf_high"]].to_numpy()
    buying, spending = fits[0]._fitted, fits[1]
    drawn_often = rng.multivariate_normal(buying.point, buying.covariance, 200)
    drawn_much = rng.multivariate_normal(spending._point, spending._log_covariance, 200)
    x, spent = few["frequency"].to_numpy(), (few["frequency"] * few["mean_value"].fillna(0)).to_numpy()
    logs = []
    for often, (p, q, v) in zip(drawn_often, np.exp(drawn_much), strict=True):
        alive = 1 / (1 + np.exp(-buying.model.alive_log_odds(often, past_of(few))))
        days = np.linspace(0, 273, 15)
        counts = np.stack([alive * buying.model.expected(often, past_of(few), max(day, 1e-9)) for day in days])
        discounted = (np.diff(counts, axis=0) * 1.15 ** (-(days[1:] + days[:-1])[:, None] / 2 / 365)).sum(axis=0)
        logs.append(np.log(discounted @ (p * (v + spent) / (p * x + q - 1))))
    assert np.std(logs) == pytest.approx(np.log(high / low) / (2 * 1.96), rel=0.13)


def past_of(rfm: pd.DataFrame) -> Past:
    """Return histories as the models take them."""
    return Past(*(rfm[name].to_numpy("float64") for name in ("frequency", "recency_days", "age_days")))


def test_free_repeat_orders_are_allowed(fits: tuple[BuyingFit, GammaGammaFit]) -> None:
    free = pd.DataFrame({"account_id": ["a", "b"], "frequency": [2, 0], "recency_days": [30, 0], "age_days": 90, "mean_value": [0.0, np.nan]})
    listed = customer_values(*fits, free, **AHEAD)
    assert np.isfinite(listed.to_numpy()).all()
    assert listed["expected_mean_value"].iloc[0] < listed["expected_mean_value"].iloc[1]


def test_limits_of_a_customer_hold_nothing_and_much(rfm: pd.DataFrame, fits: tuple[BuyingFit, GammaGammaFit]) -> None:
    listed = customer_values(*fits, rfm, **AHEAD)
    assert ((listed["value_low"] <= listed["value"]) & (listed["value"] <= listed["value_high"])).all()
    assert (listed.loc[listed["purchases_low"] == 0, "value_low"] == 0).all()


def test_a_negative_rate_is_refused(rfm: pd.DataFrame, fits: tuple[BuyingFit, GammaGammaFit]) -> None:
    with pytest.raises(errors.ParameterError, match="discount_rate"):
        total_value(*fits, rfm, days=10.0, discount_rate=-0.1, conf_level=0.95)
