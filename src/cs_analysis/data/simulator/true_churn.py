"""True values about contracts: survival, ends by reason, churn by month, renewal, expansion, coming back, and the review's effect.

All of them are averages of known chances over the accounts that are at risk, given their latent values. Two policies stand side by side:
under `default` a paused contract makes no customer, so the start of a pause is an end (reason `pause`); under `with_pauses` it does.
"""

from __future__ import annotations

import numpy as np

from cs_analysis.data.simulator.arrays import DAY, NEVER, Bools, Floats, Ints
from cs_analysis.data.simulator.block import Block
from cs_analysis.data.simulator.contracts import Life, end_chances, return_chance
from cs_analysis.data.simulator.estimands import Share, day_grid, mean_of
from cs_analysis.data.simulator.labels import END_REASONS
from cs_analysis.data.simulator.scenario import Scenario
from cs_analysis.data.simulator.terms import Terms, grow_chance, list_price, seats_after_growth

POLICIES = ("default", "with_pauses")
_REASONS = (*END_REASONS, "pause")


def churn_shares(block: Block) -> list[Share]:
    """Return this block's shares of the true values about contracts."""
    return [
        *(share for policy in POLICIES for share in _survival(block, policy)),
        *_logo_churn(block),
        *_renewal(block),
        *_expansion(block),
        *_trial(block),
        _coming_back(block),
        _review_effect(block),
    ]


def leave_chances(block: Block, life: Life, policy: str) -> Floats:
    """Return the chance of leaving at each turn by reason (the last is a pause), given an unpaused customer: accounts x turns x reasons."""
    stays = 1.0 - life.chances.sum(axis=2)
    pauses = np.where(life.yearly[:, None], 0.0, stays * block.scenario.parameters.contract.pause) * (policy == "default")
    pauses[:, -1] = 0.0
    return np.concatenate([life.chances, pauses[:, :, None]], axis=2)


def survival_to(chances: Floats) -> Floats:
    """Return the chance of still being a customer just before each turn."""
    stays = np.cumprod(1.0 - chances.sum(axis=2), axis=1)
    return np.concatenate([np.ones((len(stays), 1)), stays[:, :-1]], axis=1)


def customers(block: Block) -> Bools:
    """Return which accounts became customers within the history."""
    return np.asarray(block.lives[0].start < block.scenario.ends)


def _survival(block: Block, policy: str) -> list[Share]:
    """S(t) and the incidence of each reason, in days since the start of the first contract, over all who became customers."""
    life, bought = block.lives[0], customers(block)
    chances = leave_chances(block, life, policy)[bought]
    incidence = _incidence(block.scenario, life, chances=chances, rows=bought)
    days, size = day_grid(block.scenario), float(bought.sum())
    curve = Share("survival", "share", size - incidence.sum(axis=1), size, {"policy": policy, "time_days": days})
    parts = (
        Share("cumulative_incidence", "share", incidence[:, number], size, {"policy": policy, "end_reason": reason, "time_days": days})
        for number, reason in enumerate(_REASONS)
        if reason != "pause" or policy == "default"
    )
    return [curve, *parts]


