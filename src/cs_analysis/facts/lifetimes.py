"""How long accounts are customers and what they pay at which age: the rows that lifetimes and their value are made of."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.dataset import Dataset, cutoff, engine_of
from cs_analysis.data.reading import Moment
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.groups import By, group_columns, with_groups
from cs_analysis.facts.orders import purchase_days
from cs_analysis.facts.periods import periods
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.facts.subscriptions import account_months, customer_spells, customers_by_period

_BY_CHANCE = 1e-6
_MICROSECONDS_A_MONTH = 2_629_800_000_000  # a twelfth of 365.25 days


def first_spells(
    ds: Dataset,
    *,
    by: By = None,
    observed_from: Moment | None = None,
    started_from: Moment | None = None,
    started_until: Moment | None = None,
    policy: RevenuePolicy | str = "default",
) -> pd.DataFrame:
    """Return each account's first stretch as a customer, one row an account.

    Columns: `account_id`, the group columns, `start_at`, `enter_at` (only with `observed_from`: the first day under observation), `end_at`
    (missing: none known) and `ended_by`. With `observed_from`, stretches that had ended by then are left out. `started_from` and `started_until`
    are the first and the last day (in the calendar's zone) on which stretches may have begun.

    Raises
    ------
    NotEnoughDataError
        Nobody was ever a customer, or none began within the days.
    ParameterError
        The tables look like a snapshot of those still there, and `observed_from` is not given.
    """
    spells = customer_spells(ds, by=by, policy=policy)
    first = engine_of(ds).run(spells.filter(spells.spell == 1).drop("spell").order_by("account_id"))
    if first.empty:
        raise NotEnoughDataError(
            f"nobody was a customer by {ds.as_of:%Y-%m-%d}: no account has a paying phase in `subscriptions`. Check `kind` and the policy."
        )
    first = _begun_within(ds, first, started_from=started_from, started_until=started_until)
    if observed_from is None:
        _refuse_snapshot(first, cutoff(ds))
    else:
        since = ds.calendar.period_start(observed_from, "day").tz_localize(None)
        first = first.assign(enter_at=first["started_at"].clip(lower=since))[~(first["ended_at"] <= since)]
    return first.rename(columns={"started_at": "start_at", "ended_at": "end_at", "end_reason": "ended_by"})


def paid_by_age(ds: Dataset, *, policy: RevenuePolicy | str = "default") -> pd.DataFrame:
    """Return what accounts paid a month at each month of age of their first stretch as customers.

    One row an account and month of age (twelfths of 365.25 days since its start) in which an end of a calendar month, or `as_of`, falls:
    `account_id`, `month` (0, 1, ...), `amount` (sum of the amounts a month then) and `seen` (how many there are).
    """
    rows = _month_ends(ds, policy)
    counted = rows.group_by("account_id", "month").agg(amount=rows.closing.sum(), seen=rows.count())
    return engine_of(ds).run(counted.order_by(["account_id", "month"]))


def paid_now(ds: Dataset, *, policy: RevenuePolicy | str = "default") -> pd.DataFrame:
    """Return `account_id` and `amount`: what each account that is still in its first stretch as a customer pays a month at `as_of`."""
    rows = _month_ends(ds, policy)
    last = rows.filter(rows.ends_at == cutoff(ds))
    return engine_of(ds).run(last.select("account_id", amount=last.closing).order_by("account_id"))


def first_purchases(ds: Dataset) -> pd.DataFrame:
    """Return `account_id` and `value` of the first purchase day of each account with one."""
    days = purchase_days(ds)
    first = days.group_by("account_id").agg(value=days.value.first(order_by=days.day).cast("float64"))
    return engine_of(ds).run(first.order_by("account_id"))


def last_month(ds: Dataset, *, by: By = None, policy: RevenuePolicy | str = "default") -> pd.DataFrame:
    """Return for each group what the last finished calendar month says: `customers` at its start, `lost`, `amount` and `paying` at its end."""
    engine, keys = engine_of(ds), [*group_columns(by), "period"]
    over = periods(ds, cutoff(ds) - pd.Timedelta(62, "D"), period="month", unfinished=False)["period"].iloc[-1]
    months = account_months(ds, policy=policy)
    grouped = with_groups(ds, months.filter(months.period == ibis.literal(over)), by, table=None)
    amounts = engine.run(grouped.group_by(*keys).agg(amount=grouped.closing.sum(), paying=grouped.count()).order_by(keys))
    counts = customers_by_period(ds, period="month", by=by, policy=policy)
    return counts.loc[counts["period"] == over, [*keys, "customers", "lost"]].merge(amounts, on=keys, how="left")


def _month_ends(ds: Dataset, policy: RevenuePolicy | str) -> ir.Table:
    """Return, staged, each account's amount at the ends of months in its first stretch, with the `month` of its age."""
    engine = engine_of(ds)
    spells = customer_spells(ds, policy=policy)
    first = spells.filter(spells.spell == 1).select("account_id", "started_at", "ended_at")
    begins = engine.run(first.agg(first=first.started_at.min()).order_by("first"))["first"].iloc[0]
    since = cutoff(ds) - pd.Timedelta(1, "us") if pd.isna(begins) else begins
    ends = engine.lookup(periods(ds, since, period="month", unfinished=True)[["period", "ends_at"]])
    paid = account_months(ds, policy=policy).select("account_id", "period", "closing")
    joined = paid.inner_join(ends, "period").inner_join(first, "account_id")
    inside = joined.filter(joined.ends_at > joined.started_at, joined.ended_at.isnull() | (joined.ended_at >= joined.ends_at))
    age = inside.ends_at.delta(inside.started_at, unit="microsecond")
    return engine.stage(inside.select("account_id", "ends_at", "closing", month=(age // _MICROSECONDS_A_MONTH).cast("int64")))


def _begun_within(ds: Dataset, first: pd.DataFrame, *, started_from: Moment | None, started_until: Moment | None) -> pd.DataFrame:
    """Return the stretches that began from the first of two days to the end of the second."""
    begun = pd.Series(data=True, index=first.index)
    if started_from is not None:
        begun &= first["started_at"] >= ds.calendar.period_start(started_from, "day").tz_localize(None)
    if started_until is not None:
        begun &= first["started_at"] <= ds.calendar.end_of(started_until).tz_convert("UTC").tz_localize(None)
    if not begun.any():
        raise NotEnoughDataError(f"nobody became a customer from {started_from or 'the beginning'} until {started_until or 'the end'}. Widen the days.")
    return first[begun]


def _refuse_snapshot(first: pd.DataFrame, end: pd.Timestamp) -> None:
    """Raise if leavers are on record for the last tenth of the time only, although customers go back much further."""
    ended = first.loc[first["ended_at"] < end, "ended_at"]
    if ended.empty or (end - ended.min()) > 0.1 * (end - first["started_at"].min()):
        return
    until = first["ended_at"].where(first["ended_at"] < end, end)
    late = (until - first["started_at"].clip(lower=ended.min())).clip(lower=pd.Timedelta(0)).sum() / (until - first["started_at"]).sum()
    if late ** len(ended) < _BY_CHANCE:
        begun, since = (f"{day:%Y-%m-%d}" for day in (first["started_at"].min(), ended.min()))
        raise ParameterError(
            f"leavers must be on record for the whole time, or observed_from must say since when: all {len(ended):,} ends lie after {since}, "
            f"while customers go back to {begun}. Pass the first day of the record, such as observed_from='{since[:-2]}01'; "
            f"if nobody left before, pass '{begun}'."
        )
