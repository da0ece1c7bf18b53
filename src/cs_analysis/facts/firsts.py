"""When accounts first use something, when they leave, and how long the one takes in spite of the other."""

from __future__ import annotations

from collections.abc import Mapping

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.data.dataset import Dataset, cutoff, engine_of, relation
from cs_analysis.facts.groups import By, group_columns, with_groups
from cs_analysis.facts.policy import DEFAULT_POLICY, RevenuePolicy
from cs_analysis.facts.subscriptions import customer_spells

ANY_PHASE = RevenuePolicy(trials="customer", free_plans="customer", pauses="customer")
"""Under this policy an account is there as long as it has a subscription phase of any kind."""

_STEPS, _MICROSECONDS = 10, 864  # so many steps of the durations' grid (1e-9 day) are so many microseconds


def first_uses(ds: Dataset, events: ir.Table, *, after_start: bool = False) -> ir.Table:
    """Return `account_id`, `event`, `first_at`: each known account's first use of each event at or after its start; staged.

    With `after_start` a use at the very instant of the start does not count.
    """
    starts = relation(ds, "accounts").select("account_id", account_start="started_at")
    joined = events.select("account_id", "event", "event_at").inner_join(starts, "account_id")
    uses = joined.filter(joined.event_at > joined.account_start if after_start else joined.event_at >= joined.account_start)
    return engine_of(ds).stage(uses.group_by("account_id", "event").agg(first_at=uses.event_at.min()))


def left_at(ds: Dataset) -> ir.Table | None:
    """Return `account_id`, `left_at` of the known accounts that have left by `as_of`; None without subscriptions.

    Leaving is the first instant without a subscription phase of any kind after there was one: a trial, a free plan or a pause is
    staying, and phases that touch are one stretch. An account that never had a phase never leaves; one that came back has left.
    """
    if "subscriptions" not in ds.tables:
        return None
    stays = first_stays(ds)
    return stays.filter(stays.left_at.notnull()).select("account_id", "left_at")


def first_stays(ds: Dataset) -> ir.Table:
    """Return `account_id`, `arrived_at`, `left_at` (missing: not yet by `as_of`): each known account's first stretch of phases of any kind.

    Raises
    ------
    MissingTableError
        The dataset has no subscriptions.
    """
    kinds = "subscriptions" in ds.tables and "kind" in ds.tables["subscriptions"].columns
    spells = customer_spells(ds, policy=ANY_PHASE if kinds else DEFAULT_POLICY)
    first = spells.filter(spells.spell == 1)
    return first.select(
        "account_id", arrived_at=first.started_at, left_at=ibis.ifelse(first.ended_at < known_until(ds), first.ended_at, ibis.null("timestamp(6)"))
    )


def first_use_durations(ds: Dataset, events: ir.Table, *, since: Mapping[str, pd.Timestamp] | None = None, by: By = None) -> pd.DataFrame:
    """Return the days until each account first used each event, with leaving as the other end, one row a distinct combination.

    The clock of an account and event starts at the account's start, or at `since[event]` (an instant with its zone, such as a feature's
    release) where that is later; who had used the event before has duration 0. Accounts that had left when the clock would start, or
    whose clock has not started by `as_of`, are not in it.

    Returns
    -------
    DataFrame
        As from `durations_to`: the group columns, `event`, then `duration_days`, `observed`, `ended_by` (`"used"` or `"left"`), `count`.
    """
    engine = engine_of(ds)
    listed = engine.run(events.select("event").distinct().order_by("event"))
    released = [pd.Timestamp(since[event]).tz_convert("UTC").tz_localize(None) if since and event in since else pd.NaT for event in listed["event"]]
    clocks = engine.lookup(listed.assign(since=pd.Series(released, dtype="datetime64[us]")))
    crossed = account_starts(ds, by=by).cross_join(clocks)
    late = crossed.since.notnull() & (crossed.since > crossed.origin_at)
    origins = crossed.mutate(origin_at=ibis.ifelse(late, crossed.since, crossed.origin_at)).drop("since")
    firsts = first_uses(ds, events)
    return durations_to(ds, firsts.rename(reached_at="first_at"), origins=origins, way="used")


