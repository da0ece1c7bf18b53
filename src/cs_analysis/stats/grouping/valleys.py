"""Whether rows are rarer between two groups than in either of them, as a cut through the one crowd there is would not make them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from cs_analysis.stats.grouping.partition import Integers, Partition
from cs_analysis.stats.intervals import Floats

LEVEL = 0.05
_RIDGE = 1e-3
_HALF = 0.125  # of the way between the groups: half the width of a place in which rows are counted


class Valley(NamedTuple):
    """A group, the group nearest to it, rows half-way for each row in the emptier of the two, and the chance of so few if there are as many."""

    group: int
    other: int
    depth: float
    p_value: float

    @property
    def shown(self) -> bool:
        """Return whether rows are surely rarer half-way."""
        return self.p_value <= LEVEL


def valleys(rows: Floats, found: Partition) -> list[Valley]:
    """Return what lies between each group and the one whose centre is nearest.

    Rows of both are projected on the line along which the two groups differ most for their spread (Fisher's discriminant). Those within an eighth of the
    way around the medians of the groups and around the point half-way are counted; one-sided sign tests compare half-way with each of the groups, and the
    weaker counts.

    References
    ----------
    Fisher (1936), Annals of Eugenics 7, 179-188.
    """
    labels = found.labels(rows)
    apart = np.sqrt(((found.centres[:, None] - found.centres) ** 2).sum(axis=2))
    np.fill_diagonal(apart, np.inf)
    return [_between(rows, labels, found.centres, pair=(group, int(other))) for group, other in enumerate(apart.argmin(axis=1))]


def _between(rows: Floats, labels: Integers, centres: Floats, *, pair: tuple[int, int]) -> Valley:
    group, other = pair
    own = [rows[labels == each] - centres[each] for each in pair]
    spread = np.vstack(own).T @ np.vstack(own) + _RIDGE * sum(map(len, own)) * np.eye(rows.shape[1])
    line = rows @ np.linalg.solve(spread, centres[other] - centres[group])
    start, end = (np.median(line[labels == each]) if (labels == each).any() else np.nan for each in pair)
    way = (line[np.isin(labels, pair)] - start) / (end - start) if end > start else np.full(1, np.nan)
    first, middle, last = (int((np.abs(way - place) <= _HALF).sum()) for place in (0.0, 0.5, 1.0))
    chance = max(float(stats.binom.cdf(middle, middle + side, 0.5)) for side in (first, last))
    return Valley(group, other, middle / max(min(first, last), 1), chance)
