"""Logistic regression with a ridge penalty: probabilities whose every part can be told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cs_analysis.errors import ConvergenceError, MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.resampling import generator
from cs_analysis.stats.scores.logistic_search import maximum, robust_covariance
from cs_analysis.stats.sum_ratios import Source

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FEWEST = 5
FOLDS = 5
PENALTIES = tuple(10.0 ** (half / 2) for half in range(-2, 10))
_SEPARATED = 20.0  # log-odds for one standard deviation that no sample short of 100 million rows could tell from infinity


@dataclass(frozen=True, eq=False)
class RidgeLogistic:
    """A fitted logistic regression: log-odds = intercept + sum of beta (x - mean) / scale.

    Attributes
    ----------
    features : tuple of str
        Names of the columns.
    mean, scale : array
        Mean and standard deviation of each feature in the training rows where it is known.
    intercept : float
        Log-odds of a row whose features are all at their means.
    beta : array
        Log-odds for one standard deviation; 0 for a feature that never varied.
    covariance : array
        Of intercept and beta, robust to dependence within clusters; around the shrunken values, not the true ones.
    penalty : float
        Half the penalty times the sum of squared betas is taken off the log-likelihood.
    log_likelihood : float
        Without the penalty.
    n, events : int
        Rows and those with a yes.
    """

    features: tuple[str, ...]
    mean: Floats
    scale: Floats
    intercept: float
    beta: Floats
    covariance: Floats
    penalty: float
    log_likelihood: float
    n: int
    events: int

    def contributions(self, x: pd.DataFrame) -> pd.DataFrame:
        """Return each feature's part of the log-odds, above a row at the training means: with the intercept the parts sum to `log_odds`.

        What is missing is read as the mean and contributes 0.
        """
        return pd.DataFrame(self._standardised(x) * self.beta, index=x.index, columns=list(self.features))

    def log_odds(self, x: pd.DataFrame) -> Floats:
        """Return the log-odds of each row."""
        return np.asarray(self.intercept + self.contributions(x).to_numpy().sum(axis=1))

    def probability(self, x: pd.DataFrame, *, conf_level: float = 0.95) -> tuple[Floats, Floats, Floats]:
        """Return the probability of each row with limits, which are symmetric for the log-odds and hold the uncertainty of the fit alone."""
        z = special.ndtri((1 + check_conf_level(conf_level)) / 2)
        rows, place = np.column_stack([np.ones(len(x)), self._standardised(x)]), self.log_odds(x)
        half = z * np.sqrt(np.einsum("ij,jk,ik->i", rows, self.covariance, rows))
        return special.expit(place), special.expit(place - half), special.expit(place + half)

    def _standardised(self, x: pd.DataFrame) -> Floats:
        absent = [name for name in self.features if name not in x.columns]
        if absent:
            raise MissingColumnsError(absent, x.columns, table="features")
        return standardised(x[list(self.features)].to_numpy("float64", na_value=np.nan), self.mean, self.scale)


def fit_ridge_logistic(
    x: pd.DataFrame, y: npt.ArrayLike, *, clusters: npt.ArrayLike | None = None, penalty: float | Literal["cv"] = "cv", rng: Source = 0
) -> RidgeLogistic:
    """Return the logistic regression of a yes or no on features, shrunk by a ridge penalty.

    The maximum of sum(y eta - log(1 + exp(eta))) - penalty / 2 sum(beta^2), with features in standard deviations and the intercept free (the `C` of
    scikit-learn is 1 / penalty). With `"cv"` the penalty is that of a grid of half powers of ten, 0.1 to 31,623, with the smallest log-loss in 5-fold
    cross-validation; whole clusters are left out at a time, and folds have as many clusters with a yes as can be.

    Parameters
    ----------
    x : DataFrame
        One float column a feature. Missing values are read as the mean.
    y : array of bool
        The outcome of each row.
    clusters : array, optional
        Which rows belong together, such as the snapshots of one account; default: each row is alone.
    penalty : float or "cv"
        At least 0.
    rng : int or Generator
        Draws the folds.

    Raises
    ------
    ParameterError
        A value is infinite, lengths differ, or the penalty is negative.
    NotEnoughDataError
        Fewer than 5 rows with a yes, or with a no, or in fewer than 2 clusters each; no feature.
    ConvergenceError
        Without a penalty: a feature, or a combination, tells yes from no.

    References
    ----------
    Le Cessie and van Houwelingen (1992), Applied Statistics 41, 191-201. Liang and Zeger (1986), Biometrika 73, 13-22, for the covariance.

    Examples
    --------
    >>> table = pd.DataFrame({"logins": [1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10]})
    >>> fit = fit_ridge_logistic(table, [1, 1, 0, 1, 1, 0, 0, 1, 0, 0], penalty=1.0)
    >>> float(fit.beta[0].round(3))
    -0.793
    """
    values, outcome, groups = _checked(x, y, clusters)
    if penalty != "cv" and not (isinstance(penalty, int | float) and 0 <= penalty < np.inf):
        raise ParameterError(f"penalty must be 'cv' or a number of at least 0, not {penalty!r}.")
    mean, scale = centre_and_spread(values)
    rows = standardised(values, mean, scale)
    varies = rows.any(axis=0)
    chosen = _cross_validated(rows[:, varies], outcome, groups=groups, rng=generator(rng)) if penalty == "cv" else float(penalty)
    design = np.column_stack([np.ones(len(rows)), rows[:, varies]])
    point = _maximum(design, outcome, penalty=chosen)
    covariance = np.zeros((1 + rows.shape[1],) * 2)
    kept = np.flatnonzero(np.concatenate([[True], varies]))
    covariance[np.ix_(kept, kept)] = robust_covariance(design, outcome, beta=point, penalties=_penalties(design, chosen), groups=groups)
    beta = np.zeros(rows.shape[1])
    beta[varies] = point[1:]
    likelihood = float(np.sum(special.log_expit(np.where(outcome, 1, -1) * (design @ point))))
    names = tuple(str(name) for name in x.columns)
    return RidgeLogistic(names, mean, scale, float(point[0]), beta, covariance, chosen, likelihood, len(outcome), int(outcome.sum()))


def centre_and_spread(values: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of each column over its known values; 0 and 1 where none is known, spread 1 where it never varies."""
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, values, 0.0)
    mean = filled.sum(axis=0) / count
    away = np.where(known, values - mean, 0.0)
    spread = np.sqrt((away**2).sum(axis=0) / count)
    varies = spread > 1e-12 * np.maximum(np.abs(mean), 1e-300)
    return mean, np.where(varies, spread, 1.0)


