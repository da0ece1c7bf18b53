"""Cumulative hazards of a Cox regression, with what is needed for their variance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from cs_analysis.stats.cox.design import CoxData, Design
from cs_analysis.stats.cox.moments import Moments
from cs_analysis.stats.cox.risk_sums import RiskSums, Steps
from cs_analysis.stats.durations import GRID_PER_DAY
from cs_analysis.stats.estimates import check_conf_level, estimates
from cs_analysis.stats.risk import Floats, Integers


@dataclass(frozen=True, eq=False)
class Baseline:
    """Cumulative hazards of a row with average covariates, one entry a moment at which units end, by stratum and time.

    Attributes
    ----------
    moments
        The moments.
    centre : array
        Weighted mean of the covariates over all rows.
    hazard, spread : array
        Cumulative hazard and its variance were the coefficients known.
    slope : array
        Minus the derivatives of `hazard` by the coefficients: moments x terms.
    follow_up : array
        Longest time of each stratum, in steps.
    """

    moments: Moments
    centre: Floats
    hazard: Floats
    spread: Floats
    slope: Floats
    follow_up: Integers

    @classmethod
    def of(cls, data: CoxData, beta: Floats) -> Baseline:
        """Return the cumulative hazards of a fit: each step adds its weight over the hazards that are left, with Efron's or Breslow's ties."""
        centre = np.average(data.x, axis=0, weights=data.weights)
        steps = Steps.of(data)
        x = data.x - centre
        sums = RiskSums.of(steps, x @ beta)
        stratum = steps.moments.stratum
        unit = np.exp(-sums.level[stratum])
        hazard = steps.sum_of(sums.rate) * unit
        spread = steps.sum_of(sums.rate / sums.left) * unit**2
        slope = sums.means(sums.rate, moments=sums.first_moments(x)) * unit[:, None]
        running = pd.DataFrame(np.column_stack([hazard, spread, slope])).groupby(stratum).cumsum().to_numpy()
        follow_up = np.zeros(len(sums.level), dtype="int64")
        np.maximum.at(follow_up, data.stratum, data.leave)
        return cls(steps.moments, centre, running[:, 0], running[:, 1], running[:, 2:], follow_up)

    def at(self, stratum: Integers, step: int) -> tuple[Floats, Floats, Floats]:
        """Return hazard, spread and slope at a time in the stratum of each row: 0 before the first end, missing beyond the follow-up."""
        moments, strata = self.moments, len(self.follow_up)
        until = np.bincount(moments.stratum[moments.time <= step], minlength=strata)
        begin = np.searchsorted(moments.stratum, np.arange(strata))
        place = np.where(until > 0, begin + until - 1, len(moments.time))
        missing = np.where(step > self.follow_up, np.nan, 0.0)
        hazard, spread = (np.append(values, 0.0)[place] + missing for values in (self.hazard, self.spread))
        slope = np.vstack([self.slope, np.zeros(self.slope.shape[1])])[place]
        return hazard[stratum], spread[stratum], slope[stratum]


def cumulative_hazard(design: Design, beta: Floats, *, covariance: Floats, conf_level: float) -> pd.DataFrame:
    """Cumulative hazard of a row whose terms are all 0, just after every time at which a unit ends.

    Parameters
    ----------
    design : Design
        The rows of the fit.
    beta, covariance : array
        Its coefficients and their covariance.
    conf_level : float
        Confidence level; the limits are symmetric for the logarithm.

    Returns
    -------
    DataFrame
        Estimates with the keys of the strata and `time_days`; metric `cumulative_hazard`, unit `ratio`, `n` = rows at risk just before.

    References
    ----------
    Breslow (1974), Biometrics 30, 89-99. Efron (1977), Journal of the American Statistical Association 72, 557-565. Therneau and Grambsch
    (2000), Modeling Survival Data, section 10.2.
    """
    data = design.data
    base = Baseline.of(data, beta)
    relative = float(np.exp(-base.centre @ beta))
    hazard = relative * base.hazard
    direction = base.hazard[:, None] * -base.centre - base.slope
    error = relative * np.sqrt(base.spread + variance_along(direction, covariance))
    width = np.exp(special.ndtri((1 + check_conf_level(conf_level)) / 2) * error / hazard)
    keys = design.strata.take(base.moments.stratum).reset_index(drop=True).assign(time_days=base.moments.time / GRID_PER_DAY)
    n = np.rint(base.moments.at_risk(np.ones((len(data.leave), 1)))[:, 0])
    return estimates(keys, metric="cumulative_hazard", unit="ratio", estimate=hazard, conf_low=hazard / width, conf_high=hazard * width, n=n)


def variance_along(direction: Floats, covariance: Floats) -> Floats:
    """Return the variance of each row of `direction` times the coefficients."""
    return np.asarray(np.einsum("ij,ij->i", direction @ covariance, direction))
