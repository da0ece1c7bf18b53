"""Cohorts and their returns, counted in the database: who started when, who came back at which age."""

from __future__ import annotations

from typing import Any, NamedTuple

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cs_analysis.data.calendar import WEEKDAYS, Calendar
from cs_analysis.data.dataset import Dataset, cutoff, engine_of, relation
from cs_analysis.data.local_days import wall_instants
from cs_analysis.facts.groups import group_columns, with_groups
from cs_analysis.facts.retention_rules import DAYS, RetentionRule, names
from cs_analysis.facts.uses import known_events, local_day, named_events, offset_changes

_DAY = 86_400_000_000
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


class CohortCounts(NamedTuple):
    """The cells of all cohorts.

    `cells` has one row a group (columns `by.<name>`), cohort and age that has begun: `cohort_number`, `cohort` (first day of the period),
    `age`, `finished` and `n`. `exposed`, staged, has one row a group, account, `cohort_number` and finished `age`: `units` and `returned`.
    """

    cells: pd.DataFrame
    exposed: ir.Table


def count_cohorts(ds: Dataset, rule: RetentionRule) -> CohortCounts:
    """Return the cells of the cohorts of a rule, and who returned in those that are finished, by account."""
    engine, keys = engine_of(ds), group_columns(rule.by)
    members, returns = _members_and_returns(ds, rule)
    sizes = engine.stage(members.group_by(*keys, "account_id", "cohort_number").agg(units=members.count()))
    total = sizes.group_by(*keys, "cohort_number").agg(n=sizes.units.sum())
    cells = _cells(ds, engine.run(total.order_by([*keys, "cohort_number"])), rule)
    finished = engine.lookup(cells.loc[cells["finished"], ["cohort_number", "age"]].drop_duplicates().astype("int64"))
    counted = _counted(_returned(members, returns, rule), finished, keys=keys, onwards=rule.criterion == "on_or_after")
    return CohortCounts(cells, engine.stage(_exposed(sizes, finished, counted, keys=keys)))


def by_distinct(ds: Dataset, exposed: ir.Table, keys: list[str]) -> pd.DataFrame:
    """Return how many accounts of each cell of `keys` have so many `units` and `returned`: what a clustered share is made of."""
    counted = exposed.group_by(*keys, "units", "returned").agg(accounts=exposed.count())
    return engine_of(ds).run(counted.order_by([*keys, "units", "returned"]))


def over_cohorts(exposed: ir.Table, keys: list[str]) -> ir.Table:
    """Return the units and returns of each account over all its cohorts, by `keys` and age."""
    return exposed.group_by(*keys, "account_id", "age").agg(units=exposed.units.sum(), returned=exposed.returned.sum())


def spread_of_means(ds: Dataset, exposed: ir.Table, weights: pd.DataFrame, *, keys: list[str]) -> pd.DataFrame:
    """Return for each age of `keys` the accounts and the sum of their squared parts in a weighted mean of shares, as `accounts` and `squares`.

    `weights` has a row a cohort and age with its `share` and its `weight` a unit; an account's part is the sum of weight x (returned -
    share x units). Sums are of decimals, so that their order makes no difference.
    """
    cells = engine_of(ds).lookup(weights[[*keys, "cohort_number", "age", "share", "weight"]])
    joined = exposed.inner_join(cells, [_same(exposed[name], cells[name]) for name in (*keys, "cohort_number", "age")])
    part = (joined.weight * (joined.returned - joined.share * joined.units)).cast("decimal(38, 18)")
    accounts = joined.group_by(*keys, "account_id", "age").agg(part=part.sum())
    squares = (accounts.part.cast("float64") * accounts.part.cast("float64")).cast("decimal(38, 24)")
    return engine_of(ds).run(accounts.group_by(*keys, "age").agg(accounts=accounts.count(), squares=squares.sum()).order_by([*keys, "age"]))


