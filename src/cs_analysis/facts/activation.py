"""When accounts are activated, and how many were by the end of a window from their start."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, cutoff, engine_of
from cs_analysis.errors import ParameterError
from cs_analysis.facts.firsts import account_starts, first_stays, first_uses, known_until, last_known, microseconds, on_grid, with_fact
from cs_analysis.facts.groups import By, group_columns
from cs_analysis.facts.periods import periods
from cs_analysis.facts.uses import later, named_events
from cs_analysis.windows import Window

Need = int | str
Actions = str | Sequence[str] | None

_LONGEST_MONTH_DAYS = 31


def activated_at(ds: Dataset, actions: Actions, *, need: Need) -> ir.Table:
    """Return `account_id`, `reached_at`: when each account that did so had first used any, all or so many different ones of the actions.

    Without actions every event counts that is later than the account's start; a named one counts from the start on.

    Raises
    ------
    MissingTableError, ParameterError
        No `events`; an action that never occurs; `need` asks for something else than `"any"`, `"all"` or a number of them.
    """
    events = named_events(ds, actions)
    engine = engine_of(ds)
    names = engine.run(events.select("event").distinct().order_by("event"))["event"]
    most = max(len(names), 1)
    wanted = {"any": 1, "all": most}.get(need, 0) if isinstance(need, str) else need
    if wanted not in range(1, most + 1):
        raise ParameterError(f"need must be 'any', 'all' or a number from 1 to {most}, the different actions there are, not {need!r}.")
    firsts = first_uses(ds, events, after_start=actions is None)
    if wanted == 1:
        return firsts.group_by("account_id").agg(reached_at=firsts.first_at.min())
    ranked = firsts.mutate(place=ibis.row_number().over(ibis.window(group_by="account_id", order_by=["first_at", "event"])))
    return ranked.filter(ranked.place == wanted - 1).select("account_id", reached_at="first_at")


def longest_days(window: Window) -> float:
    """Return the length of a window in days on the durations' grid; of one in calendar months at most, with 31 days a month."""
    return float(window.months * _LONGEST_MONTH_DAYS) if window.months else round(window.microseconds * 10 / 864) / 1e9


def cohort_starts(ds: Dataset, *, cohort: Period | None, by: By) -> ir.Table:
    """Return `account_starts`, with the calendar period of the start in `cohort` if one is asked for."""
    starts = account_starts(ds, by=by)
    if cohort is None:
        return starts
    engine = engine_of(ds)
    first = engine.run(starts.agg(first=starts.origin_at.min()).order_by("first"))["first"].iloc[0]
    since = cutoff(ds) - pd.Timedelta(1, "us") if pd.isna(first) else first
    frame = periods(ds, since, period=cohort, unfinished=True).rename(columns={"period": "cohort"})
    calendar = engine.lookup(frame[["cohort", "starts_at", "ends_at"]])
    joined = starts.inner_join(calendar, [starts.origin_at >= calendar.starts_at, starts.origin_at < calendar.ends_at])
    return joined.select("account_id", *group_columns(by), "cohort", "origin_at")


def reached_within(ds: Dataset, reached: ir.Table, *, origins: ir.Table, window: Window) -> pd.DataFrame:
    """Return the days from each origin until it has been reached within the window, one row a distinct combination; only `as_of` censors.

    Returns
    -------
    DataFrame
        The columns of `origins` but `account_id` and `origin_at`, `duration_days` (at most `longest_days`, which stands for a window that
        is over; less while it is not), `observed` and `count`.
    """
    units = with_fact(origins, reached)
    end = later(units.origin_at, window)
    there = units.reached_at.notnull() & (units.reached_at <= end)
    state = ibis.cases((there, "there"), (end < known_until(ds), "over"), else_="open")
    waited = ibis.cases(
        (there, microseconds(units.origin_at, units.reached_at)), (end < known_until(ds), 0), else_=microseconds(units.origin_at, last_known(ds))
    )
    keys = [name for name in origins.columns if name not in ("account_id", "origin_at")]
    rows = units.select(*keys, waited=waited, state=state)
    order = [*keys, "waited", "state"]
    return _as_durations(engine_of(ds).run(rows.group_by(*order).agg(count=rows.count()).order_by(order)), horizon=longest_days(window))


def _as_durations(counted: pd.DataFrame, *, horizon: float) -> pd.DataFrame:
    observed = (counted["state"] == "there").to_numpy()
    days = on_grid(counted["waited"], observed)
    short = np.minimum(days, horizon - 1e-9)
    shown = np.select([observed, counted["state"] == "over"], [np.minimum(days, horizon), horizon], short)
    return counted.drop(columns=["waited", "state", "count"]).assign(duration_days=shown, observed=observed, count=counted["count"])


def stays_after(ds: Dataset, reached: ir.Table, *, landmark: Window, by: By) -> pd.DataFrame:
    """Return how long the accounts that were there at the landmark stayed after it, by whether they had been activated.

    Returns
    -------
    DataFrame
        The group columns, `activated` ("yes", "no"), `duration_days` since the landmark, `observed` (has left) and `count`.
    """
    stays = first_stays(ds)
    units = with_fact(account_starts(ds, by=by), reached)
    units = units.mutate(landmark_at=later(units.origin_at, landmark)).inner_join(stays, "account_id")
    there = units.filter(
        units.landmark_at < known_until(ds), units.arrived_at <= units.landmark_at, units.left_at.isnull() | (units.left_at > units.landmark_at)
    )
    activated = ibis.ifelse(there.reached_at.notnull() & (there.reached_at <= there.landmark_at), "yes", "no")
    waited = microseconds(there.landmark_at, there.left_at.fill_null(last_known(ds)))
    rows = there.select(*group_columns(by), activated=activated, waited=waited, observed=there.left_at.notnull())
    order = [*group_columns(by), "activated", "waited", "observed"]
    counted = engine_of(ds).run(rows.group_by(*order).agg(count=rows.count()).order_by(order))
    return counted.drop(columns="waited").assign(duration_days=on_grid(counted["waited"], counted["observed"].to_numpy()))
