"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

collect_ignore_glob = ["golden/*"]  # scripts that made the expected values, with what they need to be made again

os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the folder of the checkout."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def package(repository: Path) -> Path:
    """Return the folder of the package's source."""
    return repository / "src" / "cs_analysis"


@pytest.fixture(scope="session")
def demo(repository: Path) -> Path:
    """Return the folder of the demo data."""
    return repository / "data" / "demo"
