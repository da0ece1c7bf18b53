"""Newton's method for a log-likelihood whose gradient and Hessian are known, safe far from the maximum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cs_analysis.errors import ConvergenceError

Floats = npt.NDArray[np.float64]
Objective = Callable[[Floats], tuple[float, Floats, Floats]]

_LONGEST_STEP = 2.0  # in any parameter; on a logarithmic scale a factor of seven
_HALVINGS = 40


@dataclass(frozen=True, eq=False)
class Optimum:
    """A maximum.

    Attributes
    ----------
    point : array
        The parameters, on the scale on which the objective takes them.
    value, gradient, hessian
        The objective there: the mean log-likelihood of a customer and its derivatives.
    iterations : int
        Steps taken.
    """

    point: Floats
    value: float
    gradient: Floats
    hessian: Floats
    iterations: int

    @property
    def steepest(self) -> float:
        """Largest absolute element of the gradient."""
        return float(np.abs(self.gradient).max())

    @property
    def condition(self) -> float:
        """Ratio of the largest to the smallest curvature; infinite where the maximum is no strict one."""
        curvatures = np.linalg.eigvalsh(-self.hessian)
        return float(curvatures[-1] / curvatures[0]) if curvatures[0] > 0 else float("inf")


def maximise(objective: Objective, start: Sequence[float] | Floats, *, terms: Sequence[str], tolerance: float = 1e-8, most: int = 200) -> Optimum:
    """Return the maximum of a smooth function.

    Newton steps along the eigenvectors of the Hessian with the curvatures' absolute values, so that a step always leads uphill; none longer
    than 2, and halved until the function rises. Once the gradient is below `tolerance`, one more step takes it to rounding.

    Parameters
    ----------
    objective : callable
        Takes the parameters and returns value, gradient and Hessian. A value that is not finite marks a point as out of reach.
    start : sequence of float
        Where to begin; the value there must be finite.
    terms : sequence of str
        Names of the parameters, for the message of an error.
    tolerance : float
        The largest element of the gradient at which the search ends.
    most : int
        Steps before the search is given up.

    Returns
    -------
    Optimum
        Its gradient is below `tolerance` and its Hessian as the objective gives it: whether it is a strict maximum is for the caller to see.

    Raises
    ------
    ConvergenceError
        No step leads uphill, or `most` steps were not enough: as a rule the likelihood rises for ever in some direction.

    References
    ----------
    Nocedal and Wright (2006), Numerical Optimization, 2nd ed., sections 3.1 and 3.4.

    Examples
    --------
    >>> def bowl(x):
    ...     return float(-((x[0] - 3) ** 2)), -2 * (x - 3), np.array([[-2.0]])
    >>> maximise(bowl, [0.0], terms=["x"]).point
    array([3.])
    """
    here = Optimum(np.asarray(start, dtype="float64"), *objective(np.asarray(start, dtype="float64")), iterations=0)
    if not np.isfinite(here.value):
        raise ConvergenceError(f"the likelihood must be finite where the search starts; it is {here.value!r} at {_place(terms, here.point)}.")
    while here.steepest >= tolerance:
        there = _uphill(objective, here)
        if there is None or there.iterations > most:
            raise ConvergenceError(
                f"the likelihood has no maximum that could be reached: after {here.iterations} steps its gradient was still {here.steepest:.1e} at "
                f"{_place(terms, here.point)} (logarithms). Check the data for histories that are all alike, or use a simpler model."
            )
        here = there
    polished = _uphill(objective, here)
    return polished if polished is not None and polished.steepest <= here.steepest else here


def _uphill(objective: Objective, here: Optimum) -> Optimum | None:
    """Return the point after one step, or None if no part of the step leads uphill."""
    step = _newton_step(here)
    noise = 1e-13 * max(abs(here.value), 1.0)
    for _ in range(_HALVINGS):
        value, gradient, hessian = objective(here.point + step)
        there = Optimum(here.point + step, value, gradient, hessian, iterations=here.iterations + 1)
        if np.isfinite(value) and (value > here.value + noise or (value > here.value - noise and there.steepest < here.steepest)):
            return there
        step = step / 2
    return None


def _newton_step(here: Optimum) -> Floats:
    """Return the Newton step with every curvature taken as downward, and none as flat."""
    curvatures, directions = np.linalg.eigh(-here.hessian)
    sizes = np.maximum(np.abs(curvatures), 1e-12 * max(float(np.abs(curvatures).max()), here.steepest))
    step = directions @ ((directions.T @ here.gradient) / sizes)
    return np.asarray(step * min(1.0, _LONGEST_STEP / max(float(np.abs(step).max()), _LONGEST_STEP)))


def _place(terms: Sequence[str], point: Floats) -> str:
    return ", ".join(f"{term} = {value:.4g}" for term, value in zip(terms, point, strict=True))
