"""Users of the accounts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cs_analysis.data.simulator import draws
from cs_analysis.data.simulator.accounts import Accounts
from cs_analysis.data.simulator.arrays import NEVER, Ints, spread
from cs_analysis.data.simulator.clock import instant_at
from cs_analysis.data.simulator.contracts import Entry, Presence
from cs_analysis.data.simulator.labels import ONBOARDING_STEPS
from cs_analysis.data.simulator.onboarding import Onboarding
from cs_analysis.data.simulator.scenario import Scenario

_INVITATION = ONBOARDING_STEPS.index("invited_user")


@dataclass(frozen=True)
class Users:
    """Users, one entry a user, by account; the first user of an account signs it up.

    Attributes
    ----------
    owner, number
        Row of the account in the block, and number of the user in the account.
    created
        Instant of creation; at `NEVER` for users that never come to be.
    first, count
        For each account, the row of its first user and how many it could have.
    """

    owner: Ints
    number: Ints
    created: Ints
    first: Ints
    count: Ints

    def at_work(self, owner: Ints, number: Ints, instant: Ints) -> Ints:
        """Return the row of the owner's user of that number, or of its first user where that one does not exist yet."""
        row = self.first[owner] + number
        return np.where(self.created[row] <= instant, row, self.first[owner])


def draw_users(scenario: Scenario, accounts: Accounts, *, entry: Entry, onboarding: Onboarding, presence: Presence) -> Users:
    """Return the users; colleagues follow the first invitation, or the sign-up where the account starts with a contract."""
    usage = scenario.parameters.usage
    engaged = accounts.seats * np.asarray(usage.users_engaged)[accounts.persona]
    count = np.clip(np.rint(engaged), 1, usage.users_most).astype(np.int64) * accounts.active + ~accounts.active
    owner, number = spread(count)
    opened = np.where(entry.is_kind("paid"), accounts.start_work, onboarding.at[:, _INVITATION])
    wait = draws.exponential(scenario.draws.uniform("user/created", accounts.index[owner], number), usage.invite_days)
    invited = instant_at(opened[owner] + wait, accounts.shift[owner])
    created = np.where(number == 0, accounts.start[owner], invited)
    created = np.where(created < np.minimum(presence.first_leave[owner], scenario.ends), created, NEVER)
    return Users(owner=owner, number=number, created=created, first=np.cumsum(count) - count, count=count)
