"""The checks on a small lesson: what they say, that they never end in a traceback, and the notebooks made from the same source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cs_analysis.course.books import notebook
from cs_analysis.course.checks import MIME, RUN_FIRST, start
from cs_analysis.course.source import Lesson, find_lesson, parse_lesson
from cs_analysis.errors import ParameterError

from .conftest import LESSON


@pytest.fixture
def space(lesson: Lesson) -> dict[str, Any]:
    variables: dict[str, Any] = {"stays": [1, 1, 1, 0]}
    start("07", variables, record=False)
    return variables


class Stubborn:
    """An answer that cannot be compared."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("leave me alone")

    __hash__ = None  # type: ignore[assignment]


class TestExercises:
    def test_what_is_open_is_not_attempted(self, space) -> None:
        assert repr(space["ex1"].check()) == "ex1: not attempted."
        space["kept"] = ...
        assert space["ex1"].check().status == "not attempted"

    def test_right(self, space) -> None:
        space["kept"] = 3
        assert repr(space["ex1"].check()) == "ex1: correct. Three of four."

    @pytest.mark.parametrize(("kept", "advice"), [(4, "You counted everybody."), (0, "You looked at one customer."), (2, "Look at the list again.")])
    def test_wrong(self, space, kept: int, advice: str) -> None:
        space["kept"] = kept
        assert (space["ex1"].check().status, space["ex1"].check().message) == ("incorrect", advice)

    @pytest.mark.parametrize("kept", [Stubborn(), Exception, object(), {1: 2}, [[]], b"3", print, float("nan")], ids=lambda kept: type(kept).__name__)
    def test_odd_answers_are_incorrect_and_no_more(self, space, kept: object) -> None:
        space["kept"] = kept
        assert space["ex1"].check().status == "incorrect"

    def test_before_the_lesson_is_run(self, lesson: Lesson) -> None:
        variables: dict[str, Any] = {"kept": 3}
        start("07", variables, record=False)
        assert (variables["ex1"].check().status, variables["ex1"].check().message) == ("not attempted", RUN_FIRST)

    def test_other_data_give_other_answers(self, space) -> None:
        space.update(stays=[1, 0, 0, 0], kept=3)
        assert space["ex1"].check().status == "incorrect"
        space["kept"] = 1
        assert space["ex1"].check().status == "correct"

    def test_checking_leaves_no_trace(self, space) -> None:
        space["kept"] = 4
        before = dict(space)
        space["ex1"].check()
        assert space == before


class TestFunctions:
    def test_an_open_body_is_not_attempted(self, space) -> None:
        exec("def share(values):\n    ...", space)
        assert space["ex2"].check().status == "not attempted"

    def test_right_in_another_way(self, space) -> None:
        exec("import statistics\nshare = statistics.mean", space)
        assert space["ex2"].check().status == "correct"

    def test_wrong(self, space) -> None:
        exec("share = sum", space)
        assert space["ex2"].check().message == "A sum is no share."

    def test_one_that_stops_is_told_without_a_traceback(self, space) -> None:
        exec("def share(values):\n    return values / 2", space)
        assert space["ex2"].check().message.startswith("Your code stopped with TypeError: unsupported operand")

    def test_no_function_at_all(self, space) -> None:
        space["share"] = 0.75
        assert space["ex2"].check().message == "Your code stopped with TypeError: 'float' object is not callable."


class TestQuestions:
    @pytest.mark.parametrize(
        ("answer", "status", "message"),
        [
            (..., "not attempted", ""),
            ("", "not attempted", ""),
            ("b", "correct", "The fourth number is 0."),
            (" B ", "correct", "The fourth number is 0."),
            ("a", "incorrect", "The first number is 1."),
            ("d", "incorrect", 'Choose one of "a", "b", "c".'),
            (2, "incorrect", 'Choose one of "a", "b", "c".'),
            (["b"], "incorrect", 'Choose one of "a", "b", "c".'),
        ],
    )
    def test_a_choice(self, space, answer: object, status: str, message: str) -> None:
        space["quiz1_answer"] = answer
        assert (space["quiz1"].check().status, space["quiz1"].check().message) == (status, message)


