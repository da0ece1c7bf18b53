"""How recently, how often and for how much customers bought, or used the product; the segments these make, and what customers pay."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import By, group_columns, with_groups
from cs_analysis.facts.orders import purchase_days
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.facts.relationship import has_rows
from cs_analysis.facts.subscriptions import account_months
from cs_analysis.facts.uses import local_day

Basis = Literal["orders", "usage"]
Money = Literal["mrr", "orders"]
Cell = tuple[int, int]
NEVER: Mapping[str, str] = MappingProxyType({"orders": "never ordered", "usage": "never used"})
USAGE_DAYS = 90

# Rows: recency 5 (latest) to 1; columns: frequency and money 1 to 5.
_GRID = (
    (5, ("new", "potential loyalist", "potential loyalist", "champion", "champion")),
    (4, ("new", "potential loyalist", "potential loyalist", "champion", "champion")),
    (3, ("promising", "about to sleep", "needs attention", "loyal", "loyal")),
    (2, ("hibernating", "hibernating", "at risk", "at risk", "at risk")),
    (1, ("lost", "hibernating", "at risk", "cannot lose", "cannot lose")),
)
_ORDER = (
    "champion",
    "loyal",
    "potential loyalist",
    "new",
    "promising",
    "needs attention",
    "about to sleep",
    "at risk",
    "cannot lose",
    "hibernating",
    "lost",
)
SEGMENTS: Mapping[str, tuple[Cell, ...]] = MappingProxyType(
    {name: tuple((recency, column) for recency, row in _GRID for column, owner in enumerate(row, start=1) if owner == name) for name in _ORDER}
)
"""The eleven segments that vendors of shop software share (Putler, "RFM analysis"), each cell (recency, frequency and money) in one of them.

As published the eleven are rectangles that overlap; here each cell belongs to one whose rectangle holds it.
"""


def cells_of(segments: Mapping[str, tuple[Cell, ...]] | None, bins: int) -> dict[Cell, str]:
    """Return the segment of each cell of scores, checked to have one each.

    Raises
    ------
    ParameterError
        A cell is in two segments or in none, or there is no such cell; the usual map is asked for with other than five scores.
    """
    if segments is None and bins != 5:
        raise ParameterError(f"the usual segments are for scores 1 to 5; with bins={bins} pass segments={{name: [(recency, second score), ...]}}.")
    cells: dict[Cell, str] = {}
    for name, own in (SEGMENTS if segments is None else segments).items():
        for cell in own:
            if cell in cells:
                raise ParameterError(f"each cell must be in one segment; {cell} is in {cells[cell]!r} and in {name!r}. Take it out of one.")
            cells[cell] = name
    every = {(first, second) for first in range(1, bins + 1) for second in range(1, bins + 1)}
    if wrong := sorted(every ^ set(cells)):
        how = "in no segment" if wrong[0] in every else "no cell of the scores"
        raise ParameterError(f"segments must share out all cells of scores 1 to {bins}; {wrong[0]} is {how}. Mend the map.")
    return cells


def buyers(ds: Dataset, *, by: By = None) -> pd.DataFrame:
    """Return one row a known account: `account_id`, the group columns, `recency_days`, `frequency` (purchase days), `monetary`; missing without a purchase.

    What was refunded is taken off (see `purchase_days`): a purchase refunded in full is none, and nobody's sum is negative.
    """
    days = purchase_days(ds)
    today = ibis.date(str(ds.as_of.date()))
    sums = days.group_by(buyer="account_id").agg(last=days.day.max(), frequency=days.count(), monetary=days.value.sum().cast("float64"))
    known = with_groups(ds, relation(ds, "accounts").select("account_id"), by, table=None)
    joined = known.left_join(sums, known.account_id == sums.buyer)
    recency = ibis.literal(today).delta(joined.last, unit="day")
    return _run(ds, joined.select("account_id", *group_columns(by), "frequency", "monetary", recency_days=recency))


def users_of_product(ds: Dataset, *, by: By = None, policy: RevenuePolicy | str = "default") -> pd.DataFrame:
    """Return one row a customer at `as_of`, as `buyers`: days since the last use, days with a use of the last 90, and the amount a month."""
    today = ibis.date(str(ds.as_of.date()))
    events = relation(ds, "events")
    days = engine_of(ds).stage(events.select(user="account_id", day=local_day(ds, events.event_at)).distinct())
    age = ibis.literal(today).delta(days.day, unit="day")
    sums = days.group_by("user").agg(last=days.day.max(), recent=(age < USAGE_DAYS).cast("int64").sum())
    paying = _amounts_now(ds, by=by, policy=policy)
    joined = paying.left_join(sums, paying.account_id == sums.user)
    recency = ibis.literal(today).delta(joined.last, unit="day")
    return _run(ds, joined.select("account_id", *group_columns(by), frequency=joined.recent, monetary=joined.amount.cast("float64"), recency_days=recency))


def amounts_paid(ds: Dataset, money: Money | None, *, by: By = None, policy: RevenuePolicy | str = "default") -> pd.DataFrame:
    """Return `account_id`, the group columns and `amount`: of customers at `as_of` what they pay a month, or of buyers what was kept of all their orders.

    Raises
    ------
    ParameterError
        `money` is neither.
    """
    if money not in (None, "mrr", "orders"):
        raise ParameterError(f"of must be 'mrr' or 'orders', not {money!r}.")
    if money == "mrr" or (money is None and not (has_rows(ds, "orders") and not has_rows(ds, "subscriptions"))):
        rows = _amounts_now(ds, by=by, policy=policy)
    else:
        days = purchase_days(ds)
        rows = with_groups(ds, days.group_by("account_id").agg(amount=days.value.sum()), by, table=None)
    return _run(ds, rows.select("account_id", *group_columns(by), amount=rows.amount.cast("float64")))


def basis_of(ds: Dataset, of: Basis | None) -> Basis:
    """Return what to look at: orders where there are any, else usage.

    Raises
    ------
    ParameterError
        `of` is neither.
    """
    if of not in (None, "orders", "usage"):
        raise ParameterError(f"of must be 'orders' or 'usage', not {of!r}.")
    return of or ("orders" if "orders" in ds.tables or "events" not in ds.tables else "usage")


def _amounts_now(ds: Dataset, *, by: By, policy: RevenuePolicy | str) -> ir.Table:
    """Return what each customer at `as_of` pays a month, with the group columns of the account."""
    month = pd.Timestamp(ds.as_of.tz_convert(ds.calendar.zone).tz_localize(None).to_period("M").start_time)
    months = account_months(ds, policy=policy)
    now = months.filter(months.period == ibis.literal(month)).select("account_id", amount="closing")
    return with_groups(ds, now, by, table=None)


def _run(ds: Dataset, rows: ir.Table) -> pd.DataFrame:
    return engine_of(ds).run(rows.order_by("account_id"))