def account_starts(ds: Dataset, *, by: By = None) -> ir.Table:
    """Return `account_id`, the group columns and `origin_at`, the start, of the known accounts."""
    accounts = with_groups(ds, relation(ds, "accounts"), by, table="accounts")
    return accounts.select("account_id", *group_columns(by), origin_at="started_at")


def durations_to(ds: Dataset, reached: ir.Table, *, origins: ir.Table, way: str) -> pd.DataFrame:
    """Return the days from each origin until it has been reached or the account has left, one row a distinct combination.

    Parameters
    ----------
    ds : Dataset
        Without subscriptions nobody leaves.
    reached : Table
        `reached_at` by `account_id` and, if need be, further columns of `origins` (such as `event`).
    origins : Table
        One row a unit: `account_id`, `origin_at`, and columns that are keys of the result. Units whose origin is not before the end of
        what is known, or whose account had left by it, are not at risk and left out.
    way : str
        What `ended_by` says of a unit that got there. Who gets there and leaves at the same instant got there.

    Returns
    -------
    DataFrame
        Keys, `duration_days`, `observed`, `ended_by` (`way` or `"left"`, missing while neither) and `count`. Times under observation are
        rounded down, so that nobody counts as watched for a time whose last instant has not been seen.
    """
    units = with_fact(origins.filter(origins.origin_at < known_until(ds)), reached)
    left = left_at(ds)
    units = units.mutate(left_at=ibis.null("timestamp(6)")) if left is None else with_fact(units, left)
    units = units.filter(units.left_at.isnull() | (units.left_at > units.origin_at))
    there = units.reached_at.notnull() & (units.left_at.isnull() | (units.reached_at <= units.left_at))
    end = ibis.cases((there & (units.reached_at > units.origin_at), units.reached_at), (there, units.origin_at), else_=units.left_at)
    how = ibis.cases((there, way), (units.left_at.notnull(), "left"), else_=ibis.null("string"))
    waited = microseconds(units.origin_at, end.fill_null(last_known(ds)))
    keys = [name for name in origins.columns if name not in ("account_id", "origin_at")]
    return _as_durations(engine_of(ds).run(_counted(units.select(*keys, waited=waited, ended_by=how), [*keys, "waited", "ended_by"])))


def known_until(ds: Dataset) -> ir.TimestampScalar:
    """Return the first instant that is not known any more, for expressions."""
    return ibis.timestamp(cutoff(ds).isoformat(sep=" "))


def last_known(ds: Dataset) -> ir.TimestampScalar:
    """Return the last instant that is known, for expressions."""
    return ibis.timestamp((cutoff(ds) - pd.Timedelta(1, "us")).isoformat(sep=" "))


def microseconds(start: ir.TimestampColumn, end: ir.TimestampValue) -> ir.IntegerColumn:
    """Return the time between two instants."""
    return end.delta(start, unit="microsecond").cast("int64")


def on_grid(waited: pd.Series, observed: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return microseconds in days on the grid of `stats.durations`: observed ends to the nearest step, time under observation rounded down."""
    steps = waited.to_numpy("float64") * _STEPS / _MICROSECONDS  # exact where it is a whole number
    return np.asarray(np.where(observed, np.rint(steps), np.floor(steps)) / 1e9)


def with_fact(units: ir.Table, facts: ir.Table) -> ir.Table:
    """Return the units with the last column of `facts`, missing where there is none; the columns before it are the keys."""
    *keys, value = facts.columns
    renamed = facts.select(value, **{f"{key}_there": key for key in keys})
    joined = units.left_join(renamed, [units[key] == renamed[f"{key}_there"] for key in keys])
    return joined.select(*units.columns, value)


def _counted(rows: ir.Table, keys: list[str]) -> ir.Table:
    return rows.group_by(*keys).agg(count=rows.count()).order_by(keys)


def _as_durations(counted: pd.DataFrame) -> pd.DataFrame:
    """Return counted waits in microseconds as durations."""
    observed = counted["ended_by"].notna().to_numpy()
    timed = counted.drop(columns=["waited", "ended_by", "count"]).assign(duration_days=on_grid(counted["waited"], observed), observed=observed)
    return timed.assign(ended_by=counted["ended_by"].astype("object").where(observed, None), count=counted["count"])
