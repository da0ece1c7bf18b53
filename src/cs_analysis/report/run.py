"""Running one report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from cs_analysis.data.reading import Moment, read_dataset
from cs_analysis.data.references import handed_on
from cs_analysis.errors import ParameterError
from cs_analysis.report.batch import Progress, Run, run_batch
from cs_analysis.report.notebooks import find_report, list_reports
from cs_analysis.report.parameters import checked_parameters

__all__ = ["RunResult", "list_reports", "run_report"]


@dataclass(frozen=True)
class RunResult:
    """One finished run: its page, the notebook with outputs, and the error if it is incomplete."""

    page: Path
    notebook: Path
    ok: bool
    error: str


def run_report(
    notebook: str | Path,
    *,
    data: str | Path,
    as_of: Moment,
    out: str | Path,
    parameters: Mapping[str, Any] | None = None,
    timeout: int | None = None,
    progress: Progress = None,
) -> RunResult:
    """Run one report notebook headless and write its page, numbers and manifest to a folder.

    Parameters
    ----------
    notebook : str or path
        Name of a report that comes with the package (see `list_reports`), or the path of a notebook.
    data : path
        Folder of tables or DuckDB file, handed to the notebook as its parameter `data`.
    as_of : date, str or Timestamp
        Last day or instant that counts.
    out : path
        New folder, empty folder or earlier run; replaced as a whole at the end.
    parameters : mapping, optional
        Values for further parameters that the notebook declares.
    timeout : int, optional
        Seconds a cell may run; one that runs longer fails. Default: as long as it takes.
    progress : callable, optional
        Called with a line of text when the report starts and when it is done.

    Returns
    -------
    RunResult

    Raises
    ------
    ParameterError
        There is no such notebook, or a parameter is unknown, missing or of another type; nothing is run then.
    ContractError
        The data break the contract.
    ReportError
        `out` holds something else, or another run is writing to it.

    Examples
    --------
    In a checkout, on the demo data::

        result = run_report("churn", data="data/demo", as_of="2026-10-31", out="reports/churn")
        print(result.page)
    """
    report = find_report(notebook)
    own = {"data": handed_on(data), "as_of": moment_text(as_of)}
    twice = [name for name in own if name in (parameters or {})]
    if twice:
        raise ParameterError(f"{' and '.join(twice)} must be given once, as an option of its own and not among the parameters.")
    values = checked_parameters(report.parameters, {**own, **(parameters or {})}, name=report.name)
    reading = {name: values[name] for name in ("timezone", "currency", "on_error", "pseudonyms") if name in values}
    ds = read_dataset(data, as_of=as_of, **reading)
    result = run_batch([Run(report, values)], ds, Path(out), timeout=timeout, progress=progress)
    name = report.name
    return RunResult(result.folder / f"{name}.html", result.folder / "notebooks" / f"{name}.ipynb", result.ok, result.errors.get(name, ""))


def moment_text(as_of: Moment) -> str:
    """Return `as_of` as ISO text, the form in which notebooks take it."""
    return as_of.isoformat() if isinstance(as_of, date) else str(as_of)
