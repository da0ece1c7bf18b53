"""The hold-out check: what is hidden stays hidden, and the naive forecasts are those by hand."""

from __future__ import annotations

import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import NotEnoughDataError

LEFT = [1000, 631, 468, 382, 326, 289, 262, 241]
REGULAR = pd.DataFrame({"period": range(8), "retained": LEFT})


def test_the_forecast_is_that_of_a_fit_to_the_first_renewals() -> None:
    tested = cs.fit_sbg(REGULAR).backtest(hidden=3)
    early = cs.fit_sbg(REGULAR.iloc[:5]).predict(3).query("metric == 'retained_customers'").reset_index(drop=True)
    assert tested["period"].tolist() == [5, 6, 7]
    assert tested["retained"].tolist() == LEFT[5:]
    assert tested["origin"].unique().tolist() == [4]
    pd.testing.assert_series_equal(tested["sbg"], early["estimate"], check_names=False)
    pd.testing.assert_series_equal(tested["conf_low"], early["conf_low"], check_names=False)
    assert tested["status"].unique().tolist() == ["identified"]


def test_naive_forecasts_by_hand() -> None:
    # known 1000, 631, 468, 382, 326: kept 1807 of 2481 asked; the last renewal kept 326 of 382
    tested = cs.fit_sbg(REGULAR).backtest(hidden=3)
    constant, last = (631 + 468 + 382 + 326) / (1000 + 631 + 468 + 382), 326 / 382
    assert tested["constant_rate"].tolist() == pytest.approx([326 * constant**ahead for ahead in (1, 2, 3)])
    assert tested["last_rate"].tolist() == pytest.approx([326 * last**ahead for ahead in (1, 2, 3)])


def test_the_error_ratio_compares_mean_errors() -> None:
    fit = cs.fit_bdw(REGULAR)
    tested = fit.backtest()
    errors = {name: (tested[name] - tested["retained"]).abs().mean() for name in ("bdw", "constant_rate", "last_rate")}
    ratio = fit.forecast_error_ratio().set_index("against")["estimate"]
    assert ratio.to_dict() == pytest.approx({name: errors["bdw"] / errors[name] for name in ("constant_rate", "last_rate")})
    assert ratio["constant_rate"] < 0.1


def test_each_cohort_has_its_own_origin_and_those_not_begun_are_left_out() -> None:
    rows = pd.concat([REGULAR.assign(cohort="old"), REGULAR.iloc[:3].assign(cohort="young"), REGULAR.iloc[:1].assign(cohort="new")])
    tested = cs.fit_sbg(rows, cohort="cohort").backtest(hidden=2)
    assert tested[["cohort", "origin", "period"]].to_numpy().tolist() == [["old", 5, 6], ["old", 5, 7], ["young", 0, 1], ["young", 0, 2]]
    assert tested.notna().all().all()


def test_a_past_without_churn_has_no_forecast_but_a_row() -> None:
    tested = cs.fit_sbg(pd.DataFrame({"period": range(4), "retained": [50, 50, 50, 40]})).backtest(hidden=1)
    assert tested["status"].tolist() == ["no maximum"]
    assert tested["sbg"].isna().all()
    assert tested["last_rate"].tolist() == [50]


def test_too_little_left_is_refused() -> None:
    with pytest.raises(NotEnoughDataError, match="needs 2"):
        cs.fit_sbg(REGULAR.iloc[:4]).backtest(hidden=2)
