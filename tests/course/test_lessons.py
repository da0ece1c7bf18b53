"""Every lesson: its form, and that its checks tell right from wrong, on another seed than the one its solved notebook is tested with."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import pytest

from cs_analysis.course.books import notebook
from cs_analysis.course.checks import RUN_FIRST, start
from cs_analysis.course.source import Exercise, Lesson, Quiz, find_lesson, lesson_names

OTHER_SEED = int(os.environ.get("COURSE_SEED", "101"))
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=lesson_names())
def lesson(request: pytest.FixtureRequest) -> Lesson:
    return find_lesson(request.param)


@pytest.fixture(scope="module")
def played(lesson: Lesson) -> dict[str, dict[str, Any]]:
    """Play the lesson once, its exercises left open; return the variables at each task, and at the end under "end"."""
    space: dict[str, Any] = {"__name__": "lesson", "display": lambda *_: None}
    at = {}
    plt.switch_backend("agg")
    for cell in notebook(lesson, seed=lesson.seed + OTHER_SEED).cells:
        if cell.cell_type != "code":
            continue
        task = next(iter(cell.metadata.get("tags", [])), None)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            exec(compile(cell.source, f"{lesson.name} {cell.id}", "exec"), space)
        if task:
            at[task] = dict(space)
    plt.close("all")
    return {**at, "end": space}


def judged(lesson: Lesson, task: str, space: dict[str, Any], code: str = "") -> tuple[str, str]:
    """Return status and message of a task after `code` stands in its cell."""
    space = dict(space)
    start(lesson.name, space, record=False)
    if code:
        exec(code, space)
    verdict = space[task].check()
    return verdict.status, verdict.message


def exercises(lesson: Lesson) -> Iterator[Exercise]:
    return (task for task in lesson.tasks.values() if isinstance(task, Exercise))


def questions(lesson: Lesson) -> Iterator[Quiz]:
    return (task for task in lesson.tasks.values() if isinstance(task, Quiz))


def test_stubs_are_not_attempted(lesson: Lesson, played: dict[str, dict[str, Any]]) -> None:
    assert {name: judged(lesson, name, played[name]) for name in lesson.tasks} == dict.fromkeys(lesson.tasks, ("not attempted", ""))


def test_solutions_are_correct(lesson: Lesson, played: dict[str, dict[str, Any]]) -> None:
    found = {task.name: judged(lesson, task.name, played[task.name], task.solution)[0] for task in exercises(lesson)}
    assert found == dict.fromkeys(found, "correct")


def test_solutions_change_nothing_that_others_need(lesson: Lesson, played: dict[str, dict[str, Any]]) -> None:
    space = played["end"]
    first = {task.name: judged(lesson, task.name, space, task.solution)[0] for task in exercises(lesson)}
    again = {task.name: judged(lesson, task.name, space, task.solution)[0] for task in reversed(list(exercises(lesson)))}
    assert first == again == dict.fromkeys(first, "correct")


def test_typical_wrong_answers_get_their_own_advice(lesson: Lesson, played: dict[str, dict[str, Any]]) -> None:
    found = {f"{task.name}: {wrong.code}": judged(lesson, task.name, played[task.name], wrong.code) for task in exercises(lesson) for wrong in task.wrong}
    assert found == {f"{task.name}: {wrong.code}": ("incorrect", wrong.advice) for task in exercises(lesson) for wrong in task.wrong}


def test_questions_are_answered(lesson: Lesson, played: dict[str, dict[str, Any]]) -> None:
    for quiz in questions(lesson):
        found = {letter: judged(lesson, quiz.name, played[quiz.name], f'{quiz.variable} = "{letter}"') for letter in quiz.options}
        assert found == {letter: ("correct", quiz.explain) if letter == quiz.answer else ("incorrect", quiz.advice[letter]) for letter in quiz.options}


def test_checks_before_the_lesson_is_run_say_so(lesson: Lesson) -> None:
    found = []
    for task in exercises(lesson):
        space = dict.fromkeys(task.answers, 1.0)
        status, message = judged(lesson, task.name, space)
        found.append((status, message) == ("not attempted", RUN_FIRST) or status == "incorrect")
    assert all(found)


def test_there_is_enough_to_do(lesson: Lesson) -> None:
    assert 3 <= len(list(exercises(lesson))) <= 6
    assert 1 <= len(list(questions(lesson))) <= 4
    assert min(len(task.wrong) for task in exercises(lesson)) >= 2
    assert any("def " in task.solution for task in exercises(lesson)) or lesson.number in ("00", "15")
    for quiz in questions(lesson):
        assert set(quiz.advice) == set(quiz.options) - {quiz.answer}
        assert len(quiz.options) >= 3


def test_words_are_there(lesson: Lesson) -> None:
    assert 3 <= len(lesson.goals) == len(lesson.key_points)
    assert 20 <= lesson.minutes <= 200
    texts = [task.hint for task in lesson.tasks.values()] + [task.advice for task in exercises(lesson)] + [quiz.explain for quiz in questions(lesson)]
    assert [text for text in texts if len(text) < 15] == []


def test_sections_are_there(lesson: Lesson) -> None:
    headings = re.findall(r"^##+ (.*)$", "\n".join(cell.text for cell in lesson.cells if cell.kind == "text"), re.MULTILINE)
    for start_of in ("The wrong way", "The right way", "How other tools show it", "Use it at work"):
        assert [heading for heading in headings if heading.startswith(start_of)], start_of
    tasks = [heading for heading in headings if heading.startswith(("Exercise", "Quiz"))]
    assert [re.sub(r":.*", "", heading) for heading in tasks] == [
        task.name.replace("ex", "Exercise ") if isinstance(task, Exercise) else task.name.replace("quiz", "Quiz ") for task in lesson.tasks.values()
    ]


def test_it_is_short_and_written_from_left_to_right(lesson: Lesson) -> None:
    code = [cell.text for cell in lesson.cells if cell.kind == "code"]
    assert 7 <= len(code) <= 19
    assert max(len(text.splitlines()) for text in code) <= 15
    assert max(len(line) for text in code for line in text.splitlines()) <= 120
    pairs = pairwise(lesson.cells)
    shown = [cell.text for cell, after in pairs if cell.kind == "code" and after.kind != "text" and shows(cell.text)]
    assert shown == []


def shows(code: str) -> bool:
    """Tell whether a cell ends in something that is displayed."""
    last = code.rstrip().splitlines()[-1]
    return not re.match(r"\s*([\w\[\]\"', .]+ = |import |from |def |return |assert )", last)
