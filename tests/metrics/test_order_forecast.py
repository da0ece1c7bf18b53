"""Models of buying tried on the past: the CDNOW hold-out, and small cases by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special
from tests.helpers import utc

import cs_analysis as cs
from cs_analysis import errors

CDNOW = Path(__file__).parent.parent / "golden" / "cdnow" / "orders.csv.gz"
CUT = {"until": "1997-09-30", "as_of": "1998-06-30"}


@pytest.fixture(scope="module")
def cdnow() -> pd.DataFrame:
    table = pd.read_csv(CDNOW, dtype={"account_id": "str"})
    return table.assign(ordered_at=utc(*table["ordered_on"])).drop(columns="ordered_on")


@pytest.fixture(scope="module")
def report(cdnow: pd.DataFrame) -> pd.DataFrame:
    return cs.purchase_holdout(cdnow, **CUT)


def value(table: pd.DataFrame, metric: str, **keys: str) -> float:
    """Return one estimate."""
    rows = table[(table["metric"] == metric) & np.logical_and.reduce([table[key] == wanted for key, wanted in keys.items()])]
    assert len(rows) == 1
    return float(rows["estimate"].iloc[0])


def by_formula(rfm: pd.DataFrame) -> pd.Series:
    """Return expected purchases of 39 weeks by formula (10) of Fader, Hardie and Lee (2005), at their printed parameters (in weeks)."""
    r, alpha, a, b, ahead = 0.243, 4.414, 0.793, 2.426, 39.0
    x, recency, age = rfm["frequency"], rfm["recency_days"] / 7, rfm["age_days"] / 7
    waited = ((alpha + age) / (alpha + age + ahead)) ** (r + x)
    above = (a + b + x - 1) / (a - 1) * (1 - waited * special.hyp2f1(r + x, b + x, a + b + x - 1, ahead / (alpha + age + ahead)))
    left = np.where(x > 0, a / (b + x - 1) * ((alpha + age) / (alpha + recency)) ** (r + x), 0)
    return above / (1 + left)


@pytest.mark.slow
def test_the_cdnow_holdout_has_the_published_total(report: pd.DataFrame) -> None:
    assert value(report, "purchases_actual", part="total") == 1882


@pytest.mark.slow
def test_expectations_are_those_of_the_published_formula(cdnow: pd.DataFrame, report: pd.DataFrame) -> None:
    rfm = cs.rfm_summary(cdnow, as_of="1997-09-30")
    expected = by_formula(rfm)
    assert value(report, "purchases", part="total", method="bg_nbd") == pytest.approx(expected.sum(), rel=2e-3)  # three printed digits
    sums = expected.groupby(rfm["frequency"].clip(upper=7)).sum()
    for frequency, total in sums.items():
        level = "7+" if frequency == 7 else str(frequency)
        assert value(report, "purchases", part="frequency", level=level, method="bg_nbd") == pytest.approx(total, rel=4e-3)


def test_parts_add_up(report: pd.DataFrame) -> None:
    for part in ("frequency", "decile"):
        rows = report[report["part"] == part]
        assert rows[rows["metric"] == "purchases_actual"]["estimate"].sum() == 1882
        assert rows[rows["metric"] == "purchases"]["estimate"].sum() == pytest.approx(value(report, "purchases", part="total", method="bg_nbd"))
        assert rows[rows["metric"] == "purchases"]["n"].sum() == 2357
    deciles = report[(report["part"] == "decile") & (report["metric"] == "purchases")]
    assert (deciles["estimate"] / deciles["n"]).is_monotonic_increasing
    assert len(deciles) == 10


def test_the_ratio_has_the_limits_of_what_may_come(report: pd.DataFrame) -> None:
    ratio = report[report["metric"] == "purchase_holdout"].iloc[0]
    count = report[(report["metric"] == "purchases") & (report["part"] == "total") & (report["method"] == "bg_nbd")].iloc[0]
    for column in ("estimate", "conf_low", "conf_high"):
        assert ratio[column] == pytest.approx(count[column] / 1882)


def test_the_model_beats_naive_forecasts_of_cdnow_customers(report: pd.DataFrame) -> None:
    for metric in ("mean_absolute_error", "root_mean_squared_error"):
        model, *naive = (value(report, metric, method=method) for method in ("bg_nbd", "past_rate", "period_before"))
        assert model < min(naive)


@pytest.mark.slow
def test_naive_forecasts_by_hand() -> None:
    # Calibration ends on 31 January, ten days are held out.
    # a: repeats on the 11th and 25th, age 30; b: first on the 21st, age 10; c: repeat on the 31st, age 20.
    bought = {"a": ["01-01", "01-11", "01-25", "02-03"], "b": ["01-21", "02-04", "02-05"], "c": ["01-11", "01-31"]}
    rows = [(account, f"2026-{day}T08:00Z") for account, days in bought.items() for day in days]
    table = pd.DataFrame(rows, columns=["account_id", "ordered_at"])
    table = table.assign(ordered_at=utc(*table["ordered_at"]), amount=5.0)
    found = cs.purchase_holdout(table, until="2026-01-31", as_of="2026-02-10")
    # past_rate: a 2 / 30 x 10, b 0, c 1 / 20 x 10 = 1/2; period_before (22 to 31 January): a 1, b 0, c 1; actual: a 1, b 2, c 0
    assert value(found, "purchases", part="total", method="past_rate") == pytest.approx(2 / 3 + 0.5)
    assert value(found, "purchases", part="total", method="period_before") == 2
    assert value(found, "mean_absolute_error", method="past_rate") == pytest.approx((1 / 3 + 2 + 1 / 2) / 3)
    assert value(found, "root_mean_squared_error", method="period_before") == pytest.approx(np.sqrt((0 + 4 + 1) / 3))


@pytest.mark.slow
def test_tracking_adds_up_to_all_repeat_purchases(cdnow: pd.DataFrame) -> None:
    table = cs.purchase_tracking(cdnow, **CUT)
    actual, expected = (table[table["metric"] == metric].set_index("time_days") for metric in ("purchase_tracking", "expected_purchases"))
    # 2,457 repeat purchases by week 39 and 1,882 after it: all by 30 June 1998, the last day of week 78.
    assert (actual.loc[273, "estimate"], actual.loc[546, "estimate"]) == (2457, 2457 + 1882)
    assert actual["part"].tolist() == ["calibration"] * 39 + ["holdout"] * 39
    assert actual["estimate"].is_monotonic_increasing
    assert actual[["conf_low", "conf_high"]].isna().all(axis=None)
    assert expected["estimate"].is_monotonic_increasing
    assert expected.loc[546, "estimate"] / 4339 == pytest.approx(0.96, abs=0.005)  # the BG/NBD stays 4 % below in week 78


@pytest.mark.slow
def test_the_last_unfinished_week_is_left_out(cdnow: pd.DataFrame) -> None:
    assert cs.purchase_tracking(cdnow, until="1997-09-30", as_of="1997-10-10")["time_days"].max() == 280  # 283 days since 1 January


@pytest.mark.slow
@pytest.mark.parametrize("function", [cs.purchase_holdout, cs.purchase_tracking])
def test_misuse_is_refused(function: object, cdnow: pd.DataFrame) -> None:
    with pytest.raises(errors.ParameterError, match="model must be one of"):
        function(cdnow, model="pnbd")  # type: ignore[operator]
    with pytest.raises(errors.ParameterError, match="until must be a day"):
        function(cdnow, until="2020-01-01")  # type: ignore[operator]
    days = pd.date_range("2026-01-05", periods=12, freq="MS", tz="UTC")
    bills = pd.DataFrame({"account_id": np.repeat([f"a{n}" for n in range(12)], 12), "ordered_at": np.tile(days, 12), "amount": 9.0})
    with pytest.raises(errors.ParameterError, match="bills of a contract"):
        function(bills)  # type: ignore[operator]


def test_without_a_repeat_purchase_nothing_can_be_said() -> None:
    table = pd.DataFrame({"account_id": ["a", "b"], "ordered_at": utc("2026-01-01", "2026-01-02"), "amount": 1.0})
    with pytest.raises(errors.NotEnoughDataError, match="second time"):
        cs.purchase_holdout(table, until="2026-01-31", as_of="2026-02-10")
