"""The ratio of two sums over clusters, each of which may add to one sum, to the other or to both: money over money, over accounts or over users."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cs_analysis.errors import ParameterError
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.intervals import Floats, Interval, Numbers, as_floats
from cs_analysis.stats.resampling import bootstrap

Limits = Literal["linearised", "bootstrap"]
Source = int | np.random.Generator
Total = Callable[[Floats], Floats]

_UNITS = 10_000
_FEWEST = 3


def ratio_of_sums(
    numerators: Numbers, denominators: Numbers, *, groups: Numbers | None = None, counts: Numbers | None = None, conf_level: float = 0.95
) -> Interval:
    """Sum of numerators over sum of denominators, with limits on the logarithmic scale from the differences between clusters.

    With residuals e = y - ratio x, the linearised variance is the sum of e^2 / (1 - h) over the squared sum of the x, where h is the larger of a
    cluster's parts in the two sums. The limits are ratio x exp(-/+ t s / ratio); t has as many degrees of freedom as the smaller of the two
    effective numbers of clusters (sum^2 / sum of squares of the x, and of the |y|), less 1, where both sums are over the same clusters, and
    more where they are over different ones (Satterthwaite): a few large clusters decide the ratio, and widen the limits. For amounts with
    heavy tails these limits hold the truth more often than a bootstrap over clusters, whose replicates know no larger cluster than the data.

    Parameters
    ----------
    numerators, denominators : array-like
        What each cluster adds to the two sums; a denominator is never negative.
    groups : array-like of int, optional
        Group number of each cluster.
    counts : array-like, optional
        How many clusters of its kind each row stands for; one each without it.
    conf_level : float
        Confidence level.

    Returns
    -------
    Interval
        `estimate, conf_low, conf_high`; all missing where the denominators sum to 0. The limits are missing where a sum rests on an effective number of
        fewer than three clusters, where all clusters have the same ratio, and where the numerators do not sum to more than 0 (a sum of 0 has the
        lower limit 0).

    Raises
    ------
    ParameterError
        A number is missing or infinite, or a denominator is negative.

    References
    ----------
    Cochran (1977), Sampling Techniques, section 6.4. Kish (1965), Survey Sampling, chapter 8, for the effective number. Bell and McCaffrey
    (2002), Survey Methodology 28, 169-181, for 1 - h. Satterthwaite (1946), Biometrics Bulletin 2, 110-114.

    Examples
    --------
    >>> ratio = ratio_of_sums([110, 0, 60, 140, 90], [100, 80, 60, 120, 90])
    >>> f"{ratio.estimate:.2f} ({ratio.conf_low:.2f} to {ratio.conf_high:.2f})"
    '0.89 (0.42 to 1.88)'
    """
    upper = (1 + check_conf_level(conf_level)) / 2
    y, x = _finite("numerators", numerators), _finite("denominators", denominators)
    times = np.ones_like(x) if counts is None else _finite("counts", counts)
    codes = np.zeros(len(x), dtype="int64") if groups is None else np.asarray(groups, dtype="int64")
    if (x < 0).any():
        raise ParameterError(f"denominators must be at least 0; cluster {int(np.argmax(x < 0))} has {x[x < 0][0]:g}. Correct it or leave it out.")
    size = int(codes.max(initial=-1)) + 1 if groups is not None else 1

    def total(values: Floats) -> Floats:
        return np.asarray(np.bincount(codes, values * times, size), dtype="float64")

    below = _positive(total(x))
    ratio = total(y) / below
    found = (ratio, *_log_limits(ratio, _standard_error(y, x, codes=codes, total=total), quantile=special.stdtrit(_freedom(y, x, total), upper)))
    return Interval(*(values[0] if groups is None else values for values in found))


def ratios_by_cell(
    rows: pd.DataFrame,
    keys: list[str],
    *,
    numerator: str,
    denominator: str,
    share: bool = False,
    interval: Limits = "linearised",
    rng: Source = 0,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Ratio of two sums in each cell of a table that has one row for alike clusters, with their number in `accounts`.

    Parameters
    ----------
    rows : DataFrame
        The keys, the two columns and `accounts`.
    keys : list of str
        Columns whose values make a cell; a missing value is a value.
    numerator, denominator : str
        Columns to add up.
    share : bool
        Whether the numerator is a part of the denominator in every row: the limits are then those of `clustered_share`, within 0 and 1.
    interval : {"linearised", "bootstrap"}
        `ratio_of_sums` and `clustered_share`, or BCa limits from 2,000 resamples of clusters.
    rng : int or Generator
        Randomness of the bootstrap.
    conf_level : float
        Confidence level.

    Returns
    -------
    DataFrame
        The keys, `estimate`, `conf_low`, `conf_high` and `n`, the clusters with a denominator above 0; one row a cell, in order of first rows.

    Raises
    ------
    ParameterError
        The interval is unknown.
    """
    check_conf_level(conf_level)
    if interval not in ("linearised", "bootstrap"):
        raise ParameterError(f"interval must be 'linearised' or 'bootstrap', not {interval!r}.")
    number = rows.groupby(keys, sort=False, dropna=False).ngroup().to_numpy("int64")
    above, below, times = (rows[name].to_numpy("float64") for name in (numerator, denominator, "accounts"))
    if interval == "bootstrap":
        found = _resampled(above, below, times, groups=number, rng=rng, conf_level=conf_level)
    elif share:
        # Counted in ten-thousandths, amounts are whole numbers of units, of which there are many.
        whole = [np.rint(part * _UNITS) for part in (above, below)]
        found = clustered_share(*whole, groups=number, counts=times, conf_level=conf_level)
    else:
        found = ratio_of_sums(above, below, groups=number, counts=times, conf_level=conf_level)
    cells = rows[keys].loc[~pd.Series(number, index=rows.index).duplicated()].reset_index(drop=True)
    clusters, size, part = (np.bincount(number, values * times, len(cells)) for values in (below > 0, below, above))
    exact = part / np.where(size > 0, size, np.nan)
    return cells.assign(estimate=exact, conf_low=found.conf_low, conf_high=found.conf_high, n=clusters.astype("int64"))


