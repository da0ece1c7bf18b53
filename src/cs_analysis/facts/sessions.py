"""Sessions: the ones that the source names, or stretches of a user's events without a long pause."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from cs_analysis.data.dataset import Dataset, engine_of
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import By, group_columns
from cs_analysis.facts.uses import known_events
from cs_analysis.windows import parse_window


def session_spans(ds: Dataset, events: ir.Table, *, gap: str | None, by: By = None) -> ir.Table:
    """Return one row a session of a known account: the group columns, `account_id`, `user_id`, `started_at` and `minutes`; staged.

    With a gap, the events of a user in an account (and group) make a session until a pause longer than the gap. Without one they make the
    session whose `session_id` they carry, of which the first user in order counts; rows without it are left out.

    Raises
    ------
    ParameterError
        The gap is in calendar months.
    """
    keys = group_columns(by)
    rows = known_events(ds, events, by=by)
    if gap is None:
        who, session = [*keys, "account_id"], rows.filter(rows.session_id.notnull()).mutate(session=rows.session_id)
    else:
        who, session = [*keys, "account_id", "user_id"], _split(ds, rows.select(*keys, "account_id", "user_id", "event_at"), gap=gap, keys=keys)
    spans = session.group_by(*who, "session").agg(started_at=session.event_at.min(), last_at=session.event_at.max(), first_user=session.user_id.min())
    minutes = spans.last_at.delta(spans.started_at, unit="microsecond").cast("float64") / 60e6
    return engine_of(ds).stage(spans.select(*keys, "account_id", "started_at", user_id=spans.first_user, minutes=minutes))


def _split(ds: Dataset, rows: ir.Table, *, gap: str, keys: list[str]) -> ir.Table:
    """Return the rows with the number of their session within user and account: one more after each long pause."""
    window = parse_window(gap, name="gap")
    if window.months:
        raise ParameterError(f"gap must have a fixed length, which {gap!r} has not: write it in minutes or hours, such as '30min'.")
    narrow = engine_of(ds).stage(rows)
    ordered = {"group_by": [*keys, "account_id", "user_id"], "order_by": "event_at"}
    before = narrow.event_at.lag().over(ibis.window(**ordered))
    flagged = narrow.mutate(begins=(before.isnull() | (narrow.event_at > before + ibis.interval(microseconds=window.microseconds))).cast("int64"))
    return flagged.mutate(session=flagged.begins.sum().over(ibis.window(**ordered, rows=(None, 0))))
