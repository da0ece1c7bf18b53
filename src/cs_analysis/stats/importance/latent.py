"""Correlations with what lies behind an ordered outcome, from one cumulative probit model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.errors import ParameterError
from cs_analysis.stats.importance.ratings import Ratings
from cs_analysis.stats.importance.relations import Relations, as_correlations, by_cluster, covariances_of, moments
from cs_analysis.stats.ordinal_likelihood import Derivatives, Sides, derivatives, maximum, row_scores, sides_of
from cs_analysis.stats.ordinal_rows import Rows, read_rows

Floats = npt.NDArray[np.float64]

MOST_LEVELS = 25
_RIDGE = 1e-9  # of the curvature of one answer: a threshold that no drawn row touches stays where it is


class _Model(NamedTuple):
    """A fitted cumulative probit model: distinct rows, the design of their limits, derivatives by these limits, and the parameters."""

    rows: Rows
    sides: Sides
    found: Derivatives
    point: Floats


def latent_relations(columns: Floats, ratings: Ratings, *, sizes: Sequence[int]) -> Relations:
    """Return correlations of drivers with each other and with the normal variable behind an ordered outcome.

    The outcome is a latent variable x beta + e, e standard normal, cut at thresholds. With S the covariances of the drivers, the latent variable has
    covariances S beta with them and the variance beta' S beta + 1: R squared of all drivers is that of McKelvey and Zavoina, and R squared of every
    subset is that of its best linear prediction of the latent variable. So one fit is enough for all subsets, and nothing is supposed about how the
    drivers are distributed. A replicate takes one Newton step from the fit, with gradient and Hessian of the rows that it drew: both are sums over
    clusters.

    Parameters
    ----------
    columns : array, rows x k
        Columns of the drivers.
    ratings : Ratings
        Their rows; the outcome's values are ordered categories.
    sizes : sequence of int
        How many columns belong to each driver.

    Returns
    -------
    Relations
        With the latent variable last.

    Raises
    ------
    ParameterError, NotEnoughDataError, ConvergenceError
        More than 25 categories. As for `fit_ordinal`: a combination of columns, a single category, or columns that separate categories.

    References
    ----------
    McKelvey and Zavoina (1975), Journal of Mathematical Sociology 4, 103-120. Hu and Kalbfleisch (2000), Canadian Journal of Statistics 28, 449-481,
    for replicates of estimating functions.
    """
    model = _fitted(columns, ratings, sizes=sizes)
    x, cuts = model.rows.cells.x[model.rows.place], len(model.rows.levels) - 1
    gradient, curvature = _cluster_sums(model, ratings)
    known = moments(x, ratings)
    split, width = np.cumsum([known.shape[1], gradient.shape[1]]), x.shape[1]

    def correlations(sums: Floats) -> Floats:
        first, steps, curves = np.split(sums, split, axis=1)
        slopes = _stepped(model.point, steps / sums[:, :1], curves / sums[:, :1])[:, cuts:]
        return _with_latent(covariances_of(first, width), slopes)

    return Relations(np.hstack([known, gradient, curvature]), correlations, list(sizes), np.column_stack([x, _working(model, x)]))


def _fitted(columns: Floats, ratings: Ratings, *, sizes: Sequence[int]) -> _Model:
    if (levels := len(np.unique(ratings.y))) > MOST_LEVELS:
        raise ParameterError(f"an ordinal outcome may have {MOST_LEVELS} categories; this one has {levels}. Use ordinal=False, or join categories.")
    names = [name if part == 0 else f"{name} (answered)" for name, size in zip(ratings.drivers, sizes, strict=True) for part in range(size)]
    rows = read_rows(pd.DataFrame(columns, columns=names), ratings.y, weights=None, clusters=None)
    point = maximum(rows.cells, link="probit", terms=rows.terms).point
    sides = sides_of(rows.cells)
    found = derivatives(sides, point, "probit")
    if found is None:  # thresholds of a maximum are in order
        raise ArithmeticError("thresholds out of order")
    return _Model(rows, sides, found, point)


def _cluster_sums(model: _Model, ratings: Ratings) -> tuple[Floats, Floats]:
    """Return gradients and Hessians (one triangle) of the log-likelihood of each cluster."""
    upper, lower, found, place = model.sides.upper, model.sides.lower, model.found, model.rows.place
    gradient = by_cluster((column[place] for column in row_scores(model.sides, found).T), ratings)
    size = upper.shape[1]
    pairs = ((one, other) for one in range(size) for other in range(one, size))
    curves = (
        upper[:, one] * upper[:, other] * found.upper_upper
        + lower[:, one] * lower[:, other] * found.lower_lower
        + (upper[:, one] * lower[:, other] + lower[:, one] * upper[:, other]) * found.upper_lower
        for one, other in pairs
    )
    return gradient, by_cluster((column[place] for column in curves), ratings)


def _stepped(point: Floats, gradient: Floats, curves: Floats) -> Floats:
    """Return the parameters after one Newton step, for each replicate."""
    size = len(point)
    upper = np.triu_indices(size)
    hessian = np.zeros((len(gradient), size, size))
    hessian[:, upper[0], upper[1]] = hessian[:, upper[1], upper[0]] = -curves
    return np.asarray(point + np.linalg.solve(hessian + _RIDGE * np.eye(size), gradient[:, :, None])[:, :, 0])


def _with_latent(covariances: Floats, slopes: Floats) -> Floats:
    """Return correlations of drivers and latent variable."""
    shared = np.einsum("bij,bj->bi", covariances, slopes)
    variance = np.einsum("bi,bi->b", shared, slopes) + 1
    both = np.concatenate([covariances, shared[:, None, :]], axis=1)
    last = np.concatenate([shared, variance[:, None]], axis=1)
    return as_correlations(np.concatenate([both, last[:, :, None]], axis=2))


def _working(model: _Model, x: Floats) -> Floats:
    """Return a column whose products with a column unrelated to the drivers give, to first order, the latter's correlation with the latent variable.

    The prediction plus the generalised residual over its mean curvature: what one scoring step would make of the added column.
    """
    found, slopes = model.found, model.point[-x.shape[1] :]
    curvature = -(found.upper_upper + 2 * found.upper_lower + found.lower_lower)[model.rows.place].mean()
    residual = -(found.upper + found.lower)[model.rows.place] / curvature
    predicted = x @ slopes
    return np.asarray((predicted + residual) / np.sqrt(predicted.var() + 1))
