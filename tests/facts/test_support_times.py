"""Waits of tickets, by hand."""

from __future__ import annotations

import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.facts.support_times import ticket_waits

ACCOUNTS = pd.DataFrame({"account_id": ["a", "late"], "started_at": pd.to_datetime(["2026-01-01", "2026-06-01"], utc=True)})
TICKETS = pd.DataFrame(  # Monday the 2nd to Monday the 16th of March
    [
        ("t0", "a", "2026-03-02T09:00", "2026-03-02T13:00", "2026-03-04T09:00", None),
        ("t1", "a", "2026-03-02T09:00", None, None, None),
        ("t2", "a", "2026-03-02T09:00", "2026-03-06T17:00", "2026-03-07T09:00", "2026-03-09T09:00"),
        ("t3", "a", "2026-03-02T09:00", "2026-03-02T09:00", "2026-03-12T09:00", "2026-03-05T09:00"),
        ("t4", "a", "2026-03-02T09:00", "2026-03-03T09:00", None, "2026-03-06T09:00"),
    ],
    columns=["ticket_id", "account_id", "opened_at", "first_response_at", "resolved_at", "reopened_at"],
)


def company(*, as_of: str = "2026-03-16", **changes: object) -> cs.Dataset:
    """Return the tickets, their instants in UTC."""
    instants = [name for name in TICKETS.columns if name.endswith("_at")]
    tickets = TICKETS.assign(**{name: pd.to_datetime(TICKETS[name], utc=True) for name in instants}, topic="bug").assign(**changes)
    return cs.read_dataset({"accounts": ACCOUNTS, "tickets": tickets}, as_of=as_of, on_error="quarantine")


def days(ds: cs.Dataset, **options: str) -> list[float]:
    """Return the days of each ticket, those still waiting as negative numbers, to a hundredth."""
    waits = ticket_waits(ds, **options)  # type: ignore[arg-type]
    return (waits["duration_days"].round(2) * waits["observed"].map({True: 1, False: -1})).tolist()


def test_responses_by_hand() -> None:
    """4 hours; open for 15 days; Monday 9:00 to Friday 17:00: 4 1/3 days or 5 business days; at once; a day. Open: 11 business days till Monday 17:00."""
    ds = company()
    assert days(ds) == [0.17, -14.62, 4.33, 0.0, 1.0]
    assert days(ds, clock="business") == [0.5, -11.0, 5.0, 0.0, 1.0]


def test_which_resolution_of_a_reopened_ticket_counts() -> None:
    """t2 was reopened after its resolution: open again. t3 was reopened on the 5th and resolved on the 12th: its first resolution lies before the 5th.

    t4 was reopened and its resolution taken off the record: the first lies before the 6th, and it is open.
    """
    ds = company()
    assert days(ds, what="resolution", reopened="first") == [2.0, -14.62, 5.0, 3.0, 4.0]
    assert days(ds, what="resolution", reopened="last") == [2.0, -14.62, -14.62, 10.0, -14.62]


def test_looking_back_sees_what_was_known() -> None:
    """On the evening of the 8th t2 was resolved and not reopened yet; t3 had been reopened and not resolved again."""
    assert days(company().at("2026-03-08"), what="resolution", reopened="last") == [2.0, -6.62, 5.0, -6.62, -6.62]
    assert ticket_waits(company().at("2026-03-01")).empty


def test_columns() -> None:
    waits = ticket_waits(company(), by="topic")
    assert waits.columns.tolist() == ["ticket_id", "account_id", "by.topic", "opened_at", "ended_at", "duration_days", "observed"]
    assert waits["observed"].dtype == bool
    assert waits["by.topic"].unique().tolist() == ["bug"]


def test_a_ticket_of_an_account_not_known_yet_is_left_out() -> None:
    assert ticket_waits(company(account_id=["a", "late", "a", "a", "a"]))["ticket_id"].tolist() == ["t0", "t2", "t3", "t4"]


def test_an_answer_before_the_opening_is_refused_at_the_door() -> None:
    early = pd.to_datetime(["2026-03-01T09:00", None, None, None, None], utc=True)
    ds = company(first_response_at=early)
    assert ds.findings[["column", "rule"]].to_numpy().tolist()[0] == ["first_response_at", "end before start"]
    assert ticket_waits(ds)["ticket_id"].tolist() == ["t1", "t2", "t3", "t4"]


@pytest.mark.parametrize(("options", "message"), [({"what": "reply"}, "what must be 'response' or 'resolution'"), ({"reopened": "all"}, "reopened must be")])
def test_unknown_words_are_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(cs.errors.ParameterError, match=message):
        ticket_waits(company(), **options)  # type: ignore[arg-type]
