"""Newton's method: known maxima, far starts, ridges and cliffs."""

from __future__ import annotations

import numpy as np
import pytest

from cs_analysis.errors import ConvergenceError
from cs_analysis.stats.newton import maximise


def gamma_likelihood(x):
    """Return the objective of a gamma sample in (log shape, log rate), with derivatives by hand."""
    from scipy import special

    mean, mean_log = x.mean(), np.log(x).mean()

    def objective(point):
        k, b = np.exp(point)
        value = k * np.log(b) - special.gammaln(k) + (k - 1) * mean_log - b * mean
        first = np.log(b) - special.digamma(k) + mean_log
        gradient = np.array([k * first, k - b * mean])
        hessian = np.array([[k * first - k * k * special.polygamma(1, k), k], [k, -b * mean]])
        return float(value), gradient, hessian

    return objective


def test_the_gamma_sample_equals_scipy():
    from scipy import stats

    x = np.random.default_rng(1).gamma(2.5, 1 / 0.3, 500)
    found = maximise(gamma_likelihood(x), [0.0, 0.0], terms=["k", "b"])
    shape, _, scale = stats.gamma.fit(x, floc=0)
    assert np.exp(found.point) == pytest.approx([shape, 1 / scale], rel=1e-6)
    assert found.steepest < 1e-12
    assert found.condition > 1


@pytest.mark.parametrize("start", [(-8.0, 8.0), (8.0, -8.0), (6.0, 6.0)])
def test_far_starts_reach_the_same_maximum(start):
    x = np.array([0.5, 1.0, 2.0, 3.5, 0.2])
    near = maximise(gamma_likelihood(x), [0.0, 0.0], terms=["k", "b"])
    far = maximise(gamma_likelihood(x), start, terms=["k", "b"])
    assert far.point == pytest.approx(near.point, abs=1e-10)


def test_it_climbs_out_of_a_hollow_where_the_curvature_has_the_wrong_sign():
    def objective(x):  # -(x^2 - 4)^2: a hollow at 0, peaks at -2 and 2
        return float(-((x[0] ** 2 - 4) ** 2)), -4 * x * (x**2 - 4), np.array([[-12 * x[0] ** 2 + 16]])

    assert maximise(objective, [0.1], terms=["x"]).point == pytest.approx([2.0], abs=1e-12)


def test_a_likelihood_that_rises_for_ever_is_an_error_that_names_the_place():
    def objective(x):
        return float(x[0] + x[1]), np.ones(2), np.zeros((2, 2))

    with pytest.raises(ConvergenceError, match=r"after 50 steps.* 1\.0e\+00 at a = .*, b = "):
        maximise(objective, [0.0, 0.0], terms=["a", "b"], most=50)


def test_a_start_out_of_reach_is_an_error():
    with pytest.raises(ConvergenceError, match="finite where the search starts; it is nan at x = -1"):
        maximise(lambda x: (float("nan"), x, np.eye(1)), [-1.0], terms=["x"])


def test_a_cliff_halves_the_step():
    def objective(x):  # log(x) - x, out of reach at or below 0
        if x[0] <= 0:
            return float("-inf"), np.array([np.nan]), np.array([[np.nan]])
        return float(np.log(x[0]) - x[0]), 1 / x - 1, np.array([[-1 / x[0] ** 2]])

    assert maximise(objective, [1.9], terms=["x"]).point == pytest.approx([1.0], abs=1e-12)


def test_a_ridge_has_infinite_condition():
    def objective(x):  # only the sum counts
        gap = x.sum() - 1
        return float(-(gap**2)), np.full(2, -2 * gap), np.full((2, 2), -2.0)

    found = maximise(objective, [3.0, 2.0], terms=["a", "b"])
    assert found.point.sum() == pytest.approx(1.0)
    assert found.condition > 1e12
