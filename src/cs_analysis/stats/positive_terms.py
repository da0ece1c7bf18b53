"""Positive parameters that were estimated as logarithms: their table, their covariance, and limits of what follows from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cs_analysis.stats.estimates import estimates
from cs_analysis.stats.newton import Optimum

Floats = npt.NDArray[np.float64]


def log_covariance(optimum: Optimum, *, customers: int) -> Floats:
    """Return the covariance of the logarithms: the inverse of the observed information of all customers.

    All missing where the maximum is no strict one: then some combination of the parameters is not identified.
    """
    if not np.isfinite(optimum.condition):
        return np.full_like(optimum.hessian, np.nan)
    inverse = np.linalg.inv(-optimum.hessian) / customers
    return np.asarray((inverse + inverse.T) / 2)


def positive_coefficients(terms: Sequence[str], point: Floats, covariance: Floats, *, metric: str, customers: int, conf_level: float) -> pd.DataFrame:
    """Return the parameters as estimates with the key `term`: Wald limits of the logarithm, carried over.

    `point` and `covariance` are of the logarithms; `metric` is the model's own, such as `bg_nbd_coefficient`; `n` = customers.
    """
    value, low, high = carried_over(point, np.sqrt(np.diag(covariance)), conf_level=conf_level)
    n = np.full(len(point), customers)
    return estimates({"term": list(terms)}, metric=metric, unit="ratio", estimate=value, conf_low=low, conf_high=high, n=n)


def carried_over(logarithm: Floats, error: Floats, *, conf_level: float) -> tuple[Floats, Floats, Floats]:
    """Return a positive quantity and the limits of its logarithm carried over; infinite above what a number can hold."""
    reach = normal_quantile(conf_level) * error
    with np.errstate(over="ignore"):
        return np.exp(logarithm), np.exp(logarithm - reach), np.exp(logarithm + reach)


def natural_covariance(terms: Sequence[str], point: Floats, covariance: Floats) -> pd.DataFrame:
    """Return the covariance of the parameters themselves, by the delta method, as a table with the terms on both sides."""
    values = np.exp(point)
    return pd.DataFrame(covariance * np.outer(values, values), index=list(terms), columns=list(terms))


def delta_error(quantity: Callable[[Floats], Floats], point: Floats, covariance: Floats) -> Floats:
    """Return the standard error of each element of a quantity that depends on the logarithms, by central differences of 1e-5.

    The differences cost two evaluations a parameter and are right to about eight digits of the quantity.
    """
    width = 1e-5
    sides = [(quantity(point + width * unit) - quantity(point - width * unit)) / (2 * width) for unit in np.eye(len(point))]
    slopes = np.stack(sides, axis=-1)
    return np.asarray(np.sqrt(np.maximum(np.einsum("...i,ij,...j->...", slopes, covariance, slopes), 0.0)))


def normal_quantile(conf_level: float) -> float:
    """Return the two-sided quantile of the normal distribution."""
    return float(special.ndtri(0.5 + conf_level / 2))
