"""Restricted mean times against R, by hand and against sums over uncensored units."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from cs_analysis.errors import ParameterError
from cs_analysis.stats.durations import durations
from cs_analysis.stats.restricted_mean import restricted_mean_time
from cs_analysis.stats.survival import survival_at

Reader = Callable[[str], pd.DataFrame]
Z = 1.959963984540054

CASES = {
    "lung": ("lung", None),
    "lung_by_sex": ("lung", "sex"),
    "heart": ("heart", None),
    "heart_by_transplant": ("heart", "transplant"),
    "veteran_by_celltype": ("veteran", "celltype"),
    "veteran_grouped": ("veteran_grouped", None),
    "veteran_grouped_by_trt": ("veteran_grouped", "trt"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("horizon", [100, 365])
def test_equals_r(golden: Reader, case: str, horizon: int) -> None:
    expected = golden("survival/restricted_means.csv").query("case == @case and horizon_days == @horizon").reset_index(drop=True)
    data, by = CASES[case]
    found = restricted_mean_time(golden(f"survival/{data}.csv"), horizon=f"{horizon}d", by=by)
    seen = found["estimate"].notna()  # R carries a curve on beyond the follow-up
    np.testing.assert_allclose(found["estimate"][seen], expected["estimate"][seen], rtol=0, atol=1e-9)
    np.testing.assert_allclose((found["conf_high"] - found["estimate"])[seen] / Z, expected["std_error"][seen], rtol=0, atol=1e-9)
    assert seen.sum() >= 1


def test_published_value(golden: Reader) -> None:
    found = restricted_mean_time(golden("survival/lung.csv"), horizon=pd.Timedelta(days=365)).iloc[0]
    assert found["estimate"] == pytest.approx(263.2219, abs=5e-5)
    assert (found["conf_high"] - found["conf_low"]) / (2 * Z) == pytest.approx(7.7989, abs=5e-5)


def test_by_hand() -> None:
    # S = 1 to day 2, 3/4 to day 3, 1/2 to day 4: area 2 + .75 + .5 = 3.25.
    # Areas after days 2 and 3: 1.25 and .5; variance 1.25^2 / (4 x 3) + .5^2 / (3 x 2) = .130208 + .041667 = .171875
    table = pd.DataFrame({"duration_days": [2, 3, 3, 5], "observed": [True, True, False, False]})
    found = restricted_mean_time(table, horizon="4d").iloc[0]
    assert found["estimate"] == 3.25
    assert found["conf_low"] == pytest.approx(3.25 - Z * 0.171875**0.5, rel=1e-12)
    assert found["conf_high"] == 4  # 3.25 + .81 is beyond the horizon
    assert (found["metric"], found["unit"], found["n"]) == ("restricted_mean_time", "days", 4)


def test_uncensored_units_give_the_plain_mean() -> None:
    times = np.random.default_rng(2).exponential(10, 200)
    table = pd.DataFrame({"duration_days": times, "observed": True})
    found = restricted_mean_time(table, horizon="12d").iloc[0]
    cut = np.minimum(table["duration_days"].round(9), 12)
    assert found["estimate"] == pytest.approx(cut.mean(), abs=1e-9)
    assert (found["conf_high"] - found["estimate"]) / Z == pytest.approx(cut.std(ddof=0) / 200**0.5, rel=1e-9)


def test_follow_up_shorter_than_the_horizon_is_missing_unless_all_have_ended() -> None:
    table = pd.DataFrame({"duration_days": [2, 4, 2, 4], "observed": [True, True, True, False], "plan": ["ended", "ended", "open", "open"]})
    found = restricted_mean_time(table, horizon="10d", by="plan")
    np.testing.assert_equal(found["estimate"].to_numpy(), [3, np.nan])
    np.testing.assert_equal(restricted_mean_time(table, horizon="4d", by="plan")["estimate"].to_numpy(), [3, 3])


@pytest.mark.parametrize("hours", range(1, 49))
def test_follow_up_of_exactly_the_horizon_reaches_it(hours: int) -> None:
    begun = pd.Series(pd.to_datetime(["2025-01-01", "2025-01-01"], utc=True))
    table = durations(begun, pd.Series(begun + pd.Timedelta(30, "min")).iloc[:1], as_of=begun[0] + pd.Timedelta(hours, "h"))
    # one of two ends after half an hour: 1/48 + 1/2 (hours / 24 - 1/48)
    assert restricted_mean_time(table, horizon=f"{hours}h")["estimate"].iloc[0] == pytest.approx(hours / 48 + 1 / 96, abs=2e-9)


def test_nobody_ends_within_the_horizon() -> None:
    found = restricted_mean_time(pd.DataFrame({"duration_days": [5, 9], "observed": [True, False]}), horizon="4d").iloc[0]
    assert found["estimate"] == 4
    assert found[["conf_low", "conf_high"]].isna().all()


def test_rows_order_and_groups() -> None:
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"duration_days": rng.integers(1, 30, 80), "observed": rng.random(80) < 0.6, "plan": rng.choice(["a", "b"], 80)})
    together = restricted_mean_time(table, horizon="2w", by="plan")
    assert_frame_equal(restricted_mean_time(table.sample(frac=1, random_state=3), horizon="14d", by="plan"), together)
    for plan, part in table.groupby("plan"):
        alone = restricted_mean_time(part, horizon="336h")
        assert_frame_equal(alone, together[together["plan"] == plan].drop(columns="plan").reset_index(drop=True))


@pytest.mark.filterwarnings("ignore:all units at risk")
@pytest.mark.parametrize("seed", range(20))
def test_is_the_area_under_the_curve_and_counts_are_repeated_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    enter = rng.integers(0, 8, 30) * rng.integers(0, 2, 30)
    table = pd.DataFrame({"enter_days": enter / 2, "duration_days": (enter + rng.integers(1, 30, 30)) / 2, "observed": rng.random(30) < 0.6})
    table["count"] = rng.integers(1, 4, 30)
    found = restricted_mean_time(table, horizon="10d")
    # the curve steps at multiples of half a day only: its height at the middle of each holds for the whole of it
    heights = survival_at(table, at_days=np.arange(0.25, 10, 0.5))["estimate"]
    assert found["estimate"].iloc[0] == pytest.approx(heights.sum() / 2, rel=1e-12)
    repeated = table.loc[table.index.repeat(table["count"])].drop(columns="count")
    assert_frame_equal(restricted_mean_time(repeated, horizon="10d"), found)


@pytest.mark.slow
def test_variance_agrees_with_leaving_out_one_unit_at_a_time() -> None:
    rng = np.random.default_rng(6)
    enter = np.where(rng.random(400) < 0.3, rng.exponential(5, 400), 0.0)
    table = pd.DataFrame({"enter_days": enter, "duration_days": enter + rng.exponential(20, 400), "observed": rng.random(400) < 0.7})
    means = [restricted_mean_time(table.drop(index=unit), horizon="15d")["estimate"].iloc[0] for unit in table.index]
    jackknife = (len(means) - 1) * np.var(means)
    found = restricted_mean_time(table, horizon="15d").iloc[0]
    assert (found["conf_high"] - found["estimate"]) / Z == pytest.approx(jackknife**0.5, rel=0.05)


@pytest.mark.parametrize("horizon", [365, "365", "12mo", "0d", None, pd.Timedelta(0), "-3d"])
def test_horizons_without_a_fixed_length(horizon: object) -> None:
    with pytest.raises(ParameterError, match=r"horizon must (say its unit|be|have a fixed length)"):
        restricted_mean_time(pd.DataFrame({"duration_days": [1], "observed": [True]}), horizon=horizon)
