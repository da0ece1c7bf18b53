from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from helpers import accounts, utc

AS_OF = "2026-03-31T18:00:00Z"  # a Tuesday, an hour after closing
ALL_DAY = cs.Calendar(business_hours=("00:00", "24:00"), business_days=("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"))


def cases(*rows: tuple[str, str, str, str | None, str | None]) -> pd.DataFrame:
    """Return tickets from (ticket_id, account_id, opened_at, first_response_at, resolved_at)."""
    frame = pd.DataFrame(rows, columns=["ticket_id", "account_id", "opened_at", "first_response_at", "resolved_at"])
    return frame.assign(**{name: utc(*frame[name]) for name in frame.columns[2:]})


TICKETS = cases(
    ("t1", "a", "2026-03-27T16:00", "2026-03-30T12:00", "2026-03-30T13:00"),  # Friday 16 to Monday 12: 1 + 3 = 4 open hours, 68 of all
    ("t2", "b", "2026-03-27T16:00", "2026-03-30T12:00:01", None),  # one second later
    ("t3", "c", "2026-03-24T09:00", None, None),  # Tuesday, unanswered for a week
    ("t4", "d", "2026-03-31T15:00", None, None),  # unanswered for two open hours
    ("t5", "e", "2026-03-30T09:00", "2026-03-30T09:30", "2026-03-31T16:00"),  # resolved within 1 day and 7 hours
)


def helpdesk(tickets: pd.DataFrame, *, as_of: str = AS_OF, **options: Any) -> cs.Dataset:
    people = accounts(**dict.fromkeys(sorted(tickets["account_id"].unique()), "2025-01-01"))
    return cs.read_dataset({"accounts": people, "tickets": tickets}, as_of=pd.Timestamp(as_of), **options)


@cache
def usual() -> cs.Dataset:
    return helpdesk(TICKETS)


def found(ds: cs.Dataset, **options: Any) -> dict[tuple[str, bool], tuple[float, int]]:
    """Return (target, naive) -> (estimate, n)."""
    table = cs.sla_attainment(ds, **options)
    return {(row.target, row.metric.endswith("_naive")): (round(row.estimate, 12), row.n) for row in table.itertuples()}


def test_by_hand_in_opening_hours() -> None:
    """Four hours: t1 just in time and t5 early, t2 and t3 too late; t4 is censored at 2 hours, before t1 but after t5.

    Kaplan-Meier: of 5 at risk t5 ends at half an hour (4/5 left), t4 leaves the view at 2 hours, of 3 at risk t1 ends at 4 hours: 4/5 x 2/3 = 8/15 wait on.
    Three days: t1 is resolved after 5 open hours (t4 has left the view, so 4 at risk: 3/4 wait on), t5 after 15 hours with 3 at risk (t2 has been
    watched for 1 + 8 + 8 = 17): 3/4 x 2/3 = 1/2; t2 leaves the view before 24 hours, t3 has been watched for 6 days.
    """
    assert found(usual()) == {
        ("response", False): (round(7 / 15, 12), 5),
        ("response", True): (round(2 / 3, 12), 3),
        ("resolution", False): (0.5, 5),
        ("resolution", True): (1.0, 2),
    }


def test_by_hand_in_all_time() -> None:
    """Four hours: t5 alone of 5, then t4 leaves the view after 3 hours: 1/5. 68 hours: also t1 of the 3 at risk: 1 - 4/5 x 2/3."""
    assert found(usual(), clock="elapsed", targets={"response": "4h"})["response", False] == (0.2, 5)
    assert found(usual(), clock="elapsed", targets={"response": "68h"})["response", False] == (round(7 / 15, 12), 5)
    assert found(usual(), clock="elapsed", targets={"response": pd.Timedelta("68h")})["response", True] == (round(2 / 3, 12), 3)


def test_open_all_day_both_clocks_are_one() -> None:
    ds = helpdesk(TICKETS, calendar=ALL_DAY)
    for target in ("4h", "68h", "3d", "7d"):
        targets = {"response": target, "resolution": target}
        pd.testing.assert_frame_equal(cs.sla_attainment(ds, targets=targets), cs.sla_attainment(ds, targets=targets, clock="elapsed"))


def test_each_value_has_a_target_of_its_own() -> None:
    """Urgent ones have an hour: t5 of t1, t3, t5 is in time, nobody is young. Normal ones have a day: t2 took 4 hours and a second, t4 is young."""
    table = TICKETS.assign(priority=["urgent", "normal", "urgent", "normal", "urgent"])
    times = {"urgent": "1h", "normal": "1d"}
    both = cs.sla_attainment(helpdesk(table), targets={"response": times}, target_by="priority", by="priority")
    honest = both[both["metric"] == "sla_attainment"].set_index("priority")
    assert honest.loc["urgent", ["estimate", "n"]].tolist() == [pytest.approx(1 / 3), 3]
    assert honest.loc["normal", ["estimate", "n"]].tolist() == [1.0, 2]
    odd = TICKETS.assign(priority=["urgent", "normal", "urgent", "low", None])
    assert found(helpdesk(odd), targets={"response": times}, target_by="priority")["response", True] == (0.5, 2)


def test_a_time_of_its_own_is_met_to_the_instant() -> None:
    """Seven open hours a day: the target of three and a third of them is not a round number of days."""
    table = cases(("t1", "a", "2026-03-30T09:00", "2026-03-30T12:20", None), ("t2", "b", "2026-03-30T09:00", "2026-03-30T12:20:01", None)).assign(level="x")
    ds = helpdesk(table, calendar=cs.Calendar(business_hours=("09:00", "16:00")))
    for targets, by in (({"response": "200min"}, None), ({"response": {"x": "200min"}}, "level")):
        assert found(ds, targets=targets, target_by=by)["response", False] == (0.5, 2)


