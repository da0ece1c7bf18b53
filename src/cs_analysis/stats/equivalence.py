"""Tests of equivalence: whether a difference or a correlation is shown to be smaller than a margin that was stated beforehand.

That a difference is not shown is no sign that there is none. Two one-sided tests turn the question round: no difference is claimed only where both
that it is as large as the margin and that it is as small as minus the margin are refuted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.correlation import Correlation
from cs_analysis.stats.intervals import Interval, Pair, newcombe_difference

Verdict = Literal["within the margin", "different", "not shown"]

_FINEST = 1e-9


class Equivalence(NamedTuple):
    """p values of "at most the lower bound" and "at least the upper bound"; the larger of the two is that of the test."""

    p_above_low: float
    p_below_high: float

    @property
    def p_value(self) -> float:
        """Return the p value of the hypothesis that the truth lies outside the bounds; missing if one of the two is."""
        return float(np.maximum(self.p_above_low, self.p_below_high))


def tost(estimate: float, error: float, *, low: float, high: float, freedom: float = np.inf) -> Equivalence:
    """Return the two one-sided tests of an estimate with a standard error: that the truth lies above `low`, and below `high`.

    At level alpha the truth is shown to lie between the bounds exactly where the limits of level 1 - 2 alpha do.

    Parameters
    ----------
    estimate, error : float
        The estimate and its standard error; without an error above 0 there is no p value.
    low, high : float
        The bounds of what is too small to matter; one may be infinite.
    freedom : float
        Degrees of freedom of the error; infinite: the normal distribution.

    Raises
    ------
    ParameterError
        `low` is not below `high`.

    References
    ----------
    Schuirmann (1987), Journal of Pharmacokinetics and Biopharmaceutics 15, 657-680. Lakens (2017), Social Psychological and Personality Science 8,
    355-362.

    Examples
    --------
    >>> round(tost(0.0, 1.0, low=-1.959964, high=1.959964).p_value, 4)
    0.025
    """
    if not low < high:
        raise ParameterError(f"low must be below high, which {low!r} is not below {high!r}.")
    if not error > 0:
        return Equivalence(float("nan"), float("nan"))
    tails = [_upper_tail(away / error, freedom) for away in (estimate - low, high - estimate)]
    return Equivalence(*tails)


def _upper_tail(t: float, freedom: float) -> float:
    return float(special.ndtr(-t) if np.isinf(freedom) else special.stdtr(freedom, -t))


def tost_means(first: npt.ArrayLike, second: npt.ArrayLike, *, margin: float, pooled: bool = False) -> Equivalence:
    """Return the tests of whether two means differ by less than a margin: of independent rows, with variances of their own (Welch) or a common one.

    Raises
    ------
    ParameterError, NotEnoughDataError
        The margin is not above 0; a value is missing; a sample has fewer than two rows.

    References
    ----------
    Schuirmann (1987), Journal of Pharmacokinetics and Biopharmaceutics 15, 657-680. Welch (1947), Biometrika 34, 28-35.

    Examples
    --------
    >>> round(tost_means([1, 2, 3, 4], [1, 2, 3, 5], margin=4).p_value, 3)
    0.007
    """
    check_margin(margin)
    samples = [np.asarray(values, dtype="float64") for values in (first, second)]
    if any(not np.isfinite(values).all() for values in samples):
        raise ParameterError("values must be finite numbers; leave out rows without one.")
    sizes = np.array([len(values) for values in samples])
    if sizes.min() < 2:
        raise NotEnoughDataError(f"a mean with its error takes two rows; there are {sizes[0]} and {sizes[1]}. Use more data.")
    variances = np.array([values.var(ddof=1) for values in samples])
    if pooled:
        freedom = float(sizes.sum() - 2)
        variances = np.full(2, (sizes - 1) @ variances / freedom)
    parts = variances / sizes
    if not pooled:
        freedom = float(parts.sum() ** 2 / np.sum(parts**2 / (sizes - 1))) if parts.any() else 1.0
    return tost(float(samples[0].mean() - samples[1].mean()), float(np.sqrt(parts.sum())), low=-margin, high=margin, freedom=freedom)


def tost_shares(first: Pair, second: Pair, *, margin: float) -> Equivalence:
    """Return the tests of whether two independent shares, each (successes, n), differ by less than a margin, by Newcombe's limits.

    Raises
    ------
    ParameterError
        The margin is not above 0; as for `newcombe_difference`.

    References
    ----------
    Newcombe (1998), Statistics in Medicine 17, 873-890. Dunnett and Gent (1977), Biometrics 33, 593-602.

    Examples
    --------
    >>> round(tost_shares((50, 100), (50, 100), margin=0.1).p_value, 3)
    0.077
    """
    check_margin(margin)
    return tost_by_limits(lambda level: newcombe_difference(first, second, conf_level=level), low=-margin, high=margin)


def tost_correlation(correlation: Correlation, *, margin: float) -> Equivalence:
    """Return the tests of whether a correlation lies between -margin and margin, on Fisher's transform.

    Raises
    ------
    ParameterError
        The margin is not between 0 and 1.

    References
    ----------
    Goertzen and Cribbie (2010), British Journal of Mathematical and Statistical Psychology 63, 527-537.

    Examples
    --------
    >>> from cs_analysis.stats.correlation import rank_correlation
    >>> found = rank_correlation([0, 0, 1, 1] * 100, [0, 1, 0, 1] * 100)
    >>> tost_correlation(found, margin=0.2).p_value < 0.001
    True
    """
    if not 0 < margin < 1:
        raise ParameterError(f"margin must be a correlation between 0 and 1 that is too small to matter, such as 0.2, not {margin!r}.")
    place, error = correlation.z
    bound = float(np.arctanh(margin))
    return tost(place, error, low=-bound, high=bound, freedom=correlation.freedom)


def tost_by_limits(limits: Callable[[float], Interval], *, low: float, high: float) -> Equivalence:
    """Return the tests that belong to a way of making limits: p is the smallest level at which the one-sided limit of level 1 - p excludes the bound.

    Parameters
    ----------
    limits : callable
        Takes a confidence level and returns two-sided limits of that level, which widen with it.
    low, high : float
        The bounds; one may be infinite.

    Raises
    ------
    ParameterError
        `low` is not below `high`.
    """
    if not low < high:
        raise ParameterError(f"low must be below high, which {low!r} is not below {high!r}.")
    middle = limits(0.5)
    if not np.isfinite([middle.conf_low, middle.conf_high]).all():
        return Equivalence(float("nan"), float("nan"))

    def above(bound: float) -> float:
        return _smallest(lambda level: float(limits(level).conf_low) > bound)

    def below(bound: float) -> float:
        return _smallest(lambda level: float(limits(level).conf_high) < bound)

    estimate = float(middle.estimate)
    return Equivalence(above(low) if estimate > low else 1 - below(low), below(high) if estimate < high else 1 - above(high))


def _smallest(excluded: Callable[[float], bool]) -> float:
    """Return the smallest one-sided level, up to one half, at which the bound is excluded, by halving."""
    never, always = 0.0, 0.5
    while always - never > _FINEST * max(always, 1e-3):
        p = (never + always) / 2
        never, always = (never, p) if excluded(1 - 2 * p) else (p, always)
    return always


def verdict(limits: Interval, equivalence: Equivalence, *, alpha: float) -> Verdict:
    """Return what is shown: "within the margin" where the test of equivalence says so, else "different" where the limits exclude 0, else "not shown".

    A difference that is shown and is also shown to be too small to matter is within the margin.
    """
    if equivalence.p_value < alpha:
        return "within the margin"
    return "different" if limits.conf_low > 0 or limits.conf_high < 0 else "not shown"


def check_margin(margin: float) -> float:
    """Return a margin if it is above 0."""
    if not (isinstance(margin, int | float) and 0 < margin < np.inf):
        raise ParameterError(f"margin must be a number above 0, what is too small to matter, not {margin!r}.")
    return float(margin)
