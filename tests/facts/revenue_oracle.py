"""Movements of revenue by their definitions, in plain Python with exact decimals: account by account, month by month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pandas as pd

from cs_analysis.facts.policy import RevenuePolicy

Rows = dict[tuple[str, str, str, str], Decimal]
FOUR = Decimal("0.0001")


@dataclass(frozen=True)
class Phase:
    """A phase as it counts."""

    account: str
    group: str
    start: pd.Timestamp
    end: pd.Timestamp | None
    amount: Decimal
    currency: str


@dataclass(frozen=True)
class Month:
    """A month in UTC, with the rate of each currency."""

    name: str
    start: pd.Timestamp
    end: pd.Timestamp
    rates: dict[str, Decimal]


def rounded(amount: Decimal | Fraction) -> Decimal:
    """Return an amount to four decimals, halves away from zero."""
    exact = amount if isinstance(amount, Decimal) else Decimal(amount.numerator) / Decimal(amount.denominator)
    return exact.quantize(FOUR, ROUND_HALF_UP)


def length(window: str) -> pd.DateOffset:
    """Return a window such as "20d" or "1mo"."""
    return pd.DateOffset(months=int(window[:-2])) if window.endswith("mo") else pd.DateOffset(hours=24 * int(window[:-1]))


def effective(rows: list[dict[str, Any]], policy: RevenuePolicy, by: str | None) -> list[Phase]:
    """Return the phases that count under a policy, with the ends and amounts it gives them."""
    counted = []
    for row in rows:
        kind = row["kind"] or "paid"
        how = policy.kinds[kind]
        amount = row["mrr"] - (row["discount"] if policy.discounts == "net" else 0)
        if how == "nobody" or (policy.annual_plans == "left_out" and row["interval"] == "year"):
            continue
        if how == "revenue" and amount == 0 and policy.zero_amounts == "nobody":
            continue
        end = ending(row, rows, policy)
        if kind == "past_due" and policy.past_due_grace:
            limit = row["started_at"] + length(policy.past_due_grace)
            end = limit if end is None or limit < end else end
        if end is None or end > row["started_at"]:
            group = row[by] if by else ""
            counted.append(Phase(row["account_id"], group, row["started_at"], end, amount if how == "revenue" else Decimal(0), row["currency"]))
    return bridged(counted, policy)


def ending(row: dict[str, Any], rows: list[dict[str, Any]], policy: RevenuePolicy) -> pd.Timestamp | None:
    """Return when a phase ends by the policy's churn date."""
    ended, cancelled = row["ended_at"], row["cancelled_at"]
    if policy.churn_date == "cancel_request" and cancelled is not None:
        return cancelled if ended is None else min(cancelled, ended)
    if policy.churn_date != "paid_through" or ended is None or (row["kind"] or "paid") not in ("paid", "metered"):
        return ended
    until = ended
    if row["renewal_at"] is not None and row["renewal_at"] > ended:
        until = row["renewal_at"]
    elif row["interval"] is not None:
        step = 12 if row["interval"] == "year" else 1
        count = 1
        while (until := row["started_at"] + pd.DateOffset(months=count * step)) < ended:
            count += 1
    following = [other["started_at"] for other in rows if other["account_id"] == row["account_id"] and other["started_at"] >= ended]
    return max(ended, min([until, *following]))


def spells_of(phases: list[Phase]) -> list[list[Any]]:
    """Return the stretches [start, end] covered by phases of one account."""
    merged: list[list[Any]] = []
    for phase in sorted(phases, key=lambda p: p.start):
        if merged and (merged[-1][1] is None or phase.start <= merged[-1][1]):
            merged[-1][1] = None if merged[-1][1] is None or phase.end is None else max(merged[-1][1], phase.end)
        else:
            merged.append([phase.start, phase.end])
    return merged


def bridged(phases: list[Phase], policy: RevenuePolicy) -> list[Phase]:
    """Return the phases with those before a short break carried on over it."""
    if not policy.bridged_gap:
        return phases
    result = []
    for account in sorted({p.account for p in phases}):
        own = [p for p in phases if p.account == account]
        spells = spells_of(own)
        onwards = {before[1]: after[0] for before, after in pairwise(spells) if after[0] < before[1] + length(policy.bridged_gap)}
        result += [replace(p, end=onwards.get(p.end, p.end)) for p in own]
    return result