def test_a_backlog_left_alone_improves_only_the_naive_figure() -> None:
    """Ten tickets answered in an hour, ten never: 10 of 20, and 10 of 10."""
    rows = [(f"t{k}", f"a{k}", "2026-03-02T10:00", "2026-03-02T11:00" if k % 2 else None, None) for k in range(20)]
    assert found(helpdesk(cases(*rows)), targets={"response": "4h"}) == {("response", False): (0.5, 20), ("response", True): (1.0, 10)}


def test_a_period_whose_tickets_are_all_younger_than_the_target_is_missing() -> None:
    table = cs.sla_attainment(usual(), targets={"response": "4h"}, period="day").query("metric == 'sla_attainment'")
    assert table["period"].dt.strftime("%d").tolist() == ["24", "27", "30", "31"]  # t3; t1 and t2; t5; t4
    assert table["n"].tolist() == [1, 2, 1, 1]
    assert table["estimate"].tolist() == pytest.approx([0, 0.5, 1, np.nan], nan_ok=True)


def test_tickets_of_an_account_are_alike() -> None:
    """Ten accounts, each of whose five tickets are all in time or all not: wider than Wilson's limits of 25 of 50, .366 to .634."""
    rows = [(f"{a}{k}", f"a{a}", f"2026-03-0{2 + k}T09:00", f"2026-03-0{2 + k}T{10 + 5 * (a % 2)}:00", None) for a in range(10) for k in range(5)]
    row = cs.sla_attainment(helpdesk(cases(*rows)), targets={"response": "4h"}).iloc[0]
    assert (row["estimate"], row["n"]) == (0.5, 50)
    assert row["conf_low"] < 0.25
    assert row["conf_high"] > 0.75


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": {"reply": "4h"}}, "targets must map 'response' or 'resolution' to a time, such as"),
        ({"targets": {}}, "targets must map"),
        ({"targets": {"response": "1mo"}}, "targets must have a fixed length"),
        ({"targets": {"response": "2w"}}, "targets on the business clock must be open hours or business days"),
        ({"targets": {"response": pd.Timedelta("2d")}}, "targets on the business clock must be open hours"),
        ({"targets": {"response": 4}}, "targets must say its unit"),
        ({"targets": {"response": {"urgent": "1h"}}}, "target_by names the column"),
        ({"target_by": "account_id"}, "target_by names the column"),
        ({"clock": "wall"}, "clock must be 'business'"),
        ({"reopened": "always"}, "reopened must be 'first' or 'last'"),
    ],
)
def test_arguments_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(cs.errors.ParameterError, match=message):
        cs.sla_attainment(usual(), **options)


def test_only_targets_whose_columns_are_there() -> None:
    assert {target for target, _ in found(helpdesk(TICKETS.drop(columns="resolved_at")))} == {"response"}
    with pytest.raises(cs.errors.MissingColumnsError, match="'first_response_at', 'resolved_at'"):
        cs.sla_attainment(helpdesk(TICKETS[["ticket_id", "account_id", "opened_at"]]))


def oracle(tickets: pd.DataFrame, last: pd.Timestamp, target: pd.Timedelta) -> float:
    """Return 1 - Kaplan-Meier at the target, risk set by risk set; missing where nobody was watched for it."""
    rows = tickets[tickets["opened_at"] <= last]
    end = rows["first_response_at"].where(rows["first_response_at"] <= last)
    took = (end.fillna(last) - rows["opened_at"]).tolist()
    ended = end.notna().tolist()
    if not any(wait >= target for wait in took) and not all(ended):
        return np.nan
    waiting = 1.0
    for moment in sorted({wait for wait, over in zip(took, ended, strict=True) if over and wait <= target}):
        at_risk = sum(wait >= moment for wait in took)
        waiting *= 1 - sum(over and wait == moment for wait, over in zip(took, ended, strict=True)) / at_risk
    return 1 - waiting


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_it_is_what_a_plain_search_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    opened = pd.Timestamp("2026-03-01", tz="UTC") + pd.Series(pd.to_timedelta(rng.integers(0, 30 * 24, 60), "h"))
    table = pd.DataFrame({"ticket_id": np.arange(60).astype(str), "account_id": rng.choice(list("abcdefgh"), 60), "opened_at": opened})
    table["first_response_at"] = (opened + pd.to_timedelta(rng.integers(0, 80, 60), "h")).where(rng.random(60) < 0.8)
    ds = helpdesk(table, as_of="2026-03-31T00:30:00Z")
    for as_of in ("2026-03-31T00:30:00Z", "2026-03-12T05:30:00Z", "2026-03-03T00:30:00Z"):
        seen = ds.at(pd.Timestamp(as_of))
        for hours in (1, 24, 48):
            answer = found(seen, clock="elapsed", targets={"response": f"{hours}h"})["response", False][0]
            assert answer == pytest.approx(oracle(table, seen.as_of, pd.Timedelta(hours, "h")), abs=1e-9, nan_ok=True)


@pytest.mark.slow
def test_it_finds_the_truth_of_the_simulated_company() -> None:
    ds, truth = cs.simulate_company(accounts=1500, months=18, seed=6)
    for days in (1, 2, 7):
        true = truth.of("first_response_within", time_days=float(days))["value"].item()
        row = cs.sla_attainment(ds, targets={"response": f"{days}d"}, clock="elapsed", conf_level=0.999).iloc[0]
        assert row["conf_low"] <= true <= row["conf_high"]
        assert row["n"] > 2_000
