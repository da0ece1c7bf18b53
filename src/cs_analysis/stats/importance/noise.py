"""What columns without any relation would show: columns dealt out anew, whole clusters at a time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cs_analysis.stats.importance.ratings import Ratings
from cs_analysis.stats.importance.relations import Relations

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def with_noise(relations: Relations, ratings: Ratings, *, deals: int, rng: np.random.Generator) -> Floats:
    """Return correlation matrices with one driver more, first: a driver's answers dealt out anew to the clusters, the drivers in turn."""
    order, whole = _Order(ratings.owners, rng), relations.whole
    values, known = _filled(relations.values)
    to, known_to = values[order.to], known[order.to]
    first = np.cumsum([0, *relations.columns[:-1]])
    columns = first[np.arange(deals) % len(first)]
    found = np.empty((deals, len(whole) + 1, len(whole) + 1))
    found[:, 1:, 1:], found[:, 0, 0] = whole, 1.0
    for deal, column in enumerate(columns):
        place = _dealt(order, rng)
        common = known[:, column][place] @ known_to
        found[deal, 0, 1:] = values[:, column][place] @ to / np.maximum(common, 1.0)
    found[:, 1:, 0] = found[:, 0, 1:]
    return found


def unrelated(relations: Relations, ratings: Ratings, *, deals: int, rng: np.random.Generator) -> Floats:
    """Return correlation matrices of the drivers, each dealt out by itself, without the outcome."""
    order = _Order(ratings.owners, rng)
    first = np.cumsum([0, *relations.columns[:-1]])
    values, known = _filled(relations.values[:, first])
    found = np.empty((deals, len(first), len(first)))
    for deal in range(deals):
        places = [_dealt(order, rng) for _ in first]
        mixed, counted = (np.stack([part[:, column][place] for column, place in enumerate(places)]) for part in (values, known))
        found[deal] = mixed @ mixed.T / np.maximum(counted @ counted.T, 1.0)
    return found


class _Order:
    """Rows put together by cluster, to deal from and to deal to, where each cluster begins among them, and its size.

    Within clusters both orders are random: rows come in the order of their values, which would make a relation of its own.
    """

    def __init__(self, owners: Integers, rng: np.random.Generator) -> None:
        self.rows, self.to = (_together(owners, rng) for _ in range(2))
        self.sizes = np.bincount(owners)
        self.starts = np.cumsum(self.sizes) - self.sizes


def _together(owners: Integers, rng: np.random.Generator) -> Integers:
    shuffled = rng.permutation(len(owners))
    return np.asarray(shuffled[np.argsort(owners[shuffled], kind="stable")])


def _dealt(order: _Order, rng: np.random.Generator) -> Integers:
    """Return the rows with the clusters in random order, each cluster together."""
    clusters = rng.permutation(len(order.sizes))
    sizes = order.sizes[clusters]
    begin = np.cumsum(sizes) - sizes
    return np.asarray(order.rows[np.repeat(order.starts[clusters] - begin, sizes) + np.arange(len(order.rows))])


def _filled(values: Floats) -> tuple[Floats, Floats]:
    """Return values with 0 for what is missing, and 1 where it is not, column by column in memory."""
    known = ~np.isnan(values)
    return np.asfortranarray(np.where(known, values, 0.0)), np.asfortranarray(known.astype("float64"))
