"""The share that truly has something, from the share found by a test that errs in both directions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

from cs_analysis.errors import ParameterError
from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.intervals import Floats, Interval, Numbers, as_floats


class Counts(NamedTuple):
    """How often a test was right among units whose truth is known."""

    right: Numbers
    tested: Numbers


def corrected_prevalence(found: Numbers, n: Numbers, *, sensitivity: Counts, specificity: Counts, conf_level: float = 0.95) -> Interval:
    """Share of units that have something, corrected for what a test misses and invents.

    With p the share found, Se and Sp the shares in which the test was right among those that have it and those that do not, the estimate is
    (p + Sp - 1) / (Se + Sp - 1), held within 0 and 1. The limits are those of Lang and Reiczigel, which carry the uncertainty of all three: an
    observation or two are added to each (z^2 to p, 2 to Se and Sp), and the centre is moved by
    2 z^2 (P Se (1 - Se) / n_Se - (1 - P) Sp (1 - Sp) / n_Sp). They are widened to hold the estimate.

    Parameters
    ----------
    found : array-like
        Share found by the test.
    n : array-like
        Units it was used on; a fractional effective number where they come in clusters.
    sensitivity, specificity : Counts
        Right and all, among units that have it and that do not.
    conf_level : float
        Confidence level.

    Returns
    -------
    Interval
        Missing where `n` is 0 or a test was not tried on both kinds of units, or where Se + Sp is not above 1: such a test tells nothing.

    Raises
    ------
    ParameterError
        A share is outside 0 to 1, or a count is negative or exceeds its total.

    References
    ----------
    Rogan and Gladen (1978), American Journal of Epidemiology 107, 71-76. Lang and Reiczigel (2014), Preventive Veterinary Medicine 113, 13-22.

    Examples
    --------
    >>> share = corrected_prevalence(0.20, 500, sensitivity=Counts(80, 100), specificity=Counts(190, 200))
    >>> f"{share.estimate:.3f} ({share.conf_low:.3f} to {share.conf_high:.3f})"
    '0.200 (0.139 to 0.263)'
    """
    z = float(special.ndtri((1 + check_conf_level(conf_level)) / 2))
    share, units = as_floats("found", found), as_floats("n", n)
    if np.any((share < 0) | (share > 1)) or np.any(units < 0):
        raise ParameterError("found must be shares from 0 to 1 of n units, at least 0.")
    (hits, ill), (clear, well) = (_tried(name, counts) for name, counts in (("sensitivity", sensitivity), ("specificity", specificity)))
    known = (units > 0) & (ill > 0) & (well > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = (share + clear / well - 1) / (hits / ill + clear / well - 1)
    limits = _limits((share * units + z**2 / 2) / (units + z**2), units + z**2, se=(hits + 1, ill + 2), sp=(clear + 1, well + 2), z=z)
    useful = known & (np.where(known, hits / np.where(ill > 0, ill, 1) + clear / np.where(well > 0, well, 1), 0.0) > 1)
    estimate = np.where(useful, np.clip(plain, 0, 1), np.nan)
    low, high = (np.where(useful, np.clip(limit, 0, 1), np.nan) for limit in limits)
    return Interval(estimate[()], np.fmin(low, estimate)[()], np.fmax(high, estimate)[()])


def _tried(name: str, counts: Counts) -> tuple[Floats, Floats]:
    right, tested = as_floats(name, counts.right), as_floats(name, counts.tested)
    if np.any((right < 0) | (right > tested)):
        raise ParameterError(f"{name} must be right in at most all of the cases tried, and in none less than 0. Correct the counts.")
    return right, tested


def _limits(share: Floats, n: Floats, *, se: tuple[Floats, Floats], sp: tuple[Floats, Floats], z: float) -> tuple[Floats, Floats]:
    """Return the limits from adjusted numbers; an adjusted Se + Sp of at most 1 leaves the whole range."""
    hit, clear = se[0] / se[1], sp[0] / sp[1]
    power = np.asarray(hit + clear - 1)
    safe = np.where(power > 0, power, np.nan)
    true = (share + clear - 1) / safe
    from_hit, from_clear = hit * (1 - hit) / se[1], clear * (1 - clear) / sp[1]
    spread = z * np.sqrt(share * (1 - share) / n + true**2 * from_hit + (1 - true) ** 2 * from_clear) / safe
    centre = true + 2 * z**2 * (true * from_hit - (1 - true) * from_clear)
    return np.where(power > 0, centre - spread, 0.0), np.where(power > 0, centre + spread, 1.0)
