"""Progress through the course, kept on this machine by choice: a folder with one small file a lesson, and nothing until it is asked for.

The folder is `cs-analysis/course` among the user's data (`XDG_DATA_HOME`, or `~/.local/share`), or the one that the environment variable
`CS_ANALYSIS_COURSE` names. Nothing leaves the machine.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from cs_analysis.errors import ParameterError


def folder() -> Path:
    """Return where progress is kept, whether or not it is."""
    chosen = os.environ.get("CS_ANALYSIS_COURSE")
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(chosen) if chosen else Path(data) / "cs-analysis" / "course"


def is_kept() -> bool:
    """Tell whether progress is kept."""
    return folder().is_dir()


def keep() -> Path:
    """Start keeping progress; what is kept already stays. Return the folder."""
    folder().mkdir(parents=True, exist_ok=True)
    return folder()


def forget(lesson: str | None = None) -> None:
    """Delete the progress of one lesson, or all of it and stop keeping it."""
    if lesson:
        _file(lesson).unlink(missing_ok=True)
        return
    for path in folder().glob("[0-9][0-9]-*.json"):
        path.unlink()
    if is_kept() and not any(folder().iterdir()):
        shutil.rmtree(folder())


def read(lesson: str) -> dict[str, dict[str, Any]]:
    """Return what is kept of a lesson: by task, its `status` and the number of `tries` until it was right.

    Raises
    ------
    ParameterError
        The file is damaged.
    """
    path = _file(lesson)
    if not path.exists():
        return {}
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {task: {"status": str(entry["status"]), "tries": int(entry["tries"])} for task, entry in kept.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ParameterError(f"{path} is not the progress of a lesson any more; delete it, or run `cs-analysis course reset {lesson[:2]}`.") from error


def record(lesson: str, task: str, status: str) -> str:
    """Add the result of one check if progress is kept; what was right once stays right. Return what to tell if it could not be written."""
    if not is_kept() or status == "not attempted":
        return ""
    try:
        kept = read(lesson)
        before = kept.get(task, {"status": "not attempted", "tries": 0})
        if before["status"] != "correct":
            kept[task] = {"status": status, "tries": before["tries"] + 1}
            _write(_file(lesson), kept)
    except (OSError, ParameterError) as error:
        return f"(Not recorded: {error})"
    return ""


def _write(path: Path, kept: dict[str, Any]) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    draft.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)


def _file(lesson: str) -> Path:
    return folder() / f"{lesson}.json"
