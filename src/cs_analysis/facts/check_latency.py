"""Latencies of checks in order, in the database: values at ranks, and how many lie below them on each day."""

from __future__ import annotations

from typing import NamedTuple

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.errors import NotEnoughDataError
from cs_analysis.facts.checks import Service, checks_made, in_periods

_EPSILON = 1e-9  # 0.95 x 100 is a little more than 95


class LatencyBlocks(NamedTuple):
    """Checks in order of latency within service and period (failed ones last), and sums by service and local day."""

    ranked: ir.Table
    days: pd.DataFrame


def latency_blocks(ds: Dataset, *, period: Period | None, service: Service, target_ms: float | None) -> LatencyBlocks:
    """Return the checks that failed or have a latency, ranked, and by day `checks`, `answered`, `slow`, `p95`, `code` (of service and period)."""
    relation(ds, "checks", "latency_ms")
    made = checks_made(ds, service)
    engine = engine_of(ds)
    kept = engine.stage(made.filter(made.latency_ms.notnull() | ~made.up).select("service", "day", "latency_ms"))
    slow = kept.latency_ms.fill_null(np.inf) > (np.inf if target_ms is None else float(target_ms))
    sums = kept.group_by("service", "day").agg(
        checks=kept.count(), answered=kept.latency_ms.count(), slow=slow.cast("int64").sum(), p95=kept.latency_ms.quantile(0.95)
    )
    days = engine.run(sums.order_by(["service", "day"]))
    days = in_periods(ds, days.assign(day=days["day"].astype("datetime64[us]")), period)
    if days.empty:
        raise NotEnoughDataError("no check with a latency or a failure lies in a period that is over. Take a shorter period, or period=None.")
    days = days.assign(code=days.groupby(["service", "period"], dropna=False).ngroup())
    lookup = engine.lookup(days[["service", "day", "code"]].rename(columns={"service": "of", "day": "on"}))
    joined = kept.inner_join(lookup, [kept.service == lookup.of, kept.day == lookup.on.cast("date")]).select("code", "day", "latency_ms")
    order = ibis.window(group_by="code", order_by=joined.latency_ms.asc(nulls_first=False))
    return LatencyBlocks(engine.stage(joined.mutate(place=ibis.row_number().over(order) + 1)), days)


def below_by_day(ds: Dataset, blocks: LatencyBlocks, values: np.ndarray) -> np.ndarray:
    """Return how many answers were at or below their group's value on each day, in order of code and day; none where the value is missing."""
    lookup = engine_of(ds).lookup(pd.DataFrame({"code": np.arange(len(values)), "value": np.where(np.isfinite(values), values, -1.0)}))
    rows = blocks.ranked.inner_join(lookup, "code")
    sums = rows.group_by("code", "day").agg(below=(rows.latency_ms <= rows.value).fill_null(False).cast("int64").sum())
    return np.asarray(engine_of(ds).run(sums.order_by(["code", "day"]))["below"].to_numpy())


def at_levels(ds: Dataset, blocks: LatencyBlocks, levels: np.ndarray, *, n: np.ndarray) -> np.ndarray:
    """Return for each group the value with the rank of a level; missing for a level beyond 1 (or missing) or where a failed check has that rank."""
    usable = np.isfinite(levels) & (levels < 1) & (n > 0)
    places = np.maximum(np.ceil(np.where(usable, levels, 0.0) * n - _EPSILON), 1).astype("int64")
    wanted = pd.DataFrame({"code": np.flatnonzero(usable), "wanted": places[usable]})
    found = np.full(len(n), np.nan)
    if len(wanted):
        lookup = engine_of(ds).lookup(wanted)
        rows = blocks.ranked.inner_join(lookup, [blocks.ranked.code == lookup.code, blocks.ranked.place == lookup.wanted])
        values = engine_of(ds).run(rows.select("code", "latency_ms").order_by("code"))
        found[values["code"].to_numpy()] = values["latency_ms"].to_numpy("float64", na_value=np.nan)
    return found
