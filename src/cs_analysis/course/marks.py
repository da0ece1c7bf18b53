"""What has been done: one trainee's progress as lines and as a page, and a group's checks as one table."""

from __future__ import annotations

import html
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from cs_analysis.course import progress
from cs_analysis.course.checks import MIME
from cs_analysis.course.source import Lesson, find_lesson, lesson_names
from cs_analysis.errors import ParameterError

COLUMNS = ("trainee", "lesson", "seed", "task", "status")
CELL_SECONDS = 120
STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; margin-bottom: .2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #8886; vertical-align: top }
td.done { white-space: nowrap; font-variant-numeric: tabular-nums }
ul { margin: 0; padding-left: 1.1rem }
@media print { body { margin: 0 } tr { break-inside: avoid } }
"""


def done(lesson: Lesson) -> tuple[int, int]:
    """Return how many tasks of a lesson are kept as right, and how many there are."""
    kept = progress.read(lesson.name)
    return sum(kept.get(task, {}).get("status") == "correct" for task in lesson.tasks), len(lesson.tasks)


def lines() -> Iterator[str]:
    """Give the list of lessons for a terminal: number, title, minutes, and what is done if progress is kept."""
    for lesson in map(find_lesson, lesson_names()):
        right, tasks = done(lesson)
        told = f"{right} of {tasks} right" if progress.is_kept() else f"{tasks} tasks"
        yield f"{lesson.number}  {lesson.title:<52} {lesson.minutes:>4} min  {told}"


def summary(*, name: str = "") -> str:
    """Return one page in HTML: each lesson, what it teaches, and how many of its tasks are right.

    Raises
    ------
    ParameterError
        No progress is kept, or a file of it is damaged.
    """
    if not progress.is_kept():
        raise ParameterError("no progress is kept on this machine; `cs-analysis course keep` starts it, and checks from then on count.")
    rows, right, tasks, whole = [], 0, 0, 0
    for lesson in map(find_lesson, lesson_names()):
        found, there = done(lesson)
        right, tasks, whole = right + found, tasks + there, whole + (found == there)
        goals = "".join(f"<li>{html.escape(goal)}</li>" for goal in lesson.goals)
        title = html.escape(f"{lesson.number} {lesson.title}")
        rows.append(f'<tr><td>{title}</td><td><ul>{goals}</ul></td><td class="done">{found} of {there}</td></tr>')
    who = f"<p>{html.escape(name)}</p>" if name else ""
    head = f"<h1>Customer-success metrics: the course</h1>{who}<p>{whole} of {len(rows)} lessons complete, {right} of {tasks} tasks right.</p>"
    table = f"<table><thead><tr><th>Lesson</th><th>Can</th><th>Right</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
    foot = "<p>Made from the progress kept on this machine by the trainee. It shows work done, and examines nobody.</p>"
    page = f'<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Course summary</title><style>{STYLE}</style>'
    return f"<!doctype html>{page}</head><body><main>{head}{table}{foot}</main></body></html>\n"


def collected(folder: Path, *, run: bool = False) -> pd.DataFrame:
    """Return the checks of a whole group, one row a trainee, lesson and task.

    Parameters
    ----------
    folder : Path
        Holds a folder for each trainee with notebooks in it, as `hand_out` makes them; notebooks right in it belong to the trainee "".
    run : bool
        Whether each notebook is run first, so that the checks belong to what is written there now. This runs the trainees' code on this machine.

    Returns
    -------
    DataFrame
        Columns `trainee, lesson, seed, task, status`; status is `correct`, `incorrect`, `not attempted`, `not run` (no check is stored) or
        `unreadable` (the file is no notebook; one row).

    Raises
    ------
    ParameterError
        The folder holds no notebook of a lesson.
    """
    found = sorted((path for path in Path(folder).rglob("*.ipynb") if path.stem in lesson_names()), key=lambda path: path.as_posix())
    if not found:
        raise ParameterError(f"{folder} holds no notebook of a lesson; it needs a folder for each trainee with notebooks such as {lesson_names()[0]}.ipynb.")
    rows = [row for path in found for row in _rows(path, path.parent.relative_to(folder).as_posix().removeprefix("."), run=run)]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"seed": "Int64"})


def _rows(path: Path, trainee: str, *, run: bool) -> Iterator[tuple[Any, ...]]:
    lesson = find_lesson(path.stem)
    try:
        book = nbformat.read(path, as_version=4)
        cells = [cell for cell in book.cells if cell.cell_type == "code"]
    except (OSError, ValueError, AttributeError, nbformat.ValidationError):
        yield trainee, lesson.name, None, "", "unreadable"
        return
    if run:
        _run(book)
    stored = dict(_stored(cells))
    for task in lesson.tasks:
        yield trainee, lesson.name, _seed(cells), task, stored.get(task, "not run")


def _stored(cells: list[Any]) -> Iterator[tuple[str, str]]:
    """Give task and status of every check whose result is stored; a later one counts."""
    for cell in cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {}).get(MIME)
            if isinstance(data, dict):
                yield str(data.get("task")), str(data.get("status"))


def _seed(cells: list[Any]) -> int | None:
    found = [line.partition("=")[2].strip() for cell in cells for line in cell.source.splitlines() if line.startswith("SEED =")]
    return int(found[0]) if found and found[0].isdecimal() else None


def _run(book: nbformat.NotebookNode) -> None:
    """Run a notebook as far as it goes, without touching the progress of whoever runs it."""
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(book, timeout=CELL_SECONDS, allow_errors=True, kernel_name="python3", resources={"metadata": {"path": folder}})
        environment = {**os.environ, "CS_ANALYSIS_COURSE": str(Path(folder) / "nothing-kept")}
        for cell in book.cells:
            if cell.cell_type == "code":
                cell["outputs"] = []
        try:
            client.execute(env=environment)
        except (CellTimeoutError, DeadKernelError):  # what ran before counts, the rest is "not run"
            return
