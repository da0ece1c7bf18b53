"""Tables of what a fitted model of buying expects: customer by customer, in total, and of customers still to come."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from cs_analysis.stats.buying.histories import NEW_CUSTOMER, Floats, Histories, Ints, Past, distinct_rows
from cs_analysis.stats.buying.model import BuyingModel, blocks
from cs_analysis.stats.estimates import estimates, stack
from cs_analysis.stats.positive_terms import carried_over, delta_error, normal_quantile

YEAR = 365.0


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model at its maximum: `point` and `covariance` are of the logarithms of its terms."""

    model: BuyingModel
    point: Floats
    covariance: Floats
    histories: Histories

    def error(self, quantity: Callable[[Floats], Floats]) -> Floats:
        """Return the standard error of a quantity."""
        return delta_error(quantity, self.point, self.covariance)


@dataclass(frozen=True, eq=False)
class Ahead:
    """Customers and the days to come.

    What comes of those still there depends on frequency and age alone, so it is computed once for each pair of them (`pairs`, `pair_of`).
    """

    model: BuyingModel
    past: Past
    days: float
    pairs: Past
    pair_of: Ints

    @classmethod
    def of(cls, model: BuyingModel, past: Past, days: float) -> Ahead:
        """Return the days ahead of customers with that past."""
        pair_of, first = distinct_rows(past.frequency, past.age)
        return cls(model, past, days, past.take(first), pair_of)

    def log_expected(self, point: Floats) -> Floats:
        """Return the logarithm of the expected purchases of each customer."""
        staying = special.log_expit(self.model.alive_log_odds(point, self.past))
        return np.asarray(staying + np.log(self.model.expected(point, self.pairs, self.days))[self.pair_of])

    def log_discounted(self, point: Floats, force: float) -> Floats:
        """Return the logarithm of the expected purchases with each discounted from its day.

        By parts: exp(-force H) E(H) plus the integral of force exp(-force t) E(t), by Gauss and Legendre's rule with 16 points.
        """
        nodes, weights = special.roots_legendre(16)
        times = self.days * (nodes + 1) / 2
        parts = np.exp(-force * self.days) * self.model.expected(point, self.pairs, self.days)
        for time, weight in zip(times, weights * self.days / 2, strict=True):
            parts = parts + weight * force * np.exp(-force * time) * self.model.expected(point, self.pairs, float(time))
        return np.asarray(special.log_expit(self.model.alive_log_odds(point, self.past)) + np.log(parts)[self.pair_of])

    def quantiles(self, point: Floats, tail: float) -> tuple[Floats, Floats]:
        """Return the two quantiles of each customer's count that leave out `tail` on either side.

        The count exceeds k - 1 with the probability of being there times that of k purchases then; each quantile counts the k likely enough.
        """
        alive = special.expit(self.model.alive_log_odds(point, self.past))
        low, high = np.empty_like(alive), np.empty_like(alive)
        for rows, most in blocks(self.model.reach(point, self.pairs, self.days)[self.pair_of]):
            needed, place = np.unique(self.pair_of[rows], return_inverse=True)
            chances = alive[rows, None] * self.model.at_least(point, self.pairs.take(needed), days=self.days, most=most)[place]
            low[rows], high[rows] = (chances > 1 - tail).sum(axis=1), (chances > tail).sum(axis=1)
        return low, high

    def variances(self, point: Floats) -> Floats:
        """Return the variance of each customer's count: E[Y^2] sums (2 k - 1) P(Y >= k)."""
        squares = np.empty(len(self.pairs.age))
        for rows, most in blocks(self.model.reach(point, self.pairs, self.days)):
            chances = self.model.at_least(point, self.pairs.take(rows), days=self.days, most=most)
            squares[rows] = chances @ (2 * np.arange(1, most + 1) - 1)
        alive = special.expit(self.model.alive_log_odds(point, self.past))
        return np.asarray(alive * squares[self.pair_of] - np.exp(2 * self.log_expected(point)))


def customer_table(fitted: Fitted, customers: Histories, *, days: float, conf_level: float) -> pd.DataFrame:
    """Return each customer's chance to be there, expected purchases and count of purchases."""
    ahead = Ahead.of(fitted.model, customers, days)
    log_odds = fitted.model.alive_log_odds(fitted.point, customers)
    sure = np.isinf(log_odds)

    def both(point: Floats) -> Floats:
        return np.stack([np.where(sure, 0.0, fitted.model.alive_log_odds(point, customers)), ahead.log_expected(point)])

    errors = fitted.error(both)
    alive = _shares(log_odds, errors[0], conf_level)
    mean = carried_over(ahead.log_expected(fitted.point), errors[1], conf_level=conf_level)
    count = [mean[0], *_around(mean[0], *ahead.quantiles(fitted.point, (1 - conf_level) / 2))]
    rows = (("probability_alive", "share", alive), ("expected_purchases", "count", mean), ("purchases", "count", count))
    return stack([_by_customer(fitted, customers, metric=metric, unit=unit, values=values) for metric, unit, values in rows])


