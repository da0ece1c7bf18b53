"""Bootstrap over clusters: intervals for whatever has no formula, such as ratios of sums over accounts."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.estimates import check_conf_level, estimates, stack

Floats = npt.NDArray[np.float64]
Statistic = Callable[[pd.DataFrame], Any]

_CELLS_PER_BLOCK = 4_000_000  # weights held at a time: 32 MB as integers


def bootstrap(
    contributions: pd.DataFrame,
    statistic: Statistic,
    *,
    rng: int | np.random.Generator,
    replicates: int = 2000,
    conf_level: float = 0.95,
    method: Literal["bca", "percentile"] = "bca",
    metric: str = "bootstrap",
    unit: str = "ratio",
) -> pd.DataFrame:
    """Statistic of sums over clusters, with limits from resampling whole clusters.

    A replicate draws as many clusters as there are, with replacement, and adds up their contributions. `"percentile"` limits are
    quantiles of the statistic over the replicates; `"bca"` limits are quantiles at levels corrected for bias and for a spread that depends
    on the value, and are the better choice for skewed sums such as revenue. The order of the clusters does not matter.

    Parameters
    ----------
    contributions : DataFrame
        One row a cluster (an account), one column of numbers for each sum that the statistic needs. For a mean over clusters include a
        column of ones.
    statistic : callable
        Takes a table of sums, same columns and one row a replicate, and returns one number a row:
        `lambda sums: sums["kept"] / sums["start"]`. For several numbers from the same replicates it returns a table, one column each.
    rng : int or Generator
        Seed or source of randomness.
    replicates : int
        Number of replicates, at least 100.
    conf_level : float
        Confidence level.
    method : {"bca", "percentile"}
        How the limits are made. Where the statistic is undefined without some cluster, `"bca"` corrects for bias only.
    metric, unit : str
        What to call the result; see `estimates`. The columns of a table that the statistic returns are metrics themselves.

    Returns
    -------
    DataFrame
        One row of estimates a number, `n` = clusters. Limits are missing for a single cluster; where all replicates have the same value, and so
        say nothing about uncertainty; and where a limit falls among replicates in which the statistic is infinite or undefined (undefined
        ones count as beyond either end).

    Raises
    ------
    NotEnoughDataError
        There is no cluster.
    ParameterError
        A column is not numeric or has a missing value, `rng` is missing, or the statistic does not return one number a row.

    References
    ----------
    Efron (1987), Journal of the American Statistical Association 82, 171-185. Davison and Hinkley (1997), Bootstrap Methods and their
    Application, sections 3.8 and 5.3.

    Examples
    --------
    >>> accounts = pd.DataFrame({"start": [100, 80, 60, 200], "kept": [100, 0, 50, 190]})
    >>> retention = bootstrap(accounts, lambda sums: sums["kept"] / sums["start"], rng=0, metric="retention", unit="share")
    >>> retention[["metric", "unit", "n"]].to_dict("records")
    [{'metric': 'retention', 'unit': 'share', 'n': 4}]
    >>> round(float(retention["estimate"].iloc[0]), 4)
    0.7727
    """
    tail = (1 - check_conf_level(conf_level)) / 2
    source = generator(rng)
    if method not in ("bca", "percentile"):
        raise ParameterError(f"method must be 'bca' or 'percentile', not {method!r}.")
    if replicates < 100:
        raise ParameterError(f"replicates must be at least 100 for limits to mean anything, not {replicates!r}.")
    rows, times = _distinct_rows(contributions)

    def measured(sums: Floats) -> pd.DataFrame:
        return _evaluated(statistic, pd.DataFrame(sums, columns=contributions.columns), metric)

    whole, clusters = measured((times @ rows)[None, :]), int(times.sum())
    drawn = measured(_resampled(rows, times, replicates=replicates, rng=source))
    left_out = measured(times @ rows - rows) if method == "bca" and clusters > 1 else None
    parts = []
    for name, values in drawn.items():
        estimate = float(whole[name].iloc[0])
        skew = None if left_out is None else _acceleration(left_out[name].to_numpy(), times)
        low, high = _limits(values.to_numpy(), _levels(values.to_numpy(), estimate, tail, acceleration=skew))
        parts.append(estimates({}, metric=str(name), unit=unit, estimate=estimate, conf_low=low, conf_high=high, n=clusters))
    return stack(parts)


def largest_share(contributions: pd.DataFrame) -> pd.DataFrame:
    """Share of each sum over clusters that the largest single cluster makes up.

    The largest absolute value over the sum of absolute values. Limits from a bootstrap promise too much where it is high: whether the
    one cluster is drawn, and how often, then decides about every replicate.

    Parameters
    ----------
    contributions : DataFrame
        As for `bootstrap`.

    Returns
    -------
    DataFrame
        Estimates with the key `sum` (the column's name); metric `largest_share`, unit `share`, `n` = clusters. It is a fact about the
        table and has no limits; missing for a column of zeros.

    Raises
    ------
    NotEnoughDataError, ParameterError
        As for `bootstrap`.

    References
    ----------
    Davison and Hinkley (1997), Bootstrap Methods and their Application, section 2.6.

    Examples
    --------
    >>> largest_share(pd.DataFrame({"mrr": [10, 10, 80], "one": 1})).round(4)[["sum", "estimate", "n"]]
       sum  estimate  n
    0  mrr    0.8000  3
    1  one    0.3333  3
    """
    rows, times = _distinct_rows(contributions)
    sizes = np.abs(rows)
    total = times @ sizes
    share = sizes.max(axis=0) / np.where(total > 0, total, np.nan)
    return estimates({"sum": list(contributions.columns)}, metric="largest_share", unit="share", estimate=share, n=np.full(len(share), int(times.sum())))


def generator(rng: Any) -> np.random.Generator:
    """Return a generator, made from a seed where that is given."""
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, bool) or not isinstance(rng, int | np.integer) or rng < 0:
        raise ParameterError(f"rng must be a seed (a whole number from 0) or a numpy Generator, not {rng!r}.")
    return np.random.default_rng(rng)


def _distinct_rows(contributions: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return the distinct rows in order and how often each occurs: equal clusters are drawn together."""
    if not len(contributions):
        raise NotEnoughDataError("there is no cluster to resample. Check the filters that made the contributions.")
    columns = [_numbers(name, values) for name, values in contributions.items()]
    rows, times = np.unique(np.column_stack(columns), axis=0, return_counts=True)
    return rows, times.astype("float64")


def _numbers(name: Any, values: pd.Series) -> Floats:
    """Return a column of contributions as floats; exact decimals count as numbers."""
    if pd.api.types.is_numeric_dtype(values) or values.map(lambda value: isinstance(value, Number)).all():
        numbers = np.asarray(values.to_numpy("float64", na_value=np.nan))
        if np.isfinite(numbers).all():
            return numbers
    raise ParameterError(f"contributions must be finite numbers; column {name!r} holds something else. Convert, fill or drop it.")


def _resampled(rows: Floats, times: Floats, *, replicates: int, rng: np.random.Generator) -> Floats:
    """Return the sums of every replicate: how often each row is drawn, times the rows, some replicates at a time."""
    size = max(1, _CELLS_PER_BLOCK // len(rows))
    chances, clusters = times / times.sum(), int(times.sum())
    blocks = [min(size, replicates - begin) for begin in range(0, replicates, size)]
    return np.concatenate([rng.multinomial(clusters, chances, size=block).astype("float64") @ rows for block in blocks])


def _evaluated(statistic: Statistic, sums: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the statistic of each row of sums, one column a number; a single number goes by the name of `metric`."""
    with np.errstate(divide="ignore", invalid="ignore"):
        values = statistic(sums)
    if np.shape(values) != (len(sums),) and not (isinstance(values, pd.DataFrame) and len(values) == len(sums) and values.columns.is_unique):
        shape = np.shape(values)
        raise ParameterError(
            f"statistic must return one number, or a table of named numbers, for each of {len(sums)} rows of sums; it returned the shape {shape}."
        )
    found = values if isinstance(values, pd.DataFrame) else pd.DataFrame({metric: np.asarray(values)})
    return found.astype("float64")


def _acceleration(left_out: Floats, times: Floats) -> float:
    """Return a sixth of the skewness of the statistic's jackknife influences, or 0 where one of them is undefined or none varies."""
    if not np.isfinite(left_out).all():
        return 0.0
    influence = np.average(left_out, weights=times) - left_out
    squares = float(times @ influence**2)
    return float(times @ influence**3) / (6 * squares**1.5) if squares > 0 else 0.0


def _levels(drawn: Floats, estimate: float, tail: float, *, acceleration: float | None) -> tuple[float, float]:
    """Return the two levels at which quantiles of the replicates are the limits."""
    defined = drawn[~np.isnan(drawn)]
    if acceleration is None or not len(defined):
        return tail, 1 - tail
    below = (np.mean(defined < estimate) + np.mean(defined <= estimate)) / 2
    bias = special.ndtri(np.clip(below, 0.5 / len(defined), 1 - 0.5 / len(defined)))
    shifted = bias + special.ndtri(np.array([tail, 1 - tail]))
    low, high = special.ndtr(bias + shifted / (1 - acceleration * shifted))
    return float(low), float(high)


def _limits(drawn: Floats, levels: tuple[float, float]) -> tuple[float, float]:
    """Return the quantiles of the replicates at two levels, missing where they are not finite or nothing varies."""
    finite = drawn[np.isfinite(drawn)]
    if len(finite) == len(drawn) and np.ptp(finite) <= 1e-12 * np.abs(finite).max():
        return np.nan, np.nan
    with np.errstate(invalid="ignore"):
        found = [np.quantile(np.where(np.isnan(drawn), end, drawn), level) for end, level in zip((-np.inf, np.inf), levels, strict=True)]
    low, high = (float(value) if np.isfinite(value) else np.nan for value in found)
    return low, high
