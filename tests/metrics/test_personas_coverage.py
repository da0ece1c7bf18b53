"""A reduced study of how often personas are found: rarely where there are none, nearly always four standard deviations apart."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "coverage"
PROMISED = ["normal", "uniform", "lognormal", "heavy"]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    specification = importlib.util.spec_from_file_location("persona_study", FOLDER / "personas.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("kind", PROMISED)
def test_where_there_are_no_groups_they_are_rarely_found(script: ModuleType, kind: str) -> None:
    """At a true 5 % more than 4 of 16 have a chance below 1 in 500."""
    assert script.study(kind, 16, seed=7)["found"].iloc[0] <= 4 / 16


@pytest.mark.slow
def test_groups_four_standard_deviations_apart_are_found(script: ModuleType) -> None:
    assert script.study("3 groups, distance 4", 8, seed=7)[["found", "right_number"]].iloc[0].min() == 1


def test_the_committed_study_keeps_what_is_promised() -> None:
    table = pd.read_csv(FOLDER / "results" / "personas.csv").set_index("kind")
    assert (table.loc[PROMISED, "found"] <= 0.1).all()
    assert (table.loc[PROMISED, "companies"] >= 200).all()
    assert (table.loc[[f"{groups} groups, distance 4" for groups in (2, 3, 4)], "found"] >= 0.95).all()
