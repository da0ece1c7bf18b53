"""The chance of being treated given what was known before, and whether it can be told at all."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_ROUNDS = 50
_CLOSE = 1e-10
_EDGE = 1e-7  # fitted chances beyond it mean that a covariate tells the treated apart for certain
_FLAT = 1e-9


class Propensity(NamedTuple):
    """Chances of being treated, the design they were fitted with (constant first, columns in standard deviations), and whether that worked."""

    chance: Floats
    design: Floats
    separated: bool


def propensity(treated: Flags, covariates: Floats) -> Propensity:
    """Return the chances of a logistic regression of treatment on covariates, by maximum likelihood.

    Constant columns and columns that others make up are dropped. Where the covariates tell the treated from the others for certain the likelihood has no
    maximum; `separated` says so, and nothing can be compared.

    Parameters
    ----------
    treated : array of bool
        Who was treated.
    covariates : array, shape (units, columns)
        What was known before; without missing values.

    Returns
    -------
    Propensity

    References
    ----------
    Rosenbaum and Rubin (1983), Biometrika 70, 41-55. Albert and Anderson (1984), Biometrika 71, 1-10, for separation.

    Examples
    --------
    >>> propensity(np.array([True, False, True, False]), np.zeros((4, 1))).chance.tolist()
    [0.5, 0.5, 0.5, 0.5]
    """
    design = _design(covariates)
    target = treated.astype("float64")
    weights = np.zeros(design.shape[1])
    weights[0] = np.log(target.mean() / (1 - target.mean()))
    chance = _chance(design, weights)
    for _ in range(_ROUNDS):
        slope = design.T @ (target - chance)
        curve = (design * (chance * (1 - chance))[:, None]).T @ design
        step = np.linalg.lstsq(curve, slope, rcond=None)[0]
        weights = weights + step * min(1.0, 5 / max(np.abs(step).max(), _FLAT))
        chance = _chance(design, weights)
        if np.abs(slope @ step) < _CLOSE * len(target):
            break
    known = np.where(treated, chance, 1 - chance)
    return Propensity(chance, design, bool((known > 1 - _EDGE).all() or np.abs(weights).max() > 30))


def _chance(design: Floats, weights: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(design @ weights, -35, 35))))


def _design(covariates: Floats) -> Floats:
    """Return a constant and the columns in standard deviations that are not made up by those before them."""
    columns = [np.ones(len(covariates))]
    for values in covariates.T:
        spread = values.std()
        if spread <= _FLAT * max(1.0, np.abs(values).max()):
            continue
        scaled = (values - values.mean()) / spread
        so_far = np.column_stack(columns)
        left = scaled - so_far @ np.linalg.lstsq(so_far, scaled, rcond=None)[0]
        if left.std() > 1e-6:
            columns.append(scaled)
    return np.column_stack(columns)
