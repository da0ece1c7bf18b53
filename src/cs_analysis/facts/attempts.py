"""Attempts at a funnel, made in the database: who started when, and when each step was reached."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.dataset import Dataset, cutoff, engine_of, relation
from cs_analysis.facts.attempt_orders import reached_times
from cs_analysis.facts.attempt_rows import Material, instant, read_material, started, time_column
from cs_analysis.facts.funnel_definition import FunnelDefinition
from cs_analysis.facts.groups import MISSING_GROUP, by_columns, group_columns
from cs_analysis.facts.uses import later

GRID = 1e9  # steps of 1e-9 day, as in `stats`: 86.4 microseconds


def days_column(step: int) -> str:
    """Return the name of the column with the days until a step."""
    return f"days_{step}"


def attempts(ds: Dataset, asked: FunnelDefinition) -> ir.Table:
    """Return the attempt that counts of each entrant, as a staged table.

    Columns: the group columns (`by.<name>`), `actor`, `account_id` (missing for a lead without one), `start_at`, `until` (end of the
    window, or the excluded row that ended the attempt), `complete` (whether the whole window lies in the past), `follow_up_days`
    (of a complete attempt `asked.horizon_days`, else less) and `days_2`, `days_3`, ... (missing = not reached; step 1 is at 0).
    All days are rounded down to 1e-9 day.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No table of such actors; no column for `actor`, `hold` or `by`; a name that never occurs.
    """
    return engine_of(ds).stage(_in_days(ds, asked, attempts_by_instant(ds, asked)))


def attempts_by_instant(ds: Dataset, asked: FunnelDefinition) -> ir.Table:
    """Return the attempt that counts of each entrant: group columns, `actor`, `account_id`, `start_at`, `until`, and the instants `at_2`, `at_3`, ..."""
    material = read_material(ds, asked)
    chosen = engine_of(ds).stage(_best(material, reached_times(material, started(material))))
    times = [time_column(step) for step in range(2, len(asked.steps) + 1)]
    return _with_groups(ds, material, chosen).select(*group_columns(asked.by), "actor", "account_id", "start_at", "until", *times)


def entrants(ds: Dataset, asked: FunnelDefinition) -> pd.DataFrame:
    """Return what statistics need of each entrant: group columns, `account_id`, `complete`, `follow_up_days`, `days_2` ...; see `attempts`."""
    days = [days_column(step) for step in range(2, len(asked.steps) + 1)]
    names = [*group_columns(asked.by), "account_id", "complete", "follow_up_days", *days]
    table = _in_days(ds, asked, attempts_by_instant(ds, asked)).order_by(["start_at", "actor"])
    return engine_of(ds).run(table.select(*names))


def _best(material: Material, reached: ir.Table) -> ir.Table:
    """Return one attempt an actor: the only one, or the one with the most required steps, then the earliest, then the smallest value."""
    if material.asked.entry == "first":
        return reached
    length = sum((reached[time_column(step)].notnull().cast("int8") for step in material.asked.required), start=ibis.literal(0))
    order = [ibis.desc("length"), "start_at", *material.held]
    ranked = reached.mutate(length=length)
    ranked = ranked.mutate(place=ibis.row_number().over(ibis.window(group_by="actor", order_by=order)))
    return ranked.filter(ranked.place == 0).drop("place", "length")


def _with_groups(ds: Dataset, material: Material, chosen: ir.Table) -> ir.Table:
    """Return the attempts with `account_id` and the group columns; a missing text is the group "(missing)"."""
    asked = material.asked
    own = [column for column in group_columns(asked.by) if column in material.rows.columns]
    at_start = own if asked.attribution == "first" else []
    table = chosen.mutate(account_id=chosen.actor) if asked.actor == "account" else chosen
    for step, columns in ((1, [name for name in ("account_id", *at_start) if name not in table.columns]), (asked.attribution, own if not at_start else [])):
        if columns:
            table = table.left_join(_values(material, chosen, columns, step=step), "actor").drop("actor_right")
    theirs = {column: name for column, name in zip(group_columns(asked.by), by_columns(asked.by), strict=True) if column not in own}
    if theirs:
        people = relation(ds, "accounts").select(known_account="account_id", **theirs)
        table = table.left_join(people, table.account_id == people.known_account).drop("known_account")
    texts = [column for column in group_columns(asked.by) if table[column].type().is_string()]
    return table.mutate(**{column: table[column].fill_null(MISSING_GROUP) for column in texts})


def _values(material: Material, chosen: ir.Table, columns: Sequence[str], *, step: int | str) -> ir.Table:
    """Return the values that columns have in the rows at a step of each attempt; at one instant the smallest counts."""
    wanted = _at_step(material, chosen, step)
    rows = material.rows.select(*material.match, "code", row_at="at", **{f"own.{name}": material.rows[name] for name in columns})
    same = rows.code <= material.asked.listed if material.asked.order == "any" else rows.code == wanted.value_code
    found = wanted.inner_join(rows, [*material.match, rows.row_at == wanted.value_at, same])
    return found.group_by("actor").agg(**{name: found[f"own.{name}"].min() for name in columns})


def _at_step(material: Material, chosen: ir.Table, step: int | str) -> ir.Table:
    """Return the attempts with `value_at` and `value_code`: instant and event of a step, or of the last required one reached."""
    codes = {number: material.asked.codes[name] for number, name in enumerate(material.asked.steps, start=1)}
    steps = [step] if isinstance(step, int) else material.asked.required[::-1]
    reached = [(chosen[time_column(number)].notnull(), number) for number in steps]
    at = ibis.cases(*((known, chosen[time_column(number)]) for known, number in reached))
    code = ibis.cases(*((known, ibis.literal(codes[number], "int8")) for known, number in reached))
    return chosen.select(*material.match, value_at=at, value_code=code)


def _in_days(ds: Dataset, asked: FunnelDefinition, table: ir.Table) -> ir.Table:
    """Return the attempts with times as days since the start, and how long each was watched."""
    numbers = range(2, len(asked.steps) + 1)
    as_of = instant(cutoff(ds) - pd.Timedelta(1, "us"))
    complete = later(table.start_at, asked.window) <= as_of
    short = ibis.least(_grid(table.start_at, as_of), ibis.literal(round(asked.horizon_days * GRID) - 1, "int64"))
    watched = ibis.ifelse(complete, ibis.literal(asked.horizon_days), short / GRID)
    days = {days_column(step): _grid(table.start_at, table[time_column(step)]) / GRID for step in numbers}
    return table.select(*group_columns(asked.by), "actor", "account_id", "start_at", "until", complete=complete, follow_up_days=watched, **days)


def _grid(start: ir.TimestampColumn, end: ir.TimestampValue) -> ir.IntegerColumn:
    """Return the time between two instants in whole steps of 1e-9 day."""
    return end.delta(start, unit="microsecond") * 10 // 864
