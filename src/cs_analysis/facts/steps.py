"""The steps of an onboarding: a chain of first uses from the account's start, and which events to take for steps at first."""

from __future__ import annotations

from collections.abc import Sequence

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.data.surveys import Scale
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.activation import longest_days
from cs_analysis.facts.firsts import account_starts, first_uses, known_until, last_known, microseconds, on_grid, with_fact
from cs_analysis.facts.groups import By, group_columns, with_groups
from cs_analysis.facts.uses import later, named_events
from cs_analysis.windows import Window

_DEFAULT_STEPS = 5


def steps_or_default(ds: Dataset, steps: Sequence[str] | None, *, window: Window) -> list[str]:
    """Return the steps; without any, the up to five events that most accounts first use within the window, in order of their median wait.

    A use at the very instant of the account's start does not make an event a step.

    Raises
    ------
    MissingTableError, ParameterError
        No `events`; a name is twice in `steps`, `steps` is empty or no list of names.
    """
    if steps is None:
        return _usual_steps(ds, window)
    named = [steps] if isinstance(steps, str) else list(steps)
    if not named or len(set(named)) < len(named):
        raise ParameterError(f"steps must be different events, at least one, not {steps!r}.")
    return named


def _usual_steps(ds: Dataset, window: Window) -> list[str]:
    firsts = first_uses(ds, relation(ds, "events"), after_start=True)
    starts = relation(ds, "accounts").select("account_id", started_at="started_at")
    joined = firsts.inner_join(starts, "account_id")
    early = joined.filter(joined.first_at <= later(joined.started_at, window))
    waits = early.mutate(waited=microseconds(early.started_at, early.first_at))
    by_event = engine_of(ds).run(waits.group_by("event").agg(accounts=waits.count(), median=waits.waited.median()).order_by("event"))
    if by_event.empty:
        raise NotEnoughDataError(
            "no event follows an account's start within the window, so there is nothing to take for steps. Name them, or widen the window."
        )
    most = by_event.sort_values(["accounts", "event"], ascending=[False, True]).head(_DEFAULT_STEPS)
    return [str(name) for name in most.sort_values(["median", "event"])["event"]]


def step_column(number: int) -> str:
    """Return the name of the column that holds a step's instant or days."""
    return f"step_{number}"


def step_instants(ds: Dataset, steps: Sequence[str], *, window: Window | None, by: By = None) -> ir.Table:
    """Return `account_starts` with the instant of each step of the chain (missing: not taken) in `step_1`, `step_2` and so on.

    Step 1 is the first use of its event at or after the start, each later step the first use of its event at or after the step before;
    with a window none lies beyond its end, counted from the start.
    """
    engine = engine_of(ds)
    used = named_events(ds, list(steps)).select("account_id", "event", "event_at")
    rows = engine.stage(used.semi_join(relation(ds, "accounts"), "account_id"))
    table = account_starts(ds, by=by)
    before = "origin_at"
    for number, name in enumerate(steps, start=1):
        joined = rows.filter(rows.event == name).inner_join(table.select("account_id", "origin_at", since=before), "account_id")
        joined = joined.filter(joined.event_at >= joined.since)
        hits = joined if window is None else joined.filter(joined.event_at <= later(joined.origin_at, window))
        table = engine.stage(with_fact(table, hits.group_by("account_id").agg(reached=hits.event_at.min())).rename({step_column(number): "reached"}))
        before = step_column(number)
    return table


def step_days(ds: Dataset, steps: Sequence[str], *, window: Window, by: By = None) -> pd.DataFrame:
    """Return one row an account: the group columns, the days to each step (missing: not seen), `follow_up_days` and `over`.

    `follow_up_days` is how long the account was watched, at most `longest_days`, which stands for a window that is over.
    """
    table = step_instants(ds, steps, window=window, by=by)
    columns = [step_column(number) for number in range(1, len(steps) + 1)]
    waits = {name: microseconds(table.origin_at, table[name]) for name in columns}
    over = later(table.origin_at, window) < known_until(ds)
    rows = table.select("account_id", *group_columns(by), **waits, watched=microseconds(table.origin_at, last_known(ds)), over=over)
    found = engine_of(ds).run(rows.order_by("account_id"))
    if found.empty:
        raise NotEnoughDataError(f"no account had started by {ds.as_of:%Y-%m-%d}. Check the dates, or look from a later moment.")
    horizon = longest_days(window)
    watched = np.minimum(on_grid(found["watched"], np.zeros(len(found), dtype=bool)), horizon - 1e-9)
    days = {name: np.minimum(on_grid(found[name], found[name].notna().to_numpy()), horizon) for name in columns}
    return found.drop(columns="watched").assign(**days, follow_up_days=np.where(found["over"], horizon, watched))


def asked_by_step(ds: Dataset, steps: Sequence[str], *, survey: str, scale: Scale, by: By = None) -> pd.DataFrame:
    """Return one row a group, furthest step at the time of asking and account: `asked`, `answered` and `satisfied` requests of a survey.

    Only requests on the scale, or without a stated one; satisfied are scores in its top box.
    """
    responses = relation(ds, "responses", "score")
    asked = responses.filter(responses.survey == survey, responses.scale.fill_null(scale.name) == scale.name)
    narrow = with_groups(ds, asked, by, table="responses").select("account_id", *group_columns(by), "asked_at", "answered_at", "score")
    rows = narrow.inner_join(step_instants(ds, steps, window=None).drop("origin_at"), "account_id")
    taken = [(rows[step_column(number)] <= rows.asked_at).fill_null(False).cast("int64") for number in range(1, len(steps) + 1)]
    answered = rows.answered_at.notnull() & rows.score.notnull()
    counted = rows.mutate(furthest_step=sum(taken[1:], start=taken[0]), answered=answered, satisfied=answered & rows.score.isin(scale.top))
    keys = [*group_columns(by), "furthest_step", "account_id"]
    sums = counted.group_by(*keys).agg(asked=counted.count(), answered=counted.answered.sum(), satisfied=counted.satisfied.sum())
    return engine_of(ds).run(sums.order_by(keys))
