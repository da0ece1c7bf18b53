"""What lies in the repository: files of a sane size, documents that tell the truth about its commands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cs_analysis import cli

MEGABYTE = 1_000_000
INSTALLED_FROM = ["requirements.lock", "pyproject.toml", "environment.yml", "Makefile", ".pre-commit-config.yaml", ".ci/run"]


@pytest.fixture(scope="module")
def tracked(repository: Path) -> list[Path]:
    """Return the files that git tracks and that are there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=repository, capture_output=True, text=True, check=True).stdout  # noqa: S607
    return [path for name in listed.split("\0") if name and (path := repository / name).is_file()]


@pytest.fixture(scope="module")
def targets(repository: Path) -> dict[str, str]:
    """Return the targets of the Makefile with what the help says of them."""
    return dict(re.findall(r"^([a-z-]+):[^#\n]*## (.+)$", (repository / "Makefile").read_text(), flags=re.MULTILINE))


def commands(text: str, program: str) -> set[str]:
    """Return the first words after `program` in the code of a Markdown text."""
    return set(re.findall(rf"(?:^|[\s;&]){program} ([a-z][a-z-]*)", "\n".join(code_parts(text)), flags=re.MULTILINE))


def code_parts(text: str) -> list[str]:
    """Return the fenced blocks and the inline code of a Markdown text."""
    fenced = re.findall(r"^```[^\n]*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```[^\n]*\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [*fenced, *re.findall(r"`([^`\n]+)`", rest)]


def test_no_tracked_file_is_large(tracked: list[Path]) -> None:
    assert [path.name for path in tracked if path.stat().st_size > 5 * MEGABYTE] == []


def test_the_demo_data_are_small(demo: Path) -> None:
    assert sum(path.stat().st_size for path in demo.rglob("*")) < 5 * MEGABYTE


def test_only_the_demo_data_and_one_sample_report_are_tracked(tracked: list[Path], repository: Path) -> None:
    tops = {path.relative_to(repository).parts[:2] for path in tracked}
    assert {parts for parts in tops if parts[0] in {"data", "reports"}} <= {("data", "demo"), ("reports", "sample")}


@pytest.mark.parametrize("name", INSTALLED_FROM)
def test_no_address_stands_where_packages_are_installed_from(repository: Path, name: str) -> None:
    assert "://" not in (repository / name).read_text()


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_make_command_of_the_documents_exists(repository: Path, targets: dict[str, str], name: str) -> None:
    named = commands((repository / name).read_text(), "make")
    assert named
    assert named <= set(targets)


def test_every_verb_of_the_readme_exists(repository: Path) -> None:
    verbs = set(re.findall(r"^    ([a-z]+)(?: |$)", cli.build_parser().format_help(), flags=re.MULTILINE))
    assert commands((repository / "README.md").read_text(), r"(?:\.venv/bin/)?cs-analysis") == verbs


def test_the_readme_shows_the_two_commands(repository: Path) -> None:
    assert {"report", "test"} <= commands((repository / "README.md").read_text(), "make")


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_link_of_the_documents_leads_somewhere(repository: Path, name: str) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", (repository / name).read_text())
    assert [link for link in links if "://" not in link and not (repository / link).exists()] == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_file_named_in_the_documents_exists(repository: Path, name: str) -> None:
    named = [part for part in code_parts((repository / name).read_text()) if re.fullmatch(r"[\w.-]+(/[\w.-]+)+", part)]
    assert [part for part in named if not part.startswith(("reports/2", "my")) and not (repository / part).exists()] == []


@pytest.mark.slow
def test_the_example_of_the_readme_runs(repository: Path) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", (repository / "README.md").read_text(), flags=re.MULTILINE | re.DOTALL)
    subprocess.run([sys.executable, "-W", "error", "-c", example], cwd=repository, check=True)


def test_every_target_of_the_makefile_is_explained(repository: Path, targets: dict[str, str]) -> None:
    phony = re.search(r"^\.PHONY: (.+)$", (repository / "Makefile").read_text(), flags=re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == set(targets)


def test_the_build_server_runs_the_tests(repository: Path) -> None:
    script = repository / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert re.findall(r"\bmake .*", script.read_text()) == ["make test"]


def test_git_keeps_the_report_notebooks_and_ignores_the_pages(repository: Path) -> None:
    paths = ["notebooks/reports/churn.ipynb", "reports/sample/index.html", "reports/2026-10/index.html"]
    run = subprocess.run(["git", "check-ignore", "--no-index", *paths], cwd=repository, capture_output=True, text=True, check=False)  # noqa: S607
    assert run.stdout.split() == ["reports/2026-10/index.html"]


def test_every_release_says_which_numbers_change(repository: Path) -> None:
    releases = re.split(r"^## ", (repository / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[1:]
    assert releases
    assert [release.splitlines()[0] for release in releases if "### Numbers that change" not in release] == []


def test_decisions_are_numbered_dated_and_complete(repository: Path) -> None:
    pages = sorted((repository / "docs" / "decisions").glob("*.md"))
    numbers = [int(page.name[:4]) for page in pages]
    assert numbers[:1] == [1]
    assert len(set(numbers)) == len(numbers)
    wanted = [r"^# \d{4}", r"^\d{4}-\d\d-\d\d", r"^## Context", r"^## Decision", r"^## Consequences"]
    assert [(page.name, line) for page in pages for line in wanted if not re.search(line, page.read_text(), flags=re.MULTILINE)] == []
