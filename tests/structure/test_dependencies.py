"""pyproject.toml, requirements.lock and environment.yml say the same."""

from __future__ import annotations

import re
import tomllib
from itertools import groupby
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CONDA_NAMES = {"duckdb": "python-duckdb", "matplotlib": "matplotlib-base", "tzdata": "python-tzdata"}
PYTHONS = ["3.11.0", "3.11.9", "3.12.1", "3.13.0", "3.14.0"]
PLATFORMS = [("linux", "Linux", "posix"), ("darwin", "Darwin", "posix"), ("win32", "Windows", "nt")]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


@pytest.fixture(scope="module")
def project(repository: Path) -> dict:
    return tomllib.loads((repository / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def declared(project: dict) -> dict[str, Requirement]:
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    return {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}


@pytest.fixture(scope="module")
def lock_text(repository: Path) -> str:
    return (repository / "requirements.lock").read_text()


@pytest.fixture(scope="module")
def locked(lock_text: str) -> list[Requirement]:
    return [Requirement(line.rstrip(" \\")) for line in lock_text.splitlines() if not line.startswith((" ", "#"))]


def environment(python: str, platform: tuple[str, str, str]) -> dict[str, str]:
    """Return the values of the markers for one Python on one platform."""
    names = {"sys_platform": platform[0], "platform_system": platform[1], "os_name": platform[2]}
    version = {"python_version": python.rpartition(".")[0], "python_full_version": python}
    return {**names, **version, "implementation_name": "cpython", "platform_python_implementation": "CPython", "platform_machine": "x86_64"}


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_lock_gives_each_declared_dependency_one_fitting_version(
    declared: dict[str, Requirement], locked: list[Requirement], python: str, platform: tuple[str, str, str]
) -> None:
    here = [entry for entry in locked if entry.marker is None or entry.marker.evaluate(environment(python, platform))]
    versions = {canonicalize_name(entry.name): str(entry.specifier).removeprefix("==") for entry in here}
    assert len(versions) == len(here)
    assert set(declared) <= set(versions)
    assert [name for name, wanted in declared.items() if not wanted.specifier.contains(versions[name], prereleases=False)] == []


def test_every_entry_of_the_lock_is_exact(locked: list[Requirement]) -> None:
    assert [str(entry) for entry in locked if not re.fullmatch(r"==[^*,]+", str(entry.specifier))] == []


def test_every_entry_of_the_lock_has_hashes(lock_text: str) -> None:
    lines = [line for line in lock_text.splitlines() if line]
    runs = [(is_hash, list(run)) for is_hash, run in groupby(lines, key=lambda line: line.startswith("    --hash"))]
    assert [is_hash for is_hash, _ in runs] == [False, True] * (len(runs) // 2)
    assert all(len(run) == 1 for is_hash, run in runs if not is_hash)
    assert all(HASH.fullmatch(line.strip(" \\")) for is_hash, run in runs if is_hash for line in run)


def test_the_lock_names_no_address(lock_text: str) -> None:
    assert re.findall(r"://|--index-url|--extra-index-url|--find-links|--trusted-host| @ ", lock_text) == []


@pytest.fixture(scope="module")
def conda(repository: Path) -> list:
    return yaml.safe_load((repository / "environment.yml").read_text())["dependencies"]


def test_the_conda_environment_has_the_same_bounds(declared: dict[str, Requirement], project: dict, conda: list) -> None:
    stated = {entry.name: entry.specifier for entry in map(Requirement, (line for line in conda if isinstance(line, str)))}
    wanted = {CONDA_NAMES.get(name, name): entry.specifier for name, entry in declared.items()}
    python = Requirement(f"python{project['requires-python']}").specifier
    assert stated == {**wanted, "python": python, "pip": Requirement("pip").specifier}


def test_the_conda_environment_installs_this_checkout(conda: list) -> None:
    assert [entry["pip"] for entry in conda if isinstance(entry, dict)] == [["--editable ."]]


def test_lifelines_cannot_fall_back_to_its_old_release(declared: dict[str, Requirement]) -> None:
    assert not declared["lifelines"].specifier.contains("0.30.0")
