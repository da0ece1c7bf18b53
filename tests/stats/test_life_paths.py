"""Survival day by day: the Kaplan-Meier curve, what goes on beyond, and influences against leaving units out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cs_analysis.stats.life_paths import akaike_weights, fitted_families, largest_gap, life_path, read_lives
from cs_analysis.stats.parametric_survival import fit_survival
from cs_analysis.stats.survival import survival_at


def table(*rows: tuple[float, float, bool]) -> pd.DataFrame:
    """Return durations from (enter, duration, observed)."""
    return pd.DataFrame(rows, columns=["enter_days", "duration_days", "observed"])


def drawn(seed: int = 3, size: int = 150, *, late: float = 0.3) -> pd.DataFrame:
    """Return units that leave, some still there, some under observation late."""
    rng = np.random.default_rng(seed)
    life, enter = 400 * rng.weibull(0.9, size), np.where(rng.random(size) < late, rng.integers(0, 200, size), 0)
    end = enter + rng.integers(20, 500, size)
    leave = np.ceil(np.minimum(life, end))
    seen = leave > enter
    return pd.DataFrame({"enter_days": enter.astype(float), "duration_days": leave, "observed": life <= end})[seen].reset_index(drop=True)


def test_the_curve_by_hand() -> None:
    # at risk 4 until 2, 3 until 3: S = 3/4, then 3/4 x 2/3 = 1/2
    path = life_path(read_lives(table((0, 2, True), (0, 3, True), (0, 3, False), (0, 5, False))), days=5)
    np.testing.assert_allclose(path.survival, [1, 1, 0.75, 0.5, 0.5])


def test_within_the_data_it_is_kaplan_meier() -> None:
    units = drawn()
    path = life_path(read_lives(units), days=200)
    np.testing.assert_allclose(path.survival, survival_at(units, at_days=path.days)["estimate"], rtol=1e-12)


def test_the_data_go_as_far_as_ten_are_at_risk() -> None:
    assert read_lives(table(*[(0, day, False) for day in range(1, 101)])).until == 91  # on day 91: those of 91 to 100
    assert read_lives(table(*[(0, day, False) for day in range(1, 9)])).until == 7  # a quarter of 8 are 2: those of 7 and 8


def test_where_everybody_has_ended_nothing_is_beyond() -> None:
    path = life_path(read_lives(table((0, 2, True), (0, 4, True))), days=6)
    assert path.within.all()
    np.testing.assert_allclose(path.survival, [1, 1, 0.5, 0.5, 0, 0])


def test_beyond_the_data_the_hazard_of_the_family_goes_on() -> None:
    units = drawn()
    lives, fit = read_lives(units), fit_survival(units)
    path = life_path(lives, days=1000, fit=fit)
    last = int(np.flatnonzero(path.within)[-1])
    later = np.array([last + 100, last + 300])
    ratio = np.exp(fit.log_survival(path.days[later]) - fit.log_survival([lives.until]))
    np.testing.assert_allclose(path.survival[later] / path.survival[last], ratio, rtol=1e-12)


def test_without_a_family_nothing_is_known_beyond() -> None:
    path = life_path(read_lives(drawn()), days=1000)
    assert np.isnan(path.survival[~path.within]).all()
    assert np.isfinite(path.survival[path.within]).all()


def test_nobody_seen_from_the_start_gives_no_curve() -> None:
    assert np.isnan(life_path(read_lives(table((1, 5, True), (2, 6, False))), days=4).survival).all()


def test_all_at_risk_ending_before_others_enter_gives_no_curve() -> None:
    assert np.isnan(life_path(read_lives(table((0, 2, True), (3, 6, False), (3, 7, True))), days=4).survival).all()


@pytest.mark.slow
@pytest.mark.parametrize("days", [150, 900])
def test_influences_are_those_of_leaving_a_unit_out(days: int) -> None:
    # n - 1 times the change when a unit is left out is, to first order, what the unit adds
    units, weights = drawn(size=250), np.linspace(1, 2, days)

    def area(part: pd.DataFrame) -> float:
        fit = fit_survival(part) if days > 400 else None
        lives = read_lives(part)
        kept = type(lives)(**{**vars(lives), "until": until})
        return float(weights @ life_path(kept, days=days, fit=fit).survival)

    until = read_lives(units).until
    path = life_path(read_lives(units), days=days, fit=fit_survival(units) if days > 400 else None)
    influences = path.influences(weights * path.survival)
    assert influences.sum() == pytest.approx(0, abs=1e-3 * area(units))
    some = range(0, len(units), 12)
    jackknife = [area(units) - area(units.drop(index=unit)) for unit in some]
    np.testing.assert_allclose(influences[list(some)], jackknife, rtol=0.15, atol=0.03 * np.abs(jackknife).max())


def test_the_variance_within_the_data_is_greenwoods() -> None:
    units = drawn(late=0.0)  # with late entries the products of different times do not add up to 0 in a sample
    lives = read_lives(units)
    path = life_path(lives, days=200)
    gradient = np.zeros(200)
    gradient[150] = 1.0
    past = lives.times <= 150.5
    greenwood = np.sum(lives.ends[past] / (lives.at_risk[past] * (lives.at_risk[past] - lives.ends[past])))
    assert np.sum(path.influences(gradient) ** 2) == pytest.approx(greenwood, rel=1e-10)


@pytest.mark.slow
@pytest.mark.lifelines
def test_the_family_that_made_the_data_is_favoured() -> None:
    rng = np.random.default_rng(8)
    units = pd.DataFrame({"enter_days": 0.0, "duration_days": np.exp(rng.normal(5, 1.2, 2000)), "observed": True})
    fits = fitted_families(units)
    assert {fit.family for fit in fits} <= {"weibull", "log_normal", "log_logistic", "generalised_gamma"}
    assert fits[0].family in {"log_normal", "generalised_gamma"}  # the latter holds the former in the limit
    weights = akaike_weights(fits)
    assert weights.sum() == pytest.approx(1)
    assert (np.diff(weights) <= 0).all()
    by_family = {fit.family: largest_gap(read_lives(units), fit) for fit in fits}
    assert by_family["log_normal"] < 0.03 < by_family["weibull"]


def test_few_ends_fit_no_family() -> None:
    assert fitted_families(table((0, 2, True), (0, 4, True), (0, 9, False))) == []
