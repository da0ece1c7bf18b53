"""What a score adds to usage out of time: equal to the laboratory's own parts, and claimed only where it is so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import cs_analysis as cs
from cs_analysis.metrics.score_gain import _judged
from cs_analysis.stats.scores.calibration import brier_skill
from cs_analysis.stats.scores.discrimination import auc, auc_difference
from helpers import accounts, phases


def company(size: int = 300, *, effect: float, seed: int = 3) -> cs.Dataset:
    """Return customers whose chance to leave follows their use (days active), and with `effect` also what they say each quarter."""
    rng = np.random.default_rng(seed)
    names = np.array([f"a{k:03d}" for k in range(size)])
    use, mood = rng.integers(1, 11, size), rng.integers(0, 11, size)
    start = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 200, size), "D")
    ended = start + pd.to_timedelta(rng.exponential(250 * np.exp(0.1 * (use - 5.5) + effect * (mood - 5))).round() + 20, "D")
    sold = pd.DataFrame({"subscription_id": names, "account_id": names, "started_at": start, "ended_at": ended, "mrr": 10.0, "currency": "EUR"})
    who = np.repeat(np.arange(size), 12 * use)
    at = start[who] + pd.to_timedelta(rng.integers(0, 500 * 24, len(who)), "h")
    used = pd.DataFrame({"event_at": at, "account_id": names[who], "user_id": names[who], "event": "login"})[at < ended[who]]
    asked = pd.DataFrame({"account_id": np.repeat(names, 5), "asked_at": np.repeat(start, 5) + pd.to_timedelta(np.tile(np.arange(5) * 90 + 5, size), "D")})
    asked = asked.assign(answered_at=asked["asked_at"], score=np.repeat(mood, 5).astype(float), survey="nps", response_id=np.arange(5 * size))
    said = asked[asked["asked_at"] < np.repeat(ended, 5)]
    tables = {"accounts": pd.DataFrame({"account_id": names, "started_at": start}), "subscriptions": sold, "events": used, "responses": said}
    return cs.read_dataset(tables, as_of="2026-04-30")


def verdict(table: pd.DataFrame) -> str:
    return table.loc[table["metric"] == "score_gain", "verdict"].iloc[0]


@pytest.mark.slow
def test_a_score_that_foretells_adds() -> None:
    table = cs.score_gain(company(500, effect=0.25), over=["active_days_28"]).set_index("metric")
    assert table.loc["score_gain", "verdict"] == "adds"
    areas = table.loc["auc"].set_index("model")["estimate"]
    assert table.loc["score_gain", "estimate"] == pytest.approx(areas["usage_and_score"] - areas["usage"])
    assert table.loc["score_gain", "estimate"] > 0.1
    assert table.loc["score_gain_brier_skill", "conf_low"] > 0
    assert table.loc["score_gain_p_value", "estimate"] > 0.99
    assert table.loc["tested_churners", "estimate"] >= 100


@pytest.mark.slow
def test_a_score_that_says_nothing_is_never_said_to_add() -> None:
    table = cs.score_gain(company(500, effect=0.0), over=["active_days_28"], margin=0.1)
    assert verdict(table) == "adds nothing beyond the margin"
    assert verdict(cs.score_gain(company(60, effect=0.0), over=["active_days_28"], margin=0.1, fewest=5)) == "not shown"  # too few left to claim anything


def told(size: int = 800) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    churned = rng.random(size) < 0.4
    frame = pd.DataFrame({"account_id": [f"a{k // 2}" for k in range(size)], "churned": churned, "ended_at": pd.Timestamp("2026-01-01", tz="UTC")})
    usage = 0.3 + 0.1 * churned + 0.2 * rng.random(size)
    return frame.assign(usage=usage, usage_and_score=usage + 0.05 * churned, ended_at=frame["ended_at"] + pd.to_timedelta(np.arange(size), "D"))


def test_the_figures_are_those_of_the_laboratory() -> None:
    rows = told()
    table = _judged(rows, margin=0.02, conf_level=0.9).set_index("metric")
    options = {"clusters": rows["account_id"], "conf_level": 0.9}
    expected = {
        "score_gain": auc_difference(rows["usage_and_score"], rows["usage"], rows["churned"], **options),
        "score_gain_brier_skill": brier_skill(rows["usage_and_score"], rows["churned"], reference=rows["usage"], **options),
    }
    for metric, limits in expected.items():
        np.testing.assert_allclose(table.loc[metric, ["estimate", "conf_low", "conf_high"]].astype(float), limits)
    np.testing.assert_allclose(table.loc["auc", ["estimate", "conf_low", "conf_high"]].iloc[0].astype(float), auc(rows["usage"], rows["churned"], **options))
    assert (table.loc["tested_churners", "estimate"], table.loc["tested_churners", "n"]) == (rows["churned"].sum(), 400)
    # the p value is the level whose one-sided upper limit is the margin
    gain = expected["score_gain"]
    error = (gain.conf_high - gain.conf_low) / 2 / 1.6448536269514722
    assert table.loc["score_gain_p_value", "estimate"] == pytest.approx(stats.norm.cdf((gain.estimate - 0.02) / error), rel=1e-4)


def test_models_that_say_the_same_gain_nothing() -> None:
    rows = told().assign(usage_and_score=lambda frame: frame["usage"])
    table = _judged(rows, margin=0.02, conf_level=0.95).set_index("metric")
    assert tuple(table.loc["score_gain", ["estimate", "conf_low", "conf_high"]]) == (0, 0, 0)
    assert table.loc["score_gain", "verdict"] == "adds nothing beyond the margin"


@pytest.fixture(scope="module")
def small() -> cs.Dataset:
    sold = phases(*((f"s{name}", name, "2025-12-01", None, 10.0) for name in "abc"))
    said = pd.DataFrame({"response_id": ["r"], "account_id": ["a"], "survey": ["nps"], "asked_at": sold["started_at"].iloc[0], "score": [3.0]})
    tables = {
        "accounts": accounts(a="2025-12-01", b="2025-12-01", c="2025-12-01"),
        "subscriptions": sold,
        "responses": said.assign(answered_at=said["asked_at"]),
    }
    return cs.read_dataset(tables, as_of="2026-06-30")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        pytest.param({"over": ["mrr"]}, cs.errors.NotEnoughDataError, "starts once 10 have left", marks=pytest.mark.slow),
        ({}, cs.errors.MissingTableError, "events"),
        ({"survey": "ces"}, cs.errors.ParameterError, "survey must be one of nps, csat"),
        ({"over": ["nps_score"]}, cs.errors.ParameterError, "over must name features to which the score is added"),
        ({"over": []}, cs.errors.ParameterError, "at least one"),
        ({"over": ["mrr"], "margin": 0.5}, cs.errors.ParameterError, "below 0.5"),
        ({"over": ["mrr"], "fewest": 2}, cs.errors.ParameterError, "fewest at least 5"),
        ({"over": ["mrr"], "conf_level": 95}, cs.errors.ParameterError, "conf_level"),
    ],
)
def test_what_cannot_be_is_refused(small: cs.Dataset, options: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        cs.score_gain(small, **options)


@pytest.mark.slow
def test_nothing_later_and_no_order_of_rows_changes_it() -> None:
    ds = company(120, effect=0.1)
    tables = {name: ds.tables[name].to_pandas() for name in ds.tables}
    options: dict[str, Any] = {"over": ["active_days_28"], "horizon": "60d", "fewest": 5, "every": "quarter"}
    then = cs.score_gain(ds.at("2026-01-31"), **options)
    shuffled = {name: frame.sample(frac=1, random_state=2) for name, frame in tables.items()}
    pd.testing.assert_frame_equal(cs.score_gain(cs.read_dataset(shuffled, as_of="2026-01-31"), **options), then)
    late = pd.Timestamp("2026-02-01", tz="UTC")
    moved = {name: frame.copy() for name, frame in tables.items()}
    moved["responses"] = moved["responses"][moved["responses"]["asked_at"] < late]
    moved["events"] = moved["events"][moved["events"]["event_at"] < late]
    moved["subscriptions"]["ended_at"] = moved["subscriptions"]["ended_at"].where(moved["subscriptions"]["ended_at"] < late)
    pd.testing.assert_frame_equal(cs.score_gain(cs.read_dataset(moved, as_of="2026-01-31"), **options), then)
