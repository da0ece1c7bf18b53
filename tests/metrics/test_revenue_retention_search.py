"""Retention, churn, quick ratio and revenue per account against plain Python over random phases, account by account and month by month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs

FIRST, MONTHS, SEEDS = pd.Timestamp("2025-01-01", tz="UTC"), 16, (1, 2, 3)
AS_OF = "2026-04-20"
END = pd.Timestamp("2026-04-21", tz="UTC")
NOTHING = Decimal(0)
Paid = dict[tuple[str, str, int], Decimal]  # what an account pays in a group at the end of a month


def random_company(seed: int, size: int = 80) -> dict[str, pd.DataFrame]:
    """Return accounts with up to six phases each on whole days, often from one first of a month to another, in two plans."""
    rng = np.random.default_rng(seed)
    rows = []
    for account in range(size):
        for number in range(rng.integers(0, 7)):
            start = FIRST + pd.Timedelta(int(rng.integers(0, 480)), "D")
            start = start if rng.random() < 0.7 else start.normalize() - pd.Timedelta(start.day - 1, "D")
            end = start + pd.Timedelta(int(rng.integers(0, 240)), "D")
            rows.append(
                {
                    "subscription_id": f"s{account}-{number}",
                    "account_id": f"a{account:02d}",
                    "started_at": start,
                    "ended_at": None if rng.random() < 0.25 else end,
                    "mrr": float(rng.choice([5, 10.25, 20.5, 20.5, 33.33, 200])),
                    "currency": "EUR",
                    "plan": str(rng.choice(["x", "y"])),
                    "kind": str(rng.choice(["paid", "paid", "paid", "past_due", "trial"])),
                }
            )
    names = [f"a{account:02d}" for account in range(size)]
    people = pd.DataFrame({"account_id": names, "started_at": FIRST, "segment": rng.choice(["p", "q"], size)})
    return {"accounts": people, "subscriptions": pd.DataFrame(rows).astype({"ended_at": "datetime64[ns, UTC]"})}


def month_start(number: int) -> pd.Timestamp:
    return FIRST + pd.DateOffset(months=number)


def paid_amounts(tables: dict[str, pd.DataFrame], group: Callable[[dict[str, str]], str]) -> Paid:
    """Return what each account pays in each group at the end of each month, phase by phase."""
    paid: Paid = defaultdict(Decimal)
    segment = tables["accounts"].set_index("account_id")["segment"]
    for phase in tables["subscriptions"].to_dict("records"):
        for number in range(MONTHS):
            end = min(month_start(number + 1), END)
            ended = None if pd.isna(phase["ended_at"]) or phase["ended_at"] >= END else phase["ended_at"]
            if phase["kind"] != "trial" and phase["mrr"] > 0 and phase["started_at"] < end and (ended is None or ended >= end):
                paid[phase["account_id"], group({**phase, "segment": segment[phase["account_id"]]}), number] += Decimal(str(phase["mrr"]))
    return paid


GROUPS: dict[str | None, Callable[[dict[str, str]], str]] = {None: lambda _: "", "segment": lambda row: row["segment"], "plan": lambda row: row["plan"]}


@pytest.fixture(scope="module", params=SEEDS)
def company(request: pytest.FixtureRequest) -> tuple[dict[str, pd.DataFrame], cs.Dataset]:
    tables = random_company(request.param)
    return tables, cs.read_dataset(tables, as_of=AS_OF)


def read(table: pd.DataFrame, by: str | None, metric: str, *more: str) -> dict[tuple[object, ...], tuple[float, int]]:
    """Return estimate and n by group, month and further keys."""
    rows = table[table["metric"] == metric]
    number = (rows["period"].dt.year - 2025) * 12 + rows["period"].dt.month - 1
    groups = rows[by] if by else [""] * len(rows)
    return dict(zip(zip(groups, number, *(rows[name] for name in more), strict=True), zip(rows["estimate"], rows["n"], strict=True), strict=True))


def pairs(paid: Paid, window: int) -> Iterator[tuple[tuple[str, int], str, Decimal, Decimal]]:
    """Yield (group, month), account, amount then and its part of the amount now."""
    for (account, group, then), start in paid.items():
        if then + window < MONTHS:
            before = sum(amount for (other, _, month), amount in paid.items() if other == account and month == then)
            now = sum((amount for (other, _, month), amount in paid.items() if other == account and month == then + window), NOTHING)
            yield (group, then + window), account, start, now * start / before


def same(found: dict[tuple[object, ...], tuple[float, int]], expected: dict[tuple[object, ...], tuple[float, int]]) -> None:
    assert set(found) == set(expected)
    assert expected
    for key, (estimate, n) in expected.items():
        assert found[key][0] == pytest.approx(estimate, abs=1e-9, nan_ok=True), key
        assert found[key][1] == n, key


@pytest.mark.slow
@pytest.mark.parametrize("by", GROUPS)
def test_retention_of_revenue(company: tuple[dict[str, pd.DataFrame], cs.Dataset], by: str | None) -> None:
    tables, ds = company
    cells = defaultdict(list)
    for cell, account, start, now in pairs(paid_amounts(tables, GROUPS[by]), 3):
        cells[cell].append((start, now, account))
    net = {cell: (float(sum(now for _, now, _ in rows) / sum(start for start, *_ in rows)), len(rows)) for cell, rows in cells.items()}
    gross = {cell: (float(sum(min(start, now) for start, now, _ in rows) / sum(start for start, *_ in rows)), len(rows)) for cell, rows in cells.items()}
    same(read(cs.net_revenue_retention(ds, window="3mo", by=by), by, "net_revenue_retention"), net)
    same(read(cs.gross_revenue_retention(ds, window="3mo", by=by), by, "gross_revenue_retention"), gross)
    table = cs.net_revenue_retention_without_largest(ds, window="3mo", by=by, left_out=[2])
    rest = {cell: sorted(rows, key=lambda row: (-row[0], row[2]))[2:] for cell, rows in cells.items()}
    without = {(*cell, 2): (float(sum(now for _, now, _ in rows) / sum(start for start, *_ in rows)), len(rows)) for cell, rows in rest.items() if rows}
    same(read(table, by, "net_revenue_retention_without_largest", "accounts_left_out"), without)


def changes(paid: Paid) -> dict[tuple[str, int], list[tuple[str, str, Decimal, Decimal]]]:
    """Return for each group and month the accounts that pay in it or before: account, movement, opening and closing."""
    found = defaultdict(list)
    first: dict[tuple[str, str], int] = {}
    for account, group, month in paid:
        first[account, group] = min(month, first.get((account, group), month))
    for (account, group), joined in first.items():
        for month in range(MONTHS):
            opening, closing = paid.get((account, group, month - 1), NOTHING), paid.get((account, group, month), NOTHING)
            if opening == 0 and closing == 0:
                continue
            kind = "stay" if opening == closing else "expansion" if closing > opening else "contraction"
            kind = "churn" if closing == 0 else kind if opening > 0 else "new" if joined == month else "reactivation"
            found[group, month].append((account, kind, opening, closing))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("by", [None, "segment"])
def test_churn_and_quick_ratio(company: tuple[dict[str, pd.DataFrame], cs.Dataset], by: str | None) -> None:
    tables, ds = company
    churn, quick = {}, {}
    for (group, month), rows in changes(paid_amounts(tables, GROUPS[by])).items():
        if month == MONTHS - 1:
            continue  # April 2026 is not over
        lost = sum((before - after for _, kind, before, after in rows if kind in ("churn", "contraction")), NOTHING)
        gained = sum((after - before for _, kind, before, after in rows if kind in ("new", "expansion")), NOTHING)
        opening, moved = sum(before for _, _, before, _ in rows), [kind for _, kind, *_ in rows if kind not in ("stay", "reactivation")]
        if opening:
            churn[group, month] = (float(lost / opening), sum(before > 0 for _, _, before, _ in rows))
        if any(kind != "stay" for _, kind, *_ in rows):
            quick[group, month] = (float(gained / lost) if lost else np.nan, len(moved))
    same(read(cs.revenue_churn_rate(ds, by=by), by, "revenue_churn_rate"), churn)
    same(read(cs.quick_ratio(ds, by=by), by, "quick_ratio"), quick)


@pytest.mark.slow
@pytest.mark.parametrize("by", [None, "segment"])
@pytest.mark.parametrize("reactivation", [True, False])
def test_the_rolling_form(company: tuple[dict[str, pd.DataFrame], cs.Dataset], by: str | None, reactivation: bool) -> None:
    tables, ds = company
    paid = paid_amounts(tables, GROUPS[by])
    moves: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    counted = {"expansion", "contraction", "churn", *(["reactivation"] if reactivation else [])}
    for (group, month), rows in changes(paid).items():
        moves[group, month] += sum((after - before for _, kind, before, after in rows if kind in counted), NOTHING)
    expected = {}
    for group in {group for _, group, _ in paid}:
        for month in range(3, MONTHS):
            start = [amount for (_, other, then), amount in paid.items() if other == group and then == month - 3]
            if start:
                moved = sum((moves[group, month - back] for back in range(3)), NOTHING)
                expected[group, month] = (float(1 + moved / sum(start)), len(start))
    table = cs.net_revenue_retention(ds, window="3mo", form="rolling", reactivation=reactivation, by=by)
    same(read(table, by, "net_revenue_retention"), expected)


@pytest.mark.slow
@pytest.mark.parametrize("by", GROUPS)
def test_revenue_per_account_and_the_parts_of_its_change(company: tuple[dict[str, pd.DataFrame], cs.Dataset], by: str | None) -> None:
    tables, ds = company
    paid = paid_amounts(tables, GROUPS[by])
    cells: dict[tuple[str, int], dict[str, Decimal]] = defaultdict(dict)
    for (account, group, month), amount in paid.items():
        cells[group, month][account] = amount
    means = {cell: (float(sum(rows.values()) / len(rows)), len(rows)) for cell, rows in cells.items()}
    same(read(cs.arpa(ds, by=by), by, "arpa"), means)
    fine = paid_amounts(tables, lambda row: f"{GROUPS[by](row)}/{row['plan']}")
    expected = {}
    for (group, month), after in cells.items():
        if (before := cells.get((group, month - 1))) is None:
            continue
        stay = before.keys() & after.keys()
        price = mix = NOTHING
        for account in stay:
            for plan in "xy":
                old, new = (fine.get((account, f"{group}/{plan}", number), NOTHING) for number in (month - 1, month))
                price, mix = (price + new - old, mix) if old > 0 and new > 0 else (price, mix + new - old)
        mean = lambda rows: sum(rows.values()) / len(rows)  # noqa: E731
        kept = [{account: rows[account] for account in stay} for rows in (before, after)]
        parts = {"price": price / len(stay), "mix": mix / len(stay), "churn": mean(kept[0]) - mean(before), "new": mean(after) - mean(kept[1])} if stay else {}
        parts = parts or {"price": NOTHING, "mix": NOTHING, "churn": NOTHING, "new": mean(after) - mean(before)}
        expected |= {(group, month, part): (float(value), len(after)) for part, value in parts.items()}
    same(read(cs.arpa_change(ds, by=by), by, "arpa_change", "part"), expected)
