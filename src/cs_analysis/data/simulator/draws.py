"""Keyed uniforms, and the inverse distribution functions that turn them into draws.

A draw is a function of (seed, stream, account, counter) and of nothing else: no generator is carried along, so an account's draws
do not depend on how many accounts there are, on the order in which they are made, or on the draws of any other stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from scipy import special

from cs_analysis.data.simulator.arrays import Floats, Ints

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True)
class Draws:
    """Uniform numbers addressed by stream, account and counter.

    Each (seed, stream, account) starts a SplitMix64 generator of its own; the counter is the place in its sequence.

    References
    ----------
    Steele, Lea, Flood (2014), Fast splittable pseudorandom number generators, OOPSLA, 453-472.

    Examples
    --------
    >>> one = Draws(7).uniform("fit", np.arange(3))
    >>> many = Draws(7).uniform("fit", np.arange(500))
    >>> bool((one == many[:3]).all())
    True
    """

    seed: int

    def uniform(self, stream: str, account: Ints, counter: Any = 0) -> Floats:
        """Return uniforms strictly between 0 and 1, one for each pair of the broadcast arrays `account` and `counter`."""
        with np.errstate(over="ignore"):
            start = _mix(self._key(stream) + _step(account))
            bits = _mix(start + _step(counter))
        return np.asarray(((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53)

    def _key(self, stream: str) -> np.uint64:
        digest = blake2b(f"{self.seed}/{stream}".encode(), digest_size=8).digest()
        return np.uint64(int.from_bytes(digest, "little"))


def _step(number: Any) -> Any:
    return (np.asarray(number).astype(np.uint64) + np.uint64(1)) * _GOLDEN


def _mix(state: Any) -> Any:
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))


def normal(u: Any, mean: Any = 0.0, sd: Any = 1.0) -> Floats:
    """Return normal draws."""
    return np.asarray(mean + sd * special.ndtri(u))


def lognormal(u: Any, median: Any, sd: Any) -> Floats:
    """Return log-normal draws with the given median and standard deviation of the logarithm."""
    return np.asarray(median * np.exp(sd * special.ndtri(u)))


def exponential(u: Any, mean: Any) -> Floats:
    """Return exponential draws with the given mean."""
    return np.asarray(-mean * np.log1p(-u))


def geometric(u: Any, mean: Any) -> Ints:
    """Return geometric draws 0, 1, 2, ... with the given mean."""
    return np.asarray(np.log1p(-u) / -np.log1p(1.0 / np.maximum(mean, 1e-12))).astype(np.int64)


def gamma(u: Any, shape: float, rate: float) -> Floats:
    """Return gamma draws."""
    return np.asarray(special.gammaincinv(shape, u) / rate)


def beta(u: Any, a: float, b: float) -> Floats:
    """Return beta draws."""
    return np.asarray(special.betaincinv(a, b, u))


def poisson(u: Any, mean: Any) -> Ints:
    """Return Poisson draws, flat, by counting up the distribution function; `mean` stays below 700, where exp(-mean) is a number."""
    u, mean = (array.ravel() for array in np.broadcast_arrays(np.asarray(u, dtype=float), np.asarray(mean, dtype=float)))
    term = np.exp(-mean)
    below = term.copy()
    count = np.zeros(len(u), dtype=np.int64)
    short = np.flatnonzero(u >= below)
    k = 0
    while short.size:
        k += 1
        term[short] *= mean[short] / k
        below[short] += term[short]
        count[short] = k
        exhausted = (k > mean[short]) & (term[short] < 1e-18)
        short = short[(u[short] >= below[short]) & ~exhausted]
    return count


def choice(u: Any, weights: Any) -> Ints:
    """Return the number of the category drawn; `weights` is one list for all rows or a matrix with a row each."""
    weights = np.asarray(weights, dtype=float)
    share = np.cumsum(weights, axis=-1) / weights.sum(axis=-1, keepdims=True)
    if share.ndim == 1:
        return np.asarray(np.minimum(np.searchsorted(share, u, side="right"), len(share) - 1))
    return np.asarray(np.minimum((np.asarray(u)[:, None] >= share).sum(axis=1), share.shape[1] - 1))


def softmax(levels: Sequence[float], slopes: Sequence[float], fit: Floats) -> Floats:
    """Return category weights exp(level + slope x fit), one row an account."""
    return np.asarray(np.exp(np.asarray(levels) + np.outer(fit, slopes)))


def logistic(level: Any) -> Floats:
    """Return the probability whose log odds are `level`."""
    return np.asarray(special.expit(level))
