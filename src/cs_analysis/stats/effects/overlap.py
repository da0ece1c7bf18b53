"""Overlap weights: the contrast among those who might as well have been treated as not, with limits that know the weights were estimated."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from cs_analysis.stats.effects.propensity import Flags, Floats, Propensity


class Contrast(NamedTuple):
    """A difference of means with limits, its standard error and degrees of freedom, and the two means."""

    estimate: float
    conf_low: float
    conf_high: float
    error: float
    freedom: float
    treated: float
    compared: float


def overlap_contrast(outcome: Floats, treated: Flags, fit: Propensity, *, clusters: npt.NDArray[np.int64], conf_level: float = 0.95) -> Contrast:
    """Return the difference of the mean outcomes of treated and others, each weighted with the chance of having been the other.

    A treated unit weighs 1 - e, another one e, where e is the chance of being treated. The covariates of the two groups then have exactly equal means;
    units that were sure to be treated, or not to be, hardly count. The limits are those of an estimating equation that includes the regression for e, summed
    over clusters, with Student's t for the effective number of clusters of the smaller group.

    Parameters
    ----------
    outcome : array
        One value a unit; not missing.
    treated : array of bool
        Who was treated.
    fit : Propensity
        As from `propensity`.
    clusters : array of int
        Number of the cluster (an account) of each unit, from 0.
    conf_level : float
        Level of the limits.

    Returns
    -------
    Contrast

    References
    ----------
    Li, Morgan and Zaslavsky (2018), Journal of the American Statistical Association 113, 390-400. Li, Thomas and Li (2019), American Journal of
    Epidemiology 188, 250-257, for the variance.
    """
    e, x, t = fit.chance, fit.design, treated.astype("float64")
    weight = np.where(treated, 1 - e, e)
    means = [float(np.average(outcome[group], weights=weight[group])) for group in (treated, ~treated)]
    away = outcome - np.where(treated, means[0], means[1])
    spread = e * (1 - e)
    bread = (x * spread[:, None]).T @ x
    drift = x.T @ (spread * away)
    scores = np.where(treated, 1, -1) * weight * away - (x @ np.linalg.lstsq(bread, drift, rcond=None)[0]) * (t - e)
    influence = np.bincount(clusters, scores) / weight[treated].sum()
    there = np.unique(clusters).size
    error = float(np.sqrt((influence**2).sum() * there / max(there - 1, 1)))
    freedom = max(min(effective_clusters(weight[group], clusters[group]) for group in (treated, ~treated)) - 1, 1.0)
    reach = special.stdtrit(freedom, (1 + conf_level) / 2) * error if error > 0 else np.nan  # where all are alike nothing is known of how they differ
    difference = means[0] - means[1]
    return Contrast(difference, difference - reach, difference + reach, error, freedom, *means)


def effective_clusters(weights: Floats, clusters: npt.NDArray[np.int64]) -> float:
    """Return the number of equal clusters that would say as much as these: (sum w)^2 / sum w^2 over the clusters' weights (Kish, 1965)."""
    sums = np.bincount(clusters, weights)
    return float(sums.sum() ** 2 / max((sums**2).sum(), np.finfo(float).tiny))


def balance(covariates: Floats, treated: Flags, weight: Floats | None = None) -> Floats:
    """Return the standardised difference of each covariate: the difference of (weighted) means over the pooled unweighted standard deviation.

    References
    ----------
    Austin (2009), Statistics in Medicine 28, 3083-3107.
    """
    weights = np.ones(len(treated)) if weight is None else weight
    means = [np.average(covariates[group], axis=0, weights=weights[group]) for group in (treated, ~treated)]
    spread = np.sqrt((covariates[treated].var(axis=0) + covariates[~treated].var(axis=0)) / 2)
    return np.asarray(np.divide(means[0] - means[1], spread, out=np.zeros_like(spread), where=spread > 0))


def overlap_weights(treated: Flags, chance: Floats) -> Floats:
    """Return 1 - e for the treated and e for the others."""
    return np.where(treated, 1 - chance, chance)


def e_value(ratio: float) -> float:
    """Return how strongly something unmeasured would have to go with both treatment and outcome (as risk ratios) to explain a risk ratio away.

    References
    ----------
    VanderWeele and Ding (2017), Annals of Internal Medicine 167, 268-274.

    Examples
    --------
    >>> round(e_value(3.9), 2), round(e_value(1 / 3.9), 2), e_value(1.0)
    (7.26, 7.26, 1.0)
    """
    above = max(ratio, 1 / ratio) if ratio > 0 else np.inf
    return float(above + np.sqrt(above * (above - 1))) if np.isfinite(above) else np.inf
