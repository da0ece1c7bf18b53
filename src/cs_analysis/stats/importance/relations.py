"""Correlations as functions of sums over clusters, so that resampling clusters is a product of matrices."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cs_analysis.errors import NotEnoughDataError
from cs_analysis.stats.importance.ratings import Ratings, refuse_determined

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_CELLS = 4_000_000  # draws held at a time
_LEAST = 1e-12  # variance of a column, in units of its variance in all rows, below which it counts as constant


class Relations(NamedTuple):
    """What each cluster adds to some sums, and how these sums make correlation matrices with the outcome last.

    `columns` says how many neighbouring columns of the matrix belong to each driver; `values` are standardised columns and outcome of each row, missing
    where unknown, whose mean products with any other standardised column are that column's correlations.
    """

    contributions: Floats
    correlations: Callable[[Floats], Floats]
    columns: list[int]
    values: Floats

    @property
    def whole(self) -> Floats:
        """The correlation matrix of all rows."""
        return np.asarray(self.correlations(self.contributions.sum(axis=0)[None, :])[0])

    def drawn(self, *, replicates: int, rng: np.random.Generator) -> Floats:
        """Return the correlation matrices of replicates: as many clusters as there are, drawn with replacement, equal ones together."""
        distinct, code = np.unique(np.round(self.contributions, 9), axis=0, return_inverse=True)
        order = np.sort(code.ravel())
        size = max(1, _CELLS // len(order))
        blocks = [min(size, replicates - begin) for begin in range(0, replicates, size)]
        return np.concatenate([self.correlations(_times(order, len(distinct), draws=block, rng=rng) @ distinct) for block in blocks])


def _times(code: Integers, kinds: int, *, draws: int, rng: np.random.Generator) -> Floats:
    """Return how often each kind of cluster is drawn in each of some draws."""
    chosen = code[rng.integers(0, len(code), size=(draws, len(code)))] + kinds * np.arange(draws)[:, None]
    return np.bincount(chosen.ravel(), minlength=draws * kinds).reshape(draws, kinds).astype("float64")


def complete_relations(ratings: Ratings) -> Relations:
    """Return Pearson correlations of rows without a missing answer."""
    values = _standardised(np.column_stack([ratings.x, ratings.y]))
    return Relations(moments(values, ratings), lambda sums: correlations_of(sums, values.shape[1]), [1] * ratings.x.shape[1], values)


def applicable_relations(ratings: Ratings) -> Relations:
    """Return correlations in which a driver that some rows lack is two columns: its answers less their mean, 0 without one, and whether there is one."""
    columns, sizes = applicable_columns(ratings)
    values = _standardised(np.column_stack([columns, ratings.y]))
    return Relations(moments(values, ratings), lambda sums: correlations_of(sums, values.shape[1]), sizes, values)


def applicable_columns(ratings: Ratings) -> tuple[Floats, list[int]]:
    """Return the columns of the drivers, two for one that some rows lack, and how many each has."""
    parts = []
    for answers in ratings.x.T:
        known = ~np.isnan(answers)
        centred = np.where(known, answers - np.nanmean(answers), 0.0)
        parts.append([centred] if known.all() else [centred, known.astype("float64")])
    columns, sizes = np.column_stack([column for part in parts for column in part]), [len(part) for part in parts]
    firsts = np.cumsum([0, *sizes[:-1]])
    refuse_determined(np.corrcoef(columns[:, firsts].T).reshape(len(firsts), -1), ratings.drivers)
    return columns, sizes


def pairwise_relations(ratings: Ratings) -> Relations:
    """Return correlations of each pair of columns over the rows that have both.

    Raises
    ------
    NotEnoughDataError
        A pair has fewer than three common rows, or the correlations contradict each other: no complete table has them.
    """
    values = np.column_stack([ratings.x, ratings.y])
    known = ~np.isnan(values)
    standard = (values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0)
    filled = np.where(known, standard, 0.0)
    width, seen = values.shape[1], known.astype("float64")
    pairs = [(one, other) for one in range(width) for other in range(width)]
    parts = [[left[:, one] * right[:, other] for one, other in pairs] for left, right in ((seen, seen), (filled, seen), (filled**2, seen), (filled, filled))]
    sums = by_cluster((column for part in parts for column in part), ratings)
    relations = Relations(sums, lambda sums: _pairwise(sums, width), [1] * (width - 1), standard)
    common = seen.T @ seen
    if common.min() < 3:
        one, other = np.unravel_index(int(np.argmin(common)), common.shape)
        names = [*ratings.drivers, "the outcome"]
        raise NotEnoughDataError(f"every two columns need three common rows; {names[one]!r} and {names[other]!r} have {common.min():.0f}. Leave one out.")
    if np.linalg.eigvalsh(_pairwise_raw(sums.sum(axis=0)[None, :], width)[0])[0] < 1e-9:
        raise NotEnoughDataError("correlations of different rows contradict each other here. Use missing='complete' or 'not_applicable', or leave out drivers.")
    return relations


def moments(values: Floats, ratings: Ratings) -> Floats:
    """Return per cluster the number of rows, the sums of columns, and the sums of products of two columns."""
    width = values.shape[1]
    products = (values[:, one] * values[:, other] for one in range(width) for other in range(one, width))
    return by_cluster((np.ones(len(values)), *values.T, *products), ratings)


def correlations_of(sums: Floats, width: int) -> Floats:
    """Return correlations from such sums."""
    return as_correlations(covariances_of(sums, width))


def covariances_of(sums: Floats, width: int) -> Floats:
    """Return covariances from such sums."""
    means = sums[:, 1 : width + 1] / sums[:, :1]
    upper = np.triu_indices(width)
    products = np.empty((len(sums), width, width))
    products[:, upper[0], upper[1]] = products[:, upper[1], upper[0]] = sums[:, width + 1 :] / sums[:, :1]
    return np.asarray(products - means[:, :, None] * means[:, None, :])


def as_correlations(covariances: Floats) -> Floats:
    """Return correlation matrices; a column that is constant is unrelated to all others."""
    variance = np.diagonal(covariances, axis1=1, axis2=2)
    scale = np.where(variance > _LEAST, 1 / np.sqrt(np.maximum(variance, _LEAST)), 0.0)
    found = covariances * scale[:, :, None] * scale[:, None, :]
    places = np.arange(found.shape[1])
    found[:, places, places] = 1.0
    return np.asarray(found)


def _standardised(values: Floats) -> Floats:
    return np.asarray((values - values.mean(axis=0)) / values.std(axis=0))


def by_cluster(columns: Iterable[Floats], ratings: Ratings) -> Floats:
    """Return the sums of each column over the rows of each cluster."""
    return np.column_stack([np.bincount(ratings.owners, column, ratings.clusters) for column in columns])


def _pairwise(sums: Floats, width: int) -> Floats:
    """Return pairwise correlations; those of a replicate that contradict each other are moved to the nearest that do not."""
    found = _pairwise_raw(sums, width)
    values, vectors = np.linalg.eigh(found)
    if values[:, 0].min() > 0:
        return found
    return as_correlations(np.einsum("bik,bk,bjk->bij", vectors, np.maximum(values, 1e-6), vectors))


def _pairwise_raw(sums: Floats, width: int) -> Floats:
    number, first, square, product = sums.reshape(len(sums), 4, width, width).transpose(1, 0, 2, 3)
    number = np.maximum(number, 1.0)
    mean, variance = first / number, square / number - (first / number) ** 2
    scale = np.sqrt(np.maximum(variance * variance.transpose(0, 2, 1), 0.0))
    covariance = product / number - mean * mean.transpose(0, 2, 1)
    found = np.where(scale > _LEAST, covariance / np.where(scale > _LEAST, scale, 1.0), 0.0)
    places = np.arange(width)
    found[:, places, places] = 1.0
    return np.asarray(found)
