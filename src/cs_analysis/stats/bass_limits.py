"""Limits for a fitted Bass curve: profiles of the criterion, a bootstrap, and the Wald covariance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize

from cs_analysis.stats.bass_curve import Floats, Problem, Solution, by_peak, declining, geometric, minimised
from cs_analysis.stats.bass_optimum import Optimum

_FAR = 25.0  # in logarithms: a limit beyond a factor of e^25 is none
_EXACT = 1e-18  # a criterion that may rise by less leaves no room for limits
_SOFT = 6.0  # where q = 0, profiles start at q = p / e^6, from which steps can lead either way

Limits = tuple[float, float]


def profile_limits(optimum: Optimum, conf_level: float) -> list[Limits]:
    """Return the profile limits of p, q and m: 0 and infinity where the criterion never rises enough."""
    rise = optimum.rise(conf_level)
    endless, no_imitation = _open_ends(optimum, rise)
    unit = np.log(optimum.problem.scale)
    p = _profile(optimum.problem, optimum.solution, 0, rise=rise, ends=(endless, False))
    q = _profile(optimum.problem, optimum.solution, 1, rise=rise, ends=(no_imitation, False))
    m = _profile(optimum.problem, optimum.solution, 2, rise=rise, ends=(False, not optimum.identified(conf_level)))
    return [_raised(p), _raised(q), _raised((m[0] + unit, m[1] + unit))]


def expected_limits(optimum: Optimum, position: float, conf_level: float) -> Limits:
    """Return the profile limits of the expected adopters of the period at `position`."""
    problem, solution = optimum.problem, optimum.solution
    start = problem.starts[0] + position
    log_share, _ = replace(problem, starts=np.array([start]), scale=1.0).jacobian(solution.point)
    point = np.append(solution.point[:2], np.log(log_share[0]))
    moved = replace(problem, reference=start)
    low, high = _profile(moved, Solution(point, *moved.evaluate(point)), 2, rise=optimum.rise(conf_level), ends=(False, False))
    unit = np.log(problem.scale)
    return _raised((low + unit, high + unit))


def peak_limits(optimum: Optimum, conf_level: float) -> Limits:
    """Return the profile limits of the time of the peak since the launch, not below 0."""
    if optimum.without_imitation:
        return np.nan, np.nan
    rise = optimum.rise(conf_level)
    endless, no_imitation = _open_ends(optimum, rise)
    curve = optimum.curve
    point = np.array([curve.peak_time, np.log(curve.p + curve.q), optimum.solution.point[2]])
    problem = replace(optimum.problem, coordinates=by_peak)
    low, high = _profile(problem, Solution(point, *problem.evaluate(point)), 0, rise=rise, ends=(no_imitation, endless), far=20 * curve.end)
    return max(low, 0.0), max(high, 0.0)


def _open_ends(optimum: Optimum, rise: float) -> tuple[bool, bool]:
    """Return whether growth without end (p = 0, m infinite), and no imitation (q = 0), lie within the limits."""
    highest = optimum.solution.value + rise
    return optimum.rising.value <= highest, optimum.falling.value <= highest


def _raised(limits: Limits) -> Limits:
    low, high = (float(np.exp(limit)) for limit in limits)
    return low, high


def _profile(problem: Problem, best: Solution, which: int, *, rise: float, ends: tuple[bool, bool], far: float = _FAR) -> Limits:
    """Return where the criterion, at its best over the other two coordinates, has risen by `rise` on either side; infinite at open ends."""
    here = float(best.point[which])
    if rise < _EXACT:
        return -np.inf if ends[0] else here, np.inf if ends[1] else here
    start = _softened(problem, best)
    walk = _Walk(problem, which, best.value, rise, far)
    return -np.inf if ends[0] else walk.limit(start, -1.0), np.inf if ends[1] else walk.limit(start, 1.0)


def _softened(problem: Problem, best: Solution) -> Solution:
    if np.isfinite(best.point).all():
        return best
    point = np.where(np.isfinite(best.point), best.point, best.point[0] - _SOFT)
    return Solution(point, *problem.evaluate(point))


@dataclass(frozen=True)
class _Walk:
    """A walk along one coordinate, the other two following at their best."""

    problem: Problem
    which: int
    lowest: float
    rise: float
    far: float

    def limit(self, start: Solution, direction: float) -> float:
        """Return the coordinate at which the criterion has risen enough, infinite if that is nowhere within reach."""
        inside, step = start, self._first_step(start)
        while True:
            place = float(inside.point[self.which] + direction * step)
            if abs(place - start.point[self.which]) > self.far:
                return direction * np.inf
            there = self._at(place, inside)
            if there.value - self.lowest >= self.rise:
                break
            inside, step = there, 1.4 * step
        return self._crossing(inside, place)

    def _crossing(self, inside: Solution, outside: float) -> float:
        """Return the root between a place inside and one outside; the square root of the rise is nearly straight."""

        def excess(place: float) -> float:
            return float(np.sqrt(max(self._at(place, inside).value - self.lowest, 0.0)) - np.sqrt(self.rise))

        within = float(inside.point[self.which])
        if excess(within) >= 0:
            return within
        return float(optimize.brentq(excess, within, outside, xtol=1e-8, rtol=1e-10))

    def _at(self, place: float, near: Solution) -> Solution:
        point = near.point.copy()
        point[self.which] = place
        return minimised(self.problem, point, free=[each for each in range(3) if each != self.which])

    def _first_step(self, start: Solution) -> float:
        sizes, directions = np.linalg.eigh(start.hessian)
        if sizes[0] <= 1e-12 * sizes[-1]:
            return 0.5
        return float(min(np.sqrt(2 * self.rise * (directions[self.which] ** 2 / sizes).sum()), self.far / 20))


def bootstrap_limits(optimum: Optimum, conf_level: float, *, rng: np.random.Generator, replicates: int) -> list[Limits]:
    """Return percentile limits of p, q and m: Poisson counts from the fitted curve for `"ml"`, resampled residuals for `"nls"`.

    A replicate whose best curve grows without end counts as p = 0 and m infinite.
    """
    drawn = np.array([_refitted(optimum, counts) for counts in _replicates(optimum, rng, replicates)])
    tail = (1 - conf_level) / 2
    low, high = (np.quantile(drawn, level, axis=0, method="inverted_cdf") for level in (tail, 1 - tail))
    return [(float(low[term]), float(high[term]) if term < 2 or optimum.identified(conf_level) else np.inf) for term in range(3)]


def _replicates(optimum: Optimum, rng: np.random.Generator, replicates: int) -> Floats:
    expected, _ = optimum.problem.jacobian(optimum.solution.point)
    if optimum.problem.criterion == "ml":
        return rng.poisson(expected, (replicates, len(expected))).astype("float64")
    missed = optimum.problem.adopters * optimum.problem.scale - expected
    widened = (missed - missed.mean()) * np.sqrt(len(missed) / (len(missed) - 3))
    return expected + rng.choice(widened, (replicates, len(missed)))


def _refitted(optimum: Optimum, counts: Floats) -> Sequence[float]:
    """Return p, q and m of a replicate by steps from the estimate; the edges of the model are tried where the steps lead there."""
    problem = replace(optimum.problem, adopters=counts / optimum.problem.scale)
    found = minimised(problem, _softened(problem, optimum.solution).point)
    log_p, log_q, _ = found.point
    if log_q < log_p and (edge := declining(problem)) is not None and edge.value <= found.value:
        found = edge
    if log_q - log_p > 2 * (problem.starts[-1] + 1) * np.exp(found.point[:2]).sum():
        rising = geometric(problem, rising=True)
        if rising.value <= found.value + 1e-9:
            return [0.0, rising.growth, np.inf]
    p, q, m = np.exp(found.point)
    return [float(p), float(q), float(m * problem.scale)]


def wald_covariance(optimum: Optimum) -> Floats:
    """Return the covariance of p, q and m from the expected information; missing for q on its boundary."""
    expected, slope = optimum.problem.jacobian(optimum.solution.point)
    terms = np.exp(optimum.solution.point + np.array([0.0, 0.0, np.log(optimum.problem.scale)]))
    inside = np.flatnonzero(terms > 0)
    weight, variance = (expected, 1.0) if optimum.problem.criterion == "ml" else (expected**2, optimum.residual_variance())
    information = slope[:, inside].T @ (slope[:, inside] * weight[:, None])
    covariance = np.full((3, 3), np.nan)
    covariance[np.ix_(inside, inside)] = variance * np.linalg.inv(information) * np.outer(terms[inside], terms[inside])
    return covariance
