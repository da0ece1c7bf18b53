"""Gamma purchasing with exponential lifetimes: likelihood and forecasts of the Pareto/NBD model.

A customer who is still there buys at a rate of his own, gamma(r, alpha) over customers, and leaves at a rate of his own, gamma(s, beta) over
customers. The likelihood of x repeat purchases, the last at t, seen until T, is

    Gamma(r + x) / Gamma(r)  alpha^r  beta^s  [ (alpha + T)^-(r + x) (beta + T)^-s  +  s I ],
    I = integral from t to T of (alpha + u)^-(r + x) (beta + u)^-(s + 1) du :

the customer is still there, or left at some time u after the last purchase. Someone still there goes on as a new customer with r + x, alpha + T, s
and beta + T in place of r, alpha, s and beta.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

from cs_analysis.stats.buying.histories import Floats, Histories, Ints, Past
from cs_analysis.stats.buying.pareto_nbd_integral import lived_discounted, log_integral, log_integral_with_slopes, nodes_of_lifetime
from cs_analysis.stats.fits import Diagnostic
from cs_analysis.stats.newton import Objective, maximise

_FAR = 40.0  # in logarithms: beyond it rounding, not data, decides
_ROWS = 512  # tables of 40 nodes for so many fit into the cache: twice as fast as for 4,096
_MANY = 40_000  # customers from which a search on a part of them comes first


@dataclass(frozen=True)
class ParetoNBD:
    """The model as all models of buying are used."""

    @property
    def name(self) -> str:
        """Name in metrics."""
        return "pareto_nbd"

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return ("r", "alpha", "s", "beta")

    def starts(self, histories: Histories) -> Iterator[Floats]:
        """Yield logarithms from which to search: for many customers first the maximum of a part of them; then rates around the observed one."""
        if histories.customers > _MANY:
            part = _part(histories, _MANY // 4)
            yield maximise(self.objective(part), next(self.starts(part)), terms=self.terms, tolerance=1e-6).point
        pace, age = histories.total(histories.frequency) / histories.total(histories.age), histories.total(histories.age) / histories.customers
        for r, s, leaving in ((0.5, 0.5, 0.3), (1.5, 0.3, 0.5), (0.2, 2.0, 1.0), (5.0, 0.1, 1.0), (2.0, 5.0, 3.0)):
            yield np.log([r, r / pace / 2, s, leaving * age])

    def objective(self, histories: Histories) -> Objective:
        """Return the mean log-likelihood of a customer with its derivatives in the logarithms of the parameters."""

        def value_and_slopes(point: Floats) -> tuple[float, Floats, Floats]:
            if np.abs(point).max() > _FAR:
                return -np.inf, np.zeros(4), np.zeros((4, 4))
            slope, bend = np.zeros(4), np.zeros((4, 4))
            value, slope[0], bend[0, 0] = _common_part(float(np.exp(point[0])), histories)
            for first in range(0, len(histories.age), _ROWS):
                rows = np.arange(first, min(first + _ROWS, len(histories.age)))
                row_value, row_slope, row_bend = _row_parts(point, histories.take(rows), histories.count[rows])
                value, slope, bend = value + row_value, slope + row_slope, bend + row_bend
            return value / histories.customers, slope / histories.customers, bend / histories.customers

        return value_and_slopes

    def checks(self, point: Floats) -> Iterator[Diagnostic]:
        """Yield whether customers differ in the rates at which they buy, whether they leave, and whether they differ in that."""
        r, _, s, beta = np.exp(point)
        alike = "all customers buy at the same rate; their forecasts hardly depend on what they bought."
        stay = "nobody leaves: an account that fell silent is taken for a slow buyer. Use a longer history."
        same = "all customers leave at the same rate: s and beta only have a meaning together."
        yield Diagnostic("spread of rates", 1 / np.sqrt(r), *(("boundary", alike) if r > 1e4 else ()))
        leaving = -np.expm1(-s * np.log1p(365 / beta))
        yield Diagnostic("leaving within a year", leaving, *(("boundary", stay) if leaving < 1e-4 else ()))
        yield Diagnostic("spread of leaving", 1 / np.sqrt(s), *(("boundary", same) if s > 1e4 else ()))

    def alive_log_odds(self, point: Floats, past: Past) -> Floats:
        """Return the log odds that customers are still there; infinite where they bought at the very end."""
        odds = np.empty(len(past.age))
        for first in range(0, len(odds), _ROWS):
            rows = np.arange(first, min(first + _ROWS, len(odds)))
            some = past.take(rows)
            odds[rows] = _log_still_there(np.exp(point), some) - point[2] - log_integral(np.exp(point), some)
        return odds

    def expected(self, point: Floats, past: Past, days: float) -> Floats:
        """Return the expected number of purchases in the coming days of customers who are still there: their rate times the days they will stay."""
        r, alpha, s, beta = np.exp(point)
        span = np.log1p(days / (beta + past.age))
        return np.asarray((r + past.frequency) / (alpha + past.age) * (beta + past.age) * span * special.exprel((1 - s) * span))

    def expected_discounted(self, point: Floats, past: Past, rate: float) -> Floats:
        """Return the expected number of all purchases to come, discounted by e^(-rate days), of customers who are still there."""
        r, alpha, s, beta = np.exp(point)
        ages, place = np.unique(past.age, return_inverse=True)
        return np.asarray((r + past.frequency) / (alpha + past.age) * lived_discounted(s, beta + ages, rate)[place])

    def at_least(self, point: Floats, past: Past, *, days: float, most: int) -> Floats:
        """Return the probabilities of at least 1, 2, ... `most` purchases in the coming days by customers who are still there.

        The number is negative binomial given the days that a customer stays; these are summed over at Gauss-Legendre nodes.
        """
        r, alpha, s, beta = np.exp(point)
        power, scale = (r + past.frequency)[:, None], alpha + past.age
        k = np.arange(most)
        log_ways = np.cumsum(np.log(np.where(k > 0, (power + k - 1) / np.maximum(k, 1), 1.0)), axis=1)
        exactly = np.zeros(log_ways.shape)
        for stay, weight in nodes_of_lifetime(s, beta + past.age, days=days, most=most):
            log_none, log_one = -power * np.log1p(stay / scale)[:, None], np.log(stay / (scale + stay))[:, None]
            exactly += weight[:, None] * np.exp(log_ways + log_none + k * log_one)
        return np.maximum(1 - np.cumsum(exactly, axis=1), 0.0)

    def reach(self, point: Floats, past: Past, days: float) -> Ints:
        """Return for each customer a number of purchases that the coming days will not see exceeded (probability below 1e-14)."""
        r, alpha, _, _ = np.exp(point)
        mean, chance = (r + past.frequency) * days / (alpha + past.age), days / (alpha + past.age + days)
        return np.asarray(np.ceil(mean + 8.5 * np.sqrt(mean / (1 - chance)) - 36 / np.log(chance) + 5), dtype="int64")


def _part(histories: Histories, size: int) -> Histories:
    """Return every so-manieth customer."""
    chosen = slice(None, None, histories.customers // size)
    rows, row_of = np.unique(histories.row_of[chosen], return_inverse=True)
    past = histories.take(rows)
    return Histories(past.frequency, past.recency, past.age, np.bincount(row_of).astype("float64"), row_of, histories.keys.iloc[chosen])


def _common_part(r: float, histories: Histories) -> tuple[float, float, float]:
    """Return log(Gamma(r + x) / Gamma(r)) with its slope and bend in log r, summed over customers.

    It is a product of as many factors as there were purchases, and each factor is needed once for all customers.
    """
    bought = histories.more_than
    steps = r + np.arange(len(bought))
    slope = float(bought @ (r / steps))
    return float(bought @ np.log(steps)), slope, slope - float(bought @ (r / steps) ** 2)


def _row_parts(point: Floats, past: Past, count: Floats) -> tuple[float, Floats, Floats]:
    """Return alpha^r beta^s times the bracket of the likelihood: logarithm, gradient and Hessian, summed over customers."""
    here, (here_slope, here_bend) = _log_still_there(np.exp(point), past), _slopes_of_still_there(np.exp(point), past)
    gone, gone_slope, gone_bend = log_integral_with_slopes(np.exp(point), past)
    gone, gone_slope[:, 2] = gone + point[2], gone_slope[:, 2] + 1
    both = np.logaddexp(here, gone)
    stays, left = np.exp(here - both), np.exp(gone - both)
    apart = here_slope - gone_slope
    bend = np.tensordot(count * stays, here_bend, 1) + np.tensordot(count * left, gone_bend, 1) + (apart * (count * stays * left)[:, None]).T @ apart
    return float(count @ both), (count * stays) @ here_slope + (count * left) @ gone_slope, bend


def _log_still_there(values: Floats, past: Past) -> Floats:
    """Return the logarithm of alpha^r beta^s times the first term of the bracket."""
    r, alpha, s, beta = values
    return np.asarray(-r * np.log1p(past.age / alpha) - past.frequency * np.log(alpha + past.age) - s * np.log1p(past.age / beta))


def _slopes_of_still_there(values: Floats, past: Past) -> tuple[Floats, Floats]:
    """Return gradient and Hessian of `_log_still_there` for each row."""
    r, alpha, s, beta = values
    near_alpha, far_alpha = alpha / (alpha + past.age), past.age / (alpha + past.age)
    near_beta, far_beta = beta / (beta + past.age), past.age / (beta + past.age)
    of_r, of_s = -r * np.log1p(past.age / alpha), -s * np.log1p(past.age / beta)
    bend = np.zeros((len(of_r), 4, 4))
    bend[:, 0, 0], bend[:, 2, 2] = of_r, of_s
    bend[:, 0, 1] = bend[:, 1, 0] = r * far_alpha
    bend[:, 2, 3] = bend[:, 3, 2] = s * far_beta
    bend[:, 1, 1], bend[:, 3, 3] = -(r + past.frequency) * near_alpha * far_alpha, -s * near_beta * far_beta
    return np.stack([of_r, r * far_alpha - past.frequency * near_alpha, of_s, s * far_beta], axis=1), bend
