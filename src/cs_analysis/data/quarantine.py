"""Writing rejected rows out, each with its reasons and the cells as the source had them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from cs_analysis.data import sql
from cs_analysis.data.engine import Engine
from cs_analysis.data.typed import Typed


def write_quarantine(engine: Engine, folder: Path, *, tables: Mapping[str, Typed], rejected: Mapping[str, str]) -> None:
    """Write `<table>.csv` for each table that lost rows: `row, rule, column, what_to_do`, then the source's own cells.

    A row with two reasons stands there twice. Lines that were no rows at all are in `<table>.unreadable.csv`. The folder
    of an earlier reading is replaced as a whole.
    """
    building = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    for name, relation in rejected.items():
        cells = ", ".join(f"w.{sql.name(column)}" for column in tables[name].raw.columns)
        reasons = 'r._row AS "row", r.rule AS "rule", r."column" AS "column", r.what_to_do AS "what_to_do"'
        query = f"SELECT {reasons}, {cells} FROM {sql.name(relation)} r JOIN {sql.name(tables[name].raw.relation)} w USING (_row) ORDER BY ALL"
        _copy(engine, query, building / f"{name}.csv")
    for name, typed in tables.items():
        if typed.raw.rejects and engine.rows(f"SELECT count(*) FROM {sql.name(typed.raw.rejects)}")[0][0]:
            _copy(engine, f"SELECT * FROM {sql.name(typed.raw.rejects)} ORDER BY ALL", building / f"{name}.unreadable.csv")
    shutil.rmtree(folder, ignore_errors=True)
    building.rename(folder)


def _copy(engine: Engine, query: str, path: Path) -> None:
    engine.execute(f"COPY ({query}) TO {sql.literal(str(path))} (HEADER, DELIMITER ',')")
