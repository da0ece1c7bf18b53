"""What every test may use."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from cs_analysis.report.warm import warm_kernels

collect_ignore_glob = ["golden/*"]  # scripts that made the expected values, with what they need to be made again

os.environ.setdefault("MPLBACKEND", "Agg")


def pytest_configure(config: pytest.Config) -> None:
    """Let all kernels of a test process start from one warm parent, which starts with the first of them; those of nbval talk over private sockets too."""
    stack = ExitStack()
    stack.enter_context(warm_kernels())
    config.add_cleanup(stack.close)
    if config.getoption("nbval", default=False):
        import nbval.kernel

        from cs_analysis.report.warm.managers import BlockingManager

        nbval.kernel.KernelManager = BlockingManager


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
