"""Goals agreed with accounts: how long they take, whether they were reached in time, and the stage they are to lead to."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.errors import NotEnoughDataError
from cs_analysis.facts.firsts import first_stays, known_until, last_known, microseconds, on_grid, with_fact
from cs_analysis.facts.groups import By, group_columns, with_groups
from cs_analysis.facts.uses import later
from cs_analysis.windows import Window


def goal_rows(ds: Dataset, *, due: Window | None, by: By = None) -> pd.DataFrame:
    """Return one row a goal that was set before its account left.

    Columns: the group columns (of the goal, else of the account), `account_id`, `set_at`, `due_at` (the target; without one, `due` after the goal was set;
    missing without either), `reached_at`, `watched_days` (from the setting to `as_of`), `reached_days` and `left_days` (missing: neither so far). A goal
    reached after the account has left counts as not reached.

    Raises
    ------
    MissingTableError, NotEnoughDataError
        No `goals`, or no goal in it.
    """
    goals = with_groups(ds, relation(ds, "goals"), by, table="goals")
    narrow = goals.select("account_id", *group_columns(by), "goal", "set_at", "target_at", "reached_at")
    known = with_fact(narrow, _leavers(ds))
    there = known.filter(known.left_at.isnull() | (known.set_at < known.left_at))
    reached = ibis.ifelse(there.left_at.notnull() & (there.reached_at > there.left_at), ibis.null("timestamp(6)"), there.reached_at)
    target = there.target_at if due is None else there.target_at.fill_null(later(there.set_at, due))
    waits = {"watched_days": microseconds(there.set_at, last_known(ds)), "reached_days": microseconds(there.set_at, reached)}
    waits["left_days"] = microseconds(there.set_at, there.left_at)
    columns = ["account_id", *group_columns(by), "goal", "set_at"]
    rows = engine_of(ds).run(there.select(*columns, due_at=target, reached_at=reached, **waits).order_by([*columns, "due_at", "reached_at"]))
    if rows.empty:
        raise NotEnoughDataError(f"no goal had been agreed with a customer by {ds.as_of:%Y-%m-%d}. Fill in `goals`, or look from a later moment.")
    days = {name: on_grid(rows[name], rows[name].notna().to_numpy() & (name != "watched_days")) for name in waits}
    return rows.assign(**days)


def wanted_stages(ds: Dataset) -> pd.DataFrame:
    """Return `account_id`, `wanted_stage`: the stage that the latest goal of each account with one is to lead to.

    Raises
    ------
    MissingTableError, MissingColumnsError
        No `goals`, or no `wanted_stage` in it.
    """
    goals = relation(ds, "goals", "wanted_stage")
    said = goals.filter(goals.wanted_stage.notnull()).select("account_id", "set_at", "wanted_stage")
    rows = engine_of(ds).run(said.order_by(["account_id", "set_at", "wanted_stage"]))
    return rows.drop_duplicates("account_id", keep="last")[["account_id", "wanted_stage"]].reset_index(drop=True)


def recorded_stages(ds: Dataset) -> dict[str, list[str]]:
    """Return the stages on record in `goals`, in order of the accounts' median age at them; those that are only wanted come last.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError
        No `goals`, no `stage` or `wanted_stage` in it, or none filled in.
    """
    goals = relation(ds, "goals", "stage", "wanted_stage")
    starts = relation(ds, "accounts").select("account_id", started_at="started_at")
    joined = goals.inner_join(starts, "account_id")
    aged = joined.select("stage", "wanted_stage", age=microseconds(joined.started_at, joined.set_at))
    parts = {name: _median_age(ds, aged, name) for name in ("stage", "wanted_stage")}
    ordered = [*parts["stage"], *(name for name in parts["wanted_stage"] if name not in parts["stage"])]
    if not ordered:
        raise NotEnoughDataError("no goal has a stage or a wanted stage on record. Fill in `stage` and `wanted_stage` of `goals`, or name the stages.")
    return {name: ["stage on record"] for name in ordered}


def goals_by_target(ds: Dataset, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the goals that were due by `as_of`, with whether they were reached `on_time`: by the target, its instant included."""
    due = rows[rows["due_at"].notna() & (rows["due_at"] < _end(ds))]
    return due.assign(on_time=(due["reached_at"] <= due["due_at"]).to_numpy(bool))


def _end(ds: Dataset) -> pd.Timestamp:
    return (ds.as_of + pd.Timedelta(1, "us")).tz_convert("UTC").tz_localize(None)


def _leavers(ds: Dataset) -> ir.Table:
    if "subscriptions" in ds.tables:
        return first_stays(ds).select("account_id", "left_at")
    nobody = relation(ds, "accounts")
    return nobody.filter(nobody.started_at >= known_until(ds)).select("account_id", left_at="started_at")


def _median_age(ds: Dataset, aged: ir.Table, column: str) -> list[str]:
    said = aged.filter(aged[column].notnull())
    ages = engine_of(ds).run(said.group_by(name=column).agg(age=said.age.median()).order_by(["age", "name"]))
    return [str(name) for name in ages["name"]]
