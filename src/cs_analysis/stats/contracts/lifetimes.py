"""Sums of survival over the renewals to come, discounted or not, with the tail summed as well."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special

from cs_analysis.stats.contracts.renewals import ContractModel, Floats

_DIRECT = 2048
_BLOCK = 2**20
_NODES, _WEIGHTS = special.roots_legendre(128)
_PANELS = np.array([0, 1 / 1024, 1 / 32, 1])  # narrow ones where the tail has not settled to a power of time yet
_NEGLIGIBLE = 42.0  # exp(-42) is below the rounding of a sum
_LATEST = 600.0  # logarithm of a time beyond which survival is a power of time to rounding

Summand = Callable[[Floats], Floats]


def tail_index(model: ContractModel, logs: Floats) -> float:
    """Return alpha c: S(t) falls like t to this negative power, so that its sum is finite if the index exceeds 1."""
    return float(np.exp(logs[0])) * model.shape(logs)


def periods_ahead(model: ContractModel, logs: Floats, *, first: int = 0, discount_rate: float = 0.0, horizon: int | None = None) -> float:
    """Return the sum of S(t) / S(first - 1) / (1 + rate)^(t - first) over t from `first` on, or over `horizon` such t (S(-1) counts as 1).

    The first 2,048 terms are added up. The rest is Euler and Maclaurin's formula: the integral of the summand, by Gauss and Legendre's rule over
    the logarithm of time, plus half the first term, less a twelfth of the slope there. What that leaves out is a 720th of the third derivative,
    less than a billionth of the first term of the rest.
    """
    force = float(np.log1p(discount_rate))
    base = float(model.log_survival(logs, np.array([first - 1.0]))[0]) if first else 0.0

    def log_summand(log_times: Floats) -> Floats:
        with np.errstate(over="ignore"):
            waited = np.exp(log_times) - first if force else 0.0
            return np.asarray(_log_survival(model, logs, log_times) - base - force * waited)

    if horizon is not None:
        blocks = range(first, first + horizon, _BLOCK)
        return sum(_added(log_summand, block, min(block + _BLOCK, first + horizon)) for block in blocks)
    if not force and tail_index(model, logs) <= 1:
        return np.inf
    return _added(log_summand, first, first + _DIRECT) + _rest(log_summand, float(first + _DIRECT))


def _log_survival(model: ContractModel, logs: Floats, log_times: Floats) -> Floats:
    """Return log S at times given as logarithms, however late."""
    latest = _LATEST / max(model.shape(logs), 1.0)
    beyond = np.maximum(log_times - latest, 0.0)
    return np.asarray(model.log_survival(logs, np.exp(np.minimum(log_times, latest))) - tail_index(model, logs) * beyond)


def _added(log_summand: Summand, start: int, end: int) -> float:
    with np.errstate(divide="ignore"):
        return float(np.exp(log_summand(np.log(np.arange(start, end, dtype="float64")))).sum())


def _rest(log_summand: Summand, start: float) -> float:
    """Return the sum from `start` on."""
    before, at, after = np.exp(log_summand(np.log(start + np.array([-1.0, 0.0, 1.0]))))
    if not at:
        return 0.0
    reach, here = 0.01, float(log_summand(np.log([start]))[0])
    while log_summand(np.log([start]) + reach)[0] + reach > here - _NEGLIGIBLE:
        reach *= 2
    ends = reach * _PANELS
    widths = np.diff(ends)[:, None]
    late = ends[:-1, None] + widths * (_NODES + 1) / 2
    integral = start * float((_WEIGHTS * widths / 2 * np.exp(log_summand(np.log(start) + late) + late)).sum())
    return float(integral + at / 2 - (after - before) / 24)
