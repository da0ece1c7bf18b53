"""One model's scores and probabilities held against what came, by every measure at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from cs_analysis.stats.intervals import Interval
from cs_analysis.stats.scores.calibration import brier, brier_skill, calibration_terms, observed_expected
from cs_analysis.stats.scores.discrimination import Caught, auc, caught
from cs_analysis.stats.sum_ratios import Source


class Judgement(NamedTuple):
    """A measure with its unit and limits."""

    metric: str
    unit: str
    found: Interval


def of_probabilities(p: pd.Series, y: pd.Series, *, clusters: pd.Series, conf_level: float) -> list[Judgement]:
    """Return what holds for probabilities even if they are the same for everybody: `brier`, `calibration_intercept`, `observed_expected`."""
    rows = {"clusters": clusters, "conf_level": conf_level}
    return [
        Judgement("brier", "ratio", brier(p, y, **rows)),
        Judgement("calibration_intercept", "ratio", calibration_terms(p, y, **rows)[0]),
        Judgement("observed_expected", "ratio", observed_expected(p, y, **rows)),
    ]


def of_order(score: pd.Series, y: pd.Series, *, rounds: pd.Series, share: float, clusters: pd.Series, conf_level: float, rng: Source) -> list[Judgement]:
    """Return `auc`, and `precision`, `recall` and `lift` of lists of the `share` highest scores of each round.

    A list that no resample of can tell from itself (nobody on it has a yes, or everybody) has no limits.
    """
    rows = {"clusters": clusters, "conf_level": conf_level}
    listed = caught(ranks(score, rounds), y, share=share, rng=rng, **rows)
    lists = [Judgement(name, "ratio" if name == "lift" else "share", found) for name, found in _told(listed).items()]
    return [Judgement("auc", "share", auc(score, y, **rows)), *lists]


def _told(listed: dict[Caught, Interval]) -> dict[Caught, Interval]:
    same = listed["precision"].conf_low == listed["precision"].conf_high
    return {name: Interval(found.estimate, np.nan, np.nan) if same else found for name, found in listed.items()}


def of_differences(p: pd.Series, y: pd.Series, *, reference: pd.Series, clusters: pd.Series, conf_level: float) -> list[Judgement]:
    """Return `brier_skill` against reference probabilities, and `calibration_slope`."""
    rows = {"clusters": clusters, "conf_level": conf_level}
    return [
        Judgement("brier_skill", "share", brier_skill(p, y, reference=reference, **rows)),
        Judgement("calibration_slope", "ratio", calibration_terms(p, y, **rows)[1]),
    ]


def ranks(score: pd.Series, rounds: pd.Series) -> pd.Series:
    """Return the rank of each score within its round, as a share from 0 to 1; ties share the mean of theirs."""
    return score.groupby(rounds.to_numpy()).rank(pct=True)
