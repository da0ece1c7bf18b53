"""Goals agreed with accounts, and the rows of customer-success actions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from cs_analysis.data.simulator import draws
from cs_analysis.data.simulator.arrays import DAY, NEVER, Bools, Floats, Ints, in_order, spread, take
from cs_analysis.data.simulator.block import Block
from cs_analysis.data.simulator.labels import ACTION_KINDS, GOALS, STAGES
from cs_analysis.data.simulator.tables import make_table, named

_ACTION_NAMES = ("Getting started guide", "Feature webinar", "Business review", "Referral reward")


@dataclass(frozen=True)
class Goals:
    """Goals, one entry a goal: owner, its number within the account, working time of setting, instants, and days to the target."""

    owner: Ints
    number: Ints
    set_work: Floats
    set_at: Ints
    reached_at: Ints
    target_days: Ints


def goal_days(block: Block) -> Floats:
    """Return each account's mean days from setting a goal within reach to reaching it."""
    p = block.scenario.parameters.success
    return np.asarray(p.goal_days * np.exp(p.goal_fit * block.accounts.fit))


def draw_goals(block: Block) -> Goals:
    """Return the goals of a block, by account and setting."""
    p, accounts = block.scenario.parameters.success, block.accounts
    count = draws.poisson(accounts.uniform(block.scenario, "goal/count"), np.where(accounts.high_touch, p.goals_high, p.goals_low))
    owner, number = spread(np.minimum(count, p.goals_most) * accounts.active)

    def u(stream: str) -> Floats:
        return block.uniform(f"goal/{stream}", owner, number)

    set_work = accounts.start_work[owner] + p.goal_after + p.goal_every * number + p.goal_spread * u("set")
    wait = np.where(u("never") < p.goal_never, np.inf, draws.exponential(u("reached"), goal_days(block)[owner]))
    set_at, reached_at = block.instants(owner, set_work), block.instants(owner, set_work + wait)
    reached_at = np.where(block.happens(owner, reached_at), reached_at, NEVER)
    target = np.asarray(p.goal_target_days)[draws.choice(u("target"), np.ones(len(p.goal_target_days)))]
    goals = Goals(owner=owner, number=number, set_work=set_work, set_at=set_at, reached_at=reached_at, target_days=target)
    return take(goals, np.flatnonzero(block.happens(owner, set_at)))


def goals_table(block: Block) -> pa.Table:
    """Return the goals table; the stage is the account's at the setting, the wanted stage the next one."""
    goals = draw_goals(block)
    age = goals.set_work - block.accounts.start_work[goals.owner]
    stage = np.searchsorted(block.scenario.parameters.success.stage_days, age, side="right") - 1
    first = (len(GOALS) * block.uniform("goal/which", goals.owner)).astype(np.int64)
    columns = {
        "account_id": block.account_column(goals.owner),
        "goal": named((first + goals.number) % len(GOALS), GOALS),
        "set_at": goals.set_at,
        "target_at": goals.set_at + goals.target_days * DAY,
        "reached_at": goals.reached_at,
        "stage": named(stage, STAGES),
        "wanted_stage": named(np.minimum(stage + 1, len(STAGES) - 1), STAGES),
    }
    return make_table("goals", columns)


def actions_table(block: Block) -> pa.Table:
    """Return the actions table: planned actions that find the account present, by account and instant."""
    planned = block.instants(np.arange(len(block.accounts.index))[:, None], block.actions.at)
    owner, kind = np.nonzero(planned < NEVER)
    rows = _order_of_present(block, owner, planned[owner, kind])
    owner, kind = owner[rows], kind[rows]
    columns = {
        "account_id": block.account_column(owner),
        "action": named(kind, _ACTION_NAMES),
        "acted_at": planned[owner, kind],
        "user_id": block.user_column(block.users.first[owner]),
        "kind": named(kind, ACTION_KINDS),
        "completed": _completed(block, owner, kind),
    }
    return make_table("actions", columns)


def _order_of_present(block: Block, owner: Ints, instant: Ints) -> Ints:
    rows = np.flatnonzero(block.happens(owner, instant))
    return rows[in_order(owner[rows], instant[rows])]


def _completed(block: Block, owner: Ints, kind: Ints) -> Bools:
    return np.asarray(block.actions.completed[owner, kind])
