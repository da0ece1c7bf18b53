"""Make the notebooks of the course from their sources, and run the solved ones.

Usage: python tools/make_course.py [NN ...]

A lesson whose solution fails is left as it is.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from cs_analysis.course.books import notebook
from cs_analysis.course.source import Lesson, find_lesson, lesson_names

COURSE = Path(__file__).parents[1] / "notebooks" / "course"


def main(numbers: list[str]) -> int:
    """Make the named lessons, or all, and return the number of those that failed."""
    return sum(not make(find_lesson(name)) for name in (numbers or lesson_names()))


def make(lesson: Lesson) -> bool:
    """Write both notebooks of a lesson, the solved one with its outputs; tell whether it ran."""
    book, began = notebook(lesson, solved=True), time.perf_counter()
    folder = COURSE / "solutions"
    folder.mkdir(parents=True, exist_ok=True)
    client = NotebookClient(book, timeout=300, kernel_name="python3", record_timing=False, resources={"metadata": {"path": str(folder)}})
    try:
        client.execute()
    except CellExecutionError as error:
        print(f"{lesson.name}: {error}")
        return False
    book.metadata["language_info"] = {"name": "python"}
    _write(book, folder / f"{lesson.name}.ipynb")
    _write(notebook(lesson), COURSE / f"{lesson.name}.ipynb")
    print(f"{lesson.name}: {time.perf_counter() - began:.1f} s")
    return True


def _write(book: nbformat.NotebookNode, path: Path) -> None:
    draft = path.with_suffix(".tmp")
    nbformat.write(book, draft)
    draft.replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
