"""The terms of a contract month by month: seats, price, discount, pauses and payments in trouble."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cs_analysis.data.simulator import draws
from cs_analysis.data.simulator.accounts import Accounts
from cs_analysis.data.simulator.arrays import Bools, Floats, Ints
from cs_analysis.data.simulator.contracts import Life
from cs_analysis.data.simulator.customer_parameters import Contract
from cs_analysis.data.simulator.labels import END_REASONS
from cs_analysis.data.simulator.scenario import Scenario


@dataclass(frozen=True)
class Terms:
    """Terms of one life, accounts x contract months (month 0 is the first).

    Attributes
    ----------
    seats
        Seats in the month.
    paused
        True where the contract is paused.
    past_due
        True where the last days of the month are past due.
    discounted
        True for accounts with a discount in the first year.
    """

    seats: Ints
    paused: Bools
    past_due: Bools
    discounted: Bools


def draw_terms(scenario: Scenario, accounts: Accounts, life: Life) -> Terms:
    """Return the terms of a life."""
    p = scenario.parameters.contract
    months = np.arange(life.chances.shape[1])

    def u(stream: str) -> Floats:
        return accounts.uniform(scenario, f"terms/{stream}/{life.number}", months)

    paused = _paused(p, u("pause"), u("pause_long")) & ~life.yearly[:, None]
    unpaid = (life.reason == END_REASONS.index("payment"))[:, None] & (months == life.months[:, None] - 1)
    return Terms(
        seats=_seats(
            accounts,
            p,
            grows=_grows(p, accounts, u("grow")) & ~paused,
            by=_growth(p, u("grow_by")),
            shrinks=_shrinks(p, accounts, life=life, u=u("shrink")) & ~paused,
        ),
        paused=paused,
        past_due=(u("trouble") < p.trouble) | unpaid,
        discounted=life.yearly & (accounts.uniform(scenario, f"terms/discount/{life.number}") < p.discount_share),
    )


def grow_chance(p: Contract, fit: Floats) -> Floats:
    """Return the chance that an account adds seats at a monthly turn at which its contract goes on, unpaused."""
    return draws.logistic(p.grow_level + p.grow_fit * fit)


def seats_after_growth(seats: Any, by: Any) -> Ints:
    """Return the seats after adding the share `by`, rounded up to whole seats."""
    return np.asarray(seats + np.ceil(np.round(seats * by, 9)).astype(np.int64))


def plan_of(p: Contract, seats: Any) -> Ints:
    """Return the number of the plan that goes with a number of seats."""
    return np.asarray(1 + (seats >= p.team_seats) + (seats >= p.business_seats), dtype=np.int64)


def list_price(p: Contract, seats: Any, *, years: Any = 0, dollar: Any = False) -> Floats:
    """Return the price a month of `seats`, `years` after the start of the contract, in EUR or, where `dollar`, in USD."""
    factor = (1 + p.indexation) ** np.asarray(years) * np.where(dollar, p.dollar_price, 1.0)
    return np.asarray(np.round(seats * np.round(np.asarray(p.seat_price)[plan_of(p, seats)] * factor, 2), 2))


def _paused(p: Contract, u: Floats, longer: Floats) -> Bools:
    starts = u < p.pause
    starts[:, 0] = False
    second = starts & (longer < p.pause_long)
    paused = starts.copy()
    paused[:, 1:] |= second[:, :-1]
    return paused


def _grows(p: Contract, accounts: Accounts, u: Floats) -> Bools:
    return np.asarray(u < grow_chance(p, accounts.fit)[:, None])


def _growth(p: Contract, u: Floats) -> Floats:
    return np.asarray(p.grow_by)[draws.choice(u.ravel(), p.grow_share)].reshape(u.shape)


def _shrinks(p: Contract, accounts: Accounts, *, life: Life, u: Floats) -> Bools:
    month = np.arange(u.shape[1])
    chance = np.where(life.yearly, draws.logistic(p.shrink_year + p.shrink_fit * accounts.fit), draws.logistic(p.shrink_month + p.shrink_fit * accounts.fit))
    at_renewal = ~life.yearly[:, None] | (month % 12 == 0)
    return np.asarray((u < chance[:, None]) & at_renewal)


def _seats(accounts: Accounts, p: Contract, *, grows: Bools, by: Floats, shrinks: Bools) -> Ints:
    seats = np.empty(grows.shape, dtype=np.int64)
    seats[:, 0] = accounts.seats
    for month in range(1, grows.shape[1]):
        before = seats[:, month - 1]
        fewer = np.maximum(before - np.ceil(before * p.shrink_by).astype(np.int64), 1)
        kept = np.where(shrinks[:, month], fewer, before)
        seats[:, month] = np.where(grows[:, month], seats_after_growth(before, by[:, month]), kept)
    return seats
