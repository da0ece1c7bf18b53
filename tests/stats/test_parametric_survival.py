"""Parametric survival curves: against R's survreg, by hand, under left truncation, and where they are not identified."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from cs_analysis.errors import ConvergenceError, NotEnoughDataError, ParameterError
from cs_analysis.stats.parametric_survival import FAMILIES, fit_survival

pytestmark = pytest.mark.lifelines
GOLDEN = Path(__file__).parents[1] / "golden" / "aft"
FITS = pd.read_csv(GOLDEN / "fits.csv", skipinitialspace=True)
NAMES = {"weibull": "weibull", "lognormal": "log_normal", "loglogistic": "log_logistic"}


@pytest.mark.parametrize("row", FITS.to_dict("records"), ids=lambda row: f"{row['data']}-{row['family']}")
def test_equals_survreg(row: dict) -> None:
    fit = fit_survival(pd.read_csv(GOLDEN / f"{row['data']}.csv"), family=NAMES[row["family"]])
    np.testing.assert_allclose(fit.terms, [row["first"], row["second"]], rtol=2e-5)
    assert fit.log_likelihood == pytest.approx(row["log_likelihood"], abs=1e-6)
    # R's scale: intercept = log of a positive first term, log scale = -log of a shape (or log sigma): the errors are those of logarithms
    size = np.array([1.0 if row["family"] == "lognormal" else row["first"], row["second"]])
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)) / size, [row["se_intercept"], row["se_log_scale"]], rtol=1e-3)
    assert fit.converged
    assert fit.diagnostics["finding"].tolist() == ["ok"]


def test_counts_are_units() -> None:
    table = pd.read_csv(GOLDEN / "veteran.csv")
    grouped = table.value_counts().rename("count").reset_index()
    np.testing.assert_allclose(fit_survival(grouped).terms, fit_survival(table).terms, rtol=1e-6)


def test_an_exponential_has_the_rate_of_ends_over_time() -> None:
    # With shape 1 the best scale is time under observation / ends: here the shape is near 1 by construction (equal steps of -log S).
    days = -1000 * np.log(1 - (np.arange(400) + 0.5) / 400)
    fit = fit_survival(pd.DataFrame({"duration_days": days, "observed": True}))
    assert fit.terms[1] == pytest.approx(1.0, abs=0.01)
    assert fit.terms[0] == pytest.approx(days.sum() / 400, rel=0.01)


def late_entries(seed: int = 5, size: int = 800) -> pd.DataFrame:
    """Return units of which those that ended before a late entry were never seen."""
    rng = np.random.default_rng(seed)
    life, enter = 500 * rng.weibull(0.8, size), np.where(rng.random(size) < 0.5, rng.uniform(0, 600, size), 0.0)
    end = enter + rng.uniform(50, 900, size)
    seen = life > enter
    return pd.DataFrame({"enter_days": enter, "duration_days": np.minimum(life, end), "observed": life <= end})[seen]


def test_left_truncation_equals_another_search_for_the_same_maximum() -> None:
    table = late_entries()
    enter, leave, ended = (table[name].to_numpy() for name in ("enter_days", "duration_days", "observed"))

    def minus_log_likelihood(logs: np.ndarray) -> float:
        scale, shape = np.exp(logs)
        hazard = np.log(shape / scale * (leave / scale) ** (shape - 1))
        return -float(np.sum(ended * hazard - (leave / scale) ** shape + (enter / scale) ** shape))

    best = optimize.minimize(minus_log_likelihood, np.log([300.0, 1.0]), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-10, "maxiter": 4000})
    fit = fit_survival(table)
    np.testing.assert_allclose(fit.terms, np.exp(best.x), rtol=1e-4)
    assert fit.log_likelihood == pytest.approx(-best.fun, abs=1e-5)


@pytest.mark.slow
def test_without_regard_to_entry_the_curve_would_be_too_high() -> None:
    table = late_entries()
    honest, naive = fit_survival(table), fit_survival(table.drop(columns="enter_days"))
    truth = -((600 / 500) ** 0.8)
    assert abs(honest.log_survival([600])[0] - truth) < 0.1 < naive.log_survival([600])[0] - truth


@pytest.mark.slow
def test_the_generalised_gamma_holds_the_weibull() -> None:
    table = late_entries()
    wide, narrow = fit_survival(table, family="generalised_gamma"), fit_survival(table)
    assert narrow.log_likelihood - 1e-4 <= wide.log_likelihood <= narrow.log_likelihood + 3
    assert wide.terms[2] == pytest.approx(1.0, abs=0.5)


@pytest.mark.parametrize("family", FAMILIES)
def test_density_is_the_slope_of_survival(family: str) -> None:
    chosen, terms = FAMILIES[family], {"weibull": [400, 0.8], "log_normal": [5.5, 1.2], "log_logistic": [300, 1.3]}.get(family, [5.5, 0.2, 0.7])
    days, at = np.array([10.0, 200.0, 900.0]), np.array(terms)
    slope = -(np.exp(chosen.log_survival(days + 1e-4, at)) - np.exp(chosen.log_survival(days - 1e-4, at))) / 2e-4
    np.testing.assert_allclose(np.exp(chosen.log_density(days, at)), slope, rtol=1e-5)


def test_a_negative_third_term_of_the_generalised_gamma_is_a_density_too() -> None:
    chosen, at, days = FAMILIES["generalised_gamma"], np.array([5.5, 0.2, -0.6]), np.array([50.0, 400.0])
    slope = -(np.exp(chosen.log_survival(days + 1e-4, at)) - np.exp(chosen.log_survival(days - 1e-4, at))) / 2e-4
    np.testing.assert_allclose(np.exp(chosen.log_density(days, at)), slope, rtol=1e-5)


def test_influences_add_up_to_a_covariance_near_that_of_the_likelihood() -> None:
    fit = fit_survival(late_entries(size=3000))
    np.testing.assert_allclose(fit.units.T @ fit.units, fit.covariance, rtol=0.15, atol=1.0)
    np.testing.assert_allclose(fit.units.sum(axis=0), 0.0, atol=0.05)  # scores add up to 0 at the maximum


def test_units_seen_for_no_time_say_nothing() -> None:
    table = late_entries()
    more = pd.concat([table, pd.DataFrame({"enter_days": [0.0], "duration_days": [0.0], "observed": [False]})])
    np.testing.assert_allclose(fit_survival(more).terms, fit_survival(table).terms, rtol=1e-7)


@pytest.mark.parametrize(
    ("durations", "observed"),
    [([10, 20, 30, 40], [True] * 4), ([10] * 6 + [20] * 6, [True] * 12), ([10, 20, 30] * 5, [False] * 15)],
    ids=["four ends", "two times", "no end"],
)
def test_too_few_ends_identify_no_curve(durations: list[int], observed: list[bool]) -> None:
    with pytest.raises(NotEnoughDataError, match="needs 5 ends or more, at 3 times or more"):
        fit_survival(pd.DataFrame({"duration_days": durations, "observed": observed}))


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(ParameterError, match="family must be one of weibull, log_normal"):
        fit_survival(late_entries(), family="gompertz")


@pytest.mark.slow
def test_a_search_that_fails_is_an_error_of_ours() -> None:
    rng = np.random.default_rng(1)  # a case from which the search for the third term does not come back
    life, end = 600 * rng.weibull(0.8, 300), rng.uniform(30, 730, 300)
    leave = np.minimum(life, end)
    enter = np.where(rng.random(300) < 0.3, leave / 2, 0.0)
    table = pd.DataFrame({"enter_days": enter, "duration_days": leave, "observed": life <= end})
    table[["enter_days", "duration_days"]] /= table["duration_days"].median()
    with pytest.raises(ConvergenceError, match="the generalised_gamma curve could not be fitted to 300 units"):
        fit_survival(table, family="generalised_gamma")
