"""Weighted means and their variance when the weights were made from the same sample: replicates that repeat the weighting, or linearisation.

A sample is taken as clusters (accounts) whose rows belong together. Everything is done on sums by cluster and cell, since rows of a cell share
their factor; so the weighting of thousands of replicates is one table of cells each.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cs_analysis.errors import ParameterError
from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.intervals import Interval, net_share_limits, wilson_limits
from cs_analysis.stats.resampling import generator
from cs_analysis.stats.survey.calibration import Floats, Integers, indicators
from cs_analysis.stats.survey.weights import Weights

Variance = Literal["jackknife", "linear", "bootstrap"]
Kind = Literal["net", "share", "mean"]

_SILENT = 1e-12  # variance, in squared ranges, below which the sample says nothing about it


class Spread(NamedTuple):
    """A weighted mean, its variance, the degrees of freedom of that, and how many clusters it rests on, counted by their weights."""

    mean: float
    variance: float
    freedom: float
    clusters: float


class _Clusters(NamedTuple):
    """Sums of base weights, and of base weights times values, by cluster and cell; the stratum of each cluster."""

    sums: Floats
    products: Floats
    stratum: Integers


def weighted_mean(
    values: npt.ArrayLike,
    weights: Weights,
    *,
    clusters: npt.ArrayLike | None = None,
    strata: npt.ArrayLike | None = None,
    variance: Variance = "jackknife",
    replicates: int = 1000,
    rng: int | np.random.Generator = 0,
) -> Spread:
    """Weighted mean and its variance, which knows that the weights were made from this sample and that rows of a cluster are alike.

    `"jackknife"` leaves out one cluster at a time, gives its weight to the others of its stratum, and makes the weights anew (JK1; with strata
    JKn): the variance is the sum over strata of (n - 1) / n times the squared deviations from the whole. `"bootstrap"` draws n - 1 of n clusters
    of a stratum with replacement, scales by n / (n - 1), and makes the weights anew. `"linear"` takes the weighted residuals from the least-squares
    fit of the values on the margins, summed by cluster; it is the same for large samples and too small where cells have few clusters. A replicate
    in which a category has no row goes without it: its total is given to the others of the margin.

    Parameters
    ----------
    values : array
        One number a row.
    weights : Weights
        From `post_stratify`, `rake` or `unweighted`, of the same rows.
    clusters : array, optional
        Which rows belong together; without it each row is a cluster.
    strata : array, optional
        The stratum each row was drawn from; a cluster lies in one of them.
    variance : {"jackknife", "linear", "bootstrap"}
        How.
    replicates : int
        Of the bootstrap.
    rng : int or Generator
        Draws the bootstrap.

    Returns
    -------
    Spread
        `mean`; `variance`, missing where a stratum has a single cluster or the weighting fails in a replicate; `freedom` and `clusters`: squared sum over
        sum of squares of the clusters' weights, for the former less the number of strata.

    Raises
    ------
    ParameterError
        Lengths differ, a value is missing, a cluster lies in two strata, or the variance is none of the three.

    References
    ----------
    Wolter (2007), Introduction to Variance Estimation, chapter 4. Rao and Wu (1988), Journal of the American Statistical Association 83,
    231-241. Deville and Särndal (1992), Journal of the American Statistical Association 87, 376-382.

    Examples
    --------
    >>> from cs_analysis.stats.survey.weights import unweighted
    >>> found = weighted_mean([1, 2, 3, 6], unweighted(4))
    >>> found.mean, round(found.variance, 6), found.freedom
    (3.0, 1.166667, 3.0)
    """
    if variance not in get_args(Variance):
        raise ParameterError(f"variance must be one of {', '.join(get_args(Variance))}, not {variance!r}.")
    numbers = np.asarray(values, dtype="float64").ravel()
    owner, stratum = _owners(numbers, weights, clusters=clusters, strata=strata)
    mean = float(weights.weight @ numbers / weights.weight.sum())
    parts = np.bincount(owner, weights.weight)
    number = float(parts.sum() ** 2 / (parts**2).sum())
    sizes = np.bincount(stratum)
    if (sizes < 2).any():
        return Spread(mean, np.nan, number - len(sizes), number)
    if variance == "linear":
        found = _linear(numbers, weights, owner=owner, stratum=stratum)
    else:
        table = _by_cluster(numbers - mean, weights, owner=owner, stratum=stratum)
        found = _jackknife(table, weights) if variance == "jackknife" else _bootstrap(table, weights, replicates=replicates, rng=generator(rng))
    return Spread(mean, found, number - len(sizes), number)


def limits(
    spread: Spread, kind: Kind, *, n: int, extent: tuple[float, float] = (0.0, 1.0), conf_level: float = 0.95, shares: tuple[float, float] = (0, 0)
) -> Interval:
    """Limits of a weighted mean that stay within its range: score limits on the effective number of answers behind it.

    That number is the variance of one answer over that of the mean, times n / (n - 1), and times the squared ratio of the t quantiles with n - 1 and
    with the clusters' degrees of freedom. With one answer a cluster and equal weights it is n. Where the answers of every cell are all alike
    the data are silent, and it is the number of clusters, counted by their weights.

    Parameters
    ----------
    spread : Spread
        From `weighted_mean`.
    kind : {"net", "share", "mean"}
        Tango's limits for a net share, Wilson's for a share, and for a mean Wilson's after scaling `extent` to 0 and 1.
    n : int
        Answers.
    extent : tuple
        Lowest and highest value there can be.
    conf_level : float
        Confidence level.
    shares : tuple
        For a net share, the weighted shares of minuses and of pluses.

    Returns
    -------
    Interval
        Missing limits where the variance is missing, unless there is a single answer.

    References
    ----------
    Korn and Graubard (1998), Survey Methodology 24, 193-201. Tango (1998), Statistics in Medicine 17, 891-908. Wilson (1927), Journal of the
    American Statistical Association 22, 209-212.

    Examples
    --------
    >>> found = limits(Spread(0.5, 0.25 / 99, 99.0, 100.0), "share", n=100)
    >>> f"{found.conf_low:.4f} to {found.conf_high:.4f}"
    '0.4038 to 0.5962'
    """
    low, scale = extent[0], extent[1] - extent[0]
    place = (spread.mean - low) / scale
    own = (shares[0] + shares[1] - (shares[1] - shares[0]) ** 2) / 4 if kind == "net" else place * (1 - place)
    number = np.asarray(_effective(own, spread.variance / scale**2, spread=spread, n=n, conf_level=check_conf_level(conf_level)))
    if kind == "net":
        found = net_share_limits(np.asarray(shares[0]), np.asarray(shares[1]), n=number, conf_level=conf_level)
        return Interval(*((low + scale / 2) + scale / 2 * value for value in found))
    return Interval(*(low + scale * value for value in wilson_limits(np.asarray(place), n=number, conf_level=conf_level)))


def _effective(own: float, variance: float, *, spread: Spread, n: int, conf_level: float) -> float:
    """Return the number of independent answers whose mean would have this variance."""
    if not np.isfinite(variance):
        return 1.0 if n == 1 else np.nan
    upper = (1 + conf_level) / 2
    of_answers, of_clusters = (special.stdtrit(max(freedom, 1.0), upper) for freedom in (n - 1, spread.freedom))
    number = own / variance * n / (n - 1) if variance > _SILENT else spread.clusters
    return float(number * (of_answers / of_clusters) ** 2)


def _owners(values: Floats, weights: Weights, *, clusters: npt.ArrayLike | None, strata: npt.ArrayLike | None) -> tuple[Integers, Integers]:
    """Return the cluster number of each row and the stratum number of each cluster."""
    rows = len(weights.weight)
    owner = np.arange(rows) if clusters is None else pd.factorize(np.asarray(clusters))[0].astype("int64")
    stratum = np.zeros(rows, dtype="int64") if strata is None else pd.factorize(np.asarray(strata))[0].astype("int64")
    if not len(values) == len(owner) == len(stratum) == rows:
        raise ParameterError(f"values, weights, clusters and strata must have one entry a row; there are {len(values)}, {rows}, {len(owner)}, {len(stratum)}.")
    if not np.isfinite(values).all() or (owner < 0).any() or (stratum < 0).any():
        raise ParameterError("values must be finite, and every row must have a cluster and a stratum. Correct the rows or leave them out.")
    of_cluster = np.zeros(int(owner.max()) + 1, dtype="int64")
    of_cluster[owner] = stratum
    if (of_cluster[owner] != stratum).any():
        raise ParameterError(f"a cluster must lie in one stratum; that of row {int(np.argmax(of_cluster[owner] != stratum))} lies in two. Correct the strata.")
    return owner, of_cluster


def _by_cluster(values: Floats, weights: Weights, *, owner: Integers, stratum: Integers) -> _Clusters:
    shape = (len(stratum), len(weights.factors))
    place = owner * shape[1] + weights.cell
    sums, products = (np.bincount(place, part, shape[0] * shape[1]).astype("float64").reshape(shape) for part in (weights.base, weights.base * values))
    return _Clusters(sums, products, stratum)


def _means(sums: Floats, values: Floats, weights: Weights) -> Floats:
    """Return the weighted mean of each replicate, with weights of its own."""
    factors = weights.again(sums)
    return np.asarray((factors * values).sum(axis=1) / (factors * sums).sum(axis=1))


def _jackknife(table: _Clusters, weights: Weights) -> float:
    size = np.bincount(table.stratum)[table.stratum]
    totals = [np.array([np.bincount(table.stratum, column) for column in part.T]).T[table.stratum] for part in (table.sums, table.products)]
    others = [part.sum(axis=0) - total for part, total in zip((table.sums, table.products), totals, strict=True)]
    scale = (size / (size - 1))[:, None]
    left = [rest + (total - own) * scale for rest, total, own in zip(others, totals, (table.sums, table.products), strict=True)]
    return float((_means(left[0], left[1], weights) ** 2 * (size - 1) / size).sum())


def _bootstrap(table: _Clusters, weights: Weights, *, replicates: int, rng: np.random.Generator) -> float:
    if replicates < 100:
        raise ParameterError(f"replicates must be at least 100 for a variance to mean anything, not {replicates!r}.")
    drawn = np.zeros((replicates, len(table.stratum)))
    for number in range(int(table.stratum.max()) + 1):
        members = np.flatnonzero(table.stratum == number)
        times = rng.multinomial(len(members) - 1, np.full(len(members), 1 / len(members)), size=replicates)
        drawn[:, members] = times * len(members) / (len(members) - 1)
    return float((_means(drawn @ table.sums, drawn @ table.products, weights) ** 2).mean())


def _linear(values: Floats, weights: Weights, *, owner: Integers, stratum: Integers) -> float:
    """Return the variance of the residuals' weighted sums, where the residuals are from the fit with the weights before."""
    design = indicators(weights.margins)[weights.cell]
    root = np.sqrt(weights.base)
    fit = np.linalg.lstsq(design * root[:, None], values * root, rcond=None)[0]
    sums = np.bincount(owner, weights.weight * (values - design @ fit)) / weights.weight.sum()
    size = np.bincount(stratum)
    apart = sums - (np.bincount(stratum, sums) / size)[stratum]
    return float((apart**2 * (size / (size - 1))[stratum]).sum())
