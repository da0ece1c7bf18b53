"""Running one notebook in a kernel of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_core.utils import ensure_event_loop
from nbconvert.filters import strip_ansi

from cs_analysis.report.notebooks import Report
from cs_analysis.report.warm.client import BATCH_ENVIRONMENT
from cs_analysis.report.warm.managers import Running, manager_class

_LONGEST_ERROR = 2000
_LONGEST_PLACE = 70
_NO_DEBUGGER = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}


def execute(report: Report, target: Path, values: Mapping[str, Any], *, timeout: int | None = None, running: Running | None = None) -> str:
    """Run a report's notebook with parameter values, write it with outputs to `target`, and return its error or nothing.

    Notebook and kernel talk over sockets in a private folder, which also takes whatever the kernel leaves lying about. What was
    computed before an error is in `target`; if the kernel died or a cell took longer than `timeout` seconds, there is no `target`.
    Several may run side by side in threads: working directory and environment go to the kernel alone. `running` can stop it.
    """
    import papermill  # noqa: PLC0415 - over a second to import
    from nbclient.exceptions import CellTimeoutError  # noqa: PLC0415

    logging.getLogger("papermill").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="cs-", dir=_short_folder()) as folder, asyncio.Runner(loop_factory=ensure_event_loop) as loop:
        loop.get_loop()  # the one papermill will take, and never closes
        try:
            papermill.execute_notebook(
                _literal(report.path),
                _literal(target),
                parameters=dict(values),
                kernel_name="python3",
                progress_bar=False,
                request_save_on_cell_execute=False,
                shutdown_kernel="immediate",
                execution_timeout=timeout,
                kernel_manager_class=manager_class(sockets=folder, cwd=report.path.parent, environment=_environment(folder), running=running),
            )
        except papermill.PapermillExecutionError as error:
            return _told(error.ename, error.evalue)
        except CellTimeoutError:
            return f"CellTimeoutError: a cell ran longer than the {timeout} seconds allowed"
        except RuntimeError as error:  # the kernel did not start, or died
            return _told(type(error).__name__, str(error))
    return ""


def _told(kind: str, message: str) -> str:
    """Return an error as text of bearable length without colour codes."""
    text = f"{kind}: {strip_ansi(message)}".strip()
    return text if len(text) <= _LONGEST_ERROR else f"{text[:_LONGEST_ERROR]} ..."


def _literal(path: Path) -> str:
    """Return a path as papermill takes it, which reads braces as places for parameters."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _environment(folder: str) -> dict[str, str]:
    """Return what a kernel has in its environment beside ours: one thread, no chance of the interpreter's own, temporary files in one place."""
    return {**BATCH_ENVIRONMENT, **_NO_DEBUGGER, "TMPDIR": folder}


def _short_folder() -> str | None:
    """Return where to put a folder of sockets, whose paths the system limits to about a hundred bytes: the usual place, if that is short."""
    return None if len(os.fsencode(tempfile.gettempdir())) < _LONGEST_PLACE else "/tmp"  # noqa: S108 - the folder in it is private
