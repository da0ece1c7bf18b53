"""Ragged rows."""

from __future__ import annotations

import numpy as np

from cs_analysis.data.simulator.arrays import in_order, position, running_days, running_total, spread


def test_spread_gives_owner_and_position() -> None:
    owner, place = spread(np.array([2, 0, 3]))
    assert owner.tolist() == [0, 0, 2, 2, 2]
    assert place.tolist() == [0, 1, 0, 1, 2]
    assert position(owner).tolist() == place.tolist()


def test_running_totals_begin_anew_with_each_owner() -> None:
    _, place = spread(np.array([2, 0, 3]))
    assert running_total(np.array([5, 1, 2, 2, 2]), place).tolist() == [5, 6, 2, 4, 6]
    assert running_days(np.array([0.5, 0.25, 1.0, 0.1, 0.1]), place).tolist() == [0.5, 0.75, 1.0, 1.1, 1.2]


def test_nothing_spreads_to_nothing() -> None:
    owner, place = spread(np.zeros(3, dtype=np.int64))
    assert len(owner) == len(place) == len(position(owner)) == len(running_total(owner, place)) == 0


def test_order_is_by_owner_then_instant_and_stable() -> None:
    assert in_order(np.array([1, 0, 1, 0, 1]), np.array([5, 9, 3, 2, 5])).tolist() == [3, 1, 2, 0, 4]
