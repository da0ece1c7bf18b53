"""The wheel holds all that the package needs away from a checkout, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return the names of the files of a freshly built wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=repository, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


@pytest.mark.slow
def test_it_holds_every_file_of_the_package(wheel: set[str], package: Path) -> None:
    files = {path.relative_to(package.parent).as_posix() for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {"cs_analysis/py.typed", "cs_analysis/glossary/tr.toml"} <= files
    assert files <= wheel


def test_it_holds_the_report_notebooks(wheel: set[str], repository: Path) -> None:
    notebooks = {path.name for path in (repository / "notebooks" / "reports").glob("*.ipynb")}
    assert notebooks
    assert {f"cs_analysis/notebooks/reports/{name}" for name in notebooks} <= wheel


def test_it_holds_nothing_else(wheel: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"cs_analysis"}
