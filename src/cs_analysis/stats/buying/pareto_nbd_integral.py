"""The integrals of the Pareto/NBD model by Gauss-Legendre quadrature, to rounding.

The usual form of the likelihood is a difference of two hypergeometric functions, which loses all its digits for frequent buyers and where
alpha and beta are close. The integral behind it has a positive integrand and loses none. With the smaller of alpha and beta in the new variable
y = log((smaller + u) / (smaller + t)) the integrand is analytic within a distance of pi of the real line, whatever the parameters are: 40 nodes suffice
once the range ends where the integrand has fallen by a factor of e^40.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cs_analysis.stats.buying.histories import Floats, Past

_FALL = 40.0
_NODES, _WEIGHTS = (values / 2 for values in np.polynomial.legendre.leggauss(40))
_NODES = _NODES + 0.5
_FINE_NODES, _FINE_WEIGHTS = (values / 2 for values in np.polynomial.legendre.leggauss(160))
_FINE_NODES = _FINE_NODES + 0.5


def log_integral(values: Floats, past: Past) -> Floats:
    """Return log(alpha^r beta^s I) for each row; minus infinity where the last purchase was at the very end. `values` are r, alpha, s and beta."""
    with np.errstate(divide="ignore"):
        return np.asarray(_base(values, past) + np.log(_Integrand.of(values, past).weight.sum(axis=1)))


def log_integral_with_slopes(values: Floats, past: Past) -> tuple[Floats, Floats, Floats]:
    """Return log(alpha^r beta^s I), its gradient and its Hessian in the logarithms of r, alpha, s and beta, for each row.

    I integrates exp(f) over a range that does not depend on the parameters, so the gradient of log I is the mean of that of f under the
    integrand as weight, and the Hessian is the mean of that of f plus the covariance of its gradient.
    """
    r, alpha, s, beta = values
    bought = past.frequency[:, None]
    nodes = _Integrand.of(values, past)
    total = nodes.weight.sum(axis=1)
    share = nodes.weight / np.where(total > 0, total, 1.0)[:, None]
    near_alpha, far_alpha = alpha / (alpha + nodes.time), nodes.time / (alpha + nodes.time)
    near_beta, far_beta = beta / (beta + nodes.time), nodes.time / (beta + nodes.time)
    slopes = np.stack([-r * nodes.of_alpha, r * far_alpha - bought * near_alpha, -s * nodes.of_beta, s * far_beta - near_beta], axis=1)
    mean = np.einsum("ikn,in->ik", slopes, share)
    centred = slopes - mean[:, :, None]
    bend = (centred * share[:, None, :]) @ centred.transpose(0, 2, 1)
    mean[:, 0] -= r * np.log1p(past.recency / alpha)
    mean[:, 2] -= s * np.log1p(past.recency / beta)
    bend[:, 0, 0] += mean[:, 0]
    bend[:, 2, 2] += mean[:, 2]
    for one, other, coefficient, far in ((0, 1, r, far_alpha), (2, 3, s, far_beta)):
        across = coefficient * np.einsum("in,in->i", far, share)
        bend[:, one, other] += across
        bend[:, other, one] += across
    bend[:, 1, 1] -= (r + past.frequency) * np.einsum("in,in,in->i", near_alpha, far_alpha, share)
    bend[:, 3, 3] -= (s + 1) * np.einsum("in,in,in->i", near_beta, far_beta, share)
    with np.errstate(divide="ignore"):
        return _base(values, past) + np.log(total), mean, bend


def _base(values: Floats, past: Past) -> Floats:
    """Return the logarithm of alpha^r beta^s times the integrand at t; differences come before logarithms, so that large r and alpha do not cancel."""
    r, alpha, s, beta = values
    of_r, of_s = r * np.log1p(past.recency / alpha), s * np.log1p(past.recency / beta)
    return np.asarray(-of_r - past.frequency * np.log(alpha + past.recency) - of_s - np.log(beta + past.recency))


@dataclass(frozen=True, eq=False)
class _Integrand:
    """The integrand at the nodes (columns) of each row.

    Attributes
    ----------
    of_alpha, of_beta : array
        log((alpha + u) / (alpha + t)), and the same for beta.
    weight : array
        The integrand relative to its value at t, times the weight of the node.
    time : array
        u.
    """

    of_alpha: Floats
    of_beta: Floats
    weight: Floats
    time: Floats

    @classmethod
    def of(cls, values: Floats, past: Past) -> _Integrand:
        """Return the integrand with the smaller of alpha and beta in the new variable."""
        r, alpha, s, beta = values
        of_alpha, of_beta = r + past.frequency, np.full(len(past.age), s + 1)
        small, large = min(alpha, beta), max(alpha, beta)
        power, other = (of_alpha, of_beta) if alpha <= beta else (of_beta, of_alpha)
        start = small + past.recency
        slant = start / (large + past.recency)
        length = _range(np.log1p((past.age - past.recency) / start), power, other, slant=slant)
        y = length[:, None] * _NODES
        grown = np.expm1(y)
        beside = np.log1p(slant[:, None] * grown)
        weight = np.exp((1 - power)[:, None] * y - other[:, None] * beside) * _WEIGHTS * (length * start)[:, None]
        above_alpha, above_beta = (y, beside) if alpha <= beta else (beside, y)
        return cls(above_alpha, above_beta, weight, past.recency[:, None] + start[:, None] * grown)


def _range(length: Floats, power: Floats, other: Floats, *, slant: Floats) -> Floats:
    """Return where the integrand has fallen by e^40, or the whole length; Newton's method from the right on a convex function cannot overshoot."""
    for _ in range(8):
        grown = slant * np.expm1(length)
        excess = (power - 1) * length + other * np.log1p(grown) - _FALL
        steep = power - 1 + other * (grown + slant) / (1 + grown)
        length = np.where(excess > 0, length - np.maximum(excess, 0.0) / np.where(excess > 0, steep, 1.0), length)
    return length


def lived_discounted(s: float, beta: Floats, rate: float) -> Floats:
    """Return the expected days still to live, discounted by e^(-rate days): beta Psi(1, 2 - s; rate beta) with Tricomi's function.

    It is the integral over all t of e^(-rate t) (beta / (beta + t))^s, in the variable log((beta + t) / beta).
    """
    scaled = rate * beta
    length = np.log1p(60 / scaled)
    if s > 1:
        length = np.minimum(length, 60 / (s - 1))
    y = length[:, None] * _FINE_NODES
    return np.asarray(beta * length * (np.exp(-scaled[:, None] * np.expm1(y) - (s - 1) * y) @ _FINE_WEIGHTS))


def nodes_of_lifetime(s: float, beta: Floats, *, days: float, most: int) -> Iterator[tuple[Floats, Floats]]:
    """Yield days that customers (rows) stay, up to `days`, with their probabilities: who stays to the end last.

    More nodes where up to `most` purchases have to be told apart.
    """
    places, weights = np.polynomial.legendre.leggauss(int(min(24 + 4 * np.sqrt(most), 200)))
    length = np.log1p(days / beta)
    for place, weight in zip(places, weights, strict=True):
        y = length * (place + 1) / 2
        yield beta * np.expm1(y), weight / 2 * length * s * np.exp(-s * y)
    yield np.full(len(beta), float(days)), np.exp(-s * length)
