"""The success map against arithmetic by hand and against plain Python on random companies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.facts.journey import stages_or_default
from metrics import journey_oracle as oracle

AS_OF = "2025-06-30"


def at(*texts: str | None) -> pd.Series:
    return pd.Series(pd.to_datetime(list(texts), utc=True))


@pytest.fixture(scope="module")
def ds() -> cs.Dataset:
    """Return five accounts: P reaches both stages, Q the second first, R is new, S left from stage one, T left before it."""
    accounts = pd.DataFrame({"account_id": list("PQRST"), "started_at": at(*["2025-01-01"] * 2, "2025-01-21", *["2025-01-01"] * 2), "name": list("pqrst")})
    events = pd.DataFrame(
        {
            "account_id": list("PPQQSR"),
            "event": ["set", "use", "use", "set", "set", "set"],
            "event_at": at("2025-01-03", "2025-01-13", "2025-01-05", "2025-01-09", "2025-01-05", "2025-01-23"),
            "user_id": "u",
        }
    )
    sold = pd.DataFrame({"account_id": list("PQRST"), "started_at": accounts["started_at"], "mrr": 10.0, "currency": "EUR"})
    sold["ended_at"] = at(None, None, None, "2025-01-11", "2025-01-05")
    goals = pd.DataFrame({"account_id": list("PQR"), "goal": "g", "set_at": at("2025-01-02", "2025-01-02", "2025-01-21")})
    goals["target_at"], goals["reached_at"] = at("2025-01-12", "2025-01-20", "2025-03-01"), at("2025-01-12", "2025-01-21", None)
    goals["wanted_stage"] = ["value", "value", "value"]
    answers = pd.DataFrame({"response_id": [1, 2], "account_id": ["P", "P"], "survey": "csat", "asked_at": at("2025-01-05", "2025-01-11"), "score": [5, 2]})
    tables = {"accounts": accounts, "events": events, "subscriptions": sold.assign(subscription_id=list("PQRST")), "goals": goals}
    return cs.read_dataset(tables | {"responses": answers.assign(answered_at=answers["asked_at"])}, as_of="2025-01-31")


STAGES = {"set up": "set", "value": "use"}


def figures(table: pd.DataFrame, metric: str) -> list[float]:
    return [float(value) for value in table.loc[table["metric"] == metric, "estimate"]]


def test_in_order_the_later_condition_counts_and_leavers_are_off_the_map(ds: cs.Dataset) -> None:
    table = cs.success_map(ds, STAGES)
    assert table["stage"].unique().tolist() == ["(before the first)", "set up", "value"]
    assert figures(table, "stage_customers") == [0, 1, 2]  # R; P and Q
    assert figures(table, "success_map") == pytest.approx([0, 1 / 3, 2 / 3])
    assert figures(table, "stage_leavers") == [1, 1, 0]  # T, S


def test_time_in_stage_by_hand(ds: cs.Dataset) -> None:
    # Before stage 1: P moves on after 2 days, R after 2, S after 4, Q after 8 (from then on it has met both); T leaves after 4. All five have ended.
    # Stage 1: P moves on after 10 days, Q at once, S leaves after 6, R is still there after 9 (23 to 31 January).
    table = cs.time_in_stage(ds, STAGES, within="8d")
    assert figures(table, "time_in_stage") == [4.0, 10.0]  # 3 of 5 by day 4; stage 1: at once 1/4, S leaves 1/4, R is censored, then the last half
    assert figures(table, "reached_next") == pytest.approx([4 / 5, 1 / 4])
    assert figures(table, "left_before") == pytest.approx([1 / 5, 1 / 4])
    assert figures(table, "time_in_stage_naive") == pytest.approx([(2 + 2 + 4 + 8) / 4, (10 + 0) / 2])
    assert figures(table, "reached_next_naive") == pytest.approx([4 / 5, 2 / 4])


def test_without_order_the_furthest_stage_counts(ds: cs.Dataset) -> None:
    table = cs.time_in_stage(ds, STAGES, within="8d", order=False)
    # Q goes straight to value after 4 days, and was never in stage 1: P (moved), R (there) and S (left) were.
    assert table.loc[table["metric"] == "reached_next", "n"].tolist() == [5, 3]
    assert figures(table, "time_in_stage_naive") == pytest.approx([(2 + 2 + 4 + 4) / 4, 10])


def test_who_wants_more(ds: cs.Dataset) -> None:
    table = cs.behind_wanted_share(ds, STAGES)
    assert figures(table, "behind_wanted_share") == pytest.approx([1 / 3])  # R is at "set up" and wants "value"; P and Q are there
    assert figures(table, "behind_wanted_by_stage") == [1.0, 0.0]
    assert figures(table, "wanted_stage_known") == [1.0]
    with pytest.raises(cs.errors.ParameterError, match="no wanted stage of `goals` is on the map: goals want value, the map has set, use"):
        cs.behind_wanted_share(ds, ["set", "use"])


def test_on_record_a_reached_goal_leads_to_the_stage_it_was_for() -> None:
    accounts = pd.DataFrame({"account_id": list("PQR"), "started_at": at(*["2025-01-01"] * 3), "name": list("pqr")})
    goals = pd.DataFrame(
        {"account_id": list("PQR"), "goal": "g", "set_at": at(*["2025-01-02"] * 3), "stage": "setup", "wanted_stage": ["value", "value", "setup"]}
    )
    record = cs.read_dataset({"accounts": accounts, "goals": goals.assign(reached_at=at("2025-01-12", None, None))}, as_of="2025-01-31")
    table = cs.behind_wanted_share(record)
    assert figures(table, "behind_wanted_share") == pytest.approx([1 / 3])  # P has come to "value", Q has not, R is where it wants to be
    assert figures(table, "behind_wanted_by_stage") == [0.5, 0.0]  # at "setup": Q and R; at "value": P


def test_stuck_is_who_stays_longer_than_nearly_all_who_moved_on(ds: cs.Dataset) -> None:
    assert cs.stuck_accounts(ds, STAGES, least=2).empty  # R has been in stage 1 for 9 days, P took 10
    stuck = cs.stuck_accounts(ds, STAGES, least=2, usual=0.3)  # of the curve's 3/4 a share of 0.3 has moved at once
    assert stuck[["account_id", "name", "stage", "days_in_stage", "usual_days", "wanted_stage"]].values.tolist() == [["R", "r", "set up", 9.0, 0.0, "value"]]


def test_goals_by_hand(ds: cs.Dataset) -> None:
    table = cs.goal_attainment(ds, within="15d").set_index("metric")["estimate"]
    # P after 10 days; Q after 19, when the 15 are over; R has been watched for 11 days (21 to 31 January): at P's day all three are at risk.
    assert table["goal_attainment"] == pytest.approx(1 / 3)
    assert table["goal_attainment_naive"] == pytest.approx(2 / 3)
    assert table["goals_on_time"] == pytest.approx(1 / 2)  # P on the day, Q late, R is not due
    assert table["pending_goal_share"] == pytest.approx(1 / 3)


def test_the_last_answer_before_the_target_is_the_experience(ds: cs.Dataset) -> None:
    table = cs.goal_and_experience(ds).set_index("metric")["estimate"]
    # Two goals are due; P's is reached in time, and P was satisfied first (5) and not any more at last (2); Q kept silent and was late.
    assert table["goal_and_experience"] == 0
    assert table["goal_without_experience"] == 1
    assert table["goal_and_experience_lowest"] == 0
    assert table["goal_and_experience_highest"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("order", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_random_companies_as_in_plain_python(seed: int, order: bool) -> None:
    tables = oracle.company(seed)
    end = pd.Timestamp(AS_OF, tz="Europe/Berlin") + pd.Timedelta("1d")
    ds = cs.read_dataset(tables, as_of=AS_OF, timezone="Europe/Berlin")
    found = oracle.paths(tables, end=end, order=order)
    staying = found[found["left"].isna()]
    at_stage = staying["entered"].map(lambda steps: steps[-1][0] if steps else 0)
    table = cs.success_map(ds, oracle.STAGES, order=order)
    assert figures(table, "stage_customers") == np.bincount(at_stage, minlength=4).tolist()
    rows = oracle.waits(found, end=end)
    times = cs.time_in_stage(ds, oracle.STAGES, order=order, within="20d").set_index(["step", "metric"])
    for step, own in rows.groupby("step"):
        if (end - own["entered"] > pd.Timedelta("20d")).any() or own["how"].notna().all():
            for metric, way in (("reached_next", "moved"), ("left_before", "left")):
                assert times.loc[(step, metric), "estimate"] == pytest.approx(oracle.incidence(own, way=way, horizon=20.0), abs=1e-9)
        assert times.loc[(step, "reached_next"), "n"] == len(own)
        moved = own.loc[own["how"] == "moved", "days"]
        assert times.loc[(step, "time_in_stage_naive"), "estimate"] == pytest.approx(moved.mean(), nan_ok=True)


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ("set", "must map the names of stages"),
        ([], "must map the names of stages"),
        (["set", "set"], "must have different names"),
        ({"set up": []}, "at least one event or condition that enters it, which 'set up' has not"),
        ({"(left)": "set"}, "a name of its own"),
        (["nothing"], "no event is named 'nothing'"),
    ],
)
def test_stages_that_make_no_map_are_refused(ds: cs.Dataset, stages: object, message: str) -> None:
    with pytest.raises(cs.errors.ParameterError, match=message):
        cs.success_map(ds, stages)


def test_without_stages_the_usual_steps_come_first(ds: cs.Dataset) -> None:
    assert stages_or_default(ds, None) == {"set": ["set"], "use": ["use"]}  # no contract has come to a renewal


@pytest.mark.slow
def test_goals_reached_as_simulated() -> None:
    ds, truth = cs.simulate_company(accounts=1500, months=15, seed=11)
    table = cs.goal_attainment(ds, within="91d").set_index("metric")
    true = float(truth.of("goal_reached", time_days=91.0)["value"].iloc[0])
    assert table.loc["goal_attainment_if_nobody_left", "conf_low"] < true < table.loc["goal_attainment_if_nobody_left", "conf_high"]
    assert table.loc["goal_attainment", "estimate"] < true  # leavers reach nothing more
