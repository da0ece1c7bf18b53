"""Predictions of a Cox regression: against R's survfit, what they add up to, and what they refuse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cox_designs import GOLDEN
from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.cox.fit import CoxFit, fit_cox

SURVIVAL = pd.read_csv(GOLDEN / "fits_survival.csv")
DATA = pd.read_csv(GOLDEN / "diagnostics_data.csv")
LIMITS = ["estimate", "conf_low", "conf_high"]


def company(rows: int = 60) -> pd.DataFrame:
    """Return units with a number, a category and a stratum."""
    rng = np.random.default_rng(2)
    kinds = {"plan": rng.choice(["basic", "pro", "top"], rows), "region": rng.choice(["n", "s"], rows), "seats": rng.poisson(9, rows)}
    names = [f"u{place}" for place in range(rows)]
    return pd.DataFrame({"account_id": names, "duration_days": rng.integers(1, 30, rows), "observed": rng.random(rows) < 0.7, **kinds})


@pytest.fixture(scope="module")
def fit() -> CoxFit:
    """Return a fit with a category and strata."""
    return fit_cox(company(), "np.log(seats) + C(plan)", strata="region")


@pytest.mark.parametrize("robust", [False, True], ids=["model", "robust"])
@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("case", list(dict.fromkeys(SURVIVAL["case"])))
def test_equals_survfit(case: str, ties: str, robust: bool) -> None:
    table = DATA[DATA["case"] == case].dropna(axis="columns").reset_index(drop=True)
    terms = [name for name in table.columns if name.startswith("x")]
    fit = fit_cox(table, terms, ties=ties, strata="stratum", weights="weight", cluster="cluster" if robust else None)
    expected = SURVIVAL.query("case == @case and ties == @ties and robust == @robust")
    known = LIMITS if robust or (table["weight"] % 1 == 0).all() else ["estimate"]  # see test_fit
    for row, part in expected.groupby("row"):
        found = fit.predict(table.iloc[[row]], at_days=part["time_days"])
        np.testing.assert_allclose(found[known], part[["survival", "low", "high"][: len(known)]], rtol=1e-7)
        assert found["row"].tolist() == [row] * len(part)


def test_keys_and_shape(fit: CoxFit) -> None:
    table = company().head(2)
    found = fit.predict(table, at_days=[20, 10, 10])
    assert list(found.columns) == ["account_id", "time_days", "metric", "unit", *LIMITS, "n"]
    assert found[["account_id", "time_days"]].to_numpy().tolist() == [["u0", 10], ["u0", 20], ["u1", 10], ["u1", 20]]
    assert set(found["metric"]) == {"survival"}
    assert set(found["n"]) == {int(company()["observed"].sum())}
    plain = table.drop(columns="account_id")
    assert list(fit.predict(plain.set_axis(["a", "b"]), at_days=10)["row"]) == ["a", "b"]
    assert list(fit.predict(plain.rename_axis("seat"), at_days=10)["seat"]) == [0, 1]


def test_before_the_first_end_and_beyond_the_data(fit: CoxFit) -> None:
    found = fit.predict(company().head(1).drop(columns="account_id"), at_days=[0, 40])
    assert found["estimate"].iloc[0] == 1
    assert found[["conf_low", "conf_high"]].iloc[0].isna().all()
    assert found[LIMITS].iloc[1].isna().all()


def test_contributions_sum_to_the_log_hazard_ratio(fit: CoxFit) -> None:
    table = company().tail(20)
    parts = fit.contributions(table)
    assert list(parts.columns) == ["np.log(seats)", "C(plan)"]
    assert parts.index.equals(table.index)
    ratios = fit.log_hazard_ratios_of(table)
    np.testing.assert_allclose(parts.sum(axis=1), ratios["estimate"], rtol=1e-12)
    # by hand: beta of log seats x (log seats - its mean over the fit)
    logged = np.log(company()["seats"])
    expected = fit.coefficients.set_index("term").loc["np.log(seats)", "estimate"] * (logged.tail(20) - logged.mean())
    np.testing.assert_allclose(parts["np.log(seats)"], expected, rtol=1e-12)
    np.testing.assert_allclose(fit.hazard_ratios_of(table)[LIMITS], np.exp(ratios[LIMITS]), rtol=1e-12)


def test_the_average_row_has_a_ratio_of_one_and_no_spread() -> None:
    fit = fit_cox(company(), ["seats"])
    found = fit.hazard_ratios_of(pd.DataFrame({"seats": [company()["seats"].mean()]}))
    np.testing.assert_allclose(found[LIMITS], [[1, 1, 1]], rtol=1e-12)
    assert found[["row", "metric", "unit", "n"]].to_numpy().tolist() == [[0, "hazard_ratio", "ratio", int(company()["observed"].sum())]]


def test_one_unit_above_the_average_is_the_hazard_ratio_of_the_term() -> None:
    fit = fit_cox(company(), ["seats"], conf_level=0.9)
    found = fit.hazard_ratios_of(pd.DataFrame({"seats": [company()["seats"].mean() + 1]}))
    np.testing.assert_allclose(found[LIMITS], fit.hazard_ratios[LIMITS], rtol=1e-12)
    wide = fit.log_hazard_ratios_of(pd.DataFrame({"seats": [0]}), conf_level=0.99)
    assert wide["conf_low"].iloc[0] < fit.log_hazard_ratios_of(pd.DataFrame({"seats": [0]}))["conf_low"].iloc[0]


def test_the_mean_is_weighted() -> None:
    table = company().assign(weight=np.where(company()["seats"] > 9, 3, 1))
    fit = fit_cox(table, ["seats"], weights="weight")
    mean = (table["seats"] * table["weight"]).sum() / table["weight"].sum()
    assert fit.log_hazard_ratios_of(pd.DataFrame({"seats": [mean]}))["estimate"].iloc[0] == pytest.approx(0, abs=1e-12)


def test_one_row_is_predicted_as_among_many(fit: CoxFit) -> None:
    table = company()
    together, alone = fit.predict(table, at_days=[5, 15]), fit.predict(table.iloc[[7]], at_days=[5, 15])
    pd.testing.assert_frame_equal(together.iloc[14:16].reset_index(drop=True), alone, rtol=1e-12)


def test_a_wider_level_has_wider_limits(fit: CoxFit) -> None:
    narrow, wide = (fit.predict(company().head(3), at_days=10, conf_level=level) for level in (0.8, 0.99))
    assert (wide["conf_low"] < narrow["conf_low"]).all()
    assert (narrow["conf_high"] < wide["conf_high"]).all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"plan": "free"}, ParameterError, "does not suit the formula of the fit.*free"),
        ({"region": "west"}, ParameterError, "must be in a stratum of the fit; row 0 has region 'west'"),
        ({"seats": None}, ParameterError, r"missing in seats \(1 rows, first row 0\)"),
        ({"seats": 0}, ParameterError, "np.log.seats. must be finite|does not suit the formula"),
    ],
)
def test_rows_the_fit_does_not_know_are_refused(fit: CoxFit, change: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        fit.predict(company().head(1).assign(**change), at_days=10)


def test_absent_columns_rows_and_times_are_refused(fit: CoxFit) -> None:
    with pytest.raises(MissingColumnsError, match="no column 'region'"):
        fit.predict(company().drop(columns="region"), at_days=10)
    with pytest.raises(MissingColumnsError, match="no column 'plan'"):
        fit.predict(company().drop(columns="plan"), at_days=10)
    with pytest.raises(NotEnoughDataError, match="no row"):
        fit.predict(company().head(0), at_days=10)
    with pytest.raises(ParameterError, match="at_days must hold numbers of days"):
        fit.predict(company(), at_days=-1)
