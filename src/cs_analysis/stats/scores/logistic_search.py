"""The maximum of a logistic likelihood, and its covariance when rows come in clusters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from cs_analysis.stats.newton import maximise

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def maximum(design: Floats, outcome: Floats, *, penalties: Floats, offset: Floats | float = 0.0, start: Floats | None = None) -> Floats:
    """Return the coefficients that maximise sum(y eta - log(1 + exp(eta))) - penalties @ beta^2 / 2, eta = offset + design @ beta.

    Raises
    ------
    ConvergenceError
        There is no maximum that could be reached.
    """
    n = len(outcome)

    def mean(beta: Floats) -> tuple[float, Floats, Floats]:
        eta = offset + design @ beta
        p = special.expit(eta)
        value = float(outcome @ eta + np.sum(special.log_expit(-eta)) - penalties @ beta**2 / 2)
        gradient = design.T @ (outcome - p) - penalties * beta
        hessian = -(design * (p * (1 - p))[:, None]).T @ design - np.diag(penalties)
        return value / n, gradient / n, hessian / n

    terms = [str(place) for place in range(design.shape[1])]
    return maximise(mean, np.zeros(design.shape[1]) if start is None else start, terms=terms).point


def robust_covariance(design: Floats, outcome: Floats, *, beta: Floats, penalties: Floats, groups: Integers, offset: Floats | float = 0.0) -> Floats:
    """Return the sandwich covariance of the coefficients, with the scores summed by cluster."""
    p = special.expit(offset + design @ beta)
    bread = (design * (p * (1 - p))[:, None]).T @ design + np.diag(penalties)
    scores, number = design * (outcome - p)[:, None], int(groups.max()) + 1
    sums = np.column_stack([np.bincount(groups, column, number) for column in scores.T])
    inverse = np.linalg.inv(bread)
    return np.asarray(inverse @ (sums.T @ sums * number / max(number - 1, 1)) @ inverse)
