"""Contracts: who buys, how long each contract lives, why it ends, and who comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cs_analysis.data.simulator import draws
from cs_analysis.data.simulator.accounts import Accounts
from cs_analysis.data.simulator.actions import Actions
from cs_analysis.data.simulator.arrays import DAY, NEVER, Bools, Floats, Ints, pick
from cs_analysis.data.simulator.clock import anniversaries, instant_at, working_time
from cs_analysis.data.simulator.customer_parameters import Contract
from cs_analysis.data.simulator.labels import END_REASONS, ENTRIES
from cs_analysis.data.simulator.onboarding import Onboarding
from cs_analysis.data.simulator.scenario import Scenario

LIVES = 3
"""Contracts an account can have one after another."""

DOWNGRADE = END_REASONS.index("downgrade")


@dataclass(frozen=True)
class Entry:
    """How accounts come in.

    Attributes
    ----------
    kind
        Number of the entry in `labels.ENTRIES`.
    buys
        Chance that a trial is bought.
    falls_back
        True where a trial that is not bought goes on as a free plan.
    first_contract
        Instant at which the first contract starts; `NEVER` where there is none.
    yearly
        True where the account's contracts are yearly.
    """

    kind: Ints
    buys: Floats
    falls_back: Bools
    first_contract: Ints
    yearly: Bools

    def is_kind(self, name: str) -> Bools:
        """Return which accounts come in this way."""
        return np.asarray(self.kind == ENTRIES.index(name))


@dataclass(frozen=True)
class Life:
    """One contract an account, from its start to its end, decided at monthly turns.

    Attributes
    ----------
    number
        0 for the first contract, then 1, 2 after coming back.
    start
        Start; `NEVER` where the account has no such contract.
    yearly
        True where the terms are yearly.
    turns
        Monthly anniversaries 0, 1, 2, ...; a year more than the life is followed.
    chances
        Chance of ending at turn m + 1 for each of `END_REASONS`, given that it still runs: accounts x turns x reasons.
    ended, months, reason
        The end (`NEVER` if it outlives the turns), the number of months until then, and the number of its reason (-1 = none).
    """

    number: int
    start: Ints
    yearly: Bools
    turns: Ints
    chances: Floats
    ended: Ints
    months: Ints
    reason: Ints


def draw_entry(scenario: Scenario, accounts: Accounts, onboarding: Onboarding) -> Entry:
    """Return how the accounts come in and when their first contract starts."""
    p = scenario.parameters.contract
    kind = draws.choice(accounts.uniform(scenario, "entry/kind"), np.asarray(p.entry_share)[accounts.segment])
    activated = onboarding.activated(accounts, scenario.parameters.onboarding.activation_days)
    buys = draws.logistic(p.trial_level + p.trial_fit * accounts.fit + p.trial_activated * activated)
    bought = accounts.uniform(scenario, "entry/buys") < buys
    trial, free = kind == ENTRIES.index("trial"), kind == ENTRIES.index("free")
    waits = draws.geometric(accounts.uniform(scenario, "entry/upgrade"), 1 / p.upgrade - 1)
    turns = anniversaries(accounts.start, scenario.months + 1)
    upgraded = np.where(waits < scenario.months, pick(turns, np.arange(len(kind)), np.minimum(waits, scenario.months) + 1), NEVER)
    after_trial = np.where(bought, accounts.start + p.trial_days * DAY, NEVER)
    return Entry(
        kind=kind,
        buys=buys,
        falls_back=trial & ~bought & (accounts.uniform(scenario, "entry/falls_back") < p.fall_back),
        first_contract=np.select([trial, free], [after_trial, upgraded], default=accounts.start),
        yearly=~free & (accounts.uniform(scenario, "entry/yearly") < np.asarray(p.yearly_share)[accounts.segment]),
    )


def draw_lives(scenario: Scenario, accounts: Accounts, *, actions: Actions, entry: Entry) -> tuple[Life, ...]:
    """Return the contracts of the accounts, first, second and third."""
    review = instant_at(actions.effective_from("review"), accounts.shift)
    lives: list[Life] = []
    start = entry.first_contract
    for number in range(LIVES):
        life = _draw_life(scenario, accounts, number=number, start=start, yearly=entry.yearly, review=review)
        start = _return_instant(scenario, accounts, life)
        away = (life.ended <= review) & (review < start) & (life.reason != DOWNGRADE)
        review = np.where(away, NEVER, review)
        lives.append(life)
    return tuple(lives)


def _draw_life(scenario: Scenario, accounts: Accounts, *, number: int, start: Ints, yearly: Bools, review: Ints) -> Life:
    months = scenario.months + 1
    turns = anniversaries(start, months + 12)
    chances = end_chances(scenario.parameters.contract, accounts.fit, yearly=yearly, reviewed=review[:, None] < turns[:, 1 : months + 1])
    up_to = np.cumsum(chances, axis=2)
    u = accounts.uniform(scenario, f"contract/end/{number}", np.arange(1, months + 1))
    ends = (u < up_to[:, :, -1]) & (start < NEVER)[:, None]
    ended = ends.any(axis=1)
    turn = np.where(ended, ends.argmax(axis=1), months - 1)
    rows = np.arange(len(start))
    reason = (pick(u, rows, turn)[:, None] >= up_to[rows, turn]).sum(axis=1)
    return Life(
        number=number,
        start=start,
        yearly=yearly,
        turns=turns,
        chances=chances,
        ended=np.where(ended, pick(turns, rows, turn + 1), NEVER),
        months=turn + 1,
        reason=np.where(ended, reason, -1),
    )


def end_chances(p: Contract, fit: Floats, *, yearly: Bools, reviewed: Any) -> Floats:
    """Return the chance of ending at each monthly turn for each reason, given the contract still runs: accounts x turns x reasons.

    A multinomial logit against staying: exp(eta_r) / (1 + sum of exp(eta)). `reviewed` (accounts x turns) marks the turns that come
    after a completed review.
    """
    turns = np.arange(1, np.shape(reviewed)[1] + 1)
    renewal = (turns % 12 == 0)[None, :, None]
    age = np.maximum(turns // 12 - 1, 0)[None, :, None]
    of_year = np.where(renewal, np.asarray(p.year_level) + p.year_age * age, np.asarray(p.early_level))
    of_month = np.asarray(p.month_level) + p.month_age * np.log(turns)[None, :, None]
    slope = np.where(yearly[:, None], np.asarray(p.year_fit), np.asarray(p.month_fit)) * fit[:, None]
    level = np.where(yearly[:, None, None], of_year, of_month) + slope[:, None, :] + p.review * np.asarray(reviewed)[:, :, None]
    odds = np.exp(level)
    return np.asarray(odds / (1.0 + odds.sum(axis=2, keepdims=True)))


def return_chance(p: Contract, fit: Floats) -> Floats:
    """Return the chance that an ended customer comes back."""
    return draws.logistic(p.return_level + p.return_fit * fit)


def _return_instant(scenario: Scenario, accounts: Accounts, life: Life) -> Ints:
    p = scenario.parameters.contract
    comes_back = (life.ended < NEVER) & (accounts.uniform(scenario, f"contract/return/{life.number}") < return_chance(p, accounts.fit))
    gap = p.return_after + draws.exponential(accounts.uniform(scenario, f"contract/gap/{life.number}"), p.return_days)
    back = instant_at(working_time(life.ended, accounts.shift) + gap, accounts.shift)
    return np.where(comes_back, back, NEVER)


@dataclass(frozen=True)
class Presence:
    """The stretches in which accounts have a subscription of any kind, one column a stretch; [starts, ends)."""

    starts: Ints
    ends: Ints

    def holds(self, owner: Ints, instant: Ints) -> Bools:
        """Return whether the owner of each row is present at the row's instant."""
        here = np.zeros(len(owner), dtype=bool)
        for stretch in range(self.starts.shape[1]):
            here |= (self.starts[owner, stretch] <= instant) & (instant < self.ends[owner, stretch])
        return here

    @property
    def first_leave(self) -> Ints:
        """Return the end of the first stretch: the first instant without any subscription."""
        return self.ends[:, 0]


def presence_of(scenario: Scenario, accounts: Accounts, entry: Entry, *, lives: tuple[Life, ...]) -> Presence:
    """Return when the accounts are present: in a trial, on a free plan or under contract."""
    stays_free = entry.is_kind("free") | entry.falls_back
    trial_end = accounts.start + scenario.parameters.contract.trial_days * DAY
    without_contract = np.where(stays_free, NEVER, trial_end)
    ends = [np.where(life.reason == DOWNGRADE, NEVER, life.ended) for life in lives]
    ends[0] = np.where(lives[0].start < NEVER, ends[0], without_contract)
    following = [*(life.start for life in lives[1:]), np.full(len(accounts.start), NEVER)]
    starts = [accounts.start, *(life.start for life in lives[1:])]
    return Presence(starts=np.column_stack(starts), ends=np.minimum(np.column_stack(ends), np.column_stack(following)))
