"""Terms of contracts against a search in plain Python: plans and anniversaries, changed terms, breaks, ends around renewals, successors."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

import cs_analysis as cs
from contract_search import ZONE, company, random_company, searched
from cs_analysis.data.dataset import engine_of
from cs_analysis.errors import ParameterError
from cs_analysis.facts.contract_terms import contract_terms, valued_terms
from cs_analysis.facts.policy import DEFAULT_POLICY

COLUMNS = ["contract", "interval", "renewal", "outcome", "due_on", "term_days", "amount", "after"]


def found(tables: dict[str, pd.DataFrame], as_of: str, *, grace: str | None = None, zone: str = ZONE) -> list[tuple[Any, ...]]:
    """Return the terms as `contract_terms` gives them."""
    ds = cs.read_dataset(tables, as_of=as_of, timezone=zone)
    table = contract_terms(ds, grace=grace)
    frame = engine_of(ds).run(table.mutate(due_on=table.due_on.cast("string"), amount=table.amount.cast("float64")).order_by("contract"))
    frame["due_on"] = [
        date.fromisoformat(text[:10]) if done in ("renewed", "lapsed") else None for text, done in zip(frame["due_on"], frame["outcome"], strict=True)
    ]
    frame["after"] = frame["after"].astype("float64")
    rows = [tuple(None if pd.isna(value) else value for value in row) for row in frame[COLUMNS].itertuples(index=False)]
    return sorted(rows, key=lambda row: (row[0], row[2], row[4] or date.max, row[3], row[5], row[6]))


@pytest.mark.parametrize(("grace", "length"), [(None, timedelta(0)), ("5d", timedelta(5))])
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)])
def test_the_terms_equal_those_of_a_search(seed: int, grace: str | None, length: timedelta) -> None:
    tables = random_company(seed)
    expected = searched(tables, "2025-06-30", grace=length)
    assert found(tables, "2025-06-30", grace=grace) == expected
    assert {row[3] for row in expected} == {"renewed", "lapsed", "ended_early", "moved", "running"}
    assert max(row[2] for row in expected) > 12


@pytest.mark.slow
def test_29_february_is_renewed_on_the_28th_of_other_years() -> None:
    tables = company([("s", "a", "2024-02-29 10:00", None, 10.0, "year", None, "paid")])
    assert [row[4] for row in found(tables, "2028-03-05")] == [date(2025, 2, 28), date(2026, 2, 28), date(2027, 2, 28), date(2028, 2, 29), None]


@pytest.mark.slow
def test_the_31st_is_renewed_on_the_last_of_shorter_months() -> None:
    tables = company([("s", "a", "2025-01-31", None, 10.0, "month", None, "paid")])
    assert [row[4] for row in found(tables, "2025-04-30")][:-1] == [date(2025, 2, 28), date(2025, 3, 31), date(2025, 4, 30)]


@pytest.mark.slow
def test_the_clock_of_the_calendar_says_on_which_day_a_contract_is_due() -> None:
    # 30 June 22:00 UTC is 1 July 00:00 in Berlin; the contract of the winter day began at 31 December 23:00 UTC, 1 January there
    tables = company([("s", "a", "2024-07-01 00:00", None, 10.0, "year", None, "paid"), ("t", "b", "2024-01-01 00:00", None, 10.0, "year", None, "paid")])
    assert [row[4] for row in found(tables, "2025-12-30") if row[4]] == [date(2025, 7, 1), date(2025, 1, 1)]
    assert [row[4] for row in found(tables, "2025-12-30", zone="UTC") if row[4]] == [date(2025, 6, 30), date(2024, 12, 31)]


@pytest.mark.slow
def test_an_end_a_second_before_the_renewal_or_late_on_its_day_is_an_end_at_it() -> None:
    ends = ["2024-12-31 23:59:59", "2025-01-01 00:00", "2025-01-01 23:59:59", "2025-01-02 12:00", "2024-12-30 12:00", "2025-01-03 00:00"]
    tables = company([(f"s{n}", f"a{n}", "2024-01-01", end, 10.0, "year", None, "paid") for n, end in enumerate(ends)])
    assert [row[3] for row in found(tables, "2025-06-30")] == ["lapsed"] * 4 + ["ended_early", "renewed", "ended_early"]


@pytest.mark.slow
def test_a_later_year_billed_by_the_month_has_the_renewal_that_its_plan_says() -> None:
    tables = company([("s", "a", "2024-01-01", None, 10.0, "month", "2025-01-01", "paid")])
    assert found(tables, "2025-06-30") == [("s", "month", 1, "renewed", date(2025, 1, 1), 366, 10.0, 10.0), ("s", "month", 2, "running", None, 181, 10.0, None)]


@pytest.mark.slow
def test_a_single_row_that_says_the_next_renewal_has_those_of_the_years_before() -> None:
    tables = company([("s", "a", "2022-03-15", None, 10.0, "year", "2026-03-15", "paid")])
    assert [row[4] for row in found(tables, "2025-06-30") if row[4]] == [date(2023, 3, 15), date(2024, 3, 15), date(2025, 3, 15)]


@pytest.mark.slow
def test_contracts_that_follow_each_other_are_counted_on() -> None:
    rows = [
        (f"s{year}", "a", f"{year}-05-01", f"{year + 1}-05-01" if year < 2025 else None, 10.0, "year", f"{year + 1}-05-01", "paid")
        for year in range(2020, 2026)
    ]
    table = found(company(rows), "2025-12-31")
    assert [(row[0], row[2], row[3]) for row in table] == [(f"s{year}", year - 2019, "renewed") for year in range(2020, 2025)] + [("s2025", 6, "running")]


@pytest.mark.slow
def test_a_contract_beside_another_does_not_renew_it() -> None:
    rows = [
        ("s", "a", "2024-01-01", "2025-01-01", 10.0, "year", None, "paid"),
        ("t", "a", "2024-07-01", "2025-01-01", 20.0, "month", None, "paid"),  # goes on at the same instant under its own number
        ("t", "a", "2025-01-01", None, 30.0, "month", None, "paid"),
    ]
    assert [row[3] for row in found(company(rows), "2025-06-30") if row[0] == "s"] == ["lapsed"]


@pytest.mark.slow
def test_a_scheduled_end_is_none_before_it_comes() -> None:
    tables = company([("s", "a", "2024-01-01", "2025-01-01", 10.0, "year", None, "paid")])
    tables["subscriptions"]["cancelled_at"] = pd.to_datetime(["2024-05-01"], utc=True)
    assert [row[3] for row in found(tables, "2024-12-31")] == ["running"]
    assert [row[3] for row in found(tables, "2025-01-01")] == ["lapsed"]


@pytest.mark.slow
def test_plans_that_were_overwritten_at_each_renewal_are_refused() -> None:
    gone = [(f"s{n}", f"a{n}", "2024-01-01", f"2025-02-{n + 1:02d}", 10.0, "month", f"2025-02-{n + 1:02d}", "paid") for n in range(20)]
    stays = ("t", "b", "2024-01-01", None, 10.0, "month", "2025-07-01", "paid")
    with pytest.raises(ParameterError, match=r"none of 20 that are past was made, so it seems to hold the next one only"):
        found(company([*gone, stays]), "2025-06-30")
    assert len(found(company([*gone[1:], stays]), "2025-06-30")) == 20


@pytest.mark.slow
def test_what_goes_on_is_valued_at_the_rates_of_the_month() -> None:
    # due on 10 March at 100 dollars = 90 euros in March; goes on at 60 euros in a new contract
    tables = company([("s", "a", "2024-03-10", "2025-03-10", 100.0, "year", None, "paid"), ("t", "a", "2025-03-10", None, 60.0, "year", None, "paid")])
    tables["subscriptions"]["currency"] = ["USD", "EUR"]
    tables["rates"] = pd.DataFrame({"month": pd.date_range("2024-01-01", "2025-06-01", freq="MS").strftime("%Y-%m-%d"), "currency": "USD", "rate": 0.5})
    tables["rates"].loc[14, "rate"] = 0.9
    ds = cs.read_dataset(tables, as_of="2025-06-30", timezone=ZONE, currency="EUR")
    valued = valued_terms(ds, contract_terms(ds), policy=DEFAULT_POLICY)
    assert engine_of(ds).run(valued.select("amount", "kept").order_by("amount")).astype(float).values.tolist() == [[90.0, 60.0]]
