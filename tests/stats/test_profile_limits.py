"""Profile limits: closed forms, one side without a limit, and agreement with a search that knows no derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, special, stats

from cs_analysis.stats.newton import maximise
from cs_analysis.stats.profile_limits import profile_limits

QUANTILE = 3.841458820694124  # chi-squared, one degree of freedom, 95 %


def test_limits_of_a_poisson_mean_solve_its_likelihood_equation():
    """Ten units with the mean 2: ten times (2 u - exp(u)) falls by half the quantile."""

    def objective(point):
        return float(2 * point[0] - np.exp(point[0])), 2 - np.exp(point), -np.exp(point)[:, None]

    found = profile_limits(objective, maximise(objective, [0.0], terms=["mean"]), units=10, conf_level=0.95)
    top = 2 * np.log(2) - 2
    for limit, side in zip(found, ((-3, np.log(2)), (np.log(2), 3)), strict=True):
        assert limit[0] == pytest.approx(optimize.brentq(lambda u: 20 * (top - 2 * u + np.exp(u)) - QUANTILE, *side), rel=1e-6)


def flat_to_the_right(point):
    """Return -(1 - exp(-x))^2 / 2: it falls without end to the left, and never below -1/2 to the right."""
    gone = np.exp(-point[0])
    return float(-((1 - gone) ** 2) / 2), np.array([-(1 - gone) * gone]), np.array([[gone * (1 - 2 * gone)]])


def test_a_side_on_which_the_likelihood_stays_high_has_no_limit():
    best = maximise(flat_to_the_right, [0.1], terms=["x"])
    low, high = profile_limits(flat_to_the_right, best, units=2, conf_level=0.95)
    assert high[0] == np.inf
    assert low[0] == pytest.approx(-np.log(1 + np.sqrt(QUANTILE / 2)), rel=1e-6)  # 2 * 2 * (1 - e^-x)^2 / 2 = quantile
    low, high = profile_limits(flat_to_the_right, best, units=100, conf_level=0.95)
    assert high[0] == pytest.approx(-np.log(1 - np.sqrt(QUANTILE / 100)), rel=1e-6)


@pytest.mark.parametrize("size", [8, 300])
def test_two_parameters_with_a_ridge(size):
    x = np.random.default_rng(1).gamma(2.5, 1 / 0.3, size)
    mean, mean_log = x.mean(), np.log(x).mean()

    def objective(point):
        k, b = np.exp(point)
        first = np.log(b) - special.digamma(k) + mean_log
        value = k * np.log(b) - special.gammaln(k) + (k - 1) * mean_log - b * mean
        return float(value), np.array([k * first, k - b * mean]), np.array([[k * first - k * k * special.polygamma(1, k), k], [k, -b * mean]])

    best = maximise(objective, [0.0, 0.0], terms=["k", "b"])
    low, high = profile_limits(objective, best, units=size, conf_level=0.9)
    quantile = stats.chi2.ppf(0.9, 1)
    for limit, side in ((low[0], (-4, best.point[0])), (high[0], (best.point[0], 4))):
        excess = lambda u: 2 * size * (best.value - objective(np.array([u, u - np.log(mean)]))[0]) - quantile  # noqa: E731 - the best rate is k / mean
        assert limit == pytest.approx(optimize.brentq(excess, *side), rel=1e-6)
