"""Gamma purchasing with geometric dropout: likelihood, derivatives and forecasts of the BG/NBD and MBG/NBD models.

A customer who is still there buys at a rate of his own, gamma(r, alpha) over customers, and may leave at every chance with a probability of his
own, beta(a, b) over customers. In the BG/NBD model every repeat purchase is a chance; in the MBG/NBD model the first purchase is one too. With m
chances taken (x or x + 1 of them), the likelihood of x repeat purchases, the last at t, seen until T, is

    B(a, b + m) / B(a, b)  Gamma(r + x) / Gamma(r)  alpha^r  [ (alpha + T)^-(r + x)  +  a / (b + m - 1) (alpha + t)^-(r + x) ]

(without the second term for m = 0): the customer is still there, or left at the last purchase. Someone still there goes on as a new customer with
r + x, alpha + T, a and b + m in place of r, alpha, a and b, who has taken no chance yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

from cs_analysis.stats.buying.histories import Floats, Histories, Ints, Past
from cs_analysis.stats.buying.model import blocks
from cs_analysis.stats.fits import Diagnostic
from cs_analysis.stats.newton import Objective

_SMALLEST = -600.0  # exp() of less may underflow


@dataclass(frozen=True)
class BetaGeometric:
    """One of the two models; `first_chance` is 1 where customers may leave at the first purchase (MBG/NBD), else 0 (BG/NBD)."""

    name: str
    first_chance: int

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return ("r", "alpha", "a", "b")

    def starts(self, histories: Histories) -> Iterator[Floats]:
        """Yield logarithms from which to search: rates around the observed one, and leaving as something common, rare and even."""
        pace = histories.total(histories.frequency) / histories.total(histories.age)
        for r, a, b in ((0.5, 1.0, 3.0), (1.5, 0.5, 5.0), (0.1, 1.0, 1.0), (5.0, 0.2, 0.5)):
            yield np.log([r, r / pace / 2, a, b])

    def objective(self, histories: Histories) -> Objective:
        """Return the mean log-likelihood of a customer with its derivatives in the logarithms of the parameters."""
        chances = np.concatenate([np.full(self.first_chance, float(histories.customers)), histories.more_than])

        def value_and_slopes(point: Floats) -> tuple[float, Floats, Floats]:
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                values = np.exp(point)
                value, slope, bend = _rising_parts(values, histories, chances)
                row_value, row_slope, row_bend = self._row_parts(values, histories)
                slope, bend = slope + row_slope, bend + row_bend
                slope_of_log = values * slope / histories.customers
                bend_of_log = np.outer(values, values) * bend / histories.customers + np.diag(slope_of_log)
            finite = np.isfinite(slope_of_log).all() and np.isfinite(bend_of_log).all()
            return ((value + row_value) / histories.customers if finite else -np.inf), slope_of_log, bend_of_log

        return value_and_slopes

    def checks(self, point: Floats) -> Iterator[Diagnostic]:
        """Yield whether customers differ in their rates, whether they leave, and whether they differ in that."""
        r, _, a, b = np.exp(point)
        alike = "all customers buy at the same rate; their forecasts hardly depend on what they bought."
        stay = "nobody leaves: an account that fell silent is taken for a slow buyer. Use a longer history."
        same = "all customers leave with the same chance: a and b only have a meaning together."
        yield Diagnostic("spread of rates", 1 / np.sqrt(r), *(("boundary", alike) if r > 1e4 else ()))
        yield Diagnostic("chance to leave", a / (a + b), *(("boundary", stay) if a < 1e-4 * b else ()))
        yield Diagnostic("spread of chances", 1 / np.sqrt(a + b + 1), *(("boundary", same) if a + b > 1e4 else ()))

    def _row_parts(self, values: Floats, histories: Histories) -> tuple[float, Floats, Floats]:
        """Return alpha^r times the last factor of the likelihood: logarithm, gradient and Hessian, summed over customers.

        Differences are taken before logarithms and powers, so that nothing cancels where r and alpha are large.
        """
        r, alpha, a, b = values
        count, power = histories.count, r + histories.frequency
        until, last = alpha + histories.age, alpha + histories.recency
        log_ratio = np.log1p((histories.age - histories.recency) / last)
        log_odds = self._log_odds(values, histories, log_ratio)
        here, gone = special.expit(log_odds), special.expit(-log_odds)
        before = np.where(gone > 0, 1 / (b + np.maximum(self._chances(histories), 1.0) - 1), 0.0)
        silence = np.log1p(histories.age / alpha)
        total = -count @ (r * silence + histories.frequency * np.log(until) + special.log_expit(log_odds))
        stay = np.stack([-silence, (r * histories.age / alpha - histories.frequency) / until])
        step = np.stack([-log_ratio, power * (histories.age - histories.recency) / (until * last), np.full(len(here), -1 / a), before])
        left = count * gone
        bend = (step * (left * here)) @ step.T
        for weight, time in ((count * here, histories.age), (left, histories.recency)):
            bend[:2, :2] += _rate_bend(values, weight, frequency=histories.frequency, time=time)
        bend[2, 2] -= left.sum() / a**2
        bend[3, 3] += left @ before**2
        return float(total), np.append(stay @ count, [0.0, 0.0]) - step @ left, bend

    def _chances(self, past: Past) -> Floats:
        return past.frequency + self.first_chance

    def _log_odds(self, values: Floats, past: Past, log_ratio: Floats) -> Floats:
        """Return the log odds that customers are still there; `log_ratio` = log((alpha + T) / (alpha + t))."""
        r, _, a, b = values
        chances = self._chances(past)
        taken = np.where(chances > 0, chances, 1.0)
        return np.where(chances > 0, np.log(b + taken - 1) - np.log(a) - (r + past.frequency) * log_ratio, np.inf)

    def alive_log_odds(self, point: Floats, past: Past) -> Floats:
        """Return the log odds that customers are still there; infinite where they had no chance to leave."""
        values = np.exp(point)
        return self._log_odds(values, past, np.log1p((past.age - past.recency) / (values[1] + past.recency)))

    def expected(self, point: Floats, past: Past, days: float) -> Floats:
        """Return the expected number of purchases in the coming days of customers who are still there."""
        found = np.empty(len(past.age))
        for rows, most in blocks(self.reach(point, past, days)):
            found[rows] = self.at_least(point, past.take(rows), days=days, most=most).sum(axis=1)
        return found

    def at_least(self, point: Floats, past: Past, *, days: float, most: int) -> Floats:
        """Return the probabilities of at least 1, 2, ... `most` purchases in the coming days by customers who are still there.

        One who never left would make N purchases, negative binomial with the updated r and alpha; at least k need N >= k and k - 1 chances survived.
        """
        r, alpha, a, b = np.exp(point)
        power = (r + past.frequency)[:, None]
        chance = days / (alpha + past.age + days)[:, None]
        k = np.arange(1, most + 1)
        none = power * np.log1p(-chance)
        lasting = np.cumprod(np.column_stack([none * 0 + 1, _share_staying(a, (b + self._chances(past))[:, None] + k[:-1] - 1)]), axis=1)
        terms = np.column_stack([np.exp(none), (power + k[:-1] - 1) / k[:-1] * chance])
        bought = np.maximum(1 - np.cumsum(np.cumprod(terms, axis=1), axis=1), 0.0)
        bought[:, 0] = -np.expm1(none[:, 0])
        tiny = none[:, 0] < _SMALLEST
        bought[tiny] = special.betainc(k[None, :], power[tiny], chance[tiny])
        return np.asarray(bought * lasting)

    def reach(self, point: Floats, past: Past, days: float) -> Ints:
        """Return for each customer a number of purchases that the coming days will not see exceeded (probability below 1e-14)."""
        r, alpha, _, _ = np.exp(point)
        power, chance = r + past.frequency, days / (alpha + past.age + days)
        mean = power * chance / (1 - chance)
        wide = mean + 8.5 * np.sqrt(mean / (1 - chance)) - 36 / np.log(chance) + 5
        return np.asarray(np.ceil(wide), dtype="int64")


def _share_staying(a: float, b: Floats) -> Floats:
    return b / (a + b)


def _rate_bend(values: Floats, weight: Floats, *, frequency: Floats, time: Floats) -> Floats:
    """Return the Hessian in r and alpha of the weighted sum of r log(alpha) - (r + x) log(alpha + time)."""
    r, alpha = values[:2]
    whole = alpha + time
    mixed = weight @ (time / (alpha * whole))
    return np.array([[0.0, mixed], [mixed, weight @ ((frequency - r * (time / alpha) * (2 + time / alpha)) / whole**2)]])


def _rising_parts(values: Floats, histories: Histories, chances: Floats) -> tuple[float, Floats, Floats]:
    """Return the ratios of gamma and beta functions in the likelihood: logarithm, gradient and Hessian, summed over customers.

    They are products of as many factors as there were purchases, and each factor is needed once for all customers.
    """
    r, _, a, b = values
    bought, left = histories.more_than, chances
    of_r, of_b = r + np.arange(len(bought)), b + np.arange(len(left))
    of_both = a + of_b
    value = bought @ np.log(of_r) - left @ np.log1p(a / of_b)
    slope = np.array([bought @ (1 / of_r), 0.0, -left @ (1 / of_both), left @ (a / (of_b * of_both))])
    bend = np.zeros((4, 4))
    bend[0, 0] = -bought @ of_r**-2
    bend[2, 2] = bend[2, 3] = bend[3, 2] = left @ of_both**-2
    bend[3, 3] = -left @ (a * (of_b + of_both) / (of_b * of_both) ** 2)
    return float(value), slope, bend
