"""A short run of the coverage study of changes between waves."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.coverage]


@pytest.fixture(scope="module")
def study(repository: Path) -> dict[str, Any]:
    return runpy.run_path(str(repository / "benchmarks" / "coverage" / "score_waves.py"))


def test_limits_of_panels_hold_and_separate_samples_are_told_apart_too_widely(study: dict[str, Any]) -> None:
    found = pd.DataFrame(study["changes"](40, np.random.default_rng(1)))  # three measures of forty panels: simulation error two points
    together = found[(found["together"] == 1.5) & (found["accounts"] == 60)].groupby("how")["coverage"].mean()
    assert together["mixed"] > 0.92
    assert together["accounts ignored"] < together["mixed"] - 0.01  # on the same samples: 5 points in the full study, pairs 8
    assert together["paired, accounts ignored"] < together["paired"] - 0.03
    means = found[found["together"] == 0.5].groupby("how")[["coverage", "width"]].mean()
    assert 0.93 < means.loc["mixed", "coverage"] < 0.985
    assert 0.93 < means.loc["paired", "coverage"] < 0.985
    assert means.loc["independent", "width"] > 1.15 * means.loc["mixed", "width"]
    assert means.loc["independent", "coverage"] > 0.97


def test_laneys_limits_do_not_ring_and_plain_ones_do(study: dict[str, Any]) -> None:
    found = pd.DataFrame(study["charts"](100, np.random.default_rng(2))).query("figure == 'beyond_limits'").set_index(["away", "how"])["found"]
    assert found[0.0, "plain"] < 0.006
    assert found[0.06, "plain"] > 0.1
    assert found[0.06, "laney"] < 0.01
