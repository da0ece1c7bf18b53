from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cs_analysis.errors import ReportError
from cs_analysis.report import place
from cs_analysis.report.place import building, incomplete, is_complete, move


def write(folder: Path, text: str, *, status: str = "complete") -> None:
    (folder / "notebooks").mkdir(parents=True, exist_ok=True)
    (folder / "churn.html").write_text(text)
    (folder / "run.json").write_text(json.dumps({"status": status, "reports": {"churn": {}}}))


def run(out: Path, text: str, *, status: str = "complete") -> Path:
    with building(out) as folder:
        write(folder, text, status=status)
        return move(folder, out, complete=status == "complete")


@pytest.mark.parametrize("swaps", [True, False])
def test_a_pack_replaces_the_one_before_and_leaves_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swaps: bool) -> None:
    if not swaps:
        monkeypatch.setattr(place, "_exchanged", lambda one, other: False)
    out = tmp_path / "a b ü"
    for text in ("first", "second"):
        assert run(out, text) == out
        assert (out / "churn.html").read_text() == text
        assert [path.name for path in tmp_path.iterdir()] == ["a b ü"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a pack is replaced by two renames")
def test_folders_are_swapped_in_one_step(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        (folder / "name").write_text(folder.name)
    assert place._exchanged(one, other)
    assert (one / "name").read_text() == "other"
    assert (other / "name").read_text() == "one"


def test_an_incomplete_pack_goes_beside_a_complete_one_until_the_next(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(out, "good")
    assert run(out, "bad", status="incomplete") == incomplete(out)
    assert is_complete(out)
    run(out, "better")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["notes.txt", "notebooks/mine.ipynb", "sub/x", "other.html", "lists/mine.csv"])
def test_files_of_others_in_a_pack_are_never_lost(tmp_path: Path, name: str) -> None:
    for folder in (tmp_path / "out", tmp_path / "out.incomplete"):
        write(folder, "good", status=folder.suffix.strip(".") or "complete")
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("mine")
    with pytest.raises(ReportError, match="holds something else"):
        run(tmp_path / "out", "new")
    (tmp_path / "out" / name).unlink()
    if name in ("sub/x", "lists/mine.csv"):
        (tmp_path / "out" / name).parent.rmdir()
    run(tmp_path / "out", "new")
    with pytest.raises(ReportError, match=r"out\.incomplete must be"):
        run(tmp_path / "out", "bad", status="incomplete")
    assert (tmp_path / "out.incomplete" / name).read_text() == "mine"


def test_files_put_there_during_a_run_are_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(out, "good")
    with building(out) as folder:
        write(folder, "new")
        (out / "notes.txt").write_text("mine")
        with pytest.raises(ReportError, match=r"notes\.txt"):
            move(folder, out, complete=True)
    assert (out / "notes.txt").read_text() == "mine"


def test_a_manifest_of_another_program_makes_no_pack(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"status": "complete"}')
    with pytest.raises(ReportError, match=r"run\.json"):
        run(tmp_path, "new")


def test_one_run_at_a_time_writes_to_a_place(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with building(out) as folder:
        write(folder, "first")
        with pytest.raises(ReportError, match="only one run at a time"), building(out):
            pass
        move(folder, out, complete=True)
    assert (out / "churn.html").read_text() == "first"
    assert run(out, "next") == out


@pytest.mark.parametrize("name", ["out", "out.incomplete"])
def test_a_pack_caught_between_two_renames_comes_back(tmp_path: Path, name: str) -> None:
    write(tmp_path / f".{name}.before", "good")
    with building(tmp_path / "out"):
        assert (tmp_path / name / "churn.html").read_text() == "good"
    assert [path.name for path in tmp_path.iterdir()] == [name]


KILLED = """
import json, pathlib, sys
from cs_analysis.report.place import building, move
out = pathlib.Path(sys.argv[1])
for number in range(10**6):
    with building(out) as folder:
        for name in ("index.html", "churn.html"):
            (folder / name).write_text(str(number))
        (folder / "run.json").write_text(json.dumps({"status": "complete", "reports": {"churn": {}}, "number": number}))
        move(folder, out, complete=True)
"""


@pytest.mark.slow
def test_whoever_is_killed_while_moving_leaves_a_whole_pack(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for trial in range(5):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(out)])
        start = time.monotonic()
        while not is_complete(out) or time.monotonic() - start < 0.6 + trial / 37:
            assert process.poll() is None
        process.kill()
        process.wait()
        number = str(json.loads((out / "run.json").read_text())["number"])
        assert {(out / name).read_text() for name in ("index.html", "churn.html")} == {number}
    run(out, "next")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
