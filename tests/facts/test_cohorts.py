"""Cohort counts against plain loops over random small datasets."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.data.calendar import WEEKDAYS

from .retention_oracle import first_day, following, retention

NAMES = ("login", "report", "export")


def random_rows(rng: np.random.Generator, *, days: int) -> tuple[list[tuple], dict[str, pd.Timestamp]]:
    """Return events on few distinct instants (ties, duplicates, shuffled), many of them near midnights, and the starts of their accounts."""
    begin = pd.Timestamp("2026-03-01", tz="UTC")
    accounts = {f"a{number}": begin + pd.Timedelta(int(rng.integers(-20, days)), "D") + pd.Timedelta(int(rng.integers(0, 86_400)), "s") for number in range(4)}
    rows = []
    for _ in range(int(rng.integers(0, 90))):
        day, hour = int(rng.integers(0, days)), int(rng.choice([0, 1, 4, 5, 12, 21, 22, 23]))
        at = begin + pd.Timedelta(day, "D") + pd.Timedelta(hour, "h") + pd.Timedelta(int(rng.choice([0, 59])), "min")
        rows.append((at, f"a{rng.integers(0, 4)}", f"u{rng.integers(0, 4)}", str(rng.choice(NAMES))))
    doubled = rows + rows[: len(rows) // 4]
    return [doubled[place] for place in rng.permutation(len(doubled))], accounts


def random_rule(rng: np.random.Generator) -> dict[str, Any]:
    """Return options that go together."""
    windows = str(rng.choice(["calendar", "calendar", "rolling", "rolling_hours", "rolling_days"]))
    period = str(rng.choice(["day", "week", "month", "quarter"] if windows == "calendar" else ["day", "week", "month"]))
    criterion = str(rng.choice(["on", "on_or_after", "bracket"]))
    entry = str(rng.choice(["first_ever", "first", "recurring", "account_start"]))
    rule: dict[str, Any] = {"period": period, "windows": windows, "criterion": criterion, "entry": entry}
    rule["actor"] = "account" if entry == "account_start" else str(rng.choice(["user", "account"]))
    if entry != "account_start" and rng.random() < 0.5:
        rule["start"] = [str(name) for name in rng.choice(NAMES, 2, replace=False)]
    if rng.random() < 0.6:
        rule["event"] = [str(name) for name in rng.choice(NAMES, int(rng.integers(1, 4)), replace=False)]
    if criterion == "bracket":
        rule["brackets"] = [(0, 0), (1, 3), (5, 6)] if rng.random() < 0.5 else [(1, 2), (3, 3)]
    if criterion == "on_or_after":
        rule["look_ahead"] = int(rng.integers(1, 4))
    if rng.random() < 0.3:
        rule["minimum"] = 2
    if rng.random() < 0.3:
        rule["since"] = "2026-03-18"
    if criterion != "bracket" and rng.random() < 0.3:
        rule["max_age"] = 4
    return rule


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_the_cells_equal_a_search_by_hand(seed: int) -> None:
    rng = np.random.default_rng(seed)
    zone = str(rng.choice(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Beirut"]))  # clocks change in March
    rows, starts = random_rows(rng, days=int(rng.choice([12, 45, 100])))
    calendar = {"week_start": int(rng.integers(0, 7)), "fiscal": int(rng.integers(1, 4))}
    rule = random_rule(rng)
    known = {row[3] for row in rows}
    rule = {key: value for key, value in rule.items() if key not in ("start", "event") or set(value) <= known}
    events = pd.DataFrame(rows, columns=["event_at", "account_id", "user_id", "event"]).astype({"event_at": "datetime64[us, UTC]"})
    accounts = pd.DataFrame({"account_id": list(starts), "started_at": pd.DatetimeIndex(list(starts.values()))})
    whole = cs.read_dataset(
        {"accounts": accounts, "events": events},
        as_of="2026-08-01",
        calendar=cs.Calendar(timezone=zone, week_start=WEEKDAYS[calendar["week_start"]], fiscal_year_start=calendar["fiscal"]),
    )
    ds = whole.at("2026-05-03") if rng.random() < 0.5 else whole.at(pd.Timestamp("2026-04-26T15:00", tz="UTC"))
    present = set(ds.tables["events"].to_pandas(["event"])["event"])
    rule = {key: value for key, value in rule.items() if key not in ("start", "event") or set(value) <= present}
    found = cs.cohort_retention(ds, average=None, **rule)
    since = {"since": _first_on_or_after(rule["since"], rule["period"], calendar)} if "since" in rule else {}
    expected = retention(rows, as_of=ds.as_of + pd.Timedelta(1, "us"), zone=ZoneInfo(zone), accounts=starts, **calendar, **{**rule, **since})
    cells = {(row.cohort.date(), row.age): (None if np.isnan(row.estimate) else round(row.estimate * row.n), row.n) for row in found.itertuples()}
    assert cells == expected


def _first_on_or_after(text: str, period: str, calendar: dict[str, int]) -> date:
    day = first_day(date.fromisoformat(text), period, **calendar)
    return day if day >= date.fromisoformat(text) else following(day, period, **calendar)
