"""Intervals from counts: shares, rates, net shares, their differences, and the same for units that come in clusters."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from cs_analysis.errors import ParameterError
from cs_analysis.stats.estimates import check_conf_level

Floats = npt.NDArray[np.float64]
Numbers = npt.ArrayLike
Pair = tuple[Numbers, Numbers]
Triple = tuple[Numbers, Numbers, Numbers]

_BISECTIONS = 60  # halves an interval of length 2 until its ends are neighbouring floats


class Interval(NamedTuple):
    """An estimate and its limits, named as in an estimates table: floats for scalar input, arrays otherwise."""

    estimate: Any
    conf_low: Any
    conf_high: Any


def wilson(successes: Numbers, n: Numbers, *, conf_level: float = 0.95) -> Interval:
    """Share of successes with Wilson's score limits.

    The limits are the shares p with |successes/n - p| = z sqrt(p (1 - p) / n). They stay within 0 and 1 and hold for units that are
    independent of each other; for units that come in clusters use `clustered_share`.

    Parameters
    ----------
    successes, n : array-like
        Counts; they broadcast. `n` may be a fractional effective number.
    conf_level : float
        Confidence level.

    Returns
    -------
    Interval
        `estimate, conf_low, conf_high`; missing where `n` is 0.

    Raises
    ------
    ParameterError
        A count is negative or missing, or there are more successes than units.

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22, 209-212.

    Examples
    --------
    >>> share = wilson(8, 10)
    >>> f"{share.estimate:.2f} ({share.conf_low:.4f} to {share.conf_high:.4f})"
    '0.80 (0.4902 to 0.9433)'
    """
    hits, units = _counts(successes=successes, n=n)
    _refuse_where(hits > units, "successes may not exceed n", hits)
    return wilson_limits(_share(hits, units), n=units, conf_level=conf_level)


def newcombe_difference(first: Pair, second: Pair, *, conf_level: float = 0.95) -> Interval:
    """Share of the first group minus share of the second, with Newcombe's hybrid score limits.

    Parameters
    ----------
    first, second : tuple
        `(successes, n)` of two independent groups, each as in `wilson`.
    conf_level : float
        Confidence level.

    Returns
    -------
    Interval
        Difference within -1 and 1; missing where a group is empty.

    Raises
    ------
    ParameterError
        As for `wilson`.

    References
    ----------
    Newcombe (1998), Statistics in Medicine 17, 873-890, method 10.

    Examples
    --------
    >>> gap = newcombe_difference((56, 70), (48, 80))
    >>> f"{gap.estimate:.4f} ({gap.conf_low:.4f} to {gap.conf_high:.4f})"
    '0.2000 (0.0524 to 0.3339)'
    """
    return difference(wilson(*first, conf_level=conf_level), wilson(*second, conf_level=conf_level))


def difference(first: Interval, second: Interval) -> Interval:
    """Difference of two independent estimates, with limits recovered from the limits of each.

    The lower limit is d - sqrt((a - low_a)^2 + (high_b - b)^2), the upper one its mirror image. With Wilson limits this is Newcombe's
    interval; it serves equally for clustered shares.

    Parameters
    ----------
    first, second : Interval
        Two estimates from independent units, with limits of the same confidence level.

    Returns
    -------
    Interval
        First minus second; missing where either is.

    References
    ----------
    Zou and Donner (2008), Statistics in Medicine 27, 1693-1702.

    Examples
    --------
    >>> gap = difference(wilson(56, 70), wilson(48, 80))
    >>> round(float(gap.conf_low), 4)
    0.0524
    """
    gap = first.estimate - second.estimate
    below = np.hypot(first.estimate - first.conf_low, second.conf_high - second.estimate)
    above = np.hypot(first.conf_high - first.estimate, second.estimate - second.conf_low)
    return Interval(gap, gap - below, gap + above)


def p_value_of_difference(gap: Interval, *, conf_level: Numbers = 0.95) -> Floats:
    """P value of a difference, two-sided, from its limits: that of a normal law with the half width on the side of 0.

    Parameters
    ----------
    gap : Interval
        A difference with its limits, as `difference` returns it.
    conf_level : float or array-like
        Level of the limits.

    Returns
    -------
    array or float
        Missing where the limits are, or where there is no width.

    Examples
    --------
    >>> round(float(p_value_of_difference(Interval(2.0, 0.0, 4.0))), 6)
    0.05
    """
    half = np.where(gap.estimate >= 0, gap.estimate - gap.conf_low, gap.conf_high - gap.estimate)
    distance = np.abs(gap.estimate) / np.where(half > 0, half, np.nan)
    return np.asarray(2 * special.ndtr(-distance * special.ndtri((1 + np.asarray(conf_level, "float64")) / 2)))


def exact_poisson(occurrences: Numbers, exposure: Numbers = 1.0, *, conf_level: float = 0.95) -> Interval:
    """Rate of occurrences per unit of exposure, with exact limits for independent occurrences.

    The limits are the rates under which so many, or so few, occurrences have probability (1 - conf_level) / 2.

    Parameters
    ----------
    occurrences, exposure : array-like
        Number of occurrences and the time, or number of units, they were counted over; they broadcast.
    conf_level : float
        Confidence level.

    Returns
    -------
    Interval
        The rate; missing where the exposure is 0.

    Raises
    ------
    ParameterError
        A number is negative or missing.

    References
    ----------
    Garwood (1936), Biometrika 28, 437-442.

    Examples
    --------
    >>> rate = exact_poisson(3, 10)
    >>> f"{rate.estimate:.2f} ({rate.conf_low:.4f} to {rate.conf_high:.4f})"
    '0.30 (0.0619 to 0.8767)'
    """
    tail = (1 - check_conf_level(conf_level)) / 2
    count, exposed = _counts(occurrences=occurrences, exposure=exposure)
    exposed = np.where(exposed > 0, exposed, np.nan)
    low = np.where(count > 0, special.gammaincinv(np.maximum(count, 1e-9), tail), 0.0)
    high = special.gammainccinv(count + 1, tail)
    return _interval(count / exposed, low / exposed, high / exposed)


def net_share(counts: Triple, *, conf_level: float = 0.95, method: Literal["score", "adjusted_wald", "wald"] = "score") -> Interval:
    """Share of pluses minus share of minuses among answers that are minus, zero or plus, with limits.

    Score limits are the values t with |estimate - t| = z sqrt(v(t) / n), where v(t) is the variance under the most likely shares whose
    difference is t. Adjusted Wald adds 3/4, 3/2 and 3/4 answers to the counts first; plain Wald adds nothing and is kept for comparison.

    Parameters
    ----------
    counts : tuple
        `(minus, zero, plus)`: numbers of answers, arrays that broadcast.
    conf_level : float
        Confidence level.
    method : {"score", "adjusted_wald", "wald"}
        How the limits are made.

    Returns
    -------
    Interval
        Net share within -1 and 1; missing where there is no answer.

    Raises
    ------
    ParameterError
        A count is negative or missing, or the method is unknown.

    References
    ----------
    Tango (1998), Statistics in Medicine 17, 891-908. Rocks (2016), The American Statistician 70, 365-372.

    Examples
    --------
    >>> score = net_share((20, 30, 50))
    >>> f"{score.estimate:.2f} ({score.conf_low:.6f} to {score.conf_high:.6f})"
    '0.30 (0.139551 to 0.443393)'
    """
    z = _z(conf_level)
    minus, zero, plus = _counts(minus=counts[0], zero=counts[1], plus=counts[2])
    n = minus + zero + plus
    low_share, high_share = _share(minus, n), _share(plus, n)
    if method == "score":
        return net_share_limits(low_share, high_share, n=n, conf_level=conf_level)
    estimate = high_share - low_share
    if method == "adjusted_wald":
        return _around(estimate, *_adjusted(minus, zero, plus), z=z)
    if method == "wald":
        return _around(estimate, estimate, _net_variance(low_share, high_share, n), z=z)
    raise ParameterError(f"method must be 'score', 'adjusted_wald' or 'wald', not {method!r}.")


def net_share_difference(first: Triple, second: Triple, *, conf_level: float = 0.95) -> Interval:
    """Net share of the first group minus that of the second, with adjusted Wald limits.

    3/4, 3/2 and 3/4 answers are added to the counts of each group for the limits; the estimate is the plain difference.

    Parameters
    ----------
    first, second : tuple
        `(minus, zero, plus)` of two independent groups, each as in `net_share`.
    conf_level : float
        Confidence level.

    Returns
    -------
    Interval
        Difference within -2 and 2; missing where a group has no answer.

    Raises
    ------
    ParameterError
        A count is negative or missing.

    References
    ----------
    Rocks (2016), The American Statistician 70, 365-372.

    Examples
    --------
    >>> change = net_share_difference((20, 30, 50), (30, 30, 40))
    >>> f"{change.estimate:.2f} ({change.conf_low:.4f} to {change.conf_high:.4f})"
    '0.20 (-0.0255 to 0.4139)'
    """
    z = _z(conf_level)
    gap = net_share(first).estimate - net_share(second).estimate
    centres, variances = zip(*(_adjusted(*_counts(minus=m, zero=o, plus=p)) for m, o, p in (first, second)), strict=True)
    centre, half = centres[0] - centres[1], z * np.sqrt(variances[0] + variances[1])
    return _interval(gap, np.maximum(centre - half, -2.0) + 0 * gap, np.minimum(centre + half, 2.0) + 0 * gap)


def net_share_limits(minus: Floats, plus: Floats, *, n: Floats, conf_level: float) -> Interval:
    """Net share with score limits from the two shares and an effective number of answers, by bisection outwards from the estimate."""
    estimate, squared_z = np.asarray(plus - minus), _z(conf_level) ** 2

    def too_far(t: Floats) -> npt.NDArray[np.bool_]:
        return np.asarray(n * (estimate - t) ** 2 > squared_z * _restricted_variance(t, minus, plus))

    low, high = (_edge(estimate, np.full_like(estimate, end), too_far) for end in (-1.0, 1.0))
    return _interval(estimate, low + 0 * n, high + 0 * n)


def _restricted_variance(t: Floats, minus: Floats, plus: Floats) -> Floats:
    """Variance of one answer under the most likely shares with plus - minus = t: the root of 2 q^2 + b q - minus t (1 - t) = 0."""
    b = t * (2 + minus - plus) - minus - plus
    root = np.sqrt(np.maximum(b * b + 8 * minus * t * (1 - t), 0.0))
    q = np.clip((root - b) / 4, np.maximum(0.0, -t), (1 - t) / 2)
    return np.asarray(2 * q + t - t * t)


def _edge(inside: Floats, outside: Floats, too_far: Any) -> Floats:
    """Where, between the estimate and an end of the scale, values become too far from the estimate."""
    for _ in range(_BISECTIONS):
        middle = (inside + outside) / 2
        beyond = too_far(middle)
        inside, outside = np.where(beyond, inside, middle), np.where(beyond, middle, outside)
    return outside


def _adjusted(minus: Floats, zero: Floats, plus: Floats) -> tuple[Floats, Floats]:
    """Net share and its variance after adding 3/4, 3/2 and 3/4 answers."""
    n = minus + zero + plus + 3
    low_share, high_share = (minus + 0.75) / n, (plus + 0.75) / n
    return high_share - low_share, _net_variance(low_share, high_share, n)


def _net_variance(minus: Floats, plus: Floats, n: Floats) -> Floats:
    return np.asarray(np.maximum(plus + minus - (plus - minus) ** 2, 0.0) / np.where(n > 0, n, np.nan))


def _around(estimate: Floats, centre: Floats, variance: Floats, *, z: float) -> Interval:
    half = z * np.sqrt(variance)
    return _interval(estimate, np.maximum(centre - half, -1.0) + 0 * estimate, np.minimum(centre + half, 1.0) + 0 * estimate)


def wilson_limits(share: Floats, *, n: Floats, conf_level: float) -> Interval:
    """Share with Wilson limits from the share itself and an effective number of units; missing where that number is 0 or missing."""
    z = _z(conf_level)
    n = np.where(n > 0, n, np.nan)
    centre = share + z * z / (2 * n)
    half = z * np.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    scale = 1 + z * z / n
    low, high = np.maximum((centre - half) / scale, 0.0), np.minimum((centre + half) / scale, 1.0)
    return _interval(share, np.where(share == 0, low * 0, low), np.where(share == 1, high * 0 + 1, high))


def _interval(estimate: Any, low: Any, high: Any) -> Interval:
    """Return an interval that contains its estimate in spite of rounding, with floats for scalar input."""
    return Interval(np.asarray(estimate)[()], np.minimum(low, estimate)[()], np.maximum(high, estimate)[()])


def _share(part: Floats, whole: Floats) -> Floats:
    return np.asarray(part / np.where(whole > 0, whole, np.nan))


def _z(conf_level: float) -> float:
    return float(special.ndtri((1 + check_conf_level(conf_level)) / 2))


def _counts(**named: Numbers) -> list[Floats]:
    """Return the arguments as float arrays of one shape, all of them numbers of at least 0."""
    arrays = {name: as_floats(name, values) for name, values in named.items()}
    for name, values in arrays.items():
        _refuse_where(~(values >= 0) | np.isinf(values), f"{name} must be finite numbers of at least 0", values)
    return [np.asarray(values) for values in np.broadcast_arrays(*arrays.values())]


def as_floats(name: str, values: Numbers) -> Floats:
    """Return an argument as floats, or raise `ParameterError` where it holds something that is no number."""
    try:
        return np.asarray(values, dtype="float64")
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{name} must hold numbers: {error}. Convert or fill them first.") from error


def _refuse_where(bad: npt.NDArray[np.bool_], rule: str, values: Floats) -> None:
    """Raise `ParameterError` with the first offending value, if there is one."""
    if np.any(bad):
        first = int(np.argmax(bad))
        raise ParameterError(f"{rule}; entry {first} is {np.ravel(values)[first]:g}. Correct the counts.")
