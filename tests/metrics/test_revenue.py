"""Revenue and what moves it, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from helpers import accounts, phases, utc

Row = tuple[str, str, str, str | None, float]


def company(*rows: Row, as_of: str = "2026-04-30", rates: dict[str, float] | None = None, **more: list[Any]) -> cs.Dataset:
    """Return a dataset of accounts that started on 2026-01-01 and of the given phases."""
    tables = {"accounts": accounts(**dict.fromkeys(sorted({row[1] for row in rows}), "2025-01-01")), "subscriptions": phases(*rows, **more)}
    if rates:
        tables["rates"] = pd.DataFrame({"month": list(rates), "currency": "USD", "rate": list(rates.values())})
    return cs.read_dataset(tables, as_of=as_of, currency="EUR")


def moved(ds: cs.Dataset, *keys: str, **options: Any) -> dict[Any, float]:
    """Return the movements that are not 0: (month, movement, further keys) -> amount."""
    table = cs.mrr_movements(ds, **options)
    rows = table[table["estimate"] != 0]
    return {(row["period"].month, row["movement"], *(row[key] for key in keys)): row["estimate"] for _, row in rows.iterrows()}


def policy(**choices: Any) -> cs.RevenuePolicy:
    """Return the default policy with other choices."""
    return cs.RevenuePolicy(**choices)


class TestShape:
    def test_every_movement_has_a_row_in_every_month_from_the_first_on(self) -> None:
        table = cs.mrr_movements(company(("s", "a", "2026-02-10", "2026-03-05", 10)))
        assert table["movement"].tolist() == ["new", "expansion", "contraction", "churn", "reactivation", "fx"] * 3  # February, March, April
        assert table["period"].dt.month.tolist() == [2] * 6 + [3] * 6 + [4] * 6
        assert table[["metric", "unit"]].drop_duplicates().values.tolist() == [["mrr_movements", "EUR"]]
        assert table["n"].tolist() == [1, 0, 0, 0, 0, 0] + [0, 0, 0, 1, 0, 0] + [0] * 6
        assert table["conf_low"].isna().all()

    @pytest.mark.slow
    def test_nobody_ever_is_an_empty_table(self) -> None:
        ds = company(("s", "a", "2026-02-10", None, 10), kind=["trial"])
        assert cs.mrr_movements(ds).empty
        assert cs.mrr_movements(ds, by="kind").empty

    @pytest.mark.slow
    def test_the_last_month_ends_at_as_of(self) -> None:
        ds = company(("s", "a", "2026-03-10", None, 10), ("t", "b", "2026-04-10", None, 7), ("u", "b", "2026-04-20", None, 9), as_of="2026-04-15")
        assert moved(ds) == {(3, "new"): 10, (4, "new"): 7}  # the 9 of 20 April are not known yet

    def test_unknown_policies_and_columns_are_refused(self) -> None:
        ds = company(("s", "a", "2026-03-10", None, 10))
        with pytest.raises(cs.errors.ParameterError, match="policy must be a RevenuePolicy or one of default, chartmogul, stripe"):
            cs.mrr_movements(ds, policy="chartmogol")
        with pytest.raises(cs.errors.MissingColumnsError, match="'pln'"):
            cs.mrr_movements(ds, by="pln")

    @pytest.mark.parametrize(
        ("choices", "column"),
        [
            ({"churn_date": "cancel_request"}, "cancelled_at"),
            ({"churn_date": "paid_through"}, "renewal_at"),
            ({"pauses": "revenue"}, "kind"),
            ({"past_due_grace": "30d"}, "kind"),
            ({"annual_plans": "left_out"}, "interval"),
        ],
    )
    def test_a_choice_without_its_column_is_refused(self, choices: dict[str, str], column: str) -> None:
        with pytest.raises(cs.errors.MissingColumnsError, match=column):
            cs.mrr(company(("s", "a", "2026-03-10", None, 10)), policy=policy(**choices))


class TestMovements:
    @pytest.mark.slow
    def test_subscriptions_of_an_account_that_overlap_are_one_customer(self) -> None:
        ds = company(("s", "a", "2026-01-10", "2026-03-10", 10), ("t", "a", "2026-02-10", None, 25))
        # January 10; February 10 + 25 = 35, 25 more; March 25, 10 less
        assert moved(ds) == {(1, "new"): 10, (2, "expansion"): 25, (3, "contraction"): -10}

    @pytest.mark.slow
    def test_a_day_without_a_phase_inside_a_month_is_no_movement(self) -> None:
        ds = company(("s", "a", "2026-01-10", "2026-02-10", 10), ("t", "a", "2026-02-11", None, 10))
        assert moved(ds) == {(1, "new"): 10}

    @pytest.mark.slow
    def test_a_day_without_a_phase_over_a_months_end_is_churn_and_reactivation(self) -> None:
        rows: list[Row] = [("s", "a", "2026-01-10", "2026-02-28T12:00", 10), ("t", "a", "2026-03-01T12:00", None, 12)]
        assert moved(company(*rows)) == {(1, "new"): 10, (2, "churn"): -10, (3, "reactivation"): 12}

    @pytest.mark.slow
    def test_a_gap_shorter_than_the_bridge_is_none_and_one_as_long_is(self) -> None:
        ds = company(("s", "a", "2026-01-10", "2026-02-28T12:00", 10), ("t", "a", "2026-03-01T12:00", None, 12))
        assert moved(ds, policy=policy(bridged_gap="25h")) == {(1, "new"): 10, (3, "expansion"): 2}  # 24 hours; the 10 go on over February's end
        assert moved(ds, policy=policy(bridged_gap="24h")) == {(1, "new"): 10, (2, "churn"): -10, (3, "reactivation"): 12}

    @pytest.mark.slow
    def test_a_change_in_the_middle_of_a_month_is_the_difference_at_its_end(self) -> None:
        ds = company(("s", "a", "2026-01-10", "2026-02-14", 10), ("s", "a", "2026-02-14", "2026-02-20", 50), ("s", "a", "2026-02-20", None, 12))
        assert moved(ds) == {(1, "new"): 10, (2, "expansion"): 2}  # the six days at 50 are netted

    @pytest.mark.slow
    def test_a_change_at_midnight_on_the_first_is_the_new_months(self) -> None:
        ds = company(("s", "a", "2026-01-10", "2026-03-01", 10), ("s", "a", "2026-03-01", None, 15))
        assert moved(ds) == {(1, "new"): 10, (3, "expansion"): 5}

    @pytest.mark.slow
    def test_a_refund_does_not_touch_recurring_revenue(self) -> None:
        ds = company(("s", "a", "2026-01-10", None, 10))
        tables = {name: ds.tables[name].to_pandas() for name in ds.tables}
        orders = pd.DataFrame(
            {"order_id": ["o1", "o2"], "account_id": "a", "ordered_at": utc("2026-02-01", "2026-02-02"), "amount": [50, -50], "currency": "EUR"}
        )
        pd.testing.assert_frame_equal(cs.mrr_movements(cs.read_dataset({**tables, "orders": orders}, as_of="2026-04-30")), cs.mrr_movements(ds))

    @pytest.mark.slow
    def test_a_discount_that_ends_is_an_expansion(self) -> None:
        ds = company(("s", "a", "2026-01-10", "2026-03-10", 10), ("s", "a", "2026-03-10", None, 10), discount=[4, None])
        assert moved(ds) == {(1, "new"): 6, (3, "expansion"): 4}
        assert moved(ds, policy=policy(discounts="gross")) == {(1, "new"): 10}

    @pytest.mark.slow
    def test_an_amount_discounted_altogether_is_a_customer_at_0_or_nobody(self) -> None:
        ds = company(("s", "a", "2026-01-10", "2026-03-10", 10), ("s", "a", "2026-03-10", None, 10), discount=[None, 10])
        assert moved(ds) == {(1, "new"): 10, (3, "contraction"): -10}
        assert moved(ds, policy=policy(zero_amounts="nobody")) == {(1, "new"): 10, (3, "churn"): -10}

    @pytest.mark.slow
    def test_a_customer_at_0_is_counted_as_new(self) -> None:
        table = cs.mrr_movements(company(("s", "a", "2026-01-10", None, 0), as_of="2026-01-31")).set_index("movement")
        assert table.loc["new", ["estimate", "n"]].tolist() == [0, 1]


class TestKinds:
    ROWS: tuple[Row, ...] = (("s", "a", "2026-01-10", "2026-02-10", 10), ("s", "a", "2026-02-10", "2026-03-10", 10), ("s", "a", "2026-03-10", None, 10))

    @pytest.mark.slow
    def test_a_trial_that_converts_is_new_when_it_pays(self) -> None:
        ds = company(*self.ROWS[:2], kind=["trial", "paid"], as_of="2026-02-28")
        assert moved(ds) == {(2, "new"): 10}
        assert moved(ds, policy=policy(trials="revenue")) == {(1, "new"): 10}
        assert moved(ds, policy=policy(trials="customer")) == {(2, "expansion"): 10}  # a customer at 0 since January

    @pytest.mark.slow
    def test_a_pause_is_churn_and_return_or_not_seen_or_a_customer_at_0(self) -> None:
        ds = company(*self.ROWS, kind=["paid", "paused", "paid"])
        assert moved(ds) == {(1, "new"): 10, (2, "churn"): -10, (3, "reactivation"): 10}
        assert moved(ds, policy=policy(pauses="revenue")) == {(1, "new"): 10}
        assert moved(ds, policy=policy(pauses="customer")) == {(1, "new"): 10, (2, "contraction"): -10, (3, "expansion"): 10}

    @pytest.mark.slow
    def test_a_move_to_a_free_plan_is_churn_or_a_customer_at_0(self) -> None:
        ds = company(*self.ROWS, kind=["paid", "free", "free"])
        assert moved(ds) == {(1, "new"): 10, (2, "churn"): -10}
        assert moved(ds, policy=policy(free_plans="customer")) == {(1, "new"): 10, (2, "contraction"): -10}
        assert cs.logo_churn_rate(ds, policy=policy(free_plans="customer")).query("metric == 'logo_churn_rate'")["estimate"].tolist()[1:] == [0, 0, 0]

    @pytest.mark.slow
    def test_past_due_pays_until_it_ends_or_not_or_for_its_grace(self) -> None:
        ds = company(("s", "a", "2026-01-10", "2026-02-10", 10), ("s", "a", "2026-02-10", "2026-04-10", 10), kind=["paid", "past_due"])
        assert moved(ds) == {(1, "new"): 10, (4, "churn"): -10}
        assert moved(ds, policy=policy(past_due="nobody")) == {(1, "new"): 10, (2, "churn"): -10}
        assert moved(ds, policy=policy(past_due_grace="30d")) == {(1, "new"): 10, (3, "churn"): -10}  # until 12 March

    @pytest.mark.slow
    def test_metered_is_revenue_or_not(self) -> None:
        ds = company(*self.ROWS, kind=["paid", "metered", "metered"])
        assert moved(ds) == {(1, "new"): 10}
        assert moved(ds, policy=policy(metered="nobody")) == {(1, "new"): 10, (2, "churn"): -10}

    @pytest.mark.slow
    def test_an_annual_plan_is_spread_over_its_months_or_left_out(self) -> None:
        ds = company(("s", "a", "2026-01-10", None, 100), ("t", "b", "2026-02-10", None, 7), interval=["year", "month"])  # 1,200 a year
        assert moved(ds) == {(1, "new"): 100, (2, "new"): 7}
        assert moved(ds, policy=policy(annual_plans="left_out")) == {(2, "new"): 7}


class TestEnds:
    @pytest.mark.slow
    def test_a_cancellation_known_before_as_of_counts_when_the_policy_says(self) -> None:
        ds = company(("s", "a", "2026-01-10", "2026-05-20", 10), cancelled_at=utc("2026-03-05"), renewal_at=utc("2026-05-31"), as_of="2026-04-15")
        assert moved(ds) == {(1, "new"): 10}  # still a customer, until 20 May
        assert moved(ds, policy=policy(churn_date="cancel_request")) == {(1, "new"): 10, (3, "churn"): -10}
        assert moved(ds.at("2026-02-28"), policy=policy(churn_date="cancel_request")) == {(1, "new"): 10}

    @pytest.mark.slow
    def test_what_was_paid_goes_on_to_the_renewal(self) -> None:
        ds = company(("s", "a", "2026-01-10", "2026-02-20", 10), renewal_at=utc("2026-03-10"))
        assert moved(ds) == {(1, "new"): 10, (2, "churn"): -10}
        assert moved(ds, policy=policy(churn_date="paid_through")) == {(1, "new"): 10, (3, "churn"): -10}

    @pytest.mark.slow
    @pytest.mark.parametrize(("interval", "churned"), [("month", 3), ("year", None)])
    def test_without_a_renewal_the_interval_says_what_was_paid(self, interval: str, churned: int | None) -> None:
        ds = company(("s", "a", "2026-01-10", "2026-02-20", 10), interval=[interval])  # months from the 10th: until 10 March, or 10 January 2027
        expected = {(1, "new"): 10} | ({(churned, "churn"): -10} if churned else {})
        assert moved(ds, policy=policy(churn_date="paid_through")) == expected

    def test_who_changes_the_subscription_is_not_counted_twice(self) -> None:
        ds = company(("s", "a", "2026-01-10", "2026-02-20", 10), ("t", "a", "2026-02-25", None, 30), renewal_at=utc("2026-03-10", None))
        assert moved(ds, policy=policy(churn_date="paid_through")) == {(1, "new"): 10, (2, "expansion"): 20}

    @pytest.mark.slow
    def test_who_joins_and_leaves_inside_a_month_is_hidden_or_shown(self) -> None:
        ds = company(("s", "a", "2026-02-05", "2026-02-20", 10), ("t", "b", "2026-01-05", None, 3), ("u", "a", "2026-04-02", None, 8))
        assert moved(ds) == {(1, "new"): 3, (4, "new"): 8}
        assert moved(ds, policy=policy(joined_and_left="shown")) == {(1, "new"): 3, (2, "new"): 10, (2, "churn"): -10, (4, "reactivation"): 8}

    @pytest.mark.slow
    def test_a_return_after_a_long_absence_is_new(self) -> None:
        ds = company(("s", "a", "2026-01-10", "2026-02-01", 10), ("t", "a", "2026-03-03", None, 8))  # away for 28 + 2 = 30 days
        assert moved(ds) == {(1, "new"): 10, (2, "churn"): -10, (3, "reactivation"): 8}
        assert moved(ds, policy=policy(reactivation_window="30d")) == {(1, "new"): 10, (2, "churn"): -10, (3, "reactivation"): 8}
        assert moved(ds, policy=policy(reactivation_window="29d")) == {(1, "new"): 10, (2, "churn"): -10, (3, "new"): 8}

    def test_proration_counts_the_share_of_the_month(self) -> None:
        ds = company(("s", "a", "2026-04-11", "2026-04-26", 10), ("t", "b", "2026-03-01", "2026-04-01", 31))
        # March: b has all 31; April: a has 15 of 30 days, 10 x 1/2 = 5
        assert moved(ds, policy=policy(proration="covered")) == {(3, "new"): 31, (4, "churn"): -31, (4, "new"): 5}


class TestCurrencies:
    RATES = {"2026-01": 0.9, "2026-02": 0.8, "2026-03": 1.0, "2026-04": 1.1}

    @pytest.mark.slow
    def test_what_rates_alone_change_is_set_apart(self) -> None:
        rows: list[Row] = [("s", "a", "2026-01-10", "2026-02-10", 100), ("s", "a", "2026-02-10", "2026-04-10", 150), ("t", "b", "2026-01-10", None, 7)]
        ds = company(*rows, currency=["USD", "USD", "EUR"], rates=self.RATES)
        # January 100 x .9 + 7 = 97. February: the 100 fall to 80, fx -10; 150 x .8 = 120, 40 more. March: 150 x 1 = 150, fx +30.
        # April: the 150 rise to 165, fx +15, and are lost.
        expected = {(1, "new"): 97, (2, "fx"): -10, (2, "expansion"): 40, (3, "fx"): 30, (4, "fx"): 15, (4, "churn"): -165}
        assert moved(ds) == pytest.approx(expected)

    @pytest.mark.slow
    def test_at_constant_rates_there_is_none(self) -> None:
        ds = company(("s", "a", "2026-01-10", "2026-02-10", 100), ("s", "a", "2026-02-10", None, 150), currency=["USD", "USD"], rates=self.RATES)
        assert moved(ds, policy=policy(fx="constant")) == pytest.approx({(1, "new"): 110, (2, "expansion"): 55})  # all at 1.1
        assert moved(ds.at("2026-03-31"), policy=policy(fx="constant")) == {(1, "new"): 100, (2, "expansion"): 50}  # 1.0 was the latest then

    @pytest.mark.slow
    def test_a_month_without_a_rate_takes_the_one_before(self) -> None:
        ds = company(("s", "a", "2026-01-10", "2026-03-01", 100), currency=["USD"], rates={"2026-01": 0.9, "2026-02": 0.8})
        assert moved(ds) == pytest.approx({(1, "new"): 90, (2, "fx"): -10, (3, "churn"): -80})


class TestGroups:
    @pytest.mark.slow
    def test_what_moves_from_plan_to_plan_is_a_transfer(self) -> None:
        ds = company(("s", "a", "2026-01-10", "2026-02-10", 10), ("s", "a", "2026-02-10", None, 30), plan=["basic", "pro"])
        # the account grows by 20: pro has 30 more, of which 10 came from basic
        expected = {(1, "new", "basic"): 10, (2, "transfer", "basic"): -10, (2, "transfer", "pro"): 10, (2, "expansion", "pro"): 20}
        assert moved(ds, "plan", by="plan") == expected

    @pytest.mark.slow
    def test_growth_is_divided_by_how_far_the_groups_grew(self) -> None:
        rows: list[Row] = [("s", "a", "2026-01-10", "2026-02-10", 10), ("t", "a", "2026-02-10", None, 15), ("u", "a", "2026-02-10", None, 5)]
        ds = company(*rows, plan=["basic", "plus", "pro"])
        # basic -10, plus +15, pro +5: the account grows by 10, plus has 15/20 of it and pro 5/20
        expected = {
            (2, "expansion", "plus"): 7.5,
            (2, "expansion", "pro"): 2.5,
            (2, "transfer", "basic"): -10,
            (2, "transfer", "plus"): 7.5,
            (2, "transfer", "pro"): 2.5,
        }
        assert moved(ds, "plan", by="plan") == {(1, "new", "basic"): 10, **expected}

    @pytest.mark.slow
    def test_who_leaves_one_of_two_plans_shrinks_and_who_leaves_both_churns(self) -> None:
        ds = company(("s", "a", "2026-01-10", "2026-02-10", 10), ("t", "a", "2026-01-10", "2026-03-10", 5), plan=["basic", "pro"])
        assert moved(ds, "plan", by="plan") == {(1, "new", "basic"): 10, (1, "new", "pro"): 5, (2, "contraction", "basic"): -10, (3, "churn", "pro"): -5}

    @pytest.mark.slow
    @pytest.mark.parametrize("preset", ["default", "stripe", "profitwell", "maxio"])
    def test_groups_add_up_to_the_whole_and_months_to_mrr(self, preset: str) -> None:
        ds, _ = cs.simulate_company(accounts=60, months=10, seed=5)
        whole, groups = cs.mrr_movements(ds, policy=preset), cs.mrr_movements(ds, policy=preset, by="plan")
        summed = groups.groupby(["period", "movement"])["estimate"].sum()
        expected = whole.set_index(["period", "movement"])["estimate"]
        assert summed.xs("transfer", level="movement").abs().max() < 1e-9
        pd.testing.assert_series_equal(summed.drop("transfer", level="movement").sort_index(), expected.sort_index(), rtol=0, atol=1e-9)
        books = cs.mrr(ds, policy=preset).set_index("period")["estimate"]
        changes = whole.groupby("period")["estimate"].sum().cumsum()
        np.testing.assert_allclose(changes.reindex(books.index), books, atol=1e-9)
