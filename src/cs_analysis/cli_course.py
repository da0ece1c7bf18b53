"""The verb `cs-analysis course`: lessons, progress, and what a teacher needs. Heavy modules load when an action needs them."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cs_analysis.cli_options import add_verb, write_page

FINE = 0
LAB = ("--ServerApp.ip=127.0.0.1", "--LabApp.news_url=None", "--LabApp.extension_manager=readonly", "--log-level=WARN")


def add_course(verbs: Any) -> None:
    """Add the verb `course` with its actions."""
    parser = add_verb(verbs, "course", verb=_list, about="list the lessons of the course; open one, keep and show progress, run it for a group")
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    opening = _add(actions, "open", action=_open, about="lay out a lesson in a folder, if it is not there yet, and open it in JupyterLab")
    _add_lesson(opening)
    opening.add_argument("--no-lab", action="store_true", help="lay it out without starting JupyterLab")
    anew = _add(actions, "reset", action=_reset, about="lay out a lesson anew and forget its progress; the old notebook is kept beside it")
    _add_lesson(anew)
    _add(actions, "keep", action=_keep, about="keep progress on this machine from now on")
    _add(actions, "forget", action=_forget, about="delete the progress on this machine, and keep none")
    page = _add(actions, "summary", action=_summary, about="write one page that shows what is done")
    page.add_argument("--out", required=True, type=Path, metavar="FILE.html", help="where the page goes")
    page.add_argument("--name", default="", help="whose it is; stands on the page")
    _add_group(actions)


def _add_group(actions: Any) -> None:
    group = _add(actions, "hand-out", action=_hand_out, about="lay out lessons for each trainee of a group, each with other data")
    group.add_argument("--names", required=True, type=Path, metavar="FILE", help="text file with one name a line")
    group.add_argument("--into", required=True, type=Path, metavar="FOLDER", help="where the trainees' folders go")
    group.add_argument("--only", nargs="+", default=[], metavar="LESSON", help="these lessons alone")
    group.add_argument("--seed", type=int, default=0, help="another number gives the same people other data (default: 0)")
    marks = _add(actions, "collect", action=_collect, about="read the checks of a group's notebooks into one table")
    marks.add_argument("folder", type=Path, metavar="FOLDER", help="holds a folder for each trainee")
    marks.add_argument("--out", type=Path, metavar="FILE.csv", help="where the table goes (default: printed)")
    marks.add_argument("--run", action="store_true", help="run every notebook first; this runs the trainees' code on this machine")


def _add(actions: Any, name: str, *, action: Callable[[argparse.Namespace], int], about: str) -> argparse.ArgumentParser:
    return add_verb(actions, name, verb=action, about=about)


def _add_lesson(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("lesson", help="number or name of the lesson, such as 05")
    parser.add_argument("--into", type=Path, default=Path("course"), metavar="FOLDER", help="folder of your notebooks (default: course)")
    parser.add_argument("--seed", type=int, metavar="N", help="other simulated data, so other answers (default: the lesson's own)")


def _list(_: argparse.Namespace) -> int:
    from cs_analysis.course import marks, progress

    print("\n".join(marks.lines()))
    print(f"\nProgress is kept in {progress.folder()}." if progress.is_kept() else "\nNo progress is kept; `cs-analysis course keep` starts it.")
    return FINE


def _open(arguments: argparse.Namespace) -> int:
    from cs_analysis.course.desk import lay_out
    from cs_analysis.course.source import find_lesson

    path = lay_out(find_lesson(arguments.lesson), arguments.into, seed=arguments.seed)
    print(f"The lesson: {path}", flush=True)
    if arguments.no_lab or not sys.stdout.isatty():
        return FINE
    return subprocess.run([sys.executable, "-m", "jupyterlab", str(path), *LAB], check=False).returncode


def _reset(arguments: argparse.Namespace) -> int:
    from cs_analysis.course import progress
    from cs_analysis.course.desk import lay_out_anew
    from cs_analysis.course.source import find_lesson

    lesson = find_lesson(arguments.lesson)
    path, old = lay_out_anew(lesson, arguments.into, seed=arguments.seed)
    progress.forget(lesson.name)
    print(f"The lesson: {path}" + (f"\nThe old one: {old}" if old else ""))
    return FINE


def _keep(_: argparse.Namespace) -> int:
    from cs_analysis.course import progress

    print(f"Progress is kept in {progress.keep()}; nothing leaves this machine.")
    return FINE


def _forget(_: argparse.Namespace) -> int:
    from cs_analysis.course import progress

    progress.forget()
    print("No progress is kept.")
    return FINE


def _summary(arguments: argparse.Namespace) -> int:
    from cs_analysis.course import marks

    print(f"The summary: {write_page(marks.summary(name=arguments.name), arguments.out)}")
    return FINE


def _hand_out(arguments: argparse.Namespace) -> int:
    from cs_analysis.course.desk import hand_out

    names = arguments.names.read_text(encoding="utf-8-sig").splitlines()
    for folder, seed in hand_out(names, arguments.into, lessons=arguments.only, seed=arguments.seed).items():
        print(f"{arguments.into / folder}: seed {seed} above each lesson's own")
    return FINE


def _collect(arguments: argparse.Namespace) -> int:
    from cs_analysis.course.marks import collected
    from cs_analysis.report.lists import write_list

    table = collected(arguments.folder, run=arguments.run)
    if arguments.out:
        print(f"The checks of {table['trainee'].nunique()} trainees: {write_list(table, arguments.out)}")
    else:
        print(table.to_csv(index=False), end="")
    return FINE
