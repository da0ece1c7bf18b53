"""Simultaneous confidence bands: limits that hold for a whole stretch of a survival curve at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd
from numpy.polynomial import legendre
from scipy import optimize, special

from cs_analysis.errors import ParameterError
from cs_analysis.stats.durations import GRID_PER_DAY
from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.risk import LONGEST_DAYS, By, Flags, Floats, RiskTable, read_rows, risk_table, steps
from cs_analysis.stats.survival import check_key, curve_table, log_log_around, product_limit

Method = Literal["equal_precision", "hall_wellner"]


def survival_band(
    durations: pd.DataFrame, by: By = None, *, method: Method = "hall_wellner", between: tuple[float, float] | None = None, conf_level: float = 0.95
) -> pd.DataFrame:
    """Share of units that have not ended, as `survival_curve` gives it, with limits that hold for the whole stretch of times at once.

    The limits of `survival_curve` contain the true share at one time, chosen beforehand, with probability `conf_level`; these contain the
    whole true curve between the first and the last time of the stretch. With V the variance of log S and n the units of the group they are
    S^exp(+-w / log S), symmetric for log(-log S), where

    * `equal_precision`: w = c sqrt(V), wider than the limits of a single time by the same factor everywhere. c is the quantile of the
      supremum of |B(a)| / sqrt(a (1 - a)).
    * `hall_wellner`: w = c (1 + n V) / sqrt(n), narrower in the middle and wider at the ends. c is the quantile of the supremum of |B(a)|.

    B is a Brownian bridge, and the supremum runs over a = n V / (1 + n V) from the start to the end of the stretch. c is computed, for any
    level and stretch, not read from a table.

    Parameters
    ----------
    durations : DataFrame
        As for `survival_curve`.
    by : str or list of str, optional
        Columns that make groups, each with its own band: the level holds for each curve, not for all of them together.
    method : {"hall_wellner", "equal_precision"}
        The shape of the band; `hall_wellner` is the default because it keeps its level on the default stretch.
    between : tuple of float, optional
        First and last day of the stretch. By default it goes from the first to the last end after which the curve is strictly between 0
        and 1; given days are cut to that, and a step in force on the first day counts as its beginning. Choose them before looking at
        the curve. The very first ends are too few for the normal limits that `equal_precision` needs there: on the default stretch its
        95 % bands contain 90 % of simulated curves, those of `hall_wellner` 95 % (91 % with 50 units of which half enter late);
        between a fifth of the median and twice the median both contain 95 %.
    conf_level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Estimates as from `survival_curve`, row by row: keys of `by` and `time_days`, metric `survival`, unit `share`, `n` = units at risk
        just before. The limits are missing outside the stretch and where the curve is 0.

    Raises
    ------
    MissingColumnsError, NotEnoughDataError
        As for `survival_curve`.
    ParameterError
        As for `survival_curve`; the method is unknown, or `between` is no rising pair of days.

    Warns
    -----
    UserWarning
        As for `survival_curve`.

    References
    ----------
    Hall and Wellner (1980), Biometrika 67, 133-143. Nair (1984), Technometrics 26, 265-275. Borgan and Liestol (1990), Scandinavian Journal
    of Statistics 17, 35-41 (the transformation). Klein and Moeschberger (2003), Survival Analysis, section 4.4.

    Examples
    --------
    >>> table = pd.DataFrame({"duration_days": [2, 3, 3, 5, 6, 8], "observed": [True, True, False, True, False, False]})
    >>> survival_band(table, between=(3, 5), method="equal_precision")[["time_days", "estimate", "conf_low", "conf_high"]].round(3)
       time_days  estimate  conf_low  conf_high
    0        2.0     0.833       NaN        NaN
    1        3.0     0.667     0.070      0.940
    2        5.0     0.444     0.016      0.853
    """
    check_key(by)
    low, high = _days(between)
    _check(method, conf_level)
    risk = risk_table(read_rows(durations, by))
    survival, variance = product_limit(risk)
    inside = (survival > 0) & (survival < 1) & (risk.time_days >= low) & (risk.time_days <= high)
    critical = _critical_values(risk, variance, inside, low=low, method=method, conf_level=conf_level)[risk.group]
    units = risk.units[risk.group]
    shape = np.sqrt(variance) if method == "equal_precision" else (1 + units * variance) / np.sqrt(units)
    return curve_table(risk, survival, limits=log_log_around(survival, np.where(inside, critical * shape, np.nan)))


def critical_value(low: float, high: float, *, method: Method = "hall_wellner", conf_level: float = 0.95) -> float:
    """Quantile of the supremum of the standardised Brownian bridge over a stretch of its time.

    Parameters
    ----------
    low, high : float
        Start and end of the stretch as a / (1 - a), which is n V of the curve: above 0 and finite.
    method : {"equal_precision", "hall_wellner"}
        What the bridge is divided by: sqrt(a (1 - a)), or nothing.
    conf_level : float
        Probability that the supremum stays below.

    Returns
    -------
    float
        The critical value c, to five digits.

    Raises
    ------
    ParameterError
        The method is unknown, or the level is not between 0 and 1 or within 1e-8 of 1.

    References
    ----------
    Hall and Wellner (1980), Biometrika 67, 133-143. Keilson and Ross (1975), Selected Tables in Mathematical Statistics 3, 233-327 (passage
    times of the Ornstein-Uhlenbeck process). Shen (1994), SIAM Journal on Scientific Computing 15, 1489-1505 (the polynomials used).

    Examples
    --------
    >>> round(critical_value(1 / 9, 9), 4), round(critical_value(1 / 9, 9, method="equal_precision"), 4)
    (1.3581, 3.052)
    """
    _check(method, conf_level)
    z = special.ndtri((1 + conf_level) / 2)
    if method == "equal_precision":
        return _equal_precision(np.log(high / low) / 2, z=z, conf_level=conf_level)
    return _hall_wellner(low, high, z=z, conf_level=conf_level)


def _check(method: str, conf_level: float) -> None:
    if method not in ("equal_precision", "hall_wellner"):
        raise ParameterError(f"method must be 'equal_precision' or 'hall_wellner', not {method!r}.")
    if check_conf_level(conf_level) > 1 - 1e-8:
        raise ParameterError(f"conf_level of a band must not exceed 1 - 1e-8, beyond which rounding decides, and is {conf_level!r}. Use a lower one.")


def _days(between: tuple[float, float] | None) -> Floats:
    """Return first and last day of the stretch, on the grid of all times."""
    if between is None:
        return np.array([0.0, LONGEST_DAYS])
    days = np.asarray(between, dtype="float64")
    if days.shape != (2,) or not 0 <= days[0] < days[1] <= LONGEST_DAYS:
        raise ParameterError(f"between must hold two numbers of days, the lower first, from 0 to {LONGEST_DAYS}, not {between!r}.")
    return np.asarray(steps(days) / GRID_PER_DAY)


def _critical_values(risk: RiskTable, variance: Floats, inside: Flags, *, low: float, method: Method, conf_level: float) -> Floats:
    """Return each group's critical value, missing for a group without an end in the stretch."""
    entries = np.flatnonzero(inside)
    group, place, size = np.unique(risk.group[entries], return_index=True, return_counts=True)
    first = entries[place]
    last = first + size - 1
    # the step in force when the stretch begins belongs to it, although its end came earlier
    before = (first > 0) & (risk.group[first - 1] == group) & (risk.time_days[first] > low)
    odds = [risk.units[group] * variance[at] for at in (first - before, last)]
    found = np.full(len(risk.keys), np.nan)
    found[group] = [critical_value(*ends, method=method, conf_level=conf_level) for ends in zip(*odds, strict=True)]
    return found


