"""Curves that level off: against another search, on known shares, and the check of sufficient follow-up by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from cs_analysis.errors import ConvergenceError, NotEnoughDataError, ParameterError
from cs_analysis.stats.cure import CURES, fit_cure, follow_up_of
from cs_analysis.stats.parametric_survival import fit_survival

pytestmark = pytest.mark.lifelines


def some_never_end(seed: int = 3, size: int = 700, *, cured: float = 0.4, watched: float = 1500) -> pd.DataFrame:
    """Return units of which a share never ends, half of them seen only from a late entry on."""
    rng = np.random.default_rng(seed)
    life = np.where(rng.random(size) < cured, np.inf, 200 * rng.weibull(1.2, size))
    enter = np.where(rng.random(size) < 0.5, rng.uniform(0, 200, size), 0.0)
    end = enter + rng.uniform(watched / 5, watched, size)
    table = pd.DataFrame({"enter_days": enter, "duration_days": np.minimum(life, end), "observed": life <= end})
    return table[life > enter].reset_index(drop=True)


@pytest.mark.slow
def test_equals_another_search_under_late_entry() -> None:
    table = some_never_end()
    enter, leave, ended = (table[name].to_numpy() for name in ("enter_days", "duration_days", "observed"))

    def minus_log_likelihood(terms: np.ndarray) -> float:
        share, (scale, shape) = 1 / (1 + np.exp(-terms[0])), np.exp(terms[1:])

        def alive(days: np.ndarray) -> np.ndarray:
            return share + (1 - share) * np.exp(-((days / scale) ** shape))

        density = (1 - share) * shape / scale * (leave / scale) ** (shape - 1) * np.exp(-((leave / scale) ** shape))
        return -float(np.sum(np.log(np.where(ended, density, alive(leave)) / alive(enter))))

    best = optimize.minimize(minus_log_likelihood, [0.0, 5.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-10, "maxiter": 4000})
    fit = fit_cure(table)
    np.testing.assert_allclose(fit.terms, [1 / (1 + np.exp(-best.x[0])), *np.exp(best.x[1:])], rtol=1e-3)
    assert fit.log_likelihood == pytest.approx(-best.fun, abs=1e-4)


@pytest.mark.slow
def test_limits_hold_the_share_and_follow_up_is_sufficient() -> None:
    fit = fit_cure(some_never_end(size=2000), conf_level=0.99)
    share = fit.coefficients.set_index("term").loc["cured_share"]
    assert share["conf_low"] < 0.4 < share["conf_high"]
    assert share["conf_high"] - share["conf_low"] < 0.12
    assert fit.identified
    assert fit.converged
    assert fit.diagnostics["finding"].eq("ok").all()
    assert np.exp(fit.log_survival([10_000]))[0] == pytest.approx(fit.cured_share)


@pytest.mark.slow
def test_without_regard_to_entry_too_many_would_never_end() -> None:
    table = some_never_end(size=3000)
    honest, naive = fit_cure(table).cured_share, fit_cure(table.drop(columns="enter_days")).cured_share
    assert abs(honest - 0.4) < 0.03 < naive - 0.4


@pytest.mark.slow
def test_a_share_is_not_identified_where_data_end_before_the_plateau() -> None:
    # Nobody is watched beyond 250 days, of lives with a mean of 188: the last end is close to the end of the data.
    table = some_never_end(watched=250)
    fit = fit_cure(table)
    row = fit.diagnostics.set_index("check").loc["may still end"]
    assert row["finding"] == "not identified"
    assert row["value"] == follow_up_of(table).still_ending > 0.5
    assert not fit.converged
    assert fit.coefficients.loc[0, ["conf_low", "conf_high"]].isna().all()
    assert fit.coefficients.loc[1:, ["conf_low", "conf_high"]].notna().all(axis=None)


def test_follow_up_by_hand() -> None:
    # Longest 100, last end 70: of ten units those that ended in (40, 70] are two, at 50 and 70. q = 0.2, alpha = 0.8^10 = 0.107374.
    table = pd.DataFrame({"duration_days": [10, 20, 30, 40, 50, 70, 80, 90, 100, 100], "observed": [True] * 6 + [False] * 4})
    check = follow_up_of(table)
    assert check[:3] == (100.0, 70.0, 0.2)
    # At least 3 of 10 at risk until 90 days. In (60, 90]: ends 1 (at 70), time 10 + 20 + 3 x 30 = 120; exact upper limit of 1 at 95 %: 4.743865.
    assert check.still_ending == pytest.approx(1 - math.exp(-4.743865 / 120 * 90), abs=1e-6)
    assert check.alpha == pytest.approx(0.107374, abs=1e-6)
    assert not check.sufficient
    # Three times as many of each: 0.8^30 = 0.001238.
    assert follow_up_of(table.assign(count=3)).alpha == pytest.approx(0.001238, abs=1e-6)
    # The last unit ends: no plateau at all. Watched twice as long as the last end: every end counts, 6 of 10, 0.4^10.
    assert follow_up_of(pd.concat([table, pd.DataFrame({"duration_days": [100], "observed": [True]})])).alpha == 1.0
    assert follow_up_of(table.replace({"duration_days": {100: 200}})).alpha == pytest.approx(0.4**10)


def test_nobody_ended_is_no_plateau() -> None:
    assert follow_up_of(pd.DataFrame({"duration_days": [5, 6], "observed": False})).alpha == 1.0


@pytest.mark.slow
def test_the_check_passes_seldom_where_everybody_ends() -> None:
    rng = np.random.default_rng(1)
    passed = []
    for _ in range(200):
        life, end = rng.exponential(100, 100), rng.uniform(0, 100, 100)
        passed.append(follow_up_of(pd.DataFrame({"duration_days": np.minimum(life, end), "observed": life <= end})).sufficient)
    assert np.mean(passed) < 0.1


@pytest.mark.parametrize("name", CURES)
def test_density_is_the_slope_of_survival(name: str) -> None:
    chosen, at = CURES[name], np.array([0.3, *{"weibull_cure": [400, 0.8], "log_normal_cure": [5.5, 1.2]}.get(name, [300, 1.3])])
    days = np.array([10.0, 200.0, 900.0])
    slope = -(np.exp(chosen.log_survival(days + 1e-4, at)) - np.exp(chosen.log_survival(days - 1e-4, at))) / 2e-4
    np.testing.assert_allclose(np.exp(chosen.log_density(days, at)), slope, rtol=1e-4)


def test_where_everybody_ends_the_share_is_on_the_boundary_or_no_need() -> None:
    days = 100 * (-np.log((np.arange(200) + 0.5) / 200)) ** (1 / 1.5)
    table = pd.DataFrame({"duration_days": days, "observed": True})
    with pytest.raises(ConvergenceError, match=r"on the boundary: nothing in the data levels off|stopped on a slope|not identified"):
        fit_cure(table)


@pytest.mark.slow
def test_the_likelihood_ratio_is_that_of_the_curve_without_a_share() -> None:
    table = some_never_end(size=200, cured=0.15, watched=700)
    fit = fit_cure(table)
    gain = 2 * (fit.log_likelihood - fit_survival(table).log_likelihood)
    row = fit.diagnostics.set_index("check").loc["no cured share"]
    assert 0 < row["value"] < 0.5
    # half of a chi-square with one degree of freedom: P(|Z| > sqrt(gain)) / 2 = P(Z > sqrt(gain))
    assert row["value"] == pytest.approx(0.5 - 0.5 * math.erf(math.sqrt(gain / 2)), rel=1e-6)


def test_what_is_asked_wrongly_is_named() -> None:
    with pytest.raises(ParameterError, match="family must be one of weibull, log_normal, log_logistic"):
        fit_cure(some_never_end(), family="generalised_gamma")
    with pytest.raises(NotEnoughDataError, match="needs 5 ends or more"):
        fit_cure(pd.DataFrame({"duration_days": [1, 2, 3], "observed": True}))
