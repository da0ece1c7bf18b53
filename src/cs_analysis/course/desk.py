"""The trainee's folder: lessons laid out as notebooks, one trainee's or a whole group's, and laid out anew. No work is overwritten."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from itertools import count
from pathlib import Path

import nbformat

from cs_analysis.course.books import notebook
from cs_analysis.course.source import Lesson, find_lesson, lesson_names
from cs_analysis.errors import ParameterError

SEEDS = 10_000


def lay_out(lesson: Lesson, into: Path, *, seed: int | None = None) -> Path:
    """Write a lesson's notebook into a folder, unless it lies there already.

    Raises
    ------
    ParameterError
        It lies there, and a seed is given: the work in it belongs to other data.
    """
    path = into / f"{lesson.name}.ipynb"
    if path.exists() and seed is not None:
        raise ParameterError(f"{path} is there already, with its own data. Open it without a seed, or lay it out anew with `cs-analysis course reset`.")
    if not path.exists():
        into.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".tmp")
        nbformat.write(notebook(lesson, seed=seed), draft)
        draft.replace(path)
    return path


def lay_out_anew(lesson: Lesson, into: Path, *, seed: int | None = None) -> tuple[Path, Path | None]:
    """Write a lesson's notebook anew, and return it with the place where the old one is kept."""
    path = into / f"{lesson.name}.ipynb"
    old = None
    if path.exists():
        old = next(free for number in count(1) if not (free := into / f"{lesson.name}.old{number}.ipynb").exists())
        path.rename(old)
    return lay_out(lesson, into, seed=seed), old


def hand_out(names: Iterable[str], into: Path, *, lessons: Iterable[str] = (), seed: int = 0) -> dict[str, int]:
    """Lay out a folder with lessons for each trainee of a group, each with other data; what lies there already stays.

    Parameters
    ----------
    names : iterable of str
        The trainees. The same name and seed give the same data again, whoever else is in the group.
    into : Path
        Where the folders go.
    lessons : iterable of str
        Names or numbers of the lessons; all if none is given.
    seed : int
        One for each group, so that a group does not get last year's answers.

    Returns
    -------
    dict
        The trainees' folders and seeds.

    Raises
    ------
    ParameterError
        There are no names, or two of them would share a folder.
    """
    folders = [(name, _folder_name(name)) for name in names if name.strip()]
    taken = [folder for _, folder in folders]
    twice = sorted({name for name, folder in folders if taken.count(folder) > 1})
    if not folders or twice:
        raise ParameterError(f"these names would share a folder: {', '.join(twice)}." if twice else "there are no names; write one name a line.")
    chosen = [find_lesson(name) for name in (tuple(lessons) or lesson_names())]
    seeds = {folder: zlib.crc32(f"{seed}/{folder}".encode()) % SEEDS for folder in taken}
    for folder, own in seeds.items():
        for lesson in chosen:
            if not (into / folder / f"{lesson.name}.ipynb").exists():
                lay_out(lesson, into / folder, seed=lesson.seed + own)
    return seeds


def _folder_name(name: str) -> str:
    """Return a name that every file system takes; letters of every language stay."""
    return re.sub(r"[^\w-]+", "-", name.strip().casefold()).strip("-") or "trainee"
