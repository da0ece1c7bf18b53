"""Make `.venv` from `requirements.lock`; do nothing when it is current and start afresh when it is not.

The stamp is written last. It holds what the environment was made from and what it then contained, so an install that was broken
off, a moved checkout, a changed lock and a deleted interpreter or package are all seen, each by one quick look.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
import time
import tomllib
import venv
from pathlib import Path
from typing import Any, TextIO

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "stamp.json"
LOG = VENV / "install.log"
FIND_PACKAGE = "import importlib.util as u, sys; sys.exit(u.find_spec('cs_analysis') is None)"


def main() -> int:
    """Bring the environment up to date and return the exit code."""
    with (ROOT / "requirements.lock").open() as lock:
        wait_for_other_runs(lock)
        try:
            update()
        except subprocess.CalledProcessError as failure:
            return report_failure(failure)
        except KeyboardInterrupt:
            print("\nBroken off; `make setup` starts again.", file=sys.stderr)
            return 130
    return 0


def wait_for_other_runs(lock: TextIO) -> None:
    """Hold the lock file until this process ends, so that two runs do not build the same folder."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("Waiting for another run that is making .venv ...")
        fcntl.flock(lock, fcntl.LOCK_EX)


def update() -> None:
    """Make what is missing: nothing, the project's own entry, or all of it."""
    stamp, wanted = read_stamp(), made_from()
    if stamp == {**stamp, **wanted} and is_complete(stamp):
        return
    started = time.monotonic()
    if stamp.get("lock") != wanted["lock"] or not is_complete(stamp):
        make_environment()
    STAMP.unlink(missing_ok=True)
    say("Installing cs-analysis ...")
    pip("--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    STAMP.write_text(json.dumps({**wanted, "contents": contents()}))
    say(f"The environment is ready ({time.monotonic() - started:.0f} s).")


def read_stamp() -> dict[str, Any]:
    """Return the stamp, empty when there is none that can be read."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def made_from() -> dict[str, str]:
    """Return hashes of what an environment depends on: the lock and where the checkout lies, and the project's own metadata."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    metadata = json.dumps([project["build-system"], project["project"]], sort_keys=True)
    return {"lock": digest((ROOT / "requirements.lock").read_text() + str(ROOT)), "project": digest(metadata)}


def digest(text: str) -> str:
    """Return the hash of `text`."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_complete(stamp: dict[str, Any]) -> bool:
    """Tell whether the interpreter starts, finds the package and still has all it had when the stamp was written."""
    try:
        started = subprocess.run([PYTHON, "-I", "-c", FIND_PACKAGE], check=False, capture_output=True)
    except OSError:
        return False
    return started.returncode == 0 and set(stamp.get("contents", ["?"])) <= set(contents())


def contents() -> list[str]:
    """Return the names of what is installed: packages, their metadata and commands."""
    folders = [VENV / "bin", *VENV.glob("lib/python*/site-packages")]
    return sorted(str(path.relative_to(VENV)) for folder in folders for path in folder.iterdir())


def make_environment() -> None:
    """Build the environment from nothing."""
    say(f"Making .venv with Python {sys.version.split()[0]} (a minute or two, once) ...")
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    shutil.rmtree(VENV, ignore_errors=True)
    venv.create(VENV, symlinks=True, with_pip=True)
    say("Installing the packages of requirements.lock ...")
    pip("--require-hashes", "--requirement", str(ROOT / "requirements.lock"))


def pip(*arguments: str) -> None:
    """Install into the environment, with bytecode whatever PYTHONDONTWRITEBYTECODE says; the output goes to the log."""
    command = [str(PYTHON), "-I", "-m", "pip", "install", "--compile", "--no-input", "--disable-pip-version-check", *arguments]
    with LOG.open("a") as log:
        subprocess.run(command, check=True, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)


def report_failure(failure: subprocess.CalledProcessError) -> int:
    """Show the end of what was said and what to do."""
    said = LOG.read_text(errors="replace") if LOG.exists() else str(failure.output)
    print(*(f"  | {line}" for line in said.splitlines()[-15:]), sep="\n", file=sys.stderr)
    if LOG.exists():
        hint = f"All of pip's output: {LOG.relative_to(ROOT)}."
    else:
        hint = "Python's own `venv` failed: on Debian and Ubuntu the package python3-venv may be missing."
    print(f"The environment could not be made. {hint} `make setup` tries again.", file=sys.stderr)
    return 1


def say(line: str) -> None:
    """Print one line at once."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
