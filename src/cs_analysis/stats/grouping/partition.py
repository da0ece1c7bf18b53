"""Rows divided into groups by k-means or a Gaussian mixture, in a form that can be kept and asked about other rows."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

from cs_analysis.stats.intervals import Floats

Integers = npt.NDArray[np.intp]
Method = Literal["kmeans", "mixture"]

_MOST_ROUNDS = 300
_RIDGE = 1e-3  # of a standard deviation's square: a group of equal rows keeps some width


@dataclass(frozen=True, eq=False)
class Partition:
    """Groups of rows.

    Attributes
    ----------
    centres : array
        One row a group.
    shapes : array, optional
        One matrix a group by which differences to its centre are multiplied before they are measured; none for k-means.
    head_starts : array
        What a group has ahead before distances count: log weight and log density at the centre; zero for k-means.
    log_likelihood : float
        Of a mixture; missing for k-means.
    converged : bool
        The search ended by itself.
    """

    centres: Floats
    shapes: Floats | None
    head_starts: Floats
    log_likelihood: float
    converged: bool

    @property
    def size(self) -> int:
        """Return the number of groups."""
        return len(self.centres)

    def distances(self, rows: Floats) -> Floats:
        """Return how far each row is from each centre; by a mixture's own measure if it is one."""
        apart = rows[:, None, :] - self.centres
        if self.shapes is not None:
            apart = np.einsum("nkp,kpq->nkq", apart, self.shapes)
        return np.asarray(np.sqrt((apart**2).sum(axis=2)))

    def labels(self, rows: Floats) -> Integers:
        """Return the group of each row, the first of equals."""
        return np.asarray(np.argmax(self.head_starts - self.distances(rows) ** 2 / 2, axis=1))

    def margins(self, rows: Floats) -> Floats:
        """Return how much nearer each row is to its own centre than to the nearest other: 0 as near, 1 at its own."""
        distances, labels = self.distances(rows), self.labels(rows)[:, None]
        own = np.take_along_axis(distances, labels, axis=1)[:, 0]
        np.put_along_axis(distances, labels, np.inf, axis=1)
        other = distances.min(axis=1)
        return np.asarray(1 - np.divide(own, other, out=np.ones(len(own)), where=other > 0))

    def by_size(self, rows: Floats) -> Partition:
        """Return the groups, those with the most rows first; of equals the one whose centre is larger in the first column that tells them apart."""
        sizes = np.bincount(self.labels(rows), minlength=self.size)
        order = np.lexsort((*(-self.centres.T[::-1]), -sizes))
        shapes = None if self.shapes is None else self.shapes[order]
        return replace(self, centres=self.centres[order], shapes=shapes, head_starts=self.head_starts[order])


def divide(rows: Floats, size: int, *, method: Method, starts: int, seed: int) -> Partition:
    """Return rows divided into `size` groups, the best of several starts."""
    with _alone():
        return (_kmeans if method == "kmeans" else _mixture)(rows, size, starts=starts, seed=seed)


def mixture_bic(rows: Floats, sizes: range, *, seed: int) -> Floats:
    """Return the Bayesian information criterion of Gaussian mixtures of several sizes; the smallest is the best.

    References
    ----------
    Fraley and Raftery (2002), Journal of the American Statistical Association 97, 611-631.
    """
    with _alone():
        return np.array([_model(size, starts=3, seed=seed).fit(rows).bic(rows) for size in sizes])


def silhouette(apart: Floats, labels: Integers) -> float:
    """Return the mean silhouette width of groups, from the distances between rows: -1 where all rows are in one group.

    (b - a) / max(a, b) with a the mean distance to the others of the own group and b that to the nearest other group; 0 for a row alone in its group.

    References
    ----------
    Rousseeuw (1987), Journal of Computational and Applied Mathematics 20, 53-65.
    """
    groups, places = np.unique(labels, return_inverse=True)
    if len(groups) < 2:
        return -1.0
    member = np.eye(len(groups))[places]
    sizes, sums = member.sum(axis=0), apart @ member
    own = sums[np.arange(len(places)), places] / np.maximum(sizes[places] - 1, 1)
    other = np.where(member > 0, np.inf, sums / sizes).min(axis=1)
    larger = np.maximum(own, other)
    width = np.divide(other - own, larger, out=np.zeros(len(own)), where=(larger > 0) & (sizes[places] > 1))
    return float(width.mean())


def _kmeans(rows: Floats, size: int, *, starts: int, seed: int) -> Partition:
    found = KMeans(size, n_init=starts, max_iter=_MOST_ROUNDS, random_state=seed).fit(rows)
    return Partition(found.cluster_centers_, None, np.zeros(size), float("nan"), converged=bool(found.n_iter_ < _MOST_ROUNDS))


def _mixture(rows: Floats, size: int, *, starts: int, seed: int) -> Partition:
    found = _model(size, starts=starts, seed=seed).fit(rows)
    shapes = found.precisions_cholesky_
    ahead = np.log(found.weights_) + np.log(np.diagonal(shapes, axis1=1, axis2=2)).sum(axis=1)
    return Partition(found.means_, shapes, ahead, float(found.score(rows) * len(rows)), converged=bool(found.converged_))


def _model(size: int, *, starts: int, seed: int) -> GaussianMixture:
    return GaussianMixture(size, n_init=starts, max_iter=_MOST_ROUNDS, reg_covar=_RIDGE, random_state=seed)


@cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def _alone() -> Iterator[None]:
    """Compute in one thread, as sums made by several have no fixed order; `converged` says what the silenced warning would."""
    with _threads().limit(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
