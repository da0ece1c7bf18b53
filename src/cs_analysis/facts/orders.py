"""Purchases from orders: purchase days, what they were worth after refunds, and one row an account for the models of buying."""

from __future__ import annotations

from dataclasses import dataclass
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
_CLOCKS = ((6, 8), (13, 15), (27, 32), (88, 93), (180, 185), (363, 368))  # weeks, fortnights, months, quarters, half years, years; a day early or late
_FEWEST = 10
_ON_CLOCK, _ON_CLOCK_AND_EQUAL, _ON_STARTS = 0.6, 0.5, 0.5


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
    """Return one row an account and local day with a purchase: `account_id`, `day`, `value`.

    Orders of one day are one purchase. `value` is what was kept of them, in the reporting currency: a refund (a negative amount) is taken
    off the latest purchases on or before its day, and what exceeds one off the one before it. A day refunded in full is no purchase day;
    a refund with nothing before it is left out. With `since` (UTC, without zone), only orders from then on are seen.
    """
    orders = relation(ds, "orders", "amount")
    seen = orders if since is None else orders.filter(orders.ordered_at >= ibis.timestamp(since.isoformat(sep=" ")))
    priced = _converted(ds, seen.select("account_id", "currency", "amount", day=_local_day(ds, seen.ordered_at)))
    days, engine = priced.group_by("account_id", "day"), engine_of(ds)
    lowest = engine.run(seen.agg(lowest=seen.amount.min()).order_by("lowest"))["lowest"].iloc[0]
    if pd.isna(lowest) or lowest >= 0:
        return days.agg(value=priced.amount.sum())
    bought, refunded = ibis.greatest(priced.amount, 0), -ibis.least(priced.amount, 0)
    staged = engine.stage(days.agg(bought=bought.sum(), refunded=refunded.sum(), purchase=priced.amount.max() >= 0))
    refunding = staged.filter(staged.refunded > 0).select("account_id").distinct()
    untouched = staged.anti_join(refunding, "account_id").select("account_id", "day", value=staged.bought.cast("decimal(38, 4)"))
    return untouched.union(_kept(staged.semi_join(refunding, "account_id")))


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
    everybody = by is None and not ds.ignored_rows["accounts"]
    known = accounts if everybody else with_groups(ds, accounts, by, table=None)
    mean = known.later_value / known.frequency.nullif(0)
    shown = known.select("account_id", *group_columns(by), "frequency", "recency_days", "age_days", mean_value=mean)
    return engine_of(ds).run(shown.order_by("account_id")).astype({"frequency": "int64", "recency_days": "int64", "age_days": "int64"})


@dataclass(frozen=True)
class Bills:
    """Whether orders look like bills of a contract; true or false as it stands, so that it can be asked with `if`.

    Attributes
    ----------
    reason : str
        What speaks for it, as a sentence; empty if nothing does.
    on_clock, on_clock_and_equal, on_starts : float
        Mean over accounts with a repeat purchase of the share of their gaps that last a week, a fortnight, a month, a quarter, half a year or a
        year; of those whose amount is also the one before; and of repeat purchase days on which a phase of a subscription starts.
    accounts : int
        Accounts with a repeat purchase; below 10 nothing is said.
    """

    reason: str
    on_clock: float
    on_clock_and_equal: float
    on_starts: float
    accounts: int

    def __bool__(self) -> bool:
        """Tell whether they look like bills."""
        return bool(self.reason)


def looks_like_bills(ds: Dataset) -> Bills:
    """Return whether the orders follow a clock or the phases of subscriptions: then they are bills of a contract, and no decisions to buy.

    The models of buying take every purchase for a decision made at random times; a bill follows from a contract that was decided once. Orders are
    taken for bills where 60 % of the gaps fall on a clock, where 50 % do and repeat the amount, or where 50 % of the repeat purchases fall on the start
    of a phase of the account's subscriptions (a day early or late). Of 500 simulated cohorts of 20 to 200 customers who buy at random, 3 to 200 days
    apart, half of them at one price, none came near: the largest share on a clock was 34 %. Monthly bills of which a fifth is missing have 84 %.
    """
    return _verdict(regularity(ds))


