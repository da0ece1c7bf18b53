"""The change of a mean between two samples in the part of a changed mix of groups and the part of the groups' own changes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.intervals import Floats, Interval


def mean_change(
    values: npt.ArrayLike, cells: npt.ArrayLike, late: npt.ArrayLike, *, clusters: npt.ArrayLike | None = None, conf_level: float = 0.95
) -> dict[str, Interval]:
    """Change of a mean from an early to a late sample, in a part `mix` and a part `rate` that add up to it.

    With weights w (a cell's part of the rows) and means m: mix is the sum of (w2 - w1) (m1 + m2) / 2, rate the sum of (m2 - m1) (w1 + w2) / 2. A cell
    without rows in one sample is given the mean of the other: it came or went. Limits are t standard errors either way from leaving out one
    cluster at a time, in both samples at once.

    Parameters
    ----------
    values, cells, late : array
        Of each row: a number, its cell, and whether it is of the late sample.
    clusters : array, optional
        Which rows belong together; without it each row is alone.
    conf_level : float
        Confidence level.

    Returns
    -------
    dict
        `mix`, `rate` and `total`; limits are missing for a single cluster, or where leaving one out empties a sample.

    Raises
    ------
    NotEnoughDataError, ParameterError
        A sample is empty; lengths differ.

    References
    ----------
    Kitagawa (1955), Journal of the American Statistical Association 50, 1168-1194. Wolter (2007), Introduction to Variance Estimation, chapter 4.

    Examples
    --------
    >>> found = mean_change([60] * 8 + [-30] * 2 + [60] * 3 + [-30] * 7, ["a"] * 8 + ["b"] * 2 + ["a"] * 3 + ["b"] * 7, [False] * 10 + [True] * 10)
    >>> {name: round(float(part.estimate), 6) for name, part in found.items()}
    {'mix': -45.0, 'rate': 0.0, 'total': -45.0}
    """
    check_conf_level(conf_level)
    numbers, when = np.asarray(values, dtype="float64"), np.asarray(late, dtype="bool").astype("int64")
    place, names = pd.factorize(np.asarray(cells), use_na_sentinel=False)
    owner = np.arange(len(numbers)) if clusters is None else pd.factorize(np.asarray(clusters))[0]
    if not len(numbers) == len(when) == len(place) == len(owner):
        raise ParameterError(f"values, cells, late and clusters must have one entry a row; there are {len(numbers)}, {len(place)}, {len(when)}, {len(owner)}.")
    if len(np.unique(when)) < 2:
        raise NotEnoughDataError("a change needs rows in both samples; one is empty. Choose two samples with rows.")
    shape = (int(owner.max()) + 1, 2, len(names))
    code = (owner * 2 + when) * len(names) + place
    sums, sizes = (np.bincount(code, part, int(np.prod(shape))).reshape(shape) for part in (numbers, np.ones(len(numbers))))
    whole = _parts(sums.sum(axis=0, keepdims=True), sizes.sum(axis=0, keepdims=True))
    again = _parts(sums.sum(axis=0) - sums, sizes.sum(axis=0) - sizes)
    return {name: _limited(float(whole[name][0]), again[name], conf_level) for name in whole}


def _parts(sums: Floats, sizes: Floats) -> dict[str, Floats]:
    """Return the parts of each replicate, of which there is one a row."""
    rows = sizes.sum(axis=2, keepdims=True)
    weight = sizes / np.where(rows > 0, rows, np.nan)
    own = sums / np.where(sizes > 0, sizes, np.nan)
    mean = np.where(sizes > 0, own, own[:, ::-1])
    mean = np.where((sizes > 0).any(axis=1, keepdims=True), mean, 0.0)  # a cell that only the cluster left out had
    mix = ((weight[:, 1] - weight[:, 0]) * mean.mean(axis=1)).sum(axis=1)
    rate = ((mean[:, 1] - mean[:, 0]) * weight.mean(axis=1)).sum(axis=1)
    return {"mix": mix, "rate": rate, "total": mix + rate}


def _limited(estimate: float, again: Floats, conf_level: float) -> Interval:
    clusters = len(again)
    if clusters < 2:
        return Interval(estimate, np.nan, np.nan)
    error = np.sqrt((clusters - 1) / clusters * ((again - estimate) ** 2).sum())
    half = special.stdtrit(clusters - 1, (1 + conf_level) / 2) * error
    return Interval(estimate, estimate - half, estimate + half)
