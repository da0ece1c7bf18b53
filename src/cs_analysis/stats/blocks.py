"""Shares of time lost in blocks: outages, seen as runs of failed checks, which are not independent of each other."""

from __future__ import annotations

import numpy as np
from scipy import special

from cs_analysis.errors import ParameterError
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.intervals import Floats, Interval, Numbers, as_floats

_PRIOR_BLOCKS = 2.0  # so many blocks of a geometric's spread are added to those seen: two or three say little about how lengths vary


def block_share(up: Numbers, down: Numbers, *, blocks: Numbers, squares: Numbers, typical: Numbers, conf_level: float = 0.95) -> Interval:
    """Share of time up, from the numbers and lengths of the blocks of time down (an alternating renewal process).

    The odds down / up are the rate of blocks times their mean length. With N blocks the rate has the relative error of a Poisson count of N and the
    mean length the relative error c / sqrt(N), c being the lengths' coefficient of variation; the limits of the odds are those of F with 2 N
    (upper limit: 2 N + 2) and 2 N / c^2 degrees of freedom, which are exact for exponential times up and down. c^2 is that of the blocks seen together
    with two more of an exponential's, since few blocks say little of it. Without a block the upper limit of the time down is the exact
    Poisson limit of the number of blocks times `typical`: not seen is not impossible.

    Parameters
    ----------
    up, down : array-like
        Time (or checks) up and down.
    blocks : array-like
        Number of blocks down.
    squares : array-like
        Sum of the blocks' squared lengths, in squared units of `down`.
    typical : array-like
        Length of a block where none was seen.
    conf_level : float
        Confidence level.

    Returns
    -------
    Interval
        `estimate, conf_low, conf_high`; missing where nothing was seen; the limits where nothing was up, the upper one where nothing was down is 1.

    Raises
    ------
    ParameterError
        A number is negative or missing, or there is time down without a block.

    References
    ----------
    Gray and Lewis (1967), Technometrics 9, 465-471. Barlow and Proschan (1975), Statistical Theory of Reliability, chapter 7.

    Examples
    --------
    >>> share = block_share(715, 5, blocks=1, squares=25, typical=5)
    >>> f"{share.estimate:.4f} ({share.conf_low:.3f} to {share.conf_high:.4f})"
    '0.9931 (0.646 to 0.9998)'
    """
    tail = (1 - check_conf_level(conf_level)) / 2
    names = ("up", "down", "blocks", "squares", "typical")
    over, under, count, square, length = np.broadcast_arrays(*map(_numbers, names, (up, down, blocks, squares, typical)))
    if np.any((under > 0) != (count > 0)):
        raise ParameterError("there must be a block exactly where there is time down. Count the blocks again.")
    seen, odds = np.where(over + under > 0, over + under, np.nan), under / np.where(over > 0, over, np.nan)
    some = np.maximum(count, 1.0)
    freedom = 2 * some / _squared_variation(under, some, square)
    worst = np.where(count > 0, odds * _f_quantile(1 - tail, 2 * some + 2, freedom) * (some + 1) / some, -np.log(tail) * length / seen)
    best = np.where(count > 0, odds * _f_quantile(tail, 2 * some, freedom), 0 * odds)
    estimate = over / seen
    return Interval(estimate[()], np.minimum(1 / (1 + worst), estimate)[()], np.maximum(1 / (1 + best), estimate)[()])


def block_levels(below: Numbers, totals: Numbers, *, level: float, groups: Numbers, conf_level: float = 0.95) -> tuple[Floats, Floats]:
    """Levels at which quantiles are the limits of the quantile at `level`, for units that come in blocks (Woodruff's method).

    As far below and above the level as the limits of `clustered_share` lie from the share of units at or below the quantile, as of `woodruff_levels`
    for the median.

    Examples
    --------
    >>> low, high = block_levels([19, 18, 20, 19], [20, 20, 20, 20], level=0.95, groups=[0, 0, 0, 0])
    >>> f"{low[0]:.3f} {high[0]:.3f}"
    '0.814 0.988'
    """
    share = clustered_share(below, totals, groups=groups, conf_level=conf_level)
    return np.maximum(level - (share.estimate - share.conf_low), 0.0), level + (share.conf_high - share.estimate)


def _squared_variation(total: Floats, count: Floats, squares: Floats) -> Floats:
    """Return the squared coefficient of variation of block lengths, drawn to 1 by a few blocks more."""
    mean = total / count
    spread = np.maximum(squares - count * mean**2, 0.0) / np.where(mean > 0, mean, 1.0) ** 2
    return np.asarray((spread + _PRIOR_BLOCKS) / (count - 1 + _PRIOR_BLOCKS))


def _f_quantile(level: float, first: Floats, second: Floats) -> Floats:
    ratio = special.betaincinv(first / 2, second / 2, level)
    return np.asarray(ratio / (1 - ratio) * second / first)


def _numbers(name: str, values: Numbers) -> Floats:
    numbers = as_floats(name, values)
    if np.any(~(np.isfinite(numbers) & (numbers >= 0))):
        raise ParameterError(f"{name} must be finite numbers of at least 0. Correct it.")
    return numbers
