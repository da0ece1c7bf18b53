"""The Bass curve and its optimum: shares of adopters by period with exact derivatives, a search over a grid, damped Newton steps.

With b = p + q (`rate`) and c = log(q / p) (`odds`), the share of all adopters that adopt in (s, s + 1] is
(1 + e^c) e^(-bs) (1 - e^-b) / ((1 + e^(c - bs)) (1 + e^(c - b(s + 1)))): a product, so its logarithm never cancels and has short derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

Floats = npt.NDArray[np.float64]
Criterion = Literal["nls", "ml"]

FASTEST = 5.0  # p + q a period: above it nine of ten adopt within one period, and whole periods no longer show a curve
_MOST_STEPS = 200
_MOST_STARTS = 12
_LONGEST_STEP = 2.0
_ROUNDING = 1e-14
_LEVEL = 1e-13  # a gradient that is rounding and no more


@dataclass(frozen=True)
class Shares:
    """Logarithms of the shares with their first and second derivatives by (rate, odds)."""

    log: Floats
    slope: Floats  # rows x 2
    bend: Floats  # rows x 2 x 2


def log_shares(rate: npt.ArrayLike, odds: npt.ArrayLike, starts: Floats) -> Floats:
    """Return the logarithm of the share that adopts in (s, s + 1] for every start s, along a last axis of its own."""
    b, c = np.asarray(rate, dtype="float64")[..., None], np.asarray(odds, dtype="float64")[..., None]
    width = np.log(-np.expm1(-b)) - b * starts
    return np.asarray(np.logaddexp(0, c) + width - np.logaddexp(0, c - b * starts) - np.logaddexp(0, c - b * (starts + 1)))


def shares(rate: float, odds: float, starts: Floats) -> Shares:
    """Return the shares with their derivatives."""
    ends = starts + 1
    at_start, at_end, at_launch = special.expit(odds - rate * starts), special.expit(odds - rate * ends), special.expit(odds)
    steep_start, steep_end = at_start * (1 - at_start), at_end * (1 - at_end)
    slope, bend = np.empty((len(starts), 2)), np.empty((len(starts), 2, 2))
    slope[:, 0] = ends * at_end - starts * (1 - at_start) + 1 / np.expm1(rate)
    slope[:, 1] = at_launch - at_start - at_end
    bend[:, 0, 0] = -(starts**2) * steep_start - ends**2 * steep_end - 0.25 / np.sinh(rate / 2) ** 2
    bend[:, 0, 1] = bend[:, 1, 0] = starts * steep_start + ends * steep_end
    bend[:, 1, 1] = at_launch * (1 - at_launch) - steep_start - steep_end
    return Shares(log_shares(rate, odds, starts), slope, bend)


@dataclass(frozen=True)
class Place:
    """(rate, odds) with their derivatives by the two coordinates in use."""

    rate: float
    odds: float
    slope: Floats  # 2 x 2: d(rate, odds) / d(first, second)
    bend: Floats  # 2 x 2 x 2


def by_terms(first: float, second: float) -> Place:
    """Return the place of (log p, log q)."""
    p, q = np.exp(min(first, 6.0)), np.exp(min(second, 6.0))
    return Place(p + q, second - first, np.array([[p, q], [-1.0, 1.0]]), np.array([[[p, 0.0], [0.0, q]], [[0.0, 0.0], [0.0, 0.0]]]))


def by_peak(first: float, second: float) -> Place:
    """Return the place of (time of the peak, log rate)."""
    b = np.exp(min(second, 6.0))
    return Place(b, first * b, np.array([[0.0, b], [b, first * b]]), np.array([[[0.0, 0.0], [0.0, b]], [[0.0, b], [b, first * b]]]))


@dataclass(frozen=True)
class Problem:
    """What is minimised over three coordinates: two of the curve's shape, and the logarithm of its size.

    `adopters` are divided by `scale`, so that the criterion is free of units: squared errors over squares for `"nls"`, Poisson deviance a
    head for `"ml"`. The size is m, or the expected adopters of the period that starts at `reference`.
    """

    adopters: Floats
    starts: Floats
    criterion: Criterion
    scale: float
    coordinates: Callable[[float, float], Place] = by_terms
    reference: float | None = None

    def evaluate(self, point: Floats) -> tuple[float, Floats, Floats]:
        """Return the criterion, its gradient and its Hessian."""
        place = self.coordinates(float(point[0]), float(point[1]))
        log, slope, bend = self._expected(place, float(point[2]))
        value, first, second = _loss(self.adopters, np.exp(np.minimum(log, 50.0)), self.criterion)
        gradient = first @ slope
        hessian = (slope * second[:, None]).T @ slope
        hessian[:2, :2] += (first @ bend.reshape(-1, 4)).reshape(2, 2)
        return value, gradient, hessian

    def jacobian(self, point: Floats) -> tuple[Floats, Floats]:
        """Return the expected adopters, in the units of the data, and the derivatives of their logarithms."""
        log, slope, _ = self._expected(self.coordinates(float(point[0]), float(point[1])), float(point[2]))
        return np.exp(log) * self.scale, slope

    def _expected(self, place: Place, size: float) -> tuple[Floats, Floats, Floats]:
        starts = self.starts if self.reference is None else np.append(self.starts, self.reference)
        found = shares(place.rate, place.odds, starts)
        slope = found.slope @ place.slope
        bend = place.slope.T @ found.bend @ place.slope + (found.slope @ place.bend.reshape(2, 4)).reshape(-1, 2, 2)
        log = found.log
        if self.reference is not None:
            log, slope, bend = log[:-1] - log[-1], slope[:-1] - slope[-1], bend[:-1] - bend[-1]
        return size + log, np.column_stack([slope, np.ones(len(slope))]), bend

    def profiled(self, log_shape: Floats) -> Floats:
        """Return the criterion at the best size for each shape along the last axis, known up to a factor."""
        shape = np.exp(log_shape - log_shape.max(axis=-1, keepdims=True))
        if self.criterion == "nls":
            return np.asarray(self.adopters @ self.adopters - (shape @ self.adopters) ** 2 / (shape**2).sum(axis=-1))
        total = self.adopters.sum()
        expected = shape * (total / shape.sum(axis=-1, keepdims=True))
        return np.asarray(2 * special.xlogy(self.adopters, self.adopters / np.maximum(expected, 1e-300)).sum(axis=-1))

    def best_size(self, log_shape: Floats) -> float:
        """Return the logarithm of the best factor of a shape."""
        top = float(log_shape.max())
        shape = np.exp(log_shape - top)
        factor = shape @ self.adopters / (shape @ shape) if self.criterion == "nls" else self.adopters.sum() / shape.sum()
        return float(np.log(max(factor, 1e-300)) - top)


def _loss(adopters: Floats, expected: Floats, criterion: Criterion) -> tuple[float, Floats, Floats]:
    """Return the loss, and its first and second derivatives by the logarithm of each expected count."""
    missed = expected - adopters
    if criterion == "nls":
        return float(missed @ missed), 2 * missed * expected, 2 * expected * (missed + expected)
    loss = special.xlogy(adopters, adopters / np.maximum(expected, 1e-300)) + missed
    return float(2 * loss.sum()), 2 * missed, 2 * expected


def problem_of(adopters: Floats, *, before: float, criterion: Criterion) -> Problem:
    """Return the problem of fitting counts of successive periods, the first of which starts `before` periods after the launch."""
    scale = float(np.sqrt(adopters @ adopters)) if criterion == "nls" else float(adopters.sum())
    return Problem(adopters / scale, before + np.arange(len(adopters), dtype="float64"), criterion, scale)


@dataclass(frozen=True)
class Solution:
    """Where the steps ended, with the criterion, gradient and Hessian there."""

    point: Floats
    value: float
    gradient: Floats
    hessian: Floats

    @property
    def steepness(self) -> float:
        """Return the largest part of the gradient."""
        return float(np.abs(self.gradient).max())


def minimised(problem: Problem, start: Floats, *, free: Sequence[int] = (0, 1, 2)) -> Solution:
    """Return the minimum that Newton steps reach from `start`, moving the `free` coordinates only.

    Steps follow the curvature without its sign, so that they lead downhill from anywhere, and are damped until they gain.
    """
    moving = list(free)
    best = Solution(start, *problem.evaluate(start))
    damping = 0.0
    for _ in range(_MOST_STEPS):
        slope = best.gradient[moving]
        if np.abs(slope).max() < _LEVEL:
            break
        step = _downhill(slope, best.hessian[moving][:, moving], damping)
        trial = best.point.copy()
        trial[moving] += step
        found = Solution(trial, *problem.evaluate(trial))
        if _gains(found, best, moving):
            best, damping = found, damping / 10 if damping > 1e-8 else 0.0
        elif np.abs(step).max() < 1e-10 or damping > 1e6:
            break
        else:
            damping = max(10 * damping, 1e-3 * float(np.abs(np.diag(best.hessian)).max()), 1e-12)
    return best


def _gains(found: Solution, best: Solution, moving: list[int]) -> bool:
    """Return whether a step lowers the criterion or, within rounding, the gradient."""
    if found.value < best.value - _ROUNDING:
        return True
    flatter = np.abs(found.gradient[moving]).max() < 0.9 * np.abs(best.gradient[moving]).max()
    return bool(found.value <= best.value + _ROUNDING and flatter)


def _downhill(slope: Floats, hessian: Floats, damping: float) -> Floats:
    sizes, directions = np.linalg.eigh(hessian)
    sizes = np.maximum(np.abs(sizes), 1e-14 * max(np.abs(sizes).max(), 1e-300)) + damping
    step = -directions @ (directions.T @ slope / sizes)
    return np.asarray(step * min(1.0, _LONGEST_STEP / max(np.abs(step).max(), 1e-300)))


def optima(problem: Problem) -> list[Solution]:
    """Return the distinct minima reached from all low points of a grid over the shape, the lowest first."""
    rate, odds = _grid(problem.starts)
    value = problem.profiled(log_shares(rate, odds, problem.starts))
    around = np.pad(value, 1, constant_values=np.inf)
    rows, columns = value.shape
    lowest = np.min([around[i : i + rows, j : j + columns] for i in range(3) for j in range(3)], axis=0)
    low = np.argwhere(value == lowest)
    low = low[np.argsort(value[tuple(low.T)], kind="stable")][:_MOST_STARTS]
    found = sorted((minimised(problem, _start(problem, float(rate[i, j]), float(odds[i, j]))) for i, j in low), key=lambda each: each.value)
    return [_by_way_of_the_peak(problem, found[0]), *found[1:]] if found[0].steepness > _LEVEL**0.5 else found


def _by_way_of_the_peak(problem: Problem, stuck: Solution) -> Solution:
    """Return where steps lead that move the time of the peak instead of p: along a narrow peak, p and q only move together."""
    log_p, log_q, size = stuck.point
    rate = np.logaddexp(log_p, log_q)
    start = np.array([(log_q - log_p) / np.exp(rate), rate, size])
    time, rate, size = minimised(replace(problem, coordinates=by_peak), start).point
    odds = time * np.exp(rate)
    log_p = rate - np.logaddexp(0, odds)
    return minimised(problem, np.array([log_p, log_p + odds, size]))


def _grid(starts: Floats) -> tuple[Floats, Floats]:
    """Return rates and odds: peaks before the launch, in every half period of the data, and long after them."""
    end = starts[-1] + 1
    times = np.concatenate([np.linspace(0, end, min(2 * int(end) + 1, 121)), end * np.array([1.15, 1.4, 1.8, 2.5, 4, 7])])
    rates = np.geomspace(0.05 / end, FASTEST, 48)
    early = np.array([-9.0, -6.0, -4.0, -2.5, -1.5, -0.7])
    odds = np.concatenate([np.broadcast_to(early, (len(rates), len(early))), rates[:, None] * times], axis=1)
    return np.broadcast_to(rates[:, None], odds.shape), odds


def _start(problem: Problem, rate: float, odds: float) -> Floats:
    log_p = np.log(rate) - np.logaddexp(0, odds)
    return np.array([log_p, log_p + odds, problem.best_size(log_shares(rate, odds, problem.starts))])


@dataclass(frozen=True)
class Geometric:
    """The best curve that grows (or falls) by one factor a period: where q = 0, and where m is infinite."""

    growth: float  # logarithm of the factor
    value: float


def geometric(problem: Problem, *, rising: bool) -> Geometric:
    """Return the best curve with a constant factor, of at least 1 if `rising`, else of at most 1."""
    sign = 1.0 if rising else -1.0
    places = np.arange(len(problem.starts), dtype="float64")

    def value(growth: npt.ArrayLike) -> Floats:
        return problem.profiled(sign * np.asarray(growth)[..., None] * places)

    tried = np.concatenate([[0.0], np.geomspace(1e-4, FASTEST, 60)])
    lowest = int(np.argmin(value(tried)))
    ends = tried[max(lowest - 1, 0)], tried[min(lowest + 1, len(tried) - 1)]
    found = optimize.minimize_scalar(value, bounds=ends, method="bounded", options={"xatol": 1e-10})
    best = min((float(value(0.0)), 0.0), (float(found.fun), float(found.x)))
    return Geometric(sign * best[1], best[0])


def declining(problem: Problem) -> Solution | None:
    """Return the fit without imitation (q = 0), or nothing if the best such curve does not fall."""
    fall = geometric(problem, rising=False).growth
    if fall > -1e-9:
        return None
    log_shape = log_shares(-fall, -np.inf, problem.starts)
    start = np.array([np.log(-fall), -np.inf, problem.best_size(log_shape)])
    return minimised(problem, start, free=(0, 2))
