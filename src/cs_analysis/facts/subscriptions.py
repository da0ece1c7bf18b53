"""Customers and revenue from subscription phases: spells and account-months."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, cutoff, engine_of, relation
from cs_analysis.facts.groups import By, group_columns, with_groups
from cs_analysis.facts.kept import kept
from cs_analysis.facts.periods import periods
from cs_analysis.facts.phases import MONEY, NEVER, effective_phases, with_breaks
from cs_analysis.facts.policy import RevenuePolicy, policy_of

_RATE = "decimal(20, 12)"


@kept
def customer_spells(ds: Dataset, *, by: By = None, policy: RevenuePolicy | str = "default") -> ir.Table:
    """Return the stretches in which an account was a customer without a break, as a staged table.

    Phases of an account that overlap or touch, of whatever subscription, are one spell; one instant without a phase that counts
    ends it. Columns: `account_id`, the group columns (of the account), `spell` (1, 2, ...), `started_at`, `ended_at`
    (missing = no end known; after `as_of` = a scheduled end) and `end_reason` of the phase that ended last.
    """
    flagged = with_breaks(effective_phases(ds, policy=policy))
    so_far = ibis.window(group_by="account_id", order_by=["started_at", "until", "subscription_id"], rows=(None, 0))
    numbered = flagged.mutate(spell=flagged.breaks.sum().over(so_far))
    last = numbered.mutate(last_end=numbered.until.max().over(ibis.window(group_by=["account_id", "spell"])))
    spells = last.group_by("account_id", "spell").agg(
        started_at=last.started_at.min(), until=last.until.max(), end_reason=last.end_reason.min(where=last.until == last.last_end)
    )
    known = with_groups(ds, spells, by, table=None)
    return engine_of(ds).stage(known.mutate(ended_at=known.until.nullif(NEVER)).drop("until"))


def customers_by_period(ds: Dataset, *, period: Period, by: By = None, policy: RevenuePolicy | str = "default") -> pd.DataFrame:
    """Return for each finished calendar period with customers: the group columns, `period`, `customers`, `lost`, `joined_and_left`.

    `customers` are those at the period's start, `lost` those of them that are none at its end; accounts that joined inside
    and are none at its end are counted apart.
    """
    engine, keys = engine_of(ds), [*group_columns(by), "period"]
    spells = customer_spells(ds, by=by, policy=policy)
    calendar = engine.lookup(periods_since_first(ds, spells, period=period, unfinished=False))
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


@kept
def phase_months(ds: Dataset, *, by: By = None, policy: RevenuePolicy | str = "default") -> ir.Table:
    """Return the amount of each phase that counts in each month, in the reporting currency, as a staged table.

    A phase counts in a month if it started before the month's end and had not ended before it (with proration: if it covers any of the
    month); the unfinished month ends at `as_of`. Amounts are rounded here and nowhere else, to four decimals, phase by phase: once for the share
    of the month, once for the exchange rate. Every sum of them is exact.

    Columns: `account_id`, the group columns (of the phase, else of the account), `period`, `finished`, `amount`, and `carried`: the same
    amount at the exchange rate of the month after.
    """
    policy = policy_of(policy)
    phases = effective_phases(ds, by=by, policy=policy)
    calendar = periods_since_first(ds, phases, period="month", unfinished=True)
    months = engine_of(ds).lookup(calendar)
    keys = ["account_id", *group_columns(by), "period", "finished"]
    joined = phases.inner_join(months, _in_month(phases, months, policy))
    amount = joined.amount if policy.proration == "month_end" else _covered(joined)
    rows = joined.select(*keys, "currency", amount=amount)
    return engine_of(ds).stage(in_reporting_currency(ds, rows, calendar, policy=policy).drop("currency"))


def account_months(ds: Dataset, *, by: By = None, policy: RevenuePolicy | str = "default") -> ir.Table:
    """Return one row an account and month with a phase that counts: keys, `period`, `finished`, `closing` amount."""
    phases = phase_months(ds, by=by, policy=policy)
    return phases.group_by("account_id", *group_columns(by), "period", "finished").agg(closing=phases.amount.sum())


def in_reporting_currency(ds: Dataset, rows: ir.Table, calendar: pd.DataFrame, *, policy: RevenuePolicy) -> ir.Table:
    """Return the rows with `amount` converted at the rate of their `period`, and `carried`, converted at that of the month after."""
    if "rates" not in ds.tables:
        return rows.mutate(carried=rows.amount)
    rates = engine_of(ds).lookup(rates_by_month(ds, calendar, policy))
    rated = rows.inner_join(rates, [rows.currency == rates.rate_currency, rows.period == rates.rate_period])
    converted = {name: _priced(rated.amount, rated[rate]) for name, rate in (("amount", "rate"), ("carried", "next_rate"))}
    return rated.select(*(name for name in rows.columns if name != "amount"), **converted)


def periods_since_first(ds: Dataset, rows: ir.Table, *, period: Period, unfinished: bool) -> pd.DataFrame:
    """Return the periods from the earliest `started_at` of `rows` up to `as_of`; none if there are no rows."""
    first = engine_of(ds).run(rows.agg(first=rows.started_at.min()).order_by("first"))["first"].iloc[0]
    nobody = pd.isna(first)
    table = periods(ds, cutoff(ds) - pd.Timedelta(1, "us") if nobody else first, period=period, unfinished=unfinished)
    return table.iloc[:0] if nobody else table


def _in_month(phases: ir.Table, months: ir.Table, policy: RevenuePolicy) -> list[ir.BooleanValue]:
    """Return the condition on which a phase counts in a month."""
    lasts = phases.end_at >= months.ends_at if policy.proration == "month_end" else phases.end_at > months.starts_at
    return [phases.started_at < months.ends_at, phases.end_at.isnull() | lasts]


def _covered(joined: ir.Table) -> ir.DecimalValue:
    """Return the amount times the share of the month that the phase covers."""
    end = ibis.least(joined.end_at.fill_null(NEVER), joined.ends_at)
    inside = end.delta(ibis.greatest(joined.started_at, joined.starts_at), unit="microsecond")
    length = joined.ends_at.delta(joined.starts_at, unit="microsecond")
    share = inside.cast("float64") / length.cast("float64")
    return ibis.ifelse(inside == length, joined.amount, (joined.amount.cast("float64") * share).cast(MONEY))


def _priced(amount: ir.DecimalValue, rate: ir.FloatingValue) -> ir.DecimalValue:
    """Return an amount at a rate; most are in the reporting currency, where exact multiplication would only cost time."""
    return ibis.ifelse(rate == 1, amount, (amount * rate.cast(_RATE)).cast(MONEY))


def rates_by_month(ds: Dataset, calendar: pd.DataFrame, policy: RevenuePolicy) -> pd.DataFrame:
    """Return `rate_period`, `rate_currency`, `rate` and `next_rate`, that of the month after; a month without a rate has the latest one before it."""
    known = engine_of(ds).run(relation(ds, "rates").select("month", "currency", "rate").order_by(["month", "currency"]))
    wide = known.assign(month=pd.to_datetime(known["month"])).pivot_table(index="month", columns="currency", values="rate").ffill()
    months = pd.DatetimeIndex(calendar["period"], name="rate_period")
    rates = wide.reindex(wide.index.union(months)).ffill().reindex(months)
    if policy.fx == "constant":
        rates = rates.assign(**{code: latest.iloc[-1] for code, latest in wide.items() if len(latest)})
    rates[ds.currency] = 1.0
    tidy = rates.melt(ignore_index=False, var_name="rate_currency", value_name="rate")
    following = rates.shift(-1).fillna(rates).melt(ignore_index=False)
    return tidy.assign(next_rate=following["value"]).dropna().reset_index()
