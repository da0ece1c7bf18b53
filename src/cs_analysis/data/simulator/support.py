"""Tickets: a Poisson process that runs faster where fit is low, with response, resolution and reopening in working time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from cs_analysis.data.simulator import draws
from cs_analysis.data.simulator.accounts import window_work
from cs_analysis.data.simulator.arrays import NEVER, Bools, Floats, Ints, in_order, position, spread
from cs_analysis.data.simulator.block import Block
from cs_analysis.data.simulator.clock import working_time
from cs_analysis.data.simulator.labels import TICKET_CHANNELS, TOPICS
from cs_analysis.data.simulator.tables import identifiers, make_table, missing_where, named


@dataclass(frozen=True)
class Tickets:
    """Tickets, one entry a ticket, by account and opening.

    Attributes
    ----------
    owner, key, number
        Row of the account, counter of the draws, and number of the ticket within the account.
    opened_work
        Working time of the opening.
    response_days, resolution_days
        Working days from opening to first response, and from there to resolution (infinite = never).
    opened, first_response, resolved, reopened
        Instants; those after the history are `NEVER`.
    touches
        Answers it took, as known at the end of the history.
    solved_at_once
        True where the first answer solved it for good, as known at the end of the history.
    """

    owner: Ints
    key: Ints
    number: Ints
    opened_work: Floats
    response_days: Floats
    resolution_days: Floats
    opened: Ints
    first_response: Ints
    resolved: Ints
    reopened: Ints
    touches: Ints
    solved_at_once: Bools


def ticket_rate(block: Block) -> Floats:
    """Return each account's tickets a day of working time."""
    p = block.scenario.parameters.support
    return np.asarray(p.tickets_a_day * np.exp(p.tickets_fit * block.accounts.fit) * block.users.count**p.tickets_users * block.accounts.active)


def response_median(block: Block, owner: Ints) -> Floats:
    """Return the median working days until the first response."""
    p = block.scenario.parameters.support
    return p.response_median * np.where(block.accounts.high_touch[owner], p.response_high_touch, 1.0)


def reopen_chance(block: Block, owner: Ints) -> Floats:
    """Return the chance that a resolved ticket is opened again."""
    p = block.scenario.parameters.support
    return draws.logistic(p.reopen_level + p.reopen_fit * block.accounts.fit[owner])


def arrivals(block: Block, rate: Floats, stream: str) -> tuple[Ints, Ints, Ints]:
    """Return owner, counter and instant of a Poisson process at each account's rate, while the account is there; by owner and instant."""
    accounts = block.accounts
    _, end = window_work(block.scenario, accounts.shift)
    span = np.maximum(end - accounts.start_work, 0.0)
    owner, key = spread(draws.poisson(accounts.uniform(block.scenario, f"{stream}/count"), rate * span))
    instant = block.instants(owner, accounts.start_work[owner] + span[owner] * block.uniform(f"{stream}/time", owner, key))
    here = block.happens(owner, instant)
    owner, key, instant = owner[here], key[here], instant[here]
    order = in_order(owner, instant)
    return owner[order], key[order], instant[order]


def draw_tickets(block: Block) -> Tickets:
    """Return the tickets of a block."""
    p = block.scenario.parameters.support
    owner, key, opened = arrivals(block, ticket_rate(block), "ticket")

    def u(stream: str) -> Floats:
        return block.uniform(f"ticket/{stream}", owner, key)

    opened_work = working_time(opened, block.accounts.shift[owner])
    response = draws.lognormal(u("response"), response_median(block, owner), p.response_sd)
    resolution = np.where(u("never") < p.never_resolved, np.inf, draws.lognormal(u("resolution"), p.resolution_median, p.resolution_sd))
    reopens = np.where(u("reopens") < reopen_chance(block, owner), draws.exponential(u("reopened"), p.reopen_days), np.inf)
    first_response, resolved, reopened = (
        _seen(block, owner, opened_work + days) for days in (response, response + resolution, response + resolution + reopens)
    )
    touches = 1 + draws.geometric(u("touches"), p.more_touches)
    return Tickets(
        owner=owner,
        key=key,
        number=position(owner),
        opened_work=opened_work,
        response_days=response,
        resolution_days=resolution,
        opened=opened,
        first_response=first_response,
        resolved=resolved,
        reopened=reopened,
        touches=touches + 2 * (reopened < NEVER),
        solved_at_once=(touches == 1) & (reopened == NEVER),
    )


def _seen(block: Block, owner: Ints, working: Floats) -> Ints:
    instant = block.instants(owner, working)
    return np.where(instant < block.scenario.ends, instant, NEVER)


def ticket_ids(block: Block, tickets: Tickets) -> pa.Array:
    """Return the identifiers of the tickets."""
    return identifiers("T", block.accounts.index[tickets.owner], tickets.number, width=3)


def tickets_table(block: Block, tickets: Tickets) -> pa.Table:
    """Return the tickets table; the agent's flag is now and then wrong."""
    p = block.scenario.parameters.support
    u = {name: block.uniform(f"ticket/{name}", tickets.owner, tickets.key) for name in ("channel", "topic", "flag")}
    open_ticket = tickets.resolved == NEVER
    columns = {
        "ticket_id": ticket_ids(block, tickets),
        "account_id": block.account_column(tickets.owner),
        "opened_at": tickets.opened,
        "first_response_at": tickets.first_response,
        "resolved_at": tickets.resolved,
        "reopened_at": tickets.reopened,
        "touches": missing_where(tickets.touches, open_ticket),
        "channel": named(draws.choice(u["channel"], p.channel_share), TICKET_CHANNELS),
        "topic": named(draws.choice(u["topic"], p.topic_share), TOPICS),
        "first_contact_resolved": missing_where(tickets.solved_at_once ^ (u["flag"] < p.flag_noise), open_ticket),
    }
    return make_table("tickets", columns)