def _members_and_returns(ds: Dataset, rule: RetentionRule) -> tuple[ir.Table, ir.Table]:
    """Return one row a unit and cohort (`cohort_number`, and its clock's start), and the activity from which returns are taken; both staged."""
    activity = _activity(ds, rule)
    keys = [*group_columns(rule.by), "account_id", "unit"]
    clocks = {f"start_{name}": activity[name].min() for name in ("at", "day") if name in activity.columns}
    if rule.entry == "account_start":
        members = _account_starts(ds, rule)
    elif rule.entry == "recurring":
        started = activity.filter(activity.started)
        members = started.group_by(*keys, cohort_number=started.number).agg(**clocks or {"periods": started.count()})
    else:
        started = activity.filter(activity.started)
        seen = started if rule.entry == "first_ever" or rule.since is None else started.filter(started.number >= _since(ds, rule))
        members = seen.group_by(*keys).agg(cohort_number=seen.number.min(), **clocks)
    chosen = members if rule.since is None else members.filter(members.cohort_number >= _since(ds, rule))
    return engine_of(ds).stage(chosen), activity.filter(activity.returned)


def _activity(ds: Dataset, rule: RetentionRule) -> ir.Table:
    """Return what the units did, staged: `number` of the period, whether `started` and `returned`, and unless whole periods will do, `at`, `event`, `day`."""
    wanted = None if rule.event is None or (rule.start is None and rule.entry != "account_start") else [*names(rule.start), *names(rule.event)]
    for given in (rule.start, rule.event):  # a misspelt name is refused where nothing else would look for it
        named_events(ds, given)
    by = None if rule.entry == "account_start" else rule.by
    known = known_events(ds, named_events(ds, wanted), by=by)
    day = local_day(ds, known.event_at)
    columns: dict[str, Any] = {"unit": known[f"{rule.actor}_id"], "number": _number_of(day, ds.calendar, rule.period)}
    columns |= {name: ibis.literal(True) if given is None else known.event.isin(names(given)) for name, given in _roles(rule)}
    keys = [*group_columns(by), "account_id"]
    if rule.by_whole_periods:
        rows = known.select(*keys, **columns)
        once = rows.group_by(*keys, "unit", "number").agg(started=rows.started.any(), returned=rows.returned.any())
        return engine_of(ds).stage(rows.distinct() if rule.start is None and rule.event is None else once)
    ticks = {"day": _days(day)} if rule.windows == "rolling_days" else {}
    rows = known.select(*keys, "event", at=known.event_at, **columns, **ticks)
    return engine_of(ds).stage(rows.distinct())


def _roles(rule: RetentionRule) -> tuple[tuple[str, Any], ...]:
    return ("started", rule.start), ("returned", rule.event)


def _account_starts(ds: Dataset, rule: RetentionRule) -> ir.Table:
    accounts = with_groups(ds, relation(ds, "accounts"), rule.by, table="accounts")
    first = engine_of(ds).run(accounts.agg(first=accounts.started_at.min()).order_by("first"))["first"].iloc[0]
    changes = offset_changes(ds.calendar, cutoff(ds) - pd.Timedelta(1, "us") if pd.isna(first) else first, cutoff(ds))
    seconds = ibis.cases(*((accounts.started_at >= since, offset) for since, offset in reversed(changes)), else_=changes[0][1])
    day = (accounts.started_at + seconds.as_interval("s")).date()
    number = _number_of(day, ds.calendar, rule.period)
    return accounts.select(*group_columns(rule.by), "account_id", unit="account_id", cohort_number=number, start_at=accounts.started_at, start_day=_days(day))


def _returned(members: ir.Table, returns: ir.Table, rule: RetentionRule) -> ir.Table:
    """Return one row a unit, cohort and cell in which it returned often enough; for `on_or_after` one with the last such age."""
    shared = [name for name in returns.columns if name.startswith("by.") or name in ("account_id", "unit")]
    theirs = returns.select(*(returns[name].name(f"{name}_there") for name in shared), *(name for name in ("at", "day", "number") if name in returns.columns))
    after = theirs.number >= members.cohort_number if rule.by_whole_periods else theirs.at >= members.start_at
    same = [_same(members[name], theirs[f"{name}_there"]) for name in shared]
    joined = members.inner_join(theirs, [*same, after])
    keys = [*group_columns(rule.by), "account_id", "unit", "cohort_number"]
    aged = joined.select(*keys, age=_age(joined, rule))
    if rule.by_whole_periods and rule.criterion == "on":
        return aged
    if rule.brackets is not None:
        bracket = ibis.cases(*((aged.age.between(first, last), first) for first, last in rule.brackets), else_=-1)
        aged = aged.mutate(age=bracket.cast("int64")).filter(ibis._.age >= 0)
    times = aged.group_by(*keys, "age").agg(times=aged.count())
    if rule.criterion != "on_or_after":
        return times.filter(times.times >= rule.minimum).select(*keys, "age")
    later = ibis.window(group_by=keys, order_by=times.age.desc(), rows=(None, 0))
    enough = times.mutate(so_far=times.times.sum().over(later)).filter(ibis._.so_far >= rule.minimum)
    return enough.group_by(*keys).agg(age=enough.age.max())


