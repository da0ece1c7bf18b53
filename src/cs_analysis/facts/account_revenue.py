"""What accounts paid, lost and gained from month to month, counted in the database: rows that intervals by account need.

Accounts that are alike in every column of a table are one row of it, with their number in `accounts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import By, by_columns, group_columns
from cs_analysis.facts.periods import periods
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.facts.revenue import account_movements
from cs_analysis.facts.subscriptions import account_months
from cs_analysis.facts.uses import named_events, unit_days
from cs_analysis.windows import parse_window

Left = int | str
_MONEY = "decimal(18, 4)"


def retained_revenue(ds: Dataset, *, months: int, by: By, policy: RevenuePolicy, left_out: Sequence[Left] = ()) -> pd.DataFrame:
    """Return what accounts that paid at the end of the month so many months before paid then (`start`) and pay at the end of the month (`now`).

    An account that paid in several groups then is in each of them, and what it pays now is divided among them as its money was then: the groups
    add up to the whole, and a change of plan is no loss. `kept` is `now`, at most `start` and at least 0. The column `out_0` says whether an
    account is one of those that the first entry of `left_out` leaves out, and so on: a number of accounts of the group and month with the
    largest `start`, or a share of them such as "1%".
    """
    keys, engine = [*group_columns(by), "period"], engine_of(ds)
    paid = _paid(ds, by=by, policy=policy)
    total = paid.group_by("account_id", "period").agg(total=paid.closing.sum())
    now = total.select(now_id="account_id", now_period="period", now="total")
    then = paid.inner_join(total, ["account_id", "period"]).mutate(period=ibis._.period + ibis.interval(months=months))
    then = then.filter(then.period <= ibis.literal(_last_month(ds)))
    joined = then.left_join(now, [then.account_id == now.now_id, then.period == now.now_period])
    part = joined.closing.cast("float64") / joined.total.cast("float64")
    amounts = {"start": joined.closing.cast("float64"), "now": ibis.coalesce(joined.now.cast("float64"), 0.0) * part}
    rows = joined.select("account_id", *keys, **amounts)
    flags = _left_out(rows, keys, left_out)
    marked = rows.mutate(**flags)
    table = _alike(engine.stage(marked) if flags else marked, ds, [*keys, *flags, "start", "now"])
    return table.assign(kept=np.clip(table["now"], 0, table["start"]))


def moved_revenue(ds: Dataset, *, months: int, by: By, policy: RevenuePolicy, movements: Sequence[str]) -> pd.DataFrame:
    """Return what accounts paid so many months before (`start`) and the sum of their movements of some kinds in the months since (`moved`)."""
    keys = [*group_columns(by), "period"]
    last = ibis.literal(_last_month(ds))
    paid = _paid(ds, by=by, policy=policy)
    starts = paid.select("account_id", *keys, start=paid.closing.cast(_MONEY), moved=ibis.literal(0).cast(_MONEY))
    starts = starts.mutate(period=starts.period + ibis.interval(months=months))
    moves = account_movements(ds, by=by, policy=policy)
    moves = moves.filter(moves.movement.isin(list(movements))).select("account_id", *keys, start=ibis.literal(0).cast(_MONEY), moved=moves.amount.cast(_MONEY))
    lasting = [moves.mutate(period=moves.period + ibis.interval(months=later)) for later in range(months)]
    both = reduce(ibis.union, lasting, starts).filter(ibis._.period <= last)
    rows = both.group_by("account_id", *keys).agg(start=both.start.sum().cast("float64"), moved=both.moved.sum().cast("float64"))
    table = _alike(rows, ds, [*keys, "start", "moved"])
    return table[table.groupby(keys, dropna=False)["start"].transform("sum") > 0]


def lost_revenue(ds: Dataset, *, by: By, policy: RevenuePolicy) -> pd.DataFrame:
    """Return for each finished month what accounts paid at its start, at the month's own rates (`opening`), and how much of it they lost in it.

    `lost` is `churned` + `contracted`. Accounts that pay nothing at the start are not in it, even if they join and leave in the month.
    """
    keys = [*group_columns(by), "period"]
    paid, moves = _paid(ds, by=by, policy=policy), account_movements(ds, by=by, policy=policy)
    amount = {name: ibis.literal(0).cast(_MONEY) for name in ("opening", "churned", "contracted")}
    openings = paid.select("account_id", *keys, **{**amount, "opening": paid.closing.cast(_MONEY)})
    openings = openings.mutate(period=openings.period + ibis.interval(months=1))
    parts = [openings.filter(openings.period <= ibis.literal(_last_month(ds)))]
    for movement, name, sign in (("fx", "opening", 1), ("churn", "churned", -1), ("contraction", "contracted", -1)):
        some = moves.filter(moves.movement == movement)
        parts.append(some.select("account_id", *keys, **{**amount, name: (some.amount * sign).cast(_MONEY)}))
    both = reduce(ibis.union, parts)
    rows = both.group_by("account_id", *keys).agg(**{name: both[name].sum().cast("float64") for name in amount})
    over = _finished(ds, rows.filter(rows.opening > 0))
    table = _alike(over, ds, [*keys, *amount])
    return table.assign(lost=table["churned"] + table["contracted"])


def gained_and_lost(ds: Dataset, *, by: By, policy: RevenuePolicy, gains: Sequence[str]) -> pd.DataFrame:
    """Return for each finished month with a paying account before it or in it what accounts `gained`, in movements of some kinds, and `lost`."""
    keys = [*group_columns(by), "period"]
    moves = account_movements(ds, by=by, policy=policy)
    nothing = ibis.literal(0).cast(_MONEY)
    gained = ibis.ifelse(moves.movement.isin(list(gains)), moves.amount.cast(_MONEY), nothing)
    lost = ibis.ifelse(moves.movement.isin(["churn", "contraction"]), -moves.amount.cast(_MONEY), nothing)
    split = moves.select("account_id", *keys, gained=gained, lost=lost)
    rows = split.group_by("account_id", *keys).agg(gained=split.gained.sum().cast("float64"), lost=split.lost.sum().cast("float64"))
    return _alike(_finished(ds, rows), ds, [*keys, "gained", "lost"])


def paid_amounts(ds: Dataset, *, by: By, policy: RevenuePolicy) -> pd.DataFrame:
    """Return what accounts paid at the end of each month: `closing`."""
    paid = _paid(ds, by=by, policy=policy)
    return _alike(paid.mutate(closing=paid.closing.cast("float64")), ds, [*group_columns(by), "period", "closing"])


def paid_by_users(ds: Dataset, *, by: By, policy: RevenuePolicy, active: bool) -> pd.DataFrame:
    """Return what accounts paid at the end of each month, `closing`, and how many `users` they had: all that were made, or those active in the month."""
    keys = [*group_columns(by), "period"]
    paid = _paid(ds, by=by, policy=policy)
    users = _active_users(ds) if active else _known_users(ds, paid)
    joined = paid.left_join(users, [paid.account_id == users.owner, paid.period == users.month])
    rows = joined.select(*keys, closing=joined.closing.cast("float64"), users=joined.users.fill_null(0).cast("int64"))
    return _alike(rows, ds, [*keys, "closing", "users"])


def changes_of_stayers(ds: Dataset, *, by: By, segments: By, policy: RevenuePolicy) -> pd.DataFrame:
    """Return for each month the sums over accounts of which changes of their mean are made, exactly.

    `accounts_before, paid_before` of the month before; `accounts_after, paid_after`; `stayers` that paid in both, what they `stayers_before` paid;
    of their change, what is theirs `within` segments they pay in both months, what is `between`, by segments entered and left, and of these
    two what exchange rates made (`fx_within`, `fx_between`).
    """
    keys = [*group_columns(by), "period"]
    fine = [*by_columns(by), *(name for name in by_columns(segments) if name not in by_columns(by))]
    sides = _sides(ds, by=fine, policy=policy)
    both = sides.group_by("account_id", *group_columns(fine), "period").agg(**{name: sides[name].sum() for name in ("before", "after", "fx")})
    stays, change = (both.before > 0) & (both.after > 0), both.after - both.before
    parts = {"within": change, "between": change, "fx_within": both.fx, "fx_between": both.fx}
    split = both.mutate(**{name: ibis.ifelse(stays == name.endswith("within"), value, 0) for name, value in parts.items()})
    accounts = split.group_by("account_id", *keys).agg(**{name: split[name].sum() for name in ("before", "after", *parts)})
    there, here = accounts.before > 0, accounts.after > 0
    sums = accounts.group_by(*keys).agg(
        accounts_before=there.sum().cast("int64"),
        accounts_after=here.sum().cast("int64"),
        stayers=(there & here).sum().cast("int64"),
        paid_before=accounts.before.sum().cast("float64"),
        paid_after=accounts.after.sum().cast("float64"),
        stayers_before=accounts.before.sum(where=there & here).fill_null(0).cast("float64"),
        **{name: accounts[name].sum(where=there & here).fill_null(0).cast("float64") for name in parts},
    )
    return engine_of(ds).run(sums.filter((sums.accounts_before > 0) & (sums.accounts_after > 0)).order_by(keys))


def whole_months(window: str) -> int:
    """Return a window as its number of calendar months.

    Raises
    ------
    ParameterError
        It is none, or of another unit.
    """
    parsed = parse_window(window)
    if parsed.microseconds:
        raise ParameterError(f"window must be of whole calendar months, such as '12mo', not {window!r}: books are looked at where months end.")
    return parsed.months


def last_finished_month(ds: Dataset) -> pd.Timestamp:
    """Return the first day of the last month that is over at `as_of`."""
    end = (ds.as_of + pd.Timedelta(1, "us")).tz_convert(ds.calendar.zone).tz_localize(None)
    return pd.Timestamp(end.to_period("M").start_time) - pd.offsets.MonthBegin(1)


def _paid(ds: Dataset, *, by: By, policy: RevenuePolicy) -> ir.Table:
    """Return the account-months with an amount above 0, staged."""
    months = account_months(ds, by=by, policy=policy)
    paying = months.filter(months.closing > 0)
    return engine_of(ds).stage(paying.select("account_id", *group_columns(by), "period", "closing"))


def _sides(ds: Dataset, *, by: By, policy: RevenuePolicy) -> ir.Table:
    """Return amounts of the month before (`before`), of the month (`after`) and moved by exchange rates (`fx`), to be added up."""
    keys = ["account_id", *group_columns(by), "period"]
    paid, nothing = _paid(ds, by=by, policy=policy), ibis.literal(0).cast(_MONEY)
    amount = paid.closing.cast(_MONEY)
    earlier = paid.select(*keys, before=amount, after=nothing, fx=nothing).mutate(period=ibis._.period + ibis.interval(months=1))
    earlier = earlier.filter(earlier.period <= ibis.literal(_last_month(ds)))
    sides = earlier.union(paid.select(*keys, before=nothing, after=amount, fx=nothing))
    if "rates" not in ds.tables:
        return sides
    moves = account_movements(ds, by=by, policy=policy)
    rates = moves.filter(moves.movement == "fx")
    return sides.union(rates.select(*keys, before=nothing, after=nothing, fx=rates.amount.cast(_MONEY)))


def _left_out(rows: ir.Table, keys: list[str], left_out: Sequence[Left]) -> dict[str, ir.Value]:
    """Return for each entry of `left_out` whether the row's account is one of the largest in its group and month."""
    order = ibis.window(group_by=keys, order_by=[ibis.desc("start"), "account_id"])
    rank, all_of_them = ibis.row_number().over(order), rows.count().over(ibis.window(group_by=keys))
    numbers = [(all_of_them * float(entry.removesuffix("%")) / 100).ceil() if isinstance(entry, str) else entry for entry in left_out]
    return {f"out_{place}": rank < number for place, number in enumerate(numbers)}


