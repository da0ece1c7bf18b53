"""Features of accounts at a date in plain Python, written from their definitions; and random companies to try them on."""

from __future__ import annotations

import math
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

NOTHING = float("nan")
DAY = pd.Timedelta(1, "D")
FIRST, LAST = "2025-02-01", "2025-11-30"  # both changes of the clock lie between
COUNTED = ("paid", "past_due", "metered")


def company(seed: int, size: int = 7) -> dict[str, pd.DataFrame]:
    """Return a random company whose rows often share instants, days and accounts, and begin and end at midnights of either zone."""
    rng = np.random.default_rng(seed)
    names = [f"a{number}" for number in range(size)]

    def moments(count: int, first: str = FIRST, days: int = 300) -> pd.Series:
        hours = rng.choice([0, 1, 2, 12, 22, 23], count)
        return pd.Series(pd.Timestamp(first, tz="UTC") + pd.to_timedelta(rng.integers(0, days, count), "D") + pd.to_timedelta(hours, "h"))

    def some(values: pd.Series, share: float) -> pd.Series:
        return values.where(pd.Series(rng.random(len(values)) < share))

    def after(values: pd.Series, hours: int) -> pd.Series:
        return values + pd.to_timedelta(rng.integers(0, hours, len(values)) * rng.choice([1, 24], len(values)), "h")

    accounts = pd.DataFrame({"account_id": names, "started_at": moments(size, days=150), "plan": "later", "seats": 99})
    used = pd.DataFrame({"event_at": moments(250, FIRST if seed % 2 else "2025-04-10", 220), "account_id": rng.choice(names[1:], 250)})
    used = used.assign(user_id=used["account_id"] + rng.choice(["x", "y", "z"], 250), event=rng.choice(["look", "send", "save"], 250))
    tickets = pd.DataFrame({"ticket_id": range(60), "account_id": rng.choice(names, 60), "opened_at": moments(60)})
    tickets["first_response_at"] = some(after(tickets["opened_at"], 40), 0.8)
    tickets["resolved_at"] = some(after(tickets["opened_at"], 60), 0.7)
    tickets["reopened_at"] = some(after(tickets["opened_at"], 90), 0.3)
    asked = pd.DataFrame({"response_id": range(60), "account_id": rng.choice(names, 60), "survey": rng.choice(["nps", "csat"], 60), "asked_at": moments(60)})
    asked["answered_at"] = some(after(asked["asked_at"], 50), 0.7)
    asked["scale"] = pd.Series(rng.choice(["", "", "csat_7"], 60)).where(asked["survey"] == "csat", "").replace("", None)
    score = pd.Series(np.where(asked["survey"] == "nps", rng.integers(0, 11, 60), rng.integers(1, 6, 60)), dtype="float64")
    asked["score"] = score.where(asked["answered_at"].notna())
    rates = pd.DataFrame({"month": [f"2025-{month:02d}-01" for month in range(1, 13)], "currency": "USD", "rate": rng.choice([0.5, 0.9, 1.25], 12)})
    return {"accounts": accounts, "events": used, "tickets": tickets, "responses": asked, "subscriptions": _phases(rng, names), "rates": rates}


