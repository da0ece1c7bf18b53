"""What each row does to the coefficients, and the covariance that holds when rows are not independent or the model is not quite true."""

from __future__ import annotations

import numpy as np

from cs_analysis.stats.cox.design import CoxData
from cs_analysis.stats.cox.risk_sums import RiskSums, Steps
from cs_analysis.stats.risk import Floats


def score_residuals(data: CoxData, beta: Floats) -> Floats:
    """Part of each row in the score of each term, without its weight.

    An end adds its covariates less their mean over the risk set (averaged over the steps of ties); being at risk takes off hazard x the
    same difference at every step, of which a tied end sees 1 - k/d of step k. Weighted, they sum to the score: to 0 at the maximum.

    Parameters
    ----------
    data : CoxData
        The design of the fit.
    beta : array
        Its coefficients.

    Returns
    -------
    array
        Rows x terms.

    References
    ----------
    Lin and Wei (1989), Journal of the American Statistical Association 84, 1074-1078. Therneau and Grambsch (2000), Modeling Survival
    Data, section 7.1.
    """
    steps = Steps.of(data)
    moments = steps.moments
    x = data.x - data.x.mean(axis=0)
    sums = RiskSums.of(steps, x @ np.asarray(beta, dtype="float64"))
    first = sums.first_moments(x)
    of_one = sums.means(1 / moments.tied[moments.place], moments=first)
    seen, lost = sums.means(sums.rate, moments=first), sums.means(sums.rate * steps.share, moments=first)
    found = -x * (sums.hazard * steps.over(sums.rate))[:, None]
    found += sums.hazard[:, None] * np.column_stack([moments.over(column) for column in seen.T])
    found[moments.ended] += x[moments.ended] - of_one[moments.place] - sums.hazard[moments.ended, None] * lost[moments.place]
    return np.asarray(found)


def row_influence(data: CoxData, beta: Floats, *, covariance: Floats) -> Floats:
    """Change of each coefficient that a row brings, to first order (its weighted score residual times the model's covariance).

    Parameters
    ----------
    data : CoxData
        The design of the fit.
    beta : array
        Its coefficients.
    covariance : array
        Inverse information.

    Returns
    -------
    array
        Rows x terms.

    References
    ----------
    Cain and Lange (1984), Biometrics 40, 493-499.
    """
    return np.asarray((score_residuals(data, beta) * data.weights[:, None]) @ covariance)


def robust_covariance(data: CoxData, beta: Floats, *, covariance: Floats) -> Floats:
    """Sum over clusters (without them: rows) of the squared influence of each.

    Parameters
    ----------
    data : CoxData
        The design of the fit.
    beta : array
        Its coefficients.
    covariance : array
        Inverse information.

    Returns
    -------
    array
        Terms x terms.

    References
    ----------
    Lin and Wei (1989), Journal of the American Statistical Association 84, 1074-1078.
    """
    influence = row_influence(data, beta, covariance=covariance)
    if data.cluster is not None:
        influence = np.column_stack([np.bincount(data.cluster, column) for column in influence.T])
    return np.asarray(influence.T @ influence)