def standardised(values: Floats, mean: Floats, scale: Floats) -> Floats:
    """Return values in standard deviations from the mean, 0 where they are missing."""
    away = (values - mean) / scale
    away[np.isnan(away) | (np.abs(away) < 1e-9)] = 0.0
    return np.asarray(away)


def _maximum(design: Floats, outcome: Floats, *, penalty: float, start: Floats | None = None) -> Floats:
    """Return intercept and betas at the maximum, which without a penalty there may not be."""
    try:
        point = maximum(design, outcome, penalties=_penalties(design, penalty), start=start)
    except ConvergenceError:
        point = np.full(design.shape[1], np.inf)
    if not np.abs(point).max() < _SEPARATED:
        raise ConvergenceError("without a penalty the likelihood has no maximum: features tell every yes from every no. Use a penalty above 0, or 'cv'.")
    return point


def _penalties(design: Floats, penalty: float) -> Floats:
    """Return the penalty of each coefficient: none of the intercept."""
    return np.concatenate([[0.0], np.full(design.shape[1] - 1, penalty)])


def _cross_validated(rows: Floats, outcome: Floats, *, groups: Integers, rng: np.random.Generator) -> float:
    """Return the penalty of the grid with the smallest log-loss on rows whose clusters were left out."""
    design, loss = np.column_stack([np.ones(len(rows)), rows]), np.zeros(len(PENALTIES))
    for out in _folds(outcome, groups, rng):
        point: Floats | None = None
        for place, penalty in reversed(list(enumerate(PENALTIES))):
            point = _maximum(design[~out], outcome[~out], penalty=penalty, start=point)
            loss[place] -= np.sum(special.log_expit(np.where(outcome[out], 1, -1) * (design[out] @ point)))
    return float(PENALTIES[int(np.argmin(loss))])


def _folds(outcome: Floats, groups: Integers, rng: np.random.Generator) -> Iterator[npt.NDArray[np.bool_]]:
    """Yield which rows are left out: whole clusters, those with a yes and those without dealt out in turn."""
    number = int(groups.max()) + 1
    shuffled = rng.permutation(number)
    with_yes = np.bincount(groups, outcome, number) > 0
    order = np.concatenate([shuffled[with_yes[shuffled]], shuffled[~with_yes[shuffled]]])
    fold = np.empty(number, dtype="int64")
    fold[order] = np.arange(number) % min(FOLDS, number)
    for each in range(min(FOLDS, number)):
        yield fold[groups] == each


def _checked(x: pd.DataFrame, y: npt.ArrayLike, clusters: npt.ArrayLike | None) -> tuple[Floats, Floats, Integers]:
    """Return features, outcome and cluster codes."""
    values, outcome = x.to_numpy("float64", na_value=np.nan), np.asarray(y, dtype="float64")
    groups = np.arange(len(outcome)) if clusters is None else pd.factorize(np.asarray(clusters))[0]
    if not len(values) == len(outcome) == len(groups):
        raise ParameterError(f"features, outcome and clusters must have as many rows; they have {len(values)}, {len(outcome)} and {len(groups)}.")
    if np.isinf(values).any() or not np.isin(outcome, [0.0, 1.0]).all():
        raise ParameterError("features must be finite or missing, and the outcome true or false. Correct the rows or leave them out.")
    events = int(outcome.sum())
    owners = [len(np.unique(groups[outcome == side])) for side in (1.0, 0.0)]
    if min(events, len(outcome) - events) < FEWEST or min(owners) < 2 or not values.shape[1]:
        raise NotEnoughDataError(
            f"a model of who will takes {FEWEST} rows with a yes and {FEWEST} with a no, of two clusters each, and a feature; there are {events} and "
            f"{len(outcome) - events}, of {owners[0]} and {owners[1]}, and {values.shape[1]} features. Use more data or a longer horizon."
        )
    return values, outcome, groups
