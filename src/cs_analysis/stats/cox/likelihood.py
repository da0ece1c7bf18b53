"""The partial likelihood of a Cox regression with its derivatives.

The order of summation is swapped: what all risk sets of a row add to its score and second moments is one number, its expected ends. Then the
score is x' (ends - expected ends) and the second moments are one Gram matrix; only first moments are summed over risk sets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cs_analysis.stats.cox.design import CoxData
from cs_analysis.stats.cox.risk_sums import RiskSums, Steps
from cs_analysis.stats.risk import Floats

_NO_SPREAD = 1e-10  # standard deviation beside the mean


@dataclass(frozen=True, eq=False)
class PartialLikelihood:
    """The log of the partial likelihood as a function of the coefficients.

    Attributes
    ----------
    steps
        Rows ordered by stratum and time, so that sums over them run through memory once; covariates centred and in units of `scale`.
    scale : array
        Standard deviations of the covariates, 1 where they do not vary.
    """

    steps: Steps
    scale: Floats

    @classmethod
    def of(cls, data: CoxData) -> PartialLikelihood:
        """Return the likelihood of a design."""
        ordered = data.at(np.lexsort((data.leave, data.stratum)))
        centre = ordered.x.mean(axis=0)
        x = ordered.x - centre
        spread = np.sqrt(np.einsum("ij,ij->j", x, x) / len(x))
        scale = np.where(spread > _NO_SPREAD * np.abs(centre), spread, 1.0)
        x /= scale
        return cls(Steps.of(ordered._replace(x=x)), scale)

    def at(self, beta: Floats) -> tuple[float, Floats, Floats]:
        """Return value, score and information at coefficients of the covariates as they are."""
        value, score, information = self.scaled(np.asarray(beta, dtype="float64") * self.scale)
        return value, score * self.scale, information * np.outer(self.scale, self.scale)

    def scaled(self, beta: Floats) -> tuple[float, Floats, Floats]:
        """Return value, score and information at coefficients of the scaled covariates, and by them."""
        steps, moments, data = self.steps, self.steps.moments, self.steps.data
        predictor = data.x @ beta
        sums = RiskSums.of(steps, predictor)
        ended = moments.ended
        level = sums.level[data.stratum[ended]]
        value = data.weights[ended] @ predictor[ended] - steps.weight @ (np.log(sums.left) + level)
        expected = sums.hazard * data.weights * steps.over(sums.rate)
        surplus = np.where(data.observed, data.weights, 0.0) - expected
        return float(value), surplus @ data.x, sums.information(data.x, rate=sums.rate)
