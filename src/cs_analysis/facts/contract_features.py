"""What the contracts of accounts were at each of several dates."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.facts.feature_dates import KEYS, FeatureDates, joined_to
from cs_analysis.facts.phases import effective_phases
from cs_analysis.facts.policy import DEFAULT_POLICY, RevenuePolicy
from cs_analysis.facts.subscriptions import customer_spells, rates_by_month

_RATE = "decimal(20, 12)"


def customers_at(ds: Dataset, dates: FeatureDates, *, policy: RevenuePolicy | str = "default") -> ir.Table:
    """Return one row an account that is a customer at the end of a date, staged: account, the columns of the dates, `account_start`, `customer_since`.

    Under the default policy, who was a customer does not depend on what was recorded later: an end after the date was not known then, but it does not
    end anything by then either.
    """
    spells = customer_spells(ds, policy=policy)
    moments = engine_of(ds).lookup(dates.frame)
    lasting = spells.inner_join(moments, [spells.started_at < moments.ends_at, spells.ended_at.isnull() | (spells.ended_at >= moments.ends_at)])
    columns = [name for name in moments.columns if name != "number"]
    found = lasting.select(*KEYS, *columns, customer_since="started_at")
    starts = relation(ds, "accounts").select(owner="account_id", account_start="started_at")
    known = found.inner_join(starts, [found.account_id == starts.owner, starts.account_start < found.ends_at])
    return engine_of(ds).stage(known.drop("owner"))


def contract_features(ds: Dataset, dates: FeatureDates, rows: ir.Table) -> ir.Table:
    """Return the contract of each row (an account at a date), staged.

    Amounts of both ends of a change are at the exchange rate of the date's month, so that rates alone change nothing; an amount without a rate is missing.
    """
    engine = engine_of(ds)
    phases = engine.stage(_with_terms(ds))
    rates = engine.lookup(_rates(ds, dates))
    now = _open_at(phases, rows, "ends_at")
    earlier = _open_at(phases, rows, "since_90")
    before = _amounts(earlier, rates).rename(before="mrr")
    joined = joined_to(rows, _amounts(now, rates), before, _terms(now))
    change = joined.mrr - joined.before
    features = joined.select(
        *KEYS,
        "seats",
        "yearly",
        "past_due",
        "days_to_renewal",
        "mrr",
        tenure_days=_days(joined.customer_since, joined.ends_at),
        mrr_change_90=ibis.ifelse(change == 0, 0.0, change / ibis.greatest(joined.mrr, joined.before).nullif(0)),
    )
    return engine.stage(features)


def _with_terms(ds: Dataset) -> ir.Table:
    """Return the phases that count with the terms that were agreed for them."""
    counted = effective_phases(ds)
    terms = relation(ds, "subscriptions").select("seats", "interval", "kind", "renewal_at", key_id="subscription_id", key_at="started_at")
    return counted.inner_join(terms, [counted.subscription_id == terms.key_id, counted.started_at == terms.key_at]).drop("key_id", "key_at")


def _open_at(phases: ir.Table, rows: ir.Table, moment: str) -> ir.Table:
    """Return the phases that were open at an instant of each row, with the row's columns."""
    theirs = phases.rename(owner="account_id")
    at = rows[moment]
    return rows.inner_join(theirs, [rows.account_id == theirs.owner, theirs.started_at < at, theirs.end_at.isnull() | (theirs.end_at >= at)])


def _amounts(opened: ir.Table, rates: ir.Table) -> ir.Table:
    """Return the sum of the phases' amounts in the reporting currency, exact until it becomes a float; missing where one has no rate."""
    rated = opened.left_join(rates, [opened.number == rates.rate_number, opened.currency == rates.rate_currency])
    priced = ibis.ifelse(rated.rate == 1, rated.amount, (rated.amount * rated.rate.cast(_RATE)).cast("decimal(18, 4)"))
    valued = rated.select(*KEYS, priced=priced)
    sums = valued.group_by(*KEYS).agg(total=valued.priced.sum(), all_known=valued.priced.count() == valued.count())
    return sums.select(*KEYS, mrr=ibis.ifelse(sums.all_known, sums.total.cast("float64"), None))


def _terms(opened: ir.Table) -> ir.Table:
    """Return the seats, the intervals, the payment and the next planned renewal of the open phases."""
    planned = opened.mutate(next_renewal=_next_renewal(opened))
    sums = planned.group_by(*KEYS, "ends_at").agg(
        seats=planned.seats.sum().cast("int64"),
        yearly=(planned.interval == "year").cast("int64").max(),
        past_due=(planned.kind.fill_null("paid") == "past_due").cast("int64").max(),
        next_renewal=planned.next_renewal.min(),
    )
    return sums.select(*KEYS, "seats", "yearly", "past_due", days_to_renewal=_days(sums.ends_at, sums.next_renewal))


def _next_renewal(opened: ir.Table) -> ir.TimestampValue:
    """Return the planned renewal if it lies ahead; of a phase renewed by the year its next anniversary, whichever of them is on record.

    A source that overwrites the plan at each renewal would otherwise tell at an earlier date that the customer was going to stay.
    """
    plan, end = opened.renewal_at, opened.ends_at
    same_year = plan + ((end.year() - plan.year()) * 12).cast("int64").as_interval("M")
    year_after = plan + ((end.year() - plan.year() + 1) * 12).cast("int64").as_interval("M")
    anniversary = ibis.ifelse(same_year >= end, same_year, year_after)
    return ibis.ifelse((opened.interval == "year").fill_null(False), anniversary, ibis.ifelse(plan >= end, plan, None))


def _days(start: ir.TimestampValue, end: ir.TimestampValue) -> ir.FloatingValue:
    """Return the days of 24 hours between two instants."""
    return end.delta(start, unit="microsecond").cast("float64") / 86_400_000_000


def _rates(ds: Dataset, dates: FeatureDates) -> pd.DataFrame:
    """Return `rate_number`, `rate_currency` and `rate`: that of the date's month, or the latest before it."""
    month = dates.frame["at"].dt.to_period("M").dt.to_timestamp()
    if "rates" not in ds.tables:
        return pd.DataFrame({"rate_number": dates.frame["number"], "rate_currency": str(ds.currency), "rate": 1.0})
    known = rates_by_month(ds, pd.DataFrame({"period": month.unique()}), DEFAULT_POLICY)
    numbered = pd.DataFrame({"rate_number": dates.frame["number"], "rate_period": month.astype("datetime64[us]")})
    return numbered.merge(known.astype({"rate_period": "datetime64[us]"}), on="rate_period")[["rate_number", "rate_currency", "rate"]]
