"""The same month under several policies: the figures are those of the functions of their own."""

from __future__ import annotations

import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.facts.policy import REVENUE_PRESETS, RevenuePolicy
from cs_analysis.stats.estimates import COLUMNS
from helpers import accounts, phases

VALUES = list(COLUMNS)


@pytest.fixture(scope="module")
def ds() -> cs.Dataset:
    company, _ = cs.simulate_company(accounts=150, months=16, seed=8)
    return company


@pytest.mark.slow
def test_each_figure_is_that_of_its_own_function(ds: cs.Dataset) -> None:
    policy = RevenuePolicy(fx="constant")  # the retentions have constant rates by default, the definitions those of the policy
    table = cs.revenue_definitions(ds, policies={"default": policy})
    period = pd.Timestamp("2026-10-01")
    assert table["period"].unique().tolist() == [period]
    assert table["policy"].unique().tolist() == ["default"]
    for measure in (cs.mrr, cs.logo_churn_rate, cs.revenue_churn_rate, cs.net_revenue_retention, cs.gross_revenue_retention):
        expected = measure(ds, policy=policy)
        expected = expected[expected["metric"] == measure.__name__]
        found = table[table["metric"] == measure.__name__]
        pd.testing.assert_frame_equal(
            found[VALUES].reset_index(drop=True), expected.loc[expected["period"] == period, VALUES].reset_index(drop=True), check_dtype=False
        )


@pytest.mark.slow
def test_every_preset_has_its_rows(ds: cs.Dataset) -> None:
    table = cs.revenue_definitions(ds)
    assert table["policy"].unique().tolist() == list(REVENUE_PRESETS)
    assert table.groupby("policy").size().eq(5).all()
    assert len(table.loc[table["metric"] == "mrr", "estimate"].unique()) > 1  # definitions alone move the figure


@pytest.mark.slow
def test_the_last_finished_month_is_shown_and_a_group_at_a_time(ds: cs.Dataset) -> None:
    table = cs.revenue_definitions(ds.at("2026-10-15"), policies=["default"], by="plan")
    assert table["period"].unique().tolist() == [pd.Timestamp("2026-09-01")]
    assert sorted(table["plan"].unique()) == sorted(cs.mrr(ds, by="plan")["plan"].unique())


@pytest.mark.slow
def test_a_policy_of_the_readers_own() -> None:
    sold = phases(("a", "a", "2026-01-05", None, 100), ("b", "b", "2026-01-05", None, 40), kind=["paid", "paused"])
    company = cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01"), "subscriptions": sold}, as_of="2026-02-28")
    table = cs.revenue_definitions(company, policies={"default": RevenuePolicy(), "pauses": RevenuePolicy(pauses="revenue")}, window="1mo")
    assert table[table["metric"] == "mrr"].set_index("policy")["estimate"].to_dict() == {"default": 100, "pauses": 140}


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["default", [], ["default", "default"]])
def test_policies_are_a_list_of_names_or_by_name(ds: cs.Dataset, wrong: object) -> None:
    with pytest.raises(cs.errors.ParameterError, match="policies must be"):
        cs.revenue_definitions(ds, policies=wrong)


@pytest.mark.slow
def test_a_policy_that_the_data_cannot_carry_has_rows_without_figures() -> None:
    sold = phases(("a", "a", "2026-01-05", None, 100), ("b", "b", "2026-01-05", None, 40), plan=["x", "y"])
    company = cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01"), "subscriptions": sold}, as_of="2026-02-28")
    policies = {"default": RevenuePolicy(), "pauses": RevenuePolicy(pauses="revenue")}  # without a column `kind` nobody knows what is a pause
    table = cs.revenue_definitions(company, policies=policies, window="1mo", by="plan")
    without = table[table["policy"] == "pauses"]
    assert without.groupby("plan").size().to_dict() == {"x": 5, "y": 5}
    assert without["estimate"].isna().all()
    assert without["n"].eq(0).all()
    assert table.loc[(table["policy"] == "default") & (table["metric"] == "mrr"), "estimate"].tolist() == [100, 40]
