"""Whether ratings are several things or one general impression."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_LEAST = 1e-10  # what stands for 0 in a denominator


def component_shares(correlations: Floats) -> Floats:
    """Return the shares of the columns' standardised variance in their principal components, largest first, replicates x columns.

    References
    ----------
    Hotelling (1933), Journal of Educational Psychology 24, 417-441. Horn (1965), Psychometrika 30, 179-185, for the same of unrelated columns.
    """
    return np.asarray(np.linalg.eigvalsh(correlations)[:, ::-1] / correlations.shape[-1])


def alpha(correlations: Floats) -> Floats:
    """Return the standardised alpha of the columns: p times their mean correlation r over 1 + (p - 1) r; missing for one column.

    References
    ----------
    Cronbach (1951), Psychometrika 16, 297-334.
    """
    width = correlations.shape[-1]
    if width < 2:
        return np.full(len(correlations), np.nan)
    mean = (correlations.sum(axis=(1, 2)) - width) / (width * (width - 1))
    return np.asarray(width * mean / np.maximum(1 + (width - 1) * mean, _LEAST))


def inflation(correlations: Floats) -> Floats:
    """Return the variance inflation of each column: 1 / (1 - R squared of the column on the others); 1e10 where they determine it.

    References
    ----------
    Marquardt (1970), Technometrics 12, 591-612.
    """
    values, vectors = np.linalg.eigh(correlations)
    return np.asarray(np.einsum("bik,bk->bi", vectors**2, 1 / np.maximum(values, _LEAST)))


def explained_by_first(correlations: Floats) -> Floats:
    """Return R squared of the outcome, which comes last, on the first principal component of the other columns alone."""
    values, vectors = np.linalg.eigh(correlations[:, :-1, :-1])
    with_outcome = np.einsum("bi,bi->b", vectors[:, :, -1], correlations[:, :-1, -1])
    return np.asarray(with_outcome**2 / values[:, -1])
