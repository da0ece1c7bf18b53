"""The outlook on customers: the durations it is made of, late observation, groups, and the simulator's truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import MissingTableError

pytestmark = pytest.mark.lifelines


def company(size: int = 80, seed: int = 1) -> dict[str, pd.DataFrame]:
    """Return accounts with one subscription each, whose lives are exponential with a mean of 200 days."""
    rng = np.random.default_rng(seed)
    begun = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 300, size), "D")
    names = [f"a{number:03d}" for number in range(size)]
    ended = begun + pd.to_timedelta(np.ceil(rng.exponential(200, size)), "D")
    sold = pd.DataFrame({"subscription_id": names, "account_id": names, "started_at": begun, "ended_at": ended, "mrr": 10.0, "currency": "EUR"})
    people = pd.DataFrame({"account_id": names, "started_at": begun, "segment": np.where(np.arange(size) % 2, "x", "y")})
    return {"accounts": people, "subscriptions": sold}


def days_of(tables: dict[str, pd.DataFrame], as_of: str) -> pd.DataFrame:
    """Return the durations of the company in plain pandas."""
    sold, end = tables["subscriptions"], pd.Timestamp(as_of, tz="UTC") + pd.Timedelta(1, "D")
    sold = sold[sold["started_at"] < end]
    stop = sold["ended_at"].where(sold["ended_at"] < end, end)
    return pd.DataFrame({"duration_days": (stop - sold["started_at"]) / pd.Timedelta(1, "D"), "observed": sold["ended_at"] < end})


@pytest.mark.slow
def test_equals_the_extrapolation_of_the_first_stretches() -> None:
    tables = company()
    found = cs.customer_survival_outlook(cs.read_dataset(tables, as_of="2025-12-31"), horizon="6mo", families=["weibull", "log_normal"])
    expected = cs.survival_extrapolation(days_of(tables, "2025-12-31"), horizon="6mo", families=["weibull", "log_normal"])
    pd.testing.assert_frame_equal(found, expected, rtol=1e-4)
    assert found["time_days"].iloc[0] == 183  # 6 x 30.4375 = 182.6


@pytest.mark.slow
def test_three_years_beyond_one_year_of_data_is_warned_of() -> None:
    ds = cs.read_dataset(company(), as_of="2025-12-31")
    with pytest.warns(UserWarning, match="the horizon of 1096 days lies beyond the data"):
        found = cs.customer_survival_outlook(ds, families=["weibull"])
    assert found.loc[found["metric"] == "projected_survival", "verdict"].tolist()[0] == "beyond the data"


def test_limits_hold_the_truth_of_exponential_lives() -> None:
    ds = cs.read_dataset(company(size=400, seed=5), as_of="2025-12-31")
    with pytest.warns(UserWarning, match="beyond the data"):
        found = cs.customer_survival_outlook(ds, horizon="400d", families=["weibull"], conf_level=0.99).set_index(["metric", "family"])
    alive = found.loc[("projected_survival", "weibull")]
    assert alive["conf_low"] < np.exp(-400 / 200) < alive["conf_high"]


@pytest.mark.slow
def test_customers_seen_only_from_a_day_on_enter_late() -> None:
    tables = company(size=1500, seed=2)
    sold = tables["subscriptions"]
    kept = sold["ended_at"] > pd.Timestamp("2025-09-01", tz="UTC")  # who left before is not on record
    half = {**tables, "subscriptions": sold[kept]}
    options = {"horizon": "90d", "families": ["weibull"]}
    whole, late = (
        cs.customer_survival_outlook(cs.read_dataset(given, as_of="2026-03-31"), **options, observed_from=since).set_index(["metric", "family"])
        for given, since in ((tables, None), (half, "2025-09-01"))
    )
    truth = np.exp(-90 / 200)
    for family in ("kaplan_meier", "weibull"):
        assert late.loc[("projected_survival", family), "estimate"] == pytest.approx(truth, abs=0.06)
        assert whole.loc[("projected_survival", family), "estimate"] == pytest.approx(truth, abs=0.06)
    assert late["n"].iloc[0] == kept.sum()


def test_without_subscriptions_it_says_so() -> None:
    ds = cs.read_dataset({"accounts": company()["accounts"]}, as_of="2025-12-31")
    with pytest.raises(MissingTableError, match="subscriptions"):
        cs.customer_survival_outlook(ds)
