"""Accelerated failure time models: against R's survreg, by hand, under late entry, with weights and clusters, and where they are not identified."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from cs_analysis.errors import ConvergenceError, MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.aft import LAWS, fit_aft

pytestmark = pytest.mark.lifelines
GOLDEN = Path(__file__).parents[1] / "golden" / "aft_covariates"
TERMS, LIKES, CURVES = (pd.read_csv(GOLDEN / f"{name}.csv", skipinitialspace=True) for name in ("terms", "likes", "curves"))
NAMES = {"weibull": "weibull", "lognormal": "log_normal", "loglogistic": "log_logistic"}
COVARIATES = {
    "lung": ["age", "sex", "ecog"],
    "veteran": ["karno", "trt", "cell"],
    "rossi": ["fin", "age", "race", "wexp", "mar", "paro", "prio"],
}
CASES = LIKES.to_dict("records")


def data(name: str) -> pd.DataFrame:
    """Return a data set with the weights 2, 3, 1, 2, ... that the R script gives its rows."""
    table = pd.read_csv(GOLDEN / f"{name}.csv")
    return table.assign(w=1.0 + np.arange(1, len(table) + 1) % 3)


def late_entries(seed: int = 4, size: int = 600) -> pd.DataFrame:
    """Return units that live longer the more seats they have, of which those that ended before a late entry were never seen."""
    rng = np.random.default_rng(seed)
    seats, plan = rng.uniform(0, 2, size), rng.choice(["basic", "pro"], size)
    life = np.exp(5 + 0.5 * seats + 0.3 * (plan == "pro")) * rng.weibull(1.3, size)
    enter = np.where(rng.random(size) < 0.5, rng.uniform(0, 300, size), 0.0)
    end = enter + rng.uniform(50, 500, size)
    table = pd.DataFrame({"enter_days": enter, "duration_days": np.minimum(life, end), "observed": life <= end, "seats": seats, "plan": plan})
    return table[life > enter].reset_index(drop=True)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['data']}-{case['family']}-{'weighted' if case['weighted'] else 'plain'}")
def test_equals_survreg(case: dict) -> None:
    expected = TERMS[(TERMS[["data", "family", "weighted"]] == pd.Series(case)[["data", "family", "weighted"]]).all(axis=1)]
    options = {"weights": "w"} if case["weighted"] else {}
    fit = fit_aft(data(case["data"]), COVARIATES[case["data"]], family=NAMES[case["family"]], **options)
    np.testing.assert_allclose(fit.beta, expected["estimate"], rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), expected["se"], rtol=1e-5)
    assert fit.log_likelihood == pytest.approx(case["log_likelihood"], abs=1e-6)
    assert fit.coefficients["term"].iloc[[0, -1]].tolist() == ["intercept", "log_scale"]


def test_rows_as_clusters_equal_the_robust_errors_of_survreg() -> None:
    expected = TERMS[(TERMS["data"] == "lung") & (TERMS["family"] == "weibull") & ~TERMS["weighted"]]
    fit = fit_aft(data("lung").assign(row=range(227)), COVARIATES["lung"], cluster="row")
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), expected["robust"], rtol=1e-5)


@pytest.mark.parametrize("family", ["weibull", "lognormal", "loglogistic"])
def test_predicted_survival_equals_the_quantiles_of_survreg(family: str) -> None:
    expected = CURVES[(CURVES["data"] == "lung") & (CURVES["family"] == family)]
    table = data("lung")
    fit = fit_aft(table, COVARIATES["lung"], family=NAMES[family])
    for row in expected.itertuples():
        found = fit.predict(table.iloc[[row.row]], at_days=row.time_days)
        assert found["estimate"].iloc[0] == pytest.approx(row.survival, abs=1e-6)
        assert (found["conf_low"] < found["estimate"]).all()
        assert (found["estimate"] < found["conf_high"]).all()


def test_late_entry_equals_another_search_for_the_same_maximum() -> None:
    table = late_entries()
    x = np.column_stack([np.ones(len(table)), table["plan"] == "pro", table["seats"]])
    enter, leave, ended = (table[name].to_numpy() for name in ("enter_days", "duration_days", "observed"))

    def minus_log_likelihood(terms: np.ndarray) -> float:
        mean, shape = np.exp(x @ terms[:3]), np.exp(-terms[3])  # S(t) = exp(-(t / mean)^shape)
        hazard = np.log(shape / mean * (leave / mean) ** (shape - 1))
        return -float(np.sum(ended * hazard - (leave / mean) ** shape + (enter / mean) ** shape))

    best = optimize.minimize(minus_log_likelihood, [5.0, 0, 0, 0], method="BFGS", options={"gtol": 1e-4})
    fit = fit_aft(table, ["plan", "seats"])
    assert fit.coefficients["term"].tolist() == ["intercept", "plan[T.pro]", "seats", "log_scale"]
    np.testing.assert_allclose(fit.beta, best.x, atol=2e-4)
    assert fit.log_likelihood == pytest.approx(-best.fun, abs=1e-5)


def test_limits_hold_the_terms_the_lives_were_made_of() -> None:
    table = fit_aft(late_entries(size=3000), ["plan", "seats"], conf_level=0.999).coefficients
    assert table["conf_low"].lt([5, 0.3, 0.5, -np.log(1.3)]).all()
    assert table["conf_high"].gt([5, 0.3, 0.5, -np.log(1.3)]).all()


@pytest.mark.parametrize("family", LAWS)
def test_derivatives_are_slopes(family: str) -> None:
    z, step = np.array([-2.0, 0.3, 1.5]), 1e-5
    for part in (LAWS[family].log_survival, LAWS[family].log_density):
        _, first, second = part(z)
        np.testing.assert_allclose(first, (part(z + step)[0] - part(z - step)[0]) / (2 * step), rtol=1e-8)
        np.testing.assert_allclose(second, (part(z + step)[1] - part(z - step)[1]) / (2 * step), rtol=1e-6, atol=1e-9)


def test_two_plans_that_differ_by_a_factor_of_two_have_that_time_ratio() -> None:
    days = np.array([3.0, 7, 11, 20, 31, 45, 70, 90])
    table = pd.DataFrame({"duration_days": [*days, *(2 * days)], "observed": True, "plan": ["a"] * 8 + ["b"] * 8})
    ratios = fit_aft(table, "plan", family="log_normal").time_ratios
    assert ratios[["term", "metric"]].to_numpy().tolist() == [["plan[T.b]", "time_ratio"]]
    assert ratios["estimate"].iloc[0] == pytest.approx(2.0, rel=1e-9)
    # log-normal by hand: half the log ratio's error is sigma^2 / 8 a group, so its error is sigma / 2; sigma^2 = mean squared distance of the logs
    sigma = np.log(days).std()
    assert np.log(ratios["conf_high"].iloc[0] / 2) == pytest.approx(1.959964 * sigma / 2, rel=1e-6)


@pytest.mark.slow
def test_counts_and_weights_are_units() -> None:
    table = late_entries(size=120)
    twice = pd.concat([table, table], ignore_index=True)
    expected = fit_aft(twice, ["seats"])
    for options, given in (({}, table.assign(count=2)), ({"weights": "w"}, table.assign(w=2.0))):
        fit = fit_aft(given, ["seats"], **options)
        np.testing.assert_allclose(fit.beta, expected.beta, rtol=1e-7)
        np.testing.assert_allclose(fit.covariance, expected.covariance, rtol=1e-6)
    # a cluster of two equal rows tells no more than one row: the sandwich of the doubled table is that of the single one
    single = fit_aft(table.assign(who=range(len(table))), ["seats"], cluster="who")
    doubled = fit_aft(twice.assign(who=[*range(len(table))] * 2), ["seats"], cluster="who")
    np.testing.assert_allclose(doubled.covariance, single.covariance, rtol=1e-6)
    weighted = fit_aft(table.assign(who=range(len(table)), w=2.0), ["seats"], weights="w", cluster="who")
    np.testing.assert_allclose(weighted.covariance, single.covariance, rtol=1e-6)


def test_predictions_bear_the_keys_of_the_rows_and_wider_limits_at_a_higher_level() -> None:
    fit = fit_aft(late_entries(size=120), ["seats"])
    table = pd.DataFrame({"seats": [0.5, 1.5], "account_id": ["a", "b"]})
    found, wide = fit.predict(table, at_days=[50, 100]), fit.predict(table, at_days=[50, 100], conf_level=0.99)
    assert found[["account_id", "time_days"]].to_numpy().tolist() == [["a", 50], ["a", 100], ["b", 50], ["b", 100]]
    assert fit.predict(table[["seats"]], at_days=50)["row"].tolist() == [0, 1]
    assert (wide["conf_low"] < found["conf_low"]).all()
    assert (wide["conf_high"] > found["conf_high"]).all()
    # S is a falling function of (log t - predictor) / scale, whose limits lie z standard errors either way: 2.5758 / 1.96 as far on that scale
    low, far, best = (np.log(-np.log(part)) for part in (found["conf_low"], wide["conf_low"], found["estimate"]))
    np.testing.assert_allclose((far - best) / (low - best), 2.575829 / 1.959964, rtol=1e-5)


def test_rows_without_time_are_left_out_and_said_so() -> None:
    table = late_entries(size=200)
    more = pd.concat([table, table.head(3).assign(enter_days=0.0, duration_days=0.0)])
    fit = fit_aft(more, ["seats"])
    np.testing.assert_allclose(fit.beta, fit_aft(table, ["seats"]).beta, rtol=1e-9)
    row = fit.diagnostics.set_index("check").loc["rows without any time"]
    assert (row["value"], row["finding"]) == (3.0, "left out")


def test_few_ends_a_term_are_said_so() -> None:
    table = late_entries(size=40)
    checks = fit_aft(table, ["seats", "plan"]).diagnostics.set_index("check")
    assert checks.loc["ends a term", "value"] == table["observed"].sum() / 4
    assert checks.loc["ends a term", "finding"] == "few"


@pytest.mark.slow
def test_units_of_a_covariate_do_not_matter() -> None:
    table = late_entries(size=200)
    small, large = fit_aft(table, ["seats"]), fit_aft(table.assign(seats=table["seats"] * 1e6 + 5e6), ["seats"])
    assert large.beta[1] * 1e6 == pytest.approx(small.beta[1], rel=1e-6)
    assert large.log_likelihood == pytest.approx(small.log_likelihood, abs=1e-6)


def test_covariates_that_repeat_each_other_are_refused() -> None:
    table = late_entries(size=200)
    with pytest.raises(ConvergenceError, match=r"flat in some direction|could not be fitted|no maximum"):
        fit_aft(table.assign(copy=table["seats"] * 2), ["seats", "copy"])


def test_a_level_without_an_end_is_refused_or_told() -> None:
    table = late_entries(size=200)
    never = table.assign(plan=np.where(table["observed"], "basic", "pro"))
    with pytest.raises(ConvergenceError):
        fit_aft(never, ["plan"])


def test_what_is_asked_wrongly_is_named() -> None:
    table = late_entries(size=60).assign(w=-1.0, who=None)
    with pytest.raises(ParameterError, match="family must be one of weibull"):
        fit_aft(table, ["seats"], family="gompertz")
    with pytest.raises(ParameterError, match="weights must be finite numbers above 0"):
        fit_aft(table, ["seats"], weights="w")
    with pytest.raises(ParameterError, match="cluster must be known in every row"):
        fit_aft(table, ["seats"], cluster="who")
    with pytest.raises(MissingColumnsError, match="no column 'region'"):
        fit_aft(table, ["seats"], weights="region")
    with pytest.raises(NotEnoughDataError, match="3 terms need at least as many ends"):
        fit_aft(table.assign(observed=False), ["seats"])
    with pytest.raises(ParameterError, match="at_days must hold numbers of days above 0"):
        fit_aft(table, ["seats"]).predict(table, at_days=[0, 10])
