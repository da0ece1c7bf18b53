"""Whether a distribution has moved."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.scores.drift import psi


def test_by_hand() -> None:
    # Two bins, cut at the median 1: then 3 of 4 up to it, now 1 of 4. With half a row in each bin, shares 3.5/5, 1.5/5 and 1.5/5, 3.5/5:
    # (.4)(log(.7 / .3)) twice.
    found = psi([0, 1, 1, 5], [1, 7, 8, 9], bins=2)
    assert found.value == pytest.approx(2 * 0.4 * np.log(0.7 / 0.3))
    assert found.noise == pytest.approx(chi2.ppf(0.95, 1) * 0.5)


def test_what_is_missing_is_a_bin_of_its_own() -> None:
    rng = np.random.default_rng(1)
    then = rng.standard_normal(400)
    now = np.where(np.arange(400) < 100, np.nan, rng.standard_normal(400))
    assert psi(then, now).value > 5 * psi(then, now).noise
    assert psi(now, now).value == 0
    assert psi(np.full(5, np.nan), np.full(7, np.nan)).value == 0


def test_chance_alone_is_called_drift_in_one_sample_of_twenty() -> None:
    rng = np.random.default_rng(2)
    over = [found.value > found.noise for found in (psi(rng.lognormal(size=300), rng.lognormal(size=150)) for _ in range(1000))]
    assert 0.03 <= np.mean(over) <= 0.07


def test_a_shift_is_found_and_the_scale_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    then, now = rng.standard_normal(500), rng.standard_normal(500) + 0.5
    assert psi(then, now).value > psi(then, now).noise
    assert psi(np.exp(then), np.exp(now)).value == pytest.approx(psi(then, now).value)


def test_refusals() -> None:
    with pytest.raises(NotEnoughDataError, match="both have a row"):
        psi([], [1.0])
    with pytest.raises(ParameterError, match="finite or missing"):
        psi([1.0, np.inf], [1.0])
    with pytest.raises(ParameterError, match="at least 2"):
        psi([1.0], [1.0], bins=1)
