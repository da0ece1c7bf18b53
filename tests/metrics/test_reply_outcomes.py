from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from helpers import accounts, phases, utc

DAY = pd.Timedelta(1, "D")
SLOW = "retention_by_response_time"


def cases(*rows: tuple[str, str, str, str | None]) -> pd.DataFrame:
    """Return tickets from (ticket_id, account_id, opened_at, first_response_at)."""
    frame = pd.DataFrame(rows, columns=["ticket_id", "account_id", "opened_at", "first_response_at"])
    return frame.assign(opened_at=utc(*frame["opened_at"]), first_response_at=utc(*frame["first_response_at"]), topic="bug")


def answers(*rows: tuple[str, str | None, str, int]) -> pd.DataFrame:
    """Return answers to the survey csat from (account_id, ticket_id, answered_at, score)."""
    frame = pd.DataFrame(rows, columns=["account_id", "ticket_id", "answered_at", "score"])
    at = utc(*frame["answered_at"])
    return frame.assign(answered_at=at, asked_at=at, survey="csat", response_id=range(len(frame)))


def company(tickets: pd.DataFrame, *, as_of: str = "2026-03-31", **tables: pd.DataFrame) -> cs.Dataset:
    known = sorted({name for table in (tickets, *tables.values()) for name in table["account_id"]})
    return cs.read_dataset({"accounts": accounts(**dict.fromkeys(known, "2025-01-01")), "tickets": tickets, **tables}, as_of=as_of)


TICKETS = cases(
    ("t1", "a", "2026-03-02T09:00", "2026-03-02T10:00"),  # Monday, an hour to the instant
    ("t2", "b", "2026-03-02T09:00", "2026-03-02T10:00:01"),
    ("t3", "c", "2026-03-06T16:00", "2026-03-09T10:00"),  # Friday to Monday: 66 hours, two of them open
    ("t4", "d", "2026-03-02T09:00", None),
    ("t5", "e", "2026-03-02T09:00", "2026-03-12T09:00"),
)
ANSWERS = answers(
    ("a", "t1", "2026-03-03", 5),
    ("a", "t1", "2026-03-04", 2),  # asked twice: both count
    ("b", "t2", "2026-03-02T10:00:01", 4),  # at the instant of the response, which the customer has then
    ("c", "t3", "2026-03-10", 1),
    ("d", "t4", "2026-03-08", 1),
    ("e", "t5", "2026-03-08", 3),  # four days before the response
    ("e", None, "2026-03-20", 5),  # about no ticket
)


@cache
def usual() -> cs.Dataset:
    return company(TICKETS, responses=ANSWERS)


def bands(table: pd.DataFrame, metric: str) -> dict[str, tuple[float, int]]:
    """Return band -> (estimate, n) in the order of the rows."""
    rows = table[table["metric"] == metric]
    return {row.response_time: (row.estimate, row.n) for row in rows.itertuples()}


def test_satisfaction_by_hand() -> None:
    found = cs.satisfaction_by_response_time(usual(), bands=["1h", "1d"])
    assert bands(found, "satisfaction_by_response_time") == {"up to 1h": (0.5, 2), "1h to 1d": (1, 1), "over 1d": (0, 1), "(not answered yet)": (0, 2)}
    open_hours = cs.satisfaction_by_response_time(usual(), bands=["1h", "1d"], clock="business")
    assert bands(open_hours, "satisfaction_by_response_time")["1h to 1d"] == (0.5, 2)  # t3 took two open hours
    assert list(bands(found, "satisfaction_by_response_time")) == ["up to 1h", "1h to 1d", "over 1d", "(not answered yet)"]


def test_the_slope_is_that_of_the_answers_after_a_response() -> None:
    """Logarithms to base 2 of hours 1, 1, 1.000278, 66 are 0, 0, .0004, 6.0444; satisfied 1, 0, 1, 0. Products of deviations over squares."""
    found = cs.satisfaction_by_response_time(usual(), adjust_for=[]).query("metric == 'satisfaction_per_doubling'")
    x, y = np.log2([1, 1, 3601 / 3600, 66]), np.array([1, 0, 1, 0])
    expected = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    assert found[["adjusted_for", "n"]].values.tolist() == [["(nothing)", 4]]
    assert found["estimate"].item() == pytest.approx(expected)


def angry(size: int = 400, seed: int = 1) -> cs.Dataset:
    """Return answers that depend on the topic alone, which the wait depends on as well."""
    rng = np.random.default_rng(seed)
    hard = rng.random(size) < 0.5
    opened = pd.Timestamp("2026-01-05", tz="UTC") + pd.to_timedelta(rng.integers(0, 60 * 24, size), "h")
    response = opened + pd.to_timedelta(np.where(hard, 40, 2) * rng.lognormal(0, 1, size), "h")
    table = pd.DataFrame({"ticket_id": np.arange(size).astype(str), "account_id": rng.integers(0, 80, size).astype(str), "opened_at": opened})
    table = table.assign(first_response_at=response.round("s"), topic=np.where(hard, "outage", "how_to"))
    said = pd.DataFrame({"account_id": table["account_id"], "ticket_id": table["ticket_id"], "response_id": np.arange(size), "survey": "csat"})
    said["score"] = np.where(rng.random(size) < np.where(hard, 0.3, 0.8), 5, 1)
    said["asked_at"] = said["answered_at"] = (response + DAY).round("s")
    inside = said["answered_at"] < pd.Timestamp("2026-04-01", tz="UTC")
    return company(table, responses=said[inside])


