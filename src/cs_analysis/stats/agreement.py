"""How far two divisions of the same things agree, and how stable what was found is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize

from cs_analysis.errors import ParameterError
from cs_analysis.stats.intervals import Floats


def adjusted_rand_index(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Agreement of two partitions of the same units: 1 if they are one, about 0 if they agree as chance would have it.

    Over pairs of units: (pairs together in both - expected) / (mean of the pairs together in each - expected).

    Raises
    ------
    ParameterError
        The partitions are of different length, or of fewer than two units.

    References
    ----------
    Hubert and Arabie (1985), Journal of Classification 2, 193-218.

    Examples
    --------
    >>> round(adjusted_rand_index([0, 0, 0, 1, 1, 1], [5, 5, 7, 7, 8, 8]), 4)
    0.2424
    """
    one, other = (np.unique(np.asarray(labels), return_inverse=True)[1] for labels in (first, second))
    if len(one) != len(other) or len(one) < 2:
        raise ParameterError(f"two partitions of the same units, at least two, are compared; these have {len(one)} and {len(other)}.")
    table = np.zeros((one.max() + 1, other.max() + 1))
    np.add.at(table, (one, other), 1)
    both, rows, columns = (_pairs(counts) for counts in (table, table.sum(axis=1), table.sum(axis=0)))
    expected = rows * columns / _pairs(np.array([len(one)]))
    most = (rows + columns) / 2
    return 1.0 if most == expected else float((both - expected) / (most - expected))


def matched_overlap(first: Sequence[frozenset[Any]], second: Sequence[frozenset[Any]]) -> Floats:
    """Return, for each set of the first list, the Jaccard index with its partner in the second, partners chosen one to one for the largest sum.

    References
    ----------
    Kuhn (1955), Naval Research Logistics Quarterly 2, 83-97. Greene, O'Callaghan and Cunningham (2014), ECML PKDD, 498-513.

    Examples
    --------
    >>> matched_overlap([frozenset("ab"), frozenset("cd")], [frozenset("cd"), frozenset("ax")]).round(2).tolist()
    [0.33, 1.0]
    """
    overlap = np.array([[len(one & other) / max(len(one | other), 1) for other in second] for one in first]).reshape(len(first), len(second))
    found = np.zeros(len(first))
    rows, columns = optimize.linear_sum_assignment(-overlap)
    found[rows] = overlap[rows, columns]
    return found


def _pairs(counts: npt.NDArray[np.float64] | npt.NDArray[np.int64]) -> float:
    return float((counts * (counts - 1) / 2).sum())