def refuse_bills(ds: Dataset) -> None:
    """Raise `ParameterError` where the orders look like bills: no model of buying fits them."""
    if bills := looks_like_bills(ds):
        raise ParameterError(
            f"orders must be purchases decided one by one, which these do not look like: {bills.reason} They look like bills of a contract. "
            "Put the contracts into the table 'subscriptions' and use customer_lifetime_value, and leave the bills out of 'orders'."
        )


def regularity(ds: Dataset) -> pd.DataFrame:
    """Return for each account with a repeat purchase the shares `on_clock`, `on_clock_and_equal` and `on_starts`, as in `Bills`."""
    engine = engine_of(ds)
    days = engine.stage(purchase_days(ds))
    order = ibis.window(group_by="account_id", order_by="day")
    gaps = days.mutate(gap=days.day.delta(days.day.lag().over(order), unit="day"), same=days.value == days.value.lag().over(order))
    repeats = gaps.filter(gaps.gap.notnull())
    clock = ibis.or_(*(repeats.gap.between(low, high) for low, high in _CLOCKS))
    flagged = repeats.mutate(clock=clock, equal=clock & repeats.same, start=ibis.literal(value=False))
    if "subscriptions" in ds.tables:
        flagged = flagged.drop("start").left_join(_start_days(ds), ["account_id", "day"])
        flagged = flagged.mutate(start=flagged.starting.notnull())
    shares = {"on_clock": flagged.clock, "on_clock_and_equal": flagged.equal, "on_starts": flagged.start}
    table = flagged.group_by("account_id").agg(**{name: flag.cast("float64").mean() for name, flag in shares.items()})
    return engine.run(table.order_by("account_id"))


def _start_days(ds: Dataset) -> ir.Table:
    """Return the days on which a phase of an account's subscriptions starts, and those beside them: `account_id`, `day`, `starting`."""
    phases = relation(ds, "subscriptions")
    starts = phases.select("account_id", day=_local_day(ds, phases.started_at))
    near = [starts.mutate(day=(starts.day + ibis.interval(days=shift)).cast("date")) for shift in (-1, 0, 1)]
    return ibis.union(*near, distinct=True).mutate(starting=ibis.literal(value=True))


def _verdict(accounts: pd.DataFrame) -> Bills:
    """Return what the regularity of accounts says."""
    clock, equal, starts = (float(accounts[name].mean()) if len(accounts) else 0.0 for name in ("on_clock", "on_clock_and_equal", "on_starts"))
    said = ""
    if starts >= _ON_STARTS:
        said = f"{starts:.0%} of the repeat orders of an account fall on the start of a phase of its subscriptions."
    elif clock >= _ON_CLOCK or equal >= _ON_CLOCK_AND_EQUAL:
        said = f"{clock:.0%} of the gaps between orders last a week, fortnight, month, quarter, half year or year ({equal:.0%} with equal amounts)."
    return Bills(said if len(accounts) >= _FEWEST else "", clock, equal, starts, len(accounts))


def _kept(days: ir.Table) -> ir.Table:
    """Return the purchase days with what was kept of them.

    From the last day back, what is refunded minus what was bought adds up to a walk; whenever it reaches a new low, the step down is what was kept
    of that day: everything above the low so far went to refunds of later days.
    """
    back = {"group_by": "account_id", "order_by": ibis.desc("day")}
    walked = days.mutate(walk=(days.refunded - days.bought).sum().over(ibis.window(**back, rows=(None, 0))))
    lowest = walked.walk.min().over(ibis.window(**back, rows=(None, -1)))
    before = ibis.least(ibis.coalesce(lowest, 0), 0)
    kept = walked.mutate(value=ibis.greatest(before - walked.walk, 0).cast("decimal(38, 4)"))
    return kept.filter(kept.purchase & ((kept.bought == 0) | (kept.value > 0))).select("account_id", "day", "value")


def _local_day(ds: Dataset, instants: ir.TimestampColumn) -> ir.DateColumn:
    """Return the local date of UTC instants: the zone's offset changes are written out, so that every engine can run it."""
    if ds.calendar.timezone == "UTC":
        return instants.date()
    table = instants.as_table().rename(instant=instants.get_name())
    first = engine_of(ds).run(table.agg(first=table.instant.min()).order_by("first"))["first"].iloc[0]
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
