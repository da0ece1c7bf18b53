"""Control charts of scores and odds ratios of waves: by hand, against the models on the rows themselves, and where there is nothing to tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import ParameterError
from helpers import accounts, utc


def monthly(*scores: list[float], survey: str = "nps", owners: int = 400, **more: Any) -> cs.Dataset:
    """Return a dataset with the scores of January 2025, February ..., each of another account."""
    rows = pd.DataFrame({"score": np.concatenate(scores), "month": np.repeat(np.arange(len(scores)), [len(wave) for wave in scores])})
    rows["account_id"] = [f"a{number % owners:03d}" for wave in scores for number in range(len(wave))]
    days = [str(pd.Timestamp(2025, 1, 10) + pd.DateOffset(months=month)) for month in rows["month"]]
    rows = rows.drop(columns="month").assign(response_id=range(len(rows)), survey=survey, asked_at=utc(*days), answered_at=utc(*days), **more)
    known = accounts(**dict.fromkeys(sorted(set(rows["account_id"])), "2024-12-01"))
    return cs.read_dataset({"accounts": known.assign(side=np.where(known.index % 2, "left", "right")), "responses": rows}, as_of="2026-12-31")


def kinds(minus: int, zero: int, plus: int) -> list[float]:
    """Return so many detractors, passives and promoters."""
    return [3.0] * minus + [8.0] * zero + [10.0] * plus


def lines(found: pd.DataFrame) -> pd.DataFrame:
    """Return a column a metric."""
    return found.pivot_table(index="period", columns="metric", values="estimate", sort=True)


def test_a_chart_of_net_scores_by_hand() -> None:
    ds = monthly(kinds(30, 40, 30), kinds(25, 40, 35), kinds(30, 45, 25), kinds(5, 10, 85))
    found = lines(cs.score_control_chart(ds, baseline=3))
    # of 300: 85 minus, 90 plus; net 1.667, variance of one answer 175 / 300 - (5 / 300)^2 = .58306; sigma of 100: 7.636 points; z: -.218, 1.091, -.873
    assert found["score_control_chart"].tolist() == pytest.approx([0, 10, -5, 80])
    np.testing.assert_allclose(found["control_centre"], 500 / 300)
    sigma = 100 * np.sqrt((175 / 300 - (5 / 300) ** 2) / 100)
    sigma_z = (10 / sigma + 15 / sigma) / 2 * np.sqrt(np.pi) / 2
    assert found["sigma_z"].iloc[-1] == pytest.approx(sigma_z)
    assert sigma_z == pytest.approx(1.4507, abs=1e-3)
    np.testing.assert_allclose(found["control_high"] - found["control_centre"], 3 * sigma_z * sigma)
    plain = lines(cs.score_control_chart(ds, baseline=3, laney=False))
    np.testing.assert_allclose(plain["control_centre"] - plain["control_low"], 3 * sigma)
    signal = cs.score_control_chart(ds, baseline=3).query("metric == 'score_control_chart'")
    assert signal["signal"].tolist() == ["none", "none", "none", "beyond_limits"]
    assert signal["n"].tolist() == [100] * 4


def test_a_share_and_a_mean() -> None:
    ds = monthly([5.0] * 8 + [1.0] * 2, [5.0] * 6 + [1.0] * 4, survey="csat")
    share = lines(cs.score_control_chart(ds, survey="csat", laney=False)).iloc[0]
    assert share["control_centre"] == pytest.approx(0.7)
    assert share["control_low"] == pytest.approx(0.7 - 3 * np.sqrt(0.7 * 0.3 / 10))
    assert share["control_high"] == 1.0
    mean = lines(cs.score_control_chart(ds, survey="csat", measure="mean", laney=False)).iloc[0]
    # within waves: 8 of 5 and 2 of 1: 25.6 / 9; 6 and 4: 38.4 / 9; pooled 64 / 18
    assert mean["control_low"] == pytest.approx(3.8 - 3 * np.sqrt(64 / 18 / 10))


def test_a_run_on_one_side_rings() -> None:
    ds = monthly(*[kinds(34, 32, 34)] * 4, *[kinds(30, 32, 38)] * 9)
    found = cs.score_control_chart(ds, baseline=4).query("metric == 'score_control_chart'")["signal"].tolist()
    assert found == ["none"] * 11 + ["run_of_8"] * 2
    assert set(cs.score_control_chart(ds, baseline=4, rules=["beyond_limits"])["signal"]) == {"none"}


def test_each_group_has_its_own_chart_and_an_unfinished_wave_waits() -> None:
    ds = monthly(kinds(10, 10, 10), kinds(10, 12, 10), kinds(10, 10, 40)).at("2025-03-20")
    found = cs.score_control_chart(ds, by="side")
    assert found.groupby("side")["period"].nunique().to_dict() == {"left": 2, "right": 2}
    assert cs.score_control_chart(ds, unfinished=True)["period"].nunique() == 3
    assert len(cs.score_control_chart(ds.at("2025-01-05"))) == 0


def test_the_odds_ratio_of_two_waves_by_hand() -> None:
    early, late = [1.0] * 30 + [3.0] * 15 + [5.0] * 15, [1.0] * 15 + [3.0] * 15 + [5.0] * 30  # 30:30 to 45:15, 15:45 to 30:30: three times at both
    found = cs.ordinal_change(monthly(early, late, survey="csat"), survey="csat", period="month")
    assert found["metric"].tolist() == ["ordinal_change", "proportional_odds_p_value"]
    assert found["estimate"].tolist() == pytest.approx([3.0, 1.0])
    assert found["n"].tolist() == [60, 60]
    assert found["adjusted_for"].tolist() == ["(nothing)"] * 2


def test_it_is_the_model_of_the_rows() -> None:
    rng = np.random.default_rng(2)
    waves = [np.clip(np.rint(rng.normal(7 + shift, 2, 120)), 0, 10).tolist() for shift in (0, 0.8)]
    ds = monthly(*waves, owners=70)
    row = cs.ordinal_change(ds, period="month").iloc[0]
    owner = [f"a{number % 70}" for _ in range(2) for number in range(120)]
    fit = cs.fit_ordinal(pd.DataFrame({"later": np.repeat([0, 1], 120)}), np.concatenate(waves), clusters=owner)
    expected = fit.odds_ratios.iloc[0]
    assert row[["estimate", "conf_low", "conf_high"]].tolist() == pytest.approx(expected[["estimate", "conf_low", "conf_high"]].tolist())


def test_above_1_is_better_on_every_scale() -> None:
    early, late = [1.0] * 10 + [3.0] * 10 + [5.0] * 20, [1.0] * 20 + [3.0] * 10 + [5.0] * 10
    found = cs.ordinal_change(monthly(early, late, survey="ces", scale="ces_1"), survey="ces", scale="ces_1", period="month")
    assert found["estimate"].iloc[0] == pytest.approx(3.0)  # effort 1 is best


def test_a_constant_mix_is_held_by_adjusting() -> None:
    big, small = [5.0] * 30 + [3.0] * 20 + [1.0] * 10, [5.0] * 10 + [3.0] * 20 + [1.0] * 30  # in each size nothing changes, only how many answer
    waves = [big + small, big * 3 + small]
    size = ["big"] * 60 + ["small"] * 60 + ["big"] * 180 + ["small"] * 60
    ds = monthly(*waves, survey="csat", size=size, one="x")
    plain = cs.ordinal_change(ds, survey="csat", period="month").iloc[0]
    held = cs.ordinal_change(ds, survey="csat", period="month", adjust_for=["size", "one"]).iloc[0]
    assert plain["conf_low"] > 1
    assert held["estimate"] == pytest.approx(1.0, abs=1e-6)
    assert held["adjusted_for"] == "size, one"


def test_a_mix_that_is_the_wave_leaves_nothing_to_tell() -> None:
    ds = monthly([5.0, 3.0, 1.0] * 10, [5.0, 3.0, 1.0] * 10, survey="csat", tool=["old"] * 30 + ["new"] * 30)
    assert cs.ordinal_change(ds, survey="csat", period="month", adjust_for="tool")["estimate"].isna().all()


def test_answers_that_move_apart_fail_the_check() -> None:
    ds = monthly([3.0] * 80 + [1.0] * 10 + [5.0] * 10, [3.0] * 20 + [1.0] * 40 + [5.0] * 40, survey="csat")
    found = cs.ordinal_change(ds, survey="csat", period="month").set_index("metric")["estimate"]
    assert found["ordinal_change"] == pytest.approx(1.0)
    assert found["proportional_odds_p_value"] < 1e-6


@pytest.mark.parametrize("late", [[5.0] * 10, [1.0] * 10, [3.0] * 10])
def test_waves_that_do_not_overlap_or_never_vary_have_no_ratio(late: list[float]) -> None:
    early = [3.0] * 10
    found = cs.ordinal_change(monthly(early, late, survey="csat"), survey="csat", period="month")
    assert found["estimate"].isna().all()
    assert found["n"].tolist() == [10, 10]


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        ("score_control_chart", {"baseline": 1}, "baseline must be"),
        ("score_control_chart", {"rules": ["nine"]}, "rules must be"),
        ("score_control_chart", {"measure": "median"}, "measure must be"),
        ("ordinal_change", {"adjust_for": "side", "by": "side"}, "both in adjust_for and in by"),
        ("ordinal_change", {"adjust_for": "seats"}, "'seats' lacks 2"),
    ],
)
def test_what_is_refused(function: str, options: dict[str, Any], message: str) -> None:
    ds = monthly(kinds(2, 2, 2), kinds(2, 2, 2), seats=[1.0] * 10 + [None] * 2)
    with pytest.raises(ParameterError, match=message):
        getattr(cs, function)(ds, period="month", **options)
