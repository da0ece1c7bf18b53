"""Survival at a horizon: exact curves, limits against the delta method by hand, verdicts, and what is said beyond the data."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import integrate

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.extrapolation import survival_extrapolation
from cs_analysis.stats.parametric_survival import fit_survival
from cs_analysis.stats.survival import survival_at

pytestmark = pytest.mark.lifelines
SMOOTH = ["weibull", "log_normal", "log_logistic"]


def lives(seed: int = 1, size: int = 250) -> pd.DataFrame:
    """Return units with a Weibull life, watched for at most 500 days, half of them from a late entry on."""
    rng = np.random.default_rng(seed)
    life = 400 * rng.weibull(1.2, size)
    enter = np.where(rng.random(size) < 0.5, rng.uniform(0, 100, size), 0.0)
    end = np.minimum(enter + rng.uniform(100, 600, size), 500)
    table = pd.DataFrame({"enter_days": enter, "duration_days": np.minimum(life, end), "observed": life <= end})
    return table[life > enter].reset_index(drop=True)


def rows(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    return table[table["metric"] == metric].set_index("family")


def test_within_the_data_nothing_is_warned_of_and_all_families_are_near_kaplan_meier() -> None:
    table = lives()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = survival_extrapolation(table, horizon="300d", families=SMOOTH)
    alive = rows(found, "projected_survival")
    assert alive.loc["kaplan_meier", "estimate"] == survival_at(table, at_days=300)["estimate"].iloc[0]
    assert alive.loc["kaplan_meier", "verdict"] == "within the data"
    assert alive.loc["weibull", "verdict"] == "within the data"
    assert (alive["estimate"] - alive.loc["kaplan_meier", "estimate"]).abs().max() < 0.06
    assert (alive["time_days"] == 300).all()
    assert rows(found, "horizon_beyond_data")["estimate"].tolist() == [0.0]


def test_a_family_s_answers_are_those_of_its_curve() -> None:
    table = lives()
    fit = fit_survival(table)
    found = survival_extrapolation(table, horizon="200d", families=["weibull"])
    scale, shape = fit.terms
    alive = rows(found, "projected_survival").loc["weibull"]
    assert alive["estimate"] == pytest.approx(np.exp(-((200 / scale) ** shape)), rel=1e-9)
    area, _ = integrate.quad(lambda day: np.exp(-((day / scale) ** shape)), 0, 200)
    assert rows(found, "projected_mean_time").loc["weibull", "estimate"] == pytest.approx(area, rel=1e-8)
    # log H = shape log(200 / scale): its slopes are -shape / scale and log(200 / scale); limits of S are exp(-H exp(-/+ 1.96 s))
    slope = np.array([-shape / scale, np.log(200 / scale)])
    error = np.sqrt(slope @ (fit.units.T @ fit.units) @ slope)
    hazard = (200 / scale) ** shape
    np.testing.assert_allclose(alive[["conf_low", "conf_high"]].astype(float), np.exp(-hazard * np.exp([1.959964 * error, -1.959964 * error])), rtol=1e-5)
    assert rows(found, "survival_fit_aic").loc["weibull", "estimate"] == pytest.approx(4 - 2 * fit.log_likelihood)


def test_a_steep_curve_is_integrated_as_well() -> None:
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"duration_days": 200 * rng.weibull(0.4, 300), "observed": True})
    scale, shape = fit_survival(table).terms
    area, _ = integrate.quad(lambda day: np.exp(-((day / scale) ** shape)), 0, 100, limit=500, epsabs=1e-10)
    found = survival_extrapolation(table, horizon="100d", families=["weibull"])
    assert rows(found, "projected_mean_time").loc["weibull", "estimate"] == pytest.approx(area, rel=1e-6)


def test_beyond_the_data_it_is_said_and_the_spread_is_that_of_the_families() -> None:
    table = lives()
    with pytest.warns(UserWarning, match="the horizon of 1000 days lies beyond the data, which go to") as caught:
        found = survival_extrapolation(table, horizon="1000d", families=SMOOTH)
    assert len(caught) == 1
    alive = rows(found, "projected_survival")
    assert np.isnan(alive.loc["kaplan_meier", "estimate"])
    good = alive.loc[[name for name in SMOOTH if alive.loc[name, "verdict"] == "beyond the data"]]
    assert "weibull" in good.index
    together = alive.loc["all"]
    assert together["conf_low"] == good["conf_low"].min()
    assert together["conf_high"] == good["conf_high"].max()
    weights = rows(found, "family_weight")["estimate"]
    assert weights.sum() == pytest.approx(1)
    assert together["estimate"] == pytest.approx((weights * good["estimate"]).sum())
    spread = rows(found, "projected_survival_spread")["estimate"].iloc[0]
    assert spread == pytest.approx(good["estimate"].max() - good["estimate"].min())
    until = rows(found, "followed_until")["estimate"].iloc[0]
    # ten units or more are at risk at the last age of the data, fewer at any later one
    at_risk = [((table["duration_days"] >= day) & (table["enter_days"] < day)).sum() for day in (until, until + 1e-6)]
    assert at_risk[0] >= 10 > at_risk[1]
    assert rows(found, "horizon_beyond_data")["estimate"].iloc[0] == pytest.approx(1 - until / 1000)


def test_a_truth_within_one_family_is_in_its_limits() -> None:
    with pytest.warns(UserWarning, match="beyond the data"):
        found = survival_extrapolation(lives(seed=6, size=2000), horizon="900d", families=["weibull"], conf_level=0.99)
    alive, mean = rows(found, "projected_survival").loc["weibull"], rows(found, "projected_mean_time").loc["weibull"]
    truth = np.exp(-((900 / 400) ** 1.2))
    assert alive["conf_low"] < truth < alive["conf_high"]
    area, _ = integrate.quad(lambda day: np.exp(-((day / 400) ** 1.2)), 0, 900)
    assert mean["conf_low"] < area < mean["conf_high"]


def test_a_curve_that_does_not_fit_is_labelled() -> None:
    rng = np.random.default_rng(2)
    life = np.where(rng.random(300) < 0.5, rng.uniform(360, 370, 300), rng.uniform(725, 735, 300))  # ends at two renewals
    table = pd.DataFrame({"duration_days": life, "observed": True})
    found = survival_extrapolation(table, horizon="500d", families=["weibull", "log_normal"])
    alive = rows(found, "projected_survival")
    assert alive.loc[["weibull", "log_normal", "all"], "verdict"].tolist() == ["does not fit"] * 3
    assert alive.loc["kaplan_meier", "verdict"] == "within the data"
    assert rows(found, "survival_fit_p_value")["estimate"].max() < 1e-6


@pytest.mark.slow
def test_a_curve_that_levels_off_without_follow_up_is_not_identified_and_not_weighed() -> None:
    with pytest.warns(UserWarning, match="beyond the data"):
        found = survival_extrapolation(lives(seed=4), horizon="900d", families=["weibull", "log_normal_cure"])
    alive = rows(found, "projected_survival")
    assert alive.loc["log_normal_cure", "verdict"] in ("not identified", "not fitted")
    assert rows(found, "family_weight").index.tolist() == ["weibull"]


def test_too_few_ends_leave_kaplan_meier_alone() -> None:
    table = pd.DataFrame({"duration_days": [10, 20, 30, 40, 50], "observed": [True, True, False, False, False]})
    found = survival_extrapolation(table, horizon="25d", families=["weibull", "generalised_gamma"])
    alive = rows(found, "projected_survival")
    assert alive.loc[["weibull", "generalised_gamma", "all"], "verdict"].tolist() == ["not fitted"] * 3
    assert alive.loc["kaplan_meier", "estimate"] == pytest.approx(0.6)  # 4/5 x 3/4
    assert alive["estimate"].notna().sum() == 1


@pytest.mark.slow
def test_groups_equal_the_call_on_the_group_alone_and_counts_are_units() -> None:
    table = lives(size=160).assign(plan=lambda own: np.where(own.index % 2, "a", "b"))
    found = survival_extrapolation(table, "plan", horizon="200d", families=["weibull"])
    assert found.columns[:4].tolist() == ["plan", "family", "time_days", "verdict"]
    alone = survival_extrapolation(table[table["plan"] == "a"], horizon="200d", families=["weibull"])
    pd.testing.assert_frame_equal(found[found["plan"] == "a"].drop(columns="plan").reset_index(drop=True), alone)
    twice = survival_extrapolation(pd.concat([table, table]), horizon="200d", families=["weibull"])
    counted = survival_extrapolation(table.assign(count=2), horizon="200d", families=["weibull"])
    numbers = ["estimate", "conf_low", "conf_high", "n"]
    np.testing.assert_allclose(counted[numbers].astype(float), twice[numbers].astype(float), rtol=1e-5, atol=1e-7)


def test_what_is_asked_wrongly_is_named() -> None:
    with pytest.raises(ParameterError, match="families must be different ones of weibull"):
        survival_extrapolation(lives(), horizon="100d", families=["gompertz"])
    with pytest.raises(ParameterError, match="families must be different"):
        survival_extrapolation(lives(), horizon="100d", families=["weibull", "weibull"])
    with pytest.raises(ParameterError, match="horizon must say its unit"):
        survival_extrapolation(lives(), horizon=100)  # type: ignore[arg-type]
    with pytest.raises(NotEnoughDataError, match="no row"):
        survival_extrapolation(lives().head(0), horizon="100d")
