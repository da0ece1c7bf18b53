"""How large a difference two samples of answers can notice, and how many answers a wanted one takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from cs_analysis.errors import ParameterError
from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.intervals import Floats

Values = Mapping[float, float]


class Sampling(NamedTuple):
    """How answers come.

    Attributes
    ----------
    spread : float
        Standard deviation of one answer, in the unit of the score.
    design_effect : float
        How many times likeness within accounts multiplies the variance of a mean.
    overlap : float
        Share of the answers of a wave from those who answer in the other wave too.
    correlation : float
        Correlation of the two answers of one of them.
    """

    spread: float
    design_effect: float = 1.0
    overlap: float = 0.0
    correlation: float = 0.0

    def checked(self) -> Sampling:
        """Return this, or raise `ParameterError` where a value is out of range."""
        if not (np.isfinite(self.spread) and self.spread >= 0 and self.design_effect >= 1):
            raise ParameterError(f"spread must be at least 0 and design_effect at least 1, not {self.spread!r} and {self.design_effect!r}.")
        if not (0 <= self.overlap <= 1 and -1 <= self.correlation <= 1):
            raise ParameterError(f"overlap must lie between 0 and 1 and correlation between -1 and 1, not {self.overlap!r} and {self.correlation!r}.")
        return self


def spread_of(counts: Values) -> float:
    """Return the standard deviation of one answer from the counts of each value: {100: promoters, 0: passives, -100: detractors} for nps.

    Examples
    --------
    >>> round(spread_of({100: 50, 0: 30, -100: 20}), 2)
    78.1
    """
    value, count = (np.array(list(part), dtype="float64") for part in (counts.keys(), counts.values()))
    if not (len(count) and (count >= 0).all() and count.sum() > 0):
        raise ParameterError(f"counts must be numbers of at least 0, of which one is above, not {dict(counts)!r}.")
    mean = count @ value / count.sum()
    return float(np.sqrt(count @ (value - mean) ** 2 / count.sum()))


def detectable_difference(late: npt.ArrayLike, early: npt.ArrayLike, sampling: Sampling, *, power: float = 0.8, conf_level: float = 0.95) -> Floats:
    """Smallest true difference between two samples that their test finds with the given power.

    (z of the level + z of the power) x standard error of the difference; the variance of the difference is s^2 D (1/n1 + 1/n2 - 2 r m / (n1 n2)) with
    the spread s, the design effect D, m = overlap x the smaller n shared respondents and their correlation r. The spread is taken to stay as it is.

    Parameters
    ----------
    late, early : array-like
        Answers in the two samples.
    sampling : Sampling
        How answers come.
    power : float
        Chance of finding the difference, above half the chance of a false alarm.
    conf_level : float
        1 - the chance of a false alarm, two-sided.

    Returns
    -------
    array
        In the unit of the spread; infinite for an empty sample.

    Raises
    ------
    ParameterError
        A share is out of range, or a size below 0.

    References
    ----------
    Fleiss, Levin and Paik (2003), Statistical Methods for Rates and Proportions, 3rd ed., chapter 4. Kish (1965), Survey Sampling, sections 8.2
    and 12.4.

    Examples
    --------
    >>> float(detectable_difference(100, 100, Sampling(spread=78.1)).round(1))
    30.9
    """
    first, second = (np.asarray(size, dtype="float64") for size in (late, early))
    if (first < 0).any() or (second < 0).any():
        raise ParameterError("answers must be numbers of at least 0.")
    how = sampling.checked()
    with np.errstate(divide="ignore", invalid="ignore"):
        shared = 2 * how.overlap * how.correlation / np.maximum(first, second)
        variance = np.where((first > 0) & (second > 0), 1 / first + 1 / second - shared, np.inf)
    return np.asarray(_quantiles(power, conf_level) * how.spread * np.sqrt(how.design_effect * np.maximum(variance, 0.0)))


def needed_size(difference: npt.ArrayLike, sampling: Sampling, *, power: float = 0.8, conf_level: float = 0.95) -> Floats:
    """Answers needed in each of two equal samples for a true difference to be found with the given power, rounded up.

    Parameters
    ----------
    difference : array-like
        True difference, in the unit of the spread.
    sampling, power, conf_level
        As for `detectable_difference`, whose inverse this is.

    Returns
    -------
    array
        At least 1; infinite for no difference.

    Raises
    ------
    ParameterError
        As for `detectable_difference`.

    References
    ----------
    As for `detectable_difference`.

    Examples
    --------
    >>> float(needed_size(30, Sampling(spread=78.1)))
    107.0
    """
    how = sampling.checked()
    factor = 2 * how.design_effect * (1 - how.overlap * how.correlation) * (how.spread * _quantiles(power, conf_level)) ** 2
    with np.errstate(divide="ignore"):
        exact = factor / np.asarray(difference, dtype="float64") ** 2
    return np.asarray(np.maximum(np.ceil(exact - 1e-9), 1.0))


def _quantiles(power: float, conf_level: float) -> float:
    if not (1 - check_conf_level(conf_level)) / 2 < power < 1:
        raise ParameterError(f"power must lie between {(1 - conf_level) / 2:g} and 1, such as 0.8, not {power!r}.")
    return float(special.ndtri((1 + conf_level) / 2) + special.ndtri(power))
