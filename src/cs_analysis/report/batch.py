"""Running reports into a folder that appears whole or not at all."""

from __future__ import annotations

import json
import os
import platform
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd

from cs_analysis import __version__, glossary
from cs_analysis.data.dataset import Dataset
from cs_analysis.data.fingerprint import fingerprint
from cs_analysis.data.references import hidden
from cs_analysis.errors import ParameterError, ReportError
from cs_analysis.report import markup
from cs_analysis.report.changes import changes_html
from cs_analysis.report.collect import collected, collected_lists
from cs_analysis.report.execution import execute
from cs_analysis.report.front import Listed, front_page, listed
from cs_analysis.report.html import report_html
from cs_analysis.report.notebooks import Report, read_notebook
from cs_analysis.report.page import pack_facts
from cs_analysis.report.pdf import print_pages
from cs_analysis.report.place import building, move
from cs_analysis.report.since import earlier_figures, tell_changes
from cs_analysis.report.stored import without_outputs, without_times
from cs_analysis.report.warm import LOG, warm_kernels
from cs_analysis.report.warm.managers import Running
from cs_analysis.stats.estimates import COLUMNS

Progress = Callable[[str], None] | None
_VERSIONS = ("duckdb", "ibis-framework", "lifelines", "matplotlib", "numpy", "pandas", "papermill", "scipy", "statsmodels")


@dataclass(frozen=True)
class Run:
    """One report and the parameter values it is run with."""

    report: Report
    values: Mapping[str, Any]

    @property
    def language(self) -> str:
        """Language of the page."""
        return str(self.values.get("language", "en"))

    @property
    def source(self) -> object:
        """Where the data are; where a variable holds the place, no output may name it, not even that of an error raised while they are in use."""
        return self.values.get("data")


@dataclass
class _Result:
    """What a run left: its error (or nothing), the seconds it took, its numbers, its lists and what the first page shows of it."""

    run: Run
    error: str
    seconds: float
    kpis: list[dict[str, Any]] = field(default_factory=list)
    estimates: list[dict[str, Any]] = field(default_factory=list)
    lists: dict[str, str] = field(default_factory=dict)
    shown: Listed | None = None


@dataclass(frozen=True)
class PackResult:
    """Where a pack lies and whether every report in it is complete.

    Attributes
    ----------
    folder, index : Path
        The folder of the pack and its first page.
    ok : bool
        Whether every report ran to its end.
    errors : mapping
        Report -> error of those that did not.
    """

    folder: Path
    index: Path
    ok: bool
    errors: Mapping[str, str]


def run_batch(
    runs: Sequence[Run],
    ds: Dataset,
    out: Path,
    *,
    month: pd.Timestamp | None = None,
    company: str = "",
    previous: Path | None = None,
    timeout: int | None = None,
    jobs: int = 1,
    pdf: bool = False,
    progress: Progress = None,
) -> PackResult:
    """Run reports, `jobs` at a time, and move their pages, numbers and notebooks into place at the end.

    Reports that fail leave a page that says so; the others go on. If any fails, a pack that is there already and complete is
    left alone, and the new one goes beside it, to `<out>.incomplete`. The first page names the `company` and the `month` reported on. Where there is a
    pack at `previous`, the pages say what changed since. A cell that runs longer than `timeout` seconds fails. With `pdf` each page
    is printed, too; where that fails the log says why, and the pack is complete without.
    """
    started, out = time.perf_counter(), out.resolve()
    language = runs[0].language if runs else "en"
    facts, stamp = pack_facts(ds, period=month, company=company, language=language), fingerprint(ds)  # while the data are there
    with building(out) as folder:
        results = _run_all(runs, folder, timeout=timeout, jobs=jobs, progress=progress)
        errors = {result.run.report.name: result.error for result in results if result.error}
        _write_numbers(results, folder)
        _write_lists(results, folder)
        _write_json(folder / "run.json", _manifest(results, ds, stamp=stamp, seconds=time.perf_counter() - started))
        before = earlier_figures(previous) if previous else None
        languages = {result.run.report.name: result.run.language for result in results}
        found = tell_changes(folder, before, languages=languages) if before else None
        changes = changes_html(found, language=results[0].run.language) if found else ""
        (folder / "index.html").write_text(_index(results, facts=facts, changes=changes), encoding="utf-8")
        if pdf:
            _print(folder, progress)
        place = move(folder, out, complete=not errors)
    return PackResult(place, place / "index.html", not errors, errors)


def _print(folder: Path, progress: Progress) -> None:
    try:
        print_pages(folder)
    except ReportError as reason:
        LOG.warning("no PDF: %s", reason)
    else:
        _tell(progress, "the pages were printed as PDF")


def checked_jobs(jobs: int | None) -> int:
    """Return how many reports may run side by side: what was asked for, or as many as there are cores that this process may use.

    Raises
    ------
    ParameterError
        It is not a whole number above 0.
    """
    if jobs is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if type(jobs) is not int or jobs < 1:
        raise ParameterError(f"jobs must be a whole number above 0, not {jobs!r}.")
    return jobs


