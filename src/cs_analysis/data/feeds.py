"""Does a feed of events reach `as_of` without a hole? A hole would read as churn.

The rule adapts to how dense the feed is: a silence is suspicious when it lasts more than three days and more than three
times the 90 % quantile of the feed's other silences between days with events.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from cs_analysis.data import sql
from cs_analysis.data.contract import TABLES
from cs_analysis.data.engine import Engine
from cs_analysis.data.findings import Finding

FEEDS = ("events", "checks")
_SHORTEST = 3.0
_TIMES_USUAL = 3.0


def feed_findings(engine: Engine, table: str, known: str, *, as_of: pd.Timestamp) -> list[Finding]:
    """Return a warning for the longest hole in a feed and one for a feed that ends before `as_of`."""
    dated = sql.name(TABLES[table].dated_by)
    seen = engine.rows(f"SELECT DISTINCT CAST({dated} AS DATE) FROM {sql.name(known)} WHERE {dated} >= TIMESTAMP '1900-01-01' ORDER BY 1")
    days = pd.to_datetime([row[0] for row in seen])
    if not len(days):
        return []
    silences = np.diff(days).astype("timedelta64[D]").astype(float)
    end = as_of.tz_localize(None).normalize()
    return _gap(table, days, silences) + _early_end(table, silences, last=days[-1], end=end)


def _gap(table: str, days: pd.DatetimeIndex, silences: np.ndarray) -> list[Finding]:
    if len(silences) < 2:
        return []
    longest = int(np.argmax(silences))
    if silences[longest] <= _suspicious(np.delete(silences, longest)):
        return []
    example = f"nothing between {days[longest]:%Y-%m-%d} and {days[longest + 1]:%Y-%m-%d}"
    return [_warning(table, "gap in the feed", example=example, what_to_do="Load the missing days; until then they read as inactivity.")]


def _early_end(table: str, silences: np.ndarray, *, last: pd.Timestamp, end: pd.Timestamp) -> list[Finding]:
    if (end - last).days <= _suspicious(silences):
        return []
    return [
        _warning(
            table, "feed ends before as_of", example=f"last row on {last:%Y-%m-%d}", what_to_do="Load the missing days, or set as_of to the end of the feed."
        )
    ]


def _suspicious(usual: np.ndarray) -> float:
    return max(_SHORTEST, _TIMES_USUAL * float(np.quantile(usual, 0.9))) if len(usual) else _SHORTEST


def _warning(table: str, rule: str, *, example: str, what_to_do: str) -> Finding:
    return Finding("warning", table, TABLES[table].dated_by, rule, 0, 0, example, what_to_do)
