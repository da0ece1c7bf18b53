"""Orders: repeat purchases by BG/NBD and amounts by gamma-gamma, independent of the contract."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from scipy import special

from cs_analysis.data.simulator import draws
from cs_analysis.data.simulator.arrays import Bools, Floats, Ints, in_order, position, running_days, spread
from cs_analysis.data.simulator.block import Block
from cs_analysis.data.simulator.labels import CURRENCIES
from cs_analysis.data.simulator.tables import identifiers, make_table, named


def purchase_rate(block: Block) -> Floats:
    """Return each account's repeat purchases a day while it buys: gamma distributed, its normal score correlated with fit."""
    p = block.scenario.parameters.orders
    own = draws.normal(block.accounts.uniform(block.scenario, "order/rate"))
    score = p.rate_fit * block.accounts.fit + np.sqrt(1 - p.rate_fit**2) * own
    return draws.gamma(special.ndtr(score), p.r, p.alpha)


def dropout_chance(block: Block) -> Floats:
    """Return each account's chance of buying no more after a repeat purchase: beta distributed."""
    p = block.scenario.parameters.orders
    return draws.beta(block.accounts.uniform(block.scenario, "order/dropout"), p.a, p.b)


def orders_table(block: Block) -> pa.Table:
    """Return the orders of a block, by account and instant; a refund is a negative order in full."""
    owner, number, instant = _purchases(block)
    amount, margin = _amounts(block, owner, number)
    refunded, refund_instant = _refunds(block, owner, number, instant=instant)
    owner = np.concatenate([owner, owner[refunded]])
    instant = np.concatenate([instant, refund_instant])
    amount, margin = (np.concatenate([values, -values[refunded]]) for values in (amount, margin))
    order = np.flatnonzero(instant < block.scenario.ends)
    order = order[in_order(owner[order], instant[order])]
    owner = owner[order]
    columns = {
        "order_id": identifiers("O", block.accounts.index[owner], position(owner), width=3),
        "account_id": block.account_column(owner),
        "ordered_at": instant[order],
        "amount": amount[order],
        "currency": named(block.accounts.dollar[owner].astype(np.int64), CURRENCIES),
        "margin": margin[order],
    }
    return make_table("orders", columns)


def _purchases(block: Block) -> tuple[Ints, Ints, Ints]:
    """Return owner, number (0 = first purchase) and instant of the purchases within the history."""
    p, accounts = block.scenario.parameters.orders, block.accounts
    buys = accounts.active & (accounts.uniform(block.scenario, "order/buys") < p.buyers)
    dropout = np.maximum(dropout_chance(block), 1e-12)
    repeats = 1 + draws.geometric(accounts.uniform(block.scenario, "order/repeats"), 1.0 / dropout - 1.0)
    owner, number = spread(buys * (1 + np.minimum(repeats, p.most_repeats)))
    u = block.uniform("order/gap", owner, number)
    gap = draws.exponential(u, np.where(number == 0, p.first_days, 1.0 / purchase_rate(block)[owner]))
    instant = block.instants(owner, accounts.start_work[owner] + running_days(gap, number))
    rows = np.flatnonzero(instant < block.scenario.ends)
    return owner[rows], number[rows], instant[rows]


def _amounts(block: Block, owner: Ints, number: Ints) -> tuple[Floats, Floats]:
    p, accounts = block.scenario.parameters.orders, block.accounts
    rate = draws.gamma(accounts.uniform(block.scenario, "order/amount_rate"), p.q, p.v)
    amount = np.maximum(np.round(draws.gamma(block.uniform("order/amount", owner, number), p.p, 1.0) / rate[owner], 2), 0.01)
    low, high = p.margin
    return amount, np.round(amount * (low + (high - low) * block.uniform("order/margin", owner, number)), 2)


def _refunds(block: Block, owner: Ints, number: Ints, *, instant: Ints) -> tuple[Bools, Ints]:
    p = block.scenario.parameters.orders
    refunded = block.uniform("order/refund", owner, number) < p.refund
    days = 0.1 + draws.exponential(block.uniform("order/refund_days", owner, number), p.refund_days)
    return refunded, (instant + (days * 86_400).astype(np.int64))[refunded]
