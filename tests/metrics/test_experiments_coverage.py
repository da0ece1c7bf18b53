"""A short run of the study of planned experiments."""

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
    return runpy.run_path(str(repository / "benchmarks" / "coverage" / "experiments.py"))


def values(rows: Any) -> pd.Series:
    return pd.DataFrame(rows, columns=["study", "setting", "accounts", "figure", "value"]).groupby(["setting", "figure"])["value"].mean()


def test_counting_users_claims_what_is_not_there_and_counting_accounts_does_not(study: dict[str, Any]) -> None:
    found = values(study["clusters"](80, np.random.default_rng(1)))  # three sizes of 80 each: simulation error 1.4 points at 5 %
    for told in ("share .3", "mean"):
        assert found[f"{told}, by account", "false claims"] < 0.10
        assert found[f"{told}, by account", "coverage"] > 0.90
        assert found[f"{told}, by user", "false claims"] > 0.12


def test_a_figure_from_before_saves_what_its_correlation_promises(study: dict[str, Any]) -> None:
    found = values(study["adjustment"](150, np.random.default_rng(2)))
    for correlation in (0.5, 0.8):
        told = f"correlation {correlation}"
        assert found[told, "variance left"] == pytest.approx(1 - correlation**2, rel=0.25)
        assert abs(found[told, "bias in its standard errors"]) < 3
        assert found[told, "coverage"] > 0.9


def test_peeking_breaks_ordinary_limits_and_not_those_made_for_it(study: dict[str, Any]) -> None:
    found = values(study["looks"](80, np.random.default_rng(3), power=False)).xs("false claims", level="figure")
    assert found[[name for name in found.index if "ordinary" in name]].mean() > 0.13  # 240 runs: a fifth with error 2.6 points
    assert found[[name for name in found.index if "peeking" in name]].mean() < 0.05


def test_sizes_keep_their_promise(study: dict[str, Any]) -> None:
    found = values(study["promise"](100, np.random.default_rng(4)))
    assert found.mean() == pytest.approx(0.8, abs=0.06)  # six designs of 100: error 1.6 points
    assert found.min() > 0.68


def test_the_results_kept_are_those_of_the_study(repository: Path, study: dict[str, Any]) -> None:
    kept = pd.read_csv(repository / "benchmarks" / "coverage" / "results" / "experiments.csv")
    assert list(study["PARTS"]) == kept["study"].unique().tolist()
    claims = kept[kept["figure"] == "false claims"].set_index("setting")["value"]
    assert claims[claims.index.str.contains("by account|peeking|last look")].max() < 0.07
    assert claims[claims.index.str.contains("ordinary")].min() > 0.15
    assert claims[claims.index.str.contains("by user")].min() > 0.12
    assert kept.loc[kept["study"] == "promise", "value"].between(0.77, 0.84).all()
    assert kept.loc[kept["setting"] == "effect as large as the margin", "value"].max() < 0.045
