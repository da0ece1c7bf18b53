"""Purchase days and what was kept of them: by hand, and against plain Python."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from tests.facts.order_oracle import purchases, random_orders, summary
from tests.helpers import accounts, utc

import cs_analysis as cs
from cs_analysis.data.dataset import engine_of
from cs_analysis.facts.orders import orders_dataset, purchase_days, rfm


def orders(*rows: tuple[str, str, float]) -> pd.DataFrame:
    """Return orders from (account_id, ordered_at, amount)."""
    frame = pd.DataFrame(rows, columns=["account_id", "ordered_at", "amount"])
    return frame.assign(ordered_at=utc(*frame["ordered_at"]))


def kept(table: pd.DataFrame, *, timezone: str = "UTC", as_of: str = "2026-12-31") -> list[tuple[str, str, float]]:
    """Return (account, day, value) of the purchase days."""
    ds = orders_dataset(table, as_of=as_of, timezone=timezone)
    days = engine_of(ds).run(purchase_days(ds).order_by(["account_id", "day"]))
    return [(row.account_id, str(row.day.date()), float(row.value)) for row in days.itertuples()]


def test_orders_of_one_local_day_are_one_purchase() -> None:
    table = orders(("a", "2026-10-01T10:00Z", 5), ("a", "2026-10-01T21:59Z", 7), ("a", "2026-10-01T22:00Z", 9))
    assert kept(table, timezone="Europe/Berlin") == [("a", "2026-10-01", 12.0), ("a", "2026-10-02", 9.0)]  # midnight in Berlin is 22:00 UTC in summer
    assert kept(table) == [("a", "2026-10-01", 21.0)]


def test_midnight_moves_with_the_clocks() -> None:
    # Berlin leaves summer time on 2026-10-25: midnight is 22:00 UTC before and 23:00 UTC after.
    table = orders(("a", "2026-10-24T22:30Z", 1), ("a", "2026-10-25T22:30Z", 2), ("a", "2026-10-25T23:00Z", 4))
    assert kept(table, timezone="Europe/Berlin") == [("a", "2026-10-25", 3.0), ("a", "2026-10-26", 4.0)]


@pytest.mark.parametrize(
    ("refund", "expected"),
    [
        (-5.0, [("a", "2026-03-01", 40.0), ("a", "2026-03-05", 15.0)]),  # 20 - 5
        (-20.0, [("a", "2026-03-01", 40.0)]),  # in full: no purchase
        (-30.0, [("a", "2026-03-01", 30.0)]),  # 20 of it off the last purchase, 10 off the one before
        (-70.0, []),  # more than was ever bought
    ],
)
def test_a_refund_comes_off_the_latest_purchase_before_it(refund: float, expected: list[tuple[str, str, float]]) -> None:
    table = orders(("a", "2026-03-01T09:00Z", 40), ("a", "2026-03-05T09:00Z", 20), ("a", "2026-03-09T09:00Z", refund))
    assert kept(table) == expected


def test_a_refund_never_reaches_a_later_purchase() -> None:
    table = orders(("a", "2026-03-01T09:00Z", -40), ("a", "2026-03-05T09:00Z", 20), ("a", "2026-03-04T09:00Z", -1))
    assert kept(table) == [("a", "2026-03-05", 20.0)]


def test_a_free_order_is_a_purchase() -> None:
    table = orders(("a", "2026-03-01T09:00Z", 0), ("a", "2026-03-05T09:00Z", 20), ("a", "2026-03-06T09:00Z", -25))
    assert kept(table) == [("a", "2026-03-01", 0.0)]


def test_amounts_are_exact_and_converted_at_the_rate_of_the_month_of_the_local_day() -> None:
    sold = orders(("a", "2026-03-31T21:30Z", 10), ("a", "2026-03-31T22:30Z", 10)).assign(order_id=[1, 2], currency="USD")
    euro = orders(("a", "2026-03-01T12:00Z", 0.1), ("a", "2026-03-01T13:00Z", 0.2)).assign(order_id=[3, 4], currency="EUR")
    rates = pd.DataFrame({"month": ["2026-03-01", "2026-04-01"], "currency": "USD", "rate": [0.9, 0.8]})
    tables = {"accounts": accounts(a="2026-01-01"), "orders": pd.concat([sold, euro]), "rates": rates}
    ds = cs.read_dataset(tables, as_of="2026-04-30", timezone="Europe/Berlin", currency="EUR")
    days = engine_of(ds).run(purchase_days(ds).order_by("day"))
    assert [float(value) for value in days["value"]] == [0.3, 9.0, 8.0]  # 0.1 + 0.2 without a rest; 10 x 0.9 in March, 10 x 0.8 from midnight on


def test_only_what_comes_after_a_moment_is_seen_on_request() -> None:
    table = orders(("a", "2026-03-01T09:00Z", 40), ("a", "2026-03-09T09:00Z", -40), ("a", "2026-03-10T09:00Z", 7))
    ds = orders_dataset(table, as_of="2026-12-31")
    days = engine_of(ds).run(purchase_days(ds, since=pd.Timestamp("2026-03-05")).order_by("day"))
    assert [str(day.date()) for day in days["day"]] == ["2026-03-10"]


@pytest.mark.slow
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Australia/Lord_Howe"])
@pytest.mark.parametrize("refunds", [0.0, 0.3])
def test_purchase_days_agree_with_plain_python(zone: str, refunds: float) -> None:
    rng = np.random.default_rng(7)
    for _ in range(6):
        table = random_orders(rng, refunds=refunds)
        found = kept(table.sample(frac=1, random_state=1), timezone=zone)
        expected = [(account, str(day), float(value)) for account, days in purchases(table, zone=zone).items() for day, value in days]
        assert found == expected


@pytest.mark.slow
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_summaries_agree_with_plain_python(zone: str) -> None:
    rng = np.random.default_rng(11)
    for _ in range(6):
        table = random_orders(rng, refunds=0.2)
        found = rfm(orders_dataset(table, as_of="2026-11-05", timezone=zone))
        expected = summary(table, as_of=date(2026, 11, 5), zone=zone)
        pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-12)