def test_within_like_tickets_the_wait_means_nothing() -> None:
    """Outages wait twenty times longer and please nobody: half of the tickets each way, 0.8 - 0.3 over 4.3 doublings and their spread."""
    found = cs.satisfaction_by_response_time(angry()).query("metric == 'satisfaction_per_doubling'").set_index("adjusted_for")
    crude, adjusted = found.loc["(nothing)"], found.loc["topic"]
    assert crude["conf_high"] < -0.03
    assert adjusted["conf_low"] < 0 < adjusted["conf_high"]
    shares = bands(cs.satisfaction_by_response_time(angry()), "satisfaction_by_response_time")
    assert shares["up to 1h"][0] - shares["1d to 3d"][0] > 0.3


def test_answers_that_come_before_a_response_are_never_put_into_its_band() -> None:
    """At the end of 8 March t5 was not answered either; its answer counts the same before and after the response of 12 March."""
    early = cs.satisfaction_by_response_time(usual().at("2026-03-08"), bands=["1h", "1d"])
    assert bands(early, "satisfaction_by_response_time") == {"up to 1h": (0.5, 2), "1h to 1d": (1, 1), "(not answered yet)": (0, 2)}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"bands": []}, cs.errors.ParameterError, "bands must be rising lengths"),
        ({"bands": "1d"}, cs.errors.ParameterError, "bands must be rising lengths"),
        ({"bands": ["1d", "20h"]}, cs.errors.ParameterError, "bands must rise"),
        ({"bands": ["1d", "20h"], "clock": "business"}, None, ""),  # a business day has eight hours
        ({"adjust_for": "priority"}, cs.errors.MissingColumnsError, "priority"),
        ({"survey": "nps"}, cs.errors.NotEnoughDataError, "no answer to 'nps' names a ticket"),
    ],
)
def test_arguments_are_checked(options: dict[str, Any], error: Any, message: str) -> None:
    if error is None:
        assert len(cs.satisfaction_by_response_time(usual(), **options))
        return
    with pytest.raises(error, match=message):
        cs.satisfaction_by_response_time(usual(), **options)


def test_answers_must_name_their_tickets() -> None:
    with pytest.raises(cs.errors.MissingColumnsError, match="ticket_id"):
        cs.satisfaction_by_response_time(company(TICKETS, responses=ANSWERS.drop(columns="ticket_id")))


LATER = cases(
    ("s0", "z", "2025-01-02", "2025-01-02T01:00"),  # since when tickets are on record
    ("s1", "a", "2025-03-10", "2025-03-10T00:30"),
    ("s2", "a", "2025-03-11", "2025-03-13"),  # two days; with the half hour a median of 24.25 hours
    ("s3", "b", "2025-02-01", "2025-02-01T00:30"),
    ("s4", "b", "2025-03-31", None),  # a day old at the end of March: too young for bands up to three days
    ("s5", "c", "2025-03-20", "2025-04-20"),  # not answered for 12 days, whatever came then
    ("s6", "d", "2024-12-31T23:00", "2025-01-31"),  # 91 days before
    ("s7", "e", "2025-03-28T23:59:59.999999", "2025-03-29"),  # three days to the instant by the end of March, and 1 us
)
SOLD = phases(
    ("sa", "a", "2024-06-01", None, 10),
    ("sb", "b", "2024-06-01", "2025-04-20", 10),
    ("sc", "c", "2024-06-01", "2025-04-01", 10),  # leaves at the first instant of the horizon
    ("sd", "d", "2024-06-01", "2025-05-01", 10),  # 30 days after the end of March: the end of the horizon, not in it
    ("se", "e", "2024-06-01", None, 10),
    ("sf", "f", "2024-06-01", "2025-03-15", 10),  # gone by the date
    ("sg", "g", "2025-04-02", None, 10),  # not there yet
)


