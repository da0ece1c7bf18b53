import numpy as np
import pytest
from numpy.testing import assert_allclose

from cs_analysis.stats.importance.halo import alpha, component_shares, explained_by_first, inflation

ALIKE = np.full((4, 4), 0.5) + 0.5 * np.eye(4)  # largest eigenvalue 1 + 3 x .5 = 2.5, the others .5


def test_equal_correlations_by_hand() -> None:
    assert_allclose(component_shares(ALIKE[None])[0], [2.5 / 4, 0.5 / 4, 0.5 / 4, 0.5 / 4])
    assert alpha(ALIKE[None])[0] == pytest.approx(4 * 0.5 / (1 + 3 * 0.5))
    assert_allclose(inflation(ALIKE[None])[0], np.diag(np.linalg.inv(ALIKE)))


def test_one_column_has_no_alpha_and_copies_have_no_bounds() -> None:
    assert np.isnan(alpha(np.ones((1, 1, 1)))[0])
    assert inflation(np.ones((1, 2, 2)))[0].min() > 1e9


def test_what_the_first_component_explains() -> None:
    x = np.random.default_rng(0).normal(size=(50, 3)) + np.random.default_rng(1).normal(size=(50, 1))
    y = x[:, 0] + np.random.default_rng(2).normal(size=50)
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    first = standard @ np.linalg.svd(standard)[2][0]
    found = explained_by_first(np.corrcoef(np.column_stack([x, y]).T)[None])[0]
    assert found == pytest.approx(np.corrcoef(first, y)[0, 1] ** 2)
