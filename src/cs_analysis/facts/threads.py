"""How long messages of customers wait for an answer, made from conversations inside the database."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.facts.groups import By, group_columns, with_groups
from cs_analysis.facts.opening_hours import Clock
from cs_analysis.facts.support_times import wait_rows


def message_waits(ds: Dataset, *, clock: Clock = "elapsed", by: By = None) -> pd.DataFrame:
    """Return one row a wait of a customer for an answer of ours, or for as long as there was none by `as_of`; see `thread_spans`.

    Parameters
    ----------
    ds : Dataset
        Needs `messages`.
    clock : {"elapsed", "business"}
        All time in days of 24 hours, or opening hours of the calendar in business days.
    by : str or list of str, optional
        Columns of `messages` (of the message that begins the wait) or `accounts` to group by.

    Returns
    -------
    DataFrame
        `thread_id, account_id`, the group columns (`by.<name>`), `opened_at, ended_at` (UTC without zone; missing while unanswered),
        `duration_days, observed`, in order of account, thread and opening. For millions of messages use the spans inside the database.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `messages`; an unknown column in `by`; an unknown clock.
    """
    return wait_rows(ds, thread_spans(ds, by=by), clock=clock, order=["account_id", "thread_id", "opened_at"])


def thread_spans(ds: Dataset, *, by: By = None) -> ir.Table:
    """Return `thread_id, account_id`, the group columns, `opened_at` and `ended_at` (missing: unanswered) of the waits of known accounts; staged.

    A wait begins with the first message of the customer after our last one, or after the start of the conversation, and ends with our next
    message. Further messages of the customer do not begin it anew. Of messages at the same instant the customer's come first. A conversation is a
    `thread_id` of one account. Automatic replies are answers like others: the table does not tell them apart.
    """
    keys = group_columns(by)
    rows = with_groups(ds, relation(ds, "messages"), by, table="messages")
    narrow = engine_of(ds).stage(rows.select("account_id", "thread_id", *keys, "sent_at", ours=rows.direction == "out"))
    thread = {"group_by": ["account_id", "thread_id"], "order_by": ["sent_at", "ours"]}
    turns = narrow.mutate(same=narrow.ours == narrow.ours.lag().over(ibis.window(**thread)))
    turns = turns.filter(~turns.same.fill_null(False))
    waits = turns.mutate(ended_at=turns.sent_at.lead().over(ibis.window(**thread)))
    return engine_of(ds).stage(waits.filter(~waits.ours).select("thread_id", "account_id", *keys, opened_at="sent_at", ended_at="ended_at"))
