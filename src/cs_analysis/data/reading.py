"""The door: a source is opened, typed, checked in full, and only then becomes a dataset."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import pandas as pd

from cs_analysis.data.calendar import Calendar
from cs_analysis.data.check import inspect, known_view, missing_findings
from cs_analysis.data.dataset import Dataset, Stored
from cs_analysis.data.engine import Engine
from cs_analysis.data.feeds import FEEDS, feed_findings
from cs_analysis.data.findings import Finding, findings_table
from cs_analysis.data.local_days import time_zone
from cs_analysis.data.money import reporting_currency
from cs_analysis.data.pseudonyms import hide, key_of
from cs_analysis.data.quarantine import write_quarantine
from cs_analysis.data.references import hidden, resolved
from cs_analysis.data.sources import Raw, open_source
from cs_analysis.data.surveys import SCALES, Scale
from cs_analysis.data.typed import Typed, typed_table
from cs_analysis.errors import ContractError, ParameterError

OnError = Literal["raise", "quarantine"]
Moment: TypeAlias = date | str | pd.Timestamp
_BEYOND_REPAIR = ("missing table or column", "unreadable file", "duplicate column", "several currencies without rates")
_LISTED = 25


@dataclass(frozen=True)
class _Frame:
    """How a source is to be looked at."""

    as_of: Moment
    timezone: str | None
    currency: str | None
    calendar: Calendar | None
    scales: Mapping[str, Scale]


@dataclass(frozen=True)
class _Loaded:
    """What came of it."""

    engine: Engine
    as_of: pd.Timestamp
    calendar: Calendar
    currency: str | None
    tables: Mapping[str, Typed]
    remaining: Mapping[str, str]
    rejected: Mapping[str, str]
    findings: tuple[Finding, ...]


def read_dataset(
    source: str | Path | Mapping[str, object],
    *,
    as_of: Moment,
    timezone: str | None = None,
    currency: str | None = None,
    calendar: Calendar | None = None,
    scales: Mapping[str, Scale] = SCALES,
    on_error: OnError = "raise",
    quarantine: str | Path | None = None,
    pseudonyms: str | None = None,
) -> Dataset:
    """Return the tables of a source, checked, as they were known at `as_of`.

    Parameters
    ----------
    source : path or mapping
        A folder with one file a table (`accounts.csv`, `.csv.gz`, `.parquet`, or a folder of Parquet parts), a DuckDB
        file, or a mapping of table names to pandas, polars or Arrow frames; "env:NAME" stands for the path that an environment
        variable holds, which no message then shows.
    as_of : date, str or Timestamp
        A date means the end of that day in the calendar's zone, a Timestamp with zone that instant. Rows dated later are
        kept out and counted; values recorded later are missing.
    timezone : str, optional
        IANA zone of instants that state none; without it they are an error. It is also the default calendar's zone.
    currency : str, optional
        Reporting currency; by default the only one used, or the one that `rates` leaves at 1.
    calendar : Calendar, optional
        Time zone, weeks, fiscal year, business hours; default: `timezone` or UTC, weeks from Monday.
    scales : mapping
        Registry of answer scales, with your own added by `register_scale`.
    on_error : {"raise", "quarantine"}
        What to do with rows that break the contract: stop, or set them aside with their reasons and go on.
    quarantine : path, optional
        Folder for rows set aside; default `quarantine` inside the source folder, or beside where you are.
    pseudonyms : str, optional
        "env:NAME", an environment variable that holds a key: stable pseudonyms then stand for accounts, users, leads and managers, names of accounts are
        missing, and a customer's own name in what people wrote is masked. Identifiers of tickets, orders and the like stay.

    Returns
    -------
    Dataset

    Raises
    ------
    ContractError
        The tables break the contract; `.violations` lists every rule broken.
    ParameterError
        An argument is out of range or the source is of no accepted kind.

    Examples
    --------
    >>> import pandas as pd
    >>> accounts = pd.DataFrame({"account_id": ["a"], "started_at": pd.to_datetime(["2026-01-05"], utc=True)})
    >>> read_dataset({"accounts": accounts}, as_of="2026-01-31").tables["accounts"].columns
    ('account_id', 'started_at')
    """
    if on_error not in get_args(OnError):
        raise ParameterError(f"on_error must be 'raise' or 'quarantine', not {on_error!r}.")
    key = None if pseudonyms is None else key_of(pseudonyms)
    frame = _Frame(as_of, timezone, currency, calendar, scales)
    loaded = _load(source, frame, remove=on_error == "quarantine")
    findings = loaded.findings if key is None else [replace(finding, example="") for finding in loaded.findings]
    stopping = [f for f in findings if f.severity == "error" and (on_error == "raise" or f.rule in _BEYOND_REPAIR)]
    if stopping:
        raise ContractError(_message(stopping), findings_table(findings))
    if on_error == "quarantine":
        _set_aside(loaded, source, Path(quarantine) if quarantine is not None else _quarantine_folder(source))
    shown = loaded.remaining if key is None else hide(loaded.engine, loaded.remaining, key=key)
    stored = {name: Stored(name, shown[name], typed.present) for name, typed in loaded.tables.items()}
    return Dataset(loaded.as_of, loaded.calendar, loaded.currency, findings_table(findings), loaded.engine, stored, frame.scales)


def check_dataset(
    source: str | Path | Mapping[str, object],
    *,
    as_of: Moment,
    timezone: str | None = None,
    currency: str | None = None,
    calendar: Calendar | None = None,
    scales: Mapping[str, Scale] = SCALES,
) -> pd.DataFrame:
    """Return every problem of a source at once, errors first; empty if there is none.

    Only what was known at `as_of` is checked.

    Parameters
    ----------
    source, as_of, timezone, currency, calendar, scales : as in `read_dataset`
        What to check, and how to look at it.

    Returns
    -------
    DataFrame
        One row a broken rule: `severity` (`error` stops a run, `warning` is printed in every report), `table`, `column`,
        `rule`, `rows` affected, `first_row` (data rows count from 1, the header does not count; 0 = no row), `example`
        (the offending value there) and `what_to_do`.

    Raises
    ------
    ParameterError
        An argument is out of range or the source is of no accepted kind.

    Examples
    --------
    >>> import pandas as pd
    >>> accounts = pd.DataFrame({"account_id": ["a", "a"], "started_at": pd.to_datetime(["2026-01-05"] * 2, utc=True)})
    >>> check_dataset({"accounts": accounts}, as_of="2026-01-31")[["rule", "rows", "first_row", "example"]].to_dict("records")
    [{'rule': 'duplicate key', 'rows': 1, 'first_row': 2, 'example': 'a'}]
    """
    return findings_table(_load(source, _Frame(as_of, timezone, currency, calendar, scales), remove=False).findings)


def _load(source: object, frame: _Frame, *, remove: bool) -> _Loaded:
    _check_arguments(frame.timezone, frame.currency)
    calendar = frame.calendar or Calendar(timezone=frame.timezone or "UTC")
    moment = calendar.end_of(frame.as_of)
    engine = Engine()
    raws, found = _opened(engine, source)
    seen = [finding.table for finding in found]
    tables: dict[str, Typed] = {}
    for name, raw in raws.items():
        tables[name], problems = typed_table(engine, raw, timezone=frame.timezone)
        found += problems
    found += missing_findings(tables, seen)
    inspection = inspect(engine, tables, as_of=moment, scales=frame.scales, remove=remove)
    known = {name: known_view(engine, tables[name].table, relation=relation, as_of=moment) for name, relation in inspection.remaining.items()}
    used, unconvertible = reporting_currency(engine, known, requested=frame.currency, as_of=moment)
    silent = [finding for name in FEEDS if name in known for finding in feed_findings(engine, name, known[name], as_of=moment)]
    findings = (*found, *inspection.findings, *unconvertible, *silent)
    return _Loaded(engine, moment, calendar, used, tables, inspection.remaining, inspection.rejected, findings)


def _opened(engine: Engine, source: object) -> tuple[dict[str, Raw], list[Finding]]:
    """Open a source; what is told of one that an environment variable names holds the variable's name in place of the path."""
    path = resolved(source)
    try:
        raws, found = open_source(engine, path)
    except ParameterError as error:
        told = hidden(str(error), source)
        raise ParameterError(told) from (error if told == str(error) else None)
    return raws, [replace(finding, example=hidden(finding.example, source), what_to_do=hidden(finding.what_to_do, source)) for finding in found]


