"""Limits by profile likelihood: how far a parameter can go before the likelihood, maximised over the others, falls too low."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from cs_analysis.stats.newton import Objective, Optimum

Floats = npt.NDArray[np.float64]

_STAGES = ((1.0,), (0.25, 1.0), tuple(np.linspace(0, 1, 9)[1:] ** 2))  # shares of the fall; the later ones where one leap misses
_STEPS = 15
_LONGEST = 1.0


def profile_limits(objective: Objective, optimum: Optimum, *, units: int, conf_level: float) -> tuple[Floats, Floats]:
    """Return the lower and upper limits of all parameters.

    A limit is where twice the log-likelihood, at its highest over the other parameters, lies a chi-squared quantile below the maximum. The point
    and its companions solve one system of equations, by Newton's method from where the curvature at the maximum points.

    Parameters
    ----------
    objective : callable
        Mean log-likelihood of a unit with gradient and Hessian, as `maximise` takes it.
    optimum : Optimum
        A strict maximum.
    units : int
        Number of units.
    conf_level : float
        Level of the limits.

    Returns
    -------
    low, high : array
        Infinite where no such point was found, which is so where the likelihood stays high for ever.

    References
    ----------
    Venzon and Moolgavkar (1988), Journal of the Royal Statistical Society C 37, 87-94.

    Examples
    --------
    >>> from cs_analysis.stats.newton import maximise
    >>> def mean_log_likelihood(x):  # the mean of ten values with variance 1
    ...     return float(-((x[0] - 3) ** 2) / 2), 3 - x, np.array([[-1.0]])
    >>> best = maximise(mean_log_likelihood, [0.0], terms=["mean"])
    >>> [limit.round(2).tolist() for limit in profile_limits(mean_log_likelihood, best, units=10, conf_level=0.95)]
    [[2.38], [3.62]]
    """
    fall = float(special.chdtri(1, 1 - conf_level)) / 2 / units
    terms = range(len(optimum.point))
    low, high = ([_limit(objective, optimum, term=term, side=side, fall=fall) for term in terms] for side in (-1.0, 1.0))
    return np.array(low), np.array(high)


def _limit(objective: Objective, optimum: Optimum, *, term: int, side: float, fall: float) -> float:
    """Return one limit, in one leap or, where that misses, in stages."""
    spread = np.linalg.inv(-optimum.hessian)[:, term]
    leap = side * np.sqrt(2 * fall) * spread / np.sqrt(spread[term])
    for stages in _STAGES:
        place: Floats | None = optimum.point
        gone = 0.0
        for share in stages:
            if place is not None:
                start = place + leap * (np.sqrt(share) - gone)
                place, gone = _solved(objective, start, term=term, level=optimum.value - share * fall, fall=fall), np.sqrt(share)
        if place is not None and side * (place[term] - optimum.point[term]) > 0:
            return float(place[term])
    return float(side * np.inf)


def _solved(objective: Objective, start: Floats, *, term: int, level: float, fall: float) -> Floats | None:
    """Return the point at which the likelihood has a level and is highest over the other parameters, or None."""
    place = start
    scale = np.full(len(start), np.sqrt(fall))
    scale[term] = fall
    for _ in range(_STEPS):
        value, gradient, hessian = objective(place)
        if not np.isfinite(value):
            return None
        missing, slopes = gradient.copy(), hessian.copy()
        missing[term], slopes[term] = value - level, gradient
        if (np.abs(missing) < 1e-6 * scale).all():
            return place if _highest_over_others(hessian, term) else None
        try:
            step = -np.linalg.solve(slopes, missing)
        except np.linalg.LinAlgError:
            return None
        place = place + step * min(1.0, _LONGEST / max(float(np.abs(step).max()), _LONGEST))
    return None


def _highest_over_others(hessian: Floats, term: int) -> bool:
    others = np.delete(np.delete(hessian, term, 0), term, 1)
    return bool(len(others) == 0 or np.linalg.eigvalsh(others)[-1] < 0)
