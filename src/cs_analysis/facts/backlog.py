"""Tickets that were open at the end of each period, and those that came and went in it, counted in the database."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.facts.firsts import microseconds
from cs_analysis.facts.groups import By, group_columns, with_groups
from cs_analysis.facts.periods import periods

_DAY = 86_400_000_000
_NEVER = "9999-12-31"


def backlog_by_period(ds: Dataset, *, period: Period, older_days: tuple[int, ...], by: By) -> pd.DataFrame:
    """Return one row a group and calendar period from the group's first ticket on.

    Returns
    -------
    DataFrame
        Group columns (`by.<name>`), `period`, `days` (its length), `finished`, and the numbers of tickets: `opened`, `reopened`, `resolved` in
        the period, `open` at its end, of these `older_<days>`, and `age`, the median age of these in days (missing without any).
    """
    engine, keys = engine_of(ds), group_columns(by)
    rows = with_groups(ds, relation(ds, "tickets", "resolved_at"), by, table="tickets")
    tickets = engine.stage(rows.select(*keys, "opened_at", "resolved_at", again=_again(rows)))
    firsts = engine.run(tickets.aggregate(by=keys, first=tickets.opened_at.min()).order_by(keys or ["first"]))
    if firsts["first"].isna().all():
        return pd.DataFrame(columns=[*keys, "period"])
    frame = periods(ds, firsts["first"].min(), period=period, unfinished=True)
    calendar = engine.lookup(frame[["period", "starts_at", "ends_at"]])
    flows = {"opened": "opened_at", "reopened": "again", "resolved": "resolved_at"}
    tables = [_in_period(tickets, calendar, keys, name=name, at=at) for name, at in flows.items()]
    tables += _open_at_end(ds, tickets, calendar, keys=keys, older_days=older_days)
    frame["days"] = (frame["ends_at"] - frame["starts_at"]) / pd.Timedelta(1, "D")
    grid = firsts.merge(frame, how="cross")
    grid = grid[grid["ends_at"] > grid["first"]][[*keys, "period", "days", "finished"]].reset_index(drop=True)
    for counts in tables:
        grid = grid.merge(engine.run(counts.order_by([*keys, "period"])), on=[*keys, "period"], how="left")
    numbers = [name for name in grid.columns if name not in (*keys, "period", "days", "finished", "age")]
    return grid.assign(**{name: grid[name].fillna(0).astype("int64") for name in numbers})


def _again(rows: ir.Table) -> ir.TimestampColumn:
    """Return when a ticket was opened again after the resolution on record."""
    return ibis.ifelse((rows.reopened_at > rows.resolved_at).fill_null(False), rows.reopened_at, ibis.null("timestamp(6)"))


def _in_period(tickets: ir.Table, calendar: ir.Table, keys: list[str], *, name: str, at: str) -> ir.Table:
    """Return how many tickets had an instant in each period."""
    joined = tickets.inner_join(calendar, [tickets[at] >= calendar.starts_at, tickets[at] < calendar.ends_at])
    return joined.group_by(*keys, "period").agg(**{name: joined.count()})


def _open_at_end(ds: Dataset, tickets: ir.Table, calendar: ir.Table, *, keys: list[str], older_days: tuple[int, ...]) -> list[ir.Table]:
    """Return how many tickets were open at the end of each period, and the middle of their ages."""
    never = ibis.timestamp(_NEVER)
    first = tickets.select(*keys, "opened_at", since="opened_at", until=tickets.resolved_at.fill_null(never))
    second = tickets.filter(tickets.again.notnull()).select(*keys, "opened_at", since="again", until=never)
    stretches = first.union(second)
    # What ends with the period's last instant over is still open in it; nothing is known after as_of.
    joined = stretches.inner_join(calendar, [stretches.since < calendar.ends_at, stretches.until >= calendar.ends_at])
    aged = engine_of(ds).stage(joined.select(*keys, "period", age=microseconds(joined.opened_at, joined.ends_at)))
    older = {f"older_{days}": (aged.age > days * _DAY).cast("int64").sum() for days in older_days}
    counts = aged.group_by(*keys, "period").agg(open=aged.count(), **older)
    group = ibis.window(group_by=[*keys, "period"])
    ranked = aged.mutate(place=ibis.row_number().over(ibis.window(group_by=[*keys, "period"], order_by="age")) + 1, size=aged.count().over(group))
    middle = ranked.filter(2 * ranked.place >= ranked["size"], 2 * ranked.place <= ranked["size"] + 2)
    return [counts, middle.group_by(*keys, "period").agg(age=middle.age.sum().cast("float64") / middle.count() / _DAY)]
