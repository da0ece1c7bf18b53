"""Intervals for units that come in clusters, such as answers within accounts: an effective number of units, then the plain interval.

Every function takes one row a cluster. `groups` gives each row the number 0, 1, ... of the group it belongs to (`groupby(...).ngroup()`)
and makes the results arrays with one entry a group; without it there is one group and the results are floats.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from cs_analysis.errors import ParameterError
from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.intervals import Floats, Interval, Numbers, Triple, as_floats, net_share_limits, wilson_limits

Codes = npt.NDArray[np.int64]


class _Sample(NamedTuple):
    """What the clusters of each group add up to."""

    units: Floats
    mean: Floats
    design_effect: Floats
    freedom: Floats
    vary: npt.NDArray[np.bool_]


def clustered_share(successes: Numbers, totals: Numbers, *, groups: Numbers | None = None, counts: Numbers | None = None, conf_level: float = 0.95) -> Interval:
    """Share of successes among all units, with Wilson limits that allow for likeness within clusters.

    The share is the sum of successes over the sum of totals. Its limits are Wilson's on the effective number of units: the units over
    their `design_effect`, reduced by the squared ratio of the t quantiles with as many degrees of freedom as the units and as the
    clusters leave (Satterthwaite's number, which is clusters - 1 for clusters of one size and less for unequal ones). With one unit a
    cluster they equal those of `wilson`. They cover too little when a rare kind of success comes in few clusters.

    Parameters
    ----------
    successes, totals : array-like
        Successes and units of each cluster; a cluster without units changes nothing.
    groups : array-like of int, optional
        Group number of each cluster.
    counts : array-like, optional
        How many clusters of its kind each row stands for; one each without it.
    conf_level : float
        Confidence level.

    Returns
    -------
    Interval
        `estimate, conf_low, conf_high`; all missing for a group without units, the limits missing for a single cluster of several units,
        which says nothing about the differences between clusters.

    Raises
    ------
    ParameterError
        A number is negative or missing, successes exceed the total, or `groups` are not whole numbers from 0.

    References
    ----------
    Korn and Graubard (1998), Survey Methodology 24, 193-201. Bell and McCaffrey (2002), Survey Methodology 28, 169-181. Wilson (1927),
    Journal of the American Statistical Association 22, 209-212.

    Examples
    --------
    >>> share = clustered_share([9, 0, 8, 1, 7, 2], [10, 10, 10, 10, 10, 10])
    >>> f"{share.estimate:.2f} ({share.conf_low:.3f} to {share.conf_high:.3f})"
    '0.45 (0.157 to 0.783)'
    """
    like = np.ones_like(np.atleast_1d(as_floats("totals", totals))) if counts is None else counts
    (hits, units, alike), codes = _rows(successes=successes, totals=totals, counts=like, groups=groups)
    if np.any(hits > units):
        raise ParameterError(f"successes may not exceed totals; cluster {int(np.argmax(hits > units))} breaks this. Correct the counts.")
    sample = _sample(hits, hits, units, codes=codes, count=alike)
    n = _effective_number(sample, conf_level)
    return _plain(wilson_limits(sample.mean, n=n, conf_level=conf_level), scalar=groups is None)


def clustered_net_share(counts: Triple, *, groups: Numbers | None = None, times: Numbers | None = None, conf_level: float = 0.95) -> Interval:
    """Share of pluses minus share of minuses, with score limits that allow for likeness within clusters.

    As `net_share`, on the effective number of answers described under `clustered_share`. With one answer a cluster it equals `net_share`.

    Parameters
    ----------
    counts : tuple
        `(minus, zero, plus)`: answers of each kind in each cluster.
    groups : array-like of int, optional
        Group number of each cluster.
    times : array-like, optional
        How many clusters of its kind each row stands for; one each without it.
    conf_level : float
        Confidence level.

    Returns
    -------
    Interval
        Net share within -1 and 1; missing as for `clustered_share`.

    Raises
    ------
    ParameterError
        A count is negative or missing, or `groups` are not whole numbers from 0.

    References
    ----------
    Korn and Graubard (1998), Survey Methodology 24, 193-201. Bell and McCaffrey (2002), Survey Methodology 28, 169-181. Tango (1998),
    Statistics in Medicine 17, 891-908.

    Examples
    --------
    >>> net = clustered_net_share(([0, 3, 0, 1], [1, 1, 0, 2], [3, 0, 4, 1]))
    >>> f"{net.estimate:.2f} ({net.conf_low:.2f} to {net.conf_high:.2f})"
    '0.25 (-0.66 to 0.85)'
    """
    like = np.ones_like(np.atleast_1d(as_floats("minus", counts[0]))) if times is None else times
    (minus, zero, plus, alike), codes = _rows(minus=counts[0], zero=counts[1], plus=counts[2], times=like, groups=groups)
    sample = _sample(plus - minus, plus + minus, minus + zero + plus, codes=codes, count=alike)
    units = np.where(sample.units > 0, sample.units, np.nan)
    low_share, high_share = (np.bincount(codes, part * alike, len(units)) / units for part in (minus, plus))
    n = _effective_number(sample, conf_level)
    return _plain(net_share_limits(low_share, high_share, n=n, conf_level=conf_level), scalar=groups is None)


def design_effect(sums: Numbers, squares: Numbers, sizes: Numbers, *, groups: Numbers | None = None) -> Any:
    """How many times likeness within clusters multiplies the variance of a mean over units.

    The linearised variance of the ratio sum of sums / sum of sizes, over the variance of a mean of so many independent units; never below
    1. With residuals e = sum - mean x size and parts h = size / all sizes, the former is the sum of e^2 / (1 - h) over the squared sum of
    sizes, which is right on average for independent units however unequal the clusters are. Where all units have the same value the data
    are silent about likeness, and the figure is that of clusters whose units are all alike, sum of squared sizes / sum of sizes.

    Parameters
    ----------
    sums, squares, sizes : array-like
        Of each cluster: sum of its units' values, sum of their squares, number of units.
    groups : array-like of int, optional
        Group number of each cluster.

    Returns
    -------
    float or array
        Design effect; 1 with one unit a cluster, missing for a single cluster of several units and for none.

    Raises
    ------
    ParameterError
        A value is missing or infinite, a size is negative, or `groups` are not whole numbers from 0.

    References
    ----------
    Kish (1965), Survey Sampling, chapter 8. Bell and McCaffrey (2002), Survey Methodology 28, 169-181.

    Examples
    --------
    >>> float(design_effect([4, 0, 4, 0], [4, 0, 4, 0], [4, 4, 4, 4]))
    5.0
    """
    (first, second, size), codes = _rows(sums=sums, squares=squares, sizes=sizes, groups=groups)
    effect = _sample(first, second, size, codes=codes).design_effect
    return effect[0] if groups is None else effect


def effective_number(sums: Numbers, squares: Numbers, sizes: Numbers, *, groups: Numbers | None = None, conf_level: float = 0.95) -> Any:
    """How many independent units say as much about a mean: the number under `clustered_share`, for units of any value.

    Parameters
    ----------
    sums, squares, sizes : array-like
        As for `design_effect`.
    groups : array-like of int, optional
        Group number of each cluster.
    conf_level : float
        Confidence level, whose t quantiles the number holds.

    Returns
    -------
    float or array
        Effective number; the number of units with one unit a cluster, missing for a single cluster of several units and for none.

    Raises
    ------
    ParameterError
        As for `design_effect`.

    References
    ----------
    Korn and Graubard (1998), Survey Methodology 24, 193-201. Bell and McCaffrey (2002), Survey Methodology 28, 169-181.

    Examples
    --------
    >>> round(float(effective_number([4, 0, 4, 0], [4, 0, 4, 0], [4, 4, 4, 4])), 2)
    1.44
    """
    (first, second, size), codes = _rows(sums=sums, squares=squares, sizes=sizes, groups=groups)
    number = _effective_number(_sample(first, second, size, codes=codes), conf_level)
    return number[0] if groups is None else number


class Units(NamedTuple):
    """Group number and, where units come in clusters, cluster number of each row, and how many units the row stands for."""

    groups: Codes
    clusters: Codes | None
    count: Any


def linear_number(share: Floats, residuals: Floats, sizes: Floats, *, base: Floats, units: Units, conf_level: float) -> Floats:
    """Effective number of units behind shares whose error is, to first order, a mean over units: what `wilson_limits` asks for.

    Parameters
    ----------
    share : array
        One share a group.
    residuals, sizes : array
        Of each row: a unit's part in the error times the sizes of all, and what a unit adds to the denominator.
    base : array
        Units to count on in a group whose residuals are all 0 (nobody or everybody has succeeded).
    units : Units
        Whose rows these are.
    conf_level : float
        Confidence level.

    Returns
    -------
    array
        One number a group. With residuals success - share and sizes 1 it is the number of units, and with clusters that of `clustered_share`.
    """

    def total(values: Floats) -> Floats:
        return np.asarray(np.bincount(units.groups, values * units.count, len(share)), dtype="float64")

    size = total(sizes)
    known = np.where(size > 0, size, np.nan)
    squares = total(residuals**2) / known
    vary = squares > 1e-12
    n = np.where(vary, share * (1 - share) / np.where(vary, squares, np.nan) * known, base)
    if units.clusters is not None:
        pair, groups = _pairs(units)
        sums, size = (np.asarray(np.bincount(pair, values * units.count, len(groups)), dtype="float64") for values in (residuals, sizes))
        n = n / known * clustered_number(sums, size, squares=squares, groups=groups, conf_level=conf_level)
    return np.asarray(n)


def clustered_number(sums: Floats, sizes: Floats, *, squares: Floats, groups: Codes, conf_level: float) -> Floats:
    """Return `linear_number` for units that were added up by cluster, one entry a cluster and group.

    `sums` are of the units' residuals and `sizes` of theirs; `squares`, one a group, is the mean square of the units' residuals.
    """
    return _effective_number(_spread(sums, sizes, squares=squares, silent=1e-12, codes=groups), conf_level)


def _pairs(units: Units) -> tuple[Codes, Codes]:
    """Return the number of each row's pair of group and cluster, and the group of each pair."""
    clusters = np.zeros_like(units.groups) if units.clusters is None else units.clusters
    width = int(clusters.max(initial=0)) + 1
    distinct, place = np.unique(units.groups * width + clusters, return_inverse=True)
    return place, distinct // width


def _sample(sums: Floats, squares: Floats, sizes: Floats, *, codes: Codes, count: Any = 1.0) -> _Sample:
    """Add up the clusters of each group, `count` for each row; see `design_effect` for what is estimated."""
    units, first, second = (np.bincount(codes, values * count, int(codes.max(initial=-1)) + 1) for values in (sizes, sums, squares))
    known = np.where(units > 0, units, np.nan)
    mean = first / known
    within = second / known - mean**2
    return _spread(sums - mean[codes] * sizes, sizes, squares=within, silent=1e-12 * second / known, codes=codes, mean=mean, count=count)


def _spread(residuals: Floats, sizes: Floats, *, squares: Floats, silent: Any, codes: Codes, mean: Any = np.nan, count: Any = 1.0) -> _Sample:
    """Return how much residuals vary between clusters against `squares`, the mean square of the units' own ("silent": up to where it is 0)."""

    def total(values: Floats) -> Floats:
        return np.asarray(np.bincount(codes, values * count, int(codes.max(initial=-1)) + 1), dtype="float64")

    units, clusters = total(sizes), total((sizes > 0).astype("float64"))
    known = np.where(units > 0, units, np.nan)
    alike = total(sizes**2) / known
    part = sizes / known[codes]
    between = total(residuals**2 / np.where(part < 1, 1 - part, np.nan)) / known**2
    within = squares / np.where(units > 1, units - 1, np.nan)
    vary = within * units > silent
    effect = np.where(vary | (clusters == 1), np.maximum(between / np.where(vary, within, np.nan), 1.0), alike)
    effect = np.where(units == clusters, 1.0 + 0 * known, effect)
    likeness = np.clip((effect - 1) / np.where(alike > 1, alike - 1, np.nan), 0.0, 1.0)
    freedom = _freedom(part, sizes * (1 + likeness[codes] * (sizes - 1)), total, codes=codes)
    return _Sample(units, mean, effect, np.where(vary & (units > clusters), freedom, units - 1), vary)


def _freedom(part: Floats, spread: Floats, total: Callable[[Floats], Floats], *, codes: Codes) -> Floats:
    """Return Satterthwaite's degrees of freedom of the variance between clusters whose sums have variances proportional to `spread`.

    The residuals have covariances c_ij = [i = j] s_i - h_i s_j - h_j s_i + h_i h_j S; the degrees of freedom are
    (sum of c_ii / (1 - h_i))^2 over the sum of c_ij^2 / (1 - h_i)(1 - h_j), written out so that no pair is visited.
    """
    weight = 1 / np.where(part < 1, 1 - part, np.nan)
    all_spread = total(spread)
    shared = part**2 * all_spread[codes] - 2 * part * spread
    squared, mixed, own = total(weight * part**2), total(weight * part * spread), total(weight * spread**2)
    pairs = (all_spread * squared) ** 2 + 2 * squared * own - 4 * all_spread * squared * mixed + 2 * mixed**2
    pairs += total(weight**2 * (spread**2 + 2 * spread * shared))
    return np.asarray(total(weight * (spread + shared)) ** 2 / np.where(pairs > 0, pairs, np.nan))


def _effective_number(sample: _Sample, conf_level: float) -> Floats:
    """Units over design effect, reduced for the degrees of freedom that clusters leave."""
    upper = (1 + check_conf_level(conf_level)) / 2
    of_units, of_clusters = (special.stdtrit(np.maximum(freedom, 1.0), upper) for freedom in (sample.units - 1, sample.freedom))
    return np.asarray(sample.units / sample.design_effect * (of_units / of_clusters) ** 2)


def _rows(*, groups: Numbers | None, **named: Numbers) -> tuple[list[Floats], Codes]:
    """Return the named columns as floats of one length, then the group numbers; a single group may have no row at all."""
    columns = [_column(name, values) for name, values in named.items()]
    rows = len(columns[0])
    codes = np.zeros(rows, dtype="int64") if groups is None else _codes(groups)
    if any(len(column) != rows for column in (*columns, codes)):
        raise ParameterError(f"{', '.join(named)} and groups must have one entry a cluster each, and equally many.")
    if groups is None:  # an empty cluster changes nothing but makes the group exist
        return [np.append(column, 0.0) for column in columns], np.append(codes, 0)
    return columns, codes


def _column(name: str, values: Numbers) -> Floats:
    """Return one column as finite floats, of at least 0 unless they are sums."""
    column = np.atleast_1d(as_floats(name, values))
    bad = ~np.isfinite(column) | ((column < 0) & (name != "sums"))
    if bad.any():
        least = "" if name == "sums" else " of at least 0"
        raise ParameterError(f"{name} must be finite numbers{least}; cluster {int(np.argmax(bad))} has {column[bad][0]:g}. Correct it or leave it out.")
    return column


def _codes(groups: Numbers) -> Codes:
    codes = np.asarray(groups)
    if codes.dtype.kind not in "iu" or (codes < 0).any():
        raise ParameterError("groups must be whole numbers 0, 1, ..., as `groupby(..., dropna=False).ngroup()` gives them.")
    return codes.astype("int64")


def _plain(interval: Interval, *, scalar: bool) -> Interval:
    return Interval(*(values[0] for values in interval)) if scalar else interval