def test_retention_by_hand() -> None:
    """The end of March 2025 is the only quarter with its 90 days and the 30 after on record: a, b, c, d, e are customers."""
    people = accounts(**dict.fromkeys("abcdefgz", "2024-01-01"))
    ds = cs.read_dataset({"accounts": people, "tickets": LATER, "subscriptions": SOLD}, as_of="2025-05-31")
    found = cs.retention_by_response_time(ds, horizon="30d", since="2024-12-01")
    assert bands(found, SLOW) == {"up to 1h": (0.5, 2), "1d to 3d": (1, 1), "over 3d": (0, 1), "(no tickets)": (1, 1)}  # b and e; a; c; d
    slowest = cs.retention_by_response_time(ds, horizon="30d", since="2024-12-01", of="slowest")
    assert bands(slowest, SLOW) == bands(found, SLOW)
    short = cs.retention_by_response_time(ds, horizon="30d", since="2024-12-01", bands=["1h", "1d"])
    assert bands(short, SLOW) == {"up to 1h": (1, 1), "over 1d": (1 / 3, 3), "(no tickets)": (1, 1)}  # s4 is a day old now: b's median is without end
    naive = bands(found, f"{SLOW}_naive")
    assert naive == {"up to 1h": (0.5, 2), "1d to 3d": (1, 1), "over 3d": (0, 2), "(no tickets)": (0.5, 2)}  # b, e; a; c after 31 days, d; f and g
    slope = found[found["metric"] == "retention_per_band"]
    x, y = np.array([0, 0, 3, 4]), np.array([0, 1, 1, 0])  # b, e, a, c
    assert slope["estimate"].item() == pytest.approx(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())
    assert slope["n"].item() == 4


@pytest.mark.slow
def test_dates_before_tickets_are_on_record_do_not_count() -> None:
    """The first ticket came on 31 December, the 90 days of the end of March begin on 1 January, those of the end of December are not on record."""
    people = accounts(**dict.fromkeys("abcdefgz", "2024-01-01"))
    tables = {"accounts": people, "tickets": LATER, "subscriptions": SOLD}
    ds = cs.read_dataset(tables, as_of="2025-05-31")
    pd.testing.assert_frame_equal(cs.retention_by_response_time(ds, horizon="30d"), cs.retention_by_response_time(ds, horizon="30d", since="2024-12-01"))
    with pytest.raises(cs.errors.NotEnoughDataError, match=r"no quarter ended by 2025-02-28 with 90 days of tickets on record"):
        cs.retention_by_response_time(ds.at("2025-02-28"), horizon="30d")
    with pytest.raises(cs.errors.NotEnoughDataError, match=r"no quarter whose tickets are on record ended 30d before 2025-04-15"):
        cs.retention_by_response_time(ds.at("2025-04-15"), horizon="30d")
    with pytest.raises(cs.errors.ParameterError, match="of must be 'median' or 'slowest', not 'mean'"):
        cs.retention_by_response_time(ds, horizon="30d", of="mean")  # type: ignore[arg-type]


@pytest.mark.slow
def test_what_came_after_a_date_changes_nothing_of_it() -> None:
    """Every reply of April is moved to the end of May, and tickets are added: March stays as it was."""
    people = accounts(**dict.fromkeys("abcdefgz", "2024-01-01"))
    more = pd.concat([LATER, cases(*((f"n{k}", "e", "2025-04-02", None) for k in range(5)))], ignore_index=True)
    late = more["first_response_at"] >= pd.Timestamp("2025-04-01", tz="UTC")
    more["first_response_at"] = more["first_response_at"].mask(late, pd.Timestamp("2025-05-30", tz="UTC"))
    shown = []
    for tickets in (LATER, more):
        ds = cs.read_dataset({"accounts": people, "tickets": tickets, "subscriptions": SOLD}, as_of="2025-05-31")
        shown.append(cs.retention_by_response_time(ds, horizon="30d").query("metric != 'retention_by_response_time_naive'"))
    pd.testing.assert_frame_equal(*shown)


@pytest.mark.slow
def test_without_any_connection_there_is_none_and_the_naive_figure_makes_one_up() -> None:
    """Replies take twice as long in every year after the first, and leaving has nothing to do with them: whoever stayed has waited longer on average."""
    rng, size = np.random.default_rng(3), 600
    start = pd.Timestamp("2023-01-01", tz="UTC")
    stays = np.minimum(rng.exponential(700, size), 3000)
    sold = pd.DataFrame({"subscription_id": np.arange(size).astype(str), "account_id": np.arange(size).astype(str), "mrr": 10.0, "currency": "EUR"})
    sold["started_at"], sold["ended_at"] = start, pd.Series(start + pd.to_timedelta(np.ceil(stays), "D"))
    days = rng.uniform(0, 1095, 9000)
    who = rng.integers(0, size, 9000)
    there = days < stays[who]
    opened = start + pd.to_timedelta(days[there], "D").round("s")
    took = pd.to_timedelta(3 * 8.0 ** (days[there] / 1095) * rng.lognormal(0, 0.5, int(there.sum())), "h").round("s")
    tickets = pd.DataFrame({"ticket_id": np.arange(int(there.sum())).astype(str), "account_id": who[there].astype(str), "opened_at": opened})
    tickets["first_response_at"] = opened + took
    people = pd.DataFrame({"account_id": np.arange(size).astype(str), "started_at": start})
    ds = cs.read_dataset({"accounts": people, "tickets": tickets, "subscriptions": sold}, as_of="2025-12-31")
    found = cs.retention_by_response_time(ds, horizon="180d", bands=["4h", "8h", "1d"])
    slope = found[found["metric"] == "retention_per_band"].iloc[0]
    assert slope["conf_low"] < 0 < slope["conf_high"]
    naive = bands(found, "retention_by_response_time_naive")
    assert naive["8h to 1d"][0] - naive["up to 4h"][0] > 0.3
