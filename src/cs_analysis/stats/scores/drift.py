"""Whether a feature or a score has another distribution now than then."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.estimates import check_conf_level


class Stability(NamedTuple):
    """The population stability index, and the value that `conf_level` of pairs of samples from one distribution stay below."""

    value: float
    noise: float


def psi(then: npt.ArrayLike, now: npt.ArrayLike, *, bins: int = 10, conf_level: float = 0.95) -> Stability:
    """Return the population stability index of a variable, and how large chance alone makes it.

    Sum over bins of (q - p) log(q / p), p and q the shares then and now, half a row being added to each bin so that none is empty. Bins are cut at the
    quantiles then; equal values share one, and what is missing is a bin of its own. Without a change the index is about (1/n + 1/m) times a
    chi-square variable with bins - 1 degrees of freedom, n and m the rows then and now: the usual "above 0.1" and "above 0.25" are noise in small
    samples and blind in large ones.

    Raises
    ------
    NotEnoughDataError, ParameterError
        There is no row then or now; fewer than 2 bins; an infinite value.

    References
    ----------
    Yurdakul (2018), Statistical properties of population stability index, dissertation, Western Michigan University.

    Examples
    --------
    >>> found = psi([1, 2, 3, 4] * 25, [1, 2, 3, 4] * 50)
    >>> bool(found.value < found.noise)
    True
    """
    before, after = (np.asarray(values, dtype="float64") for values in (then, now))
    if not len(before) or not len(after):
        raise NotEnoughDataError("two samples can be compared only where both have a row. Choose other dates.")
    if not (isinstance(bins, int) and bins >= 2) or np.isinf(before).any() or np.isinf(after).any():
        raise ParameterError(f"bins must be a whole number of at least 2, and values finite or missing (bins={bins!r}).")
    known = before[~np.isnan(before)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1])) if len(known) else np.array([])
    counts = np.array([np.bincount(_bins(values, edges), minlength=len(edges) + 2) for values in (before, after)])
    counts = counts[:, counts.any(axis=0)]
    shares = (counts + 0.5) / (counts + 0.5).sum(axis=1, keepdims=True)
    index = float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))
    return Stability(index, float(chi2.ppf(check_conf_level(conf_level), counts.shape[1] - 1) * (1 / len(before) + 1 / len(after))))


def _bins(values: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the bin of each value, the last one for what is missing."""
    return np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="left"))
