"""Customers and revenue from subscription phases: spells and account-months."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, cutoff, engine_of, relation
from cs_analysis.facts.groups import By, group_columns, with_groups
from cs_analysis.facts.periods import periods
from cs_analysis.facts.policy import DEFAULT_POLICY, RevenuePolicy

_NEVER = ibis.timestamp("9999-12-31 00:00:00")


def customer_spells(ds: Dataset, *, by: By = None, policy: RevenuePolicy = DEFAULT_POLICY) -> ir.Table:
    """Return the stretches in which an account was a customer without a break, as a staged table.

    Phases of an account that overlap or touch, of whatever subscription, are one spell; one instant without a paying
    phase ends it. Columns: `account_id`, the group columns (of the account), `spell` (1, 2, ...), `started_at`, `ended_at`
    (missing = no end known; after `as_of` = a scheduled end) and `end_reason` of the phase that ended last.
    """
    ordered = {"group_by": "account_id", "order_by": ["started_at", "end_at", "subscription_id"]}
    paid = _paying(ds, policy).mutate(end_at=ibis.coalesce(ibis._.ended_at, _NEVER)).filter(ibis._.end_at > ibis._.started_at)
    reached = paid.mutate(covered_until=paid.end_at.max().over(ibis.window(**ordered, rows=(None, -1))))
    breaks = (reached.covered_until.isnull() | (reached.started_at > reached.covered_until)).cast("int64")
    numbered = reached.mutate(breaks=breaks)
    numbered = numbered.mutate(spell=numbered.breaks.sum().over(ibis.window(**ordered, rows=(None, 0))))
    last = numbered.mutate(last_end=numbered.end_at.max().over(ibis.window(group_by=["account_id", "spell"])))
    spells = last.group_by("account_id", "spell").agg(
        started_at=last.started_at.min(), end_at=last.end_at.max(), end_reason=last.end_reason.min(where=last.end_at == last.last_end)
    )
    known = with_groups(ds, spells, by, table=None)
    return engine_of(ds).stage(known.mutate(ended_at=known.end_at.nullif(_NEVER)).drop("end_at"))


def customers_by_period(ds: Dataset, *, period: Period, by: By = None, policy: RevenuePolicy = DEFAULT_POLICY) -> pd.DataFrame:
    """Return for each finished calendar period with customers: the group columns, `period`, `customers`, `lost`, `joined_and_left`.

    `customers` are those at the period's start, `lost` those of them that are none at its end; accounts that joined inside
    and are none at its end are counted apart.
    """
    engine, keys = engine_of(ds), [*group_columns(by), "period"]
    spells = customer_spells(ds, by=by, policy=policy)
    calendar = engine.lookup(_periods_since_first(ds, spells, period=period, unfinished=False))
    overlap = [spells.started_at < calendar.ends_at, spells.ended_at.isnull() | (spells.ended_at >= calendar.starts_at)]
    touching = spells.inner_join(calendar, overlap)
    flagged = touching.mutate(at_start=touching.started_at < touching.starts_at, at_end=touching.ended_at.isnull() | (touching.ended_at >= touching.ends_at))
    accounts = flagged.group_by(*keys, "account_id").agg(at_start=flagged.at_start.any(), at_end=flagged.at_end.any())
    counts = accounts.group_by(*keys).agg(
        customers=accounts.at_start.sum(),
        lost=(accounts.at_start & ~accounts.at_end).sum(),
        joined_and_left=(~accounts.at_start & ~accounts.at_end).sum(),
    )
    return engine.run(counts.order_by(keys))


def phase_months(ds: Dataset, *, by: By = None, policy: RevenuePolicy = DEFAULT_POLICY) -> ir.Table:
    """Return the amount of each paying phase at the end of each month, in the reporting currency, as a staged table.

    A phase counts at a month's end if it started before and had not ended before it; the unfinished month ends at `as_of`.
    Columns: `account_id`, the group columns (of the phase, else of the account), `period`, `finished` and `amount`.
    """
    # Narrowed before the months come in: a company's own column may be called `period`.
    paid = with_groups(ds, _paying(ds, policy), by, table="subscriptions")
    paid = paid.select("account_id", "started_at", "ended_at", "mrr", "discount", "currency", *group_columns(by))
    months = engine_of(ds).lookup(_periods_since_first(ds, paid, period="month", unfinished=True))
    open_at_end = [paid.started_at < months.ends_at, paid.ended_at.isnull() | (paid.ended_at >= months.ends_at)]
    joined = paid.inner_join(months.select("period", "ends_at", "finished"), open_at_end)
    amount = joined.mrr - joined.discount.fill_null(0) if policy.net_of_discount else joined.mrr
    priced = _converted(ds, joined.mutate(amount=amount))
    return engine_of(ds).stage(priced.select("account_id", *group_columns(by), "period", "finished", amount=priced.amount.cast("decimal(18, 4)")))


def account_months(ds: Dataset, *, by: By = None, policy: RevenuePolicy = DEFAULT_POLICY) -> ir.Table:
    """Return one row an account and month with a paying phase at its end: keys, `period`, `finished`, `closing` amount."""
    phases = phase_months(ds, by=by, policy=policy)
    return phases.group_by("account_id", *group_columns(by), "period", "finished").agg(closing=phases.amount.sum())


def _periods_since_first(ds: Dataset, rows: ir.Table, *, period: Period, unfinished: bool) -> pd.DataFrame:
    """Return the periods from the earliest `started_at` of `rows` up to `as_of`; none if there are no rows."""
    first = engine_of(ds).run(rows.agg(first=rows.started_at.min()).order_by("first"))["first"].iloc[0]
    nobody = pd.isna(first)
    table = periods(ds, cutoff(ds) - pd.Timedelta(1, "us") if nobody else first, period=period, unfinished=unfinished)
    return table.iloc[:0] if nobody else table


def _paying(ds: Dataset, policy: RevenuePolicy) -> ir.Table:
    phases = relation(ds, "subscriptions")
    return phases.filter(phases.kind.fill_null("paid").isin(policy.paying_kinds))


def _converted(ds: Dataset, rows: ir.Table) -> ir.Table:
    """Return the rows with `amount` in the reporting currency, at the rate of the row's month."""
    if "rates" not in ds.tables:
        return rows
    rates = relation(ds, "rates").select(rate_month="month", rate_currency="currency", rate="rate")
    rated = rows.left_join(rates, [rows.currency == rates.rate_currency, rows.period.cast("date") == rates.rate_month])
    converted = (rated.amount.cast("float64") * rated.rate).round(4)
    return rated.mutate(amount=ibis.ifelse(rated.currency == ds.currency, rated.amount.cast("float64"), converted))
