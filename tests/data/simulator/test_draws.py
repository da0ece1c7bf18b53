"""Keyed uniforms and inverse distribution functions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cs_analysis.data.simulator import draws
from cs_analysis.data.simulator.draws import Draws

ROWS = np.arange(20_000)


def test_the_mixer_is_splitmix64() -> None:
    """The first three outputs of SplitMix64 from state 0, as published with the algorithm."""
    counters = np.arange(3)
    with np.errstate(over="ignore"):
        outputs = draws._mix(draws._step(counters))
    assert [hex(value) for value in outputs.tolist()] == ["0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4", "0x6c45d188009454f"]


def test_uniforms_lie_strictly_inside_and_are_even() -> None:
    u = Draws(3).uniform("any", ROWS)
    assert 0 < u.min() < u.max() < 1
    assert stats.kstest(u, "uniform").pvalue > 0.001


def test_streams_accounts_and_counters_are_unrelated() -> None:
    u = Draws(3).uniform("any", ROWS)
    others = [Draws(3).uniform("other", ROWS), Draws(4).uniform("any", ROWS), Draws(3).uniform("any", ROWS + 1), Draws(3).uniform("any", ROWS, 1)]
    assert all(abs(np.corrcoef(u, other)[0, 1]) < 0.03 for other in others)  # 4 / sqrt(20,000) = 0.028


def test_a_draw_depends_on_its_own_address_only() -> None:
    whole = Draws(5).uniform("any", np.arange(100)[:, None], np.arange(7))
    single = Draws(5).uniform("any", np.array([42]), 3)
    assert whole[42, 3] == single[0]


@pytest.mark.parametrize("mean", [0.0, 0.3, 4.0, 55.0, 400.0])
def test_poisson_is_the_inverse_distribution_function(mean: float) -> None:
    u = Draws(1).uniform("poisson", np.arange(2_000))
    np.testing.assert_array_equal(draws.poisson(u, mean), stats.poisson.ppf(u, mean) if mean else np.zeros(2_000))


def test_poisson_ends_where_rounding_hides_the_tail() -> None:
    assert draws.poisson(np.array([1.0 - 2.0**-53]), 3.0)[0] < 60


@pytest.mark.parametrize("mean", [0.2, 3.2, 50.0])
def test_geometric_is_the_inverse_distribution_function(mean: float) -> None:
    u = Draws(1).uniform("geometric", np.arange(2_000))
    np.testing.assert_array_equal(draws.geometric(u, mean), stats.geom.ppf(u, 1 / (1 + mean)) - 1)


def test_choice_cuts_the_unit_interval_at_the_shares() -> None:
    u = np.array([0.0, 0.19, 0.21, 0.69, 0.71, 1.0])
    assert draws.choice(u, [2, 5, 3]).tolist() == [0, 0, 1, 1, 2, 2]
    assert draws.choice(u[:2], [[2, 5, 3], [1, 9, 0]]).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        (lambda u: draws.exponential(u, 4.0), stats.expon(scale=4.0)),
        (lambda u: draws.normal(u, 2.0, 3.0), stats.norm(2.0, 3.0)),
        (lambda u: draws.lognormal(u, 2.0, 0.5), stats.lognorm(0.5, scale=2.0)),
        (lambda u: draws.gamma(u, 0.9, 60.0), stats.gamma(0.9, scale=1 / 60)),
        (lambda u: draws.beta(u, 0.8, 3.0), stats.beta(0.8, 3.0)),
    ],
)
def test_continuous_draws_are_quantiles(drawn: object, expected: object) -> None:
    u = np.array([0.01, 0.3, 0.5, 0.999])
    np.testing.assert_allclose(drawn(u), expected.ppf(u), rtol=1e-9)
