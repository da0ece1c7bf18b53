"""Scores 1 to k from the order of values: equal values always get equal scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from cs_analysis.errors import ParameterError
from cs_analysis.stats.intervals import Floats, Interval

Scores = npt.NDArray[np.int64]


def quantile_scores(values: Any, bins: int, *, within: Any = None, largest_first: bool = False) -> Scores:
    """Return the score 1, ..., `bins` of each value: in which part of the order its middle rank lies.

    With n values, b below a value and e equal to it (itself among them), the score is 1 + floor(bins (b + e / 2) / n). Without ties and with n a multiple of
    `bins` these are the usual parts of equal size. Equal values share a score, so that parts may be of unequal size and scores may be missing: if
    all values are equal, all get the middle one. Nothing is split at random, and the order of the rows does not matter.

    Parameters
    ----------
    values : array-like
        Finite numbers.
    bins : int
        Number of scores, at least 2.
    within : array-like of int, optional
        Group number of each value; the order is taken within groups.
    largest_first : bool
        Whether small values get high scores: for days since something happened.

    Raises
    ------
    ParameterError
        A value is missing, or `bins` is no whole number of at least 2.

    Examples
    --------
    >>> quantile_scores([10, 20, 20, 20, 90], 5).tolist()
    [1, 3, 3, 3, 5]
    """
    check_bins(bins)
    numbers = np.asarray(values, dtype="float64")
    if not np.isfinite(numbers).all():
        raise ParameterError(f"values to be scored must be finite numbers; row {int(np.argmin(np.isfinite(numbers)))} is not. Leave it out.")
    signed = -numbers if largest_first else numbers
    groups = np.zeros(len(numbers), dtype="int64") if within is None else np.asarray(within)
    order = np.lexsort((signed, groups))
    first, last, n = _places(signed[order], groups[order])
    scores = np.empty(len(numbers), dtype="int64")
    scores[order] = 1 + (bins * (first + last)) // (2 * n)  # whole numbers: no value falls beside a boundary by a last digit
    return scores


def threshold_scores(values: Any, thresholds: Sequence[float], *, largest_first: bool = False) -> Scores:
    """Return the score of each value against fixed thresholds, in rising order: 1 more for each one that it reaches.

    With `largest_first` it is 1 more for each one that it does not exceed: at most 30 days reaches 30 days.

    Raises
    ------
    ParameterError
        Thresholds do not rise.

    Examples
    --------
    >>> threshold_scores([0, 5, 10], [5, 10]).tolist(), threshold_scores([0, 5, 10], [2, 5], largest_first=True).tolist()
    ([1, 2, 3], [3, 2, 1])
    """
    steps = np.asarray(thresholds, dtype="float64")
    if not len(steps) or not np.isfinite(steps).all() or (np.diff(steps) <= 0).any():
        raise ParameterError(f"thresholds must be numbers in rising order, at least one, not {thresholds!r}.")
    numbers = np.asarray(values, dtype="float64")
    if largest_first:
        return (1 + len(steps) - np.searchsorted(steps, numbers, side="left")).astype("int64")
    return (1 + np.searchsorted(steps, numbers, side="right")).astype("int64")


def median_limits(values: Any, *, conf_level: float) -> Interval:
    """Return the median with the limits that the sign test gives: two values of the sample, whatever the distribution.

    The limits are the k-th smallest and the k-th largest value, with the largest k for which a fair coin thrown n times shows fewer than k heads with
    probability at most (1 - conf_level) / 2. Missing below six values at 95 %.

    References
    ----------
    Thompson (1936), Annals of Mathematical Statistics 7, 122-128.
    """
    numbers = np.sort(np.asarray(values, dtype="float64"))
    if not len(numbers):
        return Interval(np.nan, np.nan, np.nan)
    k = int(stats.binom.ppf((1 - conf_level) / 2, len(numbers), 0.5))
    k = k if stats.binom.cdf(k - 1, len(numbers), 0.5) <= (1 - conf_level) / 2 else k - 1
    low, high = (float(numbers[k - 1]), float(numbers[-k])) if k >= 1 else (np.nan, np.nan)
    return Interval(float(np.median(numbers)), low, high)


def check_bins(bins: int) -> int:
    """Return `bins` if it is a whole number from 2 up, else raise `ParameterError`."""
    if isinstance(bins, bool) or not isinstance(bins, int | np.integer) or bins < 2:
        raise ParameterError(f"bins must be a whole number of at least 2, such as 5, not {bins!r}.")
    return int(bins)


def _places(values: Floats, groups: Scores) -> tuple[Scores, Scores, Scores]:
    """Return for each row of sorted groups and values how many of its group lie below it, how many do not lie above it, and how many there are."""
    at = np.arange(len(values))
    new_group = np.append(True, groups[1:] != groups[:-1])[: len(values)]
    new_value = new_group | np.append(True, values[1:] != values[:-1])[: len(values)]
    group_start, value_start = (np.maximum.accumulate(np.where(new, at, 0)) for new in (new_group, new_value))
    group_end, value_end = (_ends(new) for new in (new_group, new_value))
    return value_start - group_start, value_end - group_start, group_end - group_start


def _ends(new: npt.NDArray[np.bool_]) -> Scores:
    """Return for each row where its run of rows ends."""
    starts = np.flatnonzero(new)
    ends = np.append(starts[1:], len(new))
    return np.asarray(ends[np.cumsum(new) - 1], dtype="int64")
