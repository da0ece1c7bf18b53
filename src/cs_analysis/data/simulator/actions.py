"""Customer-success actions with a known effect, drawn before anything they act on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cs_analysis.data.simulator import draws
from cs_analysis.data.simulator.accounts import Accounts
from cs_analysis.data.simulator.arrays import Bools, Floats
from cs_analysis.data.simulator.labels import ACTION_KINDS
from cs_analysis.data.simulator.scenario import Scenario


@dataclass(frozen=True)
class Actions:
    """When each account would get each kind of action (working time, infinite = never) and whether it would see it through.

    One row an account, one column each of `ACTION_KINDS`. An action planned for a time at which the account is gone does not take place.
    """

    at: Floats
    completed: Bools

    def effective_from(self, kind: str) -> Floats:
        """Return the working time from which a completed action of the kind acts; infinite where there is none."""
        number = ACTION_KINDS.index(kind)
        return np.where(self.completed[:, number], self.at[:, number], np.inf)


def draw_actions(scenario: Scenario, accounts: Accounts) -> Actions:
    """Return the actions; low-fit and high-touch accounts get more of them (rewards go to high-fit ones)."""
    given = action_chance(scenario, accounts)
    p = scenario.parameters.success
    kinds = np.arange(len(ACTION_KINDS))
    taken = accounts.uniform(scenario, "action/taken", kinds) < given
    wait = np.asarray(p.action_after) + draws.exponential(accounts.uniform(scenario, "action/wait", kinds), np.asarray(p.action_days))
    seen_through = draws.logistic(p.completed_level + p.completed_fit * accounts.fit)
    return Actions(
        at=np.where(taken, accounts.start_work[:, None] + wait, np.inf),
        completed=taken & (accounts.uniform(scenario, "action/completed", kinds) < seen_through[:, None]),
    )


def action_chance(scenario: Scenario, accounts: Accounts) -> Floats:
    """Return the chance of each kind of action (one column a kind) for each account."""
    p = scenario.parameters.success
    level = np.asarray(p.action_level) + np.outer(accounts.fit, p.action_fit) + np.outer(accounts.high_touch, p.action_high_touch)
    return draws.logistic(level)