def discounted_table(fitted: Fitted, customers: Histories, *, days: float, discount_rate: float, conf_level: float) -> pd.DataFrame:
    """Return each customer's expected purchases, discounted."""
    ahead = Ahead.of(fitted.model, customers, days)
    force = float(np.log1p(discount_rate)) / YEAR
    values = _positive(fitted, lambda point: ahead.log_discounted(point, force), conf_level)
    return _by_customer(fitted, customers, metric="discounted_purchases", unit="count", values=values)


def total_table(fitted: Fitted, customers: Histories, *, days: float, conf_level: float) -> pd.DataFrame:
    """Return the expected total of the customers' purchases, and the total itself."""
    ahead = Ahead.of(fitted.model, customers, days)

    def log_total(point: Floats) -> Floats:
        return np.asarray(np.log([customers.total(np.exp(ahead.log_expected(point)))]))

    error = fitted.error(log_total)
    mean = carried_over(log_total(fitted.point), error, conf_level=conf_level)
    variance = customers.total(ahead.variances(fitted.point)) + (mean[0] * error) ** 2
    shape, tail = mean[0] ** 2 / variance, (1 - conf_level) / 2
    limits = (variance / mean[0] * special.gammaincinv(shape, side) for side in (tail, 1 - tail))
    count = [mean[0], *_around(mean[0], *limits)]
    rows = (("expected_purchases", mean), ("purchases", count))
    return stack([_table({}, values, metric=metric, unit="count", n=customers.customers) for metric, values in rows])


def new_customer_table(fitted: Fitted, days: Sequence[float], *, conf_level: float) -> pd.DataFrame:
    """Return the expected repeat purchases of a new customer by each day."""
    ahead = [Ahead.of(fitted.model, NEW_CUSTOMER, each) for each in days]
    values = _positive(fitted, lambda point: np.concatenate([each.log_expected(point) for each in ahead]), conf_level)
    keys = {"time_days": np.asarray(days, dtype="float64")}
    return _table(keys, values, metric="expected_purchases", unit="count", n=fitted.histories.customers)


def distribution_table(fitted: Fitted, counts: Ints, *, days: float, conf_level: float) -> pd.DataFrame:
    """Return the probability of each number of repeat purchases of a new customer."""
    most = int(counts.max()) + 1

    def log_odds(point: Floats) -> Floats:
        alive = special.expit(fitted.model.alive_log_odds(point, NEW_CUSTOMER))
        at_least = np.append(1.0, alive * fitted.model.at_least(point, NEW_CUSTOMER, days=days, most=most)[0])
        return np.asarray(special.logit(np.maximum(-np.diff(at_least), 1e-300))[counts])

    values = _shares(log_odds(fitted.point), fitted.error(log_odds), conf_level)
    return _table({"purchases": counts}, values, metric="purchase_probability", unit="share", n=fitted.histories.customers)


def _positive(fitted: Fitted, log_quantity: Callable[[Floats], Floats], conf_level: float) -> tuple[Floats, Floats, Floats]:
    """Return a positive quantity with the limits of its logarithm carried over."""
    return carried_over(log_quantity(fitted.point), fitted.error(log_quantity), conf_level=conf_level)


def _shares(log_odds: Floats, error: Floats, conf_level: float) -> tuple[Floats, Floats, Floats]:
    """Return probabilities with the limits of their log odds carried over."""
    reach = normal_quantile(conf_level) * error
    return special.expit(log_odds), special.expit(log_odds - reach), special.expit(log_odds + reach)


def _around(estimate: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return limits of a count, widened to the whole numbers beside the expected one where that lies outside of them."""
    return np.minimum(np.floor(low), np.floor(estimate)), np.maximum(np.ceil(high), np.ceil(estimate))


def _by_customer(fitted: Fitted, customers: Histories, *, metric: str, unit: str, values: Sequence[Floats]) -> pd.DataFrame:
    """Return a value of each distinct history as one row a customer."""
    return _table(customers.keys, [value[customers.row_of] for value in values], metric=metric, unit=unit, n=fitted.histories.customers)


def _table(keys: Mapping[str, Any] | pd.DataFrame, values: Sequence[Any], *, metric: str, unit: str, n: int) -> pd.DataFrame:
    estimate, low, high = values
    return estimates(keys, metric=metric, unit=unit, estimate=estimate, conf_low=low, conf_high=high, n=n)
