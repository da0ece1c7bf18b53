"""Movements of monthly recurring revenue, account by account and month by month, and the proof that they add up."""

from __future__ import annotations

from functools import reduce

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.dataset import Dataset, cutoff, engine_of
from cs_analysis.errors import ContractError
from cs_analysis.facts.groups import By, group_columns
from cs_analysis.facts.periods import periods
from cs_analysis.facts.phases import MONEY, effective_phases, money
from cs_analysis.facts.policy import RevenuePolicy, policy_of
from cs_analysis.facts.subscriptions import customer_spells, in_reporting_currency, periods_since_first, phase_months
from cs_analysis.facts.uses import later
from cs_analysis.windows import parse_window

MOVEMENTS = ("new", "expansion", "contraction", "churn", "reactivation", "fx")
TRANSFER = "transfer"


def account_movements(ds: Dataset, *, by: By = None, policy: RevenuePolicy | str = "default") -> ir.Table:
    """Return what moved the revenue of each account in each month, as a staged table.

    An account's month has one movement: what its closing amount is above its opening amount, the closing one of the month before. It is `new` or
    `reactivation` if the account was no customer at the month's start, `churn` if it is none at its end, `expansion` or `contraction` otherwise.
    Taken out of it first is `fx`, the change that exchange rates alone make of the opening amount. New is who was in no month's books
    before. Under `by` the account's movement is divided among the groups that moved its way, by how far, and the rest of what groups
    gained and lost is `transfer`: it adds up to 0 over the groups of an account.

    Columns: `account_id`, the group columns, `period`, `finished`, `movement`, `amount` (signed). Rows of 0 are left out unless a customer came or went.

    Raises
    ------
    ContractError
        Opening and movements are not the closing amount, which the books themselves are asked for.
    """
    policy = policy_of(policy)
    months = phase_months(ds, by=by, policy=policy)
    changes = _changes(ds, months, by=by)
    parts = [_fx(changes, by=by), _staying(changes, by=by), *_coming(ds, changes, by=by, policy=policy)]
    if by is not None:
        parts.append(_transfers(changes, by=by))
    last = _last_month(ds)
    finished = (ibis._.period < ibis.literal(last["period"])) | ibis.literal(bool(last["finished"]))
    rows = reduce(ibis.union, parts).mutate(finished=finished)
    movements = engine_of(ds).stage(rows.select("account_id", *group_columns(by), "period", "finished", "movement", "amount"))
    check_movements(ds, movements, months, by=by)
    return movements


def check_movements(ds: Dataset, movements: ir.Table, months: ir.Table, *, by: By = None) -> None:
    """Raise unless opening + movements = closing for every account, group and month; `months` has the amounts of the phases.

    Raises
    ------
    ContractError
        It is not so; the message names the account and the month, `violations` has the rows.
    """
    keys, zero = ["account_id", *group_columns(by), "period"], ibis.literal(0).cast(MONEY)
    closing = months.select(*keys, opening=zero, moved=zero, closing=months.amount)
    opening = _month_later(ds, months).select(*keys, opening="amount", moved=zero, closing=zero)
    moved = movements.select(*keys, opening=zero, moved="amount", closing=zero)
    all_three = closing.union(opening).union(moved)
    sums = all_three.group_by(*keys).agg(**{name: all_three[name].sum() for name in ("opening", "moved", "closing")})
    broken = engine_of(ds).run(sums.filter(sums.opening + sums.moved != sums.closing).order_by(keys).limit(100))
    if len(broken):
        row = broken.iloc[0]
        raise ContractError(
            f"opening + movements must be the closing amount of every account and month, but account {row['account_id']!r} in {row['period']:%Y-%m} "
            f"opened with {row['opening']}, moved by {row['moved']} and closed with {row['closing']}. This is a fault of the package: please report it.",
            broken,
        )


def _month_later(ds: Dataset, months: ir.Table) -> ir.Table:
    """Return account-months as the openings of the months after them, up to that of `as_of`."""
    return months.filter(months.period < ibis.literal(_last_month(ds)["period"])).mutate(period=months.period + ibis.interval(months=1))


