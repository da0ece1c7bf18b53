"""One block of accounts: everything about them that more than one table needs, drawn once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from cs_analysis.data.simulator.accounts import Accounts, draw_accounts
from cs_analysis.data.simulator.actions import Actions, draw_actions
from cs_analysis.data.simulator.arrays import Bools, Floats, Ints
from cs_analysis.data.simulator.clock import instant_at
from cs_analysis.data.simulator.contracts import Entry, Life, Presence, draw_entry, draw_lives, presence_of
from cs_analysis.data.simulator.onboarding import Adoption, Onboarding, draw_adoption, draw_onboarding
from cs_analysis.data.simulator.phases import Phases, draw_phases
from cs_analysis.data.simulator.scenario import Scenario
from cs_analysis.data.simulator.service import Hours
from cs_analysis.data.simulator.tables import account_ids, identifiers, named
from cs_analysis.data.simulator.terms import Terms, draw_terms
from cs_analysis.data.simulator.users import Users, draw_users


@dataclass(frozen=True)
class Block:
    """A block of accounts, fully drawn but for the rows of its tables. A row's `owner` is the account's place in the block."""

    scenario: Scenario
    service: Hours
    accounts: Accounts
    actions: Actions
    onboarding: Onboarding
    adoption: Adoption
    entry: Entry
    lives: tuple[Life, ...]
    terms: tuple[Terms, ...]
    presence: Presence
    users: Users

    @cached_property
    def phases(self) -> Phases:
        """Phases of the subscriptions as known at the end of the history."""
        return draw_phases(self.scenario, self.accounts, entry=self.entry, lives=self.lives, terms=self.terms)

    def uniform(self, stream: str, owner: Ints, counter: Any = 0) -> Floats:
        """Return one uniform a row, for rows of the given owners."""
        return self.scenario.draws.uniform(stream, self.accounts.index[owner], counter)

    def instants(self, owner: Ints, working: Floats) -> Ints:
        """Return the instants of the owners' working times."""
        return instant_at(working, self.accounts.shift[owner])

    def happens(self, owner: Ints, instant: Ints) -> Bools:
        """Return whether something that needs the account present takes place within the history."""
        return (instant < self.scenario.ends) & self.presence.holds(owner, instant)

    def account_column(self, owner: Ints) -> pa.Array:
        """Return the account identifier of each row."""
        return named(owner, account_ids(self.accounts.index))

    def user_column(self, user: Ints) -> pa.Array:
        """Return the user identifier of each row, given as rows of `users`; -1 is missing."""
        return named(user, identifiers("U", self.accounts.index[self.users.owner], self.users.number, width=2))


def draw_block(scenario: Scenario, index: Ints, *, service: Hours) -> Block:
    """Return the block of accounts with the given numbers."""
    accounts = draw_accounts(scenario, index)
    actions = draw_actions(scenario, accounts)
    onboarding = draw_onboarding(scenario, accounts, actions)
    entry = draw_entry(scenario, accounts, onboarding)
    lives = draw_lives(scenario, accounts, actions=actions, entry=entry)
    presence = presence_of(scenario, accounts, entry, lives=lives)
    return Block(
        scenario=scenario,
        service=service,
        accounts=accounts,
        actions=actions,
        onboarding=onboarding,
        adoption=draw_adoption(scenario, accounts),
        entry=entry,
        lives=lives,
        terms=tuple(draw_terms(scenario, accounts, life) for life in lives),
        presence=presence,
        users=draw_users(scenario, accounts, entry=entry, onboarding=onboarding, presence=presence),
    )
