"""The source of a lesson: one Markdown file that becomes the trainee's notebook, the solved one, and the checks.

`notebooks/course/WRITING.md` describes the form. Exercises and questions are numbered in the order in which they stand.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from cs_analysis.errors import ParameterError

LESSONS = Path(__file__).with_name("lessons")
HEAD = re.compile(r"\A\+\+\+\n(.*?)^\+\+\+\n", re.DOTALL | re.MULTILINE)
FENCE = re.compile(r"^```(python|exercise|quiz)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Wrong:
    """One typical wrong answer: the code that gives it, and the advice for whoever gave it."""

    code: str
    advice: str


@dataclass(frozen=True)
class Exercise:
    """One exercise: what is asked for, how it is solved, and which wrong answers are expected.

    `value` is an expression of the answers, and what is compared; `tolerance` is relative.
    """

    name: str
    answers: tuple[str, ...]
    solution: str
    hint: str
    advice: str
    wrong: tuple[Wrong, ...]
    explain: str = ""
    stub: str = ""
    value: str = ""
    tolerance: float = 1e-6
    ordered: bool = True

    @property
    def given(self) -> str:
        """Return the code from which the trainee starts."""
        return self.stub or "\n".join(f"{answer} = ..." for answer in self.answers)

    @property
    def compared(self) -> str:
        """Return the expression whose value is compared."""
        return self.value or (self.answers[0] if len(self.answers) == 1 else f"[{', '.join(self.answers)}]")


@dataclass(frozen=True)
class Quiz:
    """One question with options to choose from; each wrong option has its own advice."""

    name: str
    options: dict[str, str]
    answer: str
    hint: str
    explain: str
    advice: dict[str, str]

    @property
    def variable(self) -> str:
        """Return the variable that takes the chosen option."""
        return f"{self.name}_answer"


@dataclass(frozen=True)
class Cell:
    """One part of a lesson: text, the lesson's own code, an exercise or a question."""

    kind: Literal["text", "code", "exercise", "quiz"]
    text: str
    task: Exercise | Quiz | None = None


@dataclass(frozen=True)
class Lesson:
    """One lesson: its head, and its cells from top to bottom."""

    name: str
    title: str
    minutes: int
    seed: int
    data: str
    goals: tuple[str, ...]
    key_points: tuple[str, ...]
    cells: tuple[Cell, ...]

    @property
    def number(self) -> str:
        """Return the lesson's two digits."""
        return self.name[:2]

    @property
    def tasks(self) -> dict[str, Exercise | Quiz]:
        """Return the exercises and questions by name, in the order in which they stand."""
        return {cell.task.name: cell.task for cell in self.cells if cell.task}


def lesson_names() -> tuple[str, ...]:
    """Return the names of all lessons, in order."""
    return tuple(sorted(path.stem for path in LESSONS.glob("[0-9][0-9]-*.md")))


def find_lesson(name: str) -> Lesson:
    """Return the lesson of that name or number.

    Parameters
    ----------
    name : str
        `"05-retention"`, `"05"` or `"5"`.

    Returns
    -------
    Lesson

    Raises
    ------
    ParameterError
        There is no such lesson.

    Examples
    --------
    >>> find_lesson("13").name
    '13-effects'
    """
    number = f"{int(name):02}" if name.isdecimal() else name
    found = [known for known in lesson_names() if number in (known, known[:2])]
    if not found:
        raise ParameterError(f"there is no lesson {name!r}; the lessons are {', '.join(lesson_names())}.")
    return _read(found[0])


@cache
def _read(name: str) -> Lesson:
    return parse_lesson(name, (LESSONS / f"{name}.md").read_text(encoding="utf-8"))


def parse_lesson(name: str, text: str) -> Lesson:
    """Return the lesson that `text` describes.

    Raises
    ------
    ParameterError
        The text has no head, or a task lacks something; the message says which.
    """
    head = HEAD.match(text)
    if not head:
        raise ParameterError(f"lesson {name} must start with a head in TOML between two lines '+++'.")
    try:
        fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in tomllib.loads(head[1]).items()}
        return Lesson(name=name, cells=tuple(_cells(text[head.end() :])), **fields)
    except (tomllib.TOMLDecodeError, TypeError, KeyError) as error:
        raise ParameterError(f"lesson {name}: {error}.") from error


def _cells(body: str) -> Iterator[Cell]:
    """Give the parts between and in the fences."""
    end, seen = 0, {"exercise": 0, "quiz": 0}
    for fence in FENCE.finditer(body):
        yield from _text(body[end : fence.start()])
        kind, content = fence[1], fence[2].rstrip("\n")
        end = fence.end()
        if kind == "python":
            yield Cell("code", content)
            continue
        seen[kind] += 1
        make = _exercise if kind == "exercise" else _quiz
        yield Cell("exercise" if kind == "exercise" else "quiz", "", make(f"{'ex' if kind == 'exercise' else 'quiz'}{seen[kind]}", content))
    yield from _text(body[end:])


def _text(text: str) -> Iterator[Cell]:
    if text.strip():
        yield Cell("text", text.strip())


def _exercise(name: str, content: str) -> Exercise:
    fields = _fields(name, content)
    wrong = tuple(Wrong(case["code"].strip("\n"), case["advice"].strip()) for case in fields.pop("wrong", ()))
    return Exercise(name=name, answers=tuple(fields.pop("answers")), wrong=wrong, **fields)


def _quiz(name: str, content: str) -> Quiz:
    return Quiz(name=name, **_fields(name, content))


def _fields(name: str, content: str) -> dict[str, Any]:
    try:
        fields = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise tomllib.TOMLDecodeError(f"{name}: {error}") from error
    return {key: value.strip() if isinstance(value, str) else value for key, value in fields.items()}