def counts(phase: Phase, month: Month, policy: RevenuePolicy) -> bool:
    """Return whether a phase is in a month's books."""
    if policy.proration == "covered":
        return phase.start < month.end and (phase.end is None or phase.end > month.start)
    return phase.start < month.end and (phase.end is None or phase.end >= month.end)


def priced(phase: Phase, month: Month, rates: dict[str, Decimal], policy: RevenuePolicy) -> Decimal:
    """Return a phase's amount in a month, at some rates."""
    amount = phase.amount
    if policy.proration == "covered":
        inside = min(phase.end or month.end, month.end) - max(phase.start, month.start)
        amount = rounded(Fraction(amount) * Fraction(inside.value, (month.end - month.start).value))
    return rounded(amount * rates[phase.currency])


def movements(phases: list[Phase], months: list[Month], policy: RevenuePolicy) -> Rows:
    """Return account, group, month, movement -> amount."""
    rows: Rows = defaultdict(Decimal)
    for account in sorted({p.account for p in phases}):
        own = [p for p in phases if p.account == account]
        seen = False
        for before, month in zip([None, *months], months, strict=False):
            there = [p for p in own if before and counts(p, before, policy)]
            here = [p for p in own if counts(p, month, policy)]
            came = False
            for group, movement, amount in _in_month(own, there, here, before=before, month=month, policy=policy, seen=seen):
                rows[account, group, month.name, movement] += amount
                came = came or movement in ("new", "reactivation")
            seen = seen or came
    return dict(rows)


def _in_month(
    own: list[Phase], there: list[Phase], here: list[Phase], *, before: Month | None, month: Month, policy: RevenuePolicy, seen: bool
) -> Iterator[Any]:
    coming = "reactivation" if seen and not long_away(own, month, policy) else "new"
    if not there and not here:
        yield from _inside(own, month, policy, coming)
        return
    changes, present = {}, {}
    for group in sorted({p.group for p in [*there, *here]}):
        carried = sum((priced(p, before, month.rates, policy) for p in there if p.group == group), Decimal(0)) if before else Decimal(0)
        opening = sum((priced(p, before, before.rates, policy) for p in there if p.group == group), Decimal(0)) if before else Decimal(0)
        closing = sum((priced(p, month, month.rates, policy) for p in here if p.group == group), Decimal(0))
        changes[group] = closing - carried
        present[group] = any(p.group == group for p in there) != any(p.group == group for p in here)
        if carried != opening:
            yield group, "fx", carried - opening
    total = sum(changes.values())
    same_way = {group: change for group, change in changes.items() if change != 0 and (change > 0) == (total >= 0)}
    parts, done, whole = {}, Decimal(0), sum(same_way.values())
    for group, change in same_way.items():
        parts[group] = rounded(Fraction(done + change) / Fraction(whole) * Fraction(total)) - rounded(Fraction(done) / Fraction(whole) * Fraction(total))
        done += change
    for group, change in changes.items():
        part = parts.get(group, Decimal(0))
        if not there or not here:
            if change != 0 or present[group]:
                yield group, coming if here else "churn", part
        elif part != 0:
            yield group, "expansion" if part > 0 else "contraction", part
        if change != part:
            yield group, "transfer", change - part


def _inside(own: list[Phase], month: Month, policy: RevenuePolicy, coming: str) -> Iterator[Any]:
    """Yield an account that joins and leaves inside a month, if that is shown."""
    if policy.joined_and_left == "hidden" or policy.proration == "covered":
        return
    inside = [p for p in own if p.start >= month.start and p.end is not None and p.end < month.end]
    for phase in inside:
        if phase.end == max(p.end for p in inside):
            amount = priced(phase, month, month.rates, policy)
            yield phase.group, coming, amount
            yield phase.group, "churn", -amount


def long_away(own: list[Phase], month: Month, policy: RevenuePolicy) -> bool:
    """Return whether the first spell that begins in a month comes after an absence that is too long."""
    if not policy.reactivation_window:
        return False
    for before, after in zip([None, *spells_of(own)], spells_of(own), strict=False):
        if month.start <= after[0] < month.end:
            return before is not None and after[0] > before[1] + length(policy.reactivation_window)
    return False
