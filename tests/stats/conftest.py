"""Golden values made by other implementations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

GOLDEN = Path(__file__).resolve().parent.parent / "golden"


@pytest.fixture(scope="session")
def golden() -> Callable[[str], pd.DataFrame]:
    """Return a reader of golden tables by their path, such as `survival/lung.csv`."""
    return lambda path: pd.read_csv(GOLDEN / path)
