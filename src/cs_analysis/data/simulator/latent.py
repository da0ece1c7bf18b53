"""The latent values of a block of accounts, one row an account."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cs_analysis.data.simulator.arrays import NEVER, Floats, Ints
from cs_analysis.data.simulator.block import Block
from cs_analysis.data.simulator.clock import instant_at
from cs_analysis.data.simulator.contracts import end_chances, return_chance
from cs_analysis.data.simulator.labels import ACTION_KINDS, ENTRIES, PERSONAS
from cs_analysis.data.simulator.orders import dropout_chance, purchase_rate
from cs_analysis.data.simulator.support import ticket_rate
from cs_analysis.data.simulator.tables import account_ids
from cs_analysis.data.simulator.terms import grow_chance
from cs_analysis.data.simulator.usage import session_rate
from cs_analysis.data.simulator.voice import answer_chance


def latent_values(block: Block) -> pd.DataFrame:
    """Return the latent values: traits, instants that may lie after the history, rates a day and chances.

    `first_end_at` is the end of the first contract and `first_leave_at` the first instant without any subscription; both are missing
    if they lie more than a month beyond the history's length after the start. `review_at` is the instant from which a completed
    review acts, if it ever does. `end_chance` is the chance of ending at the first renewal, `year_survival` that of the first contract
    living beyond its twelfth turn, both as they would be without a review.
    """
    return pd.DataFrame({"account_id": account_ids(block.accounts.index).to_pandas(), **_traits(block), **_rates(block), **_contract(block)})


def _traits(block: Block) -> dict[str, object]:
    accounts = block.accounts
    return {
        "fit": accounts.fit,
        "satisfaction": accounts.satisfaction,
        "persona": np.asarray(PERSONAS)[accounts.persona],
        "active": accounts.active,
        "entry": np.asarray(ENTRIES)[block.entry.kind],
        "yearly": block.entry.yearly,
        **{f"{kind}_at": _instants(_acts_from(block, kind)) for kind in ACTION_KINDS},
    }


def _acts_from(block: Block, kind: str) -> Ints:
    return instant_at(block.actions.effective_from(kind), block.accounts.shift)


def _instants(seconds: Ints) -> pd.DatetimeIndex:
    known = pd.to_datetime(np.where(seconds < NEVER, seconds, 0), unit="s", utc=True)
    return known.where(seconds < NEVER).as_unit("us")


def _rates(block: Block) -> dict[str, Floats]:
    voice, accounts = block.scenario.parameters.voice, block.accounts
    rows = np.arange(len(accounts.index))
    return {
        "sessions_a_day": session_rate(block),
        "tickets_a_day": ticket_rate(block),
        "orders_a_day": purchase_rate(block),
        "order_dropout": dropout_chance(block),
        "value_chance": np.prod(block.onboarding.passes, axis=1),
        "onboarding_pace": block.onboarding.pace,
        "nps_mean": voice.nps.mean + voice.nps.satisfaction * accounts.satisfaction,
        "nps_answer_chance": answer_chance(block, voice.nps, rows),
        **{f"ceiling_{feature.name}": block.adoption.ceiling[:, number] for number, feature in enumerate(block.scenario.parameters.usage.features)},
    }


def _contract(block: Block) -> dict[str, object]:
    p, fit, yearly = block.scenario.parameters.contract, block.accounts.fit, block.entry.yearly
    chances = end_chances(p, fit, yearly=yearly, reviewed=np.zeros((len(fit), 12), dtype=bool)).sum(axis=2)
    return {
        "trial_chance": block.entry.buys,
        "end_chance": np.where(yearly, chances[:, 11], chances[:, 0]),
        "year_survival": np.prod(1.0 - chances, axis=1),
        "grow_chance": grow_chance(p, fit),
        "return_chance": return_chance(p, fit),
        "first_contract_at": _instants(block.lives[0].start),
        "first_end_at": _instants(block.lives[0].ended),
        "first_leave_at": _instants(block.presence.first_leave),
    }
