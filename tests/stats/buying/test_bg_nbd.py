"""Fits of BG/NBD and MBG/NBD: published digits, other programs, laws, and what is refused or found wanting."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import ConvergenceError, NotEnoughDataError, ParameterError

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "cdnow"
FITS = {"bg_nbd": cs.fit_bg_nbd, "mbg_nbd": cs.fit_mbg_nbd}
EVENT_DAYS = pd.DataFrame({"frequency": [0, 0, 0, 1, 1, 1, 2, 3, 4, 5, 8, 22], "recency_days": [0, 0, 0, 51, 2, 147, 202, 206, 27, 221, 209, 236]})


@pytest.fixture(scope="module")
def cdnow():
    return pd.read_csv(GOLDEN / "calibration.csv")


def terms(fit):
    return fit.coefficients.set_index("term")["estimate"]


def rfm(*rows):
    return pd.DataFrame(rows, columns=["frequency", "recency_days", "age_days"])


def test_the_published_fit_in_weeks(cdnow):
    weeks = cdnow.assign(recency_days=cdnow["recency_days"] / 7, age_days=cdnow["age_days"] / 7)
    fit = cs.fit_bg_nbd(weeks)
    assert terms(fit).round(3).to_dict() == {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
    assert round(fit.log_likelihood, 1) == -9582.4
    assert fit.converged


def test_the_published_fit_in_days(cdnow):
    fit = cs.fit_bg_nbd(cdnow)
    assert terms(fit)["alpha"] == pytest.approx(7 * 4.4136, abs=7 * 0.00005)
    assert round(fit.log_likelihood, 4) == -14363.5304
    assert fit.converged
    assert (fit.diagnostics["finding"] == "ok").all()
    assert fit.diagnostics.set_index("check")["value"]["gradient"] < 1e-12


@pytest.mark.parametrize("model", FITS)
def test_fits_equal_those_of_r(model, cdnow):
    golden = pd.read_csv(GOLDEN / "optim.csv").query("model == @model").set_index("term")
    fit = FITS[model](cdnow)
    assert terms(fit).to_numpy() == pytest.approx(golden["estimate"].to_numpy(), rel=5e-7)
    assert fit.log_likelihood == pytest.approx(golden["log_likelihood"].iloc[0], abs=1e-8)
    error_of_log = np.sqrt(np.diag(fit.covariance)) / terms(fit)
    assert error_of_log.to_numpy() == pytest.approx(golden["error_of_log"].to_numpy(), rel=1e-5)
    table = fit.coefficients.set_index("term")
    for limit in ("conf_low", "conf_high"):  # by profile likelihood
        assert table[limit].to_numpy() == pytest.approx(golden[limit].to_numpy(), rel=2e-5)
    assert set(table["metric"]) == {f"{model}_coefficient"}
    assert set(table["n"]) == {2357}


@pytest.mark.parametrize("model", FITS)
def test_fits_equal_those_of_lifetimes(model, cdnow):
    golden = pd.read_csv(GOLDEN / "lifetimes_fits.csv").set_index("model").loc[model]
    found = terms(FITS[model](cdnow)) / [1, 7, 1, 1]
    assert found.to_numpy() == pytest.approx(golden[["r", "alpha", "a", "b"]].to_numpy("float64"), rel=2e-6)


@pytest.mark.parametrize("model", FITS)
def test_another_unit_of_time_moves_alpha_only(model, cdnow):
    hours = cdnow.assign(recency_days=cdnow["recency_days"] * 24, age_days=cdnow["age_days"] * 24)
    days, longer = FITS[model](cdnow), FITS[model](hours)
    assert (terms(longer) / terms(days)).to_numpy() == pytest.approx([1, 24, 1, 1], rel=1e-10)
    assert days.log_likelihood - longer.log_likelihood == pytest.approx(cdnow["frequency"].sum() * np.log(24), rel=1e-12)
    assert longer.covariance.to_numpy() == pytest.approx(days.covariance.to_numpy() * np.outer([1, 24, 1, 1], [1, 24, 1, 1]), rel=1e-9)


@pytest.mark.parametrize("model", FITS)
def test_the_order_of_customers_changes_nothing(model, cdnow):
    fit, shuffled = FITS[model](cdnow), FITS[model](cdnow.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(fit.coefficients, shuffled.coefficients, check_exact=True)
    assert fit.log_likelihood == shuffled.log_likelihood


def test_distinct_rows_give_what_single_rows_give(cdnow):
    """A shift far below rounding makes every row its own; the sums are then over 2,357 rows."""
    jitter = 1 + np.arange(len(cdnow)) * 1e-15
    apart = cdnow.assign(recency_days=cdnow["recency_days"] * jitter, age_days=cdnow["age_days"] * jitter)
    packed, single = cs.fit_bg_nbd(cdnow), cs.fit_bg_nbd(apart)
    assert len(single._fitted.histories.count) > 2 * len(packed._fitted.histories.count)
    assert terms(single).to_numpy() == pytest.approx(terms(packed).to_numpy(), rel=1e-8)
    assert single.log_likelihood == pytest.approx(packed.log_likelihood, rel=1e-11)


@pytest.mark.parametrize("model", FITS)
def test_too_little_to_fit(model):
    with pytest.raises(NotEnoughDataError, match="at least two"):
        FITS[model](rfm((3, 40, 90)))
    with pytest.raises(NotEnoughDataError, match="bought a second time"):
        FITS[model](rfm((0, 0, 90), (0, 0, 80)))
    with pytest.raises(ParameterError, match="conf_level"):
        FITS[model](EVENT_DAYS.assign(age_days=240), conf_level=95)


ODD = {
    "all alike": [(1, 10, 50)] * 20,
    "all alike and busy": [(3, 49.9, 50)] * 20,
    "all bought on the last day": [*[(5, 100, 100)] * 5, (0, 0, 100), (2, 100, 100)],
    "two customers": [(0, 0, 50), (1, 10, 50)],
    "stopped after 254": [*[(254, 40.999, 400)] * 3, (0, 0, 400), (1, 5, 400), (10, 30, 400)],
    "bought 50,000 times": [*[(50000, 100, 1000)] * 5, (0, 0, 100), (2, 100, 100)],
}


@pytest.mark.parametrize("model", FITS)
@pytest.mark.parametrize("name", ODD)
def test_odd_data_give_an_error_a_finding_or_a_strict_maximum(model, name):
    try:
        fit = FITS[model](rfm(*ODD[name]))
    except ConvergenceError as error:
        assert "no maximum" in str(error)  # noqa: PT017
        return
    wrong = (fit.diagnostics["finding"] != "ok").any()
    assert fit.converged != wrong
    if name != "stopped after 254":
        assert wrong
    table = fit.predict(horizon="91d")
    assert np.isfinite(table["estimate"]).all()
    assert (table.query("metric == 'purchases'")[["conf_low", "conf_high"]] >= 0).all(axis=None)


def test_where_nobody_leaves_the_chance_to_leave_is_not_identified(buyers):
    fit = cs.fit_bg_nbd(buyers(np.random.default_rng(4), 500, terms=(0.5, 30, 1e-9, 1.0)))
    found = fit.diagnostics.set_index("check")["finding"]
    assert found["standard error of log a"] == "not identified"
    assert found["chance to leave"] == "boundary"
    assert not fit.converged


def test_where_all_buy_at_one_rate_r_is_on_the_boundary(buyers):
    fit = cs.fit_bg_nbd(buyers(np.random.default_rng(5), 500, terms=(1e7, 3e8, 0.8, 2.4)))
    found = fit.diagnostics.set_index("check")["finding"]
    assert found["spread of rates"] == "boundary"
    assert found["standard error of log r"] == "not identified"
    assert not fit.converged
    assert terms(fit)["alpha"] / terms(fit)["r"] == pytest.approx(30, rel=0.1)


def test_where_all_leave_with_one_chance_only_its_mean_is_known(buyers):
    fit = cs.fit_mbg_nbd(buyers(np.random.default_rng(1), 2000, terms=(0.5, 30, 3e5, 7e5), first_chance=True))
    found = fit.diagnostics.set_index("check")
    assert found["finding"]["standard error of log a"] == "not identified"
    assert found["finding"]["spread of chances"] == "boundary"
    assert found["value"]["chance to leave"] == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("model", FITS)
def test_truth_is_found_again(model, buyers):
    truth = np.array([0.6, 25.0, 0.9, 2.0])
    rng = np.random.default_rng(8)
    fit = FITS[model](buyers(rng, 60_000, terms=truth, ages=(200, 700), first_chance=model == "mbg_nbd"))
    table = fit.coefficients
    error = np.log(table["conf_high"] / table["estimate"]) / 1.96
    assert (np.abs(np.log(table["estimate"] / truth)) < 4 * error).all()
    assert (error < 0.1).all()
