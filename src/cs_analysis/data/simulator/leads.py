"""Leads: those that became the accounts, those that fell out on the way, and those still on it.

Leads come in until one of them converts: an account's channel fixes the chance c of each lead, so a geometric number of failed leads
stands before each sign-up. Leads whose sign-up would fall after the history are made in the same way from sign-ups that go on growing
(they are no accounts yet), so the leads of the last weeks are unfinished and not missing. Recording of leads begins with the history.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from cs_analysis.data.simulator import draws
from cs_analysis.data.simulator.accounts import draw_channel, growth_position, window_work
from cs_analysis.data.simulator.arrays import Floats, Ints, in_order, spread, take
from cs_analysis.data.simulator.block import Block
from cs_analysis.data.simulator.labels import CHANNELS, LEAD_STAGES
from cs_analysis.data.simulator.tables import identifiers, make_table, named


@dataclass(frozen=True)
class SignUps:
    """Sign-ups that leads lead to, one entry each: the accounts of the block, then sign-ups after the history.

    `number` is 0 for the account itself and 1, 2, ... for later sign-ups that the account's draws stand for.
    """

    owner: Ints
    number: Ints
    channel: Ints
    working: Floats


@dataclass(frozen=True)
class Leads:
    """Leads, one entry a lead: its sign-up, its number there (0 = the one that converts), and the instant of each stage (columns)."""

    owner: Ints
    sign_up: Ints
    number: Ints
    channel: Ints
    stages: Ints


def stage_time(mean: float, most: float, u: Floats) -> Floats:
    """Return days of a step: exponential, cut at `most` by conditioning."""
    return draws.exponential(u * -np.expm1(-most / mean), mean)


def draw_leads(block: Block) -> Leads:
    """Return the leads of a block that were reached within the history."""
    p = block.scenario.parameters.leads
    ups = _sign_ups(block)
    chance = np.asarray(p.conversion)[ups.channel]
    failed = draws.geometric(block.uniform("lead/failed", ups.owner, ups.number), 1.0 / chance - 1.0)
    sign_up, number = spread(1 + failed)
    owner, key = ups.owner[sign_up], ups.number[sign_up] * 4096 + number
    steps = [stage_time(mean, p.stage_most, block.uniform(f"lead/step/{step}", owner, key)) for step, mean in enumerate(p.stage_days)]
    interested = block.uniform("lead/interest", owner, key) < p.interest
    stages = _stages(block, owner, ups.working[sign_up], steps=steps, furthest=np.where(number == 0, 2, np.where(interested, 1, 0)))
    stages[:, 2] = np.where((number == 0) & (ups.number[sign_up] == 0), block.accounts.start[owner], stages[:, 2])
    leads = Leads(owner=owner, sign_up=ups.number[sign_up], number=number, channel=ups.channel[sign_up], stages=stages)
    return take(leads, np.flatnonzero((stages[:, 0] >= block.scenario.begins) & (stages[:, 0] < block.scenario.ends)))


def _sign_ups(block: Block) -> SignUps:
    """Return the accounts' sign-ups and, in proportion, those that would follow within the longest time a lead can take."""
    market, accounts = block.scenario.parameters.market, block.accounts
    first, end = window_work(block.scenario, accounts.shift)
    length = end - first
    beyond = (market.growth ** (1.0 + 2 * block.scenario.parameters.leads.stage_most / length) - 1.0) / (market.growth - 1.0)
    later = draws.poisson(accounts.uniform(block.scenario, "lead/later"), (1.0 - market.founding_share) * (beyond - 1.0))
    owner, number = spread(later)
    number = number + 1
    place = growth_position(market, 1.0 + (beyond[owner] - 1.0) * block.uniform("lead/sign_up", owner, number))
    channel = draw_channel(market, block.uniform("lead/channel", owner, number), draws.normal(block.uniform("lead/fit", owner, number)))
    return SignUps(
        owner=np.concatenate([np.arange(len(first)), owner]),
        number=np.concatenate([np.zeros(len(first), dtype=np.int64), number]),
        channel=np.concatenate([accounts.channel, channel]),
        working=np.concatenate([accounts.start_work, first[owner] + place * length[owner]]),
    )


def _stages(block: Block, owner: Ints, sign_up: Floats, *, steps: list[Floats], furthest: Ints) -> Ints:
    working = np.column_stack([sign_up - steps[0] - steps[1], sign_up - steps[1], sign_up])
    reached = np.arange(len(LEAD_STAGES)) <= furthest[:, None]
    return block.instants(owner[:, None], np.where(reached, working, np.inf))


def touchpoints_table(block: Block) -> pa.Table:
    """Return the touchpoints, one row a lead and stage reached within the history; a converting touch names the account."""
    leads = draw_leads(block)
    lead, stage = np.nonzero(leads.stages < block.scenario.ends)
    instant = leads.stages[lead, stage]
    order = in_order(leads.owner[lead], instant)
    lead, stage, instant = lead[order], stage[order], instant[order]
    owner = leads.owner[lead]
    number = leads.sign_up[lead] * 1000 + leads.number[lead]
    columns = {
        "touched_at": instant,
        "lead_id": identifiers("L", block.accounts.index[owner], number, width=4),
        "stage": named(stage, LEAD_STAGES),
        "channel": named(leads.channel[lead], CHANNELS),
        "account_id": block.account_column(np.where(stage == len(LEAD_STAGES) - 1, owner, -1)),
    }
    return make_table("touchpoints", columns)
