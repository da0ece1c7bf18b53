"""Tables without groups that are else like a given one: the same values in each column, the same rank correlations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import stats
from scipy.special import ndtri

from cs_analysis.stats.intervals import Floats

_TERMS = 60
_NEAREST = 0.999  # correlation of columns that say the same
_HALVINGS = 40


def normal_scores(values: Floats) -> Floats:
    """Return the normal quantiles of the ranks in each column; equal values share the mean of theirs."""
    n = len(values)
    quantiles = ndtri((np.arange(n) + 0.5) / n)
    return np.column_stack([_shared(quantiles, column) for column in values.T])


def latent_correlation(values: Floats) -> Floats:
    """Return the correlation that normal variables have of which the columns, with all their ties, are the ordered versions.

    Ties pull the correlation of normal scores towards 0. The covariance of two step functions of normal variables is the sum over m of rho^m times the
    product of their m-th Hermite coefficients; it is solved for rho, pair by pair. The result is made positive definite.

    References
    ----------
    Lancaster (1957), Biometrika 44, 289-292, for the expansion. Cario and Nelson (1997), Modeling and generating random vectors with arbitrary marginal
    distributions and correlation matrix, Northwestern University.
    """
    scores = normal_scores(values)
    observed = np.cov(scores, rowvar=False, bias=True)
    hermite = np.array([_coefficients(column) for column in scores.T])
    products = hermite[:, None, :] * hermite[None, :, :]
    low, high = np.full(observed.shape, -_NEAREST), np.full(observed.shape, _NEAREST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below = _polynomial(products, middle) < observed
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return _positive_definite((low + high) / 2)


def null_tables(values: Floats, *, count: int, rng: np.random.Generator) -> Iterator[Floats]:
    """Yield tables whose columns hold the given values in an order drawn from a Gaussian copula with their rank correlation."""
    factor = np.linalg.cholesky(latent_correlation(values))
    ordered = np.sort(values, axis=0)
    for _ in range(count):
        drawn = rng.standard_normal(values.shape) @ factor.T
        ranks = drawn.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
        yield np.take_along_axis(ordered, ranks, axis=0)


def _shared(quantiles: Floats, column: Floats) -> Floats:
    """Return the quantile of each value, the mean of them where values are equal."""
    _, places, counts = np.unique(column, return_inverse=True, return_counts=True)
    means = np.add.reduceat(quantiles, np.concatenate([[0], np.cumsum(counts)[:-1]])) / counts
    return np.asarray(means[places])


def _coefficients(scores: Floats) -> Floats:
    """Return the Hermite coefficients 1, 2, ... of the step function of a normal variable that takes the given scores as often as they occur."""
    steps, counts = np.unique(scores, return_counts=True)
    cuts = ndtri(np.cumsum(counts)[:-1] / counts.sum())
    polynomials = _hermite(cuts) * stats.norm.pdf(cuts)
    jumps = np.diff(steps)
    return np.asarray((polynomials * jumps).sum(axis=1) / np.sqrt(np.arange(1, _TERMS + 1)))


def _hermite(at: Floats) -> Floats:
    """Return the normalised Hermite polynomials 0, 1, ... at some places."""
    found = [np.ones_like(at), at]
    for order in range(2, _TERMS):
        found.append((at * found[-1] - np.sqrt(order - 1) * found[-2]) / np.sqrt(order))
    return np.array(found)


def _polynomial(products: Floats, rho: Floats) -> Floats:
    """Return the covariance of step functions whose normal variables have the correlation `rho`."""
    total = np.zeros_like(rho)
    for term in range(products.shape[2] - 1, -1, -1):
        total = (total + products[:, :, term]) * rho
    return total


def _positive_definite(matrix: Floats) -> Floats:
    """Return the matrix with negative eigenvalues raised and ones on its diagonal."""
    np.fill_diagonal(matrix, 1.0)
    values, vectors = np.linalg.eigh(matrix)
    raised = (vectors * np.maximum(values, 1e-6)) @ vectors.T
    spread = np.sqrt(np.diag(raised))
    return np.asarray(raised / np.outer(spread, spread))
