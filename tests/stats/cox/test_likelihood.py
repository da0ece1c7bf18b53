"""The partial likelihood against one written out in plain Python, and its derivatives against differences."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cox_designs import random_design
from cs_analysis.stats.cox.design import CoxData
from cs_analysis.stats.cox.likelihood import PartialLikelihood

BETA = np.array([0.4, -0.3, 0.8])


def log_likelihood(data: CoxData, beta: np.ndarray) -> float:
    """Return the logarithm of the partial likelihood, visiting every risk set."""
    value = 0.0
    moments = {(data.stratum[row], data.leave[row]) for row in range(len(data.leave)) if data.observed[row]}
    for stratum, time in moments:
        rows = [row for row in range(len(data.leave)) if data.stratum[row] == stratum]
        at_risk = [row for row in rows if (data.enter[row] < time or data.enter[row] == 0) and data.leave[row] >= time]
        ended = [row for row in rows if data.leave[row] == time and data.observed[row]]
        hazard = {row: data.weights[row] * math.exp(data.x[row] @ beta) for row in at_risk}
        value += sum(data.weights[row] * (data.x[row] @ beta) for row in ended)
        mean_weight = sum(data.weights[row] for row in ended) / len(ended)
        for step in range(len(ended)):
            off = step / len(ended) if data.ties == "efron" else 0.0
            value -= mean_weight * math.log(sum(hazard.values()) - off * sum(hazard[row] for row in ended))
    return value


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("strata", [1, 3])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
def test_equals_the_sum_over_risk_sets(seed: int, weighted: bool, late: bool, strata: int, ties: str) -> None:
    data = random_design(seed, weighted=weighted, late=late, strata=strata, ties=ties)
    value, _, _ = PartialLikelihood.of(data).at(BETA)
    assert value == pytest.approx(log_likelihood(data, BETA), rel=1e-11)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("seed", range(4))
def test_score_and_information_are_the_slopes(seed: int, ties: str) -> None:
    data, step = random_design(seed, ties=ties), 1e-5
    _, score, information = PartialLikelihood.of(data).at(BETA)
    ways = np.eye(3) * step
    slopes = [(log_likelihood(data, BETA + way) - log_likelihood(data, BETA - way)) / (2 * step) for way in ways]
    np.testing.assert_allclose(score, slopes, rtol=1e-6, atol=1e-7)
    at = PartialLikelihood.of(data).at
    curves = [(at(BETA - way)[1] - at(BETA + way)[1]) / (2 * step) for way in ways]
    np.testing.assert_allclose(information, curves, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(information, information.T, rtol=1e-12)


def test_a_shift_of_a_covariate_changes_nothing() -> None:
    data = random_design(3)
    moved = data._replace(x=data.x + np.array([1e5, -3e4, 7.0]))
    value, score, information = PartialLikelihood.of(data).at(BETA)
    shifted = PartialLikelihood.of(moved).at(BETA)
    assert shifted[0] == pytest.approx(value, rel=1e-9)
    np.testing.assert_allclose(shifted[1], score, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(shifted[2], information, rtol=1e-6, atol=1e-8)


def test_strata_of_very_different_risk_do_not_hide_each_other() -> None:
    # A covariate that is the same within a stratum cannot matter, even where it makes hazards e^300 times as high.
    data = random_design(5, strata=2)
    apart = data._replace(x=np.column_stack([data.x[:, :2], 300.0 * data.stratum]))
    beta = np.array([0.4, -0.3, 1.0])
    value, score, _ = PartialLikelihood.of(apart).at(beta)
    alone, part, _ = PartialLikelihood.of(apart._replace(x=apart.x[:, :2], terms=("x1", "x2"))).at(beta[:2])
    assert value == pytest.approx(alone, rel=1e-9)
    np.testing.assert_allclose(score[:2], part, rtol=1e-9)
