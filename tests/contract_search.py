"""Terms of contracts found one contract and day after the other, in plain Python, and random companies to find them in."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

ZONE = "Europe/Berlin"
DAY = timedelta(1)


def later(day: date, months: int) -> date:
    """Return the same day months later, or the last day of a shorter month."""
    year, month = divmod(day.month - 1 + months, 12)
    last = calendar.monthrange(day.year + year, month + 1)[1]
    return date(day.year + year, month + 1, min(day.day, last))


def local(instant: Any) -> date | None:
    """Return the local day of an instant."""
    return None if pd.isna(instant) else instant.tz_convert(ZONE).date()


def renewals(phase: dict[str, Any], begun: date, until: date) -> Iterator[date]:
    """Yield the planned days of a phase from before its start to after a day, one after the other."""
    plan = local(phase["renewal_at"])
    if plan is not None and phase["interval"] != "year":
        yield plan
        return
    step = 12 if phase["interval"] == "year" else 1
    for number in range(-60, 200):
        day = later(plan or begun, number * step)
        yield day
        if day > until + timedelta(800):
            return


def searched(tables: dict[str, pd.DataFrame], as_of: str, *, grace: timedelta = timedelta(0)) -> list[tuple[Any, ...]]:
    """Return the terms, contract by contract and phase by phase."""
    today = date.fromisoformat(as_of) + DAY
    now = pd.Timestamp(today).tz_localize(ZONE)
    rows = [row for row in tables["subscriptions"].sort_values(["subscription_id", "started_at"]).to_dict("records") if row["started_at"] < now]
    rows = [row for row in rows if row["kind"] == "paid"]
    contracts: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        contracts.setdefault(row["subscription_id"], []).append(row)
    found = {name: list(terms(name, contracts, rows, today=today, now=now, grace=grace)) for name in contracts}
    own = {name: sum(row[0] in ("renewed", "lapsed") for row in table) for name, table in found.items()}
    result = []
    for name, table in found.items():
        earlier, predecessor = 0, before(name, contracts, now=now, grace=grace)
        while predecessor is not None:
            earlier += own[predecessor]
            predecessor = before(predecessor, contracts, now=now, grace=grace)
        number = earlier
        for outcome, interval, due_on, days, amount, after in table:
            counted = number + 1
            number += outcome in ("renewed", "lapsed")
            result.append((name, interval, counted, outcome, due_on, days, amount, after))
    return sorted(result, key=lambda row: (row[0], row[2], row[4] or date.max, row[3], row[5], row[6]))


def before(name: str, contracts: dict[str, list[dict[str, Any]]], *, now: pd.Timestamp, grace: timedelta) -> str | None:
    """Return the contract that ended when this one began."""
    first = contracts[name][0]
    names = []
    for other, phases in contracts.items():
        ends = [p["ended_at"] for p in phases if not pd.isna(p["ended_at"]) and p["ended_at"] < now]
        if other != name and phases[0]["account_id"] == first["account_id"] and any(end <= first["started_at"] <= end + grace for end in ends):
            names.append(other)
    return min(names, default=None)


def terms(name: str, contracts: dict[str, list[dict[str, Any]]], rows: list[dict[str, Any]], *, today: date, now: pd.Timestamp, grace: timedelta) -> Iterator:
    """Yield outcome, interval, day of the renewal, days, amount and what came after, of each term of a contract."""
    phases = contracts[name]
    begun = since = local(phases[0]["started_at"])
    for place, phase in enumerate(phases):
        if place and phases[place - 1]["ended_at"] != phase["started_at"]:
            since = local(phase["started_at"])
        over = not pd.isna(phase["ended_at"]) and phase["ended_at"] < now
        end = local(phase["ended_at"]) if over else None
        final = over and not (place + 1 < len(phases) and phases[place + 1]["started_at"] == phase["ended_at"])
        followers = following(phase, contracts, rows, grace=grace) if over else []
        after = float(sum(row["mrr"] for row in followers))
        interval = phase["interval"] or ("month" if pd.isna(phase["renewal_at"]) else "(missing)")
        ends_with = None
        for day in reached(phase, begun, end=end, final=final, today=today):
            if final and day >= end - DAY:
                ends_with = day
            if day < today:
                last = day == ends_with or (over and not final and day == end)
                outcome = "lapsed" if day == ends_with and not followers else "renewed"
                yield outcome, interval, day, (day - since).days, phase["mrr"], after if last else phase["mrr"]
                since = day
        if not over or (final and ends_with is None):
            outcome = "running" if not over else "moved" if followers else "ended_early"
            yield outcome, interval, None, ((end or today) - since).days, phase["mrr"], None


def following(phase: dict[str, Any], contracts: dict[str, list[dict[str, Any]]], rows: list[dict[str, Any]], *, grace: timedelta) -> list[dict[str, Any]]:
    """Return the phases with which an ended phase went on: of the same contract, else the first ones of others."""
    in_time = [row for row in rows if row["account_id"] == phase["account_id"] and phase["ended_at"] <= row["started_at"] <= phase["ended_at"] + grace]
    same = [row for row in in_time if row["subscription_id"] == phase["subscription_id"]]
    return same or [row for row in in_time if contracts[row["subscription_id"]][0] is row]


def reached(phase: dict[str, Any], begun: date, *, end: date | None, final: bool, today: date) -> list[date]:
    """Return the planned days of a phase after its start and up to its end, or the day after where nothing of its contract follows at once."""
    until = today - DAY if end is None else end + DAY if final else end
    return [day for day in renewals(phase, begun, until) if local(phase["started_at"]) < day <= until]


def company(rows: list[tuple[Any, ...]]) -> dict[str, pd.DataFrame]:
    """Return tables from (subscription, account, start, end, mrr, interval, renewal, kind), on the wall clock of the zone."""
    table = pd.DataFrame(rows, columns=["subscription_id", "account_id", "started_at", "ended_at", "mrr", "interval", "renewal_at", "kind"])
    for name in ("started_at", "ended_at", "renewal_at"):
        table[name] = pd.to_datetime(table[name], format="ISO8601").dt.tz_localize(ZONE, ambiguous=True, nonexistent="shift_forward").dt.tz_convert("UTC")
    names = sorted(table["account_id"].unique())
    people = pd.DataFrame({"account_id": names, "started_at": table["started_at"].min()})
    return {"accounts": people, "subscriptions": table.assign(currency="EUR").astype({"interval": "object"})}


def random_company(seed: int, size: int = 80) -> dict[str, pd.DataFrame]:
    """Return accounts with up to three contracts, each with changed terms, pauses, and ends on, around and off its renewals."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[Any, ...]] = []
    for number in range(size):
        at = datetime(2022, 1, 1) + timedelta(int(rng.integers(0, 900)), hours=int(rng.choice([0, 0, 2, 9, 23])))
        if rng.random() < 0.3:
            at = at.replace(day=calendar.monthrange(at.year, at.month)[1])
        for contract in range(int(rng.integers(1, 4))):
            interval = rng.choice(["year", "month", ""]) or None
            step = 12 if interval == "year" else 1
            style = rng.choice(["none", "term", "next"]) if interval == "year" else rng.choice(["none", "none", "once"])
            begun, end = at, None
            for _ in range(int(rng.integers(1, 4))):
                plan = {"none": None, "once": begun + timedelta(200)}.get(style, datetime.combine(later(begun.date(), 12), begun.time()))
                if style == "next":
                    plan = datetime.combine(later(begun.date(), 48), begun.time())
                whole = datetime.combine(later(begun.date(), step * int(rng.integers(1, 4))), begun.time())
                end = max(whole + timedelta(float(rng.choice([0, 0, 0, -0.5, 0.7, -1, 1, 40, -17]))), at + timedelta(3))
                if rng.random() < 0.15:
                    end = None
                rows.append(
                    (f"s{number}-{contract}", f"a{number}", at, end, float(rng.integers(1, 9) * 10), interval, plan, "paid" if rng.random() < 0.9 else "paused")
                )
                if end is None or end > datetime(2026, 1, 1):
                    break
                at = end + timedelta(float(rng.choice([0, 0, 0, 4])))
            last = end or at + timedelta(100)
            at = last + timedelta(float(rng.choice([0, 0, 3, 20, -60])))
            at = max(at, rows[-1][2] + timedelta(1))
    return company(rows)
