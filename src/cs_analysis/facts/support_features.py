"""How much help accounts had asked for, and how they were answered, by each of several dates."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.facts.feature_dates import KEYS, joined_to, known_since
from cs_analysis.facts.uses import later
from cs_analysis.windows import parse_window

_ANSWER = parse_window("24h")


def support_features(ds: Dataset, rows: ir.Table) -> ir.Table:
    """Return the support cases of each row (an account at a date), staged.

    A case counts as open unless its resolution was on record by the date, and again once it was reopened after that. The share of slow answers is
    over the cases of 90 days whose 24 hours were over; missing without any. The count of 90 days is missing where they begin before the first
    case on record.
    """
    opened = _opened(ds, rows)
    end = opened.ends_at
    resolved = opened.resolved_at.notnull() & (opened.resolved_at < end)
    reopened = opened.reopened_at.notnull() & (opened.reopened_at < end) & (opened.reopened_at > opened.resolved_at)
    answer_due = later(opened.opened_at, _ANSWER)
    recent = opened.opened_at >= opened.since_90
    due = recent & (answer_due < end)
    # An answer after the date is as late as none: the 24 hours were over by then.
    slow = due & (opened.first_response_at.isnull() | (opened.first_response_at > answer_due))
    counts = opened.group_by(*KEYS).agg(lately=_count(recent), unsolved=_count(~resolved | reopened.fill_null(False)), due=_count(due), slow=_count(slow))
    joined = joined_to(rows, counts)
    return engine_of(ds).stage(
        joined.select(
            *KEYS,
            tickets_90=ibis.ifelse(joined.since_90 >= known_since(ds, "tickets", "opened_at"), joined.lately.fill_null(0), None),
            open_tickets=joined.unsolved.fill_null(0),
            slow_answers_90=joined.slow.cast("float64") / joined.due.nullif(0),
        )
    )


def _opened(ds: Dataset, rows: ir.Table) -> ir.Table:
    """Return the cases opened by each row's date, with the row's columns."""
    tickets = relation(ds, "tickets").select("opened_at", "first_response_at", "resolved_at", "reopened_at", owner="account_id")
    return rows.inner_join(tickets, [rows.account_id == tickets.owner, tickets.opened_at < rows.ends_at])


def _count(condition: ir.BooleanValue) -> ir.IntegerScalar:
    return condition.cast("int64").sum().cast("int64")