def _last_month(ds: Dataset) -> pd.Series:
    """Return the month in which `as_of` lies: `period`, `finished` and its bounds."""
    return periods(ds, cutoff(ds) - pd.Timedelta(1, "us"), period="month", unfinished=True).iloc[-1]


def _changes(ds: Dataset, months: ir.Table, *, by: By) -> ir.Table:
    """Return the account-months in which anything changes, staged.

    `fx`; `own`, the change besides it; `total`, that of the account over all groups; `part` of it that falls to the group; and whether the account
    is `there` at the month's start and `here` at its end.
    """
    keys, zero = ["account_id", *group_columns(by), "period"], ibis.literal(0).cast(MONEY)
    no, yes = ibis.literal(False), ibis.literal(True)
    closing = months.select(*keys, own=months.amount, fx=zero, there=no, here=yes)
    opening = _month_later(ds, months)
    opening = opening.select(*keys, own=-opening.carried, fx=opening.carried - opening.amount, there=yes, here=no)
    both = closing.union(opening)
    sums = both.group_by(*keys).agg(own=both.own.sum().cast(MONEY), fx=both.fx.sum().cast(MONEY), there=both.there.any(), here=both.here.any())
    changed = (ibis._.own != 0) | (ibis._.fx != 0) | (ibis._.there != ibis._.here)
    if by is None:
        return engine_of(ds).stage(sums.filter(changed).mutate(total=ibis._.own, part=ibis._.own))
    staged = engine_of(ds).stage(sums)
    accounts = staged.group_by("account_id", "period").agg(there=staged.there.any(), here=staged.here.any())
    joined = staged.filter(changed).drop("there", "here").inner_join(accounts, ["account_id", "period"])
    return engine_of(ds).stage(_with_parts(joined, group_columns(by)))


def _with_parts(changes: ir.Table, groups: list[str]) -> ir.Table:
    """Return the changes with `total` and the `part` of it of each group: in proportion, among the groups that changed the account's way."""
    account = {"group_by": ["account_id", "period"]}
    summed = changes.mutate(total=changes.own.sum().over(ibis.window(**account)).cast(MONEY))
    same_way = ((summed.total >= 0) & (summed.own > 0)) | ((summed.total < 0) & (summed.own < 0))
    ways = summed.mutate(way=ibis.ifelse(same_way, summed.own, 0))
    far = ways.mutate(
        whole=ways.way.sum().over(ibis.window(**account)).cast(MONEY),
        reached=ways.way.sum().over(ibis.window(**account, order_by=groups, rows=(None, 0))).cast(MONEY),
    )
    parts = far.mutate(part=_share(far, far.reached) - _share(far, far.reached - far.way))
    return parts.mutate(part=money(ibis.ifelse(parts.total == parts.whole, parts.way, parts.part))).drop("way", "whole", "reached")


def _share(far: ir.Table, reached: ir.DecimalValue) -> ir.DecimalValue:
    """Return the account's total up to a point of the way its groups went, rounded so that the whole way is the whole total."""
    there = reached.cast("float64") / far.whole.nullif(0).cast("float64") * far.total.cast("float64")
    return ibis.ifelse(reached == far.whole, far.total, there.cast(MONEY).fill_null(0))


def _fx(changes: ir.Table, *, by: By) -> ir.Table:
    return _as_movements(changes.filter(changes.fx != 0), by=by, movement=ibis.literal("fx"), amount="fx")


def _transfers(changes: ir.Table, *, by: By) -> ir.Table:
    moved = changes.mutate(left=changes.own - changes.part)
    return _as_movements(moved.filter(moved.left != 0), by=by, movement=ibis.literal(TRANSFER), amount="left")


def _staying(changes: ir.Table, *, by: By) -> ir.Table:
    """Return expansion and contraction of those who stay, and churn."""
    leaves = changes.there & ~changes.here
    kept = changes.filter(leaves | (changes.there & changes.here & (changes.part != 0)))
    movement = ibis.cases((kept.here == ibis.literal(False), "churn"), (kept.part > 0, "expansion"), else_="contraction")
    return _as_movements(kept, by=by, movement=movement, amount="part")


