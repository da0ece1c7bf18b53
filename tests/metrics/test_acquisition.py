"""Cost of customers, value over cost, payback, and the customers' own return: by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.helpers import accounts, phases

import cs_analysis as cs

MONTH = 30.4375


def value(table: pd.DataFrame, metric: str) -> float:
    """Return the one estimate of a metric."""
    return float(table.loc[table["metric"] == metric, "estimate"].item())


def company(costs: dict[str, float | None], sold: pd.DataFrame, **columns: list[object]) -> cs.Dataset:
    """Return accounts that started in 2025, with their costs, at the end of 2026."""
    known = accounts(**dict.fromkeys(costs, "2025-01-01")).assign(acquisition_cost=list(costs.values()), **columns)
    return cs.read_dataset({"accounts": known, "subscriptions": sold}, as_of="2026-12-31")


SOLD = phases(("s1", "a", "2025-01-01", "2025-04-11", MONTH), ("s2", "b", "2025-01-01", "2025-07-20", MONTH))  # 1 a day for 100 and 200 days


class TestLtvToCac:
    @pytest.mark.slow
    def test_value_over_all_costs_for_each_customer(self) -> None:
        # value (100 + 200)/2 = 150; costs 40 + 50 + 10 for c that never bought, over 2 customers: 50; 150/50 = 3
        table = cs.ltv_to_cac(company({"a": 40.0, "b": 50.0, "c": 10.0}, SOLD), horizon="12mo", discount_rate=0)
        assert value(table, "ltv_to_cac") == pytest.approx(3.0)
        assert value(table, "acquisition_cost") == pytest.approx(50.0)
        assert value(table, "cost_known") == 1.0
        assert table.set_index("metric").loc["acquisition_cost", "n"] == 3

    @pytest.mark.slow
    def test_accounts_without_a_cost_are_in_neither_part(self) -> None:
        table = cs.ltv_to_cac(company({"a": 40.0, "b": None, "c": 10.0}, SOLD), horizon="12mo", discount_rate=0)
        assert value(table, "acquisition_cost") == pytest.approx(50.0)  # (40 + 10) / 1
        assert value(table, "cost_known") == 0.5

    @pytest.mark.slow
    def test_margin_is_a_factor(self) -> None:
        ds = company({"a": 40.0, "b": 60.0}, SOLD)
        assert value(cs.ltv_to_cac(ds, horizon="12mo", discount_rate=0, margin=0.5), "ltv_to_cac") == pytest.approx(1.5)

    @pytest.mark.slow
    def test_by_channel(self) -> None:
        table = cs.ltv_to_cac(company({"a": 40.0, "b": 50.0, "c": 10.0}, SOLD, channel=["ads", "fair", "ads"]), horizon="12mo", discount_rate=0, by="channel")
        ratios = table[table["metric"] == "ltv_to_cac"].set_index("channel")["estimate"]
        assert ratios.to_dict() == pytest.approx({"ads": 2.0, "fair": 4.0})  # 100/(40 + 10); 200/50

    @pytest.mark.slow
    def test_a_cost_of_0_gives_no_ratio(self) -> None:
        table = cs.ltv_to_cac(company({"a": 0.0, "b": 0.0}, SOLD), horizon="12mo")
        assert np.isnan(value(table, "ltv_to_cac"))
        assert value(table, "acquisition_cost") == 0.0

    @pytest.mark.slow
    def test_limits_of_the_cost_are_those_of_a_ratio_by_hand(self) -> None:
        # costs 40, 60 of customers, mean 50: influences (40-50)/2 and (60-50)/2; variance 2 x 25 x 2/1 = 100, se 10: 50 exp(-/+ 1.96 x 0.2)
        row = cs.ltv_to_cac(company({"a": 40.0, "b": 60.0}, SOLD), horizon="12mo").set_index("metric").loc["acquisition_cost"]
        assert row["conf_low"] == pytest.approx(50 * np.exp(-1.959964 * 0.2))
        assert row["conf_high"] == pytest.approx(50 * np.exp(1.959964 * 0.2))

    @pytest.mark.slow
    def test_naive_takes_the_customers_alone(self) -> None:
        sold = phases(("s1", "a", "2025-01-01", "2026-12-10", 90.0), ("s2", "b", "2025-01-01", None, 30.0))
        table = cs.ltv_to_cac(company({"a": 40.0, "b": 60.0, "c": 500.0}, sold), horizon="12mo")
        assert value(table, "ltv_to_cac_naive") == pytest.approx(30 / (1 / 2) / 50)  # ARPA 30 at the end of December, one of two left

    @pytest.mark.slow
    def test_without_any_cost_it_is_an_error(self) -> None:
        with pytest.raises(cs.errors.NotEnoughDataError, match="no account has an acquisition cost"):
            cs.ltv_to_cac(company({"a": None, "b": None}, SOLD))
        with pytest.raises(cs.errors.MissingColumnsError, match="acquisition_cost"):
            cs.ltv_to_cac(cs.read_dataset({"accounts": accounts(a="2025-01-01", b="2025-01-01"), "subscriptions": SOLD}, as_of="2026-12-31"))


class TestPayback:
    @pytest.mark.slow
    def test_by_hand(self) -> None:
        # 1 a day until day 100, then 1/2: 125 are reached after 100 + 25/0.5 = 150 days
        table = cs.cac_payback(company({"a": 125.0, "b": 125.0}, SOLD), horizon="12mo")
        assert value(table, "cac_payback") == pytest.approx(150.0)

    @pytest.mark.slow
    def test_a_cost_that_is_never_reached_has_no_payback(self) -> None:
        table = cs.cac_payback(company({"a": 151.0, "b": 151.0}, SOLD), horizon="12mo")
        assert table.loc[0, ["estimate", "conf_low", "conf_high"]].isna().all()

    @pytest.mark.slow
    def test_an_upper_limit_beyond_the_horizon_is_open(self) -> None:
        table = cs.cac_payback(company({"a": 20.0, "b": 200.0}, SOLD), horizon="140d")
        assert 100 < table.loc[0, "estimate"] < 140
        assert table.loc[0, "conf_low"] > 0
        assert np.isnan(table.loc[0, "conf_high"])

    @pytest.mark.slow
    def test_naive_takes_it_that_nobody_leaves(self) -> None:
        sold = phases(("s1", "a", "2025-01-01", None, 100.0), ("s2", "b", "2025-01-01", None, 50.0))
        table = cs.cac_payback(company({"a": 100.0, "b": 200.0}, sold), margin=0.5)
        assert value(table, "cac_payback_naive") == pytest.approx(150 / (75 * 0.5) * MONTH)
        assert value(table, "cac_payback") == pytest.approx(value(table, "cac_payback_naive"))  # here nobody does


class TestCustomerRoi:
    def paid(self) -> pd.DataFrame:
        """Return what makes a pay 3 x 100 and b 3 x 200, and c nothing."""
        return phases(("s1", "a", "2025-01-01", "2025-04-01", 100.0), ("s2", "b", "2025-01-01", "2025-04-01", 200.0))

    def test_benefit_less_payment_over_payment(self) -> None:
        ds = company({"a": None, "b": None, "c": None}, self.paid(), benefit=[600.0, 750.0, 9999.0])
        table = cs.customer_roi(ds)
        assert value(table, "customer_roi") == pytest.approx((1350 - 900) / 900)  # c has not paid
        assert value(table, "revenue_per_customer") == pytest.approx(450.0)
        assert value(table, "benefit_known") == 1.0

    def test_a_missing_benefit_is_not_0(self) -> None:
        ds = company({"a": None, "b": None}, self.paid(), benefit=[600.0, None])
        table = cs.customer_roi(ds)
        assert value(table, "customer_roi") == pytest.approx(1.0)  # (600 - 300) / 300
        assert value(table, "benefit_known") == 0.5

    def test_dated_benefits_after_as_of_do_not_count(self) -> None:
        at = pd.to_datetime(["2025-02-01", "2025-03-01", "2027-02-01"], utc=True)
        gained = pd.DataFrame({"account_id": ["a", "a", "a"], "amount": [200.0, 250.0, 10_000.0], "at": at})
        assert value(cs.customer_roi(company({"a": None, "b": None}, self.paid()), benefit=gained), "customer_roi") == pytest.approx(0.5)

    def test_orders_are_payments_too(self) -> None:
        bought = pd.DataFrame(
            {"order_id": [1, 2], "account_id": "a", "ordered_at": pd.to_datetime(["2025-02-01", "2025-05-09"], utc=True), "amount": [60.0, 40.0]}
        )
        known = accounts(a="2025-01-01").assign(benefit=150.0)
        ds = cs.read_dataset({"accounts": known, "orders": bought.assign(currency="EUR")}, as_of="2026-12-31")
        assert value(cs.customer_roi(ds), "customer_roi") == pytest.approx(0.5)

    def test_a_missing_column_and_text_are_refused(self) -> None:
        ds = company({"a": None, "b": None}, self.paid(), segment=["x", "y"])
        with pytest.raises(cs.errors.MissingColumnsError, match="no column 'benefit'"):
            cs.customer_roi(ds)
        with pytest.raises(cs.errors.ParameterError, match="benefit must name a column of `accounts` with amounts"):
            cs.customer_roi(ds, benefit="segment")
        with pytest.raises(cs.errors.MissingColumnsError, match="amount"):
            cs.customer_roi(ds, benefit=pd.DataFrame({"account_id": ["a"]}))
        with pytest.raises(cs.errors.ParameterError, match="instants with a time zone"):
            cs.customer_roi(ds, benefit=pd.DataFrame({"account_id": ["a"], "amount": [1.0], "at": ["2025-01-01"]}))


@pytest.mark.slow
def test_limits_hold_the_truth_as_often_as_they_promise() -> None:
    # 300 groups of 80 customers who leave at a constant rate of 1/400 a day and pay 1 or 3 a day, at costs of 50 or 150
    rng, count = np.random.default_rng(9), 300 * 80
    end = pd.Timestamp("2027-01-01", tz="UTC")
    starts = end - pd.to_timedelta(rng.integers(1, 700, count), "D")
    ends = starts + pd.to_timedelta(np.ceil(rng.exponential(400, count)), "D")
    known = pd.DataFrame({"account_id": [f"a{k}" for k in range(count)], "started_at": starts, "part": np.arange(count) % 300})
    known["acquisition_cost"] = rng.choice([50.0, 150.0], count)
    sold = known[["account_id", "started_at"]].assign(subscription_id=known["account_id"], ended_at=pd.Series(ends).where(ends < end))
    sold = sold.assign(mrr=MONTH * rng.choice([1.0, 3.0], count), currency="EUR")
    table = cs.ltv_to_cac(cs.read_dataset({"accounts": known, "subscriptions": sold}, as_of="2026-12-31"), horizon="180d", discount_rate=0, by="part")
    found = table[table["metric"] == "ltv_to_cac"]
    truth = 2 * np.exp(-np.arange(180) / 400).sum() / 100  # alive on day k with chance e^(-k/400): lives are rounded up to whole days
    inside = ((found["conf_low"] <= truth) & (truth <= found["conf_high"])).mean()
    assert 0.91 <= inside <= 0.98  # 95 % with a simulation error of 1.3 points
