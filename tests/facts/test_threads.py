"""Waits in conversations, by hand and against a plain loop over messages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.facts.threads import message_waits

ACCOUNTS = pd.DataFrame({"account_id": ["a", "b"], "started_at": pd.to_datetime(["2026-01-01"] * 2, utc=True), "segment": ["x", None]})


def company(messages: list[tuple[str, str, str, str]], *, as_of: str = "2026-03-31") -> cs.Dataset:
    """Return a dataset with messages of account, thread, instant and direction, in a shuffled order."""
    table = pd.DataFrame(messages, columns=["account_id", "thread_id", "sent_at", "direction"])
    table = table.assign(sent_at=pd.to_datetime(table["sent_at"], utc=True, format="ISO8601"), message_id=[f"m{row}" for row in range(len(table))])
    return cs.read_dataset({"accounts": ACCOUNTS, "messages": table.sample(frac=1, random_state=1)}, as_of=as_of)


def seen(ds: cs.Dataset) -> list[tuple[str, str, str, float, bool]]:
    """Return thread, account, opening, days and whether answered, of each wait."""
    waits = message_waits(ds)
    opened = waits["opened_at"].dt.strftime("%d %H:%M")
    return list(zip(waits["thread_id"], waits["account_id"], opened, waits["duration_days"].round(6), waits["observed"], strict=True))


def test_by_hand() -> None:
    """Two messages before the first answer: the wait begins with the first, at 06:00, and takes 12 hours; the second, from 20:00, takes 6."""
    thread = [("in", "10T06:00"), ("in", "10T09:00"), ("out", "10T18:00"), ("out", "10T19:00"), ("in", "10T20:00"), ("out", "11T02:00")]
    found = seen(company([("a", "t", f"2026-03-{when}", way) for way, when in thread]))
    assert found == [("t", "a", "10 06:00", 0.5, True), ("t", "a", "10 20:00", 0.25, True)]


def test_who_waits_is_counted_to_as_of() -> None:
    """From noon of the 30th to the end of the 31st: a day and a half, less what has not been seen."""
    found = message_waits(company([("a", "t", "2026-03-30T12:00", "in")]))
    assert found["duration_days"].tolist() == [1.499999999]
    assert not found["observed"].any()
    assert found["ended_at"].isna().all()


def test_a_conversation_that_we_begin_has_no_wait_until_the_customer_writes() -> None:
    assert seen(company([("a", "t", "2026-03-10T06:00", "out"), ("a", "t", "2026-03-10T07:00", "out")])) == []
    found = seen(company([("a", "t", "2026-03-10T06:00", "out"), ("a", "t", "2026-03-11T06:00", "in"), ("a", "t", "2026-03-12T06:00", "out")]))
    assert found == [("t", "a", "11 06:00", 1.0, True)]


def test_at_the_same_instant_the_customer_comes_first() -> None:
    """In and out at six: answered at once. Out at six as well as in at five and at six: the wait of five is over, that of six is the same."""
    assert seen(company([("a", "t", "2026-03-10T06:00", "out"), ("a", "t", "2026-03-10T06:00", "in")])) == [("t", "a", "10 06:00", 0.0, True)]
    both = [("a", "t", "2026-03-10T05:00", "in"), ("a", "t", "2026-03-10T06:00", "out"), ("a", "t", "2026-03-10T06:00", "in")]
    assert seen(company(both)) == [("t", "a", "10 05:00", 0.041667, True)]


def test_the_same_number_in_two_accounts_is_two_conversations() -> None:
    found = seen(company([("a", "1", "2026-03-31T06:00", "in"), ("b", "1", "2026-03-31T07:00", "out")]))
    assert [row[4] for row in found] == [False]


def test_nothing_later_than_as_of_answers() -> None:
    ds = company([("a", "t", "2026-03-10T06:00", "in"), ("a", "t", "2026-03-12T06:00", "out")])
    assert seen(ds.at("2026-03-10")) == [("t", "a", "10 06:00", 0.75, False)]
    assert message_waits(ds.at("2026-03-09")).empty


def test_groups_come_from_accounts_and_a_missing_one_has_a_name() -> None:
    ds = company([("a", "t", "2026-03-10T06:00", "in"), ("b", "s", "2026-03-10T06:00", "in")])
    assert message_waits(ds, by="segment")["by.segment"].tolist() == ["x", "(missing)"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_random_conversations_equal_a_plain_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = 80
    hours = rng.integers(0, 60, size)  # so few that many fall on the same instant
    rows = [
        (rng.choice(["a", "b"]), str(rng.integers(0, 6)), str(pd.Timestamp("2026-03-01") + pd.Timedelta(hour, "h")), rng.choice(["in", "out"]))
        for hour in hours
    ]
    found = [(account, thread, opened, days if observed else None) for thread, account, opened, days, observed in seen(company(rows))]
    assert found == plain_waits(rows)


def plain_waits(rows: list[tuple[str, str, str, str]]) -> list[tuple[str, str, str, float | None]]:
    """Return account, thread, opening and days (None: unanswered) of each wait, from a loop over the messages in order."""
    waits = []
    for account, thread in sorted({row[:2] for row in rows}):
        waiting_since = None
        for _, _, when, way in sorted((row for row in rows if row[:2] == (account, thread)), key=lambda row: (row[2], row[3])):
            now = pd.Timestamp(when)
            if way == "in" and waiting_since is None:
                waiting_since = now
            if way == "out" and waiting_since is not None:
                waits.append((account, thread, f"{waiting_since:%d %H:%M}", round((now - waiting_since) / pd.Timedelta(1, "D"), 6)))
                waiting_since = None
        if waiting_since is not None:
            waits.append((account, thread, f"{waiting_since:%d %H:%M}", None))
    return waits
