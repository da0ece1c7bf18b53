"""What was known at a moment: rows and values as of an instant, in SQL."""

from __future__ import annotations

import pandas as pd

from cs_analysis.data import sql
from cs_analysis.data.contract import Table


def instant_literal(at: pd.Timestamp) -> str:
    """Return a zoned instant as a SQL literal in naive UTC."""
    return f"TIMESTAMP {sql.literal(at.tz_convert('UTC').tz_localize(None).isoformat(sep=' '))}"


def known_rows(table: Table, at: pd.Timestamp) -> str:
    """Return the predicate of rows dated at or before `at`; a month is known from its first day in the zone of `at`."""
    if table.column(table.dated_by).kind == "month":
        return f"{sql.name(table.dated_by)} <= DATE '{at:%Y-%m-%d}'"
    return f"{sql.name(table.dated_by)} <= {instant_literal(at)}"


def known_values(table: Table, at: pd.Timestamp) -> str:
    """Return the `REPLACE` clause that makes values recorded after `at` missing; empty where nothing depends on a later instant.

    An instant after `at` reads as missing together with the columns recorded with it. Plans (`renewal_at`, `target_at`)
    stay; so does a phase's end after `at` if it had been cancelled by then: it is a scheduled end.
    """
    if not table.known_with:
        return ""
    known: dict[str, list[str]] = {}
    for instant, dependents in table.known_with.items():
        for column in (instant, *dependents):
            known.setdefault(column, []).append(_known(table, instant, at))
    masked = ", ".join(f"CASE WHEN {' AND '.join(tests)} THEN {sql.name(column)} END AS {sql.name(column)}" for column, tests in known.items())
    return f"REPLACE ({masked})"


def _known(table: Table, instant: str, at: pd.Timestamp) -> str:
    moment = instant_literal(at)
    known = f"({sql.name(instant)} IS NULL OR {sql.name(instant)} <= {moment})"
    if (table.name, instant) == ("subscriptions", "ended_at"):
        return f"({known} OR coalesce({sql.name('cancelled_at')} <= {moment}, false))"
    return known
