"""Waits counted by how long they were: what survival curves need of millions of them, and what limits clustered by account need."""

from __future__ import annotations

from typing import NamedTuple

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, cutoff, engine_of
from cs_analysis.facts.groups import By, group_columns
from cs_analysis.facts.opening_hours import Clock, day_microseconds, days_on_grid, with_waits
from cs_analysis.facts.periods import periods

_SECOND = 1_000_000
_SCALE = 2.0**24  # parts are summed as whole numbers, which add up to the same in any order


class Waits(NamedTuple):
    """Waits in the database, one row each.

    `keys` are the group columns and, if asked for, `period`; `rows` has them, `account_id`, `waited` (microseconds of the clock, in whole
    seconds: those that ended rounded up, the others down) and `observed`; `day` is how long a day of the clock is.
    """

    keys: list[str]
    rows: ir.Table
    day: int


def timed_waits(ds: Dataset, spans: ir.Table, *, clock: Clock, period: Period | None = None, by: By = None) -> Waits:
    """Return the waits that spans (`account_id`, group columns, `opened_at`, `ended_at`) make, by the period in which they began."""
    keys = group_columns(by)
    if period is not None:
        spans, keys = _with_period(ds, spans, period), [*keys, "period"]
    timed = with_waits(ds, spans, clock=clock)
    # Up for what has ended: what was done within a whole number of seconds stays so.
    seconds = (timed.waited + timed.observed.cast("int64") * (_SECOND - 1)) // _SECOND
    return Waits(keys, engine_of(ds).stage(timed.select(*keys, "account_id", "observed", waited=seconds * _SECOND)), day_microseconds(ds, clock))


def counted(ds: Dataset, waits: Waits) -> pd.DataFrame:
    """Return one row a distinct combination: the keys, `waited`, `observed`, `duration_days` and `count`."""
    order = [*waits.keys, "waited", "observed"]
    table = engine_of(ds).run(waits.rows.group_by(order).agg(count=waits.rows.count()).order_by(order))
    return table.assign(duration_days=days_on_grid(table["waited"], table["observed"], day=waits.day))


def sums_by_account(ds: Dataset, waits: Waits, parts: pd.DataFrame) -> pd.DataFrame:
    """Return for each account of each group, in order, its waits (`units`) and the sums of the parts (`part_0` ...) that rows of `counted` have."""
    engine = engine_of(ds)
    names = [name for name in parts.columns if name.startswith("part_")]
    order = [*waits.keys, "waited", "observed"]
    whole = {name: np.rint(parts[name] * _SCALE).astype("int64") for name in names}
    lookup = engine.lookup(parts[order].assign(**whole)).rename(**{f"of_{name}": name for name in order})
    joined = waits.rows.inner_join(lookup, [waits.rows[name].identical_to(lookup[f"of_{name}"]) for name in order])
    sums = joined.group_by(*waits.keys, "account_id").agg(units=joined.count(), **{name: joined[name].sum() for name in names})
    table = engine.run(sums.order_by([*waits.keys, "account_id"]))
    return table.assign(**{name: table[name].astype("float64") / _SCALE for name in names})


def _with_period(ds: Dataset, spans: ir.Table, period: Period) -> ir.Table:
    """Return spans with the period in which they were opened."""
    engine = engine_of(ds)
    first = engine.run(spans.agg(first=spans.opened_at.min()).order_by("first"))["first"].iloc[0]
    frame = periods(ds, cutoff(ds) - pd.Timedelta(1, "us") if pd.isna(first) else first, period=period, unfinished=True)
    calendar = engine.lookup(frame[["period", "starts_at", "ends_at"]])
    joined = spans.inner_join(calendar, [spans.opened_at >= calendar.starts_at, spans.opened_at < calendar.ends_at])
    return joined.select(*spans.columns, "period")