def _alike(rows: ir.Table, ds: Dataset, columns: list[str]) -> pd.DataFrame:
    """Return the rows with how many accounts are alike in all columns."""
    counted = rows.group_by(*columns).agg(accounts=rows.count())
    return engine_of(ds).run(counted.order_by(columns))


def _finished(ds: Dataset, rows: ir.Table) -> ir.Table:
    return rows.filter(rows.period <= ibis.literal(last_finished_month(ds)))


def _last_month(ds: Dataset) -> pd.Timestamp:
    """Return the first day of the month in which `as_of` lies."""
    return pd.Timestamp(ds.as_of.tz_convert(ds.calendar.zone).tz_localize(None).to_period("M").start_time)


def _known_users(ds: Dataset, paid: ir.Table) -> ir.Table:
    """Return for each account and month (`owner`, `month`) the `users` made before the month's end."""
    first = engine_of(ds).run(paid.agg(first=paid.period.min()).order_by("first"))["first"].iloc[0]
    begin = _last_month(ds) if pd.isna(first) else first
    months = engine_of(ds).lookup(periods(ds, begin.tz_localize(ds.calendar.zone).tz_convert("UTC").tz_localize(None), period="month", unfinished=True))
    people = relation(ds, "users").select("account_id", "created_at")
    joined = people.inner_join(months.select("period", "ends_at"), people.created_at < months.ends_at)
    return joined.group_by(owner=joined.account_id, month=joined.period).agg(users=joined.count())


def _active_users(ds: Dataset) -> ir.Table:
    """Return for each account and month (`owner`, `month`) the `users` with an event in it."""
    days = unit_days(ds, named_events(ds, None), unit="user_id")
    months = days.select(owner="account_id", unit="unit", month=days.day.truncate("M").cast("timestamp(6)")).distinct()
    return months.group_by("owner", "month").agg(users=months.count())
