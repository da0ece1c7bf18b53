"""The outlook on a day: what it follows, what it shrugs off, and how often it cries wolf."""

import numpy as np
import pytest

from cs_analysis import errors
from cs_analysis.stats.outliers import weekday_outlook

WEEK = np.array([50, 52, 49, 51, 47, 9, 8])


def test_an_unchanging_week_is_expected_again() -> None:
    outlook = weekday_outlook(np.tile(WEEK, 10))
    assert outlook.estimate[56:] == pytest.approx(np.tile(WEEK, 2), abs=0.5)
    assert np.isnan(outlook.estimate[:56]).all()
    assert (outlook.days[56:] == 56).all()


def test_a_line_is_followed() -> None:
    days = np.arange(77)
    outlook = weekday_outlook((100 + days) ** 2 / 100)  # straight on the square-root scale
    assert outlook.estimate[56:] == pytest.approx((100 + days[56:]) ** 2 / 100, rel=0.01)


def test_one_wild_day_in_the_history_changes_little() -> None:
    counts = np.random.default_rng(3).poisson(np.tile(WEEK, 10)).astype(float)
    wild = counts.copy()
    wild[40] = 5000
    calm, shaken = weekday_outlook(counts), weekday_outlook(wild)
    assert shaken.estimate[56:63] == pytest.approx(calm.estimate[56:63], rel=0.15)
    assert shaken.conf_high[56:63].max() < 3 * calm.conf_high[56:63].max()


def test_days_that_do_not_count_are_no_history() -> None:
    counts, usable = np.tile(WEEK, 9).astype(float), np.ones(63, dtype=bool)
    counts[30], usable[30] = 0, False
    outlook = weekday_outlook(counts, usable=usable)
    assert outlook.days[56] == 55
    assert outlook.estimate[56:] == pytest.approx(WEEK, abs=0.5)


def test_silence_expects_silence_and_forgives_one() -> None:
    outlook = weekday_outlook(np.zeros(57))
    assert outlook.estimate[56] == pytest.approx(0, abs=1e-6)
    assert outlook.conf_low[56] == 0
    assert outlook.conf_high[56] > 1


def test_too_short_a_series_has_no_outlook() -> None:
    assert np.isnan(weekday_outlook(np.ones(56)).estimate).all()
    assert len(weekday_outlook([]).estimate) == 0


@pytest.mark.parametrize("options", [{"history": 50}, {"history": 28}, {"false_alarms": 0}, {"false_alarms": 0.6}])
def test_options_are_checked(options: dict[str, float]) -> None:
    with pytest.raises(errors.ParameterError, match=r"history|false_alarms"):
        weekday_outlook(np.ones(60), **options)


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(errors.ParameterError, match="day 1 has -1"):
        weekday_outlook([1, -1])


@pytest.mark.slow
@pytest.mark.coverage
@pytest.mark.parametrize("noise", [np.inf, 50])
def test_false_alarms_come_about_as_often_as_stated(noise: float) -> None:
    rng = np.random.default_rng(20261031)
    days = np.arange(56 + 250)
    mean = 100 * np.where(days % 7 >= 5, 0.12, 1.0) * np.exp(0.001 * days)
    alarms = []
    for _ in range(60):
        counts = rng.poisson(mean if noise == np.inf else mean * rng.gamma(noise, 1 / noise, len(days)))
        outlook = weekday_outlook(counts, false_alarms=0.01)
        alarms.append(((counts < outlook.conf_low) | (counts > outlook.conf_high))[56:].mean())
    assert 0.006 <= np.mean(alarms) <= 0.016
