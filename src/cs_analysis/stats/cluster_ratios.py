"""Ratios of counts from units that come in clusters: rates compared in time, means of counts, quantiles, and shares of which none was seen.

As in `clusters`, every function takes one row a cluster, `groups` numbers the groups, and results are arrays with one entry a group, or
floats without it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from cs_analysis.errors import ParameterError
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.intervals import Floats, Interval, Numbers, as_floats


def clustered_rate_ratio(after: Numbers, before: Numbers, *, exposure_ratio: float = 1.0, groups: Numbers | None = None, conf_level: float = 0.95) -> Interval:
    """Rate of occurrences after over rate before, with limits that allow for likeness within clusters.

    With x after and y before, the ratio is the odds of p = x / (x + y), over the ratio of the exposures; the limits are the odds at the limits of
    `clustered_share` for p. For one cluster an occurrence these are score limits for two Poisson rates. Nothing is added to zero counts.
    In simulations of 10 to 100 accounts the 95 % limits held the truth in 94 to 99 %, those of independent occurrences in 43 to 95 %.

    Parameters
    ----------
    after, before : array-like
        Occurrences in each cluster; one in which nothing occurred changes nothing.
    exposure_ratio : float
        Exposure after over exposure before; 1 for windows of one length.
    groups : array-like of int, optional
        Group number of each cluster.
    conf_level : float
        Confidence level.

    Returns
    -------
    Interval
        `estimate, conf_low, conf_high`. Without an occurrence after, 0 with a finite upper limit; without one before, estimate and upper limit are
        missing; all is missing without any, and the limits for a single cluster.

    Raises
    ------
    ParameterError
        A count is negative or missing, or the exposure ratio is not above 0.

    References
    ----------
    Przyborowski and Wilenski (1940), Biometrika 31, 313-323, for the condition on the sum. Korn and Graubard (1998), Survey Methodology 24,
    193-201.

    Examples
    --------
    >>> ratio = clustered_rate_ratio([30, 5, 12, 9], [20, 8, 6, 10])
    >>> f"{ratio.estimate:.2f} ({ratio.conf_low:.2f} to {ratio.conf_high:.2f})"
    '1.27 (0.60 to 2.71)'
    """
    if not exposure_ratio > 0 or not np.isfinite(exposure_ratio):
        raise ParameterError(f"exposure_ratio must be a number above 0, not {exposure_ratio!r}.")
    x, y = as_floats("after", after), as_floats("before", before)
    if x.shape != y.shape:
        raise ParameterError(f"after and before must have one entry a cluster each; they have {x.size} and {y.size}.")
    share = clustered_share(x, x + y, groups=groups, conf_level=conf_level)
    return Interval(*(_odds(np.asarray(value), exposure_ratio) for value in share))


def _odds(share: Floats, exposure_ratio: float) -> Any:
    return (share / np.where(share < 1, 1 - share, np.nan) / exposure_ratio)[()]


def clustered_mean(sums: Numbers, sizes: Numbers, *, groups: Numbers | None = None, conf_level: float = 0.95) -> Interval:
    """Mean of a count over units that come in clusters: sum of sums over sum of sizes, with limits on the logarithmic scale.

    The linearised variance is the sum of e^2 / (1 - h) over the squared sum of sizes, with e = sum - mean x size and h = size / all sizes. The
    limits are mean x exp(-/+ t s / mean), t with as many degrees of freedom as the effective number of clusters (sum of sizes)^2 / sum of
    squared sizes, less 1. In simulations of 10 to 100 accounts of unequal size the 95 % limits held the truth in 91 to 94 %.

    Parameters
    ----------
    sums, sizes : array-like
        Sum of the counts and number of units of each cluster; one without units is left out.
    groups : array-like of int, optional
        Group number of each cluster.
    conf_level : float
        Confidence level.

    Returns
    -------
    Interval
        `estimate, conf_low, conf_high`. Missing limits: a single cluster, all clusters with one and the same mean, or a mean of 0, of which the
        lower limit is 0.

    Raises
    ------
    ParameterError
        A number is negative or missing.

    References
    ----------
    Cochran (1977), Sampling Techniques, section 6.4. Kish (1965), Survey Sampling, chapter 8, for the effective number.

    Examples
    --------
    >>> mean = clustered_mean([12, 3, 20, 7, 9], [4, 2, 5, 3, 4])
    >>> f"{mean.estimate:.2f} ({mean.conf_low:.2f} to {mean.conf_high:.2f})"
    '2.83 (1.79 to 4.48)'
    """
    upper = (1 + check_conf_level(conf_level)) / 2
    total, size = (_counts(name, values) for name, values in (("sums", sums), ("sizes", sizes)))
    codes = np.zeros(len(size), dtype="int64") if groups is None else np.asarray(groups, dtype="int64")
    count = 1 if groups is None else int(codes.max(initial=-1)) + 1
    units, squares = np.bincount(codes, size, count), np.bincount(codes, size**2, count)
    known = np.where(units > 0, units, np.nan)
    mean = np.bincount(codes, np.where(size > 0, total, 0.0), count) / known
    part = size / known[codes]
    residual = np.where(size > 0, total - mean[codes] * size, 0.0)
    spread = np.sqrt(np.bincount(codes, residual**2 / np.where(part < 1, 1 - part, np.nan), count)) / known
    relative = np.where((spread > 1e-9 * mean) & (mean > 0), spread / np.where(mean > 0, mean, np.nan), np.nan)
    freedom = np.maximum(units**2 / np.where(squares > 0, squares, np.nan) - 1, 1.0)
    factor = np.exp(special.stdtrit(freedom, upper) * relative)
    found = (mean, np.where(mean == 0, 0.0, mean / factor), mean * factor)
    return Interval(*(values[0] if groups is None else values for values in found))


def woodruff_levels(below: Numbers, totals: Numbers, *, groups: Numbers | None = None, conf_level: float = 0.95) -> tuple[Any, Any]:
    """Levels at which quantiles are the limits of a median, for units that come in clusters (Woodruff's method).

    As far below and above one half as the limits of `clustered_share` lie from the share of units at or below the median.

    Parameters
    ----------
    below, totals : array-like
        Units at or below the median of their group, and all units, of each cluster.
    groups : array-like of int, optional
        Group number of each cluster.
    conf_level : float
        Confidence level.

    Returns
    -------
    tuple
        Lower and upper level within 0 and 1; missing where `clustered_share` has no limits.

    References
    ----------
    Woodruff (1952), Journal of the American Statistical Association 47, 635-646.

    Examples
    --------
    >>> low, high = woodruff_levels([5, 3, 6, 2], [8, 8, 8, 8])
    >>> f"{low:.2f} {high:.2f}"
    '0.22 0.78'
    """
    share = clustered_share(below, totals, groups=groups, conf_level=conf_level)
    return np.maximum(0.5 - (share.estimate - share.conf_low), 0.0), np.minimum(0.5 + (share.conf_high - share.estimate), 1.0)


def none_limit(n: Numbers, *, conf_level: float = 0.95) -> Any:
    """Exact upper limit of a share of which none was seen among `n` units: the share at which that has the chance (1 - conf_level) / 2.

    References
    ----------
    Clopper and Pearson (1934), Biometrika 26, 404-413.

    Examples
    --------
    >>> round(float(none_limit(30)), 4)
    0.1157
    """
    tail = (1 - check_conf_level(conf_level)) / 2
    units = as_floats("n", n)
    return (1 - tail ** (1 / np.where(units > 0, units, np.nan)))[()]


def _counts(name: str, values: Numbers) -> Floats:
    column = np.atleast_1d(as_floats(name, values))
    bad = ~(np.isfinite(column) & (column >= 0))
    if bad.any():
        raise ParameterError(f"{name} must be finite numbers of at least 0; cluster {int(np.argmax(bad))} has {column[bad][0]:g}. Correct it or leave it out.")
    return column
