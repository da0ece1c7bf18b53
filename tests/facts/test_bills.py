"""Orders that are bills of a contract are told from purchases, both ways."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.helpers import accounts, phases, utc

import cs_analysis as cs
from cs_analysis import errors
from cs_analysis.facts.orders import _verdict, looks_like_bills, orders_dataset, refuse_bills, regularity

START = pd.Timestamp("2024-01-01", tz="UTC")


def billed(step: pd.DateOffset, *, count: int, size: int = 12, missing: float = 0.0, varying: bool = False) -> pd.DataFrame:
    """Return regular bills of accounts that started on different days."""
    rng = np.random.default_rng(2)
    rows = [
        (f"a{account:02d}", START + pd.Timedelta(account * 5, "D") + step * number, 20.0 + account + varying * rng.random())
        for account in range(size)
        for number in range(count)
        if number == 0 or rng.random() >= missing
    ]
    return pd.DataFrame(rows, columns=["account_id", "ordered_at", "amount"])


def cohorts(number: int) -> pd.DataFrame:
    """Return orders of cohorts who buy at random as the BG/NBD says, from every third day to twice a year, every other cohort at one price."""
    rng = np.random.default_rng(5)
    parts = []
    for cohort in range(number):
        size, gap, shape = int(rng.integers(20, 200)), np.exp(rng.uniform(np.log(3), np.log(200))), np.exp(rng.uniform(-1, 2))
        rate, leaving = rng.gamma(shape, 1 / (shape * gap), size), rng.beta(rng.uniform(0.2, 2), rng.uniform(1, 5), size)
        repeats = np.minimum(rng.geometric(np.maximum(leaving, 1e-9)), 300)
        who = np.repeat(np.arange(size), repeats + 1)
        first = np.concatenate([[0], np.cumsum(repeats + 1)[:-1]])
        wait = rng.exponential(1 / rate[who])
        wait[first] = rng.uniform(0, 90, size)
        elapsed = np.cumsum(wait)
        when = elapsed - np.repeat(elapsed[first] - wait[first], repeats + 1)
        names = np.char.add(f"{cohort}/", who.astype("str"))
        price = np.full(len(who), 30.0) if cohort % 2 else np.round(rng.gamma(6, 5, len(who)), 2)
        parts.append(pd.DataFrame({"account_id": names, "day": when, "amount": price})[when < 730])
    table = pd.concat(parts, ignore_index=True)
    return table.assign(ordered_at=START + pd.to_timedelta((table["day"] * 86_400).astype("int64"), "s")).drop(columns="day")


@pytest.mark.parametrize(
    ("orders", "on_clock"),
    [
        (billed(pd.DateOffset(months=1), count=10), 1.0),
        (billed(pd.DateOffset(months=1), count=10, varying=True), 1.0),  # metered
        (billed(pd.DateOffset(days=7), count=30), 1.0),
        (billed(pd.DateOffset(years=1), count=2), 1.0),
        (billed(pd.DateOffset(months=1), count=24, missing=0.2), 0.8),  # two gaps in a row make one of two months
    ],
)
def test_bills_are_seen(orders: pd.DataFrame, on_clock: float) -> None:
    bills = looks_like_bills(orders_dataset(orders))
    assert bills
    assert bills.on_clock == pytest.approx(on_clock, abs=0.06)
    assert "week" in bills.reason


def test_shares_by_hand() -> None:
    # a: gaps 30 (a month, same amount), 10; b: gap 7 (a week, other amount): means (1/2 + 1)/2 and (1/2 + 0)/2
    days = utc("2026-01-01", "2026-01-31", "2026-02-10", "2026-01-01", "2026-01-08")
    orders = pd.DataFrame({"account_id": list("aaabb"), "ordered_at": days, "amount": [5, 5, 5, 5, 6]})
    bills = looks_like_bills(orders_dataset(orders))
    assert (bills.on_clock, bills.on_clock_and_equal, bills.on_starts, bills.accounts) == (0.75, 0.25, 0.0, 2)
    assert not bills  # two accounts say nothing


@pytest.mark.slow
def test_orders_on_the_starts_of_phases_are_bills() -> None:
    names = [f"a{number:02d}" for number in range(12)]
    rows = [
        (f"s{name}", name, f"2026-{month:02d}-{number + 3:02d}T10:00Z", f"2026-{month + 3:02d}-{number + 3:02d}T10:00Z", 10.0 + month)
        for number, name in enumerate(names)
        for month in (1, 4, 7)
    ]
    sold = phases(*rows)
    orders = sold.assign(order_id=range(len(sold)), ordered_at=sold["started_at"] + pd.Timedelta(1, "D"), amount=1.0)
    orders = orders[["order_id", "account_id", "ordered_at", "amount", "currency"]]
    people = accounts(**dict.fromkeys(names, "2026-01-01"))
    tables = {"accounts": people, "subscriptions": sold, "orders": orders}
    bills = looks_like_bills(cs.read_dataset(tables, as_of="2026-12-31"))
    assert bills.on_starts == 1.0
    assert "start of a phase" in bills.reason
    later = orders.assign(ordered_at=orders["ordered_at"] + pd.Timedelta(5, "D"))
    moved = looks_like_bills(cs.read_dataset({**tables, "orders": later}, as_of="2026-12-31"))
    assert moved.on_starts == 0.0


@pytest.mark.slow
def test_purchases_of_the_demo_company_are_no_bills(demo: object) -> None:
    bills = looks_like_bills(cs.read_dataset(demo, as_of="2026-10-31", currency="EUR"))  # type: ignore[arg-type]
    assert not bills
    assert bills.accounts > 100


@pytest.mark.slow
def test_customers_who_buy_at_random_are_never_refused() -> None:
    shares = regularity(orders_dataset(cohorts(500)))
    told = [_verdict(cohort) for _, cohort in shares.groupby(shares["account_id"].str.split("/").str[0])]
    assert len(told) == 500
    assert not any(told)
    assert max(bills.on_clock for bills in told) < 0.45


def test_a_refusal_says_why_and_what_to_do() -> None:
    with pytest.raises(errors.ParameterError, match=r"100% of the gaps .* 'subscriptions'"):
        refuse_bills(orders_dataset(billed(pd.DateOffset(months=1), count=10)))
