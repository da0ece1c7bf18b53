"""True values about coming back: the chance of a session in each week since sign-up."""

from __future__ import annotations

import numpy as np

from cs_analysis.data.simulator.arrays import DAY, Bools, Floats, Ints
from cs_analysis.data.simulator.block import Block
from cs_analysis.data.simulator.clock import working_time
from cs_analysis.data.simulator.estimands import Share, week_grid
from cs_analysis.data.simulator.usage import chance_to_take_place, rate_factor, session_rate

_WEEK = 7.0
_MOST_WEEKS = 52


def retention_shares(block: Block) -> list[Share]:
    """Return this block's share of retention: the mean chance of a session in the week that begins `time_days` after sign-up.

    1 - exp(-expected sessions), over the accounts whose week is over, gone or not. It is given the contracts, colleagues, actions and
    outages that were drawn, and not the latent values alone: only the sessions are left to chance.
    """
    over = weeks_over(block)
    returns = 1.0 - np.exp(-expected_sessions(block))
    keys = {"event": "signed_in", "time_days": _WEEK * np.arange(over.shape[1])}
    return [Share("retention", "share", (returns * over).sum(axis=0), over.sum(axis=0), keys)]


def weeks_over(block: Block) -> Bools:
    """Return which weeks since sign-up have passed within the history: accounts x weeks."""
    ends = block.accounts.start[:, None] + np.arange(1, _weeks(block) + 1) * 7 * DAY
    return np.asarray(ends <= block.scenario.ends)


def expected_sessions(block: Block) -> Floats:
    """Return the integral of the session rate over each week since sign-up: accounts x weeks.

    Between two edges the rate is linear in working time, so its value halfway times the length is the integral, without error. Weeks since
    sign-up are weeks on either clock.
    """
    weeks, edges = _weeks(block), _edges(block)
    length = np.diff(edges, axis=1)
    owner, halfway = np.repeat(np.arange(len(edges)), length.shape[1]), (edges[:, :-1] + length / 2).ravel()
    rate = session_rate(block)[owner] * rate_factor(block, owner, halfway) * chance_to_take_place(block, owner, block.instants(owner, halfway))
    week = np.minimum((halfway - block.accounts.start_work[owner]) // _WEEK, weeks - 1).astype(np.int64)
    sessions = np.bincount(owner * weeks + week, weights=rate * length.ravel(), minlength=len(edges) * weeks)
    return np.asarray(sessions, dtype=np.float64).reshape(-1, weeks)


def _weeks(block: Block) -> int:
    return min(len(week_grid(block.scenario)) - 1, _MOST_WEEKS)


def _edges(block: Block) -> Floats:
    """Return, in order, the working times at which a week ends or the session rate may jump or bend, one row an account.

    Presence needs none of its own: it begins and ends with the sign-up, the trial or a contract.
    """
    usage, start = block.scenario.parameters.usage, block.accounts.start_work[:, None]
    webinar, trial_days = block.actions.effective_from("webinar")[:, None], block.scenario.parameters.contract.trial_days
    weeks = start + _WEEK * np.arange(_weeks(block) + 1)
    contracts = [_working(block, instants) for life in block.lives for instants in (life.start[:, None], life.ended[:, None])]
    edges = [
        weeks,
        start + np.array([trial_days, usage.early_days]),
        webinar + np.array([0.0, usage.webinar_days]),
        *contracts,
        *(ended - usage.decline_days for ended in contracts[1::2]),
        *(_working(block, instants) for instants in (block.service.turns(0), np.array([block.scenario.ends]))),
    ]
    inside = [np.clip(edge, start, weeks[:, -1:]) for edge in edges]
    return np.sort(np.concatenate(inside, axis=1), axis=1)


def _working(block: Block, instants: Ints) -> Floats:
    return working_time(instants, block.accounts.shift[:, None])
