"""Purchases in plain Python: the rules of the package followed one order at a time."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd


def purchases(orders: pd.DataFrame, *, zone: str) -> dict[str, list[tuple[date, Decimal]]]:
    """Return account -> (day, value) of its purchase days: refunds eat up a pile of purchases from the top."""
    days: dict[str, dict[date, list[Decimal]]] = defaultdict(lambda: defaultdict(list))
    for row in orders.itertuples():
        days[row.account_id][row.ordered_at.astimezone(ZoneInfo(zone)).date()].append(Decimal(str(row.amount)))
    return {account: found for account in sorted(days) if (found := _kept(days[account]))}


def _kept(by_day: dict[date, list[Decimal]]) -> list[tuple[date, Decimal]]:
    pile: list[list] = []
    for day in sorted(by_day):
        bought = [amount for amount in by_day[day] if amount >= 0]
        if bought:
            pile.append([day, sum(bought), sum(bought)])
        owed = -sum(amount for amount in by_day[day] if amount < 0)
        for entry in reversed(pile):
            taken = min(owed, entry[2])
            entry[2] -= taken
            owed -= taken
    return [(day, left) for day, bought, left in pile if left > 0 or bought == 0]


def summary(orders: pd.DataFrame, *, as_of: date, zone: str) -> pd.DataFrame:
    """Return what `rfm_summary` should."""
    rows = []
    for account, kept in purchases(orders, zone=zone).items():
        days, later = [day for day, _ in kept], [value for _, value in kept[1:]]
        mean = float(sum(later)) / len(later) if later else np.nan
        rows.append((account, len(later), (days[-1] - days[0]).days, (as_of - days[0]).days, mean))
    return pd.DataFrame(rows, columns=["account_id", "frequency", "recency_days", "age_days", "mean_value"])


def random_orders(rng: np.random.Generator, *, refunds: float) -> pd.DataFrame:
    """Return orders of a few accounts around a change of clocks, many on the same days and hours, some refunds, some free."""
    size = int(rng.integers(1, 60))
    hours = rng.integers(0, 24 * 12, size)
    amounts = rng.integers(0, 5, size) * 10.25
    signs = np.where(rng.random(size) < refunds, -1, 1)
    return pd.DataFrame(
        {
            "account_id": rng.choice(["a", "b", "c", "d"], size),
            "ordered_at": pd.Timestamp("2026-10-20", tz="UTC") + pd.to_timedelta(hours, "h"),
            "amount": np.where(amounts == 0, 0, amounts * signs),
        }
    )
