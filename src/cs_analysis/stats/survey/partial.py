"""Limits for a number that the data pin down only to an interval, such as the score of everybody when some are silent."""

from __future__ import annotations

import numpy as np
from scipy import optimize, special

from cs_analysis.stats.estimates import check_conf_level


def one_sided_level(width: float, standard_error: float, *, conf_level: float = 0.95) -> float:
    """Level at which to make two-sided limits of both ends of an identified interval, so that the outer ones hold the number with `conf_level`.

    The number lies somewhere between the ends; where they are far apart it can be missed at one of them only, and the outer limits are one-sided ones
    (at 95 %, 1.645 standard errors away); where they meet it is a plain two-sided interval (1.96). In between the critical value c solves
    Phi(c + width / standard error) - Phi(-c) = conf_level.

    Parameters
    ----------
    width : float
        Distance of the two ends, at least 0.
    standard_error : float
        The larger one of the two ends.
    conf_level : float
        Confidence that the number, not the whole interval, lies between the outer limits.

    Returns
    -------
    float
        Phi(c) - Phi(-c), between 2 conf_level - 1 and conf_level.

    References
    ----------
    Horowitz and Manski (2000), Journal of the American Statistical Association 95, 77-84. Imbens and Manski (2004), Econometrica 72,
    1845-1857.

    Examples
    --------
    >>> round(one_sided_level(0.0, 1.0), 4), round(one_sided_level(9.0, 1.0), 4)
    (0.95, 0.9)
    """
    check_conf_level(conf_level)
    if not standard_error > 0:
        return 2 * conf_level - 1 if width > 0 else conf_level

    def missing(c: float) -> float:
        return float(special.ndtr(c + width / standard_error) - special.ndtr(-c)) - conf_level

    c = optimize.brentq(missing, *(special.ndtri(level) - 1e-9 * sign for level, sign in ((conf_level, 1), ((1 + conf_level) / 2, -1))), xtol=1e-14)
    return float(np.clip(2 * special.ndtr(c) - 1, 2 * conf_level - 1, conf_level))
