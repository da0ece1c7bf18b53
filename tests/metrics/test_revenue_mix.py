"""Quick ratio, revenue per account and user, and the parts of a change, by hand and against published examples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from helpers import accounts, events, phases, utc


def january_and_february(*payments: tuple[str, float, float], plans: dict[str, tuple[str, str]] | None = None, **tables: pd.DataFrame) -> cs.Dataset:
    """Return accounts that pay one amount in January and another from 10 February 2026 on, in a plan each time, as of the end of February."""
    rows, names = [], []
    for name, january, february in payments:
        plan = (plans or {}).get(name, ("x", "x"))
        if january:
            rows.append((f"{name}1", name, "2026-01-05", "2026-02-10", january))
            names.append(plan[0])
        if february:
            rows.append((f"{name}2", name, "2026-02-10", None, february))
            names.append(plan[1])
    people = accounts(**{name: "2026-01-01" for name, *_ in payments})
    return cs.read_dataset({"accounts": people, "subscriptions": phases(*rows, plan=names), **tables}, as_of="2026-02-28")


def parts(table: pd.DataFrame) -> dict[str, float]:
    return dict(zip(table["part"], table["estimate"].round(10), strict=True))


class TestQuickRatio:
    @pytest.mark.slow
    def test_gains_over_losses(self) -> None:
        ds = january_and_february(("a", 100, 130), ("b", 200, 150), ("c", 50, 0), ("d", 0, 80))
        first, row = (line for _, line in cs.quick_ratio(ds).iterrows())
        assert row["estimate"] == pytest.approx((80 + 30) / (50 + 50))
        assert row["n"] == 4
        assert np.isnan(first["estimate"])  # in January all is new and nothing lost
        assert first["n"] == 3

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("new", "expansion", "churn", "contraction", "ratio"),
        [
            (25_000, 10_000, 8_000, 4_000, 2.92),  # The Prime Calculator, "SaaS Quick Ratio Calculator Formula"
            (20_000, 8_000, 5_000, 3_000, 3.5),  # PitchKit glossary, "Quick ratio"
            (5_000, 1_000, 1_500, 500, 3.0),  # AbraCalc, "SaaS Quick Ratio"
        ],
    )
    def test_published_examples(self, new: int, expansion: int, churn: int, contraction: int, ratio: float) -> None:
        ds = january_and_february(("a", 0, new), ("b", 100, 100 + expansion), ("c", churn, 0), ("d", contraction + 1, 1))
        assert round(cs.quick_ratio(ds)["estimate"].iloc[-1], 2) == ratio

    @pytest.mark.slow
    def test_returning_customers_count_on_request(self) -> None:
        sold = phases(
            ("a1", "a", "2026-01-05", "2026-02-10", 100),
            ("a2", "a", "2026-03-05", None, 60),
            ("b1", "b", "2026-01-05", "2026-03-05", 40),
            ("b2", "b", "2026-03-05", None, 30),
        )
        ds = cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01"), "subscriptions": sold}, as_of="2026-03-31")
        assert cs.quick_ratio(ds)["estimate"].iloc[-1] == 0  # no new, no expansion; 10 lost
        assert cs.quick_ratio(ds, reactivation=True)["estimate"].iloc[-1] == pytest.approx(60 / 10)


class TestArpa:
    def test_revenue_over_paying_accounts(self) -> None:
        table = cs.arpa(january_and_february(("a", 100, 130), ("b", 200, 0), ("c", 0, 50)))
        assert table["estimate"].tolist() == [pytest.approx(150.0), pytest.approx(90.0)]
        assert table["n"].tolist() == [2, 2]
        assert table["unit"].tolist() == ["EUR", "EUR"]

    @pytest.mark.slow
    def test_it_is_mrr_over_its_accounts(self) -> None:
        ds, _ = cs.simulate_company(accounts=80, months=12, seed=2)
        revenue, means = cs.mrr(ds, by="plan"), cs.arpa(ds, by="plan")
        assert means["estimate"].to_numpy() == pytest.approx((revenue["estimate"] / means["n"]).to_numpy())
        assert (means["n"] <= revenue["n"]).all()  # customers at 0 pay nothing

    def test_limits_by_hand(self) -> None:
        row = cs.arpa(january_and_february(("a", 80, 80), ("b", 100, 100), ("c", 120, 120), ("d", 100, 100))).iloc[0]
        # Residuals -20, 0, 20, 0; the larger of the parts 1/4 and 80/400, 100/400, 120/400; sum of e^2 / (1 - h) = 400 / .75 + 400 / .7.
        error = np.sqrt(400 / 0.75 + 400 / 0.7) / 4
        # Effective numbers: of accounts 4, of amounts 400^2 / (6400 + 10000 + 14400 + 10000) = 3.92157. As one set of accounts 2.92157 degrees of
        # freedom, as two (1/4 + 1/3.92157)^2 / (1/(16 x 3) + 1/(15.3787 x 2.92157)) = 5.91840; the cosine 400 / sqrt(4 x 40800) = .990148 lies
        # between: 2.951095, where R's qt(0.975, 2.951095) is 3.212491.
        factor = np.exp(3.212491 * error / 100)
        assert row[["conf_low", "conf_high"]].tolist() == [pytest.approx(100 / factor, rel=1e-6), pytest.approx(100 * factor, rel=1e-6)]


class TestArpu:
    def users(self) -> pd.DataFrame:
        made = utc("2026-01-02", "2026-02-20", "2026-01-03", "2026-01-03", "2026-03-05")
        return pd.DataFrame({"user_id": ["u", "v", "w", "z", "late"], "account_id": ["a", "a", "b", "free", "a"], "created_at": made})

    def test_users_made_before_the_end_of_the_month_of_accounts_that_pay(self) -> None:
        ds = january_and_february(("a", 100, 130), ("b", 20, 20), ("free", 0, 0), users=self.users())
        table = cs.arpu(ds)
        assert table["estimate"].tolist() == [pytest.approx(120 / 2), pytest.approx(150 / 3)]
        assert table["n"].tolist() == [2, 3]

    def test_users_active_in_the_month(self) -> None:
        used = events(
            ("2026-01-10", "a", "u", "login"), ("2026-01-11", "a", "u", "login"), ("2026-02-10", "a", "u", "login"), ("2026-02-11", "b", "w", "login")
        )
        table = cs.arpu(january_and_february(("a", 100, 130), ("b", 20, 20), events=used), users="active")
        assert table["estimate"].tolist() == [pytest.approx(120 / 1), pytest.approx(150 / 2)]

    def test_a_table_that_is_missing_and_an_unknown_kind_are_said(self) -> None:
        ds = january_and_february(("a", 100, 130))
        with pytest.raises(cs.errors.MissingTableError, match="users"):
            cs.arpu(ds)
        with pytest.raises(cs.errors.ParameterError, match="users must be"):
            cs.arpu(ds, users="seats")


class TestArpaChange:
    @pytest.mark.slow
    def test_leaving_new_price_and_mix(self) -> None:
        plans = {"b": ("x", "y")}
        ds = january_and_february(("a", 100, 130), ("b", 200, 300), ("c", 60, 0), ("d", 0, 50), plans=plans)
        # Before: 360 / 3 = 120; those who stay 300 / 2 = 150 then and 430 / 2 = 215 now; all now 480 / 3 = 160.
        assert parts(cs.arpa_change(ds)) == {"price": 15.0, "mix": 50.0, "churn": 30.0, "new": -55.0}
        assert parts(cs.arpa_change(ds, segments=None)) == {"price": 65.0, "mix": 0.0, "churn": 30.0, "new": -55.0}

    def test_a_second_subscription_in_another_plan_is_mix(self) -> None:
        sold = phases(("a", "a", "2026-01-05", None, 100), ("b", "a", "2026-02-05", None, 40), plan=["x", "y"])
        ds = cs.read_dataset({"accounts": accounts(a="2026-01-01"), "subscriptions": sold}, as_of="2026-02-28")
        assert parts(cs.arpa_change(ds)) == {"price": 0, "mix": 40, "churn": 0, "new": 0}

    def test_where_nobody_stays_all_is_new(self) -> None:
        assert parts(cs.arpa_change(january_and_february(("a", 100, 0), ("b", 0, 70)))) == {"price": 0, "mix": 0, "churn": 0, "new": -30}

    def test_data_without_plans_have_no_mix(self) -> None:
        sold = phases(("a1", "a", "2026-01-05", "2026-02-10", 100), ("a2", "a", "2026-02-10", None, 130))
        ds = cs.read_dataset({"accounts": accounts(a="2026-01-01"), "subscriptions": sold}, as_of="2026-02-28")
        assert parts(cs.arpa_change(ds)) == {"price": 30, "mix": 0, "churn": 0, "new": 0}

    @pytest.mark.slow
    def test_exchange_rates_are_a_part_of_their_own(self) -> None:
        rates = pd.DataFrame({"month": ["2026-01", "2026-02"], "currency": "USD", "rate": [1.0, 0.5]})
        sold = phases(
            ("a1", "a", "2026-01-05", "2026-02-10", 100),
            ("a2", "a", "2026-02-10", None, 120),
            ("b", "b", "2026-01-05", None, 60),
            currency=["USD", "USD", "EUR"],
        )
        ds = cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01"), "subscriptions": sold, "rates": rates}, as_of="2026-02-28")
        # 100 are 50 at February's rate (-50 for two accounts), 20 more are 10: from 160 / 2 to 120 / 2.
        assert parts(cs.arpa_change(ds)) == {"price": 5, "mix": 0, "churn": 0, "new": 0, "fx": -25}

    @pytest.mark.slow
    @pytest.mark.parametrize("by", [None, "segment", "plan", ["segment", "plan"]])
    def test_the_parts_add_up_to_the_change(self, by: str | list[str] | None) -> None:
        ds, _ = cs.simulate_company(accounts=150, months=15, seed=8)
        keys = [by] if isinstance(by, str) else by or []
        means = cs.arpa(ds, by=by).set_index([*keys, "period"])["estimate"]
        sums = cs.arpa_change(ds, by=by).groupby([*keys, "period"])["estimate"].sum()
        before = [means[(*key[:-1], key[-1] - pd.offsets.MonthBegin(1)) if keys else key - pd.offsets.MonthBegin(1)] for key in sums.index]
        assert len(sums) > 12
        assert sums.to_numpy() == pytest.approx(means[sums.index].to_numpy() - np.array(before), abs=1e-9)
