"""How well a score tells those with a yes from those without: area under the curve, and what a list of the highest scores catches."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special
from scipy.stats import rankdata

from cs_analysis.errors import ParameterError
from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.intervals import Interval
from cs_analysis.stats.resampling import generator
from cs_analysis.stats.scores.influence import Flags, Floats, Integers, normal_quantile, read_scores
from cs_analysis.stats.sum_ratios import Source

Caught = Literal["precision", "recall", "lift"]


def auc(score: npt.ArrayLike, y: npt.ArrayLike, *, clusters: npt.ArrayLike | None = None, conf_level: float = 0.95) -> Interval:
    """Return the chance that a row with a yes scores higher than one with a no, ties counting half.

    The variance is DeLong's, with clusters Obuchowski's; the limits are symmetric for the logit. Where every pair is in order (or none is) the variance
    says nothing: one limit is then the estimate and the other that of as many independent pairs in order as the smaller side has rows (clusters). A
    single cluster has no limits.

    Raises
    ------
    ParameterError, NotEnoughDataError
        A score is no number, lengths differ; all rows are alike.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44, 837-845. Obuchowski (1997), Biometrics 53, 567-578. Pepe (2003), The Statistical Evaluation
    of Medical Tests for Classification and Prediction, section 5.2, for the logit.

    Examples
    --------
    >>> float(auc([0.1, 0.4, 0.35, 0.8], [False, False, True, True]).estimate)
    0.75
    """
    values, outcome, groups = read_scores(score, y, clusters)
    z = normal_quantile(conf_level)
    parts = _placed(values, outcome)
    area = float(parts[outcome].mean())
    if groups.max() == 0:
        return Interval(area, np.nan, np.nan)
    if area in (0.0, 1.0):
        pairs = min(len(np.unique(groups[outcome == side])) for side in (True, False))
        away = float(special.ndtr(-z)) ** (1 / pairs)
        return Interval(area, away if area else 0.0, 1.0 if area else 1 - away)
    half = z * np.sqrt(_variance(parts, parts, outcome, groups=groups)) / (area * (1 - area))
    place = special.logit(area)
    return Interval(area, float(special.expit(place - half)), float(special.expit(place + half)))


def auc_difference(a: npt.ArrayLike, b: npt.ArrayLike, y: npt.ArrayLike, *, clusters: npt.ArrayLike | None = None, conf_level: float = 0.95) -> Interval:
    """Return the area under the curve of score `a` minus that of score `b` on the same rows, with the limits of paired areas.

    There are none for a single cluster, nor where every pair of rows differs by as much: the variance then says nothing.

    Raises
    ------
    ParameterError, NotEnoughDataError
        As for `auc`.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44, 837-845. Obuchowski (1997), Biometrics 53, 567-578.
    """
    first, outcome, groups = read_scores(a, y, clusters)
    parts = _placed(first, outcome) - _placed(read_scores(b, y, clusters)[0], outcome)
    gap = float(parts[outcome].mean())
    half = normal_quantile(conf_level) * float(np.sqrt(_variance(parts, parts, outcome, groups=groups)))
    if groups.max() == 0 or (gap and not half):
        return Interval(gap, np.nan, np.nan)
    return Interval(gap, max(gap - half, -1.0), min(gap + half, 1.0))


def _placed(score: Floats, outcome: Flags) -> Floats:
    """Return for each row the share of the rows of the other kind that it is in order with, ties counting half."""
    ranks, own = rankdata(score), np.empty(len(score))
    for side in (True, False):
        own[outcome == side] = rankdata(score[outcome == side])
    yes = int(outcome.sum())
    below = (ranks - own) / np.where(outcome, len(score) - yes, yes)
    return np.asarray(np.where(outcome, below, 1 - below), dtype="float64")


def _variance(first: Floats, second: Floats, outcome: Flags, *, groups: Integers) -> float:
    """Return the covariance of two areas from the rows' places, summed by cluster."""
    number = int(groups.max()) + 1
    sums = {}
    for name, places in (("first", first), ("second", second)):
        for side in (True, False):
            rows = outcome == side
            away = places[rows] - places[rows].mean()
            sums[name, side] = np.bincount(groups[rows], away, number) / rows.sum()
    held = {side: len(np.unique(groups[outcome == side])) for side in (True, False)}
    own = sum(sums["first", side] @ sums["second", side] * held[side] / max(held[side] - 1, 1) for side in (True, False))
    across = sums["first", True] @ sums["second", False] + sums["first", False] @ sums["second", True]
    return float(max(own + across * number / max(number - 1, 1), 0.0))


class _Ordered(NamedTuple):
    """Rows from the highest score down, with the number of their tie and their clusters."""

    outcome: Floats
    tie: Integers
    groups: Integers


def caught(
    score: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    share: float,
    clusters: npt.ArrayLike | None = None,
    conf_level: float = 0.95,
    rng: Source = 0,
    replicates: int = 1000,
) -> dict[Caught, Interval]:
    """Return what a list of the highest scores catches: `precision`, `recall` and `lift`.

    The list holds `share` of the rows; where scores tie at its end it holds the expected part of them. Precision is the share of the list with a yes,
    recall the share of all with a yes who are on it, lift precision over the share of all rows with a yes. Percentile limits of 1,000 resamples of
    clusters, in each of which the list is drawn up anew.

    Raises
    ------
    ParameterError, NotEnoughDataError
        `share` is not between 0 and 1; as for `auc`.

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapter 13. Davison and Hinkley (1997), Bootstrap Methods and their Application,
    section 3.8, for clusters.

    Examples
    --------
    >>> round(float(caught([4, 3, 2, 1], [True, False, False, True], share=0.25)["lift"].estimate), 2)
    2.0
    """
    values, outcome, groups = read_scores(score, y, clusters)
    if not 0 < share < 1:
        raise ParameterError(f"share must lie between 0 and 1, such as 0.1, not {share!r}.")
    tail = (1 - check_conf_level(conf_level)) / 2
    order = np.argsort(-values, kind="stable")
    _, tie = np.unique(-values[order], return_inverse=True)
    rows = _Ordered(outcome[order].astype("float64"), tie, groups[order])
    estimate = _caught(rows, np.ones(len(order)), share)
    number, source = int(groups.max()) + 1, generator(rng)
    draws = [_caught(rows, np.bincount(source.integers(0, number, number), minlength=number)[rows.groups], share) for _ in range(replicates)]
    low, high = np.nanquantile(draws, [tail, 1 - tail], axis=0)
    names: tuple[Caught, ...] = ("precision", "recall", "lift")
    return {name: Interval(*(float(part[place]) for part in (estimate, low, high))) for place, name in enumerate(names)}


def _caught(rows: _Ordered, weight: npt.NDArray[Any], share: float) -> Floats:
    """Return precision, recall and lift of the list when each row counts `weight` times; missing where nobody has a yes."""
    total, yes = weight.sum(), weight @ rows.outcome
    ties, yeses = np.bincount(rows.tie, weight), np.bincount(rows.tie, weight * rows.outcome)
    part = np.clip((share * total - (np.cumsum(ties) - ties)) / np.where(ties > 0, ties, 1), 0, 1)
    found = part @ yeses
    if not yes:
        return np.full(3, np.nan)
    return np.array([found / (share * total), found / yes, found / (share * yes)])
