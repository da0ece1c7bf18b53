"""Cox regression: against R's coxph on public data, the laws of counts, order, splits and strata, and what it refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cox_designs import GOLDEN
from cs_analysis.errors import ConvergenceError, MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.cox.fit import CoxFit, fit_cox

DATA = pd.read_csv(GOLDEN / "diagnostics_data.csv")
FITS = pd.read_csv(GOLDEN / "fits_coefficients.csv")
CASES = list(dict.fromkeys(DATA["case"]))
SIX = pd.DataFrame({"duration_days": [2, 3, 3, 5, 8, 9], "observed": [True, True, True, True, False, True], "seats": [1.0, 4, 2, 6, 5, 3]})


def case_table(case: str) -> tuple[pd.DataFrame, list[str]]:
    """Return a public data set and the names of its covariates."""
    table = DATA[DATA["case"] == case].dropna(axis="columns").reset_index(drop=True)
    return table, [name for name in table.columns if name.startswith("x")]


def fit_case(case: str, *, ties: str = "efron", robust: bool = False) -> CoxFit:
    """Return the fit of a public data set with its strata and weights."""
    table, terms = case_table(case)
    options = {"strata": "stratum" if table["stratum"].any() else None, "weights": "weight" if (table["weight"] != 1).any() else None}
    return fit_cox(table, terms, ties=ties, cluster="cluster" if robust else None, **options)


def random_table(seed: int, rows: int = 40) -> pd.DataFrame:
    """Return a table with ties, late entries, strata and clusters."""
    rng = np.random.default_rng(seed)
    enter = rng.integers(0, 4, rows)
    kinds = {"plan": rng.choice(["basic", "pro", "top"], rows), "region": rng.choice(["n", "s"], rows), "account": rng.integers(0, 15, rows)}
    times = {"enter_days": enter, "duration_days": enter + rng.integers(1, 8, rows), "observed": rng.random(rows) < 0.7}
    return pd.DataFrame({**times, "seats": rng.normal(size=rows), "weight": rng.integers(1, 9, rows) / 4, **kinds})


@pytest.mark.parametrize("robust", [False, True], ids=["model", "robust"])
@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("case", CASES)
def test_equals_coxph(case: str, ties: str, robust: bool) -> None:
    fit = fit_case(case, ties=ties, robust=robust)
    expected = FITS.query("case == @case and ties == @ties and robust == @robust")
    np.testing.assert_allclose(fit.beta, expected["beta"], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose([fit.null_log_likelihood, fit.log_likelihood], expected[["null_log_likelihood", "log_likelihood"]].iloc[0], rtol=1e-10)
    assert fit.coefficients["n"].tolist() == expected["ends"].tolist()
    whole = (fit.data.weights == np.rint(fit.data.weights)).all()
    if robust or whole:  # R was told to use the model's covariance for fractional weights too; ours is robust for them
        np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), expected["se"], rtol=1e-7)
        np.testing.assert_allclose(fit.covariance.iloc[:, 0], expected["covariance_with_first"], rtol=1e-6, atol=1e-12)


def test_the_published_figures_of_lung() -> None:
    table, terms = case_table("lung")
    fit = cs.fit_cox(table, terms)
    np.testing.assert_allclose(fit.beta, [0.01106676, -0.55261240, 0.46372848], atol=5e-9)
    assert fit.log_likelihood == pytest.approx(-729.23012137, abs=5e-9)


@pytest.mark.parametrize("covariates", [["x1", "cell", "x5"], "x1 + C(cell) + x5", "x1 + cell + x5"])
def test_a_category_is_coded_as_in_r(covariates: str | list[str]) -> None:
    table, _ = case_table("veteran")  # x2, x3, x4 mark the second to fourth of four kinds
    kind = table[["x2", "x3", "x4"]].to_numpy() @ [1, 2, 3]
    fit = fit_cox(table.assign(cell=[f"kind {int(number)}" for number in kind]), covariates)
    expected = FITS.query("case == 'veteran' and ties == 'efron' and not robust").set_index("term")
    np.testing.assert_allclose(fit.beta, expected.loc[["x1", "x2", "x3", "x4", "x5"], "beta"], rtol=1e-7)
    assert fit.coefficients["term"].iloc[2].endswith("[T.kind 2]")


def test_by_hand() -> None:
    # a (x = 1) ends at 1 among a, b, c; b (x = 0) at 2 among b, c; c (x = 1) at 3 alone. With r = e^beta the likelihood is
    # r / (2 r + 1) x 1 / (1 + r). Its log has the slope 1 - 2 r / (2 r + 1) - r / (1 + r) = 0 where 1 + r = 2 r^2 + r: r^2 = 1 / 2.
    table = pd.DataFrame({"duration_days": [1, 2, 3], "observed": True, "x": [1, 0, 1]})
    fit = fit_cox(table, ["x"])
    ratio = np.sqrt(0.5)
    assert fit.hazard_ratios["estimate"].tolist() == pytest.approx([ratio], rel=1e-12)
    assert fit.log_likelihood == pytest.approx(np.log(ratio / (2 * ratio + 1) / (1 + ratio)), rel=1e-12)
    # Information: p (1 - p) at the two times with p = 2 r / (2 r + 1) and r / (1 + r); limits beta -/+ 1.959964 / sqrt(information)
    shares = np.array([2 * ratio / (2 * ratio + 1), ratio / (1 + ratio)])
    error = 1 / np.sqrt((shares * (1 - shares)).sum())
    assert fit.coefficients["conf_high"].tolist() == pytest.approx([np.log(ratio) + 1.959963984540054 * error], rel=1e-12)
    assert fit.hazard_ratios["conf_low"].tolist() == pytest.approx([ratio * np.exp(-1.959963984540054 * error)], rel=1e-12)


def test_shape_of_the_results() -> None:
    fit = fit_cox(SIX, ["seats"])
    assert list(fit.coefficients.columns) == ["term", "metric", "unit", "estimate", "conf_low", "conf_high", "n"]
    assert fit.coefficients[["term", "metric", "unit", "n"]].to_numpy().tolist() == [["seats", "log_hazard_ratio", "ratio", 5]]
    assert fit.hazard_ratios[["term", "metric", "unit", "n"]].to_numpy().tolist() == [["seats", "hazard_ratio", "ratio", 5]]
    assert fit.diagnostics["check"].tolist() == ["gradient", "robust_covariance", "ends_per_term"]
    assert fit.diagnostics["finding"].tolist() == ["ok", "ok", "ok"]
    assert fit.converged
    narrow, wide = fit_cox(SIX, ["seats"], conf_level=0.5).coefficients, fit.coefficients
    assert (wide["conf_low"] < narrow["conf_low"]).all()


def test_diagnostics_say_which_covariance_and_what_is_scarce() -> None:
    table = random_table(3)
    found = fit_cox(table, ["seats"], cluster="account").diagnostics.set_index("check")
    assert found.loc["robust_covariance", "value"] == 1
    assert (found.loc["clusters", "value"], found.loc["clusters", "finding"]) == (table["account"].nunique(), "few clusters")
    scarce = fit_cox(SIX.assign(old=[1, 1, 0, 0, 1, 0]), ["seats", "old"]).diagnostics
    assert scarce.set_index("check").loc["ends_per_term", ["value", "finding"]].tolist() == [2.5, "few ends"]


def test_fractional_weights_make_every_row_a_cluster() -> None:
    table = random_table(4)
    alone = fit_cox(table, ["seats"], weights="weight")
    named = fit_cox(table.assign(row=range(len(table))), ["seats"], weights="weight", cluster="row")
    np.testing.assert_allclose(alone.covariance, named.covariance, rtol=1e-12)
    assert alone.diagnostics.set_index("check").loc["clusters", "value"] == len(table)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_counts_are_repeated_rows(ties: str) -> None:
    table = random_table(5)
    count = np.random.default_rng(1).integers(1, 4, len(table))
    counted = fit_cox(table.assign(count=count), "seats + plan", ties=ties)
    repeated = fit_cox(table.loc[table.index.repeat(count)], "seats + plan", ties=ties)
    np.testing.assert_allclose(counted.beta, repeated.beta, rtol=1e-12)
    np.testing.assert_allclose(counted.covariance, repeated.covariance, rtol=1e-12)
    assert counted.coefficients["n"].tolist() == repeated.coefficients["n"].tolist()


def test_the_order_of_rows_and_their_index_do_not_matter() -> None:
    table = random_table(6)
    shuffled = table.sample(frac=1, random_state=1).set_axis([f"r{place}" for place in range(len(table))])
    options = {"strata": "region", "cluster": "account", "weights": "weight"}
    one, other = (fit_cox(each, ["seats", "plan"], **options) for each in (table, shuffled))
    np.testing.assert_allclose(one.coefficients.iloc[:, 3:].astype(float), other.coefficients.iloc[:, 3:].astype(float), rtol=1e-10)


def test_the_table_is_left_alone() -> None:
    table = random_table(6)
    before = table.copy(deep=True)
    fit_cox(table, "seats + C(plan)", strata="region", cluster="account").predict(table, at_days=3)
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_splitting_a_row_at_any_time_changes_nothing(ties: str) -> None:
    table = random_table(7)
    middle = (table["enter_days"] + table["duration_days"]) / 2
    early, late = table.assign(duration_days=middle, observed=False), table.assign(enter_days=middle)
    split = pd.concat([early, late], ignore_index=True)
    options = {"strata": "region", "cluster": "account", "weights": "weight", "ties": ties}
    whole, parts = (fit_cox(each, ["seats", "plan"], **options) for each in (table, split))
    np.testing.assert_allclose(whole.beta, parts.beta, rtol=1e-10)
    np.testing.assert_allclose(whole.covariance, parts.covariance, rtol=1e-8)
    assert whole.log_likelihood == pytest.approx(parts.log_likelihood, rel=1e-12)


def test_one_stratum_is_none() -> None:
    table = random_table(8).assign(all="x")
    none, one = fit_cox(table, ["seats", "plan"]), fit_cox(table, ["seats", "plan"], strata="all")
    np.testing.assert_allclose(none.beta, one.beta, rtol=1e-12)


def test_strata_multiply_likelihoods() -> None:
    table = random_table(9, rows=60)
    whole = fit_cox(table, ["seats"], strata="region")
    parts = [fit_cox(part, ["seats"]) for _, part in table.groupby("region")]
    assert whole.null_log_likelihood == pytest.approx(sum(part.null_log_likelihood for part in parts), rel=1e-12)
    low, high = sorted(part.beta[0] for part in parts)
    assert low < whole.beta[0] < high


def test_units_of_covariates_and_days_only_change_the_scale() -> None:
    table = random_table(10)
    hours = {name: table[name] / 24 for name in ("duration_days", "enter_days")}
    fit, other = (fit_cox(each, ["seats"]) for each in (table, table.assign(seats=1e6 + 1000 * table["seats"], **hours)))
    np.testing.assert_allclose(other.beta * 1000, fit.beta, rtol=1e-8)
    np.testing.assert_allclose(other.covariance * 1e6, fit.covariance, rtol=1e-8)


def test_large_effects_do_not_overflow() -> None:
    # x = 1, ..., 200 sorts nearly perfectly: neighbours are swapped, so that a maximum exists but is far away.
    x = np.arange(200.0)
    table = pd.DataFrame({"duration_days": x + 1, "observed": True, "x": (200 - x) * 30 + 45 * (-1.0) ** x})
    fit = fit_cox(table, ["x"])
    assert np.isfinite(fit.coefficients[["estimate", "conf_low", "conf_high"]].to_numpy()).all()
    assert fit.beta[0] > 0


def test_times_closer_than_a_step_are_ties() -> None:
    table = SIX.assign(duration_days=[2, 3, 3 + 4e-10, 5, 8, 9])
    assert fit_cox(table, ["seats"]).log_likelihood == fit_cox(SIX, ["seats"]).log_likelihood
    apart = fit_cox(SIX.assign(duration_days=[2, 3, 3 + 2e-9, 5, 8, 9]), ["seats"])
    assert apart.log_likelihood != pytest.approx(fit_cox(SIX, ["seats"]).log_likelihood, rel=1e-6)


def test_whoever_comes_after_the_last_end_changes_nothing() -> None:
    table = random_table(11)
    later = table.assign(enter_days=20, duration_days=25, observed=False, seats=table["seats"] + 3)
    np.testing.assert_allclose(fit_cox(pd.concat([table, later]), ["seats"]).beta, fit_cox(table, ["seats"]).beta, rtol=1e-9)


def test_too_little_is_refused_with_words() -> None:
    with pytest.raises(NotEnoughDataError, match="nobody ended"):
        fit_cox(SIX.assign(observed=False), ["seats"])
    with pytest.raises(NotEnoughDataError, match="2 coefficients cannot be told from 1 ends"):
        fit_cox(SIX.assign(observed=[True] + [False] * 5, old=[1, 0, 0, 1, 0, 1]), ["seats", "old"])
    with pytest.raises(NotEnoughDataError, match="no row"):
        fit_cox(SIX.iloc[:0], ["seats"])
    with pytest.raises(NotEnoughDataError, match="1 clusters say nothing of the spread of 1 coefficients"):
        fit_cox(SIX.assign(account="a"), ["seats"], cluster="account")


def test_what_cannot_be_told_is_named() -> None:
    with pytest.raises(ParameterError, match="'flat' has the same value"):
        fit_cox(SIX.assign(flat=2.0), ["seats", "flat"])
    with pytest.raises(ParameterError, match="'double' follows from others"):
        fit_cox(SIX.assign(double=2 * SIX["seats"] + 1), ["seats", "double"])


def test_a_covariate_that_tells_all_ends_apart_is_refused() -> None:
    table = pd.DataFrame({"duration_days": [1, 2, 3, 4, 5, 6], "observed": [True, True, True, False, False, False], "left": [1, 1, 1, 0, 0, 0]})
    with pytest.raises(ConvergenceError, match="nobody without left ended"):
        fit_cox(table, ["left"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ties": "exact"}, "ties must be 'efron' or 'breslow'"),
        ({"conf_level": 95}, "conf_level must lie between 0 and 1"),
        ({"weights": "weight"}, "weights must be finite numbers above 0; weight is not in 1 rows .first row 2: 0"),
        ({"cluster": "account"}, "cluster account must be known in every row; 1 rows have none .first row 1"),
    ],
)
def test_options_are_checked(options: dict, message: str) -> None:
    table = SIX.assign(weight=[1, 2, 0, 1, 1, 1], account=["a", None, "b", "b", "c", "c"])
    with pytest.raises(ParameterError, match=message):
        fit_cox(table, ["seats"], **options)


@pytest.mark.parametrize("options", [{"weights": "w"}, {"cluster": "w"}, {"strata": "w"}])
def test_absent_columns_are_named(options: dict) -> None:
    with pytest.raises(MissingColumnsError, match="no column 'w'"):
        fit_cox(SIX, ["seats"], **options)


def test_the_checks_of_the_fit_are_its_methods() -> None:
    table = random_table(12)
    fit = fit_cox(table, ["seats", "plan"], strata="region")
    assert fit.proportionality()["term"].tolist() == ["seats", "plan", "GLOBAL"]
    assert fit.proportionality(groups={})["term"].tolist() == [*fit.data.terms, "GLOBAL"]
    by_score = cs.concordance(table, fit.data.x @ fit.beta, strata="region")
    pd.testing.assert_frame_equal(fit.concordance(), by_score)
