"""Customers whose rates and chances to leave are known."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest


@pytest.fixture(scope="session")
def buying_study(repository: Path) -> dict[str, Any]:
    """Return what `benchmarks/coverage/buying.py` defines."""
    return runpy.run_path(str(repository / "benchmarks" / "coverage" / "buying.py"))


@pytest.fixture(scope="session")
def buyers(buying_study: dict[str, Any]) -> Callable[..., pd.DataFrame]:
    """Return the function that simulates customers: `buyers(rng, customers, terms=, ages=, ahead=, first_chance=)`."""
    return buying_study["buyers"]
