"""How a mean moves with a number, within strata, for units that come in clusters."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from cs_analysis.errors import ParameterError
from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.intervals import Interval, Numbers, as_floats

Floats = npt.NDArray[np.float64]


def within_slope(x: Numbers, y: Numbers, *, strata: Any = None, clusters: Any = None, conf_level: float = 0.95) -> Interval:
    """Change of the mean of `y` for one unit of `x`, from units of the same stratum only, with limits that allow for likeness within clusters.

    The least-squares slope with a mean of its own for every stratum: the sum over strata of the products of the deviations from the stratum's
    means, over the sum of the squared deviations of `x`. With a `y` of 0 and 1 it is a difference of shares. The variance is the jackknife's,
    (C - 1) / C times the sum of squared deviations of the slopes with one cluster left out from their mean; the limits are Student's with C - 1
    degrees of freedom, C being the clusters whose absence changes anything.

    Parameters
    ----------
    x, y : array-like
        One entry a unit.
    strata, clusters : array-like, optional
        The stratum and the cluster of each unit; default: one stratum, every unit on its own.
    conf_level : float
        Confidence level.

    Returns
    -------
    Interval
        Missing where `x` does not vary within a stratum; the limits also where without one cluster it would not, and for fewer than three clusters.

    Raises
    ------
    ParameterError
        A value is missing or infinite, or lengths differ.

    References
    ----------
    Bell and McCaffrey (2002), Survey Methodology 28, 169-181 (jackknife over clusters). Angrist and Pischke (2009), Mostly Harmless Econometrics,
    section 3.4 (linear slopes of a yes or no).

    Examples
    --------
    >>> slope = within_slope([1, 2, 3, 4, 1, 2, 3, 4], [1, 1, 0, 0, 1, 0, 1, 0], strata=[0, 0, 0, 0, 1, 1, 1, 1])
    >>> f"{slope.estimate:.2f} ({slope.conf_low:.2f} to {slope.conf_high:.2f})"
    '-0.30 (-0.47 to -0.13)'
    """
    upper = (1 + check_conf_level(conf_level)) / 2
    first, second = (_finite(name, values) for name, values in (("x", x), ("y", y)))
    stratum = _numbered(strata, len(first), alone=False)
    cluster = _numbered(clusters, len(first), alone=True)
    if not len(first) == len(second) == len(stratum) == len(cluster):
        raise ParameterError("x, y, strata and clusters must have one entry a unit each, and equally many.")
    if not len(first):
        return Interval(np.nan, np.nan, np.nan)
    sums, pair_stratum, pair_cluster = _sums(first, second, stratum=stratum, cluster=cluster)
    totals = np.stack([np.bincount(pair_stratum, each) for each in sums]).astype("float64")
    products, squares = _deviations(totals)
    slope = _ratio(products.sum(), squares.sum())
    left = _deviations(totals[:, pair_stratum] - sums)
    moved = [np.bincount(pair_cluster, part - whole[pair_stratum]) for part, whole in zip(left, (products, squares), strict=True)]
    matters = (np.abs(moved[0]) > 1e-12) | (np.abs(moved[1]) > 1e-12)
    count = int(matters.sum())
    without = _ratio(products.sum() + moved[0][matters], squares.sum() + moved[1][matters])
    if count < 3 or np.isnan(without).any():
        return Interval(float(slope), np.nan, np.nan)
    half = special.stdtrit(count - 1, upper) * np.sqrt((count - 1) / count * np.sum((without - without.mean()) ** 2))
    return Interval(float(slope), float(slope - half), float(slope + half))


def _finite(name: str, values: Numbers) -> Floats:
    numbers = np.atleast_1d(as_floats(name, values))
    if not np.isfinite(numbers).all():
        raise ParameterError(f"{name} must be finite numbers; entry {int(np.argmin(np.isfinite(numbers)))} is not. Leave it out.")
    return numbers


def _numbered(labels: Any, units: int, *, alone: bool) -> npt.NDArray[np.int64]:
    """Return labels as numbers from 0; without labels every unit is alone, or all are together."""
    if labels is None:
        return np.arange(units) if alone else np.zeros(units, dtype="int64")
    return np.asarray(np.unique(np.asarray(labels), return_inverse=True)[1], dtype="int64")


def _sums(x: Floats, y: Floats, *, stratum: npt.NDArray[np.int64], cluster: npt.NDArray[np.int64]) -> tuple[Floats, Any, Any]:
    """Return n and the sums of x, y, xx and xy of each pair of stratum and cluster, and which these are; x and y counted from their means."""
    u, v = x - x.mean(), y - y.mean()
    pairs, place = np.unique(stratum * (int(cluster.max()) + 1) + cluster, return_inverse=True)
    sums = np.stack([np.bincount(place, each) for each in (np.ones(len(u)), u, v, u * u, u * v)]).astype("float64")
    return sums, pairs // (int(cluster.max()) + 1), pairs % (int(cluster.max()) + 1)


def _deviations(sums: Floats) -> tuple[Floats, Floats]:
    """Return the sums of products and of squares of deviations from means."""
    n, x, y, xx, xy = sums
    units = np.where(n > 0.5, n, 1.0)
    products, squares = xy - x * y / units, xx - x * x / units
    small = squares <= 1e-12 * np.maximum(np.abs(xx), 1e-12)
    return np.where(small, 0.0, products), np.where(small, 0.0, squares)


def _ratio(products: Any, squares: Any) -> Any:
    return products / np.where(squares > 1e-12, squares, np.nan)
