"""Where a pack goes: built beside its place by one run at a time, and exchanged with the earlier pack in one step."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cs_analysis.errors import ReportError

_OWN = ("index.html", "index.pdf", "run.json", "kpis.json", "estimates.csv", "estimates.parquet", "changes.csv", "alerts.json", "notebooks")
_RESUME = ".resume"
_LEFT_BY_OTHERS = (".DS_Store", ".ipynb_checkpoints")  # what browsing a pack leaves in it
_FROM_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux


@contextmanager
def building(out: Path, *, resume: str = "") -> Iterator[Path]:
    """Give a fresh folder beside `out`; at the end it is gone, or what it was exchanged for.

    With `resume`, a word for what is being made, a folder that a run of the same word left when it was broken off is given again, and is left in turn.

    Raises
    ------
    ReportError
        Another run writes to `out`, or `out` cannot be replaced because it is no pack.
    """
    _check_replaceable(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with _locked(out):
        for place in (out, incomplete(out)):
            _tidy(place)
        folder = out.with_name(f".{out.name}.building")
        if not resume or _word(folder) != resume:
            shutil.rmtree(folder, ignore_errors=True)
            (folder / "notebooks").mkdir(parents=True)
            (folder / _RESUME).write_text(resume, encoding="utf-8")
        finished = False
        try:
            yield folder
            finished = True
        finally:
            if finished or not resume:
                shutil.rmtree(folder, ignore_errors=True)


def move(folder: Path, out: Path, *, complete: bool) -> Path:
    """Put a finished folder in place and return the place: an incomplete pack goes beside a complete one."""
    place = out if complete or not is_complete(out) else incomplete(out)
    (folder / _RESUME).unlink(missing_ok=True)
    _check_replaceable(place)  # once more: somebody may have put files there meanwhile
    if not place.exists():
        folder.rename(place)
    elif not _exchanged(folder, place):
        place.rename(_before(place))
        folder.rename(place)
        _tidy(place)
    if place == out and manifest(incomplete(out)) and not _foreign(incomplete(out)):
        shutil.rmtree(incomplete(out))
    return place


def is_complete(folder: Path) -> bool:
    """Return whether a folder holds a pack all of whose reports ran to their end."""
    return manifest(folder).get("status") == "complete"


def is_pack(folder: Path) -> bool:
    """Return whether a folder holds a pack and nothing else."""
    return bool(manifest(folder)) and _foreign(folder) is None


def incomplete(out: Path) -> Path:
    """Return where a pack with failed reports goes as long as `out` holds a complete one."""
    return out.with_name(f"{out.name}.incomplete")


def manifest(folder: Path) -> dict[str, Any]:
    """Return what a pack says about itself; nothing if the folder is no pack."""
    try:
        content = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) and isinstance(content.get("reports"), dict) else {}


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Keep other runs from the same place; the system lifts the lock of a run that is killed."""
    path = out.with_name(f".{out.name}.lock")
    descriptor = _acquired(path, out)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _word(folder: Path) -> str:
    """Return the word of the run that left a folder; nothing if there is none."""
    try:
        return (folder / _RESUME).read_text(encoding="utf-8")
    except OSError:
        return ""


def _acquired(path: Path, out: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise ReportError(f"only one run at a time can write to {out}; another one is at it. Wait for it, or choose another folder.") from error
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)  # the run before took its file away between opening and locking


def _check_replaceable(place: Path) -> None:
    """Raise `ReportError` if a pack cannot be put in place of what is there."""
    foreign = _foreign(place) if place.exists() else None
    if foreign is not None:
        raise ReportError(f"{place} must be a new folder, an empty one or an earlier pack; it holds something else ({foreign}). Choose another folder.")
    if place.is_mount():
        raise ReportError(f"{place} must be a folder that can be replaced as a whole; it is where a file system is mounted. Choose a folder inside it.")


def _foreign(place: Path) -> str | None:
    """Return the first thing in a folder that no run of ours put there; nothing in an empty folder and in a pack."""
    if not place.is_dir():
        return "a file"
    reports = manifest(place).get("reports")
    own = {*_OWN, *(name for report, about in reports.items() for name in _files(report, about))} if reports is not None else set()
    there = (path.relative_to(place) for path in place.rglob("*"))
    return next((str(path) for path in there if path.as_posix() not in own and not set(path.parts) & set(_LEFT_BY_OTHERS)), None)


def _files(report: str, about: Any) -> list[str]:
    """Return what a run puts into a pack for a report, beside the files of the pack itself."""
    listed = about if isinstance(about, dict) else {}
    lists, files = listed.get("lists", []), listed.get("files", [])
    folders = {str(Path(file).parent) for file in files}
    return [f"{report}.html", f"{report}.pdf", f"notebooks/{report}.ipynb", *(["lists", *lists] if lists else []), *folders, *files]


def _tidy(place: Path) -> None:
    """Put back, or take away, the earlier pack of a run that was killed while it moved."""
    before = _before(place)
    if before.exists() and not place.exists():
        before.rename(place)
    shutil.rmtree(before, ignore_errors=True)


def _before(place: Path) -> Path:
    return place.with_name(f".{place.name}.before")


def _exchanged(one: Path, other: Path) -> bool:
    """Swap two folders in one step where the system can, so that a reader finds a pack at every moment; return whether it did."""
    swap = getattr(ctypes.CDLL(None), "renameat2", None)
    return swap is not None and swap(_FROM_HERE, os.fsencode(one), _FROM_HERE, os.fsencode(other), _EXCHANGE) == 0