def _hall_wellner(low: float, high: float, *, z: float, conf_level: float) -> float:
    """Return the quantile of sup |B| by root finding."""
    widest = np.clip(1.0, low, high)
    at_once = z * np.sqrt(widest) / (1 + widest)
    if low == high:
        return float(at_once)
    bracket = (0.999 * at_once, 1.001 * special.kolmogi(1 - conf_level))  # a single time, and the whole bridge
    return float(optimize.brentq(lambda c: _bridge_stays(c, low, high) - conf_level, *bracket, xtol=1e-9))


def _bridge_stays(c: float, low: float, high: float) -> float:
    """Return the probability that a Brownian bridge stays within -c and c from a to b.

    Between its values at a and b it is a Brownian bridge itself, so the density of paths that stay is the heat kernel between two absorbing
    walls, a series of cosines, times a normal density on either side. The integrals of cosine and density over -c to c are error functions.
    """
    start, rest = low / (1 + low), 1 / (1 + high)
    length = max((high - low) * rest / (1 + low), 1e-8 * start)
    k = np.arange(np.ceil(c / np.pi * np.sqrt(80 / length)) + 1)  # what comes after is below exp(-40)
    frequency = (k + 0.5) * np.pi / c
    tail = np.where(k % 2, -1.0, 1.0)

    def integral(variance: float) -> Floats:
        cut = special.wofz((frequency * variance + 1j * c) / np.sqrt(2 * variance)).imag
        return np.asarray(np.exp(-(frequency**2) * variance / 2) + tail * np.exp(-(c**2) / (2 * variance)) * cut)

    return float(np.sqrt(2 * np.pi) / c * np.sum(np.exp(-(frequency**2) * length / 2) * integral(start) * integral(rest)))


