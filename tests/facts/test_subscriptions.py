"""Customers and revenue against a search by hand over random phases, with ties, overlaps and ends in the future."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.data.dataset import engine_of
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.facts.subscriptions import account_months, customer_spells
from helpers import accounts, phases, utc

KINDS = ["paid", "trial", "free", "paused", "past_due", "metered", None]
PAYING = {"paid", "past_due", "metered", None}
AS_OF = pd.Timestamp("2026-06-15T23:59:59.999999Z")


def random_company(seed: int, size: int = 200) -> dict[str, pd.DataFrame]:
    """Return accounts with up to five phases each, on whole days, so that ends and starts often coincide."""
    rng = np.random.default_rng(seed)
    day = lambda number: pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(int(number), "D")  # noqa: E731
    rows = [
        {
            "subscription_id": f"s{account}-{number}",
            "account_id": f"a{account}",
            "started_at": day(start := rng.integers(0, 200)),
            "ended_at": None if rng.random() < 0.3 else day(start + rng.integers(0, 90)),
            "cancelled_at": None if rng.random() < 0.7 else day(start + rng.integers(0, 40)),
            "mrr": int(rng.integers(0, 20)) * 10.25,
            "discount": None if rng.random() < 0.5 else 1.25,
            "currency": "EUR",
            "kind": KINDS[rng.integers(0, len(KINDS))],
            "end_reason": str(rng.choice(["voluntary", "payment"])),
        }
        for account in range(size)
        for number in range(rng.integers(0, 6))
    ]
    names = [f"a{account}" for account in range(size)]
    people = pd.DataFrame({"account_id": names, "started_at": day(0), "segment": rng.choice(["x", "y"], size)})
    return {"accounts": people, "subscriptions": pd.DataFrame(rows).astype({"cancelled_at": "datetime64[ns, UTC]", "ended_at": "datetime64[ns, UTC]"})}


def known_phases(tables: dict[str, pd.DataFrame]) -> list[dict[str, object]]:
    """Return the phases as known at AS_OF, one dictionary each."""
    known = []
    for phase in tables["subscriptions"].to_dict("records"):
        if phase["started_at"] > AS_OF:
            continue
        scheduled = not pd.isna(phase["cancelled_at"]) and phase["cancelled_at"] <= AS_OF
        if pd.isna(phase["ended_at"]) or (phase["ended_at"] > AS_OF and not scheduled):
            phase["ended_at"] = None
        phase["kind"] = None if pd.isna(phase["kind"]) else phase["kind"]
        known.append(phase)
    return known


def pays(phase: dict[str, object], end: pd.Timestamp) -> bool:
    """Return whether a phase is running and paid just before `end`."""
    return phase["kind"] in PAYING and phase["started_at"] < end and (phase["ended_at"] is None or phase["ended_at"] >= end)


@pytest.fixture(scope="module", params=[1, 2])
def company(request: pytest.FixtureRequest) -> tuple[dict[str, pd.DataFrame], cs.Dataset]:
    tables = random_company(request.param)
    return tables, cs.read_dataset(tables, as_of=AS_OF)


@pytest.mark.slow
def test_spells_equal_merging_phases_by_hand(company: tuple[dict[str, pd.DataFrame], cs.Dataset]) -> None:
    tables, ds = company
    expected = []
    far = pd.Timestamp("2200-01-01", tz="UTC")
    for account in tables["accounts"]["account_id"]:
        spans = [
            (p["started_at"], p["ended_at"] or far)
            for p in known_phases(tables)
            if p["account_id"] == account and p["kind"] in PAYING and (p["ended_at"] is None or p["ended_at"] > p["started_at"])
        ]
        merged: list[list[pd.Timestamp]] = []
        for start, end in sorted(spans):
            if merged and start <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], end)
            else:
                merged.append([start, end])
        expected += [(account, number, start, None if end == far else end) for number, (start, end) in enumerate(merged, start=1)]
    spells = engine_of(ds).run(customer_spells(ds).order_by(["account_id", "spell"]))
    found = [
        (row.account_id, row.spell, row.started_at.tz_localize("UTC"), None if pd.isna(row.ended_at) else row.ended_at.tz_localize("UTC"))
        for row in spells.itertuples()
    ]
    assert sorted(found) == sorted(expected)


def test_mrr_equals_adding_up_phases_by_hand(company: tuple[dict[str, pd.DataFrame], cs.Dataset]) -> None:
    tables, ds = company
    phases_known = known_phases(tables)
    for row in cs.mrr(ds).itertuples():
        end = min((row.period + pd.offsets.MonthBegin(1)).tz_localize("UTC"), AS_OF + pd.Timedelta(1, "us"))
        running = [p for p in phases_known if pays(p, end)]
        assert row.estimate == pytest.approx(sum(p["mrr"] - (0 if pd.isna(p["discount"]) else p["discount"]) for p in running), abs=1e-9)
        assert row.n == len({p["account_id"] for p in running})


def test_logo_churn_equals_counting_by_hand(company: tuple[dict[str, pd.DataFrame], cs.Dataset]) -> None:
    tables, ds = company
    known, segment = known_phases(tables), tables["accounts"].set_index("account_id")["segment"]
    table = cs.logo_churn_rate(ds, by="segment").pivot_table(index=["segment", "period"], columns="metric", values=["estimate", "n"])
    assert len(table) == 2 * 5  # January to May are over, June is not
    for (name, period), row in table.iterrows():
        start, end = period.tz_localize("UTC"), (period + pd.offsets.MonthBegin(1)).tz_localize("UTC")
        members = [p for p in known if segment[p["account_id"]] == name]
        before = {p["account_id"] for p in members if pays(p, start)}
        after = {p["account_id"] for p in members if pays(p, end)}
        inside = {
            p["account_id"]
            for p in members
            if p["kind"] in PAYING and p["started_at"] < end and (p["ended_at"] is None or p["ended_at"] >= start) and p["ended_at"] != p["started_at"]
        }
        assert row["n", "joined_and_left"] == len(before)
        assert row["estimate", "joined_and_left"] == len(inside - before - after)
        if before:
            assert row["estimate", "logo_churn_rate"] == pytest.approx(len(before - after) / len(before), abs=1e-12)


def test_account_months_add_up_to_mrr(company: tuple[dict[str, pd.DataFrame], cs.Dataset]) -> None:
    _, ds = company
    months = account_months(ds)
    summed = engine_of(ds).run(months.group_by("period").agg(closing=months.closing.sum()).order_by("period"))
    assert summed["closing"].astype(float).tolist() == cs.mrr(ds)["estimate"].tolist()


class TestByHand:
    def monthly(self, *rows: tuple[str, str, str, str | None, float], **more: list[object]) -> list[float]:
        tables = {"accounts": accounts(a="2026-01-01", b="2026-01-01"), "subscriptions": phases(*rows, **more)}
        return cs.mrr(cs.read_dataset(tables, as_of="2026-04-15"))["estimate"].tolist()

    def test_a_change_at_midnight_on_the_first_belongs_to_the_new_month(self) -> None:
        assert self.monthly(("s", "a", "2026-01-10", "2026-03-01", 10), ("s", "a", "2026-03-01", None, 15)) == [10, 10, 15, 15]

    def test_an_end_at_midnight_on_the_first_is_still_in_the_books_of_the_old_month(self) -> None:
        assert self.monthly(("s", "a", "2026-01-10", "2026-03-01", 10)) == [10, 10]

    def test_trials_free_plans_and_pauses_earn_nothing_and_overdue_ones_still_do(self) -> None:
        kinds = ["trial", "paid", "paused", "past_due"]
        spans = [("s", "a", f"2026-0{month}-01", f"2026-0{month + 1}-01", 10) for month in (1, 2, 3, 4)]
        assert self.monthly(*spans, kind=kinds) == [10, 10]

    @pytest.mark.slow
    def test_another_policy_counts_otherwise(self) -> None:
        tables = {"accounts": accounts(a="2026-01-01"), "subscriptions": phases(("s", "a", "2026-01-10", None, 10), kind=["trial"], discount=[3])}
        ds = cs.read_dataset(tables, as_of="2026-01-31")
        assert cs.mrr(ds).empty
        assert cs.mrr(ds, policy=RevenuePolicy(trials="revenue"))["estimate"].tolist() == [7]
        assert cs.mrr(ds, policy=RevenuePolicy(trials="revenue", discounts="gross"))["estimate"].tolist() == [10]

    @pytest.mark.slow
    def test_foreign_amounts_are_converted_at_the_rate_of_the_month(self) -> None:
        rates = pd.DataFrame({"month": ["2026-01", "2026-02"], "currency": "USD", "rate": [0.9, 0.8]})
        sold = phases(("s", "a", "2026-01-10", None, 100), ("t", "b", "2026-01-10", None, 7.5), currency=["USD", "EUR"])
        ds = cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01"), "subscriptions": sold, "rates": rates}, as_of="2026-02-28")
        assert cs.mrr(ds)[["unit", "estimate"]].values.tolist() == [["EUR", 97.5], ["EUR", 87.5]]  # 90 + 7.50, 80 + 7.50

    @pytest.mark.slow
    def test_a_month_ends_where_the_calendar_says(self) -> None:
        tables = {"accounts": accounts(a="2026-01-01"), "subscriptions": phases(("s", "a", "2026-01-31T23:30", None, 10))}
        in_utc, in_berlin = (cs.read_dataset(tables, as_of="2026-02-28", timezone=zone) for zone in ("UTC", "Europe/Berlin"))
        assert cs.mrr(in_utc)["period"].dt.month.tolist() == [1, 2]
        assert cs.mrr(in_berlin)["period"].dt.month.tolist() == [2]  # 00:30 on the first of February there

    def test_the_reason_of_a_spell_is_that_of_the_phase_that_ended_last(self) -> None:
        sold = phases(("s", "a", "2026-01-01", "2026-02-01", 1), ("t", "a", "2026-01-15", "2026-03-01", 1), end_reason=["payment", "voluntary"])
        ds = cs.read_dataset({"accounts": accounts(a="2026-01-01"), "subscriptions": sold}, as_of="2026-04-01")
        spells = engine_of(ds).run(customer_spells(ds).order_by("account_id"))
        assert spells[["spell", "end_reason"]].values.tolist() == [[1, "voluntary"]]
        assert spells["ended_at"].tolist() == [utc("2026-03-01")[0].tz_localize(None)]
