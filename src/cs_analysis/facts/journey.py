"""The way of accounts over a success map: what enters a stage, and when each account was where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.contract_terms import contract_terms
from cs_analysis.facts.firsts import account_starts, first_stays, known_until, last_known, microseconds, on_grid, with_fact
from cs_analysis.facts.groups import By, group_columns
from cs_analysis.facts.kept import once
from cs_analysis.facts.phases import effective_phases
from cs_analysis.facts.steps import steps_or_default
from cs_analysis.facts.uses import later, named_events
from cs_analysis.windows import Window, parse_window

Stages = Mapping[str, str | Sequence[str]] | Sequence[str] | None
CONDITIONS = ("subscription start", "first renewal", "expansion", "goal set", "goal reached", "stage on record")
"""What can enter a stage besides an event of the product (the last: a goal set at the stage, or reached that leads to it); no event may be called so."""

BEFORE = "(before the first)"
LEFT = "(left)"
_SETTLED = parse_window("60d")
_NEVER = "timestamp(6)"


def stages_or_default(ds: Dataset, stages: Stages) -> dict[str, list[str]]:
    """Return the stages in order, each with the events and conditions of which any enters it.

    Without any: the up to five events that most accounts first use within 60 days, in order of their median wait, then "first renewal" and "expansion" where
    the dataset has subscriptions and accounts have come so far. A list names each stage by what enters it.

    Raises
    ------
    ParameterError
        `stages` is empty, names a stage twice or with nothing that enters it, or uses one of the names kept for those on no stage.
    """
    if stages is None:
        return dict(once(ds, "usual stages", lambda: _usual_stages(ds)))
    if isinstance(stages, str) or not isinstance(stages, Iterable) or not stages:
        raise ParameterError(f"stages must map the names of stages, in order, to the event or condition that enters each, not {stages!r}.")
    given = stages.items() if isinstance(stages, Mapping) else [(name, name) for name in stages]
    named = {str(name): [entry] if isinstance(entry, str) else list(entry) for name, entry in given}
    if len(named) < len(list(given)):
        raise ParameterError(f"stages must have different names, which {list(stages)!r} have not.")
    empty = [name for name, entries in named.items() if not entries or name in (BEFORE, LEFT)]
    if empty:
        raise ParameterError(f"a stage must have a name of its own and at least one event or condition that enters it, which {empty[0]!r} has not.")
    return named


def journeys(ds: Dataset, stages: Mapping[str, Sequence[str]], *, order: bool, by: By = None) -> ir.Table:
    """Return one row an account: the group columns, `origin_at`, `left_at`, and in `stage_1`, `stage_2` ... when it entered each stage; staged.

    A stage's condition is met at the first of the events (at or after the account's start) or conditions that enter it. With `order` an account is in stage k
    once the conditions of the stages 1 to k have all been met, in whatever order; it may pass a stage in no time. Without, it is in the furthest stage whose
    condition has been met: stages jumped over, and those whose condition comes later, are missing. What comes after the account has left does not count.

    Raises
    ------
    MissingTableError, ParameterError
        No `events`, `subscriptions` or `goals` where a stage needs them; an event that never occurs.
    """
    asked = ("journeys", tuple((name, tuple(entries)) for name, entries in stages.items()), order, tuple(group_columns(by)))
    return once(ds, asked, lambda: _journeys(ds, stages, order=order, by=by))


def _journeys(ds: Dataset, stages: Mapping[str, Sequence[str]], *, order: bool, by: By) -> ir.Table:
    table = with_fact(account_starts(ds, by=by), _leavers(ds))
    count = len(stages)
    for number, (stage, entries) in enumerate(stages.items(), start=1):
        for place, name in enumerate(name for name in entries if name in CONDITIONS):
            table = with_fact(table, _met(ds, name, stage=stage).rename({f"met_{number}_{place}": "met_at"}))
    table = _with_events(ds, table, stages)
    firsts = [_earliest(table, number) for number in range(1, count + 1)]
    entered = _in_order(firsts) if order else _furthest(firsts)
    counting = [ibis.ifelse(table.left_at.notnull() & (at > table.left_at), ibis.null(_NEVER), at) for at in entered]
    named = {stage_column(number): at for number, at in enumerate(counting, start=1)}
    return engine_of(ds).stage(table.select("account_id", *group_columns(by), "origin_at", "left_at", **named))


def stage_column(number: int) -> str:
    """Return the name of the column that holds the instant at which a stage was entered."""
    return f"stage_{number}"


def standing(ds: Dataset, table: ir.Table, *, count: int, keys: Sequence[str] = ()) -> pd.DataFrame:
    """Return one row an account of `journeys`: the keys, `step` (0: before the first stage), `entered_at` and `left` (whether it has left).

    Raises
    ------
    NotEnoughDataError
        There is no account.
    """
    columns = [table[stage_column(number)] for number in range(1, count + 1)]
    entered = [(at.notnull(), number) for number, at in reversed(list(enumerate(columns, start=1)))]
    at = ibis.cases(*((at.notnull(), at) for at in reversed(columns)), else_=table.origin_at)
    rows = table.select("account_id", *keys, step=ibis.cases(*entered, else_=0).cast("int64"), entered_at=at, left=table.left_at.notnull())
    found = engine_of(ds).run(rows.order_by("account_id"))
    if found.empty:
        raise NotEnoughDataError(f"no account had started by {ds.as_of:%Y-%m-%d}. Check the dates, or look from a later moment.")
    return found


def stage_waits(ds: Dataset, table: ir.Table, *, count: int, keys: Sequence[str] = (), horizon: Window = _SETTLED) -> pd.DataFrame:
    """Return how long accounts stayed in each stage but the last, one row a distinct combination.

    Columns: the keys, `step` (0: from the account's start to the first stage), `over` (whether the horizon from entering it is over), `duration_days`,
    `observed`, `ended_by` ("moved" to a further stage, "left", missing while neither) and `count`. Who moves and leaves at the same instant has moved.
    """
    columns = [table.origin_at, *(table[stage_column(number)] for number in range(1, count + 1))]
    parts = []
    for step, start in enumerate(columns[:-1]):
        following = _first_of(columns[step + 1 :])
        there = table.filter(start.notnull() & (start < known_until(ds)) & (table.left_at.isnull() | (start < table.left_at) | following.notnull()))
        end = ibis.coalesce(following, table.left_at, last_known(ds))
        how = ibis.cases((following.notnull(), "moved"), (table.left_at.notnull(), "left"), else_=ibis.null("string"))
        over = later(start, horizon) < known_until(ds)
        parts.append(there.select(*keys, step=ibis.literal(step, "int64"), over=over, waited=microseconds(start, end), ended_by=how))
    rows = reduce(lambda above, part: above.union(part), parts)
    order = [*keys, "step", "over", "waited", "ended_by"]
    counted = engine_of(ds).run(rows.group_by(*order).agg(count=rows.count()).order_by(order))
    observed = counted["ended_by"].notna().to_numpy()
    days = on_grid(counted["waited"], observed)
    ways = counted["ended_by"].astype("object").where(observed, None)
    return counted.drop(columns=["waited", "ended_by", "count"]).assign(duration_days=days, observed=observed, ended_by=ways, count=counted["count"])


def stage_names(stages: Iterable[str]) -> dict[int, str]:
    """Return the names of the stages by number, with what stands before the first at 0."""
    return dict(enumerate([BEFORE, *stages]))


def with_stage(rows: pd.DataFrame, stages: Iterable[str]) -> pd.DataFrame:
    """Return rows that have a `step` with the name of the `stage` after it."""
    place = rows.columns.get_loc("step")
    named = rows.copy()
    named.insert(int(np.asarray(place)) + 1, "stage", rows["step"].map(stage_names(stages)).astype("object"))
    return named


def _usual_stages(ds: Dataset) -> dict[str, list[str]]:
    named = {name: [name] for name in steps_or_default(ds, None, window=_SETTLED) if name not in CONDITIONS}
    if "subscriptions" not in ds.tables:
        return named
    for name in ("first renewal", "expansion"):
        met = _met(ds, name, stage=name)
        if int(engine_of(ds).run(met.agg(accounts=met.count()).order_by("accounts"))["accounts"].iloc[0]):
            named[name] = [name]
    return named


def _leavers(ds: Dataset) -> ir.Table:
    """Return `account_id`, `left_at`; nobody without subscriptions."""
    if "subscriptions" in ds.tables:
        return first_stays(ds).select("account_id", "left_at")
    nobody = relation(ds, "accounts").select("account_id", left_at=ibis.null(_NEVER))
    return nobody.filter(nobody.left_at.notnull())


def _with_events(ds: Dataset, table: ir.Table, stages: Mapping[str, Sequence[str]]) -> ir.Table:
    """Return the accounts with their first use, from their start on, of the events of each stage in `used_1`, `used_2` ...: one scan of the events."""
    wanted = {number: [name for name in entries if name not in CONDITIONS] for number, entries in enumerate(stages.values(), start=1)}
    wanted = {number: names for number, names in wanted.items() if names}
    if not wanted:
        return table
    events = named_events(ds, sorted({name for names in wanted.values() for name in names})).select("account_id", "event", "event_at")
    joined = events.inner_join(table.select("account_id", "origin_at"), "account_id")
    after = joined.filter(joined.event_at >= joined.origin_at)
    firsts = {f"used_{number}": after.event_at.min(where=after.event.isin(names)) for number, names in wanted.items()}
    used = engine_of(ds).stage(after.group_by(owner="account_id").agg(**firsts))
    return table.left_join(used, table.account_id == used.owner).drop("owner")


def _earliest(table: ir.Table, number: int) -> ir.TimestampValue:
    """Return when the condition of a stage was first met, not before the account's start; missing: never."""
    columns = [table[name] for name in table.columns if name == f"used_{number}" or name.startswith(f"met_{number}_")]
    first = columns[0] if len(columns) == 1 else ibis.least(*columns)
    return ibis.ifelse(first < table.origin_at, table.origin_at, first)


def _in_order(firsts: Sequence[ir.TimestampValue]) -> list[ir.TimestampValue]:
    """Return when all conditions up to each stage had been met."""
    entered = [firsts[0]]
    for number in range(2, len(firsts) + 1):
        conditions = firsts[:number]
        unmet = reduce(lambda one, other: one | other, [at.isnull() for at in conditions])
        entered.append(ibis.ifelse(unmet, ibis.null(_NEVER), ibis.greatest(*conditions)))
    return entered


def _furthest(firsts: Sequence[ir.TimestampValue]) -> list[ir.TimestampValue]:
    """Return when each stage was the furthest so far; missing where a further one came first or at the same instant."""
    entered = list(firsts)
    for place, at in enumerate(firsts):
        for further in firsts[place + 1 :]:
            entered[place] = ibis.ifelse(further.notnull() & (further <= at), ibis.null(_NEVER), entered[place])
    return entered


def _first_of(columns: Sequence[ir.TimestampValue]) -> ir.TimestampValue:
    """Return the first of the entries that there are: they come in order."""
    return columns[0] if len(columns) == 1 else ibis.coalesce(*columns)


def _met(ds: Dataset, name: str, *, stage: str) -> ir.Table:
    """Return `account_id`, `met_at`: when each account that did met a named condition of a stage."""
    if name == "stage on record":
        return _on_record(ds, stage)
    if name.startswith("goal"):
        goals = relation(ds, "goals")
        at = goals.set_at if name == "goal set" else goals.reached_at
        return goals.filter(at.notnull()).group_by("account_id").agg(met_at=at.min())
    if name == "first renewal":
        return _renewed(ds)
    phases = effective_phases(ds)
    rows = phases if name == "subscription start" else _raised(phases)
    return rows.group_by("account_id").agg(met_at=rows.started_at.min())


def _on_record(ds: Dataset, stage: str) -> ir.Table:
    """Return when each account first set a goal at a stage, or reached one that was to lead to it."""
    goals = relation(ds, "goals", "stage")
    at = ibis.ifelse(goals.stage == stage, goals.set_at, ibis.null(_NEVER))
    if "wanted_stage" in ds.tables["goals"].columns:
        at = ibis.least(at, ibis.ifelse(goals.wanted_stage == stage, goals.reached_at, ibis.null(_NEVER)))
    dated = goals.select("account_id", at=at)
    return dated.filter(dated["at"].notnull()).group_by("account_id").agg(met_at=dated["at"].min())


def _renewed(ds: Dataset) -> ir.Table:
    """Return the start of the local day of each account's first renewal that was made."""
    return once(ds, "first renewals", lambda: _first_renewals(ds))


def _first_renewals(ds: Dataset) -> ir.Table:
    terms = contract_terms(ds)
    made = terms.filter(terms.outcome == "renewed")
    days = engine_of(ds).run(made.group_by("account_id").agg(due_on=made.due_on.min()).order_by("account_id"))
    starts = [ds.calendar.period_start(pd.Timestamp(day).date(), "day").tz_localize(None) for day in days["due_on"]]
    return engine_of(ds).lookup(pd.DataFrame({"account_id": days["account_id"], "met_at": pd.Series(starts, dtype="datetime64[us]")}))


def _raised(phases: ir.Table) -> ir.Table:
    """Return the phases with a higher amount than the phase of the same subscription, in the same currency, before them."""
    before = ibis.window(group_by="subscription_id", order_by="started_at")
    told = phases.mutate(amount_before=phases.amount.lag().over(before), currency_before=phases.currency.lag().over(before))
    return told.filter(told.amount > told.amount_before, told.currency == told.currency_before)
