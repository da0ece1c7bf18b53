"""Tickets, messages, goals, actions and orders."""

from __future__ import annotations

import pandas as pd

END = pd.Timestamp("2026-11-01", tz="UTC")


def test_tickets_go_from_opening_to_response_to_resolution(company: object) -> None:
    tickets = company["tickets"]
    assert (tickets["first_response_at"].dropna() >= tickets["opened_at"][tickets["first_response_at"].notna()]).all()
    resolved = tickets.dropna(subset=["resolved_at"])
    assert (resolved["resolved_at"] >= resolved["first_response_at"]).all()
    reopened = tickets.dropna(subset=["reopened_at"])
    assert len(reopened)
    assert (reopened["reopened_at"] > reopened["resolved_at"]).all()
    assert (reopened["touches"] >= 3).all()


def test_what_is_open_has_no_outcome(company: object) -> None:
    unresolved = company["tickets"][company["tickets"]["resolved_at"].isna()]
    assert len(unresolved)
    assert unresolved[["reopened_at", "touches", "first_contact_resolved"]].isna().all(axis=None)


def test_conversations_take_turns_and_some_stay_unanswered(company: object) -> None:
    messages = company["messages"].sort_values(["thread_id", "sent_at", "message_id"])
    again = messages["direction"] == messages.groupby("thread_id")["direction"].shift()
    assert not again.any()
    last = messages.groupby("thread_id")["direction"].last()
    assert 0.03 < (last == "in").mean() < 0.3


def test_goals_are_reached_after_they_are_set_if_at_all(company: object) -> None:
    goals = company["goals"]
    reached = goals.dropna(subset=["reached_at"])
    assert 0 < len(reached) < len(goals)
    assert (reached["reached_at"] > reached["set_at"]).all()
    assert (goals["target_at"] > goals["set_at"]).all()
    assert not goals.duplicated(["account_id", "goal"]).any()


def test_actions_are_given_to_those_who_need_them_most(company: object) -> None:
    """Reviews are confounded on purpose: low fit and high touch get more, rewards go to high fit."""
    actions = company["actions"].merge(company.truth.latent[["account_id", "fit"]], on="account_id").merge(company["accounts"], on="account_id")
    fit = actions.groupby("kind")["fit"].mean()
    high = company["accounts"]["touch"].eq("high").mean()
    assert fit["review"] < fit["reward"]
    assert actions.query("kind == 'review'")["touch"].eq("high").mean() > high + 0.1
    assert 0.6 < actions["completed"].mean() < 0.95


def test_a_refund_takes_back_an_order(company: object) -> None:
    orders = company["orders"]
    refunds = orders[orders["amount"] < 0]
    assert len(refunds)
    for refund in refunds.itertuples():
        earlier = orders[(orders["account_id"] == refund.account_id) & (orders["ordered_at"] < refund.ordered_at)]
        assert (earlier["amount"] == -refund.amount).any()


def test_nothing_happens_after_the_history(company: object) -> None:
    plans = {"renewal_at", "target_at"}
    for name, table in company.tables.items():
        for column in table.select_dtypes("datetimetz").columns.difference(plans):
            late = table[table[column] >= END]
            assert late.empty or (name, column) == ("subscriptions", "ended_at"), (name, column)