def _age(joined: ir.Table, rule: RetentionRule) -> ir.IntegerColumn:
    if rule.windows == "calendar":
        return joined.number - joined.cohort_number
    if rule.windows == "rolling_days":
        return (joined.day - joined.start_day) // DAYS[rule.period]
    at, start = (joined.at, joined.start_at) if rule.windows == "rolling" else (joined.at.truncate("h"), joined.start_at.truncate("h"))
    return at.delta(start, unit="microsecond").cast("int64") // (DAYS[rule.period] * _DAY)


def _counted(returned: ir.Table, finished: ir.Table, *, keys: list[str], onwards: bool) -> ir.Table:
    """Return how many units of each account and cohort returned at each age; `onwards`: at it or later, each unit's row being its last age."""
    counted = returned.group_by(*keys, "account_id", "cohort_number", "age").agg(returned=returned.count())
    if not onwards:
        return counted
    last = counted.rename(last="age")
    earlier = last.inner_join(finished, [last.cohort_number == finished.cohort_number, last.last >= finished.age])
    return earlier.group_by(*keys, "account_id", "cohort_number", "age").agg(returned=earlier.returned.sum())


def _exposed(sizes: ir.Table, finished: ir.Table, counted: ir.Table, *, keys: list[str]) -> ir.Table:
    """Return each account's units at each finished age of its cohorts, with how many of them returned, none included."""
    at_risk = sizes.inner_join(finished, "cohort_number").select(*keys, "account_id", "cohort_number", "age", "units")
    shared = [*keys, "account_id", "cohort_number", "age"]
    joined = at_risk.left_join(counted, [_same(at_risk[name], counted[name]) for name in shared])
    # DuckDB adds integers up as HUGEINT, which Ibis takes for a decimal.
    whole = {"units": joined.units.cast("int64"), "returned": joined.returned.fill_null(0).cast("int64")}
    return joined.select(*shared, **whole)


def _same(left: ir.Column, right: ir.Column) -> ir.BooleanColumn:
    """Return whether two key columns agree; group columns may be missing on both sides."""
    return left.identical_to(right) if left.get_name().startswith("by.") else left == right


def _cells(ds: Dataset, totals: pd.DataFrame, rule: RetentionRule) -> pd.DataFrame:
    """Return the group columns, cohort, age, `finished` and `n` of the cells that have begun by `as_of`."""
    numbers = np.sort(totals["cohort_number"].unique()).astype("int64")
    grid = _begun(ds, numbers, rule)
    days = _first_days(grid["cohort_number"].to_numpy("int64"), ds.calendar, rule.period)
    cells = totals.astype({"cohort_number": "int64", "n": "int64"}).merge(grid.assign(cohort=days), on="cohort_number")
    return cells[[*group_columns(rule.by), "cohort_number", "cohort", "age", "finished", "n"]]


def _begun(ds: Dataset, numbers: np.ndarray, rule: RetentionRule) -> pd.DataFrame:
    """Return `cohort_number`, `age` and `finished` of the cells that have begun."""
    lives = _lives(ds, numbers, rule)
    oldest = int(lives.begun_until - 1 - lives.first.min(initial=lives.begun_until)) // lives.length if rule.max_age is None else rule.max_age
    brackets = rule.brackets if rule.brackets is not None else [(age, age) for age in range(oldest + 1)]
    first, last = (np.array([pair[side] for pair in brackets], dtype="int64")[None, :] for side in (0, 1))
    ahead = rule.look_ahead if rule.criterion == "on_or_after" else 1
    begun = (lives.first[:, None] + first * lives.length < lives.begun_until) & (first <= oldest)
    finished = lives.last[:, None] + (last + ahead) * lives.length <= lives.finished_until
    row, column = np.nonzero(begun)
    return pd.DataFrame({"cohort_number": numbers[row], "age": first[0][column], "finished": finished[row, column]})


