"""Customers at the ends of months, with what was known and what came."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.health_snapshots import due_between, health_snapshots, numbers, with_due, with_inputs
from metrics.health_company import company


def utc(text: str | None) -> pd.Timestamp:
    """Return an instant, or none."""
    return pd.Timestamp(text, tz="UTC") if text else pd.NaT


def phases(*rows: tuple[str, str | None, str | None]) -> cs.Dataset:
    """Return a dataset of accounts that start on 1 January 2026: name, end, cancellation."""
    names = [name for name, _, _ in rows]
    sold = pd.DataFrame({"subscription_id": names, "account_id": names, "started_at": utc("2026-01-01"), "mrr": 10.0, "currency": "EUR"})
    sold["ended_at"] = pd.to_datetime([utc(end) for _, end, _ in rows], utc=True)
    sold["cancelled_at"] = pd.to_datetime([utc(notice) for _, _, notice in rows], utc=True)
    return cs.read_dataset({"accounts": sold[["account_id", "started_at"]], "subscriptions": sold}, as_of="2026-04-05")


@pytest.mark.slow
def test_who_leaves_in_the_gap_or_has_given_notice_is_of_no_use() -> None:
    # the window of the end of January is [2026-02-11, 2026-03-13), of the end of February [2026-03-11, 2026-04-10), which is not over
    ds = phases(("stays", None, None), ("leaves", "2026-03-01", None), ("in the gap", "2026-02-05", None), ("told", "2026-03-01", "2026-01-20"))
    found = health_snapshots(ds, horizon="30d", gap="10d", features=["tenure_days"])
    assert found.outcomes["at"].unique().tolist() == [pd.Timestamp("2026-01-31")]
    assert sorted(found.outcomes["account_id"]) == ["in the gap", "leaves", "stays", "told"]
    usable = found.usable()
    assert dict(zip(usable.outcomes["account_id"], usable.outcomes["churned"], strict=True)) == {"leaves": True, "stays": False}
    assert usable.features["account_id"].tolist() == usable.outcomes["account_id"].tolist()
    assert usable.features["tenure_days"].tolist() == [31.0, 31.0]


@pytest.mark.slow
def test_without_a_window_that_is_over_it_says_when_the_first_will_be() -> None:
    with pytest.raises(NotEnoughDataError, match="the first such window ends at 2026-06-01, after 2026-04-05"):
        health_snapshots(phases(("a", None, None)), horizon="90d", gap="30d", features=["tenure_days"])


@pytest.mark.slow
def test_a_date_is_known_by_the_first_date_at_which_its_window_is_over() -> None:
    ds, table = company(40, 6)
    found = health_snapshots(ds, horizon="30d", gap="30d", features=table)
    turn, known_from = found.turns()
    # 60 days after the end of January 2025 is 2 April: the end of April is the first to know; after the end of February 30 April, so is it
    days = found.windows.sort_values("at")["at"].tolist()
    first = {days[place]: days[known] for place, known in zip(turn, known_from, strict=True) if known < len(days)}
    assert first[pd.Timestamp("2025-01-31")] == pd.Timestamp("2025-04-30")
    assert first[pd.Timestamp("2025-02-28")] == pd.Timestamp("2025-04-30")
    assert first[pd.Timestamp("2025-03-31")] == pd.Timestamp("2025-05-31")


@pytest.mark.slow
def test_snapshots_that_were_over_look_the_same_from_then_and_from_now() -> None:
    ds, table = company(60, 8)
    now = health_snapshots(ds, horizon="30d", gap="30d", features=table)
    day = pd.Timestamp("2025-07-31")
    then = health_snapshots(ds.at(day.date()), horizon="30d", gap="30d", features=table[table["at"] <= day])
    over = now.windows.loc[now.windows["over_at"] <= utc("2025-08-01"), "at"]
    assert over.tolist() == sorted(then.outcomes["at"].unique())
    columns = ["account_id", "at", "churned", "left_in_gap", "notice_given", "mrr"]
    pd.testing.assert_frame_equal(
        now.outcomes.loc[now.outcomes["at"].isin(over), columns].reset_index(drop=True), then.outcomes[columns].reset_index(drop=True)
    )
    pd.testing.assert_frame_equal(now.features[now.features["at"].isin(over)].reset_index(drop=True), then.features.reset_index(drop=True))


def test_a_renewal_is_due_if_it_lies_in_the_window() -> None:
    assert due_between("60d", "30d") == (30.0, 90.0)
    assert due_between("12mo", None) == (0.0, 365.25)
    table = with_due(pd.DataFrame({"days_to_renewal": [29.9, 30.0, 89.9, 90.0, np.nan]}), (30.0, 90.0))
    assert table["renewal_due"].tolist()[:4] == [0, 1, 1, 0]
    assert np.isnan(table["renewal_due"].iloc[4])
    assert "renewal_due" not in with_due(pd.DataFrame({"mrr": [1.0]}), (30.0, 90.0))


def test_features_are_numbers() -> None:
    table = pd.DataFrame({"account_id": ["a", "b"], "at": pd.Timestamp("2026-01-31"), "flag": [True, False], "some": pd.array([1, None], dtype="Int64")})
    assert numbers(table)["flag"].tolist() == [1.0, 0.0]
    assert numbers(table)["some"].isna().tolist() == [False, True]
    with pytest.raises(ParameterError, match="'plan' holds 'pro'"):
        numbers(table.assign(plan=["pro", "free"]))


@pytest.mark.slow
def test_rules_get_the_inputs_that_the_tables_allow() -> None:
    ds, table = company(20, 5)
    features = table[table["at"] == "2025-03-31"]
    found = with_inputs(ds, features, {"mrr": 1, "use": 1, "active_days_28": 1})  # there are no events
    assert found.columns.tolist() == [*features.columns, "mrr"]
    assert found.loc[found["mrr"].notna(), "mrr"].eq(10.0).all()
    assert with_inputs(ds, features, {"use": 1}) is features
