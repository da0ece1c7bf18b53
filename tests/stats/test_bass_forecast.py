"""Forecasts of a Bass fit, its back-test, what it refuses, and how often its limits contain the truth."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from scipy import stats

import cs_analysis as cs
from bass_series import curve, table, terms
from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.bass import BassFit, fit_bass

Read = Callable[[str], pd.DataFrame]


@pytest.fixture
def public(golden: Read) -> Callable[[str, int], pd.DataFrame]:
    """Return a reader of a public series, some first rows cut off."""
    series = golden("bass/series.csv")
    return lambda name, before=0: series[series["series"] == name].iloc[before:].reset_index(drop=True)


@pytest.fixture
def room(public: Any) -> pd.DataFrame:
    return public("room_air_conditioners")


class TestForecast:
    def test_expected_adopters_are_the_formula(self, room: pd.DataFrame) -> None:
        fit = fit_bass(room)
        found = fit.predict(4).query("metric == 'expected_adopters'")
        assert list(found["period"]) == [1962, 1963, 1964, 1965]
        assert found["estimate"].to_numpy() == pytest.approx(curve(*terms(fit), periods=17)[13:], rel=1e-9)

    @pytest.mark.parametrize(("method", "spread"), [("nls", "residual"), ("ml", "poisson")])
    def test_counts_scatter_around_the_mean(self, room: pd.DataFrame, method: Any, spread: str) -> None:
        """(upper limit of a count - estimate)^2 = (upper limit of the mean - estimate)^2 + (quantile x spread)^2."""
        fit = fit_bass(room, method=method)
        mean, count = (fit.predict(2).query("metric == @name") for name in ("expected_adopters", "adopters"))
        added = (count["conf_high"].to_numpy() - count["estimate"].to_numpy()) ** 2 - (mean["conf_high"].to_numpy() - mean["estimate"].to_numpy()) ** 2
        theirs = stats.t.ppf(0.975, 10) ** 2 * fit.squared_error / 10 if spread == "residual" else stats.norm.ppf(0.975) ** 2 * mean["estimate"].to_numpy()
        assert added == pytest.approx(theirs, rel=1e-9)
        assert (count["conf_low"] >= 0).all()

    def test_labels_choose_periods_inside_and_after_the_data(self, room: pd.DataFrame) -> None:
        fit = fit_bass(room)
        found = fit.predict([1949, 1970]).query("metric == 'expected_adopters'")
        assert found["estimate"].to_numpy() == pytest.approx(curve(*terms(fit), periods=22)[[0, 21]], rel=1e-9)

    @pytest.mark.parametrize("periods", [0, -1, True, [1948], ["soon"], [1960.5]])
    def test_no_period(self, room: pd.DataFrame, periods: Any) -> None:
        with pytest.raises(ParameterError, match="period"):
            fit_bass(room).predict(periods)

    def test_peak_by_hand(self) -> None:
        """log(.4 / .01) / .41 = 8.997: in the ninth period."""
        peak = fit_bass(table(curve(0.01, 0.4, 1000.0, periods=20), first=2001)).peak().iloc[0]
        assert (peak["metric"], peak["period"]) == ("peak_time", 2009)
        assert peak["estimate"] == pytest.approx(np.log(40) / 0.41, rel=1e-6)

    def test_peak_counts_from_the_launch(self) -> None:
        peak = fit_bass(table(curve(0.01, 0.4, 1000.0, periods=20, before=4), first=2005), launched_before=4).peak().iloc[0]
        assert peak["period"] == 2009
        assert peak["estimate"] == pytest.approx(np.log(40) / 0.41, rel=1e-6)

    def test_the_regression_has_no_bands(self, room: pd.DataFrame) -> None:
        fit = fit_bass(room, method="ols")
        assert fit.predict(2)[["conf_low", "conf_high"]].isna().all(axis=None)
        assert fit.peak()[["conf_low", "conf_high"]].isna().all(axis=None)


class TestBacktest:
    def test_forecasts_equal_fits_to_what_was_known(self, room: pd.DataFrame) -> None:
        found = fit_bass(room).backtest(horizon=2)
        row = found.query("origin == 1958 and horizon == 2").iloc[0]
        known = fit_bass(room.head(10)).predict(2)
        assert row["bass"] == pytest.approx(known.query("metric == 'adopters'")["estimate"].iloc[1], rel=1e-9)
        assert (row["period"], row["adopters"], row["last_value"]) == (1960, 1580, 1673)
        assert row["drift"] == pytest.approx(1673 + 2 * (1673 - 96) / 9)

    def test_every_origin_is_there_with_its_status(self, room: pd.DataFrame) -> None:
        found = fit_bass(room).backtest(horizon=3)
        status = found.groupby("origin")["status"].first()
        assert list(status.index) == list(range(1953, 1961))
        assert list(status[:4]) == ["no curve", "not identified", "identified", "not identified"]
        assert (status[4:] == "identified").all()
        assert found["bass"].isna().equals(found["status"] == "no curve")
        assert len(found) == 6 * 3 + 2 + 1

    def test_later_counts_change_no_earlier_forecast(self, room: pd.DataFrame) -> None:
        changed = room.assign(adopters=room["adopters"].where(room["period"] < 1961, 1000))
        mine, theirs = (fit_bass(each).backtest(horizon=1).query("origin < 1960") for each in (room, changed))
        assert_frame_equal(mine, theirs)

    def test_ratio_by_hand(self, room: pd.DataFrame) -> None:
        fit = fit_bass(room)
        found = fit.forecast_error_ratio(horizon=2).set_index(["horizon", "origins", "against"])
        rows = fit.backtest(horizon=2).query("horizon == 2 and status == 'identified'")
        by_hand = abs(rows["bass"] - rows["adopters"]).mean() / abs(rows["drift"] - rows["adopters"]).mean()
        assert found.loc[(2, "identified", "drift"), "estimate"] == pytest.approx(by_hand)
        assert found.loc[(2, "identified", "drift"), "n"] == len(rows) == 4
        assert found.loc[(1, "with a curve", "last_value"), "n"] == 7

    def test_an_exact_curve_beats_naive_forecasts(self) -> None:
        found = fit_bass(table(curve(0.01, 0.4, 1000.0, periods=20))).forecast_error_ratio(horizon=3)
        assert (found.query("origins == 'identified'")["estimate"] < 1e-3).all()

    def test_too_short(self, room: pd.DataFrame) -> None:
        with pytest.raises(NotEnoughDataError, match="more than 5 periods"):
            fit_bass(table([10, 30, 50, 40, 20])).backtest()
        with pytest.raises(ParameterError, match="horizon"):
            fit_bass(room).backtest(horizon=0)


class TestInput:
    @pytest.mark.parametrize(
        ("adopters", "error", "text"),
        [
            ([1, 5, 9, 4], NotEnoughDataError, "at least 5 periods; the table has 4"),
            ([0] * 8, NotEnoughDataError, "0 in every period"),
            ([1, 5, -9, 4, 3], ParameterError, r"row 3 \(period 3\) holds -9"),
            ([1, 5, 9, None, 3], ParameterError, r"row 4 \(period 4\) holds nan"),
            ([1, 5, 9, "7", 3], ParameterError, r"row 4 \(period 4\) holds '7'"),
            ([1, np.inf, 9, 7, 3], ParameterError, r"row 2 \(period 2\) holds inf"),
        ],
    )
    def test_adopters(self, adopters: list[Any], error: type[Exception], text: str) -> None:
        with pytest.raises(error, match=text):
            fit_bass(table(adopters))

    @pytest.mark.parametrize(
        ("periods", "text"),
        [
            ([1, 2, 3, 5, 6, 7], "after 3 comes 5, and 4 is missing"),
            ([1, 2, 3, 3, 4, 5], "3 has several"),
            (["2026-01-01", "2026-02-01", "2026-04-01", "2026-05-01", "2026-06-01", "2026-07-01"], "2026-03-01 00:00:00 is missing"),
            (["2026-01-05", "2026-01-12", "2026-01-19", "2026-02-02", "2026-02-09", "2026-02-16"], "2026-01-26 00:00:00 is missing"),
            ([1.0, 2.0, 3.0, 4.0, 5.0, 6.5], "whole numbers or period starts"),
            ([1, None, 3, 4, 5, 6], "row 2 has none"),
            (["a", "b", "c", "d", "e", "f"], "whole numbers or period starts"),
        ],
    )
    def test_periods(self, periods: list[Any], text: str) -> None:
        with pytest.raises(ParameterError, match=text):
            fit_bass(pd.DataFrame({"period": periods, "adopters": [1, 5, 9, 8, 4, 1]}))

    @pytest.mark.parametrize(
        ("labels", "following"),
        [
            (pd.date_range("2025-01-01", periods=13, freq="MS"), "2026-02-01"),
            (pd.date_range("2025-01-01", periods=13, freq="QS"), "2028-04-01"),
            (pd.date_range("1949-01-01", periods=13, freq="YS"), "1962-01-01"),
            (pd.date_range("2026-01-05", periods=13, freq="7D"), "2026-04-06"),
            (pd.date_range("2026-03-24", periods=13, freq="D", tz="Europe/Berlin"), pd.Timestamp("2026-04-06", tz="Europe/Berlin")),
            (pd.period_range("2025-01", periods=13, freq="M"), "2026-02-01"),
            (pd.date_range("2025-01-01", periods=13, freq="MS").date, "2026-02-01"),
        ],
    )
    def test_dates_give_the_same_fit_and_the_next_label(self, room: pd.DataFrame, labels: Any, following: Any) -> None:
        fit = fit_bass(room.assign(period=labels))
        assert terms(fit) == pytest.approx(terms(fit_bass(room)))
        assert fit.predict(1)["period"].iloc[0] == pd.Timestamp(following)
        assert_frame_equal(fit.predict([pd.Timestamp(following)]), fit.predict(1))

    def test_rows_may_come_in_any_order(self, room: pd.DataFrame) -> None:
        assert_frame_equal(fit_bass(room.sample(frac=1, random_state=1)).coefficients, fit_bass(room).coefficients)

    def test_columns(self, room: pd.DataFrame) -> None:
        with pytest.raises(MissingColumnsError, match="no column 'period'"):
            fit_bass(room.drop(columns="period"))

    @pytest.mark.parametrize(
        ("options", "text"),
        [
            ({"method": "gmm"}, "method must be"),
            ({"interval": "wald"}, "interval must be"),
            ({"launched_before": -1}, "launched_before must be"),
            ({"method": "ols", "launched_before": 2}, "needs the adopters from the launch on"),
            ({"method": "ols", "interval": "bootstrap"}, "delta method only"),
            ({"conf_level": 95}, "conf_level must lie"),
            ({"replicates": 10}, "at least 100"),
            ({"interval": "bootstrap", "rng": "x"}, "rng must be"),
        ],
    )
    def test_options(self, room: pd.DataFrame, options: dict[str, Any], text: str) -> None:
        with pytest.raises(ParameterError, match=text):
            fit_bass(room, **options)

    def test_likelihood_needs_heads(self, public: Any) -> None:
        with pytest.raises(ParameterError, match=r"whole numbers of adopters; 1.25 in 1952"):
            fit_bass(public("foreign_language"), method="ml")


class TestResult:
    def test_shape(self, room: pd.DataFrame) -> None:
        fit = fit_bass(room)
        assert list(fit.coefficients.columns) == ["term", "metric", "unit", "estimate", "conf_low", "conf_high", "n"]
        assert list(fit.coefficients["unit"]) == ["ratio", "ratio", "count"]
        assert (fit.coefficients["n"] == 13).all()
        assert list(fit.diagnostics.columns) == ["check", "value", "finding", "what_to_do"]
        with pytest.raises(FrozenInstanceError):
            fit.converged = False  # type: ignore[misc]

    def test_public(self) -> None:
        assert cs.fit_bass is fit_bass
        assert cs.BassFit is BassFit

    def test_input_is_left_alone(self, room: pd.DataFrame) -> None:
        before = room.copy()
        fit_bass(room).backtest()
        assert_frame_equal(room, before)


@pytest.mark.slow
@pytest.mark.coverage
def test_coverage(repository: Path) -> None:
    """A short run of the study: likelihood limits of a full curve contain the truth in about 95 % (simulation error 2.2 points)."""
    study = runpy.run_path(str(repository / "benchmarks" / "coverage" / "bass.py"))["study"]
    found = pd.DataFrame(study(("ml", "profile"), 20, 100)).set_index("quantity")["coverage"]
    assert list(found.index) == ["p", "q", "m", "expected_adopters", "adopters", "peak_time"]
    assert found.between(0.87, 0.999).all()
