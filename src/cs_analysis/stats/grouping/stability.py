"""How much of each group is found again when the rows are drawn anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from cs_analysis.stats.grouping.partition import Integers, Partition
from cs_analysis.stats.intervals import Floats

_MOST_ROWS = 2000


class Stability(NamedTuple):
    """For each redrawing and group: the Jaccard index with the most alike group found then, and that group's centre.

    `share` is the number of rows drawn over that of all rows; the spread of the centres is for the rows drawn.
    """

    jaccard: Floats
    centres: Floats
    share: float


def stability(rows: Floats, found: Partition, *, again: Callable[[Floats, int], Partition], replicates: int, rng: np.random.Generator) -> Stability:
    """Return how well groups are found again in rows drawn with replacement, as many as there are but at most 2,000.

    Groups are made of the drawn rows by `again(rows, seed)`; all rows are then given to them, and each first group is compared with the one most like it.

    References
    ----------
    Hennig (2007), Computational Statistics and Data Analysis 52, 258-271.
    """
    labels, count = found.labels(rows), min(len(rows), _MOST_ROWS)
    jaccards, centres = [], []
    for seed in rng.integers(2**31, size=replicates):
        new = again(rows[np.sort(rng.integers(len(rows), size=count))], int(seed))
        overlap = jaccard(labels, new.labels(rows), sizes=(found.size, new.size))
        jaccards.append(overlap.max(axis=1))
        centres.append(new.centres[overlap.argmax(axis=1)])
    return Stability(np.array(jaccards), np.array(centres), count / len(rows))


def jaccard(first: Integers, second: Integers, *, sizes: tuple[int, int]) -> Floats:
    """Return rows in both over rows in either, for each group of one division with each of another."""
    both = np.zeros(sizes)
    np.add.at(both, (first, second), 1)
    either = both.sum(axis=1)[:, None] + both.sum(axis=0) - both
    return np.asarray(np.divide(both, either, out=np.zeros(sizes), where=either > 0))
