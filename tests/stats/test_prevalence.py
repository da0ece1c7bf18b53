"""Prevalence corrected for a test's errors: by hand, at the edges, and in simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

import cs_analysis as cs
from cs_analysis.stats.prevalence import Counts, corrected_prevalence


def test_the_estimate_by_hand() -> None:
    share = corrected_prevalence(0.3, 200, sensitivity=Counts(40, 50), specificity=Counts(90, 100))
    assert share.estimate == pytest.approx((0.3 + 0.9 - 1) / (0.8 + 0.9 - 1))  # 0.2 / 0.7


def test_the_limits_by_hand() -> None:
    z = 1.959963984540054
    p, n = (60 + z**2 / 2) / (200 + z**2), 200 + z**2
    se, sp = 41 / 52, 91 / 102  # one is added to the right ones, two to all
    power = se + sp - 1
    true = (p + sp - 1) / power
    shift = 2 * z**2 * (true * se * (1 - se) / 52 - (1 - true) * sp * (1 - sp) / 102)
    half = z * math.sqrt(p * (1 - p) / n + true**2 * se * (1 - se) / 52 + (1 - true) ** 2 * sp * (1 - sp) / 102) / power
    share = corrected_prevalence(0.3, 200, sensitivity=Counts(40, 50), specificity=Counts(90, 100))
    assert [share.conf_low, share.conf_high] == pytest.approx([true + shift - half, true + shift + half])


def test_a_perfect_test_on_many_units_changes_nothing_to_speak_of() -> None:
    share = corrected_prevalence(0.2, 100, sensitivity=Counts(10**7, 10**7), specificity=Counts(10**7, 10**7))
    assert share.estimate == pytest.approx(0.2)
    assert share.conf_low == pytest.approx(0.1334, abs=0.002)  # Wilson's limits for 20 of 100: 0.1334 and 0.2888
    assert share.conf_high == pytest.approx(0.2888, abs=0.002)


def test_what_cannot_be_known_is_missing() -> None:
    usual = Counts(9, 10)
    assert np.isnan(corrected_prevalence(0.2, 0, sensitivity=usual, specificity=usual).estimate)
    assert np.isnan(corrected_prevalence(0.2, 9, sensitivity=Counts(0, 0), specificity=usual).conf_low)
    assert np.isnan(corrected_prevalence(0.2, 9, sensitivity=Counts(3, 10), specificity=Counts(7, 10)).conf_high)  # 0.3 + 0.7 = 1: no better than chance


def test_the_estimate_stays_within_0_and_1_and_inside_its_limits() -> None:
    found = np.array([0.0, 0.01, 0.5, 0.99, 1.0])
    share = corrected_prevalence(found, 50, sensitivity=Counts(7, 10), specificity=Counts(9, 10))
    assert share.estimate[0] == 0
    assert share.estimate[-1] == 1
    assert ((share.conf_low <= share.estimate) & (share.estimate <= share.conf_high)).all()


@pytest.mark.parametrize(("found", "n", "counts"), [(1.2, 5, Counts(1, 2)), (0.2, -1, Counts(1, 2)), (0.2, 5, Counts(3, 2)), (0.2, 5, Counts(-1, 2))])
def test_impossible_counts_are_refused(found: float, n: float, counts: Counts) -> None:
    with pytest.raises(cs.errors.ParameterError):
        corrected_prevalence(found, n, sensitivity=counts, specificity=Counts(1, 2))


@pytest.mark.parametrize("truth", [0.05, 0.3, 0.7])
def test_the_limits_hold_the_truth(truth: float) -> None:
    rng, times, sensitivity, specificity = np.random.default_rng(7), 4000, 0.7, 0.97
    found = rng.binomial(300, truth * sensitivity + (1 - truth) * (1 - specificity), times) / 300
    right = Counts(rng.binomial(25, sensitivity, times), 25), Counts(rng.binomial(240, specificity, times), 240)
    share = corrected_prevalence(found, 300, sensitivity=Counts(right[0].right, np.full(times, 25)), specificity=Counts(right[1].right, np.full(times, 240)))
    assert 0.94 <= np.mean((share.conf_low <= truth) & (truth <= share.conf_high)) <= 0.99
