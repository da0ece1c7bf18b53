"""The value of orders to come: totals, groups, currencies, and the list of customers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.helpers import utc

import cs_analysis as cs
from cs_analysis import errors

START = pd.Timestamp("2025-01-01", tz="UTC")


def buyers(size: int, seed: int) -> pd.DataFrame:
    """Return three years of orders of customers as the BG/NBD and the gamma-gamma model say."""
    rng = np.random.default_rng(seed)
    rate, leaving, level = rng.gamma(0.8, 1 / 30, size), rng.beta(1, 4, size), 15 / rng.gamma(4, 1, size) * 6
    repeats = np.minimum(rng.geometric(np.maximum(leaving, 1e-6)), 2000)
    who = np.repeat(np.arange(size), repeats + 1)
    wait = rng.exponential(1 / rate[who])
    first = np.r_[0, np.cumsum(repeats + 1)[:-1]]
    wait[first] = rng.uniform(0, 200, size)
    elapsed = np.cumsum(wait)
    day = elapsed - np.repeat(elapsed[first] - wait[first], repeats + 1)
    amount = np.round(rng.gamma(6, 1 / 6, len(who)) * level[who], 2).clip(min=0.01)
    table = pd.DataFrame({"account_id": [f"c{name}" for name in who], "day": day, "amount": amount})
    table = table[table["day"] < 1095]
    return table.assign(ordered_at=START + pd.to_timedelta((table["day"] * 86_400).astype("int64"), "s")).drop(columns="day")


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    return buyers(600, seed=4)


@pytest.mark.slow
def test_the_list_adds_up_to_the_total(orders: pd.DataFrame) -> None:
    options = {"as_of": "2026-12-31", "horizon": "180d", "discount_rate": 0.08}
    total = cs.order_value(orders, **options).set_index("metric")
    listed = cs.customer_value_list(orders, **options)
    assert total.loc["order_value", "estimate"] == pytest.approx(listed["value"].sum(), rel=1e-9)
    assert total.loc["order_value_per_customer", "estimate"] == pytest.approx(listed["value"].mean(), rel=1e-9)
    assert total["unit"].tolist() == ["XXX", "XXX"]
    assert listed["value"].is_monotonic_decreasing
    assert len(listed) == total["n"].iloc[0] == orders.loc[orders["ordered_at"] < "2027-01-01", "account_id"].nunique()


@pytest.mark.slow
def test_limits_of_customers_hold_what_came() -> None:
    inside = []
    for seed in range(4):
        orders = buyers(600, seed=10 + seed)
        listed = cs.customer_value_list(orders, as_of="2026-12-31", horizon="365d", discount_rate=0.0)
        later = orders[orders["ordered_at"] >= "2027-01-01"].groupby("account_id")["amount"].sum()
        came = listed["account_id"].map(later).fillna(0)
        inside.append(came.between(listed["value_low"] - 1e-9, listed["value_high"]).mean())
    assert 0.94 < np.mean(inside) < 0.995


@pytest.mark.slow
def test_the_total_comes_true_on_average() -> None:
    ratios = []
    for seed in range(6):
        orders = buyers(600, seed=30 + seed)
        expected = cs.order_value(orders, as_of="2026-12-31", horizon="365d", discount_rate=0.0)["estimate"].iloc[0]
        known = orders.loc[orders["ordered_at"] < "2027-01-01", "account_id"].unique()
        came = orders[(orders["ordered_at"] >= "2027-01-01") & orders["account_id"].isin(known)]["amount"].sum()
        ratios.append(expected / came)
    assert np.mean(ratios) == pytest.approx(1, abs=0.08)


@pytest.mark.slow
def test_discounting_and_a_shorter_horizon_lower_the_value(orders: pd.DataFrame) -> None:
    plain, discounted, short = (
        cs.order_value(orders, as_of="2026-12-31", horizon=horizon, discount_rate=rate)["estimate"].iloc[0]
        for horizon, rate in (("364d", 0.0), ("364d", 0.2), ("100d", 0.0))
    )
    assert short < discounted < plain
    assert discounted > plain / 1.2


@pytest.mark.slow
def test_a_group_too_small_for_the_models_is_missing_and_others_stand_alone(orders: pd.DataFrame) -> None:
    table = orders.assign(shop=np.where(orders["account_id"].isin(["c1", "c2"]), "tiny", "main"))
    grouped = cs.order_value(table, as_of="2026-12-31", by="shop").set_index(["shop", "metric"])
    alone = cs.order_value(table[table["shop"] == "main"], as_of="2026-12-31").set_index("metric")
    assert grouped.loc[("tiny", "order_value"), ["estimate", "conf_low"]].isna().all()
    np.testing.assert_allclose(grouped.loc["main", "estimate"], alone["estimate"])


@pytest.mark.slow
def test_misuse_is_refused(orders: pd.DataFrame) -> None:
    for function in (cs.order_value, cs.customer_value_list):
        with pytest.raises(errors.ParameterError, match="model must be one of"):
            function(orders, model="nbd")
        with pytest.raises(errors.ParameterError, match="fixed length"):
            function(orders, horizon="12mo")
        with pytest.raises(errors.ParameterError, match="discount_rate"):
            function(orders, discount_rate=-0.5)
    few = pd.DataFrame({"account_id": ["a", "b"], "ordered_at": utc("2026-01-01", "2026-01-02"), "amount": 1.0})
    with pytest.raises(errors.NotEnoughDataError, match="second time"):
        cs.customer_value_list(few)


@pytest.mark.slow
def test_buyers_alive_is_the_sum_of_the_chances(orders: pd.DataFrame) -> None:
    alive = cs.buyers_alive(orders, as_of="2026-12-31")
    listed = cs.customer_value_list(orders, as_of="2026-12-31")
    assert alive["estimate"].iloc[0] == pytest.approx(listed["probability_alive"].sum(), rel=1e-9)
    assert alive["conf_low"].iloc[0] < alive["estimate"].iloc[0] < alive["conf_high"].iloc[0]
    counts = np.histogram(listed["probability_alive"], bins=[0, 0.2, 0.4, 0.6, 0.8, 1.0])[0]
    assert alive["estimate"].iloc[1:].tolist() == counts.tolist()


@pytest.mark.slow
def test_a_model_without_a_maximum_is_no_silent_value() -> None:
    few = pd.DataFrame({"account_id": ["a", "b"], "ordered_at": utc("2026-01-01", "2026-01-02"), "amount": 1.0})
    with pytest.raises(errors.NotEnoughDataError, match="second time"):
        cs.buyers_alive(few)
    assert cs.order_value(few)["estimate"].isna().all()
