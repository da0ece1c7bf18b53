"""Score residuals and robust covariances: against R, and against what leaving rows out does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cox_designs import GOLDEN, golden_design, random_design
from cs_analysis.stats.cox.design import CoxData
from cs_analysis.stats.cox.likelihood import PartialLikelihood
from cs_analysis.stats.cox.robust import robust_covariance, row_influence, score_residuals

RESIDUALS = pd.read_csv(GOLDEN / "fits_residuals.csv")


def model_covariance(data: CoxData, beta: np.ndarray) -> np.ndarray:
    """Return the inverse information."""
    return np.linalg.inv(PartialLikelihood.of(data).at(beta)[2])


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("case", list(dict.fromkeys(RESIDUALS["case"])))
def test_equal_the_residuals_of_r(case: str, ties: str) -> None:
    data, beta = golden_design(case, ties)
    expected = RESIDUALS.query("case == @case and ties == @ties").pivot_table(index="row", columns="term", values=["score", "dfbeta"])
    np.testing.assert_allclose(score_residuals(data, beta), expected["score"], rtol=1e-7, atol=1e-7)
    influence = row_influence(data, beta, covariance=model_covariance(data, beta))
    np.testing.assert_allclose(influence, expected["dfbeta"], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("seed", range(3))
def test_weighted_they_sum_to_the_score(seed: int, ties: str) -> None:
    data, beta = random_design(seed, ties=ties), np.array([0.4, -0.3, 0.8])
    _, score, _ = PartialLikelihood.of(data).at(beta)
    np.testing.assert_allclose(data.weights @ score_residuals(data, beta), score, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_they_are_the_slopes_by_the_weights(seed: int) -> None:
    # Without ties the score depends on the weight of a row exactly as its residual says.
    data, beta, step = random_design(seed), np.array([0.4, -0.3, 0.8]), 1e-5
    apart = data._replace(leave=data.leave + np.arange(len(data.leave)))
    found = score_residuals(apart, beta)
    for row in (0, 7, 19):
        way = np.where(np.arange(len(data.leave)) == row, step, 0.0)
        up, down = (PartialLikelihood.of(apart._replace(weights=apart.weights + change)).at(beta)[1] for change in (way, -way))
        np.testing.assert_allclose(found[row], (up - down) / (2 * step), rtol=1e-5, atol=1e-6)


def test_the_robust_covariance_adds_up_clusters() -> None:
    data, beta = golden_design("heart")
    covariance = model_covariance(data, beta)
    influence = row_influence(data, beta, covariance=covariance)
    by_cluster = pd.DataFrame(influence).groupby(data.cluster).sum().to_numpy()
    expected = sum(np.outer(each, each) for each in by_cluster)
    np.testing.assert_allclose(robust_covariance(data, beta, covariance=covariance), expected, rtol=1e-12)
    alone = robust_covariance(data._replace(cluster=None), beta, covariance=covariance)
    np.testing.assert_allclose(alone, sum(np.outer(each, each) for each in influence), rtol=1e-12)
