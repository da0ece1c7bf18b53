"""Messages: conversations in which customer and company take turns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cs_analysis.data.simulator import draws
from cs_analysis.data.simulator.arrays import Bools, Floats, Ints, in_order, position, running_days, spread
from cs_analysis.data.simulator.block import Block
from cs_analysis.data.simulator.clock import working_time
from cs_analysis.data.simulator.labels import MESSAGE_CHANNELS
from cs_analysis.data.simulator.support import arrivals
from cs_analysis.data.simulator.tables import identifiers, make_table, named

_MOST_A_THREAD = 16


def messages_table(block: Block) -> pa.Table:
    """Return the messages of a block, by account and instant; a message after the history or after the account left is not sent."""
    owner, key, opened = arrivals(block, _thread_rate(block), "thread")
    p = block.scenario.parameters.support
    ours = block.uniform("thread/ours", owner, key) < p.started_by_us
    mail = block.uniform("thread/mail", owner, key) < p.email_share
    thread, turn = spread(_lengths(block, owner, key, ours=ours))
    outgoing = ours[thread] ^ (turn % 2 == 1)
    writer = owner[thread]
    wait = _waits(block, writer, key[thread] * _MOST_A_THREAD + turn, outgoing=outgoing, turn=turn)
    sent = block.instants(writer, working_time(opened, block.accounts.shift[owner])[thread] + wait)
    rows = np.flatnonzero(block.happens(writer, sent))
    rows = rows[in_order(writer[rows], sent[rows])]
    writer, sent, thread, outgoing = writer[rows], sent[rows], thread[rows], outgoing[rows]
    index = block.accounts.index[writer]
    columns = {
        "message_id": identifiers("M", index, position(writer), width=4),
        "thread_id": identifiers("C", index, position(owner)[thread], width=3),
        "account_id": block.account_column(writer),
        "sent_at": sent,
        "direction": named(outgoing.astype(np.int64), ("in", "out")),
        "channel": named(np.where(mail[thread], 0, 1), MESSAGE_CHANNELS),
    }
    return make_table("messages", columns)


def _thread_rate(block: Block) -> Floats:
    p = block.scenario.parameters.support
    touch = np.where(block.accounts.high_touch, p.threads_high_touch, 1.0)
    return np.asarray(p.threads_a_day * touch * block.users.count**p.threads_users * block.accounts.active)


def _lengths(block: Block, owner: Ints, key: Ints, *, ours: Bools) -> Ints:
    """Return the number of messages of each conversation; where the customer has the last word, we mostly answer it."""
    p = block.scenario.parameters.support
    length = 1 + np.minimum(draws.geometric(block.uniform("thread/length", owner, key), p.more_messages), p.most_messages - 1)
    customer_last = ours ^ (length % 2 == 1)
    return np.asarray(length + (customer_last & (block.uniform("thread/last_word", owner, key) < p.last_word)))


def _waits(block: Block, owner: Ints, key: Ints, *, outgoing: Bools, turn: Ints) -> Floats:
    p = block.scenario.parameters.support
    median = np.where(outgoing, p.reply_median, p.answer_median)
    wait = draws.lognormal(block.uniform("message/wait", owner, key), median, p.reply_sd)
    return running_days(np.where(turn == 0, 0.0, wait + 1e-3), turn)
