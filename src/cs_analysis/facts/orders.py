"""Purchases from orders: purchase days, what they were worth after refunds, and one row an account for the models of buying."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

from cs_analysis.data.calendar import Calendar
from cs_analysis.data.dataset import Dataset, cutoff, engine_of, relation
from cs_analysis.data.local_days import Moment
from cs_analysis.data.reading import read_dataset
from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.facts.groups import By, by_columns, group_columns, with_groups
from cs_analysis.facts.uses import offset_changes

NO_CURRENCY = "XXX"  # ISO 4217 for "no currency": amounts of a bare table that does not name one
_NEEDED = ("account_id", "ordered_at", "amount")


def orders_dataset(source: Dataset | Any, *, as_of: Moment | None = None, timezone: str | None = None, by: By = None) -> Dataset:
    """Return a dataset with orders: the one given, seen from `as_of`, or one made of a bare table of orders.

    A bare table goes through the same door as every other. `order_id` and `currency` may be absent from it; `as_of` is by default the
    day of its last order. Columns of `by` must say the same in every order of an account.

    Raises
    ------
    MissingColumnsError, ParameterError, NotEnoughDataError
        A column is missing; `source` is no table; `timezone` is given for a dataset, which has one; a bare table without orders and without `as_of`.
    """
    if isinstance(source, Dataset):
        if timezone is not None:
            raise ParameterError("timezone belongs to a bare table of orders; a Dataset has a calendar with one. Leave it out, or give it to read_dataset.")
        return source if as_of is None else source.at(as_of)
    table = _completed(source)
    tables = {"accounts": _accounts_of(table, by), "orders": table}
    return read_dataset(tables, as_of=_last_day(table, timezone) if as_of is None else as_of, timezone=timezone)


def purchase_days(ds: Dataset, *, since: pd.Timestamp | None = None) -> ir.Table:
    """Return one row an account and local day with a purchase, as a staged table: `account_id`, `day`, `value`.

    Orders of one day are one purchase. `value` is what was kept of them, in the reporting currency: a refund (a negative amount) is taken
    off the latest purchases on or before its day, and what exceeds one off the one before it. A day refunded in full is no purchase day;
    a refund with nothing before it is left out. With `since` (UTC, without zone), only orders from then on are seen.
    """
    orders = relation(ds, "orders", "amount")
    seen = orders if since is None else orders.filter(orders.ordered_at >= ibis.timestamp(since.isoformat(sep=" ")))
    dated = seen.select("account_id", "currency", "amount", day=_local_day(ds, seen.ordered_at))
    priced = _converted(ds, dated)
    refunds = priced.amount < 0
    days = priced.group_by("account_id", "day").agg(
        bought=priced.amount.sum(where=~refunds), refunded=-priced.amount.sum(where=refunds), purchases=(~refunds).sum()
    )
    engine = engine_of(ds)
    staged = engine.stage(days)
    any_refund = engine.run(staged.agg(found=staged.refunded.notnull().any()).order_by("found"))["found"].iloc[0]
    if pd.isna(any_refund) or not any_refund:
        return staged.select("account_id", "day", value=staged.bought)
    return engine.stage(_kept(staged))


def rfm(ds: Dataset, *, by: By = None) -> pd.DataFrame:
    """Return one row an account with a purchase, in its order: `account_id`, the group columns, `frequency`, `recency_days`, `age_days`, `mean_value`.

    Days are differences of dates: `age_days` runs from the first purchase day to the day of `as_of`, so that it is 0 for who first bought on that day.
    """
    days = purchase_days(ds)
    first, last = days.day.min(), days.day.max()
    today = ibis.date(str(ds.as_of.date()))
    accounts = days.group_by("account_id").agg(
        frequency=days.count() - 1,
        recency_days=last.delta(first, unit="day"),
        age_days=ibis.literal(today).delta(first, unit="day"),
        later_value=(days.value.sum() - days.value.argmin(days.day)).cast("float64"),
    )
    known = with_groups(ds, accounts, by, table=None)
    mean = known.later_value / known.frequency.nullif(0)
    shown = known.select("account_id", *group_columns(by), "frequency", "recency_days", "age_days", mean_value=mean)
    return engine_of(ds).run(shown.order_by("account_id")).astype({"frequency": "int64", "recency_days": "int64", "age_days": "int64"})


def _kept(days: ir.Table) -> ir.Table:
    """Return the purchase days with what was kept of them.

    From the last day back, what is refunded minus what was bought adds up to a walk; whenever it reaches a new low, the step down is what was kept
    of that day: everything above the low so far went to refunds of later days.
    """
    change = days.refunded.fill_null(0) - days.bought.fill_null(0)
    back = {"group_by": "account_id", "order_by": ibis.desc("day")}
    walked = days.mutate(walk=change.sum().over(ibis.window(**back, rows=(None, 0))))
    lowest = walked.walk.min().over(ibis.window(**back, rows=(None, -1)))
    before = ibis.least(ibis.coalesce(lowest, 0), 0)
    kept = walked.mutate(value=ibis.greatest(before - walked.walk, 0))
    bought = kept.filter((kept.purchases > 0) & ((kept.bought == 0) | (kept.value > 0)))
    return bought.select("account_id", "day", "value")


def _local_day(ds: Dataset, instants: ir.TimestampColumn) -> ir.DateColumn:
    """Return the local date of orders: the zone's offset changes are written out, so that every engine can run it."""
    if ds.calendar.timezone == "UTC":
        return instants.date()
    orders = relation(ds, "orders")
    first = engine_of(ds).run(orders.agg(first=orders.ordered_at.min()).order_by("first"))["first"].iloc[0]
    last = cutoff(ds)
    changes = offset_changes(ds.calendar, last if pd.isna(first) else first, last)
    seconds = ibis.cases(*((instants >= since, offset) for since, offset in reversed(changes)), else_=changes[0][1])
    return (instants + seconds.as_interval("s")).date()


