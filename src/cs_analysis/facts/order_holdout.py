"""Orders cut in two at a date: what was known of each customer by then, and what came after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset, cutoff, engine_of, relation
from cs_analysis.data.local_days import Moment, as_day
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.orders import purchase_days, rfm


@dataclass(frozen=True, eq=False)
class Holdout:
    """Customers who had bought by the end of calibration, and their purchases in the time held out.

    Attributes
    ----------
    customers : DataFrame
        `rfm` at the end of calibration, with `actual` (purchase days after it) and `before` (repeat purchase days in as long a time before it).
    days : DataFrame
        One row a day from the first purchase on: `births` (first purchases) and `repeats` (repeat purchases) of these customers.
    until : date
        The last day of calibration.
    horizon : int
        Days held out.
    """

    customers: pd.DataFrame
    days: pd.DataFrame
    until: date
    horizon: int


def hold_out(ds: Dataset, until: Moment | None) -> Holdout:
    """Return the orders cut at the end of a day; by default, the last third of the history is held out.

    Raises
    ------
    ParameterError
        `until` is no day between the first order and `as_of`.
    NotEnoughDataError
        There are no orders, or all on the last day.
    """
    first, last = _first_day(ds), ds.as_of.date()
    end = _cut(first, last) if until is None else as_day(until)
    if end is None or not first <= end < last:
        raise ParameterError(f"until must be a day from the first order ({first}) to the day before as_of ({last}), not {until!r}.")
    horizon = (last - end).days
    then = ds.at(end)
    known, later = engine_of(ds).stage(purchase_days(then)), engine_of(ds).stage(purchase_days(ds, since=cutoff(then)))
    later = later.semi_join(known.select("account_id").distinct(), "account_id")
    return Holdout(_customers(then, known, later=later, horizon=horizon), _days(ds, known, later, first=first), end, horizon)


def _first_day(ds: Dataset) -> date:
    orders = relation(ds, "orders")
    first = engine_of(ds).run(orders.agg(first=orders.ordered_at.min()).order_by("first"))["first"].iloc[0]
    if pd.isna(first):
        raise NotEnoughDataError("a hold-out needs orders, and the dataset has none by as_of.")
    return first.tz_localize("UTC").tz_convert(ds.calendar.zone).date()  # type: ignore[no-any-return]


def _cut(first: date, last: date) -> date:
    if (last - first).days < 2:
        raise NotEnoughDataError(f"a hold-out needs a history of days, and these orders reach from {first} to {last}.")
    return first + timedelta(days=(last - first).days * 2 // 3)


def _customers(then: Dataset, known: ir.Table, *, later: ir.Table, horizon: int) -> pd.DataFrame:
    """Return the customers of calibration with their purchases after it and, as long, before it."""
    engine = engine_of(then)
    firsts = known.mutate(first=known.day.min().over(ibis.window(group_by="account_id")))
    start = ibis.date(str(then.as_of.date() - timedelta(days=horizon)))
    recent = firsts.filter((firsts.day > firsts.first) & (firsts.day > start))
    table = rfm(then)
    for name, days in (("actual", later), ("before", recent)):
        counted = engine.run(days.group_by("account_id").agg(days.count().name(name)).order_by("account_id"))
        table[name] = table["account_id"].map(counted.set_index("account_id")[name]).fillna(0).astype("int64")
    return table


def _days(ds: Dataset, known: ir.Table, later: ir.Table, *, first: date) -> pd.DataFrame:
    """Return first and repeat purchases of each day since the first order."""
    births = known.group_by("account_id").agg(day=known.day.min())
    index = pd.date_range(first, ds.as_of.date())
    counts = {name: _by_day(ds, rows).reindex(index, fill_value=0) for name, rows in (("births", births), ("known", known), ("later", later))}
    repeats = counts["known"] + counts["later"] - counts["births"]
    return pd.DataFrame({"day": np.arange(len(index)), "births": counts["births"].to_numpy(), "repeats": repeats.to_numpy()})


def _by_day(ds: Dataset, rows: ir.Table) -> pd.Series:
    table = engine_of(ds).run(rows.group_by("day").agg(count=rows.count()).order_by("day"))
    return table.set_index(pd.DatetimeIndex(table["day"]))["count"]
