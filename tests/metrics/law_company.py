"""The company on which the laws of all metrics are tested: small, with a table of every kind and rows beyond the data date."""

from __future__ import annotations

import numpy as np
import pandas as pd

COMMENTS = (
    "Much too slow",
    "Zu teuer für uns",
    "Destek ekibi çok yavaş",
    "Support is slow to answer",
    "It does the job",
    "Easy to use",
    "Great team and easy to use",
)


def company(seed: int = 3, size: int = 60) -> dict[str, pd.DataFrame]:
    """Return the company: tables whose rows reach half a year beyond March 2026."""
    rng = np.random.default_rng(seed)

    def moments(count: int, first: str, days: int) -> pd.Series:
        return pd.Series(pd.Timestamp(first, tz="UTC") + pd.to_timedelta(rng.integers(0, days * 24, count), "h"))

    names = [f"a{number:02d}" for number in range(size)]
    people = pd.DataFrame({"account_id": names, "started_at": moments(size, "2025-10-01", 300), "segment": rng.choice(["x", "y", "z"], size), "seats": 5})
    people["acquisition_cost"] = 40.0 + np.arange(size) % 7 * 10
    people["benefit"] = 300.0 + np.arange(size) % 11 * 50
    people["touch"] = np.where(np.arange(size) % 5 < 2, "high", "low")
    starts = people["started_at"] + pd.to_timedelta(rng.integers(0, 20, size), "D")
    sold = pd.DataFrame(
        {
            "subscription_id": [f"s{name}" for name in names],
            "account_id": names,
            "started_at": starts,
            "ended_at": (starts + pd.to_timedelta(rng.integers(10, 200, size), "D")).where(rng.random(size) < 0.7),
            "mrr": rng.integers(10, 200, size) + 0.1,
            "currency": "EUR",
        }
    )
    picked = rng.integers(0, size, 600)
    used = pd.DataFrame(
        {
            "event_at": people["started_at"].iloc[picked].reset_index(drop=True) + pd.to_timedelta(rng.integers(0, 4000, 600), "h"),
            "account_id": [names[k] for k in picked],
            "user_id": [f"u{k}{rng.integers(0, 3)}" for k in picked],
            "event": rng.choice(["login", "report"], 600),
        }
    )
    asked = pd.DataFrame({"response_id": range(200), "account_id": rng.choice(names, 200), "survey": "nps", "asked_at": moments(200, "2026-01-01", 180)})
    asked["asked_at"] = asked["asked_at"].clip(lower=asked["account_id"].map(people.set_index("account_id")["started_at"]))
    late = asked["asked_at"] + pd.to_timedelta(rng.integers(1, 400, 200), "h")
    answered = asked.assign(answered_at=late.where(rng.random(200) < 0.6), score=rng.integers(0, 11, 200).astype(float))
    answered["score"] = answered["score"].where(answered["answered_at"].notna())
    spoke = answered["score"].notna() & (answered.index % 4 > 0)
    answered["comment"] = [COMMENTS[int(score) * len(COMMENTS) // 11] if said else None for score, said in zip(answered["score"], spoke, strict=True)]
    alike = {"csat": answered["score"] // 2.5 + 1, "ces": answered["score"] * 6 // 10 + 1, "fcr": answered["score"] // 6}  # 1 to 5, 1 to 7, no or yes
    said = [answered.assign(survey=survey, score=score, response_id=answered["response_id"] + 200 * k) for k, (survey, score) in enumerate(alike.items(), 1)]
    answered = pd.concat([answered, *said], ignore_index=True)
    rest = {"orders": purchases(people), "events": used, "tickets": cases(people), "messages": conversations(people), "goals": aims(people)}
    rest["responses"] = about_tickets(answered, rest["tickets"])
    return {"accounts": people, "subscriptions": sold, **rest}


def purchases(people: pd.DataFrame) -> pd.DataFrame:
    """Return orders of all accounts, who differ in how often, for how long and for how much they buy."""
    rng = np.random.default_rng(8)
    size = len(people)
    repeats, gap, level = rng.geometric(rng.beta(1, 5, size)), 1 / rng.gamma(1.5, 1 / 20, size), 60 / rng.gamma(4, 0.3, size)
    who = np.repeat(np.arange(size), 1 + np.minimum(repeats, 40))
    hours = pd.Series(rng.exponential(gap[who] * 24)).groupby(who).cumsum()
    when = people["started_at"].iloc[who].reset_index(drop=True) + pd.to_timedelta(hours.round(), "h")
    rows = pd.DataFrame(
        {"account_id": people["account_id"].to_numpy()[who], "ordered_at": when, "amount": np.round(level[who] * rng.gamma(5, 0.2, len(who)), 2)}
    )
    rows = rows[rows["ordered_at"] < people["started_at"].max()].reset_index(drop=True)
    rows["amount"] = rows["amount"].where(rows.index % 40 != 7, -rows["amount"])
    return rows.assign(order_id=[f"o{row}" for row in rows.index], currency="EUR")


def cases(people: pd.DataFrame) -> pd.DataFrame:
    """Return tickets of all accounts, of which some are not answered, not resolved or opened again."""
    rng = np.random.default_rng(12)
    who = rng.integers(0, len(people), 300)
    opened = people["started_at"].iloc[who].reset_index(drop=True) + pd.to_timedelta(rng.integers(0, 4000 * 60, 300), "min")
    waits = [pd.Series(pd.to_timedelta(rng.exponential(hours, 300).round() * 60, "min")) for hours in (12, 150, 300)]
    first, resolved, again = opened + waits[0], opened + waits[0] + waits[1], opened + waits[0] + waits[1] + waits[2]
    table = pd.DataFrame({"ticket_id": [f"t{row}" for row in range(300)], "account_id": people["account_id"].to_numpy()[who], "opened_at": opened})
    table["first_response_at"] = first.where(rng.random(300) < 0.95)
    table["resolved_at"] = resolved.where(rng.random(300) < 0.9)
    table["reopened_at"] = again.where(table["resolved_at"].notna() & (rng.random(300) < 0.15))
    table["touches"] = pd.Series(rng.integers(1, 5, 300), dtype="Int64").where(table["resolved_at"].notna())
    table["first_contact_resolved"] = pd.Series(rng.random(300) < 0.4, dtype="boolean").where(table["resolved_at"].notna())
    return table.assign(topic=rng.choice(["billing", "bug"], 300))


def aims(people: pd.DataFrame) -> pd.DataFrame:
    """Return goals of most accounts, of which some are not reached, and some have no target."""
    rng = np.random.default_rng(14)
    who = rng.integers(0, len(people), 120)
    start = people["started_at"].iloc[who].reset_index(drop=True) + pd.to_timedelta(rng.integers(0, 60 * 24, 120), "h")
    table = pd.DataFrame({"account_id": people["account_id"].to_numpy()[who], "goal": rng.choice(["faster", "cheaper"], 120), "set_at": start})
    table["target_at"] = (start + pd.to_timedelta(rng.integers(5, 60, 120), "D")).where(rng.random(120) < 0.9)
    table["reached_at"] = (start + pd.to_timedelta(rng.integers(24, 90 * 24, 120), "h")).where(rng.random(120) < 0.6)
    table["stage"] = np.where(np.arange(120) % 3 == 0, "set up", "value")
    table["wanted_stage"] = pd.Series(np.where(np.arange(120) % 4 == 0, "set up", "value")).where(np.arange(120) % 5 > 0, None)
    return table


def about_tickets(answers: pd.DataFrame, tickets: pd.DataFrame) -> pd.DataFrame:
    """Return requests of which some surveys are about the account's last ticket."""
    opened = tickets[["account_id", "opened_at", "ticket_id"]].sort_values("opened_at")
    linked = pd.merge_asof(answers.sort_values("asked_at", kind="stable"), opened, left_on="asked_at", right_on="opened_at", by="account_id")
    linked["ticket_id"] = linked["ticket_id"].where(linked["survey"].isin(["csat", "fcr"]))
    return linked.drop(columns="opened_at").sort_values("response_id", ignore_index=True)


def conversations(people: pd.DataFrame) -> pd.DataFrame:
    """Return messages of all accounts in conversations of up to four, in whole hours, so that some come at the same instant."""
    rng = np.random.default_rng(13)
    thread = np.repeat(np.arange(150), rng.integers(1, 5, 150))
    who = rng.integers(0, len(people), 150)[thread]
    sent = people["started_at"].iloc[who].reset_index(drop=True) + pd.to_timedelta(rng.integers(0, 4000, 150)[thread] + rng.integers(0, 60, len(thread)), "h")
    table = pd.DataFrame({"message_id": np.arange(len(thread)), "thread_id": thread, "account_id": people["account_id"].to_numpy()[who], "sent_at": sent})
    return table.assign(direction=rng.choice(["in", "out"], len(thread)))


def with_odd_indexes(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables with indexes that repeat, run backwards, are text or have two levels."""
    rows = {key: np.arange(len(frame)) for key, frame in tables.items()}
    odd = {
        "accounts": pd.Index(rows["accounts"] % 3),
        "subscriptions": pd.Index(rows["subscriptions"][::-1], name="account_id"),
        "orders": pd.Index(rows["orders"] % 5),
        "events": pd.MultiIndex.from_arrays([rows["events"] % 2, rows["events"]]),
        "responses": pd.Index([f"row {row}" for row in rows["responses"]]),
        "tickets": pd.Index(rows["tickets"] % 7),
        "messages": pd.Index(rows["messages"][::-1]),
        "goals": pd.Index(rows["goals"] % 4),
    }
    return {key: frame.set_axis(odd[key], axis=0) for key, frame in tables.items()}


def only_before(tables: dict[str, pd.DataFrame], end: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """Return the tables without the rows from an instant on."""
    dated = {"accounts": "started_at", "subscriptions": "started_at", "orders": "ordered_at", "events": "event_at", "responses": "asked_at"}
    dated |= {"tickets": "opened_at", "messages": "sent_at", "goals": "set_at"}
    return {key: frame[frame[dated[key]] < end].copy() for key, frame in tables.items()}


def with_later_values_moved(tables: dict[str, pd.DataFrame], end: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """Return the tables with what happened from an instant on moved by 40 days, and what was said then said otherwise."""
    moved = {key: frame.copy() for key, frame in tables.items()}
    ends = {
        "subscriptions": ["ended_at"],
        "responses": ["answered_at"],
        "goals": ["reached_at"],
        "tickets": ["first_response_at", "resolved_at", "reopened_at"],
    }
    for key, column in ((key, column) for key, columns in ends.items() for column in columns):
        moved[key].loc[moved[key][column] >= end, column] += pd.Timedelta(40, "D")
    moved["responses"].loc[moved["responses"]["answered_at"] >= end, "score"] = 0
    moved["tickets"].loc[moved["tickets"][ends["tickets"]].max(axis=1) >= end, "touches"] = 9
    return moved
