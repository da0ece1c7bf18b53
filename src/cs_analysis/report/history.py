"""The headline figures of all periods reported so far, in one table beside the packs."""

from __future__ import annotations

import fcntl
import json
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from cs_analysis.errors import ReportError
from cs_analysis.report.figures import detail_of
from cs_analysis.report.lists import write_list
from cs_analysis.report.place import manifest

COLUMNS = ("period", "report", "kpi", "detail", "of", "metric", "unit", "estimate", "conf_low", "conf_high", "n", "as_of")
_NEEDED = ("period", "kpi")
_NUMBERS = {"estimate": "float64", "conf_low": "float64", "conf_high": "float64", "n": "Int64"}


def record_history(path: Path, pack: Path, *, period: pd.Timestamp) -> Path | None:
    """Put the headline figures of a pack into the table of all periods; return where an unreadable table was put aside, if there was one.

    A row is one figure (`kpi`, `detail`) of one report in the pack of one `period`; `of` is the first day of the figure's own period. What the table says of
    the same period and reports is replaced, so that a run that is repeated leaves the same table. Rows and columns of others stay. One writer at a time has
    the folder; the table appears whole or not at all.

    Raises
    ------
    ReportError
        The table cannot be written.
    """
    rows = _rows(pack, f"{period:%Y-%m}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone_in(path.parent):
            before, aside = _read(path)
            write_list(_merged(before, rows, reports=set(manifest(pack)["reports"]), period=f"{period:%Y-%m}"), path)
    except OSError as error:
        raise ReportError(f"the pack is complete in {pack}, but its figures could not be added to {path}: {error}. Put that right and run it again.") from error
    return aside


def read_history(path: Path) -> pd.DataFrame:
    """Return the table of all periods; columns that an older version did not write are empty.

    Raises
    ------
    ReportError
        The table is there and cannot be read.
    """
    try:
        table = pd.read_csv(path, dtype=defaultdict(lambda: "str", _NUMBERS), encoding="utf-8-sig", keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        return pd.DataFrame(columns=list(COLUMNS)).astype(_NUMBERS)
    except ValueError as error:  # of pandas' readers and of text that is not UTF-8
        raise ReportError(f"{path} must be a table of headline figures; it cannot be read: {error}.") from error
    lacking = [name for name in _NEEDED if name not in table.columns]
    if lacking:
        raise ReportError(f"{path} must be a table of headline figures; it has no column {', '.join(lacking)}.")
    others = [name for name in table.columns if name not in COLUMNS]
    return table.reindex(columns=[*COLUMNS, *others]).astype(_NUMBERS)


def _read(path: Path) -> tuple[pd.DataFrame, Path | None]:
    """Return the table so far, and where it was put aside if it cannot be read: nothing is ever written over it."""
    try:
        return read_history(path), None
    except ReportError:
        aside = next(place for place in _asides(path) if not place.exists())
        path.rename(aside)
        return read_history(path), aside


def _asides(path: Path) -> Iterator[Path]:
    number = 1
    while True:
        yield path.with_name(f"{path.stem}.unreadable-{number}{path.suffix}")
        number += 1


def _rows(pack: Path, period: str) -> pd.DataFrame:
    """Return the headline figures of a pack as rows of the table; of a report that shows a figure twice, the first."""
    about = manifest(pack)
    shown = json.loads((pack / "kpis.json").read_text(encoding="utf-8"))
    table = pd.DataFrame([{**row, **_named(row), "period": period, "as_of": about["as_of"]} for row in shown], columns=list(COLUMNS))
    return table.astype(_NUMBERS).drop_duplicates(["report", "kpi", "detail", "of"])


def _named(row: dict[str, Any]) -> dict[str, Any]:
    detail = row.get("detail") if "kpi" in row else detail_of(row)
    return {"kpi": row.get("kpi", row["metric"]), "detail": detail or None, "of": row.get("period")}


def _merged(before: pd.DataFrame, rows: pd.DataFrame, *, reports: set[str], period: str) -> pd.DataFrame:
    replaced = (before["period"] == period) & (before["report"].isin(reports) | before["report"].isna())
    kept = before[~replaced]
    parts = [part for part in (kept, rows) if len(part)]
    table = pd.concat(parts, ignore_index=True) if parts else kept
    return table.sort_values("period", kind="stable", ignore_index=True)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait for other writers in a folder and keep them out; the system lifts the lock of a process that is killed."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
