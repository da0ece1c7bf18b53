"""Business reviews in a simulated company whose other life, without any effect of reviews, is known."""

from __future__ import annotations

import runpy
from pathlib import Path

import pandas as pd
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "coverage"


@pytest.mark.slow
@pytest.mark.coverage
def test_a_large_effect_is_found_and_its_limits_hold_what_is_true() -> None:
    """Reviews take 2 from the log odds of leaving: 9 points in half a year in this company, three times as much to who looks at it naively."""
    study = runpy.run_path(str(FOLDER / "simulated_effects.py"))
    other, world = (study["company"](effect, 2, accounts=600) for effect in (0.0, -2.0))
    found = study["told"](world, other, method="overlap")
    assert found["verdict"] == "helps"
    assert found["conf_low"] <= found["true"] <= found["conf_high"]
    assert found["naive"] > 2 * found["true"] > 0.1


def test_the_committed_study_keeps_what_is_promised() -> None:
    table = pd.read_csv(FOLDER / "results" / "simulated_effects.csv")
    for method, part in table.groupby("method"):
        none, some = part[part["log_odds"] == 0], part[part["log_odds"] < 0]
        assert len(none) >= 12, method
        assert not none["verdict"].isin(["helps", "harms"]).any()
        assert (some["verdict"] == "helps").mean() > 0.8
        assert part["holds_mean"].mean() >= 0.9
        assert some["estimate"].mean() == pytest.approx(some["true"].mean(), abs=0.015)
        assert none["naive"].min() > 0.1
