"""The probability to leave at each renewal under the models of contracts, with its derivatives, and the survival that follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]

_STIRLING = 20.0  # from here on the series below is right to rounding


class Leaving(NamedTuple):
    """Log odds to leave at renewals, with gradient and Hessian in the logarithms of the parameters (renewals x terms, x terms)."""

    log_odds: Floats
    gradient: Floats
    hessian: Floats


@dataclass(frozen=True)
class ContractModel:
    """A model of customers under contract.

    Every function takes the logarithms of the parameters in the last axis and numbers of renewals, and goes over both together.

    Attributes
    ----------
    name : str
        Name in metrics: `sbg` gives `sbg_coefficient`.
    terms : tuple of str
        Names of the parameters, all positive.
    leaving : callable
        Log odds that a customer who is there before a renewal (1, 2, ...) leaves at it.
    log_survival : callable
        Logarithm of the share still there after so many renewals.
    """

    name: str
    terms: tuple[str, ...]
    leaving: Callable[[Floats, Floats], Leaving]
    log_survival: Callable[[Floats, Floats], Floats]

    def shape(self, logs: Floats) -> float:
        """Return the power of the number of renewals: c, or 1 where the model has none."""
        return float(np.exp(logs[2])) if len(self.terms) > 2 else 1.0


def sbg_leaving(logs: Floats, renewal: Floats) -> Leaving:
    """Return the log odds to leave: log alpha - log(beta + t - 1), for renewal t.

    The probability is alpha / (alpha + beta + t - 1); as log odds it loses no digits however large or small the parameters are.
    """
    beta = np.exp(logs[..., 1])
    known = beta / (beta + renewal - 1)
    gradient = np.stack([np.ones_like(known), -known], axis=-1)
    hessian = np.zeros((*known.shape, 2, 2))
    hessian[..., 1, 1] = -known * (1 - known)
    return Leaving(np.asarray(logs[..., 0] - np.log(beta + renewal - 1)), gradient, hessian)


def sbg_log_survival(logs: Floats, renewals: Floats) -> Floats:
    """Return log B(alpha, beta + t) - log B(alpha, beta)."""
    return log_beta_ratio(np.exp(logs[..., 0]), np.exp(logs[..., 1]), renewals)


def bdw_leaving(logs: Floats, renewal: Floats) -> Leaving:
    """Return the log odds to leave: 1 - S(t) / S(t - 1) is the probability, with S(t) = B(alpha, beta + t^c) / B(alpha, beta)."""
    before, after = _bdw_survival(logs, renewal - 1), _bdw_survival(logs, renewal)
    stay, gradient, hessian = (late - early for late, early in zip(after, before, strict=True))
    leave = np.maximum(-np.expm1(stay), 1e-300)
    steep, bend = 1 / leave, (1 - leave) / leave**2
    outer = gradient[..., :, None] * gradient[..., None, :]
    return Leaving(np.asarray(np.log(leave) - stay), -gradient * steep[..., None], -hessian * steep[..., None, None] - outer * bend[..., None, None])


def bdw_log_survival(logs: Floats, renewals: Floats) -> Floats:
    """Return log B(alpha, beta + t^c) - log B(alpha, beta)."""
    return log_beta_ratio(np.exp(logs[..., 0]), np.exp(logs[..., 1]), renewals ** np.exp(logs[..., 2]))


def _bdw_survival(logs: Floats, renewals: Floats) -> tuple[Floats, Floats, Floats]:
    """Return log S with gradient and Hessian in log alpha, log beta and log c."""
    alpha, beta, c = np.moveaxis(np.exp(logs), -1, 0)
    time = renewals**c
    both, alone = np.broadcast_to(alpha + beta, time.shape), np.broadcast_to(beta, time.shape)
    fall, rise, gap = _digamma_rise(both, time), _digamma_rise(alone, time), _digamma_rise(alone + time, alpha)
    first = np.stack([-fall, rise - fall, -gap], axis=-1)
    own, cross = -_trigamma_rise(both, time), -_trigamma_rise(alone + time, alpha)
    second = np.empty((*time.shape, 3, 3))
    second[..., 0, 0] = second[..., 0, 1] = second[..., 1, 0] = own
    second[..., 1, 1] = own + _trigamma_rise(alone, time)
    second[..., 0, 2] = second[..., 2, 0] = -_trigamma(both + time)
    second[..., 1, 2] = second[..., 2, 1] = second[..., 2, 2] = cross
    power = c * np.log(np.where(renewals > 0, renewals, 1.0))
    inner = np.stack([alpha + 0 * time, alone, time * power], axis=-1)
    bent = np.stack([alpha + 0 * time, alone, time * power * (1 + power)], axis=-1)
    hessian = second * inner[..., :, None] * inner[..., None, :] + np.eye(3) * (first * bent)[..., None]
    return log_beta_ratio(alpha, beta, time), first * inner, hessian


def _trigamma(values: Floats) -> Floats:
    return np.asarray(special.zeta(2.0, values))


def _digamma_rise(start: Floats, rise: Floats) -> Floats:
    """Return digamma(start + rise) - digamma(start); from 20 on by its series, in which no large numbers cancel."""
    low, high = (1 / np.maximum(each, _STIRLING) for each in (start, start + rise))
    series = [-1 / 2, -1 / 12, 1 / 120, -1 / 252, 1 / 240], (1, 2, 4, 6, 8)
    smooth = np.log1p(rise * low) + sum(factor * (high**power - low**power) for factor, power in zip(*series, strict=True))
    return np.where(start >= _STIRLING, smooth, special.digamma(start + rise) - special.digamma(start))


def _trigamma_rise(start: Floats, rise: Floats) -> Floats:
    """Return trigamma(start + rise) - trigamma(start), in the same way."""
    low, high = (1 / np.maximum(each, _STIRLING) for each in (start, start + rise))
    series = [1 / 2, 1 / 6, -1 / 30, 1 / 42, -1 / 30], (2, 3, 5, 7, 9)
    smooth = -rise * low * high + sum(factor * (high**power - low**power) for factor, power in zip(*series, strict=True))
    return np.where(start >= _STIRLING, smooth, _trigamma(start + rise) - _trigamma(start))


def log_beta_ratio(alpha: npt.ArrayLike, beta: npt.ArrayLike, time: npt.ArrayLike) -> Floats:
    """Return log B(alpha, beta + time) - log B(alpha, beta), to rounding for any positive alpha and beta and any time from 0.

    It is the rise of log-gamma by the smaller of alpha and time at beta, less that rise further on by the larger: no large numbers cancel.
    """
    alphas, times = np.asarray(alpha, dtype="float64"), np.asarray(time, dtype="float64")
    less, more = np.minimum(alphas, times), np.maximum(alphas, times)
    start = np.asarray(beta, dtype="float64") + 0 * less
    return np.asarray(log_gamma_rise(start, less) - log_gamma_rise(start + more, less))


def log_gamma_rise(start: npt.ArrayLike, rise: npt.ArrayLike) -> Floats:
    """Return log Gamma(start + rise) - log Gamma(start), to rounding of the result."""
    start, rise = np.asarray(start, dtype="float64"), np.asarray(rise, dtype="float64")
    far = np.maximum(start, _STIRLING)
    smooth = (far - 0.5) * np.log1p(rise / far) + rise * (np.log(far + rise) - 1) + _correction(far + rise) - _correction(far)
    near = np.minimum(start, _STIRLING)
    exact = special.gammaln(near + rise) - special.gammaln(near)
    return np.asarray(np.where(start >= _STIRLING, smooth, exact))


def _correction(values: Floats) -> Floats:
    """Return what Stirling's formula leaves of log-gamma."""
    inverse = 1 / values**2
    return np.asarray((1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse / 1188)))) / values)


SBG = ContractModel("sbg", ("alpha", "beta"), sbg_leaving, sbg_log_survival)
BDW = ContractModel("bdw", ("alpha", "beta", "c"), bdw_leaving, bdw_log_survival)