def _coming(ds: Dataset, changes: ir.Table, *, by: By, policy: RevenuePolicy) -> list[ir.Table]:
    """Return new and reactivated accounts; and those that join and leave inside a month, twice, if the policy shows them."""
    engine, columns = engine_of(ds), ["account_id", *group_columns(by), "period", "part"]
    come = changes.filter(~changes.there & changes.here).select(*columns, gone=ibis.literal(False))
    if policy.joined_and_left == "shown" and policy.proration == "month_end":
        come = come.union(_joined_and_left(ds, by=by, policy=policy).select(*columns, gone=ibis.literal(True)))
    staged = engine.stage(come)
    firsts = staged.group_by(first_of="account_id").agg(first=staged.period.min())
    joined = staged.inner_join(firsts, staged.account_id == firsts.first_of)
    known = joined.mutate(again=joined.period > joined.first)
    if policy.reactivation_window is not None:
        known = _not_long_away(ds, known, policy)
    parts = [_as_movements(known, by=by, movement=ibis.ifelse(known.again, "reactivation", "new"), amount="part")]
    left = staged.filter(staged.gone).mutate(part=-staged.part)
    return [*parts, _as_movements(left, by=by, movement=ibis.literal("churn"), amount="part")]


def _not_long_away(ds: Dataset, come: ir.Table, policy: RevenuePolicy) -> ir.Table:
    """Return who comes, with `again` only for an absence within the policy's window before the first spell of the month."""
    spells = customer_spells(ds, policy=policy)
    months = engine_of(ds).lookup(periods_since_first(ds, spells, period="month", unfinished=True)[["period", "starts_at", "ends_at"]])
    before = spells.mutate(gone_at=spells.ended_at.lag().over(ibis.window(group_by="account_id", order_by="spell")))
    begun = before.inner_join(months, [before.started_at >= months.starts_at, before.started_at < months.ends_at])
    first = begun.mutate(place=ibis.row_number().over(ibis.window(group_by=["account_id", "period"], order_by="spell")))
    limit = later(first.gone_at, parse_window(policy.reactivation_window or "1d"))
    away = first.filter((first.place == 0) & (first.started_at > limit)).select(away_id="account_id", away_period="period")
    joined = come.left_join(away, [come.account_id == away.away_id, come.period == away.away_period])
    return joined.mutate(again=joined.again & joined.away_id.isnull())


def _joined_and_left(ds: Dataset, *, by: By, policy: RevenuePolicy) -> ir.Table:
    """Return the accounts that were customers inside a month and at neither end of it, with the amount of the phases that ended last as `part`."""
    phases = effective_phases(ds, by=by, policy=policy)
    calendar = periods_since_first(ds, phases, period="month", unfinished=True)
    months = engine_of(ds).lookup(calendar)
    touching = phases.inner_join(months, [phases.started_at < months.ends_at, phases.end_at.isnull() | (phases.end_at >= months.starts_at)])
    at_an_end = (touching.started_at < touching.starts_at) | touching.end_at.isnull() | (touching.end_at >= touching.ends_at)
    account = ibis.window(group_by=["account_id", "period"])
    flagged = touching.mutate(outside=at_an_end.any().over(account), last_end=touching.end_at.max().over(account))
    last = flagged.filter(~flagged.outside & (flagged.end_at == flagged.last_end))
    keys = ["account_id", *group_columns(by), "period"]
    priced = in_reporting_currency(ds, last.select(*keys, "currency", "amount"), calendar, policy=policy)
    return priced.group_by(*keys).agg(part=priced.amount.sum().cast(MONEY))


def _as_movements(rows: ir.Table, *, by: By, movement: ir.StringValue, amount: str) -> ir.Table:
    """Return rows in the form of `account_movements`."""
    return rows.select("account_id", *group_columns(by), "period", movement=movement, amount=money(rows[amount]))
