"""Rows of the subscriptions table: a run of slots with the same terms becomes one row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cs_analysis.data.simulator.accounts import Accounts
from cs_analysis.data.simulator.arrays import DAY, NEVER, Bools, Ints
from cs_analysis.data.simulator.clock import instant_at, working_time
from cs_analysis.data.simulator.contracts import DOWNGRADE, Entry, Life
from cs_analysis.data.simulator.labels import END_REASONS
from cs_analysis.data.simulator.scenario import Scenario
from cs_analysis.data.simulator.terms import Terms, list_price, plan_of

KINDS = ("paid", "trial", "free", "paused", "past_due")
"""Kinds of phases that the simulator makes."""

_PAID, _TRIAL, _FREE, _PAUSED, _PAST_DUE = range(len(KINDS))

Phases = Mapping[str, Any]
"""Columns of phases: owner, life, kind, start, end, seats, plan, mrr, discount, reason, cancelled, renewal, yearly."""


def draw_phases(scenario: Scenario, accounts: Accounts, *, entry: Entry, lives: Sequence[Life], terms: Sequence[Terms]) -> Phases:
    """Return the phases of all subscriptions as known at the end of the history, by account and start."""
    parts = [_before_contract(scenario, accounts, entry, first=lives[0])]
    back = [*(life.start for life in lives[1:]), np.full(len(accounts.start), NEVER)]
    for life, its_terms, next_start in zip(lives, terms, back, strict=True):
        parts.append(_of_contract(scenario, accounts, life, terms=its_terms))
        parts.append(_after_downgrade(accounts, life, back=next_start))
    phases = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    keep = np.flatnonzero(phases["start"] < scenario.ends)
    order = keep[np.lexsort((phases["start"][keep], phases["owner"][keep]))]
    return _as_known(scenario, {name: column[order] for name, column in phases.items()})


def _as_known(scenario: Scenario, phases: dict[str, Any]) -> Phases:
    announced = phases["cancelled"] < scenario.ends
    known = (phases["end"] < scenario.ends) | announced
    cancelled = np.where(announced, phases["cancelled"], NEVER)
    return phases | {"end": np.where(known, phases["end"], NEVER), "reason": np.where(known, phases["reason"], -1), "cancelled": cancelled}


def _unpriced(owner: Ints, *, life: int, kind: Any, start: Ints, end: Ints, seats: Ints, plan: Any) -> Phases:
    size = len(owner)
    return {
        "owner": owner,
        "life": np.full(size, life),
        "kind": np.broadcast_to(kind, size),
        "start": start,
        "end": end,
        "seats": seats,
        "plan": np.broadcast_to(plan, size),
        "mrr": np.zeros(size),
        "discount": np.zeros(size),
        "reason": np.full(size, -1),
        "cancelled": np.full(size, NEVER),
        "renewal": np.full(size, NEVER),
        "yearly": np.zeros(size, dtype=bool),
    }


def _before_contract(scenario: Scenario, accounts: Accounts, entry: Entry, *, first: Life) -> Phases:
    p = scenario.parameters.contract
    trial, free = (np.flatnonzero(entry.is_kind(name)) for name in ("trial", "free"))
    fallen = np.flatnonzero(entry.falls_back)
    trial_end = accounts.start + p.trial_days * DAY
    owner = np.concatenate([trial, free, fallen])
    kind = np.repeat([_TRIAL, _FREE, _FREE], [len(trial), len(free), len(fallen)])
    return _unpriced(
        owner,
        life=0,
        kind=kind,
        start=np.concatenate([accounts.start[trial], accounts.start[free], trial_end[fallen]]),
        end=np.concatenate([trial_end[trial], first.start[free], np.full(len(fallen), NEVER)]),
        seats=accounts.seats[owner],
        plan=np.where(kind == _TRIAL, plan_of(p, accounts.seats[owner]), 0),
    )


def _after_downgrade(accounts: Accounts, life: Life, *, back: Ints) -> Phases:
    owner = np.flatnonzero(life.reason == DOWNGRADE)
    return _unpriced(owner, life=life.number, kind=_FREE, start=life.ended[owner], end=back[owner], seats=accounts.seats[owner], plan=0)


def _of_contract(scenario: Scenario, accounts: Accounts, life: Life, *, terms: Terms) -> Phases:
    p = scenario.parameters.contract
    slots = _slots(scenario, life, terms)
    owner, slot = np.nonzero(_first_of_run(slots))
    start = slots["start"][owner, slot]
    last = np.append(owner[1:] != owner[:-1], True) if len(owner) else np.zeros(0, dtype=bool)
    end = np.where(last, life.ended[owner], np.append(start[1:], NEVER))
    year = slots["year"][owner, slot]
    seats = slots["seats"][owner, slot]
    mrr = list_price(p, seats, years=year, dollar=accounts.dollar[owner])
    reason = np.where(last, life.reason[owner], -1)
    term_end = life.turns[owner, np.minimum(12 * (year + 1), life.turns.shape[1] - 1)]
    return {
        "owner": owner,
        "life": np.full(len(owner), life.number),
        "kind": slots["kind"][owner, slot],
        "start": start,
        "end": end,
        "seats": seats,
        "plan": plan_of(p, seats),
        "mrr": mrr,
        "discount": np.round(p.discount * mrr * (terms.discounted[owner] & (year == 0)), 2),
        "reason": reason,
        "cancelled": _cancelled(scenario, accounts, life, owner=owner, start=start, reason=reason),
        "renewal": np.where(life.yearly[owner], term_end, NEVER),
        "yearly": life.yearly[owner],
    }


def _slots(scenario: Scenario, life: Life, terms: Terms) -> Mapping[str, Any]:
    """Return two slots a contract month: up to the days in which it may be past due, and those days."""
    months = terms.seats.shape[1]
    running = np.where(terms.paused, _PAUSED, _PAID)
    dunned = life.turns[:, 1 : months + 1] - scenario.parameters.contract.dunning_days * DAY

    def both(first: Any, second: Any) -> Any:
        return np.stack([first, second], axis=2).reshape(len(first), 2 * months)

    year = np.broadcast_to(np.arange(months) // 12, terms.seats.shape)
    start = both(life.turns[:, :months], dunned)
    return {
        "start": start,
        "runs": (start < life.ended[:, None]) & (life.start < NEVER)[:, None] & (start < scenario.ends),
        "kind": both(running, np.where(terms.past_due, _PAST_DUE, running)),
        "seats": both(terms.seats, terms.seats),
        "year": both(year, year),
    }


def _first_of_run(slots: Mapping[str, Any]) -> Bools:
    changed = np.zeros(slots["start"].shape, dtype=bool)
    changed[:, 0] = True
    for name in ("kind", "seats", "year"):
        changed[:, 1:] |= slots[name][:, 1:] != slots[name][:, :-1]
    return np.asarray(changed & slots["runs"])


def _cancelled(scenario: Scenario, accounts: Accounts, life: Life, *, owner: Ints, start: Ints, reason: Ints) -> Ints:
    """Return when the end of a life was asked for: some days before it, but an hour or more after its last phase began."""
    p = scenario.parameters.contract
    u, says_so = (scenario.draws.uniform(f"contract/{stream}/{life.number}", accounts.index[owner]) for stream in ("notice", "says_so"))
    asks = (reason == END_REASONS.index("voluntary")) | (reason == DOWNGRADE)
    asks |= (reason == END_REASONS.index("non_renewal")) & (says_so < p.notice_share)
    days = np.where(reason == END_REASONS.index("non_renewal"), 15 + 45 * u, 2 + 23 * u)
    asked = instant_at(working_time(life.ended[owner], accounts.shift[owner]) - days, accounts.shift[owner])
    return np.where(asks, np.maximum(asked, start + DAY // 24), NEVER)
