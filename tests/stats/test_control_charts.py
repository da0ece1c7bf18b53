"""Control charts: Montgomery's orange-juice cans by hand, Laney's factor by hand, the run rules one by one, and false alarms."""

from __future__ import annotations

import numpy as np
import pytest

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.control_charts import control_chart

CANS = [12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22, 8, 10, 5, 13, 11, 20, 18, 24, 15, 9, 12, 7, 13, 9, 6]  # Montgomery, table 7.1: of 50 each
RULES = ("beyond_limits", "run_of_8", "two_of_three", "four_of_five")


def test_the_orange_juice_cans_of_montgomery() -> None:
    share = 347 / 1500
    chart = control_chart(np.array(CANS) / 50, [50] * 30, variances=share * (1 - share), laney=False, extent=(0, 1))
    assert chart.centre == pytest.approx(0.2313, abs=5e-5)
    assert chart.high[0] == pytest.approx(0.4102, abs=5e-5)
    assert chart.low[0] == pytest.approx(0.0524, abs=1e-4)  # the book rounds the share first
    assert (np.flatnonzero(chart.signals["beyond_limits"]) + 1).tolist() == [15, 23]


def test_laneys_factor_by_hand() -> None:
    # centre (2 + 6 + 4 + 8) / 40 = .5, sigma sqrt(.25 / 10) = .1581; z = -1.897, .632, -.632, 1.897; moves 2.530, 1.265, 2.530: mean 2.108; / 1.128
    chart = control_chart([0.2, 0.6, 0.4, 0.8], [10] * 4, variances=0.25)
    sigma = np.sqrt(0.25 / 10)
    moves = np.array([0.4, 0.2, 0.4]) / sigma
    assert chart.sigma_z == pytest.approx(moves.mean() / 1.1283792)
    assert chart.sigma_z == pytest.approx(1.868, abs=1e-3)
    assert chart.high[0] - chart.centre == pytest.approx(3 * chart.sigma_z * sigma)
    plain = control_chart([0.2, 0.6, 0.4, 0.8], [10] * 4, variances=0.25, laney=False)
    assert plain.high[0] - plain.centre == pytest.approx(3 * sigma)
    assert plain.sigma_z == chart.sigma_z


def test_likeness_of_neighbours_does_not_narrow_the_limits() -> None:
    drift = control_chart(np.linspace(0.45, 0.55, 12), [100] * 12, variances=0.25)
    assert drift.sigma_z < 0.5
    np.testing.assert_allclose(drift.high - drift.centre, 3 * np.sqrt(0.25 / 100))


def test_limits_widen_where_answers_are_few_and_end_where_the_scale_does() -> None:
    chart = control_chart([0.9, 0.95, 0.9], [400, 100, 4], variances=0.09, laney=False, extent=(0, 1))
    np.testing.assert_allclose((chart.centre - chart.low)[:2], [0.045, 0.09])
    assert chart.high[2] == 1
    assert chart.centre == pytest.approx((0.9 * 400 + 0.95 * 100 + 0.9 * 4) / 504)


def test_means_pool_the_variance_within_samples() -> None:
    # (2 x 1 + 4 x 2.5) / 6 = 2; a sample of one answer tells nothing of the spread
    chart = control_chart([3.0, 4.0, 5.0], [3, 5, 1], variances=[1.0, 2.5, np.nan], laney=False)
    np.testing.assert_allclose(chart.high - chart.centre, 3 * np.sqrt(2 / np.array([3, 5, 1])))
    unknown = control_chart([3.0, 4.0], [1, 1], variances=[np.nan, np.nan])
    assert np.isnan([*unknown.low, *unknown.high, unknown.sigma_z]).all()
    assert not any(rings.any() for rings in unknown.signals.values())


