"""Parts of R squared through the nearest uncorrelated columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_LEAST = 1e-10  # eigenvalue of a correlation matrix that counts


def johnson(correlations: Floats, columns: Sequence[int] | None = None) -> Floats:
    """Return the relative weight of each driver.

    With R the drivers' correlations and r theirs with the outcome, the uncorrelated columns nearest to the drivers relate to them by the root of R,
    and to the outcome by b = R^(-1/2) r. Driver j gets the sum over these columns of (root of R)_jk^2 b_k^2. The weights sum to R squared.

    Parameters
    ----------
    correlations : array, replicates x k x k
        Correlation matrices, the outcome last.
    columns : sequence of int, optional
        How many neighbouring columns belong to each driver, whose weights are added; one each without it.

    Returns
    -------
    array, replicates x drivers
        The weights.

    References
    ----------
    Johnson (2000), Multivariate Behavioral Research 35, 1-19. Tonidandel and LeBreton (2011), Journal of Business and Psychology 26, 1-9. Thomas,
    Zumbo, Kwan and Schweitzer (2014), Multivariate Behavioral Research 49, 329-338, for why it is an approximation only.

    Examples
    --------
    >>> johnson(np.array([[[1.0, 0.5, 0.6], [0.5, 1.0, 0.4], [0.6, 0.4, 1.0]]])).round(4).tolist()
    [[0.2867, 0.0867]]
    """
    values, vectors = np.linalg.eigh(correlations[:, :-1, :-1])
    known = values > _LEAST
    roots = np.sqrt(np.where(known, values, 0.0))
    inverse = np.where(known, 1 / np.where(known, roots, 1.0), 0.0)
    root = np.einsum("bik,bk,bjk->bij", vectors, roots, vectors)
    near = np.einsum("bik,bk,bjk,bj->bi", vectors, inverse, vectors, correlations[:, :-1, -1], optimize=True)
    weights = np.einsum("bij,bj->bi", root**2, near**2)
    if columns is None:
        return np.asarray(weights)
    starts = np.concatenate([[0], np.cumsum(columns)[:-1]])
    return np.asarray(np.add.reduceat(weights, starts, axis=1))
