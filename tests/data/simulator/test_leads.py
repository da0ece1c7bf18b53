"""Leads and their stages."""

from __future__ import annotations

import pandas as pd


def test_stages_come_in_order_and_a_conversion_is_a_sign_up(company: object) -> None:
    stages = company["touchpoints"].pivot_table(index="lead_id", columns="stage", values="touched_at", aggfunc="min")
    assert (stages["acquisition"].dropna() >= stages["reach"][stages["acquisition"].notna()]).all()
    converted = company["touchpoints"].dropna(subset=["account_id"]).merge(company["accounts"], on="account_id", suffixes=("", "_of_account"))
    assert (converted["stage"] == "conversion").all()
    assert (converted["touched_at"] == converted["started_at"]).all()
    assert (converted["channel"] == converted["channel_of_account"]).all()
    assert not converted["account_id"].duplicated().any()


def test_every_conversion_within_the_history_names_its_account(company: object) -> None:
    converted = company["touchpoints"].query("stage == 'conversion'")
    assert converted["account_id"].notna().all()


def test_the_last_weeks_hold_leads_that_are_still_on_their_way(company: object) -> None:
    """As many leads a sign-up were reached in the last six weeks as before; fewer of them have converted by now."""
    touches = company["touchpoints"]
    reached = touches.query("stage == 'reach'").set_index("lead_id")["touched_at"]
    converted = reached.index.isin(touches.query("stage == 'conversion'")["lead_id"])
    recent = reached >= pd.Timestamp("2026-09-20", tz="UTC")
    assert recent.sum() > 0.05 * len(reached)  # six of a hundred and four weeks, in a growing company
    assert converted[recent].mean() < 0.6 * converted[~recent].mean()
