"""A part of benchmarks/coverage/effects.py: what is claimed where nothing is there, and who notices."""

from __future__ import annotations

import runpy
from pathlib import Path

import pandas as pd
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found(repository: Path) -> pd.DataFrame:
    """Return 60 runs without an effect and 24 of others; the simulation error of 5 % is 2.8 points."""
    study = runpy.run_path(str(repository / "benchmarks" / "coverage" / "effects.py"))["study"]
    cells = [("nothing", "days", 300, 0.0, 1.0), ("nothing", "days", 300, 3.0, 0.4), ("a wish that use shows", "stay", 300, 0.0, 0.4)]
    return study(60, cells=cells).set_index(["unmeasured", "effect", "method"])


@pytest.mark.parametrize("method", ["overlap", "match"])
def test_no_effect_is_rarely_claimed_and_limits_hold_it_where_those_of_the_naive_contrast_do_not(found: pd.DataFrame, method: str) -> None:
    row = found.loc[("nothing", 0.0, method)]
    assert row["runs"] == 60
    assert row["claimed"] <= 0.05 + 3 * 0.028
    assert row["coverage"] >= 0.95 - 3 * 0.028
    assert row["naive_coverage"] < 0.2
    assert row["control_alarm"] <= 0.05 + 3 * 0.028


@pytest.mark.parametrize("method", ["overlap", "match"])
def test_an_effect_of_three_margins_is_found(found: pd.DataFrame, method: str) -> None:
    row = found.loc[("nothing", 3.0, method)]
    assert row["claimed"] >= 0.8
    assert row["estimate"] == pytest.approx(3, abs=0.4)
    assert row["naive"] > 4


@pytest.mark.parametrize("method", ["overlap", "match"])
def test_the_control_sees_a_wish_that_use_shows(found: pd.DataFrame, method: str) -> None:
    row = found.loc[("a wish that use shows", 0.0, method)]
    assert row["not_trusted"] > 0.8
    assert row["claimed"] <= 0.1
