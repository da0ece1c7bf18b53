"""What money that comes later is worth today, and months as lengths of time."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt

from cs_analysis.errors import ParameterError
from cs_analysis.windows import Window, parse_window

DAYS_A_YEAR = 365.25
DAYS_A_MONTH = DAYS_A_YEAR / 12
"""An age has no calendar: where months of age are counted, a month is a twelfth of a year, 30.4375 days."""

Floats = npt.NDArray[np.float64]


def discount_factors(days: npt.ArrayLike, *, discount_rate: float) -> Floats:
    """Worth today of one unit of money so many days from now.

    (1 + rate)^(-days / 365.25) with a rate a year.

    Parameters
    ----------
    days : array-like
        Days from now.
    discount_rate : float
        Rate a year, such as 0.10; 0 for none.

    Returns
    -------
    array
        One factor a day asked for.

    Raises
    ------
    ParameterError
        The rate is negative, missing or not a number.

    References
    ----------
    Brealey, Myers and Allen (2020), Principles of Corporate Finance, 13th ed., chapter 2.

    Examples
    --------
    >>> discount_factors([0, 365.25, 730.5], discount_rate=0.25).tolist()
    [1.0, 0.8, 0.64]
    """
    return np.asarray((1 + check_discount_rate(discount_rate)) ** (-np.asarray(days, dtype="float64") / DAYS_A_YEAR))


def check_discount_rate(discount_rate: float) -> float:
    """Return the rate if it is a number from 0 up, else raise `ParameterError`."""
    if isinstance(discount_rate, bool) or not isinstance(discount_rate, int | float | np.number) or not 0 <= discount_rate < np.inf:
        raise ParameterError(f"discount_rate must be a rate a year from 0 up, such as 0.10 for 10 %, not {discount_rate!r}.")
    return float(discount_rate)


def age_window_days(window: str | timedelta | Window, *, name: str) -> int:
    """Return a length of age in whole days, calendar months as twelfths of a year.

    Raises
    ------
    ParameterError
        As for `parse_window`; it is shorter than a day.
    """
    parsed = parse_window(window, name=name)
    days = round(parsed.months * DAYS_A_MONTH if parsed.days is None else parsed.days)
    if days < 1:
        raise ParameterError(f"{name} must be a day or longer, not {window!r}.")
    return days
