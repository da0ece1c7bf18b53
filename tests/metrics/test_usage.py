"""Frequency, breadth and depth of use, and silent customers."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from helpers import accounts, events, phases


def company(as_of: str = "2026-03-10") -> cs.Dataset:
    """January: a has u1 on two days (three events) and u2 on one, b has v on one; February: only b."""
    used = events(
        ("2026-01-05T08:00", "a", "u1", "login"),
        ("2026-01-05T09:00", "a", "u1", "report"),
        ("2026-01-06T08:00", "a", "u1", "report"),
        ("2026-01-07T08:00", "a", "u2", "login"),
        ("2026-01-31T23:30", "b", "v", "login"),
        ("2026-02-10T08:00", "b", "v", "export"),
    )
    people = accounts(a="2026-01-01", b="2026-01-01", c="2026-01-01").assign(seats=[4, None, 9], segment=["x", "y", "x"])
    sold = phases(("s1", "a", "2025-12-01", None, 10.0), ("s2", "b", "2026-01-15", None, 10.0), ("s3", "c", "2025-12-01", "2026-02-20", 10.0))
    return cs.read_dataset({"accounts": people, "events": used, "subscriptions": sold}, as_of=as_of)


def rows(table: pd.DataFrame) -> list[tuple[str, float, int]]:
    return [(f"{row.period:%m}", round(row.estimate, 4), row.n) for row in table.itertuples()]


def test_active_days_per_active_user() -> None:
    assert rows(cs.usage_frequency(company())) == [("01", round(4 / 3, 4), 3), ("02", 1.0, 1)]  # days 2 + 1 + 1 of three users


def test_the_zone_says_which_month_it_was() -> None:
    tables = {"accounts": accounts(b="2026-01-01"), "events": events(("2026-01-31T23:30", "b", "v", "login"))}
    berlin = cs.read_dataset(tables, as_of="2026-03-10", timezone="Europe/Berlin")
    assert rows(cs.usage_frequency(berlin)) == [("02", 1.0, 1)]  # 00:30 on 1 February


def test_seats_count_where_the_account_has_some_and_was_active() -> None:
    found = cs.usage_breadth(company())
    assert found["estimate"].iloc[0] == 0.5  # two users of a on four seats; b has no seats on record, c was silent
    assert found["n"].tolist() == [4, 0]
    assert np.isnan(found["estimate"].iloc[1])


@pytest.mark.slow
def test_key_actions_per_active_user() -> None:
    assert rows(cs.usage_depth(company(), key_events="report")) == [("01", round(2 / 3, 4), 3), ("02", 0.0, 1)]
    assert rows(cs.usage_depth(company())) == [("01", round(5 / 3, 4), 3), ("02", 1.0, 1)]


@pytest.mark.slow
def test_features_used_of_those_offered() -> None:
    # January: a used login and report, b login: 3 of 2 x 3; February: b used export: 1 of 3
    assert rows(cs.feature_breadth(company())) == [("01", 0.5, 2), ("02", round(1 / 3, 4), 1)]
    assert rows(cs.feature_breadth(company(), offered=["report", "never_built"])) == [("01", 0.25, 2), ("02", 0.0, 1)]


@pytest.mark.slow
def test_customers_throughout_and_how_many_of_them_were_active() -> None:
    # January: a and c pay throughout, b only from the 15th; a is active. February: a and b, b is active; c ended on the 20th.
    assert rows(cs.active_customer_share(company())) == [("01", 0.5, 2), ("02", 0.5, 2)]
    by = cs.active_customer_share(company(), by="segment")
    assert [(row.segment, f"{row.period:%m}", row.estimate) for row in by.itertuples()] == [("x", "01", 0.5), ("x", "02", 0.0), ("y", "02", 1.0)]


@pytest.mark.slow
@pytest.mark.parametrize("metric", [cs.usage_frequency, cs.usage_breadth, cs.usage_depth, cs.feature_breadth, cs.active_customer_share, cs.sessions])
def test_without_an_event_there_is_no_row(metric: Callable) -> None:
    ds = company()
    tables = {name: handle.to_pandas() for name, handle in ds.tables.items()}
    empty = metric(cs.read_dataset({**tables, "events": tables["events"].iloc[:0]}, as_of="2026-03-10"))
    assert empty.empty


def test_key_events_must_occur() -> None:
    with pytest.raises(cs.errors.ParameterError, match="no event is named 'reprot'"):
        cs.usage_depth(company(), key_events="reprot")


def test_breadth_needs_seats() -> None:
    tables = {"accounts": accounts(a="2026-01-01"), "events": events(("2026-01-05", "a", "u", "login"))}
    with pytest.raises(cs.errors.MissingColumnsError, match="seats"):
        cs.usage_breadth(cs.read_dataset(tables, as_of="2026-03-10"))


@pytest.mark.parametrize("offered", [[], ["login", "login"]])
def test_a_list_of_features_is_a_list_of_different_names(offered: list[str]) -> None:
    with pytest.raises(cs.errors.ParameterError, match="different events"):
        cs.feature_breadth(company(), offered=offered)


@pytest.mark.slow
def test_depth_and_sessions_recover_the_simulators_events_a_session() -> None:
    ds, truth = cs.simulate_company(accounts=400, months=6, seed=4)
    tables = {name: ds.tables[name].to_pandas() for name in ("accounts", "events")}
    drawn = tables["events"][tables["events"]["session_id"].str.startswith("V")]  # first uses are sessions of their own
    alone = cs.read_dataset({**tables, "events": drawn}, as_of=ds.as_of)
    depth = cs.usage_depth(alone)
    sessions = cs.sessions(alone, gap=None).query("metric == 'sessions'")
    found = (depth["estimate"] * depth["n"]).sum() / sessions["estimate"].sum()
    # a session is `signed_in` and a geometric number of further events with the mean of the parameters
    assert found == pytest.approx(1 + truth.parameters.usage.events_a_session, rel=0.03)
