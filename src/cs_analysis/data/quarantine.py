"""Writing rejected rows out, each with its reasons and the cells as the source had them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from cs_analysis.data import sql
from cs_analysis.data.engine import Engine
from cs_analysis.data.typed import Typed
from cs_analysis.errors import ParameterError

_HEADERS = ("row,rule,column,what_to_do", "_row,line,reason")


def write_quarantine(engine: Engine, folder: Path, *, tables: Mapping[str, Typed], rejected: Mapping[str, str]) -> None:
    """Write `<table>.csv` for each table that lost rows: `row, rule, column, what_to_do`, then the source's own cells.

    A row with two reasons stands there twice. Lines that were no rows at all are in `<table>.unreadable.csv`. The folder
    of an earlier reading is replaced as a whole; without any such row there is none.

    Raises
    ------
    ParameterError
        The folder holds other files, or cannot be written.
    """
    building = folder.with_name(f".{folder.name}.tmp")
    _check_replaceable(folder)
    try:
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        _write_rows(engine, building, tables=tables, rejected=rejected)
        shutil.rmtree(folder, ignore_errors=True)
        if any(building.iterdir()):
            building.rename(folder)
        else:
            building.rmdir()
    except OSError as error:
        raise ParameterError(
            f"rows that are set aside must have a folder that can be written, which {folder} is not ({error}). Name one: quarantine=..."
        ) from error


def _check_replaceable(folder: Path) -> None:
    """Refuse a folder with anything in it that is not of an earlier reading: it might be the only copy."""
    if folder.exists() and not folder.is_dir():
        raise ParameterError(f"quarantine must be a folder, which {folder} is not; name another.")
    foreign = [path.name for path in sorted(folder.iterdir()) if not _is_ours(path)] if folder.exists() else []
    if foreign:
        raise ParameterError(f"quarantine must be a folder for rows set aside and nothing else; {folder} holds {foreign[0]!r}. Name another: quarantine=...")


def _is_ours(path: Path) -> bool:
    if path.is_dir() or path.suffix != ".csv":
        return False
    with path.open(encoding="utf-8", errors="replace") as handle:
        return handle.readline().startswith(_HEADERS)


def _write_rows(engine: Engine, building: Path, *, tables: Mapping[str, Typed], rejected: Mapping[str, str]) -> None:
    for name, relation in rejected.items():
        cells = ", ".join(f"w.{sql.name(column)}" for column in tables[name].raw.columns)
        reasons = 'r._row AS "row", r.rule AS "rule", r."column" AS "column", r.what_to_do AS "what_to_do"'
        query = f"SELECT {reasons}, {cells} FROM {sql.name(relation)} r JOIN {sql.name(tables[name].raw.relation)} w USING (_row) ORDER BY ALL"
        _copy(engine, query, building / f"{name}.csv")
    for name, typed in tables.items():
        if typed.raw.rejects and engine.rows(f"SELECT count(*) FROM {sql.name(typed.raw.rejects)}")[0][0]:
            _copy(engine, f"SELECT * FROM {sql.name(typed.raw.rejects)} ORDER BY ALL", building / f"{name}.unreadable.csv")


def _copy(engine: Engine, query: str, path: Path) -> None:
    engine.execute(f"COPY ({query}) TO {sql.literal(str(path))} (HEADER, DELIMITER ',')")
