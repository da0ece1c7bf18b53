"""The notebooks of the course are what their sources make, the solved ones are run, and nothing in them belongs to one machine."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest

from cs_analysis.course.books import notebook
from cs_analysis.course.checks import MIME
from cs_analysis.course.source import find_lesson, lesson_names

COURSE = Path(__file__).resolve().parents[2] / "notebooks" / "course"
ABSOLUTE_PATH = re.compile(r"(?<![\w./<])/(?:home|root|tmp|Users|work|var|opt|usr|private)/|[A-Z]:\\\\")


@pytest.fixture(params=lesson_names())
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def parts(book: nbformat.NotebookNode) -> list[tuple[str, str, str]]:
    return [(cell.id, cell.cell_type, cell.source) for cell in book.cells]


def test_there_is_a_notebook_for_each_lesson_and_no_other() -> None:
    for folder in (COURSE, COURSE / "solutions"):
        assert sorted(path.stem for path in folder.glob("*.ipynb")) == list(lesson_names())


def test_both_are_in_step_with_the_source(name: str) -> None:
    lesson = find_lesson(name)
    assert parts(read(COURSE / f"{name}.ipynb")) == parts(notebook(lesson))
    assert parts(read(COURSE / "solutions" / f"{name}.ipynb")) == parts(notebook(lesson, solved=True))


def test_the_trainees_notebook_holds_no_outputs(name: str) -> None:
    assert [cell.id for cell in read(COURSE / f"{name}.ipynb").cells if cell.get("outputs") or cell.get("execution_count")] == []


def test_the_solved_one_is_run_and_every_answer_is_right(name: str) -> None:
    cells = [cell for cell in read(COURSE / "solutions" / f"{name}.ipynb").cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"] == []
    verdicts = [output.data[MIME] for output in outputs if MIME in output.get("data", {})]
    assert verdicts == [{"lesson": name, "task": task, "status": "correct"} for task in find_lesson(name).tasks]


def test_it_has_a_picture_and_every_picture_has_its_words(name: str) -> None:
    cells = read(COURSE / "solutions" / f"{name}.ipynb").cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert pictures
    assert [output.data["text/plain"] for output in pictures if len(output.metadata.get("image/png", {}).get("alt", "")) < 10] == []
    texts = [str(output.get("text", "")) + str(output.get("data", {}).get("text/plain", "")) for output in outputs]
    assert [text for text in texts if re.search(r"<Axes|<Figure| at 0x|np\.(float|int|str|bool)", text)] == []


def test_every_output_is_read_in_words(name: str) -> None:
    cells = read(COURSE / "solutions" / f"{name}.ipynb").cells
    shown = [(cell, after) for cell, after in pairwise(cells) if cell.get("outputs") and not cell.metadata.get("tags")]
    silent = [cell.source for cell, after in shown if after.cell_type != "markdown"]
    assert silent == []


def test_it_is_small_and_of_no_machine(name: str) -> None:
    path = COURSE / "solutions" / f"{name}.ipynb"
    assert path.stat().st_size < 300_000
    assert ABSOLUTE_PATH.findall(path.read_text()) == []