def _phases(rng: np.random.Generator, names: list[str]) -> pd.DataFrame:
    """Return phases of two subscriptions an account that follow one another at once, or after a break, with ends that were announced or not."""
    rows = []
    for name in names:
        for number in range(2):
            start = pd.Timestamp(FIRST, tz="UTC") + int(rng.integers(0, 150)) * DAY + pd.Timedelta(int(rng.choice([0, 22, 23])), "h")
            for _ in range(rng.integers(1, 4)):
                end = start + int(rng.integers(1, 120)) * DAY
                last = rng.random() < 0.4
                asked = start + (end - start) * float(rng.random()) if rng.random() < 0.5 else None
                renewal = pd.Timestamp("2024-02-29", tz="UTC") + int(rng.integers(0, 1500)) * DAY
                rows.append(
                    {
                        "subscription_id": f"{name}-{number}",
                        "account_id": name,
                        "started_at": start,
                        "ended_at": None if last else end,
                        "cancelled_at": None if last else asked,
                        "mrr": Decimal(int(rng.integers(0, 4))) * 50,
                        "discount": rng.choice([None, 0.5]) if rng.random() < 0.5 else None,
                        "currency": ["EUR", "USD"][number],
                        "seats": rng.choice([None, 0, 3, 8]),
                        "interval": rng.choice([None, "month", "year"]),
                        "kind": rng.choice([None, "paid", "past_due", "trial", "metered", "paused"]),
                        "renewal_at": rng.choice([None, renewal]),
                    }
                )
                if last:
                    break
                start = end + (int(rng.integers(0, 3)) * DAY if rng.random() < 0.5 else 0 * DAY)
    frame = pd.DataFrame(rows)
    frame["discount"] = frame["discount"].where(frame["mrr"] > 0).astype("float64")
    instants = ["started_at", "ended_at", "cancelled_at", "renewal_at"]
    return frame.assign(mrr=frame["mrr"].astype("float64"), **{name: pd.to_datetime(frame[name], utc=True).dt.floor("us") for name in instants})


def expected(tables: dict[str, pd.DataFrame], day: date, zone: str) -> pd.DataFrame:
    """Return the features at the end of a day, account by account."""
    rows = []
    for account in sorted(tables["accounts"]["account_id"]):
        at = _Account(tables, account, day, zone)
        if at.customer:
            rows.append({"account_id": account, "at": pd.Timestamp(day), **at.usage(), **at.support(), **at.sentiment(), **at.contract()})
    return pd.DataFrame(rows)


