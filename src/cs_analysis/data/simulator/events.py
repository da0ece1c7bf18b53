"""Rows of the events table: sign-up, first uses, and what happens in sessions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from cs_analysis.data.simulator import draws
from cs_analysis.data.simulator.arrays import Floats, Ints, in_order, pick, position, running_total, spread, take
from cs_analysis.data.simulator.block import Block
from cs_analysis.data.simulator.customer_parameters import Usage
from cs_analysis.data.simulator.labels import ONBOARDING_STEPS
from cs_analysis.data.simulator.tables import identifiers, make_table, named
from cs_analysis.data.simulator.usage import Sessions, draw_sessions

_SIGNED_UP, _SIGNED_IN, _CORE = 0, 1, 2
_TIMED = ("viewed_dashboard", "imported_data", "shared_report", "built_automation")
_ABOUT_A_PROJECT = ("created_project", "imported_data", "shared_report", "commented", "exported_data", "scheduled_report")
_PROJECTS = 8
_MOST_A_SESSION = 64
_FIRST_USE = 2**40  # counters of first uses start here, far above those of sessions


@dataclass(frozen=True)
class Events:
    """Events, one entry an event: owner, counter within the account, instant, user, number of the event and session.

    `session` counts the sessions of the block; each first use is a session of its own, numbered after the others.
    """

    owner: Ints
    key: Ints
    instant: Ints
    user: Ints
    event: Ints
    session: Ints


def event_names(usage: Usage) -> tuple[str, ...]:
    """Return the names of all events."""
    return ("signed_up", "signed_in", "viewed_dashboard", *ONBOARDING_STEPS, *(feature.name for feature in usage.features))


def events_table(block: Block) -> pa.Table:
    """Return the events of a block, by account and instant."""
    sessions = draw_sessions(block)
    first_uses = _first_uses(block, session_from=len(sessions.owner))
    events = _together(_session_events(block, sessions), first_uses)
    names = event_names(block.scenario.parameters.usage)
    columns = {
        "event_at": events.instant,
        "account_id": block.account_column(events.owner),
        "user_id": block.user_column(events.user),
        "event": named(events.event, names),
        "session_id": named(events.session, _session_ids(block, sessions, first_uses)),
        "duration_s": _durations(block, events, np.isin(names, _TIMED)),
        "object_id": _objects(block, events, np.isin(names, _ABOUT_A_PROJECT)),
    }
    return make_table("events", columns)


def _first_uses(block: Block, *, session_from: int) -> Events:
    """Return the sign-up, the onboarding steps and the first use of each feature, where the account is there to take them."""
    start = block.accounts.start[:, None]
    working = np.column_stack([block.onboarding.at, block.adoption.at])
    instant = np.column_stack([start, block.instants(np.arange(len(start))[:, None], working)])
    owner, column = np.nonzero(np.isfinite(instant))
    instant = instant[owner, column]
    here = block.happens(owner, instant)
    owner, column, instant = owner[here], column[here], instant[here]
    return Events(
        owner=owner,
        key=_FIRST_USE + column,
        instant=instant,
        user=block.users.first[owner],
        event=np.where(column == 0, _SIGNED_UP, _CORE + column),
        session=session_from + np.arange(len(owner)),
    )


def _session_events(block: Block, sessions: Sessions) -> Events:
    """Return `signed_in` and a geometric number of further events for each session."""
    usage = block.scenario.parameters.usage
    more = draws.geometric(block.uniform("session/length", sessions.owner, sessions.key), usage.events_a_session)
    row, number = spread(1 + np.minimum(more, _MOST_A_SESSION - 1))
    owner, key = sessions.owner[row], sessions.key[row] * _MOST_A_SESSION + number
    gap = np.where(number == 0, 0, 3 + draws.exponential(block.uniform("event/gap", owner, key), 75.0).astype(np.int64))
    instant = sessions.instant[row] + running_total(gap, number)
    event = np.where(number == 0, _SIGNED_IN, _what(block, owner, key, instant=instant))
    events = Events(owner=owner, key=key, instant=instant, user=sessions.user[row], event=event, session=row)
    return take(events, np.flatnonzero(block.happens(owner, instant)))


def _what(block: Block, owner: Ints, key: Ints, *, instant: Ints) -> Ints:
    """Return what is done, by persona; what the account has not taken up yet becomes a look at the dashboard."""
    usage = block.scenario.parameters.usage
    weight = np.column_stack([usage.core_weight, np.transpose([feature.weight for feature in usage.features])])
    share = np.cumsum(weight, axis=1) / weight.sum(axis=1, keepdims=True)
    persona = block.accounts.persona[owner]
    steps = (share + np.arange(len(share))[:, None]).ravel()
    wish = np.searchsorted(steps, block.uniform("event/what", owner, key) + persona, side="right") - persona * weight.shape[1]
    taken_up = np.column_stack([block.accounts.start, _taken_up(block)])
    return _CORE + np.where(pick(taken_up, owner, wish) < instant, wish, 0)


def _taken_up(block: Block) -> Ints:
    rows = np.arange(len(block.accounts.index))[:, None]
    return block.instants(rows, np.column_stack([block.onboarding.at, block.adoption.at]))


def _together(events: Events, first_uses: Events) -> Events:
    both = Events(*(np.concatenate(pair) for pair in zip(vars(events).values(), vars(first_uses).values(), strict=True)))
    return take(both, in_order(both.owner, both.instant))


def _session_ids(block: Block, sessions: Sessions, first_uses: Events) -> pa.Array:
    """Return session identifiers: V and a number for sessions, F and the number of the step or feature for first uses."""
    index = block.accounts.index
    regular = identifiers("V", index[sessions.owner], position(sessions.owner), width=4)
    single = identifiers("F", index[first_uses.owner], first_uses.event, width=2)
    return pa.concat_arrays([regular, single])


def _durations(block: Block, events: Events, timed: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Floats:
    """Return the seconds that timed events take; missing for the others."""
    rows = np.flatnonzero(timed[events.event])
    seconds = np.full(len(events.event), np.nan)
    u = block.uniform("event/duration", events.owner[rows], events.key[rows])
    seconds[rows] = np.maximum(np.rint(draws.lognormal(u, 40.0, 0.8)), 1.0)
    return seconds


def _objects(block: Block, events: Events, about: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> pa.Array:
    """Return the project that an event is about; first uses are about the account's first project."""
    rows = np.flatnonzero(about[events.event])
    u = block.uniform("event/project", events.owner[rows], events.key[rows])
    project = np.where(events.key[rows] >= _FIRST_USE, 0, (_PROJECTS * u**2).astype(np.int64))
    numbers = np.full(len(events.event), -1)
    numbers[rows] = events.owner[rows] * _PROJECTS + project
    account, of_account = np.repeat(block.accounts.index, _PROJECTS), np.tile(np.arange(_PROJECTS), len(block.accounts.index))
    return named(numbers, identifiers("P", account, of_account + 1, width=1))
