"""Lifetime value: by hand, in closed form, of a simulated company, and where it is not known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.helpers import accounts, phases

import cs_analysis as cs
from cs_analysis.stats.discounting import discount_factors

MONTH = 30.4375


def value(table: pd.DataFrame, metric: str = "customer_lifetime_value") -> float:
    """Return the one estimate of a metric."""
    return float(table.loc[table["metric"] == metric, "estimate"].item())


def company(*rows: tuple[str, str | None, float], as_of: str = "2026-12-31", **columns: object) -> cs.Dataset:
    """Return customers from (start, end, mrr), as many accounts."""
    names = [f"a{number}" for number in range(len(rows))]
    sold = phases(*[(f"s{name}", name, start, end, amount) for name, (start, end, amount) in zip(names, rows, strict=True)])
    known = accounts(**{name: start for name, (start, _, _) in zip(names, rows, strict=True)}).assign(**columns)
    return cs.read_dataset({"accounts": known, "subscriptions": sold}, as_of=as_of)


EVERYONE_LEFT = [("2025-01-01", "2025-04-11", 100.0), ("2025-01-01", "2025-07-20", 100.0)]  # after 100 and 200 days


class TestByHand:
    @pytest.mark.slow
    def test_days_lived_times_amount_a_day(self) -> None:
        # both pay 100 a month: (100 + 200) / 2 days x 100 / 30.4375 = 492.81
        table = cs.customer_lifetime_value(company(*EVERYONE_LEFT), horizon="12mo", discount_rate=0)
        assert value(table) == pytest.approx(150 * 100 / MONTH)
        assert table.loc[0, "family"] == "kaplan_meier"
        assert value(table, "beyond_data_share") == 0.0
        assert value(table, "value_within_data") == value(table)

    @pytest.mark.slow
    def test_the_horizon_cuts(self) -> None:
        table = cs.customer_lifetime_value(company(*EVERYONE_LEFT), horizon="150d", discount_rate=0)
        assert value(table) == pytest.approx((100 + 50 / 2) * 100 / MONTH)

    @pytest.mark.slow
    def test_margin_and_discount(self) -> None:
        table = cs.customer_lifetime_value(company(*EVERYONE_LEFT), horizon="12mo", discount_rate=0.1, margin=0.8)
        days = np.arange(200) + 0.5
        lives = np.where(days < 100, 1.0, 0.5)
        assert value(table) == pytest.approx(0.8 * 100 / MONTH * float(lives @ discount_factors(days, discount_rate=0.1)))

    @pytest.mark.slow
    def test_everybody_gone_leaves_no_present_customers(self) -> None:
        table = cs.customer_lifetime_value(company(*EVERYONE_LEFT))
        assert "residual_lifetime_value" not in set(table["metric"])

    @pytest.mark.slow
    def test_naive_is_arpa_over_churn(self) -> None:
        # at the start of December 4 customers, one leaves in it: churn 1/4; at its end 3 pay 10 + 20 + 60: ARPA 30; 30 x 0.5 / (1/4) = 60
        rows = [("2026-01-01", None, 10.0), ("2026-02-01", None, 20.0), ("2026-02-01", None, 60.0), ("2026-03-01", "2026-12-15", 99.0)]
        table = cs.customer_lifetime_value(company(*rows), margin=0.5, horizon="3mo")
        assert value(table, "customer_lifetime_value_naive") == pytest.approx(60.0)

    @pytest.mark.slow
    def test_naive_is_missing_in_a_month_without_churn(self) -> None:
        table = cs.customer_lifetime_value(company(("2026-01-01", None, 10.0), ("2026-02-01", None, 20.0)), horizon="3mo")
        assert np.isnan(value(table, "customer_lifetime_value_naive"))

    def test_how_often_a_month_has_no_churn(self) -> None:
        assert pytest.approx(0.22, abs=0.005) == 0.97**50  # the 22 % of the docstring

    @pytest.mark.slow
    def test_expansion_counts_at_its_age(self) -> None:
        names = [f"a{k}" for k in range(4)]
        sold = phases(
            *[(f"s{name}", name, "2025-01-01", "2025-07-01", 100.0) for name in names], *[(f"s{name}", name, "2025-07-01", None, 200.0) for name in names]
        )
        ds = cs.read_dataset({"accounts": accounts(**dict.fromkeys(names, "2025-01-01")), "subscriptions": sold}, as_of="2026-12-31")
        found = value(cs.customer_lifetime_value(ds, horizon="12mo", discount_rate=0))
        assert found == pytest.approx(6 * 100 + 6 * 200, rel=0.01)  # months of age are not calendar months

    @pytest.mark.slow
    def test_what_a_new_customer_of_many_currencies_is_worth_is_in_one(self) -> None:
        sold = phases(("s0", "a0", "2025-01-01", "2025-04-11", 100.0), ("s1", "a1", "2025-01-01", "2025-04-11", 50.0)).assign(currency=["EUR", "USD"])
        rates = pd.DataFrame({"month": pd.date_range("2025-01-01", periods=24, freq="MS").date, "currency": "USD", "rate": 2.0})
        tables = {"accounts": accounts(a0="2025-01-01", a1="2025-01-01"), "subscriptions": sold, "rates": rates}
        table = cs.customer_lifetime_value(cs.read_dataset(tables, as_of="2026-12-31", currency="EUR"), horizon="12mo", discount_rate=0)
        assert value(table) == pytest.approx(100 * 100 / MONTH)
        assert table.loc[0, "unit"] == "EUR"


class TestNotKnown:
    @pytest.mark.slow
    def test_nobody_left_within_the_data_is_fine_and_beyond_is_not_known(self) -> None:
        ds = company(*[("2025-01-01", None, 100.0)] * 12)  # seen for two years
        within = cs.customer_lifetime_value(ds, horizon="12mo", discount_rate=0)
        assert value(within) == pytest.approx(365 * 100 / MONTH)
        beyond = cs.customer_lifetime_value(ds, horizon="36mo", discount_rate=0)
        assert np.isnan(value(beyond))
        assert value(beyond, "value_within_data") == pytest.approx(730 * 100 / MONTH)
        assert "lifetime_value_by_family" not in set(beyond["metric"])
        assert beyond.loc[0, "family"] is None

    @pytest.mark.slow
    def test_one_account_has_no_limits(self) -> None:
        table = cs.customer_lifetime_value(company(("2025-01-01", None, 100.0)), horizon="6mo")
        assert table.loc[0, ["conf_low", "conf_high"]].isna().all()
        assert table.loc[0, "n"] == 1

    def test_nobody_ever_a_customer_is_an_error(self) -> None:
        ds = company(("2025-01-01", None, 0.0)).at("2024-12-31")
        with pytest.raises(cs.errors.CSAnalysisError):
            cs.customer_lifetime_value(ds)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"horizon": 36}, "horizon must say its unit"),
            ({"margin": 80}, "margin must be a share"),
            ({"discount_rate": -0.1}, "discount_rate must be a rate a year"),
            ({"relationship": "orders"}, "needs rows in `orders`"),
            ({"by": "shoe_size"}, "no column 'shoe_size'"),
        ],
    )
    def test_misuse_is_refused(self, options: dict, message: str) -> None:
        with pytest.raises(cs.errors.CSAnalysisError, match=message):
            cs.customer_lifetime_value(company(*EVERYONE_LEFT), **options)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    starts = pd.Timestamp("2026-12-31") - pd.to_timedelta(rng.integers(10, 700, 400), "D")
    ends = starts + pd.to_timedelta(np.ceil(rng.exponential(400, 400)), "D")
    rows = [(f"{start:%Y-%m-%d}", f"{end:%Y-%m-%d}" if end < pd.Timestamp("2026-12-31") else None, 100.0) for start, end in zip(starts, ends, strict=True)]
    return cs.customer_lifetime_value(company(*rows), horizon="48mo", discount_rate=0)


@pytest.mark.lifelines
class TestExtrapolation:
    @pytest.mark.slow
    def test_constant_hazard(self, table: pd.DataFrame) -> None:
        truth = 100 / MONTH * 400 * (1 - np.exp(-1461 / 400))
        row = table[table["metric"] == "customer_lifetime_value"].iloc[0]
        assert row["conf_low"] < truth < row["conf_high"]
        assert row["estimate"] == pytest.approx(truth, rel=0.15)
        residual = table[table["metric"] == "residual_lifetime_value"].iloc[0]
        assert residual["conf_low"] < truth < residual["conf_high"]  # no memory: a present customer is worth a new one

    @pytest.mark.slow
    def test_every_family_answers_and_the_chosen_one_is_the_value(self, table: pd.DataFrame) -> None:
        families = table[table["metric"] == "lifetime_value_by_family"].set_index("family")
        chosen = table[table["metric"] == "customer_lifetime_value"].iloc[0]
        assert {"weibull", "log_normal", "log_logistic"} <= set(families.index)
        assert families.loc[chosen["family"], "estimate"] == chosen["estimate"]
        weights = table[table["metric"] == "family_weight"].set_index("family")["estimate"]
        assert weights.idxmax() == chosen["family"]
        assert weights.sum() == pytest.approx(1)
        gaps = table[table["metric"] == "survival_fit_gap"].set_index("family")["estimate"]
        assert gaps["weibull"] < 0.08

    def test_the_share_beyond_the_data(self, table: pd.DataFrame) -> None:
        share = 1 - value(table, "value_within_data") / value(table)
        assert value(table, "beyond_data_share") == pytest.approx(share)
        assert 0.1 < share < 0.3  # e^(-690/400) = 0.18

    def test_the_base_is_the_mean_times_its_customers(self, table: pd.DataFrame) -> None:
        mean = table[table["metric"] == "residual_lifetime_value"].iloc[0]
        assert value(table, "customer_base_value") == pytest.approx(mean["estimate"] * mean["n"])


@pytest.mark.slow
@pytest.mark.lifelines
def test_the_value_of_a_simulated_company_within_its_data() -> None:
    ds, truth = cs.simulate_company(accounts=4000, months=24, seed=7)
    table = cs.customer_lifetime_value(ds, horizon="12mo", discount_rate=0.1)
    curve = truth.of("survival", policy="default").set_index("time_days")["value"]
    # the true days lived within the horizon, discounted, times ARPA: what is left out is that amounts and survival go together
    row = table[table["metric"] == "customer_lifetime_value"].iloc[0]
    lived = float((curve.reindex(range(1, 366)).to_numpy() * discount_factors(np.arange(365) + 0.5, discount_rate=0.1)).sum())
    arpa = cs.arpa(ds)
    last = arpa.loc[arpa["metric"] == "arpa", "estimate"].iloc[-1]
    assert row["estimate"] == pytest.approx(lived / MONTH * last, rel=0.15)


@pytest.fixture(scope="module")
def ds() -> cs.Dataset:
    """Accounts that buy at random while they are there: 0.02 a day, for 300 days on average, at 50 on average."""
    rng = np.random.default_rng(12)
    rows, begin = [], pd.Timestamp("2025-01-01", tz="UTC")
    known = pd.DataFrame({"account_id": [f"a{k}" for k in range(500)], "started_at": begin})
    for name in known["account_id"]:
        rate, life, mean = rng.gamma(2, 0.01), rng.exponential(300), 25 * rng.gamma(4, 0.5)
        days = np.unique(np.append(0, np.floor(np.sort(rng.uniform(0, life, rng.poisson(rate * life))))))
        amounts = np.round(mean * rng.gamma(4, 0.25, len(days)), 2) + 0.01
        rows.append(pd.DataFrame({"account_id": name, "ordered_at": begin + pd.to_timedelta(days, "D"), "amount": amounts}))
    table = pd.concat(rows, ignore_index=True)
    return cs.read_dataset({"accounts": known, "orders": table.assign(order_id=range(len(table)), currency="EUR")}, as_of="2026-06-30")


class TestOrders:
    @pytest.mark.slow
    def test_first_purchase_and_repeats(self, ds: cs.Dataset) -> None:
        table = cs.customer_lifetime_value(ds, horizon="12mo", discount_rate=0)
        truth = 50 * (1 + 0.02 * 300 * (1 - np.exp(-365 / 300)))  # 1 first purchase and 0.02 a day over the days lived of a year
        row = table.iloc[0]
        assert len(table) == 1
        assert row["family"] == "bg_nbd"
        assert row["estimate"] == pytest.approx(truth, rel=0.12)
        bought = ds.tables["orders"].to_pandas()
        year = bought["ordered_at"] < pd.Timestamp("2026-01-01", tz="UTC")
        assert row["conf_low"] < float(bought.loc[year, "amount"].astype(float).sum()) / 500 < row["conf_high"]

    @pytest.mark.slow
    def test_margin_is_a_factor(self, ds: cs.Dataset) -> None:
        half, whole = (cs.customer_lifetime_value(ds, horizon="12mo", margin=margin).iloc[0] for margin in (0.5, 1.0))
        np.testing.assert_allclose(half[["estimate", "conf_low", "conf_high"]].astype(float) * 2, whole[["estimate", "conf_low", "conf_high"]].astype(float))

    @pytest.mark.slow
    def test_a_contract_is_refused(self, ds: cs.Dataset) -> None:
        with pytest.raises(cs.errors.ParameterError, match="relationship='contract' needs rows"):
            cs.customer_lifetime_value(ds, relationship="contract")
