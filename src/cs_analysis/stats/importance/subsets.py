"""Parts of R squared by averaging over all orders in which columns could enter a regression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

from cs_analysis.errors import ParameterError

Floats = npt.NDArray[np.float64]

MOST = 20  # drivers: a million subsets
_LEAST_LEFT = 1e-9  # of a column's variance, given the others
_CELLS = 1 << 18  # subsets times replicates held at a time: what stays in the cache is fastest


def lmg(correlations: Floats, columns: Sequence[int] | None = None) -> Floats:
    """Return the part of R squared of each driver: its gain in R squared, averaged over all orders of the drivers.

    Exact: every subset of the drivers is visited, none is drawn. The parts are never negative and sum to R squared. They are the Shapley values of
    the game whose worth is R squared.

    Parameters
    ----------
    correlations : array, replicates x k x k
        Correlation matrices, the outcome last.
    columns : sequence of int, optional
        How many neighbouring columns belong to each driver, as a rating and whether there is one do; one each without it. They enter together.

    Returns
    -------
    array, replicates x drivers
        The parts.

    Raises
    ------
    ParameterError
        More than 20 drivers.

    References
    ----------
    Lindeman, Merenda and Gold (1980), Introduction to Bivariate and Multivariate Analysis, 119-127. Kruskal (1987), The American Statistician 41,
    6-10. Grömping (2006), Journal of Statistical Software 17(1). Shapley (1953), Contributions to the Theory of Games 2, 307-317.

    Examples
    --------
    >>> lmg(np.array([[[1.0, 0.5, 0.6], [0.5, 1.0, 0.4], [0.6, 0.4, 1.0]]])).round(4).tolist()
    [[0.2867, 0.0867]]
    """
    sizes = [1] * (correlations.shape[-1] - 1) if columns is None else list(columns)
    if len(sizes) > MOST:
        raise ParameterError(f"all orders of {len(sizes)} drivers are too many; {MOST} is the most. Use method='johnson', or fewer drivers.")
    block = max(1, _CELLS >> len(sizes))
    parts = [_shapley(subset_r_squared(correlations[begin : begin + block], sizes)) for begin in range(0, len(correlations), block)]
    return np.maximum(np.concatenate(parts), 0.0)  # rounding alone takes a gain below 0


def subset_r_squared(correlations: Floats, columns: Sequence[int]) -> Floats:
    """Return R squared of the outcome on every subset of drivers, subsets x replicates; bit j of a subset's number says whether driver j is in it.

    A tree: at each driver what is left of the later columns' and the outcome's covariances is taken on twice, without the driver and given it. Each
    subset costs a few operations, whatever its size. A column without variance of its own, given those before, adds nothing.
    """
    left = np.ascontiguousarray(np.moveaxis(correlations, 0, -1))[:, :, None, :]
    for size in columns:
        given = left
        for _ in range(size):
            given = _swept(given)
        left = np.concatenate([left[size:, size:], given], axis=2)
    return np.asarray(1 - left[0, 0])


def _swept(left: Floats) -> Floats:
    """Return the covariances of all columns but the first, given the first."""
    own, first = left[0, 0], left[0, 1:]
    known = own > _LEAST_LEFT
    slopes = first * np.where(known, 1 / np.where(known, own, 1.0), 0.0)
    return np.asarray(left[1:, 1:] - first[:, None] * slopes[None, :])


def _shapley(worth: Floats) -> Floats:
    """Return the Shapley values of games given by the worth of each subset.

    A subset of s players counts 1 / (p C(p-1, s-1)) for those in it and minus 1 / (p C(p-1, s)) for those not in it. Sums over the subsets with
    player j come from the last player to the first, folding the subsets with and without each.
    """
    players = len(worth).bit_length() - 1
    size = _sizes(players)
    sizes = np.arange(players + 1)
    inside = np.where(sizes > 0, 1 / (players * special.binom(players - 1, np.maximum(sizes - 1, 0))), 0.0)
    outside = np.where(sizes < players, 1 / (players * special.binom(players - 1, np.minimum(sizes, players - 1))), 0.0)
    without = outside[size] @ worth
    folded, parts = worth * (inside + outside)[size][:, None], [np.zeros(0)] * players
    for player in reversed(range(players)):
        half = len(folded) // 2
        parts[player] = folded[half:].sum(axis=0) - without
        folded = folded[:half] + folded[half:]
    return np.column_stack(parts)


def _sizes(players: int) -> npt.NDArray[np.int64]:
    """Return how many players each subset has."""
    sizes = np.zeros(1, dtype="int64")
    for _ in range(players):
        sizes = np.concatenate([sizes, sizes + 1])
    return sizes
