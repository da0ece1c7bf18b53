"""Chances of ending, and the phases that come of a contract."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cs_analysis.data.simulator.contracts import end_chances
from cs_analysis.data.simulator.customer_parameters import CANNOT, Contract
from cs_analysis.data.simulator.terms import list_price, plan_of, seats_after_growth

NOBODY = np.zeros((1, 24), dtype=bool)
FIT_ZERO = np.zeros(1)


def one(p: Contract, *, yearly: bool, fit: float = 0.0, reviewed: np.ndarray = NOBODY) -> np.ndarray:
    return end_chances(p, np.array([fit]), yearly=np.array([yearly]), reviewed=reviewed)[0]


def test_chances_are_a_multinomial_logit_against_staying() -> None:
    """exp(0) against 1 + exp(0) + exp(log 2) = 4: a quarter, a half, a quarter stays; the others cannot happen."""
    p = replace(Contract(), month_level=(0.0, np.log(2.0), CANNOT, CANNOT), month_fit=(0.0, 0.0, 0.0, 0.0), month_age=0.0)
    np.testing.assert_allclose(one(p, yearly=False), np.tile([0.25, 0.5, 0.0, 0.0], (24, 1)))


def test_a_monthly_contract_gets_safer_with_age() -> None:
    """With age slope -1 the odds at turn k are exp(0) / k: 1/2, 1/3, 1/4 ..."""
    p = replace(Contract(), month_level=(0.0, CANNOT, CANNOT, CANNOT), month_fit=(0.0, 0.0, 0.0, 0.0), month_age=-1.0)
    np.testing.assert_allclose(one(p, yearly=False)[:4, 0], [1 / 2, 1 / 3, 1 / 4, 1 / 5])


def test_a_yearly_contract_is_decided_at_its_renewals() -> None:
    """Renewals are turns 12 and 24; the second has odds exp(age slope) of the first."""
    p = replace(Contract(), year_level=(0.0, CANNOT, CANNOT, CANNOT), early_level=(CANNOT,) * 4, year_fit=(0.0,) * 4, year_age=-np.log(3.0))
    chances = one(p, yearly=True)[:, 0]
    assert np.flatnonzero(chances).tolist() == [11, 23]
    np.testing.assert_allclose(chances[[11, 23]], [1 / 2, 1 / 4])


def test_fit_and_a_review_act_on_the_log_odds() -> None:
    """With one reason, odds exp(level + slope x fit + review): exp(-1 x 2 - 0.6)."""
    p = replace(Contract(), month_level=(0.0, CANNOT, CANNOT, CANNOT), month_fit=(-1.0, 0.0, 0.0, 0.0), month_age=0.0, review=-0.6)
    reviewed = np.arange(24)[None, :] >= 5
    odds = np.exp([-2.0, -2.6])
    np.testing.assert_allclose(one(p, yearly=False, fit=2.0, reviewed=reviewed)[[4, 5], 0], odds / (1 + odds))


@pytest.mark.parametrize(("seats", "plan", "eur", "usd"), [(9, 1, 162.0, 186.3), (10, 2, 240.0, 276.0), (50, 3, 1450.0, 1667.5)])
def test_price_is_seats_times_the_price_of_the_plan(seats: int, plan: int, eur: float, usd: float) -> None:
    """9 x 18, 10 x 24, 50 x 29; in USD 1.15 as much a seat (20.70, 27.60, 33.35)."""
    p = Contract()
    assert int(plan_of(p, seats)) == plan
    assert float(list_price(p, seats)) == eur
    assert float(list_price(p, seats, dollar=True)) == usd


def test_price_rises_with_each_year() -> None:
    """18 x 1.04 = 18.72 and 18 x 1.04^2 = 19.4688, rounded to cents before the seats."""
    assert list_price(Contract(), 2, years=np.array([0, 1, 2])).tolist() == [36.0, 37.44, 38.94]


def test_growth_adds_whole_seats() -> None:
    """10 % of 3 is 0.3 -> 1 seat, of 10 is 1, of 11 is 1.1 -> 2."""
    assert seats_after_growth(np.array([3, 10, 11]), 0.1).tolist() == [4, 11, 13]


@pytest.mark.slow
def test_phases_of_a_subscription_touch_and_never_overlap(company: object) -> None:
    phases = company["subscriptions"].sort_values(["subscription_id", "started_at"])
    following = phases.groupby("subscription_id")["started_at"].shift(-1)
    touching = phases["ended_at"] == following
    assert (touching | following.isna()).all()
    assert (phases["ended_at"].isna() | (phases["ended_at"] > phases["started_at"])).all()


@pytest.mark.slow
def test_a_new_row_begins_only_where_terms_change(company: object) -> None:
    phases = company["subscriptions"].sort_values(["subscription_id", "started_at"])
    terms = phases[["kind", "seats", "mrr", "discount", "renewal_at"]].astype(str)
    same = (terms == terms.shift()).all(axis=1) & (phases["subscription_id"] == phases["subscription_id"].shift())
    assert not same.any()


def test_every_kind_reason_and_interval_occurs(company: object) -> None:
    phases = company["subscriptions"]
    assert set(phases["kind"]) == {"paid", "trial", "free", "paused", "past_due"}
    assert set(phases["end_reason"].dropna()) == {"voluntary", "payment", "non_renewal", "downgrade"}
    assert set(phases["interval"].dropna()) == {"month", "year"}
    assert set(phases["currency"]) == {"EUR", "USD"}


def test_contracts_are_cancelled_before_they_end(company: object) -> None:
    cancelled = company["subscriptions"].dropna(subset=["cancelled_at"])
    assert len(cancelled)
    assert ((cancelled["started_at"] < cancelled["cancelled_at"]) & (cancelled["cancelled_at"] < cancelled["ended_at"])).all()
    assert cancelled["end_reason"].isin(["voluntary", "non_renewal", "downgrade"]).all()


def test_an_end_after_the_history_is_known_only_if_it_was_announced(company: object) -> None:
    phases = company["subscriptions"]
    scheduled = phases[phases["ended_at"] >= pd.Timestamp("2026-11-01", tz="UTC")]
    assert len(scheduled)
    assert scheduled["cancelled_at"].notna().all()


def test_who_comes_back_gets_a_new_subscription_after_a_gap(company: object) -> None:
    phases = company["subscriptions"]
    second = phases[phases["subscription_id"].str.endswith("-2")].groupby("account_id")["started_at"].min()
    left = phases[phases["subscription_id"].str.endswith("-1") & phases["end_reason"].notna()].groupby("account_id")["ended_at"].max()
    assert len(second)
    assert ((second - left[second.index]) > pd.Timedelta("28d")).all()
