"""Sessions: a Poisson process in working time whose rate follows fit, persona, contract, webinars and outages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cs_analysis.data.simulator import draws
from cs_analysis.data.simulator.arrays import Bools, Floats, Ints, in_order, spread
from cs_analysis.data.simulator.block import Block
from cs_analysis.data.simulator.clock import instant_at, working_time
from cs_analysis.data.simulator.customer_parameters import Usage

_MOST_A_WEEK = 1024
"""More sessions than an account ever has in a week; keeps the sessions' counters apart."""


@dataclass(frozen=True)
class Sessions:
    """Sessions, one entry a session, by account and start.

    `owner` is the account's row in the block, `key` the session's counter within the account, `user` the row of its user.
    """

    owner: Ints
    key: Ints
    instant: Ints
    user: Ints


def session_rate(block: Block) -> Floats:
    """Return each account's sessions a day of working time under contract, before all that makes them vary over time."""
    usage, accounts = block.scenario.parameters.usage, block.accounts
    heavier = usage.sessions_fit * accounts.fit + usage.sessions_sd * draws.normal(accounts.uniform(block.scenario, "usage/rate"))
    base = np.asarray(usage.sessions_a_day)[accounts.persona] * block.users.count**usage.users_power
    return np.asarray(block.scenario.event_rate * accounts.active * base * np.exp(heavier))


def draw_sessions(block: Block) -> Sessions:
    """Return the sessions: candidates at the highest rate, thinned to the rate of their moment.

    References
    ----------
    Lewis, Shedler (1979), Simulation of nonhomogeneous Poisson processes by thinning, Naval Research Logistics 26, 403-413.
    """
    owner, key, working = _candidates(block)
    wanted = block.uniform("session/accept", owner, key) < rate_factor(block, owner, working) / _peak(block.scenario.parameters.usage)
    owner, key, working = owner[wanted], key[wanted], working[wanted]
    instant = instant_at(working, block.accounts.shift[owner])
    took_place = block.uniform("session/outage", owner, key) < chance_to_take_place(block, owner, instant)
    owner, key, instant = owner[took_place], key[took_place], instant[took_place]
    order = in_order(owner, instant)
    owner, key, instant = owner[order], key[order], instant[order]
    number = (block.users.count[owner] * block.uniform("session/user", owner, key) ** 2).astype(np.int64)
    return Sessions(owner=owner, key=key, instant=instant, user=block.users.at_work(owner, number, instant))


def _peak(usage: Usage) -> float:
    return max(usage.early, 1.0) * max(usage.webinar, 1.0) * max(usage.free, 1.0)


def _candidates(block: Block) -> tuple[Ints, Ints, Floats]:
    """Return owner, counter and working time of candidate sessions: Poisson numbers for each week in which the account is present."""
    scenario, accounts = block.scenario, block.accounts
    first = int(working_time(scenario.begins) // 7) - 1
    weeks = np.arange(int(working_time(scenario.ends) // 7) + 2 - first)
    present = _present_weeks(block, np.asarray(7.0 * (first + weeks)))
    cell = np.flatnonzero(present & (session_rate(block) > 0)[:, None])
    owner, week = cell // len(weeks), cell % len(weeks)
    mean = 7.0 * session_rate(block)[owner] * _peak(scenario.parameters.usage)
    counts = draws.poisson(scenario.draws.uniform("session/count", accounts.index[owner], week), mean)
    row, number = spread(np.minimum(counts, _MOST_A_WEEK - 1))
    owner, key = owner[row], week[row] * _MOST_A_WEEK + number
    return owner, key, 7.0 * (first + week[row] + block.uniform("session/time", owner, key))


def _present_weeks(block: Block, monday: Floats) -> Bools:
    shift = block.accounts.shift
    present = np.zeros((len(shift), len(monday)), dtype=bool)
    for stretch in range(block.presence.starts.shape[1]):
        start = working_time(block.presence.starts[:, stretch], shift)[:, None]
        end = working_time(block.presence.ends[:, stretch], shift)[:, None]
        present |= (start < monday + 7.0) & (monday < end)
    return present


def rate_factor(block: Block, owner: Ints, working: Floats) -> Floats:
    """Return the session rate at each moment over the account's own rate."""
    usage, accounts = block.scenario.parameters.usage, block.accounts
    factor = _contract_factor(block, owner, working)
    factor *= np.where(working - accounts.start_work[owner] < usage.early_days, usage.early, 1.0)
    since_webinar = working - block.actions.effective_from("webinar")[owner]
    return factor * np.where((since_webinar >= 0) & (since_webinar < usage.webinar_days), usage.webinar, 1.0)


def _contract_factor(block: Block, owner: Ints, working: Floats) -> Floats:
    """Return 1 in a trial or under contract (less when its end is near) and the factor of the free plan elsewhere."""
    usage, accounts = block.scenario.parameters.usage, block.accounts
    trial_end = accounts.start_work + np.where(block.entry.is_kind("trial"), block.scenario.parameters.contract.trial_days, 0.0)
    factor = np.where(working < trial_end[owner], 1.0, usage.free)
    for life in block.lives:
        start, ended = working_time(life.start, accounts.shift)[owner], working_time(life.ended, accounts.shift)[owner]
        left = np.minimum((ended - working) / usage.decline_days, 1.0)
        factor = np.where((start <= working) & (working < ended), usage.decline + (1 - usage.decline) * left, factor)
    return factor


def chance_to_take_place(block: Block, owner: Ints, instant: Ints) -> Floats:
    """Return the chance that a session wanted at an instant takes place: 0 where the account is not present, less in an outage."""
    chance = np.where(block.service.is_down(0, instant), block.scenario.parameters.usage.outage, 1.0)
    return np.where(block.happens(owner, instant), chance, 0.0)
