"""What low and high values of each of several columns go with, beside middle ones, in one regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from cs_analysis.errors import NotEnoughDataError
from cs_analysis.stats.importance.limits import Limited
from cs_analysis.stats.importance.ratings import Ratings, refuse_determined

Floats = npt.NDArray[np.float64]


class Contrasts(NamedTuple):
    """Effects with their covariance and the degrees of freedom of limits; `low` and `high` are the places of each driver's effects, -1 for none.

    `counts` are the rows with a low and with a high value of each driver.
    """

    effects: Floats
    covariance: Floats
    freedom: float
    low: list[int]
    high: list[int]
    counts: tuple[Floats, Floats]

    def of(self, weights: Floats, *, conf_level: float) -> Limited:
        """Return sums of effects, one row of weights each, with limits; missing without degrees of freedom."""
        estimate, variance = weights @ self.effects, np.einsum("ij,jk,ik->i", weights, self.covariance, weights)
        half = special.stdtrit(self.freedom, (1 + conf_level) / 2) * np.sqrt(np.maximum(variance, 0.0)) if self.freedom > 0 else np.full(len(estimate), np.nan)
        return Limited(estimate, estimate - half, estimate + half)


def contrasts(ratings: Ratings, *, low: Sequence[float], high: Sequence[float]) -> Contrasts:
    """Return the effects of low and high values of each driver, against middle ones, on the outcome, by least squares on all at once.

    A value is low up to its driver's `low` and high from its `high` on. Where a driver has missing values, whether it has one is a column more. The
    covariance is the cluster-robust one, times G / (G - 1) and (n - 1) / (n - k) for G clusters, n rows and k columns; limits have t quantiles with
    G - 1 degrees of freedom; clusters that are no more than the columns say nothing of the spread.

    Raises
    ------
    NotEnoughDataError
        A driver has no middle value, or none outside the middle; no more rows than columns.
    ParameterError
        A column is determined by others, such as items that are low together in every row.

    References
    ----------
    Brandt (1987), in Surprenant (ed.), Add Value to Your Service, American Marketing Association, 61-65. Liang and Zeger (1986), Biometrika 73, 13-22.
    """
    below, above = ratings.x <= np.asarray(low), ratings.x >= np.asarray(high)
    known = ~np.isnan(ratings.x)
    _refuse_empty(ratings, below=below, middle=known & ~below & ~above, above=above)
    columns, names, places = _columns(ratings, below=below, above=above, known=known)
    refuse_determined(np.corrcoef(columns.T).reshape(len(names), -1), names)
    if len(columns) <= len(names) + 1:
        raise NotEnoughDataError(f"{len(names)} effects need more than {len(names) + 1} rows; there are {len(columns)}. Use more data or fewer drivers.")
    design = np.column_stack([columns, np.ones(len(columns))])
    inverse = np.linalg.inv(design.T @ design)
    effects = inverse @ (design.T @ ratings.y)
    residual, groups = ratings.y - design @ effects, ratings.clusters
    scores = np.column_stack([np.bincount(ratings.owners, column * residual, groups) for column in design.T])
    factor = groups / max(groups - 1, 1) * (len(design) - 1) / (len(design) - design.shape[1])
    covariance = inverse @ (scores.T @ scores) @ inverse * factor
    freedom = groups - 1.0 if groups > design.shape[1] else 0.0
    return Contrasts(effects, covariance, freedom, *places, (below.sum(axis=0), above.sum(axis=0)))


def _columns(
    ratings: Ratings, *, below: npt.NDArray[np.bool_], above: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_]
) -> tuple[Floats, list[str], tuple[list[int], list[int]]]:
    """Return columns of 0 and 1 that vary, their names, and the places of low and high ones."""
    kinds = {"low": below, "high": above, "answered": known}
    columns: list[Floats] = []
    names, places = [], {kind: [-1] * len(ratings.drivers) for kind in kinds}
    for driver, name in enumerate(ratings.drivers):
        for kind, flags in kinds.items():
            if 0 < flags[:, driver].sum() < len(flags):
                places[kind][driver] = len(columns)
                columns.append(flags[:, driver].astype("float64"))
                names.append(f"{name} ({kind})")
    return np.column_stack(columns), names, (places["low"], places["high"])


def _refuse_empty(ratings: Ratings, *, below: npt.NDArray[np.bool_], middle: npt.NDArray[np.bool_], above: npt.NDArray[np.bool_]) -> None:
    """Raise for a driver whose answers are all, or never, in the middle."""
    for driver, name in enumerate(ratings.drivers):
        if not middle[:, driver].any() or not (below[:, driver] | above[:, driver]).any():
            found = ", ".join(f"{kind} {int(flags[:, driver].sum())}" for kind, flags in (("low", below), ("middle", middle), ("high", above)))
            raise NotEnoughDataError(f"low and high answers are held against middle ones; {name!r} has {found}. Set `low` and `high`, or leave it out.")
