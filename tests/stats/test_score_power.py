"""Detectable differences and needed sizes: against statsmodels, each other, and the power of the tests in exact and simulated samples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, norm

from cs_analysis.errors import ParameterError
from cs_analysis.stats.paired_scores import Answers, Pairs, sample_differences
from cs_analysis.stats.score_power import Sampling, detectable_difference, needed_size, spread_of

NPS = Sampling(spread_of({100: 50, 0: 30, -100: 20}))


def test_the_spread_of_a_net_score_by_hand() -> None:
    assert spread_of({100: 50, 0: 30, -100: 20}) == pytest.approx(100 * np.sqrt(0.7 - 0.3**2))
    assert spread_of({1: 20, 0: 80}) == pytest.approx(0.4)


def test_the_formula_by_hand() -> None:
    # (1.959964 + .841621) x 78.1025 x sqrt(1/100 + 1/50) = 37.90
    assert float(detectable_difference(100, 50, NPS)) == pytest.approx(2.801585 * 78.1025 * np.sqrt(0.03), rel=1e-5)
    assert float(detectable_difference(100, 50, NPS._replace(design_effect=4))) == pytest.approx(2 * 2.801585 * 78.1025 * np.sqrt(0.03), rel=1e-5)
    # half of 100 answer twice, alike by .6: 2 x .6 x 50 / (100 x 100) is taken off 2 / 100
    panel = NPS._replace(overlap=0.5, correlation=0.6)
    assert float(detectable_difference(100, 100, panel)) == pytest.approx(2.801585 * 78.1025 * np.sqrt(0.02 - 0.006), rel=1e-5)


@pytest.mark.slow
def test_equals_statsmodels() -> None:
    from statsmodels.stats.power import NormalIndPower

    effect = NormalIndPower().solve_power(nobs1=120, ratio=0.5, alpha=0.1, power=0.9)
    assert float(detectable_difference(120, 60, NPS, power=0.9, conf_level=0.9)) == pytest.approx(effect * NPS.spread, rel=1e-5)
    size = NormalIndPower().solve_power(effect_size=10 / NPS.spread, alpha=0.05, power=0.8)
    assert float(needed_size(10, NPS)) == np.ceil(size)


@pytest.mark.parametrize("sampling", [NPS, NPS._replace(design_effect=1.7), NPS._replace(overlap=0.8, correlation=0.5)])
def test_one_is_the_inverse_of_the_other(sampling: Sampling) -> None:
    sizes = needed_size([5, 10, 40], sampling)
    assert (detectable_difference(sizes, sizes, sampling) <= [5, 10, 40]).all()
    assert (detectable_difference(sizes - 1, sizes - 1, sampling) > [5, 10, 40]).all()
    assert (np.diff(sizes) < 0).all()


def test_exact_power_of_shares() -> None:
    low, high, n = 0.45, 0.55, int(needed_size(0.1, Sampling(np.sqrt(0.45 * 0.55))))
    first, second = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    chance = np.outer(binom.pmf(np.arange(n + 1), n, high), binom.pmf(np.arange(n + 1), n, low))
    error = np.sqrt((first * (n - first) + second * (n - second)) / n**3)
    found = np.abs(first - second) / n > norm.ppf(0.975) * error
    assert float(chance[found].sum()) == pytest.approx(0.8, abs=0.01)


@pytest.mark.slow
def test_simulated_power_of_the_test_of_net_scores() -> None:
    rng, gap, samples = np.random.default_rng(4), 0.25, 1200
    laws = [[0.325 + gap / 4, 0.35, 0.325 - gap / 4], [0.325 - gap / 4, 0.35, 0.325 + gap / 4]]  # nets of -.125 and .125, spreads alike
    n = int(needed_size(gap, Sampling(np.sqrt(0.65 - (gap / 2) ** 2))))
    kind = np.concatenate([rng.choice(3, (samples, n), p=law) for law in laws]).ravel()
    rows = Answers((kind == 0).astype(float), (kind == 2).astype(float), kind / 2.0, np.arange(2 * samples).repeat(n), np.arange(len(kind)))
    found = sample_differences(rows, Pairs(np.arange(samples, 2 * samples), np.arange(samples)), kind="net")
    assert float(np.mean(found.conf_low > 0)) == pytest.approx(0.8, abs=0.035)


def test_nothing_can_be_told_without_answers_and_no_difference_takes_infinitely_many() -> None:
    assert detectable_difference([0, 10], [10, 10], NPS)[0] == np.inf
    assert needed_size(0, NPS) == np.inf
    assert needed_size(10, Sampling(0.0)) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: detectable_difference(10, -1, NPS), "answers must be"),
        (lambda: detectable_difference(10, 10, NPS, power=1.0), "power must lie"),
        (lambda: detectable_difference(10, 10, NPS, power=0.01), "power must lie"),
        (lambda: detectable_difference(10, 10, NPS, conf_level=95), "conf_level"),
        (lambda: needed_size(10, Sampling(1.0, design_effect=0.5)), "design_effect at least 1"),
        (lambda: needed_size(10, Sampling(1.0, overlap=1.5)), "overlap must lie"),
        (lambda: needed_size(10, Sampling(1.0, correlation=-2)), "correlation between"),
        (lambda: spread_of({1: -1}), "counts must be"),
        (lambda: spread_of({}), "counts must be"),
    ],
)
def test_what_is_refused(call: object, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        call()  # type: ignore[operator]