def _resampled(above: Floats, below: Floats, times: Floats, *, groups: npt.NDArray[np.int64], rng: Source, conf_level: float) -> Interval:
    """Return bootstrap limits of the ratio in each group, one stream of random numbers for all."""
    source = np.random.default_rng(rng)
    parts = []
    for cell in range(int(groups.max(initial=-1)) + 1):
        alike = np.repeat(np.flatnonzero(groups == cell), times[groups == cell].astype("int64"))
        sums = pd.DataFrame({"above": above[alike], "below": below[alike]})
        parts.append(bootstrap(sums, lambda drawn: drawn["above"] / drawn["below"], rng=source, conf_level=conf_level))
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["estimate", "conf_low", "conf_high"], dtype="float64")
    return Interval(*(table[name].to_numpy("float64") for name in ("estimate", "conf_low", "conf_high")))


def _standard_error(y: Floats, x: Floats, *, codes: npt.NDArray[np.int64], total: Total) -> Floats:
    """Return the linearised standard error of each group's ratio, missing where one cluster is all of a sum."""
    above, below = _positive(total(np.abs(y))), _positive(total(x))
    ratio = total(y) / below
    part = np.fmax(x / below[codes], np.abs(y) / above[codes])
    residual = y - ratio[codes] * x
    alone = total(((x != 0) | (y != 0)).astype("float64")) < 2
    # A cluster that is all of one sum has no leverage-free residual; its own square then stands as it is.
    error = np.sqrt(total(residual**2 / np.where(part < 1 - 1e-12, 1 - part, 1.0))) / below
    return np.where(alone | (error <= 1e-9 * np.abs(ratio)), np.nan, error)


def _freedom(y: Floats, x: Floats, total: Total) -> Floats:
    """Return degrees of freedom between those of two sums over the same clusters and over different ones.

    The same: the smaller effective number of clusters, less 1. Different: Satterthwaite's for two independent sums. In between by the cosine of
    the |y| and the x. Missing where there are too few clusters to say how they differ.
    """
    of_x, of_y = (total(np.abs(values)) ** 2 / _positive(total(values**2)) for values in (x, y))
    likeness = total(np.abs(y) * x) / np.sqrt(_positive(total(x**2)) * _positive(total(y**2)))
    fewest = np.fmin(of_x, of_y)
    known_x, known_y = (np.where(fewest >= _FEWEST, number, np.nan) for number in (of_x, of_y))
    apart = (1 / known_x + 1 / known_y) ** 2 / (1 / (known_x**2 * (known_x - 1)) + 1 / (known_y**2 * (known_y - 1)))
    return np.asarray(likeness * (np.fmin(known_x, known_y) - 1) + (1 - likeness) * apart)


def _log_limits(ratio: Floats, error: Floats, *, quantile: Floats) -> tuple[Floats, Floats]:
    with np.errstate(over="ignore"):
        factor = np.exp(quantile * error / np.where(ratio > 0, ratio, np.nan))
    high = ratio * factor
    return np.where(ratio == 0, 0.0, ratio / factor), np.where(np.isinf(high), np.nan, high)


def _positive(sums: Floats) -> Floats:
    return np.where(sums > 0, sums, np.nan)


def _finite(name: str, values: Numbers) -> Floats:
    column = np.atleast_1d(as_floats(name, values))
    if not (known := np.isfinite(column)).all():
        raise ParameterError(f"{name} must be finite numbers; cluster {int(np.argmin(known))} has {column[~known][0]:g}. Correct it or leave it out.")
    return column