def _run_all(runs: Sequence[Run], folder: Path, *, timeout: int | None, jobs: int, progress: Progress) -> list[_Result]:
    """Run the notebooks in threads that wait for their kernels, and make their pages in this one; results are in the order of `runs`.

    A parent to fork kernels from costs more than one kernel, so it pays from the second report on.
    """
    waiting, results, running = deque(enumerate(runs, start=1)), {}, Running()
    with warm_kernels() if len(runs) > 1 else nullcontext(), ThreadPoolExecutor(jobs) as threads:
        at_work: dict[Future[tuple[str, float]], int] = {}
        try:
            while waiting or at_work:
                while waiting and len(at_work) < jobs:
                    number, run = waiting.popleft()
                    _tell(progress, f"{run.report.name}: running ({number} of {len(runs)})")
                    at_work[threads.submit(_executed, run, folder, timeout=timeout, running=running)] = number
                for done in wait(at_work, return_when=FIRST_COMPLETED).done:
                    number = at_work.pop(done)
                    error, seconds = done.result()
                    results[number] = _finished(runs[number - 1], folder, error=error, seconds=seconds)
                    _tell(progress, _told(results[number]))
        finally:
            running.stop()  # nothing is left to stop but when broken off
    return [result for _, result in sorted(results.items())]


def _executed(run: Run, folder: Path, *, timeout: int | None, running: Running) -> tuple[str, float]:
    """Run a notebook and return its error, or nothing, and the seconds it took."""
    started = time.perf_counter()
    error = execute(run.report, _target(run, folder), run.values, timeout=timeout, running=running)
    return error, time.perf_counter() - started


def _target(run: Run, folder: Path) -> Path:
    return folder / "notebooks" / f"{run.report.name}.ipynb"


def _finished(run: Run, folder: Path, *, error: str, seconds: float) -> _Result:
    """Write the notebook and the page of a run, and return what it left."""
    name, target = run.report.name, _target(run, folder)
    notebook = without_times(read_notebook(target)) if target.exists() else without_outputs(read_notebook(run.report.path))
    notebook, error = nbformat.reads(hidden(nbformat.writes(notebook), run.source), as_version=4), hidden(error, run.source)
    nbformat.write(notebook, target)
    result = _Result(run, error, seconds)
    try:
        result.kpis, result.estimates = collected(notebook, report=name)
        result.lists = collected_lists(notebook)
    except ReportError as malformed:
        result.error = error = error or str(malformed)
    result.shown = listed(notebook, name=name, title=run.report.title, error=error)
    (folder / f"{name}.html").write_text(report_html(notebook, title=run.report.title, language=run.language, error=error), encoding="utf-8")
    return result


def _told(result: _Result) -> str:
    how = f"failed, {result.error.splitlines()[0]}" if result.error else "done"
    return f"{result.run.report.name}: {how} ({result.seconds:.1f} s)"


def _tell(progress: Progress, line: str) -> None:
    if progress is not None:
        progress(line)


def _write_numbers(results: Sequence[_Result], folder: Path) -> None:
    rows = [row for result in results for row in result.estimates]
    keys = dict.fromkeys(key for row in rows for key in row if key not in COLUMNS)
    types = {**dict.fromkeys(COLUMNS[2:5], "float64"), "n": "int64"}
    table = pd.DataFrame(rows, columns=[*keys, *COLUMNS]).astype(types)
    for key in keys:
        table[key] = _one_type(table[key])
    table.to_parquet(folder / "estimates.parquet", index=False)
    table.to_csv(folder / "estimates.csv", index=False)
    _write_json(folder / "kpis.json", [row for result in results for row in result.kpis])


def _write_lists(results: Sequence[_Result], folder: Path) -> None:
    for path, text in (pair for result in results for pair in _list_files(result).items()):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8-sig", newline="")


def _list_files(result: _Result) -> dict[str, str]:
    """Return the texts of a report's lists by their paths within the pack."""
    return {f"lists/{name}.csv": text for name, text in result.lists.items()}


def _one_type(values: pd.Series) -> pd.Series:
    """Return a key column as numbers if all of it are, else as text; a report without the key has none."""
    numbers = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    return values if numbers else values.map(str, na_action="ignore").astype("object").where(values.notna(), None)


def _index(results: Sequence[_Result], *, facts: Sequence[tuple[str, str]], changes: str) -> str:
    language = results[0].run.language
    title = glossary.label("index_title", language)
    shown = [result.shown for result in results if result.shown]
    return front_page(shown, title=title, language=language, cover=markup.cover(title, facts), changes=changes)


def _manifest(results: Sequence[_Result], ds: Dataset, *, stamp: str, seconds: float) -> dict[str, Any]:
    failed = any(result.error for result in results)
    return {
        "status": "incomplete" if failed else "complete",
        "as_of": ds.as_of.isoformat(),
        "data_fingerprint": stamp,
        "ignored_rows": dict(ds.ignored_rows),
        "seed": 0,
        "seconds": round(seconds, 2),
        "versions": {"cs-analysis": __version__, "python": platform.python_version(), **{name: version(name) for name in _VERSIONS}},
        "reports": {
            r.run.report.name: {"parameters": dict(r.run.values), "error": r.error, "seconds": round(r.seconds, 2), "lists": list(_list_files(r))}
            for r in results
        },
    }


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
