"""Groups of rows with what can be said about them: how often they are found again, how far they reach, how sure their centres are."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from cs_analysis.stats.grouping.partition import Integers, Method, Partition, divide
from cs_analysis.stats.grouping.prepare import Column, scaled
from cs_analysis.stats.grouping.stability import Stability, stability
from cs_analysis.stats.grouping.valleys import Valley, valleys
from cs_analysis.stats.grouping.verdict import LEAST_SILHOUETTE, LEAST_STABLE, NO_STRUCTURE, STRUCTURE, WEAK, silhouette_of
from cs_analysis.stats.intervals import Floats, Interval

REACH = 0.99
"""Share of a group's own rows within the distance up to which other rows are given to it."""

_STARTS, _STARTS_AGAIN, _REPLICATES = 25, 5, 100


class Placed(NamedTuple):
    """The group of each row, how much nearer the row is to its centre than to the next, and how far from it, far values not drawn in."""

    labels: Integers
    margins: Floats
    distances: Floats


class Groups(NamedTuple):
    """Groups of rows, largest first, how far each reaches, how often it is found again, their silhouette and what lies between them."""

    scales: tuple[Column, ...]
    partition: Partition
    reach: Floats
    stability: Stability
    silhouette: float
    valleys: list[Valley]

    @property
    def verdict(self) -> str:
        """Return the verdict on groups beyond chance: whether they are divided by something, far enough apart, and found again.

        Without a single valley there is but one crowd, of a shape that no normal copula has.
        """
        if not any(valley.shown for valley in self.valleys):
            return NO_STRUCTURE
        apart = self.silhouette >= LEAST_SILHOUETTE and all(valley.shown for valley in self.valleys)
        return STRUCTURE if apart and self.stability.jaccard.mean(axis=0).min() >= LEAST_STABLE else WEAK

    def placed(self, values: Floats) -> Placed:
        """Return the group of each row of values."""
        rows, raw = (scaled(self.scales, values, drawn_in=drawn_in) for drawn_in in (True, False))
        labels = self.partition.labels(rows)
        return Placed(labels, self.partition.margins(rows), _own(self.partition.distances(raw), labels))

    def far(self, placed: Placed) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Return which rows are further from their centre than nearly all rows that made the group."""
        return np.asarray(placed.distances > self.reach[placed.labels])

    def centre_limits(self, conf_level: float) -> Interval:
        """Return the centres in standard deviations, with limits from the spread of those found in rows drawn anew (percentiles)."""
        centres = self.partition.centres
        spread = (self.stability.centres - centres) * np.sqrt(self.stability.share)
        low, high = np.quantile(spread, [(1 - conf_level) / 2, (1 + conf_level) / 2], axis=0)
        return Interval(centres, centres + np.minimum(low, 0), centres + np.maximum(high, 0))


def find_groups(scales: tuple[Column, ...], values: Floats, size: int, *, method: Method, rng: np.random.Generator) -> Groups:
    """Return rows of values divided into `size` groups."""
    rows = scaled(scales, values)
    found = divide(rows, size, method=method, starts=_STARTS, seed=int(rng.integers(2**31))).by_size(rows)
    labels = found.labels(rows)
    distances = _own(found.distances(scaled(scales, values, drawn_in=False)), labels)
    reach = np.array([np.quantile(distances[labels == group], REACH) if (labels == group).any() else 0.0 for group in range(size)])
    again = partial(divide, size=size, method=method, starts=_STARTS_AGAIN)
    stable = stability(rows, found, again=lambda drawn, seed: again(drawn, seed=seed), replicates=_REPLICATES, rng=rng)
    return Groups(scales, found, reach, stable, silhouette_of(rows, labels, rng=rng), valleys(rows, found))


def _own(distances: Floats, labels: Integers) -> Floats:
    return np.asarray(np.take_along_axis(distances, labels[:, None], axis=1)[:, 0])