def _converted(ds: Dataset, rows: ir.Table) -> ir.Table:
    """Return the rows with `amount` in the reporting currency, at the rate of the month of their day."""
    if "rates" not in ds.tables:
        return rows
    rates = relation(ds, "rates").select(rate_month="month", rate_currency="currency", rate="rate")
    rated = rows.left_join(rates, [rows.currency == rates.rate_currency, rows.day.truncate("M") == rates.rate_month])
    converted = (rated.amount.cast("float64") * rated.rate).round(4).cast("decimal(18, 4)")
    return rated.mutate(amount=ibis.ifelse(rated.currency == ds.currency, rated.amount, converted))


def _completed(source: Any) -> Any:
    """Return a bare table with the columns that it may lack."""
    if not isinstance(source, pd.DataFrame) and not hasattr(source, "collect_schema") and not hasattr(source, "schema"):
        raise ParameterError(f"this needs a Dataset or the table of orders (pandas, polars or Arrow), not {type(source).__name__}.")
    table = source if isinstance(source, pd.DataFrame) else pa.table(source.collect() if hasattr(source, "collect") else source)
    present = list(table.columns) if isinstance(table, pd.DataFrame) else list(table.column_names)
    missing = [name for name in _NEEDED if name not in present]
    if missing:
        raise MissingColumnsError(missing, present, table="orders")
    defaults = {"order_id": range(len(table)), "currency": [NO_CURRENCY] * len(table)}
    for name in (name for name in defaults if name not in present):
        table = table.assign(**{name: defaults[name]}) if isinstance(table, pd.DataFrame) else table.append_column(name, pa.array(defaults[name]))
    return table


def _accounts_of(table: Any, by: By) -> pd.DataFrame:
    """Return the accounts that a bare table of orders names, with the columns of `by`."""
    columns = ["account_id", *by_columns(by)]
    present = table.columns if isinstance(table, pd.DataFrame) else table.column_names
    missing = [name for name in columns if name not in present]
    if missing:
        raise MissingColumnsError(missing, present, table="orders")
    rows = (table[columns] if isinstance(table, pd.DataFrame) else table.select(columns).to_pandas()).drop_duplicates()
    rows = rows.dropna(subset="account_id")
    twice = rows.loc[rows["account_id"].duplicated(), "account_id"]
    if len(twice):
        raise ParameterError(
            f"a column of by must say the same in all orders of an account, which it does not for {twice.iloc[0]!r}. Pass a Dataset, by=None, or mend it."
        )
    return rows.assign(started_at=pd.Timestamp("1900-01-01", tz="UTC")).reset_index(drop=True)


def _last_day(table: Any, timezone: str | None) -> Any:
    column = table["ordered_at"]
    values = column if isinstance(column, pd.Series) else column.to_pandas()
    last = pd.to_datetime(values, utc=True, format="ISO8601" if values.dtype == "object" else None).max()
    if pd.isna(last):
        raise NotEnoughDataError("the table of orders has no rows; without them as_of must be given.")
    return last.tz_convert(Calendar(timezone=timezone or "UTC").zone).date()
