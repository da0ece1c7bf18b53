"""Tables without groups: the same values, the same rank correlations, ties or not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cs_analysis.stats.grouping.copula_null import latent_correlation, normal_scores, null_tables


def latent(rho: float, rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).multivariate_normal([0, 0], [[1, rho], [rho, 1]], rows)


def test_equal_values_share_the_mean_score() -> None:
    """Four ranks have the normal quantiles of 1/8, 3/8, 5/8, 7/8."""
    quantiles = stats.norm.ppf([1 / 8, 3 / 8, 5 / 8, 7 / 8])
    scores = normal_scores(np.array([[5.0], [1.0], [5.0], [9.0]]))[:, 0]
    assert scores.tolist() == pytest.approx([quantiles[1:3].mean(), quantiles[0], quantiles[1:3].mean(), quantiles[3]])


@pytest.mark.parametrize("rho", [-0.8, 0.0, 0.3, 0.9])
@pytest.mark.parametrize("cut", [0.0, 1.0])
def test_two_columns_of_zeros_and_ones_have_the_correlation_they_were_cut_from(rho: float, cut: float) -> None:
    """The correlation of the cut columns is far less. At a cut of 1 and rho 0 the standard error is 0.030; the tolerance is three of them."""
    values = (latent(rho, 6000, 1) > cut).astype(float)
    assert latent_correlation(values)[0, 1] == pytest.approx(rho, abs=0.1)


def test_tetrachoric_correlation_at_the_middle_by_hand() -> None:
    """Cut at the medians, a quarter plus arcsin(rho) / (2 pi) of the rows are high in both: with a third of them rho = sin(pi / 6) = 1/2."""
    values = np.repeat([[1.0, 1], [0, 0], [1, 0], [0, 1]], [200, 200, 100, 100], axis=0)
    assert latent_correlation(values)[0, 1] == pytest.approx(0.5, abs=0.005)


def test_counts_with_many_zeros_keep_their_latent_correlation() -> None:
    normal = latent(0.6, 8000, 2)
    values = np.column_stack([stats.poisson.ppf(stats.norm.cdf(column), 0.7) for column in normal.T])
    assert np.corrcoef(values, rowvar=False)[0, 1] < 0.56
    assert latent_correlation(values)[0, 1] == pytest.approx(0.6, abs=0.05)


def test_columns_that_say_the_same_can_still_be_drawn() -> None:
    column = np.random.default_rng(3).normal(size=100)
    values = np.column_stack([column, column, -column])
    table = next(null_tables(values, count=1, rng=np.random.default_rng(0)))
    assert stats.spearmanr(table).statistic[0, 1] > 0.99
    assert stats.spearmanr(table).statistic[0, 2] < -0.99


def test_the_tables_have_the_values_of_each_column_and_on_average_its_rank_correlations() -> None:
    normal = latent(0.5, 300, 4)
    values = np.column_stack([np.exp(normal[:, 0]), np.floor(np.maximum(normal[:, 1], 0) * 3)])
    tables = list(null_tables(values, count=60, rng=np.random.default_rng(0)))
    for table in tables:
        np.testing.assert_array_equal(np.sort(table, axis=0), np.sort(values, axis=0))
    drawn = [stats.spearmanr(table).statistic for table in tables]
    assert np.mean(drawn) == pytest.approx(stats.spearmanr(values).statistic, abs=0.03)
    assert np.std(drawn) > 0.02


def test_equal_columns_of_correlations_that_cannot_be_together_are_made_possible() -> None:
    """Pairwise the cut columns ask for correlations whose matrix has a negative eigenvalue."""
    values = np.random.default_rng(6).integers(0, 2, (12, 6)).astype(float)
    assert np.linalg.eigvalsh(latent_correlation(values)).min() > 0
