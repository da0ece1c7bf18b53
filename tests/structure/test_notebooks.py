"""The notebooks read like reports: no programming in them, outputs stored, figures with words, nothing of the machine they ran on."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

from cs_analysis import show

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
REPORTS = sorted((FOLDER / "reports").glob("*.ipynb"))
GALLERY = FOLDER / "gallery.ipynb"
ABSOLUTE_PATH = re.compile(r"(?<![\w./<])/(?:home|root|tmp|Users|work|var|opt|usr|private)/|[A-Z]:\\\\")


@pytest.fixture(params=[*REPORTS, GALLERY], ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def notebook(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


@pytest.fixture
def code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return code_cells(notebook)


@pytest.fixture
def outputs(code: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    return [output for cell in code for output in cell.outputs]


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_report_notebooks() -> None:
    assert {"churn", "overview"} <= {path.stem for path in REPORTS}


def test_the_notebook_is_valid(notebook: nbformat.NotebookNode) -> None:
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"


def test_it_starts_with_its_title(notebook: nbformat.NotebookNode) -> None:
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")


@pytest.mark.parametrize("report", REPORTS, ids=lambda path: path.stem)
def test_one_cell_of_a_report_holds_the_parameters(report: Path) -> None:
    tagged = [cell for cell in code_cells(nbformat.read(report, as_version=4)) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    lines = [line for line in ast.parse(tagged[0].source).body if ast.unparse(line) != "from typing import Literal"]
    assert {type(line) for line in lines} == {ast.AnnAssign}


def test_it_defines_nothing(code: list[nbformat.NotebookNode]) -> None:
    nodes = [node for cell in code for node in ast.walk(ast.parse(cell.source))]
    assert not [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda)]


def test_it_is_short(code: list[nbformat.NotebookNode], path: Path) -> None:
    assert len(code) <= (20 if path == GALLERY else 12)
    assert max(len(cell.source.splitlines()) for cell in code if "parameters" not in cell.metadata.get("tags", [])) <= 15
    assert path.stat().st_size < (400_000 if path == GALLERY else 300_000)


def test_every_cell_ran_in_order_without_complaint(code: list[nbformat.NotebookNode], outputs: list[nbformat.NotebookNode]) -> None:
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert outputs
    assert [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"] == []


def test_nothing_of_the_machine_is_in_it(path: Path) -> None:
    assert ABSOLUTE_PATH.findall(path.read_text()) == []


def test_every_figure_has_its_words_and_leaves_no_repr(outputs: list[nbformat.NotebookNode], path: Path) -> None:
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert pictures or path.stem == "scorecard"  # whose figures are numbers
    assert [output.data["text/plain"] for output in pictures if len(output.metadata.get("image/png", {}).get("alt", "")) < 10] == []
    texts = [str(output.get("text", "")) + str(output.get("data", {}).get("text/plain", "")) for output in outputs]
    assert [text for text in texts if "<Axes" in text or "<Figure" in text] == []


def test_the_gallery_shows_everything_there_is_to_show() -> None:
    code = "\n".join(cell.source for cell in code_cells(nbformat.read(GALLERY, as_version=4)))
    used = {node.attr for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "show"}
    assert used == set(show.__all__)


def test_the_gallery_says_of_each_figure_when_not_to_use_it() -> None:
    sections = [cell.source for cell in nbformat.read(GALLERY, as_version=4).cells if cell.cell_type == "markdown" and cell.source.startswith("## ")]
    assert len(sections) >= 9
    assert [text.splitlines()[0] for text in sections if not re.search(r"\b(Not|not|Only|beyond)\b", text)] == []
