"""The likelihood of cumulative models of ordered categories, on distinct rows with weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special
from scipy.optimize import linprog

from cs_analysis.errors import ConvergenceError
from cs_analysis.stats.newton import Optimum, maximise

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Link = Literal["logit", "probit"]

_FLAT = 1e-6  # curvature, of the mean log-likelihood, also against the largest, below which a maximum at infinity is looked for
_ROOT = np.sqrt(2 * np.pi)


class Cells(NamedTuple):
    """Distinct rows: covariates, number of the category, and how many answers each stands for; then how many categories there are."""

    x: Floats
    category: Integers
    weight: Floats
    categories: int


class Derivatives(NamedTuple):
    """Logarithm of F(upper) - F(lower), and its derivatives by upper and lower."""

    value: Floats
    upper: Floats
    lower: Floats
    upper_upper: Floats
    upper_lower: Floats
    lower_lower: Floats


class Sides(NamedTuple):
    """How parameters make the two limits of each row's category; what is not there is infinite and has a row of zeros."""

    upper: Floats
    lower: Floats
    above: Floats
    below: Floats


def sides_of(cells: Cells, varying: Sequence[int] = ()) -> Sides:
    """Return the design of a cumulative model: thresholds, one effect a covariate, then how effects of `varying` ones differ at later thresholds.

    A category from threshold j - 1 to threshold j has the limits theta - x beta at both. The differences come threshold by threshold, from the
    second one on.
    """
    cuts, parts = cells.categories - 1, []
    for place in (cells.category, cells.category - 1):
        at = (place[:, None] == np.arange(cuts)).astype("float64")
        known = at.any(axis=1)[:, None]
        more = [-at[:, [cut]] * cells.x[:, list(varying)] for cut in range(1, cuts)]
        parts.append(np.hstack([at, -cells.x * known, *more]))
    return Sides(parts[0], parts[1], np.where(cells.category == cuts, np.inf, 0.0), np.where(cells.category == 0, -np.inf, 0.0))


def log_likelihood(sides: Sides, weight: Floats, link: Link) -> Callable[[Floats], tuple[float, Floats, Floats]]:
    """Return the mean log-likelihood of an answer as a function of the parameters, with gradient and Hessian."""
    total = weight.sum()

    def mean(point: Floats) -> tuple[float, Floats, Floats]:
        found = derivatives(sides, point, link)
        if found is None:
            return float("-inf"), np.zeros(len(point)), -np.eye(len(point))
        gradient = sides.upper.T @ (weight * found.upper) + sides.lower.T @ (weight * found.lower)
        return float(weight @ found.value) / total, gradient / total, hessian(sides, weight, found) / total

    return mean


def derivatives(sides: Sides, point: Floats, link: Link) -> Derivatives | None:
    """Return the log-likelihood of each row; None where limits are not in order."""
    upper, lower = sides.upper @ point + sides.above, sides.lower @ point + sides.below
    if not (upper > lower).all():
        return None
    return _logistic(upper, lower) if link == "logit" else _normal(upper, lower)


def hessian(sides: Sides, weight: Floats, found: Derivatives) -> Floats:
    """Return the matrix of second derivatives of the summed log-likelihood."""
    own = (sides.upper * (weight * found.upper_upper)[:, None]).T @ sides.upper
    own += (sides.lower * (weight * found.lower_lower)[:, None]).T @ sides.lower
    mixed = (sides.upper * (weight * found.upper_lower)[:, None]).T @ sides.lower
    return np.asarray(own + mixed + mixed.T)


def row_scores(sides: Sides, found: Derivatives) -> Floats:
    """Return the gradient of one answer of each row."""
    return np.asarray(sides.upper * found.upper[:, None] + sides.lower * found.lower[:, None])


def maximum(cells: Cells, *, link: Link, terms: Sequence[str], varying: Sequence[int] = ()) -> Optimum:
    """Return the maximum of the likelihood.

    Raises
    ------
    ConvergenceError
        There is none: a covariate, or a combination, separates categories.
    """
    sides = sides_of(cells, varying)
    shares = np.cumsum(np.bincount(cells.category, cells.weight, cells.categories))[:-1] / cells.weight.sum()
    start = np.zeros(sides.upper.shape[1])
    start[: len(shares)] = special.logit(shares) if link == "logit" else special.ndtri(shares)
    names = [f"parameter {place}" for place in range(len(start))]
    try:
        optimum = maximise(log_likelihood(sides, cells.weight, link), start, terms=names)
    except ConvergenceError:
        refuse_separation(sides, len(shares), terms)
        raise
    curvatures = np.linalg.eigvalsh(-optimum.hessian)
    if curvatures[0] < _FLAT * max(1.0, curvatures[-1]):
        refuse_separation(sides, len(shares), terms)
    return optimum


def refuse_separation(sides: Sides, thresholds: int, terms: Sequence[str]) -> None:
    """Raise if the likelihood rises for ever in some direction: no upper limit falls along it, no lower one rises, and some do move.

    References
    ----------
    Albert and Anderson (1984), Biometrika 71, 1-10. Konis (2007), Linear programming algorithms for detecting separated data, Oxford, chapter 4.
    """
    moves = np.unique(np.vstack([sides.upper, -sides.lower]), axis=0)
    found = linprog(-moves.sum(axis=0), A_ub=-moves, b_ub=np.zeros(len(moves)), bounds=(-1, 1), method="highs")
    if found.status == 0 and -found.fun > 1e-7:
        slopes = np.abs(found.x[thresholds : thresholds + len(terms)])
        moved = [f"{term!r}" for term, size in zip(terms, slopes, strict=True) if size > 1e-7]
        where = f"along {', '.join(moved)}" if moved else "in the effects at single thresholds"
        raise ConvergenceError(
            f"the likelihood has no maximum: {where} the rows of one side all lie in higher categories than those of the other. "
            "Leave the column out, join levels, or join categories."
        )


def _logistic(upper: Floats, lower: Floats) -> Derivatives:
    """F(a) - F(b) = F(a) F(-b) (1 - e^(b - a)), which loses no digits far from 0."""
    near = np.exp(lower - upper)
    rest = -np.expm1(lower - upper)
    value = special.log_expit(upper) + special.log_expit(-lower) + np.log(rest)
    ratio, curve = near / rest, near / rest**2
    by_upper, by_lower = special.expit(-upper) + ratio, -special.expit(lower) - ratio
    flat = [special.expit(limit) * special.expit(-limit) for limit in (upper, lower)]
    return Derivatives(value, by_upper, by_lower, -flat[0] - curve, curve, -flat[1] - curve)


def _normal(upper: Floats, lower: Floats) -> Derivatives:
    """Differences of normal shares, taken in the tail where both are small."""
    swap = upper + lower > 0
    small, large = np.where(swap, -upper, lower), np.where(swap, -lower, upper)
    value = special.log_ndtr(large) + np.log(-np.expm1(special.log_ndtr(small) - special.log_ndtr(large)))
    (first, first_slope), (second, second_slope) = (_mills(limit, value) for limit in (upper, lower))
    return Derivatives(value, first, -second, first_slope - first**2, first * second, -second_slope - second**2)


def _mills(limit: Floats, value: Floats) -> tuple[Floats, Floats]:
    """Return the normal density over the share, and the derivative of the density over it; 0 at an infinite limit."""
    known = np.where(np.isfinite(limit), limit, 0.0)
    ratio = np.where(np.isfinite(limit), np.exp(-(known**2) / 2 - value) / _ROOT, 0.0)
    return ratio, -known * ratio
