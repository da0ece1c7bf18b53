"""Whether probabilities mean what they say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import special, stats

from cs_analysis.errors import ParameterError
from cs_analysis.stats.scores.calibration import brier, brier_skill, calibration_curve, calibration_terms, observed_expected

Z = 1.959963984540054


def forecasts(seed: int, n: int = 400, *, clusters: int = 0, stretch: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return probabilities that are right (or stretched away from it), outcomes, and owners whose rows share one fate."""
    rng = np.random.default_rng(seed)
    owners = np.repeat(np.arange(clusters), n // clusters) if clusters else np.arange(n)
    logit = rng.normal(-1, 1, owners.max() + 1)[owners]
    y = rng.random(owners.max() + 1)[owners] < special.expit(logit)
    return special.expit(stretch * logit), y, owners


def test_brier_by_hand() -> None:
    # (.2^2 + .1^2 + .5^2 + .5^2) / 4 = .1375; the reference .5 has .25 everywhere: skill 1 - .55 = .45.
    p, y = [0.2, 0.9, 0.5, 0.5], [False, True, True, False]
    assert brier(p, y).estimate == pytest.approx(0.1375)
    assert brier_skill(p, y, reference=0.5).estimate == pytest.approx(0.45)
    assert brier_skill([0.5] * 4, y, reference=0.5).estimate == 0


def test_errors_of_the_mean_are_those_of_a_mean() -> None:
    p, y, _ = forecasts(1)
    squares = (p - y) ** 2
    found = brier(p, y)
    assert np.log(found.conf_high / found.estimate) == pytest.approx(Z * stats.sem(squares) / squares.mean(), rel=1e-9)


def test_observed_over_expected_by_hand() -> None:
    found = observed_expected([0.5, 0.25, 0.25, 0.5], [True, False, True, True])
    assert found.estimate == pytest.approx(3 / 1.5)
    none = observed_expected([0.5, 0.5], [False, False])  # a Poisson count of 0 has the upper limit -log(.025) = 3.69 (two-sided)
    np.testing.assert_allclose(none, [0, 0, -np.log(0.025)], rtol=1e-9)


def test_observed_over_expected_reads_what_the_others_read() -> None:
    with pytest.raises(ParameterError, match="outcomes true or false"):
        observed_expected([0.5, 0.5], [2, 1])
    with pytest.raises(ParameterError, match="as many rows; they have 2, 3 and 2"):
        observed_expected([0.5, 0.5], [True, False, True])
    assert observed_expected([0.5, 0.5], [True, True]).estimate == 2


def test_terms_equal_statsmodels() -> None:
    p, y, owners = forecasts(2, clusters=80)
    logit = special.logit(p)
    options = {"cov_type": "cluster", "cov_kwds": {"groups": owners}}
    large = sm.GLM(y, np.ones(len(y)), offset=logit, family=sm.families.Binomial()).fit(**options, tol=1e-12)
    line = sm.Logit(y, sm.add_constant(logit)).fit(disp=0, **options, tol=1e-12)
    intercept, slope = calibration_terms(p, y, clusters=owners)
    assert intercept.estimate == pytest.approx(large.params[0], rel=1e-8)
    assert slope.estimate == pytest.approx(line.params[1], rel=1e-8)
    n = len(y)
    assert (slope.conf_high - slope.estimate) / Z == pytest.approx(line.bse[1] * np.sqrt((n - 2) / (n - 1)), rel=1e-7)
    assert (intercept.conf_high - intercept.estimate) / Z == pytest.approx(large.bse[0], rel=1e-7)


def test_too_extreme_probabilities_have_a_slope_below_1_and_equal_ones_none() -> None:
    p, y, _ = forecasts(3, 4000, stretch=2.0)
    intercept, slope = calibration_terms(p, y)
    assert slope.conf_low < 0.5 < slope.conf_high
    assert np.isnan(calibration_terms(np.full(4, 0.3), [True, False, False, True])[1].estimate)
    assert intercept.conf_low < intercept.estimate < intercept.conf_high


def test_probabilities_of_0_and_1_are_read_as_nearly_so() -> None:
    intercept, slope = calibration_terms([0, 1, 0.5, 0.4, 0.6], [True, True, False, False, True])
    assert np.isfinite([*intercept, *slope]).all()


def test_the_curve_by_hand() -> None:
    p = [0.1, 0.1, 0.1, 0.1, 0.6, 0.7, 0.8, 0.9]
    y = [False, True, False, False, True, False, True, True]
    found = calibration_curve(p, y, bins=2)
    assert found[["predicted", "observed", "n"]].to_numpy().tolist() == pytest.approx(np.array([[0.1, 0.25, 4], [0.75, 0.75, 4]]))
    # The binomial of 4 and .1 has .6561 at 0, .9477 at 1 and .9963 at 2; that of 4 and .75 has .0039 at 0, .0508 at 1, 1 at 4.
    assert found[["band_low", "band_high"]].to_numpy().tolist() == [[0.0, 0.5], [0.25, 1.0]]


def test_equal_probabilities_share_a_bin_and_bins_hold_every_row_once() -> None:
    p, y, _ = forecasts(4, 205)
    found = calibration_curve(np.round(p, 1), y, bins=10)
    assert found["n"].sum() == 205
    assert found["predicted"].is_monotonic_increasing
    assert calibration_curve(np.full(20, 0.3), np.arange(20) < 6)["n"].tolist() == [20]


@pytest.mark.slow
def test_what_is_right_is_seldom_called_wrong_with_clusters() -> None:
    held: dict[str, list[bool]] = {name: [] for name in ("intercept", "slope", "observed", "skill", "band")}
    big, outcome, _ = forecasts(0, 1_000_000)
    skill = 1 - ((big - outcome) ** 2).mean() / ((0.3 - outcome) ** 2).mean()
    for seed in range(1, 301):
        p, y, owners = forecasts(seed, 800, clusters=200)
        intercept, slope = calibration_terms(p, y, clusters=owners)
        ratio, better = observed_expected(p, y, clusters=owners), brier_skill(p, y, reference=0.3, clusters=owners)
        curve = calibration_curve(p, y, bins=4, clusters=owners)
        held["intercept"].append(intercept.conf_low <= 0 <= intercept.conf_high)
        held["slope"].append(slope.conf_low <= 1 <= slope.conf_high)
        held["observed"].append(ratio.conf_low <= 1 <= ratio.conf_high)
        held["skill"].append(better.conf_low <= skill <= better.conf_high)
        held["band"].append(((curve["band_low"] <= curve["observed"]) & (curve["observed"] <= curve["band_high"])).mean())
    shares = pd.DataFrame(held).mean()
    assert shares[["intercept", "slope", "observed", "skill"]].between(0.92, 0.98).all(), shares
    assert shares["band"] >= 0.94


def test_refusals() -> None:
    with pytest.raises(ParameterError, match=r"between 0 and 1, not 1\.2"):
        brier([0.5, 1.2], [True, False])
    with pytest.raises(ParameterError, match="bins must be a whole number"):
        calibration_curve([0.5, 0.2], [True, False], bins=0)
