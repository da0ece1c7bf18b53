"""Sessions and events."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pandas as pd
import pytest

from cs_analysis.data.simulator.assembly import simulate_tables
from cs_analysis.data.simulator.labels import ONBOARDING_STEPS
from cs_analysis.data.simulator.parameters import Parameters
from cs_analysis.data.simulator.scenario import Scenario


def test_a_first_event_is_the_sign_up(company: object) -> None:
    events = company["events"]
    first = events.groupby("account_id")["event_at"].min()
    signed_up = events[events["event"] == "signed_up"].set_index("account_id")["event_at"]
    started = company["accounts"].set_index("account_id")["started_at"]
    pd.testing.assert_series_equal(signed_up.sort_index(), started.sort_index(), check_names=False)
    assert (first[started.index] == started).all()


def test_onboarding_steps_are_first_taken_in_order(company: object) -> None:
    events = company["events"]
    first = events.pivot_table(index="account_id", columns="event", values="event_at", aggfunc="min")
    for earlier, later in pairwise(ONBOARDING_STEPS):
        both = first.dropna(subset=[later])
        assert (both[earlier] < both[later]).all()


def test_events_are_distinct_instants_of_existing_users_of_their_account(company: object) -> None:
    events = company["events"].merge(company["users"], on="user_id", suffixes=("", "_of_user"))
    assert len(events) == len(company["events"])
    assert (events["account_id"] == events["account_id_of_user"]).all()
    assert (events["event_at"] >= events["created_at"]).all()
    assert not events.duplicated(["user_id", "event_at", "event", "session_id"]).any()


def test_some_accounts_never_do_anything(company: object) -> None:
    counts = company["events"].groupby("account_id").size()
    inactive = company.truth.latent.query("not active")["account_id"]
    assert 0 < len(inactive) < 60
    assert (counts[inactive] == 1).all()


def test_usage_falls_before_a_contract_ends(company: object) -> None:
    """Eight weeks before the end against the eight before those, for accounts that ended."""
    latent = company.truth.latent.dropna(subset=["first_end_at"])
    ended = latent[(latent["first_end_at"] < "2026-11-01") & (latent["first_end_at"] - latent["first_contract_at"] > pd.Timedelta("112d"))]
    events = company["events"].merge(ended[["account_id", "first_end_at"]], on="account_id")
    before = (events["first_end_at"] - events["event_at"]) / pd.Timedelta("56d")
    assert before.between(0, 1).sum() < 0.8 * before.between(1, 2).sum()


def test_a_session_belongs_to_one_user_and_is_short(company: object) -> None:
    sessions = company["events"].groupby("session_id").agg(users=("user_id", "nunique"), first=("event_at", "min"), last=("event_at", "max"))
    assert (sessions["users"] == 1).all()
    assert (sessions["last"] - sessions["first"]).max() < pd.Timedelta("6h")


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_the_event_rate_scales_sessions_and_leaves_first_uses(company: object, rate: float) -> None:
    other = simulate_tables(Scenario(event_rate=rate, probe_hours=24), 100)[0]["events"].to_pandas()
    mine = company["events"][company["events"]["account_id"] < "A00100"]
    first_uses = [frame[frame["session_id"].str.startswith("F")].reset_index(drop=True) for frame in (mine, other)]
    pd.testing.assert_frame_equal(*first_uses)
    sessions = [frame["session_id"].str.startswith("V").sum() for frame in (mine, other)]
    assert abs(sessions[1] - rate / 0.2 * sessions[0]) <= 0.1 * sessions[0] * rate / 0.2


@pytest.mark.slow
def test_a_webinar_raises_usage_by_its_known_factor() -> None:
    """With a factor of 3 in place of 1.3 and nothing else changed, the events of the weeks after a webinar double or more."""
    usage = Parameters().usage
    counts = {}
    for factor in (1.3, 3.0):
        parameters = replace(Parameters(), usage=replace(usage, webinar=factor))
        tables, truth = simulate_tables(Scenario(event_rate=0.5, probe_hours=24, parameters=parameters), 150)
        events = tables["events"].to_pandas().merge(truth.latent[["account_id", "webinar_at"]].dropna(), on="account_id")
        after = (events["event_at"] - events["webinar_at"]) / pd.Timedelta("56d")
        counts[factor] = after.between(0, 1).sum()
    assert counts[3.0] / counts[1.3] == pytest.approx(3.0 / 1.3, rel=0.15)
