"""How long tickets wait: from opening to the first response or to the resolution, those still open as far as they were seen."""

from __future__ import annotations

from typing import Literal, get_args

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import By, group_columns, with_groups
from cs_analysis.facts.opening_hours import Clock, day_microseconds, days_on_grid, with_waits

What = Literal["response", "resolution"]
Reopened = Literal["first", "last"]


def ticket_waits(ds: Dataset, *, what: What = "response", clock: Clock = "elapsed", reopened: Reopened = "first", by: By = None) -> pd.DataFrame:
    """Return one row a ticket of a known account with how long it waited, or has waited by `as_of`.

    Parameters
    ----------
    ds : Dataset
        Needs `tickets` with `first_response_at` or `resolved_at`.
    what : {"response", "resolution"}
        What ends the wait.
    clock : {"elapsed", "business"}
        All time in days of 24 hours, or opening hours of the calendar in business days.
    reopened : {"first", "last"}
        For a resolution: the first one, or the last (a ticket reopened after it is open). See `ticket_spans`.
    by : str or list of str, optional
        Columns of `tickets` or `accounts` to group by.

    Returns
    -------
    DataFrame
        `ticket_id, account_id`, the group columns (`by.<name>`), `opened_at, ended_at` (UTC without zone; missing while it waits),
        `duration_days, observed`, in order of `ticket_id`. A ticket that waits is censored at `as_of`.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `tickets` or the column that ends the wait; an unknown column in `by`; an unknown word.
    """
    return wait_rows(ds, ticket_spans(ds, what=what, reopened=reopened, by=by), clock=clock, order=["ticket_id"])


def ticket_spans(ds: Dataset, *, what: What = "response", reopened: Reopened = "first", by: By = None) -> ir.Table:
    """Return `ticket_id, account_id`, the group columns, `opened_at` and `ended_at` of the tickets of known accounts.

    A row has one `resolved_at` and one `reopened_at`. Where a ticket was resolved again after it had been reopened, its first resolution is
    no longer on record: the "first" is then taken to be the instant of the reopening, before which it lies.
    """
    for name, word, words in (("what", what, get_args(What)), ("reopened", reopened, get_args(Reopened))):
        if word not in words:
            raise ParameterError(f"{name} must be {' or '.join(map(repr, words))}, not {word!r}.")
    tickets = with_groups(ds, relation(ds, "tickets", "first_response_at" if what == "response" else "resolved_at"), by, table="tickets")
    ended = tickets.first_response_at if what == "response" else _resolution(tickets, reopened)
    return tickets.select("ticket_id", "account_id", *group_columns(by), "opened_at", ended_at=ended)


def wait_rows(ds: Dataset, spans: ir.Table, *, clock: Clock, order: list[str]) -> pd.DataFrame:
    """Return spans as rows with `duration_days` and `observed`."""
    rows = engine_of(ds).run(with_waits(ds, spans, clock=clock).order_by(order))
    days = days_on_grid(rows["waited"], rows["observed"], day=day_microseconds(ds, clock))
    return rows.drop(columns=["observed", "waited"]).assign(duration_days=days, observed=rows["observed"])


def _resolution(tickets: ir.Table, reopened: Reopened) -> ir.TimestampColumn:
    if reopened == "first":
        return ibis.least(tickets.resolved_at.fill_null(tickets.reopened_at), tickets.reopened_at.fill_null(tickets.resolved_at))
    again = tickets.reopened_at.notnull() & (tickets.reopened_at > tickets.resolved_at)
    return ibis.ifelse(again.fill_null(False), ibis.null("timestamp(6)"), tickets.resolved_at)
