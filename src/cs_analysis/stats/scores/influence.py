"""Standard errors from what each row adds to the error of an estimate, with rows that come in clusters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.estimates import check_conf_level

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]


def read_scores(score: npt.ArrayLike, y: npt.ArrayLike, clusters: npt.ArrayLike | None, *, both: bool = True) -> tuple[Floats, Flags, Integers]:
    """Return scores, outcomes and cluster codes of equal length; raise unless every score is a number and, with `both`, there is a yes and a no."""
    values, outcome = np.asarray(score, dtype="float64"), np.asarray(y, dtype="float64")
    groups = np.arange(len(values)) if clusters is None else pd.factorize(np.asarray(clusters))[0]
    if not len(values) == len(outcome) == len(groups):
        raise ParameterError(f"scores, outcomes and clusters must have as many rows; they have {len(values)}, {len(outcome)} and {len(groups)}.")
    if not np.isfinite(values).all() or not np.isin(outcome, [0.0, 1.0]).all():
        raise ParameterError("scores must be finite numbers, and outcomes true or false. Leave out rows without a score.")
    if both and not 0 < outcome.sum() < len(outcome):
        raise NotEnoughDataError(f"a score can be judged only where there is a yes and a no; all {len(outcome)} rows are alike. Use more data.")
    return values, outcome == 1, groups


def check_probabilities(p: Floats) -> Floats:
    """Return probabilities; raise where one is out of range."""
    if not ((p >= 0) & (p <= 1)).all():
        raise ParameterError(f"probabilities must lie between 0 and 1, not {p[(p < 0) | (p > 1)][0]:g}.")
    return p


def standard_error(influence: Floats, groups: Integers) -> float:
    """Return the standard error of an estimate whose error is, to first order, the sum of `influence`, independent between clusters only."""
    number = int(groups.max()) + 1
    sums = np.bincount(groups, influence, number)
    return float(np.sqrt(np.sum(sums**2) * number / (number - 1))) if number > 1 else float("nan")


def normal_quantile(conf_level: float) -> float:
    """Return how many standard errors the limits lie away."""
    return float(special.ndtri((1 + check_conf_level(conf_level)) / 2))
