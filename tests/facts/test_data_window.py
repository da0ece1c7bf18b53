"""From when to when the data reach."""

from __future__ import annotations

import pandas as pd

import cs_analysis as cs
from cs_analysis.facts.data_window import data_window
from helpers import accounts, phases


def test_the_window_is_that_of_all_tables_in_the_calendars_zone() -> None:
    tables = {"accounts": accounts(a="2026-01-05", b="2026-02-05"), "subscriptions": phases(("s", "a", "2026-03-31T23:30:00", None, 10.0))}
    ds = cs.read_dataset(tables, as_of="2026-10-31", timezone="Europe/Berlin")
    first, last = data_window(ds) or ()
    assert (f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d %H:%M}") == ("2026-01-05", "2026-04-01 01:30")


def test_what_came_later_is_not_in_it_and_of_no_row_there_is_none() -> None:
    ds = cs.read_dataset({"accounts": accounts(a="2026-01-05", b="2026-02-05")}, as_of="2026-10-31")
    early = data_window(ds.at("2026-01-31"))
    assert early is not None
    assert early[1] == pd.Timestamp("2026-01-05", tz="UTC")
    assert data_window(ds.at("2025-12-31")) is None


def test_rates_of_years_ago_say_nothing_of_customers() -> None:
    rates = pd.DataFrame({"month": ["2019-01-01"], "currency": ["USD"], "rate": [1.1]})
    ds = cs.read_dataset({"accounts": accounts(a="2026-01-05"), "rates": rates}, as_of="2026-10-31")
    assert (data_window(ds) or ())[0] == pd.Timestamp("2026-01-05", tz="UTC")
