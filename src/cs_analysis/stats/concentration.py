"""How unequally an amount is spread over units: how many of them make up a share of it, Lorenz curve and Gini coefficient, with limits.

Every figure is a function of the distribution of amounts; its limits come from the influence of each unit on it, on the scale of log odds, which needs no
density and no resampling. They say how far the same company could have come out by the chance of which customers it has.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from cs_analysis.errors import ParameterError
from cs_analysis.stats.intervals import Floats, Interval

Integers = npt.NDArray[np.int64]
_SAME = 1e-12  # a cumulated share this close to the one asked for is there: sums of floats are off by their last digits


class Amounts(NamedTuple):
    """Amounts of at least 0, largest first, and what they add up to."""

    falling: Floats
    total: float

    @classmethod
    def of(cls, values: Any) -> Amounts:
        """Return checked amounts.

        Raises
        ------
        ParameterError
            An amount is negative or missing.
        """
        numbers = np.asarray(values, dtype="float64")
        bad = ~(np.isfinite(numbers) & (numbers >= 0))
        if bad.any():
            raise ParameterError(
                f"amounts must be finite numbers of at least 0; row {int(np.argmax(bad))} has {numbers[bad][0]:g}. Correct it or leave it out."
            )
        falling = np.sort(numbers)[::-1]
        return cls(falling, float(falling.sum()))


def least_number(amounts: Amounts, share: float) -> float:
    """Return the least number of units that together have the share of the amount, the largest first; missing where there is none.

    Raises
    ------
    ParameterError
        `share` does not lie above 0 and at most at 1.

    Examples
    --------
    >>> least_number(Amounts.of([50, 30, 15, 5]), 0.8)
    2.0
    """
    check_share(share)
    if not amounts.total > 0:
        return np.nan
    return float(np.argmax(np.cumsum(amounts.falling) >= (share - _SAME) * amounts.total) + 1)


def needed_share(amounts: Amounts, share: float, *, conf_level: float) -> Interval:
    """Return the share of units that is needed for a share of the amount, the last of them in part, with limits.

    With t the amount of the last unit needed and q the share of units, a unit of amount x moves q by (share x - max(x - t, 0)) / t - q. No density is in
    it, so that prices of which many are equal do no harm. Where all amounts are equal nothing moves it.

    References
    ----------
    Beach and Davidson (1983), Review of Economic Studies 50, 723-735 (ordinates of Lorenz curves; this is their inverse).
    """
    check_share(share)
    n = len(amounts.falling)
    if not amounts.total > 0:
        return Interval(np.nan, np.nan, np.nan)
    before = int(least_number(amounts, share)) - 1
    last = amounts.falling[before]
    part = min(max((share * amounts.total - amounts.falling[:before].sum()) / last, 0.0), 1.0)
    estimate = float((before + part) / n)
    excess = np.maximum(amounts.falling - last, 0.0)
    return _on_log_odds(estimate, (share * amounts.falling - excess) / last, conf_level=conf_level)


def top_share(amounts: Amounts, units: float, *, conf_level: float) -> Interval:
    """Return the share of the amount that the largest `units` (a share of all) have, the last of them in part, with limits."""
    check_share(units)
    n = len(amounts.falling)
    if not amounts.total > 0:
        return Interval(np.nan, np.nan, np.nan)
    whole = min(int(units * n + 1e-9), n)
    last = amounts.falling[min(whole, n - 1)]
    estimate = (amounts.falling[:whole].sum() + max(units * n - whole, 0.0) * last) / amounts.total
    excess = np.maximum(amounts.falling - last, 0.0)
    return _on_log_odds(float(estimate), (excess - estimate * amounts.falling) * n / amounts.total, conf_level=conf_level)


def gini(amounts: Amounts, *, conf_level: float) -> Interval:
    """Return the Gini coefficient of a sample: the mean difference of two units over twice the mean amount, with limits.

    It is n / (n - 1) times the area between the Lorenz curve and the diagonal, doubled: 0 where all have the same, 1 where one has all. Limits come from
    what leaving out each unit does to it (the jackknife, in closed form), and are missing below three units.

    References
    ----------
    Deltas (2003), Review of Economics and Statistics 85, 226-234 (the factor). Davidson (2009), Journal of Econometrics 150, 30-40 (errors).
    """
    n, x, total = len(amounts.falling), amounts.falling[::-1], amounts.total
    if n < 2 or not total > 0:
        return Interval(np.nan, np.nan, np.nan)
    rank, so_far = np.arange(1, n + 1), np.cumsum(x)
    apart = (2 * rank - n) * x + total - 2 * so_far  # sum of differences to all others
    pairs = float(apart.sum() / 2)
    estimate = pairs / ((n - 1) * total)
    if n < 3 or not estimate < 1:
        return Interval(estimate, np.nan, np.nan)
    without = (pairs - apart) / ((n - 2) * (total - x))
    return _on_log_odds(estimate, (n - 1) * (estimate - without), conf_level=conf_level)


def herfindahl(amounts: Amounts) -> float:
    """Return the sum of squared shares of the units: 1 / n where all have the same, 1 where one has all; missing without an amount."""
    return float(((amounts.falling / amounts.total) ** 2).sum()) if amounts.total > 0 else np.nan


def groups_needed(sums: Floats, share: float) -> Integers:
    """Return for each row of group sums the least number of groups that together have the share; 0 for a row without an amount."""
    check_share(share)
    totals = sums.sum(axis=1)
    reached = np.cumsum(-np.sort(-sums, axis=1), axis=1) >= (share - _SAME) * totals[:, None]
    return np.where(totals > 0, np.argmax(reached, axis=1) + 1, 0).astype("int64")


def resampled_sums(values: Floats, codes: Integers, *, groups: int, replicates: int, rng: np.random.Generator) -> Floats:
    """Return the sums of groups in replicates that draw as many units as there are, with replacement."""
    n, drawn = len(values), np.empty((replicates, groups))
    for replicate in range(replicates):
        rows = rng.integers(0, n, n)
        drawn[replicate] = np.bincount(codes[rows], values[rows], groups)
    return drawn


def permuted_sums(values: Floats, codes: Integers, *, groups: int, replicates: int, rng: np.random.Generator) -> Floats:
    """Return the sums of groups when their labels are dealt out among the units anew: groups of the same sizes that mean nothing."""
    return np.array([np.bincount(rng.permutation(codes), values, groups) for _ in range(replicates)]).reshape(replicates, groups)


def check_share(share: float) -> float:
    """Return `share` if it lies above 0 and at most at 1, else raise `ParameterError`."""
    if not 0 < share <= 1:
        raise ParameterError(f"share must lie above 0 and at most at 1, such as 0.8, not {share!r}.")
    return float(share)


def _on_log_odds(estimate: float, influence: Floats, *, conf_level: float) -> Interval:
    """Return an estimate between 0 and 1 with limits from the influences of units: on the scale of log odds, corrected for the influences' skewness.

    A few large units make influences skew, and without the correction concentration comes out too low and too sure. With T the studentised error and
    g = skewness / sqrt(n), Hall's T + g T^2 / 3 + g^2 T^3 / 27 + g / 6 is taken to follow Student's distribution. Limits are missing for
    fewer than two units, and where no unit moves the estimate, which then says nothing of its error.

    References
    ----------
    Hall (1992), Journal of the Royal Statistical Society B 54, 221-228.
    """
    n = len(influence)
    if n < 2 or not 0 < estimate < 1:
        return Interval(estimate, np.nan, np.nan)
    spread = float(np.std(influence, ddof=1))
    if not spread > 1e-12:
        return Interval(estimate, np.nan, np.nan)
    skewness = float(np.mean((influence - influence.mean()) ** 3)) / spread**3 / np.sqrt(n)
    tails = stats.t.ppf([(1 + conf_level) / 2, (1 - conf_level) / 2], n - 1)
    errors = 3 / skewness * (np.cbrt(1 + skewness * (tails - skewness / 6)) - 1) if abs(skewness) > 1e-9 else tails
    odds = np.log(estimate / (1 - estimate)) - errors * spread / np.sqrt(n) / (estimate * (1 - estimate))
    low, high = special.expit(odds)
    return Interval(estimate, float(low), float(high))
