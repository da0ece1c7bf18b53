"""The notebooks of a lesson: the trainee's, with the answers left open, and the solved one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from cs_analysis.course.source import Cell, Exercise, Lesson, Quiz


def notebook(lesson: Lesson, *, solved: bool = False, seed: int | None = None) -> nbformat.NotebookNode:
    """Return a lesson as a notebook without outputs.

    Parameters
    ----------
    lesson : Lesson
        From `find_lesson`.
    solved : bool
        Whether the exercises are solved.
    seed : int, optional
        Seed of the simulated data, so that two groups get different numbers; the lesson's own if it is not given.

    Returns
    -------
    NotebookNode
    """
    cells = [*_head(lesson, solved=solved, seed=seed), *(made for cell in lesson.cells for made in _made(cell, solved=solved)), _end(lesson)]
    for index, cell in enumerate(cells):
        cell["id"] = f"cell-{index:02}"
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return cast("nbformat.NotebookNode", new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}}))


def _head(lesson: Lesson, *, solved: bool, seed: int | None) -> Iterator[Any]:
    goals = "\n".join(f"* {goal}" for goal in lesson.goals)
    copy = "\n\nThis is the solved copy: try the lesson itself first." if solved else ""
    facts = f"**Time**: about {lesson.minutes} minutes. **Data**: {lesson.data}"
    yield new_markdown_cell(f"# {lesson.number} {lesson.title}\n\nAfter this lesson you can\n\n{goals}\n\n{facts}{copy}")
    record = ", record=False" if solved else ""
    lines = ("import cs_analysis as cs", "from cs_analysis import course", "", f"SEED = {lesson.seed if seed is None else seed}")
    yield new_code_cell("\n".join((*lines, f'course.start("{lesson.name}", globals(){record})')))


def _made(cell: Cell, *, solved: bool) -> Iterator[Any]:
    """Give the notebook's cells for one cell of the source."""
    if cell.kind == "text":
        yield new_markdown_cell(cell.text)
    elif cell.kind == "code":
        yield new_code_cell(cell.text)
    elif isinstance(cell.task, Quiz):
        yield new_markdown_cell("\n".join(f"* **{letter}** {text}" for letter, text in cell.task.options.items()))
        answer = f'"{cell.task.answer}"' if solved else "...  # " + " or ".join(f'"{letter}"' for letter in cell.task.options)
        yield _task_cell(f"{cell.task.variable} = {answer}", cell.task, solved=solved)
    elif isinstance(cell.task, Exercise):
        yield _task_cell(cell.task.solution if solved else cell.task.given, cell.task, solved=solved)


def _task_cell(code: str, task: Exercise | Quiz, *, solved: bool) -> Any:
    help_line = "" if solved else f"  # stuck? {task.name}.hint(), then {task.name}.solution()"
    return new_code_cell(f"{code}\n\n{task.name}.check(){help_line}", metadata={"tags": [task.name]})


def _end(lesson: Lesson) -> Any:
    return new_markdown_cell("## Key points\n\n" + "\n".join(f"* {point}" for point in lesson.key_points))
