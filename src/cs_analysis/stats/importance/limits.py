"""Limits of what is computed from every replicate, and ranks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]


class Limited(NamedTuple):
    """Values with their limits, each an array with one entry a quantity."""

    estimate: Floats
    conf_low: Floats
    conf_high: Floats


def percentile_limits(estimate: Floats, drawn: Floats | None, *, conf_level: float, corrected: bool = False) -> Limited:
    """Return estimates with quantiles of the replicates (replicates x quantities), moved to contain the estimate; missing without replicates.

    Corrected for bias, the quantiles are at levels shifted by twice the normal score of the share of replicates below the estimate. R squared and the
    largest of several quantities are larger in resamples than in the sample, as they are larger in the sample than in truth.

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapters 13 and 14.
    """
    if drawn is None:
        missing = np.full(len(estimate), np.nan)
        return Limited(estimate, missing, missing)
    ends = special.ndtri(np.array([(1 - conf_level) / 2, (1 + conf_level) / 2]))
    shift = _shift(estimate, drawn) if corrected else np.zeros(len(estimate))
    levels = special.ndtr(2 * shift + ends[:, None])
    ordered = np.sort(drawn, axis=0)
    low, high = (_quantile(ordered, level) for level in levels)
    return Limited(estimate, np.minimum(low, estimate), np.maximum(high, estimate))


def _shift(estimate: Floats, drawn: Floats) -> Floats:
    """Return the normal score of the share of replicates below each estimate, ties half, at most what so many replicates can tell."""
    below = (np.mean(drawn < estimate, axis=0) + np.mean(drawn <= estimate, axis=0)) / 2
    return np.asarray(special.ndtri(np.clip(below, 0.5 / len(drawn), 1 - 0.5 / len(drawn))))


def _quantile(ordered: Floats, level: Floats) -> Floats:
    """Return the quantile of each ordered column at its own level."""
    place = level * (len(ordered) - 1)
    floor, columns = np.floor(place).astype("int64"), np.arange(ordered.shape[1])
    lower, upper = ordered[floor, columns], ordered[np.minimum(floor + 1, len(ordered) - 1), columns]
    return np.asarray(lower + (place - floor) * (upper - lower))


def ranks(importance: Floats) -> Floats:
    """Return the rank of each column in its row, 1 for the largest; equal ones share the smaller number, as far as rounding shows."""
    rounded = np.round(importance, 12)
    return np.asarray(1.0 + (rounded[:, None, :] > rounded[:, :, None]).sum(axis=2))
