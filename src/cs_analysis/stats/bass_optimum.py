"""The best Bass curve for a series of counts, and whether there is one: interior optimum, no imitation, or none at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from cs_analysis.errors import ConvergenceError
from cs_analysis.stats.bass_curve import (
    FASTEST,
    Criterion,
    Floats,
    Geometric,
    Problem,
    Solution,
    declining,
    geometric,
    log_shares,
    optima,
    problem_of,
)

Method = Literal["nls", "ml", "ols"]

_SAME = 1e-12  # two values of a criterion, both on a scale of 1, that differ by less are called equal
_STRAIGHT = 1e-9  # a bend of the regression, for counts as shares of their sum, that is rounding
_FLAT = 1e-7  # a gradient on that scale below which steps have arrived


@dataclass(frozen=True)
class Curve:
    """A Bass curve and the part of it that was seen: `periods` periods from `before` periods after the launch."""

    p: float
    q: float
    m: float
    before: float
    periods: int

    @property
    def odds(self) -> float:
        """Return log(q / p)."""
        return float(np.log(self.q / self.p)) if self.q > 0 else -np.inf

    @property
    def end(self) -> float:
        """Return the time of the end of the data, in periods since the launch."""
        return self.before + self.periods

    @property
    def peak_time(self) -> float:
        """Return the time since the launch at which adoption is fastest; negative where it falls from the start."""
        return self.odds / (self.p + self.q)

    def expected(self, positions: npt.ArrayLike) -> Floats:
        """Return the expected adopters of periods, counted from 0 at the first of the data."""
        return self.m * np.exp(log_shares(self.p + self.q, self.odds, self.before + np.asarray(positions, dtype="float64")))


@dataclass(frozen=True)
class Optimum:
    """The best curve under a criterion, with the best curves at the two edges of the model."""

    problem: Problem
    solution: Solution
    rising: Geometric  # m infinite
    falling: Geometric  # q = 0

    @property
    def curve(self) -> Curve:
        """Return the curve in the units of the data."""
        p, q, m = np.exp(self.solution.point + np.array([0.0, 0.0, np.log(self.problem.scale)]))
        return Curve(float(p), float(q), float(m), float(self.problem.starts[0]), len(self.problem.starts))

    @property
    def without_imitation(self) -> bool:
        """Return whether the optimum lies on the boundary q = 0."""
        return bool(np.isneginf(self.solution.point[1]))

    def rise(self, conf_level: float) -> float:
        """Return by how much the criterion may rise above its minimum inside the limits of one parameter."""
        if self.problem.criterion == "ml":
            return float(special.ndtri((1 + conf_level) / 2) ** 2 / self.problem.scale)
        freedom = len(self.problem.starts) - 3
        return float(self.solution.value * stats.t.ppf((1 + conf_level) / 2, freedom) ** 2 / freedom)

    def identified(self, conf_level: float) -> bool:
        """Return whether m has a finite upper limit: the peak has passed, and growth without end fits clearly worse."""
        return self.curve.peak_time < self.curve.end and self.rising.value - self.solution.value > self.rise(conf_level)

    def residual_variance(self) -> float:
        """Return the squared error over its degrees of freedom, in the units of the data (for least squares)."""
        return self.solution.value * self.problem.scale**2 / (len(self.problem.starts) - 3)


def best_curve(counts: Floats, *, before: float, criterion: Criterion) -> Optimum:
    """Return the best curve.

    Raises
    ------
    ConvergenceError
        The criterion has no minimum: counts that grow like an exponential (m infinite) or come within one period (p + q infinite) fit
        better than every Bass curve; or the steps did not arrive.
    """
    problem = problem_of(counts, before=before, criterion=criterion)
    rising, falling = geometric(problem, rising=True), geometric(problem, rising=False)
    found = optima(problem)
    solution = found[0]
    edge = declining(problem)
    if edge is not None and edge.value <= solution.value + _SAME:
        solution = edge
    if rising.value <= solution.value + _SAME:
        raise ConvergenceError(_endless(rising))
    if np.exp(solution.point[:2]).sum() > FASTEST:
        raise ConvergenceError(f"nearly all adoption falls into one period (p + q above {FASTEST:g}): whole periods do not show a curve. Use shorter periods.")
    _check_arrived(solution)
    return Optimum(problem, solution, rising, falling)


def _endless(rising: Geometric) -> str:
    growth = f"growth by {np.expm1(rising.growth):.1%} a period" if rising.growth > 1e-5 else "the same number in every period"
    return f"m is not identified: {growth} fits better than any Bass curve, so no ceiling is in sight. Wait until growth slows down, or state m yourself."


def _check_arrived(solution: Solution) -> None:
    slope = np.abs(solution.gradient[np.isfinite(solution.point)]).max()
    if slope > _FLAT:
        raise ConvergenceError(f"the best curve was not reached: the gradient is still {slope:.1e} of the criterion. Check the counts for outliers.")


@dataclass(frozen=True)
class Regression:
    """Bass's own regression of 1969 with what follows from it."""

    curve: Curve
    covariance: Floats
    squared_error: float


def regression(counts: Floats) -> Regression:
    """Return p, q and m from adopters = a + b Y + c Y^2, where Y is the number of adopters before the period.

    m is the positive root of a + b m + c m^2 = 0, p = a / m and q = -c m; their covariance follows by the delta method.

    Raises
    ------
    ConvergenceError
        The roots are complex, or p, q or m would not be positive.
    """
    earlier = np.concatenate([[0.0], np.cumsum(counts)[:-1]])
    unit = float(counts.sum())
    design = np.column_stack([np.ones(len(counts)), earlier / unit, (earlier / unit) ** 2])
    (a, b, c), *_ = np.linalg.lstsq(design, counts / unit, rcond=None)
    inside = b * b - 4 * a * c
    if inside < 0:
        raise ConvergenceError("the regression has no real m: b^2 < 4 a c, its quadratic in m has complex roots. Use method='nls'.")
    if not (a > 0 and c < -_STRAIGHT):
        raise ConvergenceError(f"the regression gives no Bass curve: it needs a > 0 and c < 0, and a = {a * unit:.4g}, c = {c / unit:.4g}. Use method='nls'.")
    m = (-b - np.sqrt(inside)) / (2 * c)
    missed = counts / unit - design @ np.array([a, b, c])
    variance = float(missed @ missed) / (len(counts) - 3) * np.linalg.inv(design.T @ design)
    by_m = -np.array([1.0, m, m * m]) / (b + 2 * c * m)
    slopes = np.stack([np.array([1 / m, 0.0, 0.0]) - a / m**2 * by_m, np.array([0.0, 0.0, -m]) - c * by_m, by_m])
    units = np.array([1.0, 1.0, unit])
    curve = Curve(float(a / m), float(-c * m), float(m * unit), 0.0, len(counts))
    return Regression(curve, slopes @ variance @ slopes.T * np.outer(units, units), float(missed @ missed) * unit**2)