def _incidence(scenario: Scenario, life: Life, *, chances: Floats, rows: Bools) -> Floats:
    """Return the expected number that has left by each day, one column a reason."""
    days = len(day_grid(scenario))
    turns = life.turns[rows, 1 : chances.shape[1] + 1]
    day = np.minimum(-(-(turns - life.start[rows, None]) // DAY), days)
    drops = survival_to(chances)[:, :, None] * chances
    left = [np.bincount(day.ravel(), weights=drops[:, :, reason].ravel(), minlength=days + 1) for reason in range(drops.shape[2])]
    return np.cumsum(np.column_stack(left)[:days], axis=0)


def _logo_churn(block: Block) -> list[Share]:
    """Mean chance of leaving within a calendar month, over those who are customers at its start.

    A customer has one turn a month, so the chance is that of its turn in the month.
    """
    months = np.datetime64(block.scenario.begins, "s").astype("datetime64[M]") + np.arange(block.scenario.months)
    lost, at_risk = np.zeros(len(months)), np.zeros(len(months))
    for life, terms in zip(block.lives, block.terms, strict=True):
        turns = life.turns[:, 1 : life.chances.shape[1] + 1]
        rows = _reached(block, life, turns) & ~terms.paused
        month = (turns[rows].astype("datetime64[s]").astype("datetime64[M]") - months[0]).astype(np.int64)
        chance = leave_chances(block, life, "default").sum(axis=2)[rows]
        lost += np.bincount(month, weights=chance, minlength=len(months))
        at_risk += np.bincount(month, minlength=len(months))
    return [Share("logo_churn_rate", "share", lost, at_risk, {"policy": "default", "period": months.astype("datetime64[ns]")})]


def _reached(block: Block, life: Life, turns: Ints) -> Bools:
    """Return at which turns within the history the contract was still running when the turn came."""
    number = np.arange(1, turns.shape[1] + 1)
    return np.asarray((number <= life.months[:, None]) & (turns < block.scenario.ends) & (life.start < NEVER)[:, None])


def _renewal(block: Block) -> list[Share]:
    """Mean chance of going on at a renewal: yearly contracts by renewal number, monthly ones at all of them."""
    life = block.lives[0]
    turns = life.turns[:, 1 : life.chances.shape[1] + 1]
    stays = 1.0 - life.chances.sum(axis=2)
    reached = _reached(block, life, turns)
    monthly = reached & ~life.yearly[:, None]
    shares = [mean_of("renewal_rate", "share", stays[monthly], interval="month")]
    for number in range(1, turns.shape[1] // 12 + 1):
        due = reached[:, 12 * number - 1] & life.yearly
        shares.append(mean_of("renewal_rate", "share", stays[due, 12 * number - 1], interval="year", renewal=number))
    return shares


def _expansion(block: Block) -> list[Share]:
    """Chance of adding seats at a turn at which the contract goes on unpaused, and the expected share of list price added there."""
    rate, turns, added, before = 0.0, 0.0, 0.0, 0.0
    for life, terms in zip(block.lives, block.terms, strict=True):
        owner, month = np.nonzero(_goes_on(block, life, terms))
        chance = grow_chance(block.scenario.parameters.contract, block.accounts.fit)[owner]
        price, gain = _expected_gain(block, terms.seats[owner, month - 1])
        rate, turns = rate + chance.sum(), turns + len(owner)
        added, before = added + float(chance @ gain), before + price.sum()
    return [Share("expansion_rate", "per_month", rate, turns), Share("expansion_share", "per_month", added, before)]


def _goes_on(block: Block, life: Life, terms: Terms) -> Bools:
    month = np.arange(terms.seats.shape[1])
    turns = life.turns[:, : len(month)]
    return np.asarray((month >= 1) & (month < life.months[:, None]) & (turns < block.scenario.ends) & ~terms.paused)


def _expected_gain(block: Block, seats: Ints) -> tuple[Floats, Floats]:
    """Return the list price of seats in EUR, and what growth adds to it on average."""
    p = block.scenario.parameters.contract
    price = list_price(p, seats)
    gains = [list_price(p, seats_after_growth(seats, by)) - price for by in p.grow_by]
    return price, np.average(gains, axis=0, weights=p.grow_share) if len(seats) else price


def _trial(block: Block) -> list[Share]:
    """Chance that a trial is bought, over the trials that are over."""
    over = block.entry.is_kind("trial") & (block.accounts.start + block.scenario.parameters.contract.trial_days * DAY < block.scenario.ends)
    return [mean_of("trial_conversion", "share", block.entry.buys[over])]


def _coming_back(block: Block) -> Share:
    """Chance of ever coming back, over the customers that have left for the first time."""
    left = block.lives[0].ended < block.scenario.ends
    return mean_of("return_rate", "share", return_chance(block.scenario.parameters.contract, block.accounts.fit)[left])


def _review_effect(block: Block) -> Share:
    """Causal effect of a review on survival to one year: everyone reviewed from the start against nobody, over all customers."""
    bought, life = customers(block), block.lives[0]
    p, shape = block.scenario.parameters.contract, (int(bought.sum()), 12)
    survives = [
        np.prod(1.0 - end_chances(p, block.accounts.fit[bought], yearly=life.yearly[bought], reviewed=np.full(shape, reviewed)).sum(axis=2), axis=1)
        for reviewed in (True, False)
    ]
    return mean_of("survival_difference", "share", survives[0] - survives[1], action="review", time_days=366.0)