class _Lives(NamedTuple):
    """When the clock of a cohort's first and last unit begins, what has begun and what is over by `as_of`, and the length of an age.

    In periods, local days or microseconds, as the rule's clock goes; the two bounds are exclusive ends.
    """

    first: np.ndarray
    last: np.ndarray
    begun_until: int
    finished_until: int
    length: int


def _lives(ds: Dataset, numbers: np.ndarray, rule: RetentionRule) -> _Lives:
    zone, period = ds.calendar.zone, rule.period
    now, end = ds.as_of.tz_convert(zone), cutoff(ds).tz_localize("UTC").tz_convert(zone)
    if rule.windows == "calendar":
        return _Lives(numbers, numbers, _number_on(now, ds.calendar, period) + 1, _number_on(end, ds.calendar, period), 1)
    first, following = (_first_days(numbers + later, ds.calendar, period) for later in (0, 1))
    if rule.windows == "rolling_days":
        today, tomorrow = (np.datetime64(moment.date(), "D").astype("int64") for moment in (now, end))
        return _Lives(_day_numbers(first), _day_numbers(following) - 1, int(today) + 1, int(tomorrow), DAYS[period])
    begin, over = (wall_instants(days, zone) for days in (first, following))
    microseconds = int(cutoff(ds).to_datetime64().astype("datetime64[us]").astype("int64"))
    return _Lives(begin, over, microseconds, microseconds, DAYS[period] * _DAY)


def _since(ds: Dataset, rule: RetentionRule) -> int:
    """Return the number of the first period that does not begin before the day `since`."""
    day = ds.calendar.period_start(rule.since, "day").tz_convert(ds.calendar.zone).tz_localize(None)
    number = _number_on(day, ds.calendar, rule.period)
    return number + int(_first_days(np.array([number]), ds.calendar, rule.period)[0] < day.normalize().to_datetime64())


def _days(day: ir.DateColumn) -> ir.IntegerColumn:
    return day.delta(ibis.date("1970-01-01"), unit="day").cast("int64")


def _day_numbers(days: np.ndarray) -> np.ndarray:
    return days.astype("datetime64[D]").astype("int64")


def _number_of(day: ir.DateColumn, calendar: Calendar, period: str) -> ir.IntegerColumn:
    """Return the number of the period that holds a local day, counted from 1970 or from year 0."""
    if period in DAYS and period != "month":
        return _number(calendar, period, day=_days(day))
    return _number(calendar, period, month=day.year().cast("int64") * 12 + day.month().cast("int64") - 1)


def _number_on(moment: pd.Timestamp, calendar: Calendar, period: str) -> int:
    day = int(np.datetime64(moment.date(), "D").astype("int64"))
    return int(_number(calendar, period, day=day, month=moment.year * 12 + moment.month - 1))


def _number(calendar: Calendar, period: str, *, day: Any = 0, month: Any = 0) -> Any:
    """Return the number of a period from the days since 1970 or the months since year 0, of numbers or of expressions."""
    if period == "day":
        return day
    if period == "week":
        return (day - _first_week(calendar)) // 7
    return month if period == "month" else (month - (calendar.fiscal_year_start - 1)) // _MONTHS[period]


def _first_week(calendar: Calendar) -> int:
    """Return the days from 1970-01-01, a Thursday, to the first day of week 0."""
    return 4 + WEEKDAYS.index(calendar.week_start)


def _first_days(numbers: np.ndarray, calendar: Calendar, period: str) -> np.ndarray:
    """Return the first local days of periods from their numbers."""
    if period in ("day", "week"):
        days = numbers if period == "day" else numbers * 7 + _first_week(calendar)
        return days.astype("datetime64[D]").astype("datetime64[us]")
    months = numbers * _MONTHS[period] + (0 if period == "month" else calendar.fiscal_year_start - 1)
    return (months - 1970 * 12).astype("datetime64[M]").astype("datetime64[us]")
