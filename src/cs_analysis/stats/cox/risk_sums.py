"""Hazards and covariates summed over risk sets, with Efron's or Breslow's treatment of ends at the same moment.

Of d tied ends, step k = 0, ..., d - 1 takes k/d of the tied hazards off the risk set (Efron; Breslow: nothing) and weighs the mean weight of the
d ends. All sums over rows are weighted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cs_analysis.stats.cox.design import CoxData
from cs_analysis.stats.cox.moments import Moments
from cs_analysis.stats.risk import Floats, Integers

_BLOCK = 8192


@dataclass(frozen=True, eq=False)
class Steps:
    """What does not depend on coefficients. One entry an end, in the order of `moments.ended`.

    Attributes
    ----------
    data, moments
        The rows, and the moments at which units end.
    share : array
        k/d, what the step takes off the tied ends.
    weight : array
        Mean weight of the ends tied with this one.
    efron : bool
        Whether any share is above 0.
    """

    data: CoxData
    moments: Moments
    share: Floats
    weight: Floats
    efron: bool

    @classmethod
    def of(cls, data: CoxData) -> Steps:
        """Return the steps of a design."""
        moments = Moments.of(data)
        tied, place = moments.tied, moments.place
        step = np.arange(len(place)) - (np.cumsum(tied) - tied)[place]
        share = step / tied[place] if data.ties == "efron" else np.zeros(len(place))
        weight = np.add.reduceat(data.weights[moments.ended], moments.starts) / tied
        return cls(data, moments, share, weight[place], bool(share.any()))

    def sum_of(self, values: Floats) -> Floats:
        """Return the sum of one value a step at each moment."""
        return np.asarray(np.add.reduceat(values, self.moments.starts))

    def over(self, values: Floats) -> Floats:
        """Return for each row the sum of one value a step over its time at risk, of which tied ends see only a part."""
        seen = self.moments.over(self.sum_of(values))
        if self.efron:
            seen[self.moments.ended] -= self.sum_of(values * self.share)[self.moments.place]
        return seen


class FirstMoments(NamedTuple):
    """Sums of hazard times covariates: over those at risk, moments x terms; and over those who end, at moments with several ends only."""

    total: Floats
    tied: Floats | None


@dataclass(frozen=True, eq=False)
class RiskSums:
    """Sums over risk sets at given coefficients.

    Attributes
    ----------
    steps
        The steps they belong to.
    hazard : array
        Relative hazard of each row, without its weight and divided by the exponential of `level`.
    level : array
        Of each stratum: the highest linear predictor, so that no exponential overflows.
    left : array
        Of each step: sum of the hazards that are left in the risk set.
    """

    steps: Steps
    hazard: Floats
    level: Floats
    left: Floats

    @classmethod
    def of(cls, steps: Steps, predictor: Floats) -> RiskSums:
        """Return the sums for a linear predictor of each row."""
        stratum = steps.data.stratum
        level = _highest(predictor, stratum)
        hazard = np.exp(predictor - level[stratum])
        weighted = (hazard * steps.data.weights)[:, None]
        total, place = steps.moments.at_risk(weighted)[:, 0], steps.moments.place
        if not steps.efron:
            return cls(steps, hazard, level, total[place])
        tied = np.zeros(len(total))
        tied[steps.moments.several] = steps.moments.of_tied(weighted)[:, 0]
        return cls(steps, hazard, level, total[place] - steps.share * tied[place])

    @property
    def rate(self) -> Floats:
        """Weight over the hazards left: what each step adds to the cumulative hazard."""
        return np.asarray(self.steps.weight / self.left)

    def first_moments(self, x: Floats) -> FirstMoments:
        """Return the sums of hazard times covariates over those at risk and, where ties matter, over those who end together."""
        weighted = x * (self.hazard * self.steps.data.weights)[:, None]
        moments = self.steps.moments
        return FirstMoments(moments.at_risk(weighted), moments.of_tied(weighted) if self.steps.efron else None)

    def means(self, factor: Floats, *, moments: FirstMoments) -> Floats:
        """Return, summed over the steps of each moment, factor x mean of the covariates over what is left of the risk set."""
        part, several = factor / self.left, self.steps.moments.several
        found = self.steps.sum_of(part)[:, None] * moments.total
        if moments.tied is not None:
            found[several] -= self.steps.sum_of(part * self.steps.share)[several, None] * moments.tied
        return np.asarray(found)

    def information(self, x: Floats, *, rate: Floats) -> Floats:
        """Return the sum over the steps of rate x left x variance of the covariates over what is left of the risk set.

        The second moments are one Gram matrix of the rows, each weighted by its expected ends.
        """
        expected = self.hazard * self.steps.data.weights * self.steps.over(rate)
        return _gram(x, expected) - self._squared_means(rate / self.left, moments=self.first_moments(x))

    def _squared_means(self, factor: Floats, *, moments: FirstMoments) -> Floats:
        """Return the sum over the steps of factor x square of the first moment of what is left of the risk set."""
        steps, several = self.steps, self.steps.moments.several
        squares = _gram(moments.total, steps.sum_of(factor))
        if moments.tied is None:
            return squares
        once, twice = (steps.sum_of(factor * steps.share**power)[several, None] for power in (1, 2))
        cross = (moments.total[several] * once).T @ moments.tied
        return np.asarray(squares - cross - cross.T + (moments.tied * twice).T @ moments.tied)


def _highest(values: Floats, stratum: Integers) -> Floats:
    """Return the highest value of each stratum."""
    if not stratum.any():
        return np.array([values.max()])
    highest = np.full(int(stratum.max()) + 1, -np.inf)
    np.maximum.at(highest, stratum, values)
    return highest


def _gram(x: Floats, factor: Floats) -> Floats:
    """Return x' diag(factor) x, added up in blocks of rows that stay in the processor's cache."""
    total = np.zeros((x.shape[1], x.shape[1]))
    for first in range(0, len(x), _BLOCK):
        part = x[first : first + _BLOCK]
        total += (part * factor[first : first + _BLOCK, None]).T @ part
    return total
