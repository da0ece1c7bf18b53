"""The front door: what `import cs_analysis` offers, and what it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import cs_analysis as cs

HEAVY = {
    "duckdb",
    "ibis",
    "IPython",
    "jupyter_client",
    "lifelines",
    "matplotlib",
    "nbconvert",
    "numpy",
    "pandas",
    "papermill",
    "scipy",
    "seaborn",
    "statsmodels",
}
FUNCTIONS = [name for name in cs.__all__ if not name.startswith("_") and name != "errors"]


@pytest.mark.parametrize("name", cs.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(cs, name) is not None


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_name_comes_from_the_module_it_is_listed_under(name: str) -> None:
    assert getattr(cs, name).__module__.startswith("cs_analysis.")


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'churn_magic'"):
        cs.churn_magic  # noqa: B018


def test_no_module_bears_the_name_of_a_public_function(package: Path) -> None:
    modules = {path.stem for path in package.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert modules & set(FUNCTIONS) == set()


def loaded_by(*command: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has loaded after running `command`."""
    run = subprocess.run([sys.executable, "-X", "importtime", *command], capture_output=True, text=True, check=True)
    lines = [line.rpartition("|")[2].strip() for line in run.stderr.splitlines() if line.startswith("import time:")]
    return {name.partition(".")[0] for name in lines}


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = loaded_by("-c", "import cs_analysis")
    assert "cs_analysis" in loaded
    assert loaded & HEAVY == set()


def test_asking_the_command_for_help_loads_nothing_heavy() -> None:
    loaded = loaded_by("-m", "cs_analysis", "--help")
    assert "argparse" in loaded
    assert loaded & HEAVY == set()
