"""`make setup`: makes the environment, leaves a current one alone, repairs what was broken off, refuses an old Python in one sentence.

The real tools run on a small project of their own with one package, which lies beside its lock, so nothing is fetched.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "cs-analysis"
version = "1.0"
"""

BACKEND = '''
"""Build an editable wheel with the standard library alone."""
import pathlib, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    info, name = "cs_analysis-1.0.dist-info/", "cs_analysis-1.0-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as wheel:
        wheel.writestr("cs_analysis.pth", str(pathlib.Path("src").resolve()))
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: cs-analysis\\nVersion: 1.0\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "")
    return name
'''


def tiny_wheel(folder: Path) -> Path:
    """Write the wheel of a package with one module."""
    path = folder / "tiny-1.0-py3-none-any.whl"
    files = {
        "tiny/__init__.py": "GREETING = 'hello'\n",
        "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "tiny-1.0.dist-info/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return path


def write_lock(checkout: Path, digest: str) -> None:
    """Write a lock with the one package."""
    (checkout / "requirements.lock").write_text(f"./tiny-1.0-py3-none-any.whl --hash=sha256:{digest}\n")


@pytest.fixture(scope="module")
def checkout(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small checkout, under a path with spaces, that has the real Makefile and tools."""
    folder = tmp_path_factory.mktemp("a folder with spaces") / "cs analysis"
    shutil.copytree(repository / "tools", folder / "tools")
    shutil.copy(repository / "Makefile", folder)
    (folder / "src" / "cs_analysis").mkdir(parents=True)
    (folder / "src" / "cs_analysis" / "__init__.py").touch()
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "backend.py").write_text(BACKEND)
    write_lock(folder, hashlib.sha256(tiny_wheel(folder).read_bytes()).hexdigest())
    return folder


def make(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make as somebody would who has set PYTHONDONTWRITEBYTECODE."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(checkout), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(["make", *arguments], cwd=checkout, env=environment, capture_output=True, text=True, check=False)  # noqa: S607


def setup(checkout: Path) -> subprocess.CompletedProcess[str]:
    """Run `make setup` with this Python."""
    return make(checkout, "setup", f"PYTHON={sys.executable}")


def site_packages(checkout: Path) -> Path:
    """Return where the environment keeps its packages."""
    return next((checkout / ".venv" / "lib").glob("python*")) / "site-packages"


def installs(checkout: Path) -> list[str]:
    """Return which of the two installs a run of `make setup` makes."""
    said = setup(checkout)
    assert said.returncode == 0, said.stderr
    return [line.split(" ")[1] for line in said.stdout.splitlines() if line.startswith("Installing")]


@pytest.fixture(scope="module")
def first_run(checkout: Path) -> subprocess.CompletedProcess[str]:
    """Return what the first `make setup` said."""
    return setup(checkout)


@pytest.fixture
def current(checkout: Path, first_run: subprocess.CompletedProcess[str]) -> Path:
    """Return the checkout with a current environment."""
    assert setup(checkout).returncode == 0
    return checkout


@pytest.mark.slow
class TestSetup:
    def test_a_first_run_says_what_it_does_in_a_few_lines(self, first_run: subprocess.CompletedProcess[str]) -> None:
        assert (first_run.returncode, first_run.stderr) == (0, "")
        lines = [line.split(" ")[0] for line in first_run.stdout.splitlines()]
        assert lines == ["Making", "Installing", "Installing", "The"]

    def test_packages_are_compiled_whatever_the_environment_says(self, current: Path) -> None:
        assert list((site_packages(current) / "tiny" / "__pycache__").glob("__init__.*.pyc"))

    def test_a_second_run_does_and_says_nothing(self, current: Path) -> None:
        before = (current / ".venv" / "stamp.json").stat().st_mtime_ns
        said = setup(current)
        assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
        assert (current / ".venv" / "stamp.json").stat().st_mtime_ns == before

    def test_a_deleted_interpreter_is_seen(self, current: Path) -> None:
        for path in (current / ".venv" / "bin").glob("python*"):
            path.unlink()
        assert installs(current) == ["the", "cs-analysis"]

    def test_a_deleted_package_is_seen(self, current: Path) -> None:
        shutil.rmtree(site_packages(current) / "tiny")
        assert installs(current) == ["the", "cs-analysis"]
        assert (site_packages(current) / "tiny" / "__init__.py").exists()

    def test_an_install_that_was_broken_off_is_made_anew(self, current: Path) -> None:
        (current / ".venv" / "stamp.json").unlink()
        (site_packages(current) / "tiny" / "__init__.py").write_text("half a fi")
        assert installs(current) == ["the", "cs-analysis"]
        assert (site_packages(current) / "tiny" / "__init__.py").read_text() == "GREETING = 'hello'\n"

    def test_a_damaged_stamp_counts_as_none(self, current: Path) -> None:
        (current / ".venv" / "stamp.json").write_text('{"lock": "abc')
        assert installs(current) == ["the", "cs-analysis"]

    def test_new_metadata_of_the_project_reinstalls_the_project_alone(self, current: Path) -> None:
        (current / "pyproject.toml").write_text(PYPROJECT + 'description = "new"\n')
        assert installs(current) == ["cs-analysis"]

    def test_a_lock_that_fits_no_package_ends_in_a_sentence(self, current: Path) -> None:
        good = (current / "requirements.lock").read_text()
        write_lock(current, "0" * 64)
        said = setup(current)
        (current / "requirements.lock").write_text(good)
        assert said.returncode != 0
        assert "The environment could not be made. All of pip's output: .venv/install.log. `make setup` tries again." in said.stderr
        assert "Traceback" not in said.stderr
        assert not (current / ".venv" / "stamp.json").exists()

    def test_a_moved_checkout_is_made_anew(self, current: Path) -> None:
        moved = current.rename(current.parent / "moved")
        try:
            assert installs(moved) == ["the", "cs-analysis"]
        finally:
            moved.rename(current)

    def test_of_two_runs_at_once_one_makes_it_and_the_other_waits(self, current: Path) -> None:
        (current / ".venv" / "stamp.json").unlink()
        with ThreadPoolExecutor() as pool:
            both = list(pool.map(setup, [current, current]))
        assert [said.returncode for said in both] == [0, 0]
        assert sorted(said.stdout.split(" ")[0] for said in both) == ["Making", "Waiting"]

    def test_the_stamp_is_written_last(self, current: Path) -> None:
        stamp = current / ".venv" / "stamp.json"
        assert set(json.loads(stamp.read_text())) == {"lock", "project", "contents"}
        newest = max(path.stat().st_mtime_ns for path in (current / ".venv").rglob("*") if path != stamp)
        assert stamp.stat().st_mtime_ns >= newest


def old_python(folder: Path) -> Path:
    """Write a command that behaves like Python 3.9 towards a script that asks for the version."""
    pretend = "import runpy, sys; sys.version_info = (3, 9, 18, 'final', 0); runpy.run_path(sys.argv[1], run_name='__main__')"
    path = folder / "old python"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{pretend}" "$@"\n')
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("target", ["setup", "report", "test"])
def test_an_old_python_is_refused_in_one_sentence(repository: Path, tmp_path: Path, target: str) -> None:
    said = make(repository, target, f"PYTHON={old_python(tmp_path)}")
    assert said.returncode != 0
    assert said.stdout == ""
    assert len(said.stderr.splitlines()) == 1
    assert "cs-analysis needs Python 3.11 or newer, but this is Python 3.9.18" in said.stderr


def test_a_python_that_is_not_there_is_refused_in_one_sentence(repository: Path) -> None:
    said = make(repository, "setup", "PYTHON=python-that-is-not-there")
    assert said.returncode != 0
    assert len(said.stderr.splitlines()) == 1
    assert "'python-that-is-not-there' cannot be started" in said.stderr


def test_old_pythons_can_read_the_check(repository: Path) -> None:
    source = (repository / "tools" / "check_python.py").read_text()
    ast.parse(source, feature_version=(3, 6))
    assert 'f"' not in source
    assert "import annotations" not in source


def test_the_check_is_silent_on_a_python_that_will_do(repository: Path) -> None:
    said = subprocess.run([sys.executable, repository / "tools" / "check_python.py"], capture_output=True, text=True, check=True)
    assert said.stdout == ""


def test_make_alone_lists_the_commands(repository: Path) -> None:
    assert make(repository).stdout == make(repository, "help").stdout
    assert "make report" in make(repository).stdout
