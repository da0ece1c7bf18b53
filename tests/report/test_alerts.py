"""How often runs without a change ring, and how often a change is found: the study of `benchmarks/coverage/pack_alerts.py`, reduced."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks" / "coverage"


@pytest.fixture(scope="module")
def results() -> pd.DataFrame:
    """Return the figures on record, of this procedure."""
    table = pd.read_csv(BENCHMARKS / "results" / "pack_alerts.csv")
    return table[table["how"] == "this procedure"]


def test_the_figures_on_record_keep_to_the_rate(results: pd.DataFrame) -> None:
    silent = results[results["changed"] == 0]
    assert len(silent) == 4
    assert (silent["any_false"] <= 0.05 + 2 * silent["simulation_error"]).all()
    assert (results["false_among_alarms"] <= 0.05 + 2 * results["simulation_error"]).all()
    large = results[(results["customers"] == 400) & (results["rise"] >= 0.1)]
    assert (large["found"] > 0.7).all()


@pytest.mark.slow
def test_a_smaller_study_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    import pack_alerts

    rng = np.random.default_rng(1)
    rows = list(pack_alerts.study(20, rng, [(400, 0.9, 0, 0.0), (400, 0.9, 4, 0.2)]))
    silent, changed = (row for row in rows if row["how"] == "this procedure")
    # where 5 % of runs ring, 4 or more of 20 do with a chance of 1.6 %
    assert silent["any_false"] < 4 / 20
    assert changed["found"] > 0.9
    assert changed["false_among_alarms"] < 0.1
