"""First uses, leaving and the time between, by hand and against a search through all rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.data.dataset import engine_of
from cs_analysis.facts.firsts import first_use_durations, first_uses, left_at
from cs_analysis.facts.uses import named_events
from helpers import accounts, events, phases

END = pd.Timestamp("2026-03-31T23:59:59.999999Z")


def rows_of(ds: cs.Dataset, expression: Any, *order: str) -> list[list[Any]]:
    """Return the rows of an expression, instants as text."""
    frame = engine_of(ds).run(expression.order_by(list(order)))
    return [[f"{cell:%m-%d %H:%M}" if isinstance(cell, pd.Timestamp) else cell for cell in row] for row in frame.itertuples(index=False)]


def waits(ds: cs.Dataset, **options: Any) -> list[tuple[Any, ...]]:
    """Return the durations of all events as sorted tuples, one an account."""
    found = first_use_durations(ds, named_events(ds, None), **options)
    again = found.loc[found.index.repeat(found["count"])].drop(columns="count")
    return sorted(again.itertuples(index=False, name=None), key=str)


class TestFirstUses:
    USED = events(
        ("2025-12-31T10:00", "a", "u", "read"),  # before the start of a
        ("2026-01-01T00:00", "a", "u", "read"),  # at its very start
        ("2026-01-02T09:00", "a", "u", "read"),
        ("2026-01-03T09:00", "a", "u", "save"),
        ("2026-01-05T09:00", "late", "w", "read"),
        ("2026-04-05T09:00", "late", "w", "read"),
    )

    @pytest.fixture
    def ds(self) -> cs.Dataset:
        return cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01", late="2026-04-01"), "events": self.USED}, as_of="2026-03-31")

    def test_a_use_before_the_start_and_an_account_not_known_yet_do_not_count(self, ds: cs.Dataset) -> None:
        found = first_uses(ds, named_events(ds, None))
        assert rows_of(ds, found, "account_id", "event") == [["a", "read", "01-01 00:00"], ["a", "save", "01-03 09:00"]]

    def test_after_the_start_means_later_than_it(self, ds: cs.Dataset) -> None:
        found = first_uses(ds, named_events(ds, "read"), after_start=True)
        assert rows_of(ds, found, "account_id") == [["a", "read", "01-02 09:00"]]


class TestLeftAt:
    def test_leaving_is_the_first_moment_without_any_phase(self) -> None:
        sold = phases(
            ("s", "a", "2026-01-01", "2026-01-15", 0),  # a trial that turns into a contract at once, then a pause: stays until March
            ("t", "a", "2026-01-15", "2026-02-15", 10),
            ("u", "a", "2026-02-15", "2026-03-01", 0),
            ("v", "a", "2026-03-05", None, 10),  # back after having left
            ("w", "b", "2026-01-01", "2026-05-01", 10),  # ends after as_of
            ("x", "c", "2026-01-01", None, 10),
            kind=["trial", "paid", "paused", "paid", "paid", "free"],
            cancelled_at=[pd.NaT] * 4 + [pd.Timestamp("2026-02-01", tz="UTC"), pd.NaT],
        )
        ds = cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01", c="2026-01-01", d="2026-01-01"), "subscriptions": sold}, as_of="2026-03-31")
        assert rows_of(ds, left_at(ds), "account_id") == [["a", "03-01 00:00"]]

    def test_without_subscriptions_nobody_is_known_to_leave(self) -> None:
        assert left_at(cs.read_dataset({"accounts": accounts(a="2026-01-01")}, as_of="2026-03-31")) is None


class TestDurations:
    USED = events(("2026-03-03", "a", "u", "read"), ("2026-03-07", "b", "u", "read"), ("2026-03-11", "c", "u", "read"))

    @pytest.mark.slow
    def test_by_hand(self) -> None:
        ends = {"a": None, "b": "2026-03-05", "c": "2026-03-11", "d": None}
        sold = phases(*((name, name, "2026-03-01", end, 1) for name, end in ends.items()))
        ds = cs.read_dataset({"accounts": accounts(**dict.fromkeys("abcd", "2026-03-01")), "events": self.USED, "subscriptions": sold}, as_of="2026-03-31")
        expected = [
            ("read", 2.0, True, "used"),  # a
            ("read", 4.0, True, "left"),  # b left before its use
            ("read", 10.0, True, "used"),  # c used at the instant it left
            ("read", 31 - 1e-9, False, None),  # d: the midnight after 31 March has not been seen, so not quite 31 days
        ]
        assert waits(ds) == sorted(expected, key=str)

    def test_the_clock_starts_at_the_release_where_that_is_later(self) -> None:
        sold = phases(("s", "c", "2026-03-01", "2026-03-02", 1), ("t", "d", "2026-03-01", "2026-03-06", 1))
        people = accounts(a="2026-03-01", b="2026-03-06", c="2026-03-01", d="2026-03-01", e="2026-03-01")
        ds = cs.read_dataset({"accounts": people, "events": self.USED, "subscriptions": sold}, as_of="2026-03-31")
        found = waits(ds, since={"read": pd.Timestamp("2026-03-05T01:00+01:00")})  # 5 March in UTC
        expected = [
            ("read", 0.0, True, "used"),  # a used it before its release
            ("read", 1.0, True, "used"),  # b from its own start on
            # c left before the release: not at risk, although it used it later
            ("read", 1.0, True, "left"),  # d
            ("read", 27 - 1e-9, False, None),  # e
        ]
        assert found == sorted(expected, key=str)

    def test_a_release_still_to_come_has_no_rows(self) -> None:
        ds = cs.read_dataset({"accounts": accounts(a="2026-03-01"), "events": self.USED.head(1)}, as_of="2026-03-31")
        assert waits(ds, since={"read": pd.Timestamp("2026-04-01T00:00Z")}) == []
        assert waits(ds, since={"read": END}) == [("read", 0.0, True, "used")]

    @pytest.mark.slow
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_equals_a_search_through_all_rows(self, seed: int) -> None:
        tables = random_company(seed)
        since = {"e1": pd.Timestamp("2026-03-08", tz="UTC")}
        assert waits(cs.read_dataset(tables, as_of=END), since=since, by="segment") == sorted(searched(tables, since), key=str)


def random_company(seed: int, size: int = 80) -> dict[str, pd.DataFrame]:
    """Return a company of March 2026 on whole days, so that uses, starts, ends and releases often coincide; some rows lie after END."""
    rng = np.random.default_rng(seed)
    day = lambda low, high, count: pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(rng.integers(low, high, count), "D")  # noqa: E731
    names = np.array([f"a{number}" for number in range(size)])
    people = pd.DataFrame({"account_id": names, "started_at": day(0, 34, size), "segment": rng.choice(["x", "y"], size)})
    used = pd.DataFrame({"event_at": day(-2, 36, 300), "account_id": rng.choice(names, 300), "user_id": "u", "event": rng.choice(["e1", "e2"], 300)})
    begun = day(0, 34, 90)
    ends = pd.Series(begun + pd.to_timedelta(rng.integers(1, 20, 90), "D")).where(rng.random(90) < 0.7)
    sold = phases(*((f"s{number}", account, "2026-03-01", None, 1.0) for number, account in enumerate(rng.choice(names, 90))))
    return {"accounts": people, "events": used.sample(frac=1, random_state=seed), "subscriptions": sold.assign(started_at=begun, ended_at=ends)}


def searched(tables: dict[str, pd.DataFrame], since: dict[str, pd.Timestamp]) -> list[tuple[Any, ...]]:
    """Return what `waits` must find, by going through the rows of each account."""
    found = []
    for account, start, segment in tables["accounts"].itertuples(index=False, name=None):
        for event in ("e1", "e2"):
            origin = max(start, since.get(event, start))
            left = leaves(tables["subscriptions"], account)
            if origin > END or (left is not None and left <= origin):
                continue
            own = tables["events"].query("account_id == @account and event == @event and event_at >= @start and event_at <= @END")["event_at"]
            first = own.min() if len(own) else None
            if first is not None and (left is None or first <= left):
                found.append((segment, event, max((first - origin) / pd.Timedelta("1D"), 0.0), True, "used"))
            elif left is not None:
                found.append((segment, event, (left - origin) / pd.Timedelta("1D"), True, "left"))
            else:
                found.append((segment, event, (END.ceil("D") - origin) / pd.Timedelta("1D") - 1e-9, False, None))
    return [(*row[:2], round(row[2], 9), *row[3:]) for row in found]


def leaves(sold: pd.DataFrame, account: str) -> pd.Timestamp | None:
    """Return the first whole day on which an account that has had a phase has none, as known at END."""
    own = sold[(sold["account_id"] == account) & (sold["started_at"] <= END)]
    if own.empty:
        return None
    day = own["started_at"].min()
    while day <= END:
        if not ((own["started_at"] <= day) & (own["ended_at"].isna() | (own["ended_at"] > day) | (own["ended_at"] > END))).any():
            return day
        day += pd.Timedelta(1, "D")
    return None
