"""Retention by plain loops, written from the decision page alone."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

LENGTH = {"day": 1, "week": 7, "month": 30}


@cache
def first_day(day: date, period: str, week_start: int = 0, fiscal: int = 1) -> date:
    """Return the first day of the period that holds a day."""
    if period == "day":
        return day
    if period == "week":
        return day - timedelta(days=(day.weekday() - week_start) % 7)
    while not (day.day == 1 and (day.month - fiscal) % {"month": 1, "quarter": 3, "year": 12}[period] == 0):
        day -= timedelta(days=1)
    return day


@cache
def following(day: date, period: str, **calendar: int) -> date:
    """Return the first day of the next period."""
    later = day + timedelta(days=1)
    while first_day(later, period, **calendar) != later:
        later += timedelta(days=1)
    return later


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant at which a day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def retention(  # noqa: C901 - one search, read from top to bottom like the page it follows
    rows: list[tuple[datetime, str, str, str]], *, as_of: datetime, zone: ZoneInfo, accounts: dict[str, datetime], **rule: Any
) -> dict:
    """Return {(cohort, age): (returned, n) or (None, n)} from (instant, account, user, event); `as_of` is the first instant not known."""
    period, windows, criterion = rule.get("period", "month"), rule.get("windows", "calendar"), rule.get("criterion", "on")
    calendar = {"week_start": rule.get("week_start", 0), "fiscal": rule.get("fiscal", 1)}
    start, event = rule.get("start"), rule.get("event")
    minimum, ahead, entry = rule.get("minimum", 1), rule.get("look_ahead", 3), rule.get("entry", "first_ever")

    def cohort_of(at: datetime) -> date:
        return first_day(at.astimezone(zone).date(), period, **calendar)

    def age_of(at: datetime, began: datetime) -> int:
        if windows == "calendar":
            age, walk = 0, cohort_of(began)
            while walk < cohort_of(at):
                age, walk = age + 1, following(walk, period, **calendar)
            return age
        if windows == "rolling_days":
            return (at.astimezone(zone).date() - began.astimezone(zone).date()).days // LENGTH[period]
        if windows == "rolling_hours":
            at, began = (moment.replace(minute=0, second=0, microsecond=0) for moment in (at, began))
        return (at - began) // timedelta(days=LENGTH[period])

    def cell_end(cohort: date, last: int) -> datetime:
        """Return when age `last` is over for a unit that starts at the very end of the cohort's period."""
        over = following(cohort, period, **calendar)
        if windows == "calendar":
            for _ in range(last):
                over = following(over, period, **calendar)
            return midnight(over, zone)
        if windows == "rolling_days":
            return midnight(over + timedelta(days=LENGTH[period] * (last + 1) - 1), zone)
        return midnight(over, zone) + timedelta(days=LENGTH[period] * (last + 1))

    def has_begun(cohort: date, first: int) -> bool:
        if windows == "calendar":
            for _ in range(first):
                cohort = following(cohort, period, **calendar)
            return midnight(cohort, zone) < as_of
        if windows == "rolling_days":
            return midnight(cohort + timedelta(days=LENGTH[period] * first), zone) < as_of
        return midnight(cohort, zone) + timedelta(days=LENGTH[period] * first) < as_of

    seen = {row for row in rows if row[0] < as_of and accounts[row[1]] < as_of}
    who = (lambda row: (row[1], row[2])) if rule.get("actor", "user") == "user" else (lambda row: (row[1], row[1]))
    history = defaultdict(set)
    for row in seen:
        history[who(row)].add((row[0], row[3]))
    since = rule.get("since")
    begins: dict[tuple, datetime] = {}  # (unit, cohort) -> clock
    if entry == "account_start":
        begins = {((name, name), cohort_of(at)): at for name, at in accounts.items() if at < as_of}
    else:
        for unit, did in history.items():
            starts = sorted(at for at, name in did if start is None or name in start)
            if entry == "first" and since:
                starts = [at for at in starts if cohort_of(at) >= since]
            for at in starts if entry == "recurring" else starts[:1]:
                begins.setdefault((unit, cohort_of(at)), at)
    begins = {key: at for key, at in begins.items() if since is None or key[1] >= since}
    members = defaultdict(list)
    for (unit, cohort), at in begins.items():
        members[cohort].append((unit, at))
    result = {}
    for cohort, units in members.items():
        brackets = rule.get("brackets") or [(age, age) for age in range(400)]
        for first, last in brackets:
            if not has_begun(cohort, first) or first > rule.get("max_age", 400):
                break
            if cell_end(cohort, last + (ahead - 1 if criterion == "on_or_after" else 0)) > as_of:
                result[cohort, first] = (None, len(units))
                continue
            upper = 10**9 if criterion == "on_or_after" else last
            hits = [
                unit
                for unit, began in units
                if sum(at >= began and (event is None or name in event) and first <= age_of(at, began) <= upper for at, name in history[unit]) >= minimum
            ]
            result[cohort, first] = (len(hits), len(units))
    return result