def _check_arguments(timezone: str | None, currency: str | None) -> None:
    if timezone is not None:
        time_zone(timezone)
    if currency is not None and not (isinstance(currency, str) and re.fullmatch("[A-Z]{3}", currency)):
        raise ParameterError(f"currency must be an ISO 4217 code such as EUR, not {currency!r}.")


def _message(stopping: list[Finding]) -> str:
    lines = [f"  {f.table}{'.' if f.column else ''}{f.column}: {f.rule}{_where(f)}. {f.what_to_do}" for f in stopping[:_LISTED]]
    more = f"\n  ... and {len(stopping) - _LISTED} more" if len(stopping) > _LISTED else ""
    closing = "Correct the tables, or read with on_error='quarantine' to set the broken rows aside. All problems: check_dataset() or the error's .violations."
    return f"the tables break the data contract in {len(stopping)} way(s):\n" + "\n".join(lines) + f"{more}\n{closing}"


def _where(finding: Finding) -> str:
    shown = f" {finding.example!r}" if finding.example else ""
    return f" ({finding.rows} row(s), first: row {finding.first_row}{shown})" if finding.first_row else f" ({finding.example})" * bool(finding.example)


def _set_aside(loaded: _Loaded, source: object, folder: Path) -> None:
    """Write the rows at fault beside the source; what is told of a place that an environment variable names holds the variable's name."""
    try:
        write_quarantine(loaded.engine, folder, tables=loaded.tables, rejected=loaded.rejected)
    except ParameterError as error:
        told = hidden(str(error), source)
        raise ParameterError(told) from (error if told == str(error) else None)


def _quarantine_folder(source: object) -> Path:
    source = resolved(source)
    if isinstance(source, str | Path):
        path = Path(source)
        return path / "quarantine" if path.is_dir() else path.with_name(path.name + ".quarantine")
    return Path("quarantine")
