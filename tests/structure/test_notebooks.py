"""The report notebooks read like reports: no programming in them, outputs stored, nothing of the machine they ran on."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "notebooks" / "reports"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
ABSOLUTE_PATH = re.compile(r"(?<![\w./<])/(?:home|root|tmp|Users|work|var|opt|usr|private)/|[A-Z]:\\\\")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def notebook(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


@pytest.fixture
def code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_report_notebooks() -> None:
    assert {"churn", "overview"} <= {path.stem for path in NOTEBOOKS}


def test_the_notebook_is_valid(notebook: nbformat.NotebookNode) -> None:
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"


def test_it_starts_with_its_title(notebook: nbformat.NotebookNode) -> None:
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")


def test_one_cell_holds_the_parameters(code: list[nbformat.NotebookNode]) -> None:
    tagged = [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    lines = [line for line in ast.parse(tagged[0].source).body if ast.unparse(line) != "from typing import Literal"]
    assert {type(line) for line in lines} == {ast.AnnAssign}


def test_it_defines_nothing(code: list[nbformat.NotebookNode]) -> None:
    nodes = [node for cell in code for node in ast.walk(ast.parse(cell.source))]
    assert not [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda)]


def test_it_is_short(code: list[nbformat.NotebookNode], path: Path) -> None:
    assert len(code) <= 12
    assert max(len(cell.source.splitlines()) for cell in code) <= 15
    assert path.stat().st_size < 300_000


def test_every_cell_ran_in_order_without_complaint(code: list[nbformat.NotebookNode]) -> None:
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert outputs
    assert [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"] == []


def test_nothing_of_the_machine_is_in_it(path: Path) -> None:
    assert ABSOLUTE_PATH.findall(path.read_text()) == []
