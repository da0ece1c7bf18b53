"""Covariates built from the future, and honest ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.cox.landmark import landmark_check

GOLDEN = Path(__file__).parents[2] / "golden" / "cox"


def lives(seed: int, units: int = 400) -> pd.DataFrame:
    """Return units that end or are censored, with a covariate that means nothing."""
    rng = np.random.default_rng(seed)
    life, seen = rng.exponential(100, units), rng.uniform(50, 300, units)
    return pd.DataFrame({"duration_days": np.minimum(life, seen), "observed": life <= seen, "noise": rng.standard_normal(units)})


def ever_used(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the units with a use that changes nothing, noted if it came while the unit was there."""
    first_use = np.random.default_rng([seed, 1]).exponential(100, len(table))
    return table.assign(ever_used=(first_use < table["duration_days"]).astype(float), used_by_60=(first_use < 60).astype(float))


@pytest.mark.parametrize("day", [120, 180, 365])
def test_equals_r_for_a_step_at_the_landmark(day: int) -> None:
    data = pd.read_csv(GOLDEN / "diagnostics_data.csv").query("case == 'lung'").astype({"observed": bool})
    expected = pd.read_csv(GOLDEN / "landmark.csv").query("day == @day")
    found = landmark_check(data, ["x1", "x2", "x3"], landmark=f"{day}d")
    p = expected["p_value"].to_numpy()
    order = np.argsort(p)
    holm = np.empty(3)
    holm[order] = np.minimum(np.maximum.accumulate(p[order] * [3, 2, 1]), 1)
    np.testing.assert_allclose(found["p_value"], holm, rtol=1e-7)
    np.testing.assert_allclose(found["landmark_hazard_ratio"], expected["hazard_ratio"], rtol=1e-7)


def test_what_was_ever_used_seems_to_protect_until_the_landmark_takes_the_head_start_away() -> None:
    found = landmark_check(ever_used(lives(1), 1), ["ever_used", "noise"], landmark="60d").set_index("term")
    assert found.loc["ever_used", "conf_high"] < 0.6
    assert found.loc["ever_used", "landmark_hazard_ratio"] > found.loc["ever_used", "hazard_ratio"]
    assert found["verdict"].to_dict() == {"ever_used": "fades after the landmark", "noise": "no sign"}


def test_the_same_use_known_by_the_landmark_shows_nothing() -> None:
    rows = ever_used(lives(1), 1)
    known = rows[rows["duration_days"] > 60].assign(enter_days=60.0)
    found = landmark_check(known, ["used_by_60"], landmark="120d").iloc[0]
    assert found["conf_low"] < 1 < found["conf_high"]
    assert found["verdict"] == "no sign"


@pytest.mark.slow
def test_it_is_found_and_seldom_seen_where_it_is_not() -> None:
    runs = [landmark_check(ever_used(lives(seed), seed), ["ever_used", "noise"], landmark="60d").set_index("term")["verdict"] for seed in range(200)]
    flagged = pd.DataFrame(runs).eq("fades after the landmark").mean()
    assert flagged["ever_used"] >= 0.75  # chance of the score test with 400 units
    assert flagged["noise"] <= 0.05  # 5 % of the tests at most, about half of them on the fading side


def test_an_effect_that_stays_is_no_sign() -> None:
    rng = np.random.default_rng(3)
    group = rng.integers(0, 2, 600)
    table = pd.DataFrame({"duration_days": rng.exponential(100 * np.where(group, 2.0, 1.0)), "observed": True, "group": group})
    found = landmark_check(table, ["group"], landmark="70d").iloc[0]
    assert found["conf_high"] < 0.7
    assert found["verdict"] == "no sign"


def test_a_term_that_no_longer_varies_after_the_landmark_has_no_figure_there() -> None:
    table = lives(4).assign(early=lambda rows: (rows["duration_days"] < 40).astype(float) * (np.arange(len(rows)) % 2))
    found = landmark_check(table, ["early"], landmark="60d").iloc[0]
    assert np.isnan(found["landmark_hazard_ratio"])
    assert found["hazard_ratio"] > 1


@pytest.mark.parametrize(("landmark", "side"), [("400d", "after"), ("1h", "before")])
def test_ends_must_lie_on_both_sides(landmark: str, side: str) -> None:
    table = lives(5).assign(duration_days=lambda rows: rows["duration_days"] + 1)
    with pytest.raises(NotEnoughDataError, match=f"none lies {side} day"):
        landmark_check(table, ["noise"], landmark=landmark)


def test_a_landmark_has_a_fixed_length() -> None:
    with pytest.raises(ParameterError, match="landmark must have a fixed length"):
        landmark_check(lives(6), ["noise"], landmark="2mo")
