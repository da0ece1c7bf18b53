"""A short run of the coverage study of gamma-gamma and Pareto/NBD: the limits hold the truth as often as they promise."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.coverage]


@pytest.fixture(scope="module")
def study(repository: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("spend_study", repository / "benchmarks" / "coverage" / "spend.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def coverage(study: ModuleType, part: str, *, customers: int, cohorts: int) -> pd.Series:
    found = pd.DataFrame(study.study(getattr(study, part), customers, cohorts))
    assert found["not_identified"].max() < 0.06
    return found.set_index("quantity")["coverage"]


def test_gamma_gamma(study: ModuleType) -> None:
    """250 cohorts: simulation error 1.4 points for the terms, below 0.3 for what is averaged over customers."""
    found = coverage(study, "spend_held", customers=500, cohorts=250)
    assert found[["p", "q", "v", "population_mean_value"]].between(0.9, 0.99).all()
    assert found[["expected_mean_value", "mean_value", "next purchase"]].between(0.92, 0.97).all()


def test_pareto_nbd(study: ModuleType) -> None:
    """50 cohorts: simulation error 3 points. Single counts are whole numbers, so their limits hold more than they promise."""
    found = coverage(study, "buying_held", customers=500, cohorts=50)
    assert found.drop("purchases").min() > 0.84
    assert found["purchases"] > 0.95
