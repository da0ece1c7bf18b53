"""Terms of contracts against a search in plain Python: plans and anniversaries, changed terms, breaks, ends around renewals, successors."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.data.dataset import engine_of
from cs_analysis.errors import ParameterError
from cs_analysis.facts.contract_terms import contract_terms, valued_terms
from cs_analysis.facts.policy import DEFAULT_POLICY

ZONE = "Europe/Berlin"
COLUMNS = ["contract", "interval", "renewal", "outcome", "due_on", "term_days", "amount", "after"]
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


@pytest.mark.parametrize(("grace", "length"), [(None, timedelta(0)), ("5d", timedelta(5))])
@pytest.mark.parametrize("seed", range(3))
def test_the_terms_equal_those_of_a_search(seed: int, grace: str | None, length: timedelta) -> None:
    tables = random_company(seed)
    expected = searched(tables, "2025-06-30", grace=length)
    assert found(tables, "2025-06-30", grace=grace) == expected
    assert {row[3] for row in expected} == {"renewed", "lapsed", "ended_early", "moved", "running"}
    assert max(row[2] for row in expected) > 12


def test_29_february_is_renewed_on_the_28th_of_other_years() -> None:
    tables = company([("s", "a", "2024-02-29 10:00", None, 10.0, "year", None, "paid")])
    assert [row[4] for row in found(tables, "2028-03-05")] == [date(2025, 2, 28), date(2026, 2, 28), date(2027, 2, 28), date(2028, 2, 29), None]


def test_the_31st_is_renewed_on_the_last_of_shorter_months() -> None:
    tables = company([("s", "a", "2025-01-31", None, 10.0, "month", None, "paid")])
    assert [row[4] for row in found(tables, "2025-04-30")][:-1] == [date(2025, 2, 28), date(2025, 3, 31), date(2025, 4, 30)]


def test_the_clock_of_the_calendar_says_on_which_day_a_contract_is_due() -> None:
    # 30 June 22:00 UTC is 1 July 00:00 in Berlin; the contract of the winter day began at 31 December 23:00 UTC, 1 January there
    tables = company([("s", "a", "2024-07-01 00:00", None, 10.0, "year", None, "paid"), ("t", "b", "2024-01-01 00:00", None, 10.0, "year", None, "paid")])
    assert [row[4] for row in found(tables, "2025-12-30") if row[4]] == [date(2025, 7, 1), date(2025, 1, 1)]
    assert [row[4] for row in found(tables, "2025-12-30", zone="UTC") if row[4]] == [date(2025, 6, 30), date(2024, 12, 31)]


def test_an_end_a_second_before_the_renewal_or_late_on_its_day_is_an_end_at_it() -> None:
    ends = ["2024-12-31 23:59:59", "2025-01-01 00:00", "2025-01-01 23:59:59", "2025-01-02 12:00", "2024-12-30 12:00", "2025-01-03 00:00"]
    tables = company([(f"s{n}", f"a{n}", "2024-01-01", end, 10.0, "year", None, "paid") for n, end in enumerate(ends)])
    assert [row[3] for row in found(tables, "2025-06-30")] == ["lapsed"] * 4 + ["ended_early", "renewed", "ended_early"]


def test_a_later_year_billed_by_the_month_has_the_renewal_that_its_plan_says() -> None:
    tables = company([("s", "a", "2024-01-01", None, 10.0, "month", "2025-01-01", "paid")])
    assert found(tables, "2025-06-30") == [("s", "month", 1, "renewed", date(2025, 1, 1), 366, 10.0, 10.0), ("s", "month", 2, "running", None, 181, 10.0, None)]


def test_a_single_row_that_says_the_next_renewal_has_those_of_the_years_before() -> None:
    tables = company([("s", "a", "2022-03-15", None, 10.0, "year", "2026-03-15", "paid")])
    assert [row[4] for row in found(tables, "2025-06-30") if row[4]] == [date(2023, 3, 15), date(2024, 3, 15), date(2025, 3, 15)]


def test_contracts_that_follow_each_other_are_counted_on() -> None:
    rows = [
        (f"s{year}", "a", f"{year}-05-01", f"{year + 1}-05-01" if year < 2025 else None, 10.0, "year", f"{year + 1}-05-01", "paid")
        for year in range(2020, 2026)
    ]
    table = found(company(rows), "2025-12-31")
    assert [(row[0], row[2], row[3]) for row in table] == [(f"s{year}", year - 2019, "renewed") for year in range(2020, 2025)] + [("s2025", 6, "running")]


def test_a_contract_beside_another_does_not_renew_it() -> None:
    rows = [
        ("s", "a", "2024-01-01", "2025-01-01", 10.0, "year", None, "paid"),
        ("t", "a", "2024-07-01", "2025-01-01", 20.0, "month", None, "paid"),  # goes on at the same instant under its own number
        ("t", "a", "2025-01-01", None, 30.0, "month", None, "paid"),
    ]
    assert [row[3] for row in found(company(rows), "2025-06-30") if row[0] == "s"] == ["lapsed"]


def test_a_scheduled_end_is_none_before_it_comes() -> None:
    tables = company([("s", "a", "2024-01-01", "2025-01-01", 10.0, "year", None, "paid")])
    tables["subscriptions"]["cancelled_at"] = pd.to_datetime(["2024-05-01"], utc=True)
    assert [row[3] for row in found(tables, "2024-12-31")] == ["running"]
    assert [row[3] for row in found(tables, "2025-01-01")] == ["lapsed"]


def test_plans_that_were_overwritten_at_each_renewal_are_refused() -> None:
    gone = [(f"s{n}", f"a{n}", "2024-01-01", f"2025-02-{n + 1:02d}", 10.0, "month", f"2025-02-{n + 1:02d}", "paid") for n in range(20)]
    stays = ("t", "b", "2024-01-01", None, 10.0, "month", "2025-07-01", "paid")
    with pytest.raises(ParameterError, match=r"none of 20 that are past was made, so it seems to hold the next one only"):
        found(company([*gone, stays]), "2025-06-30")
    assert len(found(company([*gone[1:], stays]), "2025-06-30")) == 20


def test_what_goes_on_is_valued_at_the_rates_of_the_month() -> None:
    # due on 10 March at 100 dollars = 90 euros in March; goes on at 60 euros in a new contract
    tables = company([("s", "a", "2024-03-10", "2025-03-10", 100.0, "year", None, "paid"), ("t", "a", "2025-03-10", None, 60.0, "year", None, "paid")])
    tables["subscriptions"]["currency"] = ["USD", "EUR"]
    tables["rates"] = pd.DataFrame({"month": pd.date_range("2024-01-01", "2025-06-01", freq="MS").strftime("%Y-%m-%d"), "currency": "USD", "rate": 0.5})
    tables["rates"].loc[14, "rate"] = 0.9
    ds = cs.read_dataset(tables, as_of="2025-06-30", timezone=ZONE, currency="EUR")
    valued = valued_terms(ds, contract_terms(ds), policy=DEFAULT_POLICY)
    assert engine_of(ds).run(valued.select("amount", "kept").order_by("amount")).astype(float).values.tolist() == [[90.0, 60.0]]
