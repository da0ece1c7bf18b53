"""Who is at risk at the moments (times in a stratum) at which units end, and sums over the risk sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from cs_analysis.stats.risk import Floats, Integers

if TYPE_CHECKING:
    from cs_analysis.stats.cox.design import CoxData


class Moments(NamedTuple):
    """The moments at which units end, by stratum and time.

    Attributes
    ----------
    stratum, time : array
        Of each moment; times in steps.
    ended : array
        Row numbers of the ends, by moment.
    place : array
        Moment of each of `ended`.
    first, last : array
        Each row is at risk at the moments `first`, ..., `last` - 1.
    """

    stratum: Integers
    time: Integers
    ended: Integers
    place: Integers
    first: Integers
    last: Integers

    @classmethod
    def of(cls, data: CoxData) -> Moments:
        """Return the moments of a design."""
        times = np.unique(data.leave[data.observed])
        base = data.stratum * (len(times) + 1)
        leave = base + np.searchsorted(times, data.leave, side="right")
        enter = base + np.searchsorted(times, data.enter - (data.enter == 0), side="right")  # from the start: at risk at time 0 too
        ended = np.flatnonzero(data.observed)
        ended = ended[np.argsort(leave[ended], kind="stable")]
        codes, place = np.unique(leave[ended] - 1, return_inverse=True)
        first, last = np.searchsorted(codes, enter), np.searchsorted(codes, leave)
        return cls(codes // (len(times) + 1), times[codes % (len(times) + 1)], ended, place, first, last)

    @property
    def tied(self) -> Integers:
        """How many rows end at each moment."""
        return np.bincount(self.place, minlength=len(self.time))

    def at_risk(self, values: Floats) -> Floats:
        """Return the sums of each column of `values` (a row for each row of the data) over those at risk at each moment."""
        return np.column_stack([_after(self.last, column, len(self.time)) - _after(self.first, column, len(self.time)) for column in values.T])

    def over(self, values: Floats) -> Floats:
        """Return for each row the sum of `values` (one a moment) over the moments at which it is at risk."""
        running = np.concatenate([[0.0], np.cumsum(values)])
        return np.asarray(running[self.last] - running[self.first])


def _after(bound: Integers, values: Floats, moments: int) -> Floats:
    """Return at each moment the sum of the values whose bound lies after it, added from the end: the last risk sets are the smallest."""
    return np.asarray(np.cumsum(np.bincount(bound, values, moments + 1)[:0:-1])[::-1])


class RiskSums(NamedTuple):
    """Weighted sums over risk sets at the coefficients of the fit, and Efron's shares of the tied ends in them.

    `total` and `tied` are, at each moment, the sums of hazards (first column) and hazards times covariates over those at risk and over
    those who end then. Step k of d tied ends takes off k/d of the latter (Breslow: nothing) and weighs `weight` = mean weight of the ends;
    `share` is k/d, `rate` one over the sum of hazards that is left; they have one entry a row of `moments.ended`.
    """

    x: Floats
    hazard: Floats
    total: Floats
    tied: Floats
    share: Floats
    rate: Floats
    weight: Floats
    moments: Moments

    @classmethod
    def of(cls, data: CoxData, beta: Floats, *, moments: Moments) -> RiskSums:
        """Return the sums of a design at these coefficients."""
        x = _centred(data)
        risk = x @ np.asarray(beta, dtype="float64")
        hazard = data.weights * np.exp(risk - risk.max())
        sums = np.column_stack([hazard, x * hazard[:, None]])
        ends, place, tied = moments.ended, moments.place, moments.tied
        total = moments.at_risk(sums)
        of_ends = np.column_stack([np.bincount(place, column, len(tied)) for column in sums[ends].T])
        step = np.arange(len(place)) - (np.cumsum(tied) - tied)[place]
        share = step / tied[place] if data.ties == "efron" else np.zeros(len(place))
        rate = 1 / (total[place, 0] - share * of_ends[place, 0])
        weight = (np.bincount(place, data.weights[ends], len(tied)) / tied)[place]
        return cls(x, hazard, total, np.asarray(of_ends, dtype="float64"), share, rate, weight, moments)

    def sum_of(self, values: Floats) -> Floats:
        """Return the sum of one value a step at each moment."""
        return np.asarray(np.bincount(self.moments.place, values, len(self.moments.time)))

    def mean(self) -> Floats:
        """Return the covariates' mean over each risk set, averaged over the steps of ties."""
        count = self.sum_of(np.ones(len(self.rate)))[:, None]
        return np.asarray((self.sum_of(self.rate)[:, None] * self.total - self.sum_of(self.rate * self.share)[:, None] * self.tied)[:, 1:] / count)

    def information(self, factors: Sequence[Floats]) -> list[Floats]:
        """Return the sum over the moments of factor x variance of the covariates in the risk set, for each of the factors.

        The second moments are one Gram matrix of the rows, each weighted by its hazard times what it is multiplied by at all its moments.
        """
        return [self._information(factor) for factor in factors]

    def _information(self, factor: Floats) -> Floats:
        rate, share = self.rate * self.weight * factor[self.moments.place], self.share
        gram = self.hazard * self.moments.over(self.sum_of(rate))
        gram[self.moments.ended] -= self.hazard[self.moments.ended] * self.sum_of(rate * share)[self.moments.place]
        total, tied = self.total[:, 1:], self.tied[:, 1:]
        squares = [self.sum_of(rate * self.rate * share**power)[:, None] for power in range(3)]
        cross = (total * squares[1]).T @ tied
        means = (total * squares[0]).T @ total - cross - cross.T + (tied * squares[2]).T @ tied
        return np.asarray((self.x * gram[:, None]).T @ self.x - means)


def _centred(data: CoxData) -> Floats:
    """Return the covariates less their means, which changes no difference between units and saves digits."""
    return np.asarray(data.x - data.x.mean(axis=0))
