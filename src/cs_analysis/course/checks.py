"""Exercises that check themselves: `ex1.check()`, `ex1.hint()`, `ex1.solution()`.

A check runs the lesson's solution on the lesson's own tables and compares; no answers are stored, so they follow the seed. Nothing
a trainee types ends in a traceback here.
"""

from __future__ import annotations

import contextlib
import html
import io
import warnings
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Literal

from cs_analysis.course import progress
from cs_analysis.course.answers import advice_on_form, same
from cs_analysis.course.source import Exercise, Lesson, Quiz, find_lesson

Status = Literal["not attempted", "incorrect", "correct"]

MIME = "application/vnd.cs-analysis.check+json"
RUN_FIRST = "Run the lesson's cells above first, from the top (Run > Run All Above Selected Cell)."
COLOURS = {"correct": "#2e7d32", "incorrect": "#b25d00", "not attempted": "#666666"}


@dataclass(frozen=True)
class Verdict:
    """What a check found: `not attempted`, `incorrect` with advice, or `correct`.

    Attributes
    ----------
    lesson, task : str
        Which exercise of which lesson, such as `05-retention` and `ex1`.
    status : str
        `not attempted`, `incorrect` or `correct`.
    message : str
        Advice, or what there is to add.
    """

    lesson: str
    task: str
    status: Status
    message: str = ""

    def __repr__(self) -> str:
        return f"{self.task}: {self.status}.{' ' if self.message else ''}{self.message}"

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        """Return the verdict as text, as a coloured line and as data for whoever collects checks."""
        message = f" {html.escape(self.message)}" if self.message else ""
        line = f'<p style="border-left: 4px solid {COLOURS[self.status]}; padding-left: .6em"><strong>{self.task}: {self.status}.</strong>{message}</p>'
        data = {"lesson": self.lesson, "task": self.task, "status": self.status}
        return {"text/plain": repr(self), "text/html": line, MIME: data}