def test_the_baseline_alone_makes_the_limits() -> None:
    value, n = np.array([0.5, 0.54, 0.48, 0.9, 0.1]), [100] * 5
    chart = control_chart(value, n, variances=0.25, baseline=3)
    shifted = control_chart([*value[:3], 0.5, 0.5], n, variances=0.25, baseline=3)
    assert (chart.centre, chart.sigma_z) == (shifted.centre, shifted.sigma_z)
    np.testing.assert_array_equal(chart.high, shifted.high)
    assert chart.signals["beyond_limits"].tolist() == [False] * 3 + [True, True]


@pytest.mark.parametrize(
    ("rule", "z", "rings"),
    [
        ("beyond_limits", [0, 3.1, -3.1, 2.9], [1, 2]),
        ("run_of_8", [1, *[0.1] * 9, -0.1, 1], [7, 8, 9]),
        ("run_of_8", [0.1] * 7 + [0] + [0.1] * 7, []),  # on the centre is on neither side
        ("two_of_three", [2.1, 0, 2.2, 0, 0, -2.1, -2.1, 2.1], [2, 6]),
        ("two_of_three", [2.1, 2.1, 0], [1]),  # the sample that rings lies beyond two sigmas itself
        ("four_of_five", [1.1, 1.1, 0, 1.1, 1.1, 1.1, -1.1], [4, 5]),
    ],
)
def test_each_rule_by_hand(rule: str, z: list[float], rings: list[int]) -> None:
    size = len(z)
    value = np.concatenate([[1.0, -1.0], np.array(z, dtype="float64")])  # the baseline: centre 0, sigma 1
    chart = control_chart(value, [1.0] * (size + 2), variances=1.0, baseline=2, laney=False, rules=[rule])
    assert list(chart.signals) == [rule]
    assert [place - 2 for place in np.flatnonzero(chart.signals[rule]) if place >= 2] == rings


def test_empty_samples_are_no_break() -> None:
    value, n = [0.5, np.nan, 0.7, 0.5], [10, 0, 10, 10]
    chart = control_chart(value, n, variances=0.25, rules=RULES)
    kept = control_chart([0.5, 0.7, 0.5], [10] * 3, variances=0.25, rules=RULES)
    assert (chart.centre, chart.sigma_z) == (kept.centre, kept.sigma_z)
    assert np.isnan(chart.low[1])
    assert not chart.signals["beyond_limits"][1]


def test_a_process_without_variation_has_limits_at_its_centre() -> None:
    chart = control_chart([1.0, 1.0], [5, 5], variances=0.0)
    assert chart.low.tolist() == chart.high.tolist() == [1.0, 1.0]
    assert not any(rings.any() for rings in chart.signals.values())


def alarms(overdispersion: float, *, laney: bool, charts: int = 300) -> float:
    """Return the share of samples beyond the limits when nothing changes but the share itself, by chance."""
    rng, found = np.random.default_rng(20261123), []
    for _ in range(charts):
        share = np.clip(0.5 + overdispersion * rng.normal(size=40), 0.02, 0.98)
        value = rng.binomial(300, share) / 300
        pooled = value.mean()
        found.append(control_chart(value, [300] * 40, variances=pooled * (1 - pooled), laney=laney).signals["beyond_limits"].mean())
    return float(np.mean(found))


def test_plain_limits_ring_falsely_where_samples_vary_by_themselves_and_laneys_do_not() -> None:
    assert alarms(0.0, laney=False) < 0.006  # 0.27 % by the normal law
    assert alarms(0.05, laney=False) > 0.1
    assert alarms(0.05, laney=True) < 0.01


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"baseline": 1}, "baseline must be"),
        ({"baseline": True}, "baseline must be"),
        ({"rules": ["run_of_9"]}, "rules must be among .*'run_of_9'"),
        ({"variances": [1.0, 1.0]}, "one entry a sample"),
    ],
)
def test_what_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        control_chart([1.0, 2.0, 3.0], [1, 1, 1], **{"variances": 1.0, **options})  # type: ignore[arg-type]


def test_a_baseline_without_answers_is_told() -> None:
    with pytest.raises(NotEnoughDataError, match="baseline of a control chart has no answer"):
        control_chart([np.nan, np.nan, 1.0], [0, 0, 5], variances=1.0, baseline=2)
