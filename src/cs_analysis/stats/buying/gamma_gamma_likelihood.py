"""The log-likelihood of the gamma-gamma model with its derivatives, and its maximum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from cs_analysis.errors import ConvergenceError
from cs_analysis.stats.buying.gamma_gamma_spending import Floats, Spending
from cs_analysis.stats.newton import Optimum, maximise

_FAR = 40.0  # in logarithms: beyond it rounding, not data, decides
_STARTS = ((3.0, 3.0), (1.0, 1.5), (10.0, 5.0), (0.3, 3.0), (50.0, 20.0))  # p and q; v follows from the mean


@dataclass(frozen=True, eq=False)
class LogLikelihood:
    """Mean log-likelihood of a customer, as a function of the logarithms of p, q and v.

    Attributes
    ----------
    frequency, total, count
        Repeat purchases, their summed value over `scale`, and customers, of each distinct row with a repeat purchase.
    scale : float
        Mean value of all customers: v is measured in it here, and the search does not depend on the currency.
    levels, level_count
        Distinct frequencies and their customers: the gamma functions depend on nothing else.
    log_means : float
        Sum over customers of the logarithm of the mean value, in the currency.
    """

    frequency: Floats
    total: Floats
    count: Floats
    scale: float
    levels: Floats
    level_count: Floats
    log_means: float

    @classmethod
    def of(cls, spending: Spending) -> LogLikelihood:
        """Return the log-likelihood of the customers who bought again."""
        again = spending.frequency > 0
        frequency, mean, count = spending.frequency[again], spending.mean[again], spending.count[again]
        scale = float(count @ mean / count.sum())
        levels, place = np.unique(frequency, return_inverse=True)
        return cls(frequency, frequency * mean / scale, count, scale, levels, np.bincount(place, count).astype("float64"), float(count @ np.log(mean)))

    @property
    def customers(self) -> int:
        """Number of customers with a repeat purchase."""
        return int(self.count.sum())

    @property
    def unit(self) -> Floats:
        """Logarithms that take p, q and v to the currency of the data."""
        return np.array([0.0, 0.0, np.log(self.scale)])

    def __call__(self, point: Floats) -> tuple[float, Floats, Floats]:
        """Return value, gradient and Hessian."""
        if np.abs(point).max() > _FAR:
            return -np.inf, np.zeros(3), np.zeros((3, 3))
        p, q, _ = np.exp(point)
        customers, bought = self.level_count.sum(), self.level_count * self.levels
        over, under, share, mixed = self._sums(point)
        shape = p * self.levels
        value = -(self.level_count @ special.betaln(shape, q)) - p * over - q * under - self.log_means
        both, both_slope = special.digamma(shape + q), special.polygamma(1, shape + q)
        slope_p = p * (bought @ (both - special.digamma(shape)) - over)
        slope_q = q * (self.level_count @ both - customers * special.digamma(q) - under)
        slope_v = q * customers - (p * share[1] + q * share[0])
        bend_p = slope_p + p**2 * ((bought * self.levels) @ (both_slope - special.polygamma(1, shape)))
        bend_q = slope_q + q**2 * (self.level_count @ both_slope - customers * special.polygamma(1, q))
        across = p * q * (bought @ both_slope)
        bend = [
            [bend_p, across, -p * share[1]],
            [across, bend_q, q * (customers - share[0])],
            [-p * share[1], q * (customers - share[0]), -(p * mixed[1] + q * mixed[0])],
        ]
        return float(value / customers), np.array([slope_p, slope_q, slope_v]) / customers, np.array(bend) / customers

    def _sums(self, point: Floats) -> tuple[float, float, tuple[float, float], tuple[float, float]]:
        """Return the sums over customers that depend on v alone.

        They are x log(1 + v/s), log(1 + s/v), then w = v / (v + s) and w (1 - w), both with weights 1 and x; s is the total value.
        """
        ratio = self.total / np.exp(point[2])
        bought = self.count * self.frequency
        share = 1 / (1 + ratio)
        mixed = share * (1 - share)
        return (
            float(bought @ np.log1p(1 / ratio)),
            float(self.count @ np.log1p(ratio)),
            (float(self.count @ share), float(bought @ share)),
            (float(self.count @ mixed), float(bought @ mixed)),
        )


def highest(likelihood: LogLikelihood, terms: Sequence[str]) -> Optimum:
    """Return the maximum, with v over `scale`, from the first of several starts that leads to one."""
    for p, q in _STARTS:
        try:
            return maximise(likelihood, np.log([p, q, (q - 1) / p]), terms=terms)
        except ConvergenceError as error:
            failure = error
    raise failure
