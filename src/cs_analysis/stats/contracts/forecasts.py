"""Tables of what a fitted model of contracts expects: shares still there, renewal rates, numbers to come, and lifetimes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from cs_analysis.stats.contracts.lifetimes import periods_ahead, tail_index
from cs_analysis.stats.contracts.renewals import Floats, log_gamma_rise
from cs_analysis.stats.contracts.search import Fitted
from cs_analysis.stats.estimates import estimates, stack
from cs_analysis.stats.positive_terms import delta_error, normal_quantile

_EXACT = 100_000  # customers up to which the distribution of a number to come is written out


def forecast(fitted: Fitted, periods: Floats, *, conf_level: float) -> pd.DataFrame:
    """Return shares and rates of each kind of customer, then the number of each cohort that will still be there."""
    later = periods[periods > 0]
    tables = [
        _share_table(fitted, periods, metric="contract_survival", log_odds=_survival_log_odds, conf_level=conf_level),
        _share_table(fitted, later, metric="contract_renewal_rate", log_odds=_renewal_log_odds, conf_level=conf_level),
        number_table(fitted, periods, conf_level=conf_level),
    ]
    return stack(tables)


def _share_table(fitted: Fitted, periods: Floats, *, metric: str, log_odds: Callable[[Fitted, Floats, Floats], Floats], conf_level: float) -> pd.DataFrame:
    def quantity(point: Floats) -> Floats:
        return log_odds(fitted, fitted.logs(point), periods)

    value = quantity(fitted.point)
    certain = np.isinf(value)
    error = np.where(certain, 0.0, delta_error(lambda point: np.where(certain, 0.0, quantity(point)), fitted.point, fitted.covariance))
    reach = normal_quantile(conf_level) * error
    shares = [special.expit(each).ravel() for each in (value, value - reach, value + reach)]
    keys = _keys(fitted.design.segments, len(periods)).assign(period=np.tile(periods.astype("int64"), len(value)))
    return _table(keys, shares, metric=metric, unit="share", n=fitted.data.customers)


def _survival_log_odds(fitted: Fitted, logs: Floats, periods: Floats) -> Floats:
    """Return the log odds to be still there after each number of renewals: segments x periods."""
    log_share = fitted.model.log_survival(logs[:, None, :], periods[None, :])
    with np.errstate(divide="ignore"):
        return np.asarray(log_share - np.log(-np.expm1(log_share)))


def _renewal_log_odds(fitted: Fitted, logs: Floats, periods: Floats) -> Floats:
    return -fitted.model.leaving(logs[:, None, :], np.broadcast_to(periods, (len(logs), len(periods)))).log_odds


def number_table(fitted: Fitted, periods: Floats, *, conf_level: float) -> pd.DataFrame:
    """Return how many of those last seen will still be there: limits hold the chance of each as well as the uncertainty of the model.

    The number is beta-binomial: binomial around a share whose log odds are normal, matched in mean and variance.
    """
    cohorts = fitted.data.cohorts
    row, column = np.nonzero((periods[None, :] > cohorts["_last"].to_numpy()[:, None]) & (cohorts["_left"].to_numpy()[:, None] > 0))
    last, left, wanted = cohorts["_last"].to_numpy("float64")[row], cohorts["_left"].to_numpy("float64")[row], periods[column]
    segment = fitted.design.segment_of[row]

    def log_odds(point: Floats) -> Floats:
        logs = fitted.logs(point)[segment]
        log_share = np.minimum(fitted.model.log_survival(logs, wanted) - fitted.model.log_survival(logs, last), -1e-300)
        return np.asarray(log_share - np.log(-np.expm1(log_share)))

    share = special.expit(log_odds(fitted.point))
    spread = share * (1 - share) * delta_error(log_odds, fitted.point, fitted.covariance)
    limits = np.array([_number_limits(*each, tail=(1 - conf_level) / 2) for each in zip(left, share, spread, strict=True)]).reshape(-1, 2)
    keys = cohorts[fitted.data.columns].iloc[row].reset_index(drop=True).assign(period=wanted.astype("int64"))
    values = (left * share, np.minimum(limits[:, 0], np.floor(left * share)), np.maximum(limits[:, 1], np.ceil(left * share)))
    return _table(keys, values, metric="retained_customers", unit="count", n=cohorts["_size"].to_numpy()[row])


def _number_limits(count: float, share: float, spread: float, *, tail: float) -> tuple[float, float]:
    """Return the quantiles of a beta-binomial number; of many customers, those of the beta distribution with the same variance."""
    certain = share * (1 - share)
    variance = min(spread**2, 0.99 * certain)
    if not certain > 0:
        return count * share, count * share
    if count > _EXACT:
        strength = certain / (variance + (certain - variance) / count) - 1
        low, high = special.betaincinv(share * strength, (1 - share) * strength, np.array([tail, 1 - tail]))
        return float(np.floor(count * low)), float(np.ceil(count * high))
    kept = np.arange(count + 1)
    strength = certain / max(variance, 1e-12 * certain) - 1
    a, b = share * strength, (1 - share) * strength
    ways = -np.log(count + 1) - special.betaln(count - kept + 1, kept + 1)
    chances = log_gamma_rise(a, kept) + log_gamma_rise(b, count - kept) - log_gamma_rise(a + b, np.array([count]))
    low, high = np.searchsorted(np.cumsum(np.exp(ways + chances)), [tail, 1 - tail])
    return float(low), float(min(high, count))


def lifetime_table(fitted: Fitted, keys: dict[str, Any], *, metric: str, bounds: tuple[float, float], conf_level: float, **options: Any) -> pd.DataFrame:
    """Return a sum of survival for each kind of customer; its limits are those of its log odds between the bounds that it cannot leave.

    Without bound above it is those of its logarithm above the lower bound; then the upper limit is infinite unless a tail index of 1 is excluded.
    """
    lower, upper = bounds

    def sums(point: Floats) -> Floats:
        return np.array([periods_ahead(fitted.model, logs, **options) for logs in fitted.logs(point)])

    def placed(point: Floats) -> Floats:
        return _to_line(sums(point), lower, upper)

    value = sums(fitted.point)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        reach = normal_quantile(conf_level) * delta_error(placed, fitted.point, fitted.covariance)
        place = placed(fitted.point)
        low, high = _from_line(place - reach, lower, upper), _from_line(place + reach, lower, upper)
    fixed = upper <= lower
    limits = (value, value) if fixed else _open_limits(fitted, low, high, conf_level=conf_level) if np.isinf(upper) else (low, high)
    return _table(_keys(fitted.design.segments, 1).assign(**keys), (value, *limits), metric=metric, unit="count", n=fitted.data.customers)


def _to_line(value: Floats, lower: float, upper: float) -> Floats:
    room = np.inf if np.isinf(upper) else upper - value
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(value - lower) - (0.0 if np.isinf(upper) else np.log(room)))


def _from_line(place: Floats, lower: float, upper: float) -> Floats:
    return np.asarray(lower + (np.exp(place) if np.isinf(upper) else (upper - lower) * special.expit(place)))


def _open_limits(fitted: Fitted, low: Floats, high: Floats, *, conf_level: float) -> tuple[Floats, Floats]:
    """Return limits of a sum that may be infinite: no upper one where a tail index of 1 is not excluded, no lower one where the estimate is infinite."""

    def log_index(point: Floats) -> Floats:
        return np.log([tail_index(fitted.model, logs) for logs in fitted.logs(point)])

    index, reach = log_index(fitted.point), normal_quantile(conf_level) * delta_error(log_index, fitted.point, fitted.covariance)
    return np.where(index > 0, low, np.nan), np.where(index - reach > 0, high, np.inf)


def _keys(segments: pd.DataFrame, times: int) -> pd.DataFrame:
    return segments.loc[segments.index.repeat(times)].reset_index(drop=True)


def _table(keys: pd.DataFrame, values: Any, *, metric: str, unit: str, n: Any) -> pd.DataFrame:
    estimate, low, high = values
    return estimates(keys, metric=metric, unit=unit, estimate=estimate, conf_low=low, conf_high=high, n=n)
