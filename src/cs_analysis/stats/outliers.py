"""Days out of the ordinary in daily counts: each against a robust outlook from the weeks before it, with a stated rate of false alarms."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import special

from cs_analysis.errors import ParameterError
from cs_analysis.stats.intervals import Floats, Numbers, as_floats

_WEEK = 7
_ROUNDS = 8
_REJECTED_BEYOND = 4.0  # robust standard deviations; of normal residuals 1 in 16,000 is further out
_NORMAL_MAD = 0.6744897501960817
_LEAST_NOISE = 0.5  # half the noise of independent users: constant counts are no proof of no noise at all
_MOST_LEVERAGE = 1.0  # beyond it fewer than one day of the same weekday is left to go by


class Outlook(NamedTuple):
    """What each day was expected to be from the days before it; missing where these are too few.

    `conf_low` and `conf_high` enclose ordinary days; `days` is the number of days the outlook rests on.
    """

    estimate: Floats
    conf_low: Floats
    conf_high: Floats
    days: Floats


def weekday_outlook(counts: Numbers, *, history: int = 56, false_alarms: float = 0.01, usable: Numbers | None = None) -> Outlook:
    """Expected count of each day from the whole weeks before it, with the band in which an ordinary day lies.

    Counts x are put on the scale 2 asinh(sqrt(k (x + 3/8))) / sqrt(k), on which noise with variance m + k m^2 is even; k is found from the robust
    spread of the busier against the quieter half of the history. On that scale a line and one level a weekday are fitted by least squares, then
    with Huber and bisquare weights; days beyond 4 robust standard deviations are set aside and the rest fitted once more. The band is
    prediction -/+ t s sqrt(1 + leverage), t at half of `false_alarms`, put back on the scale of counts. t has half as many degrees of freedom as days
    less 8: what robust fitting and finding k cost, measured on simulated counts.

    Parameters
    ----------
    counts : array-like
        One count a day, without gaps.
    history : int
        Days behind each outlook: whole weeks, at least 5.
    false_alarms : float
        Chance that an ordinary day lies outside the band, on either side.
    usable : array-like of bool, optional
        False for days that are no history, such as holidays.

    Returns
    -------
    Outlook
        Arrays with one entry a day; missing in the first `history` days and where the days set aside leave no outlook.

    Raises
    ------
    ParameterError
        A count is negative or missing, `history` is not whole weeks, or `false_alarms` lies outside 0 to 0.5.

    References
    ----------
    Anscombe (1948), Biometrika 35, 246-254, for the scale. Huber (1964), Annals of Mathematical Statistics 35, 73-101. Rousseeuw and Leroy
    (1987), Robust Regression and Outlier Detection, section 1.1 for the last step. Farrington et al. (1996), Journal of the Royal Statistical
    Society A 159, 547-563, for the purpose.

    Examples
    --------
    >>> week = [50, 52, 49, 51, 47, 9, 8]
    >>> outlook = weekday_outlook(week * 8 + [50], history=56)
    >>> f"{outlook.estimate[56]:.0f} ({outlook.conf_low[56]:.0f} to {outlook.conf_high[56]:.0f})"
    '50 (40 to 61)'
    """
    x = _checked(counts, history=history, false_alarms=false_alarms)
    open_days = np.ones(len(x), dtype=bool) if usable is None else np.asarray(usable, dtype=bool)
    found = [np.full(len(x), np.nan) for _ in Outlook._fields]
    if len(x) > history:
        windows = sliding_window_view(x, history)[:-1]
        weights = sliding_window_view(open_days.astype("float64"), history)[:-1]
        for values, into in zip(_outlook(windows, weights, false_alarms), found, strict=True):
            into[history:] = values
    return Outlook(*found)


def _checked(counts: Numbers, *, history: int, false_alarms: float) -> Floats:
    x = np.atleast_1d(as_floats("counts", counts))
    bad = ~(np.isfinite(x) & (x >= 0))
    if bad.any():
        raise ParameterError(f"counts must be finite numbers of at least 0; day {int(np.argmax(bad))} has {x[bad][0]:g}. Fill days without anybody with 0.")
    if history % _WEEK or history < 5 * _WEEK:
        raise ParameterError(f"history must be whole weeks, at least 5, so that every weekday is known; it is {history!r} days.")
    if not 0 < false_alarms <= 0.5:
        raise ParameterError(f"false_alarms is the chance of an alarm on an ordinary day, such as 0.01, not {false_alarms!r}.")
    return x


def _outlook(windows: Floats, usable: Floats, false_alarms: float) -> tuple[Floats, ...]:
    """Return expectation, band and days for windows of counts, one a row; the last entry of a row is the day before the one looked for."""
    design, target = _design(windows.shape[1])
    k = _noise_growth(windows, usable, design)
    scaled = _scaled(windows, k[:, None])
    kept = _ordinary(scaled, usable, design)
    fit, inverse = _least_squares(scaled, kept, design)
    freedom = kept.sum(axis=1) - design.shape[1]
    residual = scaled - fit @ design.T
    spread = np.sqrt((kept * residual**2).sum(axis=1) / np.where(freedom > 0, freedom, np.nan))
    leverage = np.einsum("a,nab,b->n", target, inverse, target)
    reach = special.stdtrit(np.maximum(freedom / 2, 1), 1 - false_alarms / 2) * np.maximum(spread, _LEAST_NOISE) * np.sqrt(1 + leverage)
    centre = np.where((leverage < _MOST_LEVERAGE) & (freedom > 0), fit @ target, np.nan)
    return (*(_unscaled(value, k) for value in (centre, centre - reach, centre + reach)), kept.sum(axis=1))


def _design(history: int) -> tuple[Floats, Floats]:
    """Return the columns of the regression, weekdays counted back from the day looked for and the time up to it in units of the history, and its own row."""
    day = np.arange(history)
    design = np.column_stack([np.eye(_WEEK)[day % _WEEK], (day - history) / history])
    return design, np.eye(_WEEK + 1)[0]


def _least_squares(y: Floats, weights: Floats, design: Floats) -> tuple[Floats, Floats]:
    """Return weighted least-squares coefficients of each row, and the inverse of its normal matrix."""
    columns = design.shape[1]
    products = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    normal = (weights @ products).reshape(-1, columns, columns) + 1e-9 * np.eye(columns)
    inverse = np.linalg.inv(normal)
    return np.asarray(np.einsum("nab,nb->na", inverse, (weights * y) @ design)), np.asarray(inverse)


def _ordinary(y: Floats, usable: Floats, design: Floats) -> Floats:
    """Return weights of 1 for the days that a robust fit finds ordinary, else 0."""
    residual = _robust_residual(y, usable, design)
    return usable * (np.abs(residual) <= _REJECTED_BEYOND * np.maximum(_spread(residual, usable, design), _LEAST_NOISE)[:, None])


def _robust_residual(y: Floats, usable: Floats, design: Floats) -> Floats:
    """Return the residuals of a fit with Huber's weights, then bisquare ones, that begins at the medians of the weekdays."""
    by_weekday = [_median(y[:, day::_WEEK], usable[:, day::_WEEK]) for day in range(_WEEK)]
    residual = y - np.tile(np.column_stack(by_weekday), (1, y.shape[1] // _WEEK))
    for step in range(_ROUNDS):
        z = np.abs(residual) / np.maximum(_spread(residual, usable, design), 1e-9)[:, None]
        soft = np.minimum(1.345 / np.maximum(z, 1e-9), 1.0)
        weights = soft if step < _ROUNDS // 2 else np.where(z < 4.685, (1 - (z / 4.685) ** 2) ** 2, 0.0)
        fit, _ = _least_squares(y, usable * weights, design)
        residual = y - fit @ design.T
    return residual


def _spread(residual: Floats, usable: Floats, design: Floats) -> Floats:
    """Return the robust standard deviation of each row's residuals, allowing for the coefficients that were fitted to them."""
    days = usable.sum(axis=1)
    return np.asarray(_median(np.abs(residual), usable) / _NORMAL_MAD * np.sqrt(days / np.maximum(days - design.shape[1], 1)))


def _median(values: Floats, usable: Floats) -> Floats:
    """Return the median of the usable values of each row; 0 without any."""
    ordered = np.sort(np.where(usable > 0, values, np.inf), axis=1)
    count = usable.sum(axis=1).astype("int64")
    row = np.arange(len(values))
    middle = (ordered[row, np.maximum(count - 1, 0) // 2] + ordered[row, np.minimum(count // 2, ordered.shape[1] - 1)]) / 2
    return np.where(count > 0, middle, 0.0)


def _noise_growth(windows: Floats, usable: Floats, design: Floats) -> Floats:
    """Return k of a variance m + k m^2, up to a factor, for each row: how much noisier the busier half of the days is than the quieter half.

    One history says little about it, so each row takes the mean of the logarithm of this figure over the rows up to itself.
    """
    y = _scaled(windows, np.zeros((len(windows), 1)))
    residual = _robust_residual(y, usable, design)
    level = np.maximum(_unscaled(y - residual, np.zeros((len(windows), 1))), 0.1)
    busy = level > level.mean(axis=1, keepdims=True)
    halves = [usable * half for half in (busy, ~busy)]
    noise = [np.maximum(_median(np.abs(residual), half) / _NORMAL_MAD, _LEAST_NOISE) ** 2 for half in halves]
    mean = [(level * half).sum(axis=1) / np.maximum(half.sum(axis=1), 1) for half in halves]
    ratio = np.exp(np.cumsum(np.log(noise[0] / noise[1])) / np.arange(1, len(y) + 1))
    ratio = np.clip(ratio, 1.0, np.maximum(0.9 * mean[0] / np.maximum(mean[1], 0.1), 1.0))
    return np.asarray((ratio - 1) / np.maximum(mean[0] - ratio * mean[1], 1e-9))


def _scaled(counts: Floats, k: Floats) -> Floats:
    """Return counts on the scale of even noise; k = 0 is the square root."""
    root, grow = np.sqrt(np.maximum(counts, 0) + 0.375), np.sqrt(np.maximum(k, 1e-12))
    return np.asarray(2 * np.arcsinh(grow * root) / grow)


def _unscaled(values: Floats, k: Floats) -> Floats:
    """Return what was scaled as counts of at least 0."""
    grow = np.sqrt(np.maximum(k, 1e-12))
    root = np.sinh(grow * np.maximum(values, 0) / 2) / grow
    return np.asarray(np.maximum(root**2 - 0.375, 0.0))
