"""Running every report on a folder of tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cs_analysis.data.reading import Moment, OnError, read_dataset
from cs_analysis.data.references import handed_on
from cs_analysis.errors import ParameterError
from cs_analysis.report.batch import PackResult, Progress, Run, checked_jobs, run_batch
from cs_analysis.report.figures import read_figures
from cs_analysis.report.history import record_history
from cs_analysis.report.notebooks import Report, find_report, list_reports
from cs_analysis.report.page import reported_month
from cs_analysis.report.parameters import checked_parameters
from cs_analysis.report.run import moment_text

__all__ = ["PackResult", "run_pack"]


def run_pack(
    *,
    data: str | Path,
    as_of: Moment,
    out: str | Path,
    period: str | None = None,
    by: str | None = None,
    conf_level: float = 0.95,
    language: str = "en",
    company: str = "",
    only: Sequence[str] | None = None,
    timezone: str | None = None,
    currency: str | None = None,
    on_error: OnError = "raise",
    pseudonyms: str | None = None,
    observed_from: str | None = None,
    previous: str | Path | None = None,
    history: str | Path | None = None,
    timeout: int | None = None,
    jobs: int | None = None,
    pdf: bool = False,
    parameters: Mapping[str, Any] | None = None,
    progress: Progress = None,
) -> PackResult:
    """Run every report that comes with the package and write one folder: pages, an index, numbers and a manifest.

    The data are read and checked before the first report starts. A report that fails leaves a page that says so, and the
    others go on; a complete earlier pack is then left in place and the new one goes to `<out>.incomplete`.

    Parameters
    ----------
    data : path
        Folder of tables or DuckDB file, or "env:NAME" for the path that an environment variable holds; its name alone is written down.
    as_of : date, str or Timestamp
        Last day or instant that counts.
    out : path
        New folder, empty folder or earlier pack; replaced as a whole at the end.
    period : str, optional
        Month reported on, such as "2026-10"; default: the last one that is over.
    by : str, optional
        Column to group by.
    conf_level : float
        Level of the intervals.
    language : {"en", "de", "tr"}
        Language of numbers, labels and definitions.
    company : str
        Whose customers these are; stands in the title blocks.
    only : sequence of str, optional
        Names of the reports to run, or paths of notebooks.
    timezone, currency : str, optional
        As in `read_dataset`.
    on_error : {"raise", "quarantine"}
        Whether rows that break the contract stop the pack, or are set aside (as in `read_dataset`) and the pack goes on; every
        page then lists them.
    pseudonyms : str, optional
        "env:NAME", an environment variable that holds a key: see `read_dataset`. Every report must declare the parameter.
    observed_from : str, optional
        First day from which leavers are on record, if customers go back further (see `customer_survival`).
    previous : path, optional
        Earlier pack to compare with: what changed beyond noise since stands on every page, in `changes.csv` and in `alerts.json`. Default: the pack that is
        replaced, if there is one.
    history : path, optional
        Table of the headline figures of all periods, to which this one's are added, or in which they are replaced. Default: `history.csv` beside the pack.
    timeout : int, optional
        Seconds a cell may run; one that runs longer fails. Default: as long as it takes.
    jobs : int, optional
        How many reports run side by side; default: as many as there are cores to use.
    pdf : bool
        Print each page as a tagged PDF beside it, where Chromium or Chrome is on the machine; the log says where that fails.
    parameters : mapping, optional
        Values for further parameters of reports that declare them; under the name of a report, a mapping of values for that report alone.
    progress : callable, optional
        Called with a line of text before and after each report.

    Returns
    -------
    PackResult
        Folder, index page, whether all is complete, and the errors.

    Raises
    ------
    ParameterError
        A value is of another type than the reports declare, or a report unknown; nothing is run then.
    ContractError
        The data break the contract.
    ReportError
        `out` holds something else, another run is writing to it, `previous` is no pack, or the history cannot be written.

    Examples
    --------
    In a checkout, on the demo data::

        result = run_pack(data="data/demo", as_of="2026-10-31", out="reports/2026-10")
        print(result.index)
    """
    wanted: dict[str, Any] = {
        "data": handed_on(data),
        "as_of": moment_text(as_of),
        "period": period,
        "by": by,
        "conf_level": conf_level,
        "language": language,
        "company": company,
        "timezone": timezone,
        "currency": currency,
        "on_error": on_error,
        "pseudonyms": pseudonyms,
        "observed_from": observed_from,
    }
    runs = _runs(_chosen(only), wanted, parameters or {})
    side_by_side = checked_jobs(jobs)
    ds = read_dataset(data, as_of=as_of, timezone=timezone, currency=currency, on_error=on_error, pseudonyms=pseudonyms)
    month, earlier = reported_month(ds, period), _earlier(previous, Path(out))
    result = run_batch(runs, ds, Path(out), month=month, company=company, previous=earlier, timeout=timeout, jobs=side_by_side, pdf=pdf, progress=progress)
    if result.ok:
        aside = record_history(Path(history) if history else result.folder.parent / "history.csv", result.folder, period=month)
        if aside and progress:
            progress(f"the history of headline figures could not be read; it was put aside as {aside}, and a new one was begun")
    return result


def _earlier(previous: str | Path | None, out: Path) -> Path:
    """Return the pack to compare with: the one that was named, which must be one, or whatever lies at `out`."""
    if previous is None:
        return out
    read_figures(Path(previous))
    return Path(previous)


def _chosen(only: Sequence[str] | None) -> list[Report]:
    reports = {report.name: report for report in list_reports()}
    own = [find_report(name) for name in only or () if str(name).endswith(".ipynb")]
    unknown = [name for name in only or () if name not in reports and not str(name).endswith(".ipynb")]
    if unknown:
        raise ParameterError(f"there is no report {', '.join(map(repr, unknown))}; there are {', '.join(reports)}.")
    chosen = [*(report for name, report in reports.items() if only is None or name in only), *own]
    names = [report.name for report in chosen]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ParameterError(f"each report of a pack must have a name of its own; {', '.join(twice)} is there several times. Rename the notebook.")
    return chosen


def _runs(reports: Sequence[Report], wanted: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[Run]:
    """Return each report with its values: those of the pack, the general ones where it declares them, and its own, every one of which it must declare."""
    general = {name: value for name, value in parameters.items() if not isinstance(value, Mapping)}
    names, declared = {report.name for report in reports}, {name for report in reports for name in report.parameters}
    stray = [*(name for name in general if name not in declared), *(name for name in parameters if name not in general and name not in names)]
    twice = [name for name in general if name in wanted]
    if stray or twice:
        told = [f"{name} is no parameter or report of this pack" for name in stray] + [f"{name} is an option of its own" for name in twice]
        raise ParameterError(f"parameters must be those of the reports: {'; '.join(told)}. See `cs-analysis list`.")
    open_ones = [report.name for report in reports if wanted["pseudonyms"] and "pseudonyms" not in report.parameters]
    if open_ones:
        advice = "Declare `pseudonyms: str | None = None` in the parameters cell, and hand it to read_dataset."
        raise ParameterError(f"with pseudonyms every report must take them; {', '.join(open_ones)} would show names. {advice}")
    return [_run(report, {**wanted, **general}, parameters.get(report.name, {})) for report in reports]


def _run(report: Report, wanted: Mapping[str, Any], own: Mapping[str, Any]) -> Run:
    given = {name: value for name, value in wanted.items() if name in report.parameters}
    return Run(report, checked_parameters(report.parameters, {**given, **own}, name=report.name))