def _equal_precision(length: float, *, z: float, conf_level: float) -> float:
    """Return the quantile of sup |B| / sqrt(a (1 - a)) by root finding, for half the log of the ratio of the odds."""
    if length == 0:
        return z
    modes = _Modes.of(120 if length < 0.02 and z < 4 else 24)  # a short time needs a fine boundary layer; at high levels rounding counts
    return float(optimize.brentq(lambda c: _stationary_stays(c, length, modes) - conf_level, z, z + 6, xtol=1e-9))


def _stationary_stays(c: float, length: float, modes: _Modes) -> float:
    """Return the probability that a stationary Ornstein-Uhlenbeck process stays within -c and c for a length of time.

    The bridge over its standard deviation is that process, with correlation exp(-t), when time runs as half the log odds. The paths that
    stay die out as a sum of exponentials in t: the eigenvalues of -f'' + (x^2 / 4 - 1 / 2) f on -c to c with f = 0 at both ends.
    """
    values, vectors = np.linalg.eigh(modes.slope / c**2 + modes.square * c**2 / 4)
    shares = modes.project(np.exp(-((c * modes.x) ** 2) / 4)) @ vectors
    return float(c / np.sqrt(2 * np.pi) * np.sum(np.exp((0.5 - values) * length) * shares**2))


@dataclass(frozen=True)
class _Modes:
    """Even polynomials on -1 to 1 that are 0 at both ends, orthonormal, at Gauss-Legendre points."""

    x: Floats
    weighted: Floats
    slope: Floats
    square: Floats

    @classmethod
    @lru_cache
    def of(cls, number: int) -> _Modes:
        """Make them from differences of Legendre polynomials, whose derivatives are orthonormal already."""
        x, weight = legendre.leggauss(2 * number + 20)
        degree = 2 * np.arange(number)
        powers = legendre.legvander(x, 2 * number)
        raw = (powers[:, degree] - powers[:, degree + 2]) / np.sqrt(4 * degree + 6)
        inverse = np.linalg.inv(np.linalg.cholesky(raw.T @ (weight[:, None] * raw)))
        even = raw @ inverse.T
        return cls(x, weight[:, None] * even, inverse @ inverse.T, even.T @ ((weight * x**2)[:, None] * even))

    def project(self, values: Floats) -> Floats:
        """Return the coefficients of a function given at the points."""
        return np.asarray(values @ self.weighted)
