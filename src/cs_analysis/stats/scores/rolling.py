"""Probabilities made out of time: at each date from earlier dates whose outcomes were known by then, by several models side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.errors import NotEnoughDataError
from cs_analysis.stats.scores.discrimination import auc
from cs_analysis.stats.scores.logistic import fit_ridge_logistic
from cs_analysis.stats.sum_ratios import Source

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

LEAST_PENALTY = 0.1  # so that a score without a fault has a maximum


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows to learn from or to be judged on.

    Attributes
    ----------
    rows : array of int
        Their places in the whole table.
    x : DataFrame
        One float column a feature.
    y : array of bool
        Outcomes.
    clusters : array
        Which rows belong together.
    """

    rows: Integers
    x: pd.DataFrame
    y: Flags
    clusters: npt.NDArray[np.object_]

    def part(self, keep: Flags) -> Sample:
        """Return some of the rows."""
        return Sample(self.rows[keep], self.x[keep], self.y[keep], self.clusters[keep])

    @cached_property
    def areas(self) -> dict[str, float]:
        """Return of each feature how often a row with a yes has the higher value; missing values are read as the mean."""
        filled = self.x.fillna(self.x.mean()).fillna(0.0)
        return {str(name): float(auc(filled[name], self.y).estimate) for name in filled.columns}


class Foretold(NamedTuple):
    """Of each test row the score (higher: likelier a yes; may be missing) and the probability."""

    score: Floats
    probability: Floats


Model = Callable[[Sample, Sample], Foretold]
"""Takes the training rows and the test rows."""


def calibrated(rng: Source) -> Model:
    """Return a logistic regression on all features with a cross-validated ridge penalty."""

    def foretell(train: Sample, test: Sample) -> Foretold:
        p = fit_ridge_logistic(train.x, train.y, clusters=train.clusters, rng=rng).probability(test.x)[0]
        return Foretold(p, p)

    return foretell


def best_feature(train: Sample, test: Sample) -> Foretold:
    """Foretell by the one feature that told best in the training rows."""
    name = max(train.areas, key=lambda each: abs(train.areas[each] - 0.5))
    p = recalibrated(train, train.x[name].to_numpy(), test.x[name].to_numpy())
    return Foretold(p, p)


def base_rate(train: Sample, test: Sample) -> Foretold:
    """Foretell the training share of everybody."""
    p = np.full(len(test.rows), train.y.mean())
    return Foretold(p, p)


def recalibrated(train: Sample, score: Floats, then: Floats) -> Floats:
    """Return probabilities of scores `then` by a logistic regression of the training outcomes on their scores; a missing score is read as the mean."""
    fit = fit_ridge_logistic(pd.DataFrame({"score": score}), train.y, clusters=train.clusters, penalty=LEAST_PENALTY)
    return np.asarray(fit.probability(pd.DataFrame({"score": then}))[0])


def rolling_origin(sample: Sample, *, turn: Integers, known_from: Integers, models: Mapping[str, Model], fewest: int) -> pd.DataFrame:
    """Return for each model what it foretells of the rows of a date, having learnt from the dates whose outcomes were known by then.

    Parameters
    ----------
    sample : Sample
        All rows.
    turn : array of int
        The number of each row's date, in order of time.
    known_from : array of int
        Of each row, the number of the first date at which its outcome is known; above its own.
    models : mapping
        By name.
    fewest : int
        A date is foretold once so many clusters of the training rows have a yes, and so many have a no.

    Returns
    -------
    DataFrame
        `row` (its place in the sample), `model`, `score`, `probability`.

    Raises
    ------
    NotEnoughDataError
        There is no such date.
    """
    tables = []
    for date in np.unique(turn):
        train, test = sample.part(known_from <= date), sample.part(turn == date)
        if min(len(np.unique(train.clusters[train.y == side])) for side in (True, False)) >= fewest:
            tables += [pd.DataFrame({"row": test.rows, "model": name, **model(train, test)._asdict()}) for name, model in models.items()]
    if not tables:
        raise NotEnoughDataError(
            f"a test out of time starts once {fewest} have left and {fewest} have stayed in windows that were over by then; that is at no date so. "
            f"Use more data, or a shorter horizon or gap."
        )
    return pd.concat(tables, ignore_index=True)
