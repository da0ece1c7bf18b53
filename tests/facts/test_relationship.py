"""Contract or orders: read from the tables, and refused where they say otherwise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.helpers import accounts, phases

import cs_analysis as cs
from cs_analysis.facts.relationship import relationship_of


def orders(*, every: int | None, count: int = 12) -> pd.DataFrame:
    """Return orders of 30 accounts, every so many days at one price, or at random days and prices."""
    rng = np.random.default_rng(2)
    rows = []
    for account in range(30):
        gaps = np.full(count, every) if every else rng.exponential(25, count) + 1
        days = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(np.round(np.cumsum(gaps)), "D")
        rows.append(pd.DataFrame({"account_id": f"a{account}", "ordered_at": days, "amount": 50.0 if every else rng.uniform(5, 90, count).round(2)}))
    table = pd.concat(rows, ignore_index=True)
    return table.assign(order_id=range(len(table)), currency="EUR")


MANY = pd.DataFrame({"account_id": [f"a{k}" for k in range(30)], "started_at": pd.Timestamp("2025-01-01", tz="UTC")})
SOLD = phases(("s", "a1", "2025-01-01", None, 10))


def read(**tables: pd.DataFrame) -> cs.Dataset:
    """Return a dataset at the end of March 2026."""
    return cs.read_dataset({"accounts": MANY, **tables}, as_of="2026-03-31")


def test_subscriptions_are_a_contract() -> None:
    assert relationship_of(read(subscriptions=SOLD)) == "contract"


def test_only_orders_are_no_contract() -> None:
    assert relationship_of(read(orders=orders(every=None))) == "orders"


@pytest.mark.slow
def test_with_both_the_contract_comes_first_and_orders_are_to_be_asked_for() -> None:
    both = read(subscriptions=SOLD, orders=orders(every=None))
    assert relationship_of(both) == "contract"
    assert relationship_of(both, "orders") == "orders"


@pytest.mark.slow
def test_subscriptions_that_begin_later_are_not_known_yet() -> None:
    later = read(subscriptions=phases(("s", "a1", "2026-06-01", None, 10)), orders=orders(every=None))
    assert relationship_of(later) == "orders"


def test_neither_is_a_missing_table() -> None:
    with pytest.raises(cs.errors.MissingTableError, match="subscriptions"):
        relationship_of(cs.read_dataset({"accounts": accounts(a="2025-01-01")}, as_of="2026-03-31"))


def test_a_contract_without_subscriptions_is_refused() -> None:
    with pytest.raises(cs.errors.ParameterError, match=r"relationship='contract' needs rows in `subscriptions`.*use relationship='orders'"):
        relationship_of(read(orders=orders(every=None)), "contract")


def test_orders_without_orders_are_refused() -> None:
    with pytest.raises(cs.errors.ParameterError, match="relationship='orders' needs rows in `orders`"):
        relationship_of(read(subscriptions=SOLD), "orders")


@pytest.mark.slow
def test_bills_are_no_orders() -> None:
    with pytest.raises(cs.errors.ParameterError, match="look like bills"):
        relationship_of(read(orders=orders(every=30)))
    with pytest.raises(cs.errors.ParameterError, match="look like bills"):
        relationship_of(read(subscriptions=SOLD, orders=orders(every=30)), "orders")


def test_another_word_is_refused() -> None:
    with pytest.raises(cs.errors.ParameterError, match=r"relationship must be 'contract' or 'orders'.*not 'lease'"):
        relationship_of(read(subscriptions=SOLD), "lease")