class _Account:
    """An account at the end of a day."""

    def __init__(self, tables: dict[str, pd.DataFrame], account: str, day: date, zone: str) -> None:
        self.tables, self.account, self.day, self.zone = tables, account, day, ZoneInfo(zone)
        self.end = self.start_of(day + timedelta(1))
        self.started = tables["accounts"].set_index("account_id")["started_at"][account]
        self.phases = [phase for phase in self.rows("subscriptions", "started_at") if (phase["kind"] or "paid") in COUNTED]
        self.open = [phase for phase in self.phases if self.lasts(phase, self.end)]
        self.customer = self.started < self.end and bool(self.open)

    def start_of(self, day: date) -> pd.Timestamp:
        return pd.Timestamp(day.isoformat()).tz_localize(self.zone).tz_convert("UTC")

    def back(self, days: int) -> pd.Timestamp:
        return self.start_of(self.day - timedelta(days - 1))

    def rows(self, table: str, dated: str) -> list[dict]:
        """Return the account's rows that were known."""
        frame = self.tables[table]
        mine = frame[(frame["account_id"] == self.account) & (frame[dated] < self.end)]
        return mine.astype("object").where(mine.notna(), None).to_dict("records")

    def known_before(self, instant: pd.Timestamp | None) -> bool:
        return instant is not None and instant < self.end

    def feed_start(self, table: str, dated: str) -> pd.Timestamp:
        first = self.tables[table][dated].min()
        return self.start_of(first.tz_convert(self.zone).date())

    @staticmethod
    def lasts(phase: dict, moment: pd.Timestamp) -> bool:
        return phase["started_at"] < moment and (phase["ended_at"] is None or phase["ended_at"] >= moment)

    def usage(self) -> dict[str, float]:
        events = self.rows("events", "event_at")
        begun = self.feed_start("events", "event_at")
        now = [event for event in events if event["event_at"] >= self.back(28)]
        before = [event for event in events if self.back(56) <= event["event_at"] < self.back(28)]
        days = {event["event_at"].tz_convert(self.zone).date() for event in events}
        recent, users = begun <= self.back(28), {event["user_id"] for event in now}
        seats = [int(phase["seats"]) for phase in self.open if phase["seats"] is not None]
        whole = begun <= self.back(56) and self.started <= self.back(56)
        return {
            "active_days_28": len({day for day in days if day > self.day - timedelta(28)}) if recent else NOTHING,
            "usage_trend": math.log((len(now) + 1) / (len(before) + 1)) if whole else NOTHING,
            "days_since_use": min((self.day - max(days)).days, 90) if days else NOTHING,
            "active_users_28": len(users) if recent else NOTHING,
            "seat_share_28": len(users) / sum(seats) if recent and sum(seats) else NOTHING,
            "features_used_28": len({event["event"] for event in now}) if recent else NOTHING,
            "key_uses_per_user_28": len(now) / len(users) if recent and users else NOTHING,
        }

    def support(self) -> dict[str, float]:
        tickets = self.rows("tickets", "opened_at")
        lately = [ticket for ticket in tickets if ticket["opened_at"] >= self.back(90)]
        due = [ticket for ticket in lately if ticket["opened_at"] + DAY < self.end]
        slow = [ticket for ticket in due if not (ticket["first_response_at"] is not None and ticket["first_response_at"] - ticket["opened_at"] <= DAY)]
        return {
            "tickets_90": len(lately) if self.feed_start("tickets", "opened_at") <= self.back(90) else NOTHING,
            "open_tickets": sum(self.unsolved(ticket) for ticket in tickets),
            "slow_answers_90": len(slow) / len(due) if due else NOTHING,
        }

    def unsolved(self, ticket: dict) -> bool:
        if not self.known_before(ticket["resolved_at"]):
            return True
        return self.known_before(ticket["reopened_at"]) and ticket["reopened_at"] > ticket["resolved_at"]

    def sentiment(self) -> dict[str, float]:
        requests = self.rows("responses", "asked_at")
        since = self.back(180)
        given = [each for each in requests if self.known_before(each["answered_at"]) and each["answered_at"] >= since and each["scale"] is None]
        scores = [(each["answered_at"], str(each["response_id"]), each["score"]) for each in given if each["survey"] == "nps"]
        asked = any(each["survey"] == "nps" and each["asked_at"] >= since for each in requests)
        happy = [(each["score"] - 1) / 4 for each in given if each["survey"] == "csat"]
        return {
            "nps_score": max(scores)[2] if scores else NOTHING,
            "nps_answered": 1 if scores else 0 if asked else NOTHING,
            "csat_score": sum(happy) / len(happy) if happy else NOTHING,
        }

    def contract(self) -> dict[str, float]:
        since = min(phase["started_at"] for phase in self.open)
        while joined := [phase["started_at"] for phase in self.phases if phase["started_at"] < since and self.lasts(phase, since)]:
            since = min(joined)
        intervals = [phase["interval"] for phase in self.open if phase["interval"] is not None]
        renewals = [renewal for phase in self.open if (renewal := self.renewal(phase)) is not None]
        now, before = self.amount(self.end), self.amount(self.back(90))
        changed = any(self.lasts(phase, self.back(90)) for phase in self.phases)
        return {
            "tenure_days": (self.end - since) / DAY,
            "mrr": now,
            "mrr_change_90": (0 if now == before else (now - before) / max(now, before)) if changed else NOTHING,
            "yearly": ("year" in intervals) if intervals else NOTHING,
            "days_to_renewal": (min(renewals) - self.end) / DAY if renewals else NOTHING,
            "past_due": any(phase["kind"] == "past_due" for phase in self.open),
        }

    def renewal(self, phase: dict) -> pd.Timestamp | None:
        plan = phase["renewal_at"]
        if plan is None:
            return None
        years = range(-6, 7) if phase["interval"] == "year" else [0]
        return min((ahead for step in years if (ahead := plan + pd.DateOffset(years=step)) >= self.end), default=None)

    def amount(self, moment: pd.Timestamp) -> float:
        rates = self.tables["rates"].set_index("month")["rate"]
        rate = Decimal(str(rates[f"{self.day:%Y-%m}-01"]))
        total = Decimal(0)
        for phase in self.phases:
            if self.lasts(phase, moment):
                net = Decimal(str(phase["mrr"])) - Decimal(str(phase["discount"] or 0))
                total += net * (rate if phase["currency"] == "USD" else 1)
        return float(total)
