"""Progress kept by choice, the list, the summary, handing out to a group and collecting: as a person calls them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest

from cs_analysis.cli import main
from cs_analysis.course import progress
from cs_analysis.course.checks import MIME, start
from cs_analysis.course.desk import hand_out, lay_out
from cs_analysis.course.marks import collected
from cs_analysis.course.source import Lesson, find_lesson
from cs_analysis.errors import ParameterError


@pytest.fixture
def answer(lesson: Lesson) -> Callable[[int], str]:
    """Give what answers exercise 1 and returns what the check says."""
    space: dict[str, Any] = {"stays": [1, 1, 1, 0]}
    start("07", space)

    def answered(kept: int) -> str:
        space["kept"] = kept
        return repr(space["ex1"].check())

    return answered


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["course", *map(str, arguments)]) == 0
    return capsys.readouterr().out


class TestKeeping:
    def test_nothing_is_kept_until_it_is_asked_for(self, kept: Path, answer) -> None:
        answer(3)
        assert not kept.exists()

    def test_tries_count_until_it_is_right(self, kept: Path, answer) -> None:
        progress.keep()
        for number in (4, 2, 3, 4):
            answer(number)
        assert json.loads((kept / "07-small.json").read_text()) == {"ex1": {"status": "correct", "tries": 3}}
        assert [path.name for path in kept.iterdir()] == ["07-small.json"]

    def test_what_is_not_attempted_is_no_try(self, kept: Path, lesson: Lesson) -> None:
        progress.keep()
        assert progress.record("07-small", "ex1", "not attempted") == ""
        assert progress.read("07-small") == {}

    @pytest.mark.parametrize("text", ["", "[]", "{", '{"ex1": 3}', '{"ex1": {"status": "correct"}}', "null"])
    def test_a_damaged_file_is_told_and_kept(self, kept: Path, answer, text: str) -> None:
        progress.keep()
        (kept / "07-small.json").write_text(text)
        assert answer(3).startswith("ex1: correct. Three of four. (Not recorded: ")
        assert (kept / "07-small.json").read_text() == text
        with pytest.raises(ParameterError, match="course reset 07"):
            progress.read("07-small")

    def test_forgetting_leaves_what_is_not_ours(self, kept: Path, answer) -> None:
        progress.keep()
        answer(3)
        (kept / "notes.txt").write_text("mine")
        progress.forget()
        assert [path.name for path in kept.iterdir()] == ["notes.txt"]

    def test_the_folder_is_where_a_users_data_are(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.delenv("CS_ANALYSIS_COURSE", raising=False)
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        assert progress.folder() == tmp_path / "cs-analysis" / "course"


class TestCommand:
    def test_the_list(self, kept: Path, lesson: Lesson, capsys) -> None:
        assert "07  A small lesson" in said(capsys)
        assert "20 min  3 tasks" in said(capsys)

    def test_keep_work_list_forget(self, kept: Path, answer, capsys) -> None:
        said(capsys, "keep")
        answer(3)
        assert "1 of 3 right" in said(capsys)
        assert said(capsys, "forget") == "No progress is kept.\n"
        assert not kept.exists()

    def test_opening_lays_out_once(self, lesson: Lesson, tmp_path: Path, capsys) -> None:
        into = tmp_path / "mine"
        said(capsys, "open", "7", "--into", into, "--seed", 12)
        path = into / "07-small.ipynb"
        assert "SEED = 12\n" in nbformat.read(path, as_version=4).cells[1].source
        path.write_text("my work")
        assert said(capsys, "open", "7", "--into", into) == f"The lesson: {path}\n"
        assert path.read_text() == "my work"

    def test_another_seed_does_not_replace_work(self, lesson: Lesson, tmp_path: Path, capsys) -> None:
        lay_out(lesson, tmp_path)
        assert main(["course", "open", "7", "--into", str(tmp_path), "--seed", "3"]) == 2
        assert "is there already, with its own data" in capsys.readouterr().err

    def test_reset_keeps_the_old_notebook(self, kept: Path, answer, lesson: Lesson, tmp_path: Path, capsys) -> None:
        progress.keep()
        answer(3)
        into = tmp_path / "mine"
        path = lay_out(lesson, into)
        for work in ("first", "second"):
            path.write_text(work)
            said(capsys, "reset", "07", "--into", into)
        assert [(into / f"07-small.old{number}.ipynb").read_text() for number in (1, 2)] == ["first", "second"]
        assert "ex1.check()" in path.read_text()
        assert progress.read("07-small") == {}

    def test_an_unknown_lesson(self, lesson: Lesson, tmp_path: Path, capsys) -> None:
        assert main(["course", "open", "99", "--into", str(tmp_path / "x")]) == 2
        assert "there is no lesson '99'" in capsys.readouterr().err
        assert not (tmp_path / "x").exists()

    def test_the_summary(self, kept: Path, answer, tmp_path: Path, capsys) -> None:
        progress.keep()
        answer(3)
        said(capsys, "summary", "--out", tmp_path / "new" / "me.html", "--name", "Ö <b>")
        page = (tmp_path / "new" / "me.html").read_text(encoding="utf-8")
        assert "0 of 1 lessons complete, 1 of 3 tasks right" in page
        assert "Ö &lt;b&gt;" in page
        assert "<li>Divide</li>" in page

    def test_no_summary_of_nothing(self, kept: Path, lesson: Lesson, tmp_path: Path, capsys) -> None:
        assert main(["course", "summary", "--out", str(tmp_path / "me.html")]) == 2
        assert "no progress is kept" in capsys.readouterr().err
        assert not (tmp_path / "me.html").exists()


class TestGroups:
    def test_each_gets_other_data_and_the_same_again(self, lesson: Lesson, tmp_path: Path) -> None:
        first = hand_out(["Ayşe Yılmaz", "Bo", " ", "Çağ/../x"], tmp_path / "a")
        assert list(first) == ["ayşe-yılmaz", "bo", "çağ-x"]
        assert len(set(first.values())) == 3
        assert hand_out(["Bo", "Zoe"], tmp_path / "b")["bo"] == first["bo"]
        assert hand_out(["Bo"], tmp_path / "c", seed=1)["bo"] != first["bo"]
        assert f"SEED = {4 + first['bo']}\n" in nbformat.read(tmp_path / "a" / "bo" / "07-small.ipynb", as_version=4).cells[1].source

    def test_what_lies_there_stays(self, lesson: Lesson, tmp_path: Path) -> None:
        hand_out(["Bo"], tmp_path)
        (tmp_path / "bo" / "07-small.ipynb").write_text("work")
        hand_out(["Bo", "Al"], tmp_path)
        assert (tmp_path / "bo" / "07-small.ipynb").read_text() == "work"
        assert (tmp_path / "al" / "07-small.ipynb").exists()

    @pytest.mark.parametrize(
        ("names", "message"), [(["Bo", "bo "], "would share a folder: Bo, bo"), ([], "there are no names"), (["", " "], "there are no names")]
    )
    def test_names_that_do_not_do(self, lesson: Lesson, tmp_path: Path, names: list[str], message: str) -> None:
        with pytest.raises(ParameterError, match=message):
            hand_out(names, tmp_path)
        assert list(tmp_path.glob("bo")) == []

    def test_the_checks_of_a_group_as_stored(self, lesson: Lesson, tmp_path: Path, capsys) -> None:
        names = tmp_path / "names.txt"
        names.write_text("Bo\nAl\n", encoding="utf-8")
        group = tmp_path / "group"
        said(capsys, "hand-out", "--names", names, "--into", group, "--only", "07")
        path = group / "bo" / "07-small.ipynb"
        book = nbformat.read(path, as_version=4)
        data = {MIME: {"lesson": "07-small", "task": "ex1", "status": "correct"}, "text/plain": "ex1: correct."}
        cell = next(cell for cell in book.cells if "ex1" in cell.metadata.get("tags", []))
        cell["outputs"] = [nbformat.v4.new_output("execute_result", data)]
        nbformat.write(book, path)
        (group / "al" / "07-small.ipynb").write_text("no notebook")
        said(capsys, "collect", group, "--out", tmp_path / "marks.csv")
        marks = pd.read_csv(tmp_path / "marks.csv")
        assert list(marks.columns) == ["trainee", "lesson", "seed", "task", "status"]
        rows = list(marks[["trainee", "task", "status"]].fillna("").itertuples(index=False, name=None))
        assert rows == [("al", "", "unreadable"), ("bo", "ex1", "correct"), ("bo", "quiz1", "not run"), ("bo", "ex2", "not run")]
        assert set(marks["seed"].dropna()) == {4 + zlib.crc32(b"0/bo") % 10_000}

    def test_a_folder_without_lessons(self, lesson: Lesson, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        with pytest.raises(ParameterError, match="needs a folder for each trainee with notebooks such as 07-small"):
            collected(tmp_path / "empty")


@pytest.mark.slow
def test_a_group_is_run_before_it_is_read(tmp_path: Path, kept: Path) -> None:
    """Answers that were never run, a cell that stops, and the teacher's own progress."""
    progress.keep()
    hand_out(["Bo"], tmp_path, lessons=["13"])
    path = tmp_path / "bo" / f"{find_lesson('13').name}.ipynb"
    book = nbformat.read(path, as_version=4)
    book.cells = [cell for cell in book.cells if "course.start" in cell.source or "quiz1" in cell.metadata.get("tags", [])]
    book.cells[1].source = f'quiz1_answer = "{find_lesson("13").tasks["quiz1"].answer}"\n\nquiz1.check()'
    book.cells.insert(1, nbformat.v4.new_code_cell("1 / 0"))
    nbformat.write(book, path)
    marks = collected(tmp_path, run=True)
    assert dict(marks[["task", "status"]].itertuples(index=False))["quiz1"] == "correct"
    assert set(marks.loc[marks["task"] != "quiz1", "status"]) == {"not run"}
    assert list(kept.iterdir()) == []
