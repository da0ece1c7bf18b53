"""A short run of the coverage study of Cox regressions: limits hold the truth as often as they promise, by cluster where rows are alike."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.coverage]

DATA_SETS = 150  # simulation error of a coverage of 95 %: 1.8 percentage points


@pytest.fixture(scope="module")
def study(repository: Path) -> dict[str, Any]:
    return runpy.run_path(str(repository / "benchmarks" / "coverage" / "cox.py"))


@pytest.mark.parametrize("setting", ["whole periods", "late entries", "strata", "changing use, by cluster"])
def test_limits_cover(study: dict[str, Any], setting: str) -> None:
    found = pd.DataFrame(study["study"](setting, 200, DATA_SETS))
    assert found["term"].tolist() == ["seats", "free"]
    assert found["coverage"].between(0.9, 0.99).all()
    assert found["bias"].abs().max() < 0.06  # 200 customers: the estimates lean a little away from 0
    assert found["test_rejects"].between(0.005, 0.11).all()


def test_users_of_an_account_need_limits_by_cluster(study: dict[str, Any]) -> None:
    clustered, plain = (pd.DataFrame(study["study"](f"users within accounts, {limits}", 1000, DATA_SETS)) for limits in ("by cluster", "plain"))
    assert clustered["coverage"].between(0.89, 0.985).all()
    assert (plain["coverage"] < 0.82).all()
    assert plain["bias"].equals(clustered["bias"])  # the estimates are the same, only what is said of them differs


def test_the_stored_results_are_of_this_study(study: dict[str, Any], repository: Path) -> None:
    stored = pd.read_csv(repository / "benchmarks" / "coverage" / "results" / "cox.csv")
    assert set(stored["setting"]) == set(study["SETTINGS"])
    honest = stored[~stored["setting"].str.contains("within accounts, plain") & ~(stored["setting"].str.contains("within accounts") & (stored["units"] == 200))]
    assert honest["coverage"].between(0.93, 0.975).all()
    assert honest["test_rejects"][~honest["setting"].str.contains("within")].between(0.03, 0.08).all()
