"""Groups found at two times given the same names: those whose centres lie closest together, none twice."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from cs_analysis.errors import ParameterError
from cs_analysis.stats.intervals import Floats


class Match(NamedTuple):
    """For each new group the earlier one it goes with, and whether no other earlier one is nearer."""

    earlier: npt.NDArray[np.intp]
    nearest: npt.NDArray[np.bool_]


def matched_groups(earlier: Floats, later: Floats) -> Match:
    """Return for each later centre the earlier one it goes with, so that the sum of squared distances is least.

    Squares, so that groups that all shifted alike keep their names: the sum of the distances themselves can be the same for a swap along the shift.

    Parameters
    ----------
    earlier, later : array
        One row a centre, in the same columns and on the same scale; equally many.

    Returns
    -------
    Match
        `earlier`: the row of the earlier centre; `nearest`: no other earlier centre is nearer. Where one is, the name is a makeshift.

    Raises
    ------
    ParameterError
        The tables differ in shape.

    References
    ----------
    Kuhn (1955), Naval Research Logistics Quarterly 2, 83-97.

    Examples
    --------
    >>> matched_groups(np.array([[0.0, 0.0], [5.0, 5.0]]), np.array([[5.5, 5.0], [0.5, 0.0]])).earlier.tolist()
    [1, 0]
    """
    if np.shape(earlier) != np.shape(later) or np.ndim(earlier) != 2:
        raise ParameterError(f"centres need the same rows and columns; they have {np.shape(earlier)} and {np.shape(later)}. Fit as many groups.")
    apart = ((later[:, None, :] - earlier) ** 2).sum(axis=2)
    _, places = linear_sum_assignment(apart)
    own = np.take_along_axis(apart, places[:, None], axis=1)[:, 0]
    return Match(places, np.asarray(own <= apart.min(axis=1)))
