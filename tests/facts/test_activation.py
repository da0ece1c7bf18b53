"""When accounts are activated, and how windows of them become durations."""

from __future__ import annotations

import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.data.dataset import engine_of
from cs_analysis.facts.activation import activated_at, longest_days, reached_within, stays_after
from cs_analysis.facts.firsts import account_starts
from cs_analysis.windows import parse_window
from helpers import accounts, events, phases

USED = events(
    ("2026-03-05", "a", "u", "save"),
    ("2026-03-05", "a", "u", "share"),  # at the same instant: two different actions all the same
    ("2026-03-06", "a", "u", "invite"),
    ("2026-03-02", "b", "u", "save"),
    ("2026-03-09", "b", "u", "save"),  # the same action again is no second one
)


@pytest.fixture
def ds() -> cs.Dataset:
    return cs.read_dataset({"accounts": accounts(a="2026-03-01", b="2026-03-01", c="2026-03-30"), "events": USED}, as_of="2026-03-31")


@pytest.mark.parametrize(
    ("need", "days"), [(1, {"a": 5, "b": 2}), (2, {"a": 5}), (3, {"a": 6}), ("all", {"a": 6})], ids=["one of them", "two", "three", "all of them"]
)
def test_the_instant_at_which_the_set_is_complete(ds: cs.Dataset, need: int | str, days: dict[str, int]) -> None:
    found = engine_of(ds).run(activated_at(ds, ["save", "share", "invite"], need=need).order_by("account_id"))
    assert dict(zip(found["account_id"], found["reached_at"].dt.day, strict=True)) == days


@pytest.mark.parametrize(("window", "days"), [("14d", 14.0), ("36h", 1.5), ("1h", 0.041666667), ("2mo", 62.0), ("1y", 372.0)])
def test_the_longest_a_window_can_be(window: str, days: float) -> None:
    assert longest_days(parse_window(window)) == days


def test_a_window_that_is_over_counts_as_watched_in_full_and_one_that_is_not_as_less(ds: cs.Dataset) -> None:
    found = reached_within(ds, activated_at(ds, "save", need="any"), origins=account_starts(ds), window=parse_window("3d"))
    # b after 1 day; a too late; c for two days less the last microsecond, rounded down
    assert sorted(found[["duration_days", "observed", "count"]].values.tolist()) == [[1.0, True, 1], [2 - 1e-9, False, 1], [3.0, False, 1]]


def test_a_window_of_an_hour_reaches_its_own_end(ds: cs.Dataset) -> None:
    used = events(("2026-03-01T01:00", "a", "u", "save"), ("2026-03-01T01:00:00.000001", "b", "u", "save"))
    hourly = cs.read_dataset({"accounts": accounts(a="2026-03-01", b="2026-03-01"), "events": used}, as_of=pd.Timestamp("2026-03-01T02:00Z"))
    found = reached_within(hourly, activated_at(hourly, "save", need="any"), origins=account_starts(hourly), window=parse_window("1h"))
    assert found[["duration_days", "observed"]].values.tolist() == [[0.041666667, False], [0.041666667, True]]


@pytest.mark.slow
def test_a_stay_is_counted_from_the_landmark() -> None:
    sold = phases(("s", "a", "2026-03-01", "2026-03-21", 1), ("t", "b", "2026-03-01", "2026-03-11", 1))
    gone = cs.read_dataset({"accounts": accounts(a="2026-03-01", b="2026-03-01"), "events": USED, "subscriptions": sold}, as_of="2026-03-31")
    found = stays_after(gone, activated_at(gone, "save", need="any"), landmark=parse_window("10d"), by=None)
    # b left at the landmark itself: not there any more
    assert found[["activated", "duration_days", "observed", "count"]].values.tolist() == [["yes", 10.0, True, 1]]
