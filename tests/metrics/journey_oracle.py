"""A success map in plain Python, account by account: what the metrics are checked against on small random companies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

Tables = dict[str, pd.DataFrame]


def company(seed: int) -> Tables:
    """Return a small company with ties, duplicates and events before the start, in whole hours."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(5, 25))
    start = pd.Timestamp("2025-03-20", tz="UTC")

    def at(count: int, hours: int) -> pd.Series:
        return pd.Series(start + pd.to_timedelta(rng.integers(0, hours // 6, count) * 6, "h"))

    names = [f"a{number}" for number in range(size)]
    accounts = pd.DataFrame({"account_id": names, "started_at": at(size, 24 * 30), "segment": rng.choice(["x", "y"], size)})
    uses = pd.DataFrame({"account_id": rng.choice(names, 6 * size), "event_at": at(6 * size, 24 * 120), "event": rng.choice(["a", "b", "c"], 6 * size)})
    uses = pd.concat([uses.assign(user_id="u"), uses.head(size).assign(user_id="u")], ignore_index=True)
    uses.loc[:2, "event"] = ["a", "b", "c"]
    owners = rng.permutation(names)[: size - 1]
    begun = accounts.set_index("account_id")["started_at"].loc[owners].reset_index(drop=True) + pd.to_timedelta(rng.integers(0, 5, len(owners)) * 6, "h")
    ended = begun + pd.to_timedelta(rng.integers(1, 400, len(owners)) * 6, "h")
    sold = pd.DataFrame({"subscription_id": owners, "account_id": owners, "started_at": begun, "ended_at": ended.where(rng.random(len(owners)) < 0.6)})
    goals = pd.DataFrame({"account_id": rng.choice(names, size), "goal": "g", "set_at": at(size, 24 * 90) + pd.Timedelta("30d")})
    goals["reached_at"] = (goals["set_at"] + pd.to_timedelta(rng.integers(0, 60, size) * 24, "h")).where(rng.random(size) < 0.7)
    goals["target_at"] = (goals["set_at"] + pd.to_timedelta(rng.integers(5, 50, size) * 24, "h")).where(rng.random(size) < 0.8)
    return {"accounts": accounts, "events": uses.sample(frac=1, random_state=seed), "subscriptions": sold.assign(mrr=10.0, currency="EUR"), "goals": goals}


STAGES = {"one": ["a"], "two": ["b", "goal reached"], "three": ["c"]}


def paths(tables: Tables, *, end: pd.Timestamp, order: bool) -> pd.DataFrame:
    """Return `account_id`, `origin`, `left` and `entered` (a list of (stage number, instant)) of each account known before `end`."""
    rows = []
    for account in tables["accounts"].itertuples():
        if account.started_at >= end:
            continue
        left = _left(tables["subscriptions"], str(account.account_id), end)
        firsts = [_first(tables, str(account.account_id), account.started_at, entries=entries, end=end) for entries in STAGES.values()]
        rows.append({"account_id": account.account_id, "origin": account.started_at, "left": left, "entered": _entered(firsts, left, order=order)})
    return pd.DataFrame(rows)


def _left(sold: pd.DataFrame, account: str, end: pd.Timestamp) -> Any:
    own = sold[(sold["account_id"] == account) & (sold["started_at"] < end)]
    return own["ended_at"].iloc[0] if len(own) and own["ended_at"].iloc[0] < end else None


def _first(tables: Tables, account: str, origin: Any, *, entries: list[str], end: pd.Timestamp) -> Any:
    uses, goals = tables["events"], tables["goals"]
    found = [row.event_at for row in uses.itertuples() if row.account_id == account and row.event in entries and origin <= row.event_at < end]
    if "goal reached" in entries:
        found += [max(row.reached_at, origin) for row in goals.itertuples() if row.account_id == account and row.set_at < end and row.reached_at < end]
    return min(found) if found else None


def _entered(firsts: list[Any], left: Any, *, order: bool) -> list[tuple[int, Any]]:
    entered = []
    for number, at in enumerate(firsts, start=1):
        if order:
            if at is None or any(before is None for before in firsts[:number]):
                break
            entered.append((number, max(firsts[:number])))
        elif at is not None and not any(further is not None and further <= at for further in firsts[number:]):
            entered.append((number, at))
    kept = [(number, at) for number, at in entered if left is None or at <= left]
    return kept if order else sorted(kept, key=lambda pair: pair[1])


def waits(found: pd.DataFrame, *, end: pd.Timestamp) -> pd.DataFrame:
    """Return one row an account and stage entered but the last: `step`, `days`, `how` ("moved", "left" or None) and `entered`."""
    rows = []
    for account in found.itertuples():
        steps = [(0, account.origin), *account.entered]
        for place, (step, start) in enumerate(steps):
            further = steps[place + 1][1] if place + 1 < len(steps) else None
            if step == len(STAGES) or (further is None and pd.notna(account.left) and account.left <= start):
                continue
            until, how = (further, "moved") if further is not None else (account.left, "left") if pd.notna(account.left) else (end - pd.Timedelta("1us"), None)
            rows.append({"step": step, "days": (until - start) / pd.Timedelta("1d"), "how": how, "entered": start})
    return pd.DataFrame(rows)


def incidence(rows: pd.DataFrame, *, way: str, horizon: float) -> float:
    """Return the cumulative incidence of one way at the horizon, from the definition."""
    there, share = 1.0, 0.0
    for day in sorted(set(rows.loc[rows["how"].notna() & (rows["days"] <= horizon), "days"])):
        risk = (rows["days"] >= day).sum()
        ends = rows[(rows["days"] == day) & rows["how"].notna()]
        share += there * (ends["how"] == way).sum() / risk
        there *= 1 - len(ends) / risk
    return share
