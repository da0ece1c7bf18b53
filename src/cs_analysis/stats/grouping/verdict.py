"""Whether rows fall into groups more than rows without groups, but else alike, are made to."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from cs_analysis.stats.grouping.copula_null import null_tables
from cs_analysis.stats.grouping.partition import Integers, divide, mixture_bic, silhouette
from cs_analysis.stats.intervals import Floats

NO_STRUCTURE, WEAK, STRUCTURE = "no structure", "weak structure", "structure"
LEAST_SILHOUETTE = 0.25
"""Below it groups are weak, however surely they are more than chance (Kaufman and Rousseeuw, 1990, table 4 of chapter 2)."""
LEAST_STABLE = 0.6
"""Mean Jaccard index below which a group is not to be trusted (Hennig, 2007)."""

_STARTS = 3
_MOST_ROWS = 1000


class Evidence(NamedTuple):
    """The silhouette of the best number of groups beside what it is in tables without groups.

    `silhouettes` are those of the numbers of groups in `sizes`; `best` is the largest and `null` the largest of each table without groups.
    """

    sizes: range
    silhouettes: Floats
    null: Floats
    rows: int

    @property
    def best(self) -> float:
        """Return the silhouette of the best number of groups."""
        return float(self.silhouettes.max())

    @property
    def size(self) -> int:
        """Return the best number of groups."""
        return int(self.sizes[int(self.silhouettes.argmax())])

    @property
    def p_value(self) -> float:
        """Return the chance of such a silhouette without groups, this table counted among those without."""
        return float((1 + (self.null >= self.best).sum()) / (1 + len(self.null)))


def evidence(rows: Floats, *, most: int, tables: int, rng: np.random.Generator) -> Evidence:
    """Return the evidence for groups among prepared rows; of more than 1,000 rows, in 1,000 drawn at random.

    k-means with the same number of starts divides the rows, and each table without groups (`null_tables`), into 2, 3, ... `most` groups; the largest
    mean silhouette width counts. What comes from skewed, tied or correlated columns is in the null too.
    """
    sample = rows[_some(len(rows), rng)]
    sizes = range(2, most + 1)
    own, *others = rng.integers(2**31, size=tables + 1)
    null = [silhouettes(table, sizes, seed=int(seed)).max() for table, seed in zip(null_tables(sample, count=tables, rng=rng), others, strict=True)]
    return Evidence(sizes, silhouettes(sample, sizes, seed=int(own)), np.array(null), len(sample))


def criteria(rows: Floats, *, most: int, rng: np.random.Generator) -> Floats:
    """Return the BIC of Gaussian mixtures of 1, 2, ... `most` groups; of more than 1,000 rows, in 1,000 drawn at random."""
    return mixture_bic(rows[_some(len(rows), rng)], range(1, most + 1), seed=int(rng.integers(2**31)))


def silhouette_of(rows: Floats, labels: Integers, *, rng: np.random.Generator) -> float:
    """Return the mean silhouette width of groups of rows; of more than 1,000, of that many drawn at random."""
    kept = _some(len(rows), rng)
    return silhouette(cdist(rows[kept], rows[kept]), labels[kept])


def _some(count: int, rng: np.random.Generator) -> Integers:
    """Return the places of all rows, or of 1,000 drawn at random."""
    return np.arange(count) if count <= _MOST_ROWS else np.sort(rng.permutation(count)[:_MOST_ROWS])


def silhouettes(rows: Floats, sizes: range, *, seed: int) -> Floats:
    """Return the silhouette of rows divided into each number of groups, as `evidence` does it."""
    apart = cdist(rows, rows)
    return np.array([silhouette(apart, divide(rows, size, method="kmeans", starts=_STARTS, seed=seed).labels(rows)) for size in sizes])
