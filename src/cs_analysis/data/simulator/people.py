"""Rows of the accounts, users and subscriptions tables."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cs_analysis.data.simulator.arrays import NEVER, Ints
from cs_analysis.data.simulator.block import Block
from cs_analysis.data.simulator.labels import CHANNELS, CURRENCIES, END_REASONS, INDUSTRIES, MANAGERS, PLANS, REGIONS, ROLES, SEGMENTS
from cs_analysis.data.simulator.phases import KINDS
from cs_analysis.data.simulator.tables import identifiers, make_table, named

_FIRST_WORDS = (
    "Amber", "Birch", "Cedar", "Copper", "Coral", "Crane", "Delta", "Ember", "Falcon", "Fjord", "Granite", "Harbor", "Heron", "Indigo", "Juniper", "Kestrel",
    "Lantern", "Larch", "Linden", "Lotus", "Maple", "Meadow", "Mistral", "Nimbus", "Northern", "Oak", "Onyx", "Orchid", "Pebble", "Pine", "Poplar", "Quartz",
    "Raven", "River", "Saffron", "Sequoia", "Silver", "Summit", "Tulip", "Willow",
)  # fmt: skip
_SECOND_WORDS = (
    "Analytics", "Apparel", "Bakery", "Books", "Clinic", "Devices", "Dynamics", "Electric", "Energy", "Foods", "Freight", "Furniture", "Games", "Glass",
    "Health", "Homes", "Hotels", "Labs", "Learning", "Logistics", "Machines", "Media", "Mills", "Mobility", "Optics", "Outdoor", "Packaging", "Papers",
    "Pharma", "Robotics", "Schools", "Software", "Sports", "Steel", "Studios", "Systems", "Textiles", "Tools", "Travel", "Works",
)  # fmt: skip
_NAMES = len(_FIRST_WORDS) * len(_SECOND_WORDS)
_STRIDE = 617  # shares no factor with the number of names, so that names repeat only after all have been used


def account_names(index: Ints) -> pa.Array:
    """Return display names; different accounts have different names."""
    place = index * _STRIDE % _NAMES
    rounds = index // _NAMES
    stem = [f"{_FIRST_WORDS[number % len(_FIRST_WORDS)]} {_SECOND_WORDS[number // len(_FIRST_WORDS)]}" for number in place]
    return pa.array([name if again == 0 else f"{name} {again + 1}" for name, again in zip(stem, rounds, strict=True)], pa.string())


def accounts_table(block: Block) -> pa.Table:
    """Return the accounts table; plan and seats are those of the last phase, as an export would have them."""
    accounts, phases = block.accounts, block.phases
    latest = np.searchsorted(phases["owner"], np.arange(len(accounts.index)), side="right") - 1
    columns = {
        "account_id": block.account_column(np.arange(len(accounts.index))),
        "started_at": accounts.start,
        "name": account_names(accounts.index),
        "segment": named(accounts.segment, SEGMENTS),
        "plan": named(phases["plan"][latest], PLANS),
        "region": named(accounts.region, REGIONS),
        "industry": named(accounts.industry, INDUSTRIES),
        "touch": named(accounts.high_touch.astype(np.int64), ("low", "high")),
        "csm": named(_managers(block), MANAGERS),
        "seats": phases["seats"][latest],
        "channel": named(accounts.channel, CHANNELS),
        "acquisition_cost": accounts.acquisition_cost,
    }
    return make_table("accounts", columns)


def _managers(block: Block) -> Ints:
    """Return the manager of each high-touch account: two a region; low-touch accounts have none."""
    accounts = block.accounts
    a_region = len(MANAGERS) // len(REGIONS)
    own = (a_region * accounts.uniform(block.scenario, "account/manager")).astype(np.int64)
    return np.where(accounts.high_touch, accounts.region * a_region + own, -1)


def users_table(block: Block) -> pa.Table:
    """Return the users table; the first user of an account is its admin."""
    users = block.users
    rows = np.flatnonzero(users.created < NEVER)
    owner, number = users.owner[rows], users.number[rows]
    manages = block.uniform("user/role", owner, number) < 0.2
    columns = {
        "user_id": block.user_column(rows),
        "account_id": block.account_column(owner),
        "created_at": users.created[rows],
        "role": named(np.where(number == 0, 0, np.where(manages, 1, 2)), ROLES),
    }
    return make_table("users", columns)


def subscriptions_table(block: Block) -> pa.Table:
    """Return the subscriptions table, one row a phase."""
    phases = block.phases
    owner = phases["owner"]
    columns = {
        "subscription_id": identifiers("S", block.accounts.index[owner], phases["life"] + 1, width=1),
        "account_id": block.account_column(owner),
        "started_at": phases["start"],
        "ended_at": phases["end"],
        "mrr": phases["mrr"],
        "discount": phases["discount"],
        "currency": named(block.accounts.dollar[owner].astype(np.int64), CURRENCIES),
        "plan": named(phases["plan"], PLANS),
        "seats": phases["seats"],
        "cancelled_at": phases["cancelled"],
        "renewal_at": phases["renewal"],
        "end_reason": named(phases["reason"], END_REASONS),
        "interval": named(np.where(phases["mrr"] > 0, phases["yearly"].astype(np.int64), -1), ("month", "year")),
        "kind": named(phases["kind"], KINDS),
    }
    return make_table("subscriptions", columns)
