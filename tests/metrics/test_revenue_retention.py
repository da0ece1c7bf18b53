"""Retention of revenue by hand, against vendors' worked examples, and by its identities."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from helpers import accounts, phases

Rows = tuple[str, str, str, str | None, float]
RISES = [  # per account: what it pays in January and what it pays in February
    ("a", 100, 130),
    ("b", 200, 150),
    ("c", 50, 0),
    ("d", 0, 80),
    ("e", 400, 400),
]


def two_months(payments: list[tuple[str, float, float]], **options: object) -> cs.Dataset:
    """Return accounts that pay one amount in January and another in February of 2026, as of the end of February."""
    rows: list[Rows] = []
    for name, january, february in payments:
        rows += [(f"{name}1", name, "2026-01-05", "2026-02-10", january)] if january else []
        rows += [(f"{name}2", name, "2026-02-10", None, february)] if february else []
    tables = {"accounts": accounts(**{name: "2026-01-01" for name, *_ in payments}), "subscriptions": phases(*rows)}
    return cs.read_dataset(tables, as_of="2026-02-28", **options)  # type: ignore[arg-type]


def only(table: pd.DataFrame, metric: str) -> pd.Series:
    """Return the one row of a metric."""
    rows = table[table["metric"] == metric]
    assert len(rows) == 1
    return rows.iloc[0]


class TestNetRevenueRetention:
    def test_customers_of_then_now_over_then(self) -> None:
        row = only(cs.net_revenue_retention(two_months(RISES), window="1mo"), "net_revenue_retention")
        assert row["estimate"] == pytest.approx(680 / 750)  # (130 + 150 + 0 + 400) / (100 + 200 + 50 + 400); d was not there
        assert row["n"] == 4
        assert row["period"] == pd.Timestamp("2026-02-01")
        assert row["unit"] == "ratio"

    @pytest.mark.slow
    def test_rolling_adds_up_movements_over_the_opening(self) -> None:
        row = only(cs.net_revenue_retention(two_months(RISES), window="1mo", form="rolling"), "net_revenue_retention")
        assert row["estimate"] == pytest.approx(1 + (30 - 50 - 50) / 750)  # expansion 30, contraction 50, churn 50
        assert row["n"] == 4

    @pytest.mark.slow
    def test_the_two_forms_differ_by_customers_who_joined_since(self) -> None:
        sold = phases(
            ("a", "a", "2026-01-05", None, 100),
            ("b", "b", "2026-02-05", "2026-03-10", 60),  # joined after January and left before the end of March
        )
        ds = cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01"), "subscriptions": sold}, as_of="2026-03-31")
        last = {form: cs.net_revenue_retention(ds, window="2mo", form=form)["estimate"].iloc[-1] for form in ("cohort", "rolling")}
        assert last == {"cohort": pytest.approx(1.0), "rolling": pytest.approx(1 - 60 / 100)}

    @pytest.mark.slow
    def test_a_customer_who_came_back_counts_with_what_it_pays_now(self) -> None:
        sold = phases(("a1", "a", "2026-01-05", "2026-02-05", 100), ("a2", "a", "2026-03-05", None, 70), ("b", "b", "2026-01-05", None, 100))
        ds = cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01"), "subscriptions": sold}, as_of="2026-03-31")
        assert cs.net_revenue_retention(ds, window="2mo")["estimate"].tolist() == [pytest.approx(0.85)]
        assert cs.net_revenue_retention(ds, window="2mo", form="rolling")["estimate"].tolist() == [pytest.approx(0.85)]  # 1 + (-100 + 70) / 200
        without = cs.net_revenue_retention(ds, window="2mo", form="rolling", reactivation=False)
        assert without["estimate"].tolist() == [pytest.approx(0.5)]  # 1 - 100 / 200

    def test_a_change_of_plan_belongs_to_the_plan_of_then(self) -> None:
        sold = phases(
            ("a1", "a", "2026-01-05", "2026-02-10", 100), ("a2", "a", "2026-02-10", None, 150), ("b", "b", "2026-01-05", None, 50), plan=["x", "y", "y"]
        )
        ds = cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01"), "subscriptions": sold}, as_of="2026-02-28")
        table = cs.net_revenue_retention(ds, window="1mo", by="plan").set_index("plan")["estimate"]
        assert table.to_dict() == {"x": pytest.approx(1.5), "y": pytest.approx(1.0)}

    @pytest.mark.slow
    def test_what_a_customer_of_two_plans_pays_is_divided_as_it_was_then(self) -> None:
        sold = phases(
            ("s", "a", "2026-01-05", None, 30),
            ("t", "a", "2026-01-05", "2026-02-10", 90),
            ("u", "a", "2026-02-10", None, 10),
            plan=["x", "y", "y"],
        )
        ds = cs.read_dataset({"accounts": accounts(a="2026-01-01"), "subscriptions": sold}, as_of="2026-02-28")
        net, gross = (measure(ds, window="1mo", by="plan")["estimate"].tolist() for measure in (cs.net_revenue_retention, cs.gross_revenue_retention))
        assert net == [pytest.approx(40 / 120)] * 2  # 30 x 40/120 of 30, 90 x 40/120 of 90
        assert gross == [pytest.approx(40 / 120)] * 2

    def test_the_last_row_ends_at_as_of_and_a_month_without_customers_then_has_none(self) -> None:
        sold = phases(("a", "a", "2026-02-05", None, 100))
        ds = cs.read_dataset({"accounts": accounts(a="2026-01-01"), "subscriptions": sold}, as_of="2026-05-10")
        assert cs.net_revenue_retention(ds, window="2mo")["period"].dt.month.tolist() == [4, 5]

    def test_months_after_everybody_left_are_0_with_a_lower_limit(self) -> None:
        sold = phases(*[(name, name, "2026-01-05", "2026-02-05", 100) for name in "abcd"])
        ds = cs.read_dataset({"accounts": accounts(**dict.fromkeys("abcd", "2026-01-01")), "subscriptions": sold}, as_of="2026-02-28")
        row = only(cs.net_revenue_retention(ds, window="1mo"), "net_revenue_retention")
        assert row[["estimate", "conf_low"]].tolist() == [0, 0]
        assert np.isnan(row["conf_high"])

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"form": "total"}, "form must be"),
            ({"window": "30d"}, "whole calendar months"),
            ({"window": 12}, "unit"),
            ({"interval": "wald"}, "interval must be"),
        ],
    )
    def test_options_are_checked(self, options: dict[str, object], message: str) -> None:
        with pytest.raises(cs.errors.ParameterError, match=message):
            cs.net_revenue_retention(two_months(RISES), **options)

    @pytest.mark.slow
    def test_a_figure_published_by_a_vendor(self) -> None:
        # ChurnZero, Churnopedia: 27,000 at the start, 8,000 of upsells, 5,000 churned: 30,000 / 27,000 = 111 %.
        ds = two_months([("a", 22_000, 30_000), ("b", 5_000, 0)])
        for form in ("cohort", "rolling"):
            assert round(cs.net_revenue_retention(ds, window="1mo", form=form)["estimate"].iloc[0], 2) == 1.11

    @pytest.mark.slow
    def test_currencies_do_not_make_retention(self) -> None:
        rates = pd.DataFrame({"month": ["2026-01", "2026-02"], "currency": "USD", "rate": [1.0, 0.5]})
        sold = phases(("a", "a", "2026-01-05", None, 100), ("b", "b", "2026-01-05", None, 100), currency=["USD", "EUR"])
        ds = cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01"), "subscriptions": sold, "rates": rates}, as_of="2026-02-28")
        for measure in (cs.net_revenue_retention, cs.gross_revenue_retention):
            assert measure(ds, window="1mo")["estimate"].tolist() == [1.0]
        assert cs.net_revenue_retention(ds, window="1mo", form="rolling")["estimate"].tolist() == [1.0]


class TestGrossRevenueRetention:
    def test_each_customer_is_capped_at_what_it_paid_then(self) -> None:
        row = only(cs.gross_revenue_retention(two_months(RISES), window="1mo"), "gross_revenue_retention")
        assert row["estimate"] == pytest.approx((100 + 150 + 0 + 400) / 750)  # capped from totals it would be 680 / 750
        assert row["n"] == 4
        assert row["unit"] == "share"

    @pytest.mark.slow
    @pytest.mark.parametrize("by", [None, "plan", "segment"])
    def test_it_is_at_most_1_and_at_most_net(self, by: str | None) -> None:
        ds, _ = cs.simulate_company(accounts=120, months=20, seed=5)
        net, gross = (measure(ds, by=by)["estimate"].to_numpy() for measure in (cs.net_revenue_retention, cs.gross_revenue_retention))
        assert len(gross) > 7
        assert (gross <= 1).all()
        assert (gross <= net).all()

    @pytest.mark.slow
    def test_the_bootstrap_is_repeatable_and_agrees_roughly(self) -> None:
        ds, _ = cs.simulate_company(accounts=300, months=14, seed=5)
        first, again = (cs.gross_revenue_retention(ds, interval="bootstrap", rng=4) for _ in range(2))
        pd.testing.assert_frame_equal(first, again)
        linear = cs.gross_revenue_retention(ds)
        assert (first["estimate"] == linear["estimate"]).all()
        widths = [(table["conf_high"] - table["conf_low"]).to_numpy() for table in (first, linear)]
        assert (abs(np.log(widths[0] / widths[1])) < 0.5).all()


class TestWithoutLargest:
    def test_the_largest_then_are_left_out_whatever_became_of_them(self) -> None:
        table = cs.net_revenue_retention_without_largest(two_months(RISES), left_out=[1, 2, "60%"], window="1mo")
        found = table.pivot_table(index="accounts_left_out", columns="metric", values="estimate")
        assert found["net_revenue_retention_without_largest"].to_dict() == {1: pytest.approx(280 / 350), 2: pytest.approx(130 / 150), 3: 0.0}
        assert found["gross_revenue_retention_without_largest"].to_dict() == {1: pytest.approx(250 / 350), 2: pytest.approx(100 / 150), 3: 0.0}
        assert found["largest_share"].to_dict() == {1: pytest.approx(400 / 750), 2: pytest.approx(600 / 750), 3: pytest.approx(700 / 750)}  # 60 % of 4 is 3

    def test_entries_of_the_same_number_are_one_row_and_nobody_is_none(self) -> None:
        table = cs.net_revenue_retention_without_largest(two_months(RISES), left_out=[1, "1%", 4], window="1mo")
        assert table["accounts_left_out"].tolist() == [1, 1, 1]

    @pytest.mark.parametrize("wrong", [[0], ["0%"], ["x"], [True], "1%", [], [1.5]])
    def test_an_entry_is_a_number_or_a_percentage(self, wrong: object) -> None:
        with pytest.raises(cs.errors.ParameterError, match="left_out must be"):
            cs.net_revenue_retention_without_largest(two_months(RISES), left_out=wrong, window="1mo")


class TestRevenueChurnRate:
    @pytest.mark.slow
    def test_losses_over_the_opening_and_their_two_parts(self) -> None:
        table = cs.revenue_churn_rate(two_months(RISES)).set_index("metric")
        assert table["estimate"].to_dict() == {
            "revenue_churn_rate": pytest.approx(100 / 750),  # c left with 50, b pays 50 less
            "churned_revenue_share": pytest.approx(50 / 750),
            "contracted_revenue_share": pytest.approx(50 / 750),
        }
        assert table["n"].tolist() == [4, 4, 4]

    @pytest.mark.slow
    def test_a_month_that_is_not_over_has_no_row(self) -> None:
        ds = two_months(RISES)
        assert cs.revenue_churn_rate(ds.at("2026-02-27")).empty
        assert cs.revenue_churn_rate(ds)["period"].dt.month.unique().tolist() == [2]

    @pytest.mark.slow
    def test_a_month_without_loss_is_0_with_an_upper_limit(self) -> None:
        row = cs.revenue_churn_rate(two_months([(name, 10, 10) for name in "abcdefgh"])).iloc[0]
        assert row["estimate"] == 0
        assert row["conf_low"] == 0
        assert row["conf_high"] == pytest.approx(3.8414588 / (8 + 3.8414588), abs=1e-6)  # Wilson for 0 of 8: z^2 / (n + z^2)

    @pytest.mark.slow
    def test_rates_alone_are_no_loss(self) -> None:
        rates = pd.DataFrame({"month": ["2026-01", "2026-02"], "currency": "USD", "rate": [1.0, 0.5]})
        sold = phases(("a", "a", "2026-01-05", None, 100), ("b", "b", "2026-01-05", "2026-02-10", 60), currency=["USD", "EUR"])
        ds = cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01"), "subscriptions": sold, "rates": rates}, as_of="2026-02-28")
        row = cs.revenue_churn_rate(ds).iloc[0]
        assert row["estimate"] == pytest.approx(60 / 110)  # of 50 + 60 at February's rates


@pytest.mark.slow
@pytest.mark.coverage
def test_limits_hold_the_truth_as_often_as_the_docstrings_say(repository: Path) -> None:
    """A part of benchmarks/coverage/revenue.py: 300 groups of 60 accounts with heavy-tailed amounts."""
    study = runpy.run_path(str(repository / "benchmarks" / "coverage" / "revenue.py"))
    found = pd.DataFrame(study["metrics"](300, np.random.default_rng(3), settings=[(60, 1.5)]))
    assert len(found) == 5
    assert found["coverage"].between(0.86, 1.0).all()  # simulation error 1.3 points
