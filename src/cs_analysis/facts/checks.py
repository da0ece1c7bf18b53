"""Checks of the service, reduced in the database: time up and down by local day, outages, and latencies in order."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, cutoff, engine_of, relation
from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.facts.periods import periods
from cs_analysis.facts.uses import offset_changes
from cs_analysis.windows import parse_window

Service = str | Sequence[str] | None
ONLY_SERVICE = "(all)"  # of checks that name no service
GAPS = 3  # a check speaks for the time until the next, at most so many times the usual time between checks


def checks_made(ds: Dataset, service: Service = None, *, maintenance: pd.DataFrame | None = None) -> ir.Table:
    """Return one row a service and instant: `service`, `checked_at`, `up`, `latency_ms`, `day` (local).

    Of several checks at one instant, one that failed counts as down and the slowest as the latency. A failed check has no latency.
    `maintenance` has `starts_at` and `ends_at`, and `service` if it holds for one; checks in [start, end) are left out.

    Raises
    ------
    MissingTableError, NotEnoughDataError, ParameterError
        No `checks`; none by `as_of`; a service that was never checked.
    """
    table = relation(ds, "checks")
    table = table.select("checked_at", "up", "latency_ms", service=table.service.fill_null(ONLY_SERVICE))
    seen = engine_of(ds).run(table.group_by("service").agg(first=table.checked_at.min(), last=table.checked_at.max()).order_by("service"))
    if seen.empty:
        raise NotEnoughDataError(f"the table 'checks' has no row by {ds.as_of}. Check as_of and the table.")
    wanted = seen["service"].tolist() if service is None else [service] if isinstance(service, str) else list(service)
    if unknown := [name for name in wanted if name not in set(seen["service"])]:
        raise ParameterError(f"no check is of the service {unknown[0]!r}; the services are {', '.join(seen['service'])}.")
    chosen = _without(ds, table.filter(table.service.isin(wanted)), maintenance)
    once = chosen.group_by("service", "checked_at").agg(up=chosen.up.min(), latency_ms=chosen.latency_ms.max())
    answered = ibis.ifelse(once.up, once.latency_ms, ibis.null("float64"))
    return once.mutate(latency_ms=answered, day=_local_day(ds, once.checked_at, since=seen["first"].min()))


def timed_checks(ds: Dataset, *, service: Service = None, maintenance: pd.DataFrame | None = None, longest_gap: str | None = None) -> ir.Table:
    """Return the checks with `before` (whether the last one was up), `next_at` and `seconds`, the time each stands for; staged.

    That is the time until the next check or `as_of`, at most `longest_gap`; without one, three times the service's usual (median) time between checks.
    """
    made = checks_made(ds, service, maintenance=maintenance)
    over = ibis.window(group_by="service", order_by="checked_at")
    after = made.mutate(before=made.up.lag().over(over), next_at=made.checked_at.lead().over(over))
    until = after.next_at.fill_null(ibis.literal(cutoff(ds)).cast("timestamp(6)"))
    timed = engine_of(ds).stage(
        after.select("service", "day", "checked_at", "up", "before", "next_at", wait=until.epoch_seconds() - after.checked_at.epoch_seconds())
    )
    if longest_gap is not None:
        cap = _seconds(longest_gap)
        return timed.mutate(seconds=ibis.least(timed.wait, ibis.literal(cap)))
    between = timed.filter(timed.next_at.notnull())
    usual = engine_of(ds).stage(between.group_by(service_named=between.service).agg(usual=GAPS * between.wait.quantile(0.5)))
    joined = timed.left_join(usual, timed.service == usual.service_named)
    return joined.mutate(seconds=ibis.least(joined.wait.cast("float64"), joined.usual.fill_null(joined.wait.cast("float64"))))


def service_days(ds: Dataset, timed: ir.Table) -> pd.DataFrame:
    """Return each service and local day with checks: `checks`, `failed`, `up_seconds`, `down_seconds`, `first_at`."""
    down = ~timed.up
    sums = timed.group_by("service", "day").agg(
        checks=timed.count(),
        failed=down.cast("int64").sum(),
        up_seconds=ibis.ifelse(timed.up, timed.seconds, 0.0).sum(),
        down_seconds=ibis.ifelse(down, timed.seconds, 0.0).sum(),
        first_at=timed.checked_at.min(),
    )
    return _dated(engine_of(ds).run(sums.order_by(["service", "day"])))


def outage_days(ds: Dataset, timed: ir.Table) -> pd.DataFrame:
    """Return each outage and local day in it: `service`, `outage` (number in the service), `day`, `failed`, `seconds`, `starts_at`, `ends_at`.

    An outage is a run of failed checks; it ends with the next check that is answered, and while there is none, `ends_at` is missing.
    """
    failed = timed.filter(~timed.up)
    begins = failed.before.fill_null(True).cast("int64")
    numbered = failed.mutate(outage=begins.sum().over(ibis.cumulative_window(group_by="service", order_by="checked_at")))
    sums = numbered.group_by("service", "outage", "day").agg(
        failed=numbered.count(),
        seconds=numbered.seconds.sum(),
        starts_at=numbered.checked_at.min(),
        ends_at=numbered.next_at.max(),
        running=numbered.next_at.isnull().max(),
    )
    rows = _dated(engine_of(ds).run(sums.order_by(["service", "outage", "day"])))
    whole = rows.groupby(["service", "outage"])
    ended = whole["ends_at"].transform("max").where(~whole["running"].transform("max"))
    return rows.assign(starts_at=whole["starts_at"].transform("min"), ends_at=ended).drop(columns="running")


def in_periods(ds: Dataset, days: pd.DataFrame, period: Period | None) -> pd.DataFrame:
    """Return rows with the `period` (first day) in which their local `day` lies, of periods that are over; with a missing `period` for None."""
    if period is None or days.empty:
        return days.assign(period=pd.Series(pd.NaT, index=days.index, dtype="datetime64[us]"))
    frame = period_frame(ds, days["day"].min(), period)
    place = frame["period"].searchsorted(days["day"], side="right") - 1
    dated = days.assign(period=frame["period"].to_numpy()[place].astype("datetime64[us]"))
    return dated[frame["finished"].to_numpy()[place]].reset_index(drop=True)


def period_frame(ds: Dataset, first_day: pd.Timestamp, period: Period) -> pd.DataFrame:
    """Return the calendar periods from a local day on, as `periods` does, the running one last."""
    return periods(ds, ds.calendar.period_start(first_day.date(), "day").tz_convert("UTC").tz_localize(None), period=period, unfinished=True)


def _without(ds: Dataset, checks: ir.Table, maintenance: pd.DataFrame | None) -> ir.Table:
    """Return the checks outside of announced maintenance."""
    if maintenance is None or maintenance.empty:
        return checks
    if missing := [name for name in ("starts_at", "ends_at") if name not in maintenance]:
        raise MissingColumnsError(missing, maintenance.columns, table="maintenance")
    utc = {name: pd.to_datetime(maintenance[name], utc=True).dt.tz_localize(None) for name in ("starts_at", "ends_at")}
    windows = pd.DataFrame({**utc, "of": maintenance.get("service")}).astype({"of": "string"})
    lookup = engine_of(ds).lookup(windows)
    of = lookup.of.cast("string")
    return checks.anti_join(lookup, [checks.checked_at >= lookup.starts_at, checks.checked_at < lookup.ends_at, of.isnull() | (of == checks.service)])


def _local_day(ds: Dataset, instants: ir.TimestampColumn, *, since: pd.Timestamp) -> ir.DateColumn:
    """Return the local date of UTC instants, the zone's offset changes written out."""
    changes = offset_changes(ds.calendar, since, cutoff(ds))
    if len(changes) == 1 and changes[0][1] == 0:
        return instants.date()
    seconds = ibis.cases(*((instants >= at, offset) for at, offset in reversed(changes)), else_=changes[0][1])
    return (instants + seconds.as_interval("s")).date()


def _dated(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(day=rows["day"].astype("datetime64[us]"))


def _seconds(length: str) -> float:
    days = parse_window(length, name="longest_gap").days
    if days is None:
        raise ParameterError(f"longest_gap must be a length of time such as '15min' or '2h', not {length!r}.")
    return float(days) * 86_400
