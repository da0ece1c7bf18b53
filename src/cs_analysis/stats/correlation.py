"""Rank correlations with limits that hold under ties and when rows come in clusters."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.intervals import Interval

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Method = Literal["spearman", "kendall"]

FEWEST = 4  # clusters
_LEAST_LEFT = 1e-9
_FREE = {"spearman": 1.0, "kendall": 2 / 3}  # error of independent rows without relation and ties, times the root of rows - 1
_CELLS = 4_000_000  # comparisons held at a time: 32 MB each


class Correlation(NamedTuple):
    """A correlation, its standard error, and the degrees of freedom of that error: clusters - 2, fewer where clusters are of unequal size.

    The error is missing below four clusters, and where all rows but those of one cluster are alike in a column. A perfect correlation has the error and
    the place (`near`) of the correlation that the same rows have with one more pair that contradicts them: their own says nothing. `least` is the
    error, for Fisher's transform, of as many independent rows without any relation and without ties: where all but one or two rows have the same
    value, the estimated error is a matter of luck and often far too small.
    """

    estimate: float
    error: float
    freedom: float
    near: float
    least: float

    @property
    def z(self) -> tuple[float, float]:
        """Return Fisher's transform of the correlation and its standard error, on which limits are symmetric; missing without an error."""
        if np.isnan(self.error):
            return float("nan"), float("nan")
        return float(np.arctanh(self.near)), max(self.error / (1 - self.near**2), self.least)

    def limits(self, conf_level: float) -> Interval:
        """Return the correlation with its limits."""
        place, error = self.z
        if np.isnan(error):
            return Interval(self.estimate, np.nan, np.nan)
        half = float(special.stdtrit(self.freedom, (1 + check_conf_level(conf_level)) / 2)) * error
        low, high = np.tanh(place - half), np.tanh(place + half)
        return Interval(self.estimate, float(min(low, self.estimate)), float(max(high, self.estimate)))


def rank_correlation(x: npt.ArrayLike, y: npt.ArrayLike, *, method: Method = "spearman", clusters: npt.ArrayLike | None = None) -> Correlation:
    """Return Spearman's rank correlation, or Kendall's tau-b, with a standard error that knows of ties and clusters.

    Spearman's is the correlation of the mid-ranks, tau-b the surplus of pairs in the same order over the geometric mean of the pairs that are not tied
    in x and not in y. Both are functions of means over rows and pairs of rows; what each row adds to their error to first order (its influence, the
    limit of the jackknife) is summed by cluster, with the jackknife's correction for few clusters. The textbook errors of Spearman's, also those made
    for ordinal data, suppose that there are no ties: scores and shares of goals are mostly ties.

    Parameters
    ----------
    x, y : array of numbers
        Nothing missing.
    method : {"spearman", "kendall"}
        Which correlation. Of two columns with two values each they are the same: phi.
    clusters : array, optional
        Which rows belong together.

    Returns
    -------
    Correlation
        Its `limits(conf_level)` are symmetric for Fisher's transform, with t quantiles.

    Raises
    ------
    ParameterError
        A value is missing, or the lengths differ.
    NotEnoughDataError
        A column has a single value.

    References
    ----------
    Kendall (1945), Biometrika 33, 239-251, for ties. Hoeffding (1948), Annals of Mathematical Statistics 19, 293-325, for the variance. Samara and
    Randles (1988), Communications in Statistics - Theory and Methods 17, 3191-3210. Nešlehová (2007), Journal of Multivariate Analysis 98, 544-567,
    for Spearman's with ties. Fieller, Hartley and Pearson (1957), Biometrika 44, 470-481, for the transform.

    Examples
    --------
    >>> found = rank_correlation([1, 2, 2, 3, 4, 4], [1, 1, 2, 3, 2, 3])
    >>> round(found.estimate, 3)
    0.739
    """
    first, second, groups = _checked(x, y, clusters)
    of = _kendall if _known(method) == "kendall" else _spearman
    estimate, influence = of(first, second)
    number, least = int(groups.max()) + 1, _FREE[method] / np.sqrt(len(first) - 1)
    if number < FEWEST:
        return Correlation(estimate, float("nan"), 0.0, estimate, least)
    near = estimate
    if abs(estimate) > 1 - 1e-12:
        estimate = float(np.sign(estimate))
        first, second, groups = *_contradicted(first, second, estimate), np.append(groups, number)
        near, influence = of(first, second)
    error = _error(influence, groups, places=[_places(values)[0] for values in (first, second)])
    sizes = np.bincount(groups).astype("float64")
    worth = float(np.sum(sizes**2) ** 2 / np.sum(sizes**4))  # Satterthwaite's number of clusters whose rows are alike
    return Correlation(estimate, error, max(worth - 2, 1.0), near, least)


def _known(method: str) -> str:
    if method not in ("spearman", "kendall"):
        raise ParameterError(f"method must be 'spearman' or 'kendall', not {method!r}.")
    return method