def test_help_is_there(space) -> None:
    assert repr(space["ex1"].hint()) == "Hint: Add them up."
    assert repr(space["ex1"].solution()) == "kept = sum(stays)\n# Three of four."
    assert repr(space["quiz1"].solution()).startswith('quiz1_answer = "b"\n')
    assert "ex2.check()" in repr(space["ex2"])


def test_a_verdict_is_shown_as_text_as_a_line_and_as_data(space) -> None:
    space["kept"] = "<b>"
    shown = space["ex1"].check()._repr_mimebundle_()
    assert set(shown) == {"text/plain", "text/html", MIME}
    assert shown[MIME] == {"lesson": "07-small", "task": "ex1", "status": "incorrect"}
    assert json.loads(json.dumps(shown[MIME])) == shown[MIME]
    assert "<b>" not in shown["text/html"]


class TestSources:
    def test_tasks_are_numbered_in_the_order_in_which_they_stand(self, lesson: Lesson) -> None:
        assert list(lesson.tasks) == ["ex1", "quiz1", "ex2"]

    def test_a_lesson_is_found_by_name_and_number(self, lesson: Lesson) -> None:
        assert find_lesson("7") is find_lesson("07") is find_lesson("07-small") is lesson

    @pytest.mark.parametrize("name", ["8", "small", "", "../07-small"])
    def test_one_that_is_not_there(self, lesson: Lesson, name: str) -> None:
        with pytest.raises(ParameterError, match="the lessons are 07-small"):
            find_lesson(name)

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("+++\n", "", "must start with a head"),
            ("minutes = 20", "minute = 20", "unexpected keyword argument 'minute'"),
            ("seed = 4\n", "", "missing 1 required positional argument: 'seed'"),
            ('hint = "Add them up."\n', "", "missing 1 required positional argument: 'hint'"),
            ('answers = ["kept"]\n', "", "'answers'"),
            ('hint = "Add them up."', "hint = Add", "ex1: Invalid value"),
        ],
    )
    def test_a_fault_is_named(self, old: str, new: str, message: str) -> None:
        with pytest.raises(ParameterError, match=message):
            parse_lesson("07-small", LESSON.replace(old, new))


class TestNotebooks:
    def test_the_answers_are_left_open(self, lesson: Lesson) -> None:
        code = [cell.source for cell in notebook(lesson).cells if cell.cell_type == "code"]
        assert code[0].splitlines()[-2:] == ["SEED = 4", 'course.start("07-small", globals())']
        assert code[2:4] == [
            "kept = ...\n\nex1.check()  # stuck? ex1.hint(), then ex1.solution()",
            'quiz1_answer = ...  # "a" or "b" or "c"\n\nquiz1.check()  # stuck? quiz1.hint(), then quiz1.solution()',
        ]

    def test_the_solved_one_keeps_no_progress(self, lesson: Lesson) -> None:
        code = [cell.source for cell in notebook(lesson, solved=True).cells if cell.cell_type == "code"]
        assert code[0].endswith("record=False)")
        assert code[2] == "kept = sum(stays)\n\nex1.check()"

    def test_the_key_points_mirror_the_goals(self, lesson: Lesson) -> None:
        cells = notebook(lesson).cells
        assert "* Add\n* Divide" in cells[0].source
        assert cells[-1].source == "## Key points\n\n* Sums\n* Shares"

    def test_another_seed(self, lesson: Lesson) -> None:
        assert "SEED = 99\n" in notebook(lesson, seed=99).cells[1].source


def test_the_sources_lie_in_the_package(package: Path) -> None:
    assert sorted((package / "course" / "lessons").glob("*.md")) == sorted((package / "course" / "lessons").iterdir())