class Told(str):
    """Text that a notebook shows as it is, without quotation marks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Check:
    """What every task offers: `check()`, `hint()` and `solution()`."""

    def __init__(self, task: Exercise | Quiz, lesson: Lesson, namespace: dict[str, Any], *, record: bool) -> None:
        self._task, self._lesson, self._namespace, self._record = task, lesson, namespace, record

    def check(self) -> Verdict:
        """Return whether the answer is right, with advice if it is not.

        Returns
        -------
        Verdict
            Shown as one line by a notebook.
        """
        status, message = self._judged()
        if self._record:
            message = " ".join(filter(None, (message, progress.record(self._lesson.name, self._task.name, status))))
        return Verdict(self._lesson.name, self._task.name, status, message)

    def hint(self) -> Told:
        """Return a hint: where to look, not what to find."""
        return Told(f"Hint: {self._task.hint}")

    def solution(self) -> Told:
        """Return the solution."""
        raise NotImplementedError

    def _judged(self) -> tuple[Status, str]:
        raise NotImplementedError

    def __repr__(self) -> str:
        name = self._task.name
        return f"{name} of lesson {self._lesson.number}: {name}.check(), {name}.hint(), {name}.solution()"


class QuizCheck(Check):
    """The check of one question."""

    _task: Quiz

    def solution(self) -> Told:
        """Return the right option and why it is right."""
        return Told(f'{self._task.variable} = "{self._task.answer}"\n# {self._task.options[self._task.answer]}\n# {self._task.explain}')

    def _judged(self) -> tuple[Status, str]:
        given = self._namespace.get(self._task.variable, ...)
        if _is_open(given):
            return "not attempted", ""
        chosen = given.strip().lower() if isinstance(given, str) else given
        if chosen == self._task.answer:
            return "correct", self._task.explain
        if not isinstance(chosen, str) or chosen not in self._task.options:
            letters = ", ".join(f'"{option}"' for option in self._task.options)
            return "incorrect", f"Choose one of {letters}."
        return "incorrect", self._task.advice[chosen]


class ExerciseCheck(Check):
    """The check of one exercise."""

    _task: Exercise

    def solution(self) -> Told:
        """Return the code that solves the exercise."""
        return Told("\n".join(filter(None, (self._task.solution, self._task.explain and f"# {self._task.explain}"))))

    def _judged(self) -> tuple[Status, str]:
        given = {answer: self._namespace.get(answer, ...) for answer in self._task.answers}
        if any(_is_open(value) for value in given.values()) or self._is_untouched(given):
            return "not attempted", ""
        wanted, trouble = self._value_of(self._task.solution)
        if trouble:
            return "not attempted", RUN_FIRST
        value, trouble = self._value_of("", given)
        if trouble:
            return "incorrect", f"Your code stopped with {trouble}."
        options = {"tolerance": self._task.tolerance, "ordered": self._task.ordered}
        if _safely_same(value, wanted, **options):
            return "correct", self._task.explain
        return "incorrect", self._expected_mistake(value, options) or _safe_advice(value, wanted, self._task.tolerance) or self._task.advice

    def _is_untouched(self, given: dict[str, Any]) -> bool:
        """Tell whether the answers are functions and do what those of the stub do: nothing."""
        if not all(isinstance(value, FunctionType) for value in given.values()):
            return False
        space = dict(self._namespace)
        exec(self._task.given, space)  # noqa: S102 - the lesson's own stub, from the package
        return all(value.__code__.co_code == space[name].__code__.co_code for name, value in given.items())

    def _expected_mistake(self, value: Any, options: dict[str, Any]) -> str:
        """Return the advice of the typical wrong answer that gives this value, or nothing."""
        for wrong in self._task.wrong:
            mistaken, trouble = self._value_of(wrong.code)
            if not trouble and _safely_same(value, mistaken, **options):
                return wrong.advice
        return ""

    def _value_of(self, code: str, given: dict[str, Any] | None = None) -> tuple[Any, str]:
        """Return the compared value after `code` ran on the lesson's tables, and what stopped it, if anything did."""
        space = {**self._namespace, **(given or {})}
        try:
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(code, space)  # noqa: S102 - the lesson's own solution, from the package
                return eval(self._task.compared, space), ""  # noqa: S307 - the lesson's own expression
        except Exception as error:  # noqa: BLE001 - a trainee's function may raise anything, and a check never shows a traceback
            return None, f"{type(error).__name__}: {error}"


def start(name: str, namespace: dict[str, Any], *, record: bool = True) -> None:
    """Put the lesson's checks `ex1`, `ex2` ... and `quiz1` ... into the notebook.

    Parameters
    ----------
    name : str
        The lesson's name or number.
    namespace : dict
        The notebook's variables: `globals()`.
    record : bool
        Whether results go to the progress on this machine, if it is kept (`cs-analysis course keep`).

    Raises
    ------
    ParameterError
        There is no such lesson.

    Examples
    --------
    >>> space = {"quiz1_answer": ...}
    >>> start("13", space, record=False)
    >>> space["quiz1"].check()
    quiz1: not attempted.
    """
    lesson = find_lesson(name)
    kinds = {Exercise: ExerciseCheck, Quiz: QuizCheck}
    namespace.update({task.name: kinds[type(task)](task, lesson, namespace, record=record) for task in lesson.tasks.values()})


def _is_open(value: Any) -> bool:
    return value is ... or (isinstance(value, str) and not value.strip())


def _safely_same(value: Any, wanted: Any, **options: Any) -> bool:
    try:
        return same(value, wanted, **options)
    except Exception:  # noqa: BLE001 - whatever a trainee hands in, comparing it may fail but not break the lesson
        return False


def _safe_advice(value: Any, wanted: Any, tolerance: float) -> str:
    try:
        return advice_on_form(value, wanted, tolerance=tolerance)
    except Exception:  # noqa: BLE001 - as above
        return ""