def _checked(x: npt.ArrayLike, y: npt.ArrayLike, clusters: npt.ArrayLike | None) -> tuple[Floats, Floats, Integers]:
    """Return both columns as numbers, and cluster codes."""
    first, second = np.asarray(x, dtype="float64"), np.asarray(y, dtype="float64")
    groups = np.arange(len(first)) if clusters is None else pd.factorize(np.asarray(clusters))[0]
    if not len(first) == len(second) == len(groups):
        raise ParameterError(f"x, y and clusters must have as many rows; they have {len(first)}, {len(second)} and {len(groups)}.")
    for name, values in (("x", first), ("y", second)):
        if not np.isfinite(values).all():
            raise ParameterError(f"{name} must be finite numbers; row {int(np.argmin(np.isfinite(values)))} is not. Leave such rows out.")
        if len(values) == 0 or values.min() == values.max():
            raise NotEnoughDataError(f"a correlation needs values that differ; all {len(values)} of {name} are the same. Use more data.")
    return first, second, groups


def _contradicted(x: Floats, y: Floats, sign: float) -> tuple[Floats, Floats]:
    """Return the rows of a perfect correlation with one more, the most contrary there is."""
    return np.append(x, x.min()), np.append(y, y.max() if sign > 0 else y.min())


def _error(influence: Floats, groups: Integers, *, places: list[Floats]) -> float:
    """Return the standard error: influences summed by cluster, each sum blown up to what leaving the cluster out would move.

    Leaving a cluster out takes its part h out of the variance of either column, which multiplies its influence by one over the root of (1 - h)(1 - h').
    The error is missing where one cluster makes up a column: without it all rows would be alike.
    """
    sums, own = np.bincount(groups, influence), np.bincount(groups) / len(groups)
    left = [1 - own - np.bincount(groups, place**2) / np.sum(place**2) for place in places]
    if min(part.min() for part in left) < _LEAST_LEFT:
        return float("nan")
    blown = sums**2 / (left[0] * left[1])
    return float(np.sqrt(np.sum(blown) * (len(sums) - 1) / len(sums)) / len(influence))


def _spearman(x: Floats, y: Floats) -> tuple[float, Floats]:
    """Return the correlation of the mid-ranks and each row's influence on it."""
    (a, above_x), (b, above_y) = _places(x), _places(y)
    products = {"ab": a * b, "aa": a * a, "bb": b * b}
    means = {name: float(values.mean()) for name, values in products.items()}
    moved = {"ab": above_x(b) + above_y(a), "aa": 2 * above_x(a), "bb": 2 * above_y(b)}
    parts = {name: products[name] - means[name] + moved[name] for name in products}
    rho = means["ab"] / np.sqrt(means["aa"] * means["bb"])
    influence = parts["ab"] / np.sqrt(means["aa"] * means["bb"]) - rho / 2 * (parts["aa"] / means["aa"] + parts["bb"] / means["bb"])
    return float(rho), np.asarray(influence)


class _Above(NamedTuple):
    """Sums over the rows that lie above each row, ties counting half."""

    code: Integers
    levels: int

    def __call__(self, values: Floats) -> Floats:
        """Return how far a row that joins the sample moves the mean of place x value through the places of the others."""
        own = np.bincount(self.code, values, self.levels)
        above = own.sum() - np.cumsum(own) + own / 2
        moved = above[self.code] / len(self.code)
        return np.asarray(moved - moved.mean())


def _places(x: Floats) -> tuple[Floats, _Above]:
    """Return the share of rows below each row (ties half) less one half."""
    levels, code = np.unique(x, return_inverse=True)
    count = np.bincount(code)
    below = np.cumsum(count) - count / 2
    return below[code] / len(x) - 0.5, _Above(code.astype("int64"), len(levels))


def _kendall(x: Floats, y: Floats) -> tuple[float, Floats]:
    """Return tau-b and each row's influence on it; rows that are alike are compared once."""
    pairs, place, count = np.unique(np.column_stack([x, y]), axis=0, return_inverse=True, return_counts=True)
    n, size = len(x), max(1, _CELLS // len(pairs))
    blocks = [_order(pairs[begin : begin + size], pairs) @ count for begin in range(0, len(pairs), size)]
    surplus = (np.concatenate(blocks) / n)[place.ravel()]
    untied = [(n - np.bincount(code)[code]) / n for code in (np.unique(values, return_inverse=True)[1] for values in (x, y))]
    means = [float(part.mean()) for part in (surplus, *untied)]
    root = np.sqrt(means[1] * means[2])
    tau = means[0] / root
    influence = 2 * (surplus - means[0]) / root - tau * sum((part - mean) / mean for part, mean in zip(untied, means[1:], strict=True))
    return float(tau), np.asarray(influence)


def _order(some: Floats, pairs: Floats) -> Floats:
    """Return 1 where two pairs differ in the same direction in both columns, -1 where they differ in contrary ones, else 0."""
    first, second = (np.sign(some[:, [column]] - pairs[:, column]) for column in (0, 1))
    return np.asarray(first * second)
