"""Running one notebook in a kernel of its own."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nbconvert.filters import strip_ansi

from cs_analysis.report.notebooks import Report

BATCH_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
}
_LONGEST_ERROR = 2000
_NO_DEBUGGER = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}


def execute(report: Report, target: Path, values: Mapping[str, Any], *, timeout: int | None = None) -> str:
    """Run a report's notebook with parameter values, write it with outputs to `target`, and return its error or nothing.

    Notebook and kernel talk over sockets in a private folder, which also takes whatever the kernel leaves lying about. What was
    computed before an error is in `target`; if the kernel died or a cell took longer than `timeout` seconds, there is no `target`.
    """
    import papermill  # noqa: PLC0415 - over a second to import
    from nbclient.exceptions import CellTimeoutError  # noqa: PLC0415
    from traitlets.config import Config  # noqa: PLC0415

    logging.getLogger("papermill").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="cs-") as folder, batch_environment(temporary=folder):
        private = Config({"KernelManager": {"transport": "ipc", "ip": f"{folder}/k"}})
        try:
            papermill.execute_notebook(
                _literal(report.path),
                _literal(target),
                parameters=dict(values),
                kernel_name="python3",
                progress_bar=False,
                request_save_on_cell_execute=False,
                cwd=str(report.path.parent),
                shutdown_kernel="immediate",
                execution_timeout=timeout,
                config=private,
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


@contextmanager
def batch_environment(*, temporary: str) -> Iterator[None]:
    """Set the environment of kernels for the length of a block: one thread each, no chance of the interpreter's own, files in one place."""
    wanted = {**BATCH_ENVIRONMENT, **_NO_DEBUGGER, "TMPDIR": temporary}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
