"""Opening a source: a folder, a mapping of data frames or a DuckDB file becomes raw relations, one a table.

A raw relation has the source's columns under normalised names and `_row`, the data row's number from 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from cs_analysis.data import sql
from cs_analysis.data.contract import TABLES
from cs_analysis.data.delimited import load_delimited, normalise_header
from cs_analysis.data.engine import Engine
from cs_analysis.data.findings import Finding
from cs_analysis.errors import ParameterError

_DELIMITED = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt")
_DATABASES = (".duckdb", ".ddb", ".db")


@dataclass(frozen=True)
class Raw:
    """One table as the source has it: `types` maps column name -> database type, `_row` included."""

    table: str
    relation: str
    types: Mapping[str, str]
    rejects: str | None = None

    @property
    def columns(self) -> list[str]:
        """Names of the source's columns."""
        return [column for column in self.types if column != "_row"]


def open_source(engine: Engine, source: object) -> tuple[dict[str, Raw], list[Finding]]:
    """Return the raw relation of each contract table that the source has, and what was wrong with reading it.

    Raises
    ------
    ParameterError
        The source is none of the accepted kinds or does not exist.
    """
    raws, found = _open(engine, source)
    return {table: raws[table] for table in TABLES if table in raws}, found


def _open(engine: Engine, source: object) -> tuple[dict[str, Raw], list[Finding]]:
    if isinstance(source, Mapping):
        return _open_frames(engine, source)
    if not isinstance(source, str | Path):
        raise ParameterError(f"source must be a folder, a DuckDB file or a mapping of data frames, not {type(source).__name__}.")
    path = Path(source)
    if path.is_dir():
        return _open_folder(engine, path)
    if path.is_file() and path.suffix.lower() in _DATABASES:
        return _open_database(engine, path)
    state = "is a file of another kind" if path.exists() else "does not exist"
    raise ParameterError(f"source must be a folder of tables or a DuckDB file ({', '.join(_DATABASES)}); {path} {state}.")


def _open_folder(engine: Engine, folder: Path) -> tuple[dict[str, Raw], list[Finding]]:
    places = _places(folder)
    raws: dict[str, Raw] = {}
    found = _misnamed(folder, places)
    for table, paths in places.items():
        if len(paths) > 1:
            found.append(_ambiguous(table, paths))
            continue
        raw, problems = _open_file(engine, table, paths[0])
        found += problems
        if raw is not None:
            raws[table] = raw
    return raws, found


def _places(folder: Path) -> dict[str, list[Path]]:
    """Return contract table -> the files or folders of parts that bear its name."""
    places: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        stem, ending = _split_name(path)
        if stem in TABLES and (ending in (*_DELIMITED, ".parquet") or path.is_dir()):
            places.setdefault(stem, []).append(path)
    return places


def _misnamed(folder: Path, places: Mapping[str, list[Path]]) -> list[Finding]:
    """Return a warning for each file that looks meant as a table which is not there: `event.csv`, `accounts.xlsx`."""
    found = []
    for path in sorted(folder.iterdir()):
        stem, ending = _split_name(path)
        close = get_close_matches(stem, [table for table in TABLES if table not in places], n=1, cutoff=0.8)
        if close and path.is_file():
            known = ending in (*_DELIMITED, ".parquet")
            advice = f"Rename it to {close[0]}{ending}" if known else f"Save it as {close[0]}.csv or {close[0]}.parquet"
            found.append(Finding("warning", close[0], "", "file not read", 0, 0, path.name, f"{advice}, if it holds the table '{close[0]}'."))
    return found


def _split_name(path: Path) -> tuple[str, str]:
    stem, dot, ending = path.name.lower().partition(".")
    return stem, dot + ending


def _open_file(engine: Engine, table: str, path: Path) -> tuple[Raw | None, list[Finding]]:
    if path.is_dir() or path.suffix.lower() == ".parquet":
        return _open_parquet(engine, table, path)
    relation = engine.unique(f"raw_{table}")
    found = load_delimited(engine.connection, path, relation=relation, table=table, scratch=engine.scratch)
    if any(finding.rule in ("unreadable file", "duplicate column") for finding in found):
        return None, found
    return Raw(table, relation, engine.describe(relation), rejects=f"{relation}_rejects"), found


def _open_parquet(engine: Engine, table: str, path: Path) -> tuple[Raw | None, list[Finding]]:
    parts = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    if not parts:
        return None, [_unreadable(table, f"{path.name}/ holds no .parquet file", "Put the Parquet parts into the folder.")]
    listed = ", ".join(sql.literal(str(part)) for part in parts)
    try:
        if half_zoned := _half_zoned(engine, listed):
            return None, [_unreadable(table, half_zoned, "Some parts state the time zone of this column and others do not; write all parts alike.")]
        return _view(engine, table, f"read_parquet([{listed}], union_by_name = true)")
    except (duckdb.InvalidInputException, duckdb.IOException, duckdb.BinderException) as error:
        return None, [_unreadable(table, str(error).splitlines()[0], "Write the Parquet file again; all parts must have the same columns.")]


def _half_zoned(engine: Engine, listed: str) -> str | None:
    """Return a column whose instants have a time zone in some parts only: read as one table, the others would pass for UTC."""
    zoned = "count(*) FILTER (WHERE contains(logical_type, 'isAdjustedToUTC=1'))"
    dated = "(logical_type LIKE 'TimestampType%' OR logical_type LIKE 'DateType%')"
    mixed = engine.rows(f"SELECT min(name) FROM parquet_schema([{listed}]) WHERE {dated} GROUP BY lower(name) HAVING {zoned} NOT IN (0, count(*)) ORDER BY 1")
    return str(mixed[0][0]) if mixed else None


def _open_frames(engine: Engine, frames: Mapping[Any, object]) -> tuple[dict[str, Raw], list[Finding]]:
    unknown = [str(name) for name in frames if name not in TABLES]
    if unknown:
        raise ParameterError(f"unknown table {', '.join(map(repr, unknown))}; the contract knows {', '.join(TABLES)}.")
    raws: dict[str, Raw] = {}
    found: list[Finding] = []
    for table, frame in frames.items():
        raw, problems = _open_frame(engine, table, frame)
        found += problems
        if raw is not None:
            raws[table] = raw
    return raws, found


def _open_frame(engine: Engine, table: str, frame: Any) -> tuple[Raw | None, list[Finding]]:
    """Copy a frame into the database, so that later changes to it cannot reach the dataset."""
    frame = _plain(frame) if isinstance(frame, pd.DataFrame) else frame
    if twice := _named_alike(table, _column_names(table, frame)):
        return None, twice
    copy = engine.unique(f"frame_{table}")
    try:
        with engine.registered(frame) as view:
            engine.execute(f"CREATE TABLE {sql.name(copy)} AS SELECT * FROM {sql.name(view)}")
    except (duckdb.InvalidInputException, duckdb.NotImplementedException, duckdb.CatalogException) as error:
        raise ParameterError(
            f"the table '{table}' must have at least one column, and columns of numbers, text, times or truth values only ({str(error).splitlines()[0]})."
        ) from error
    return _view(engine, table, sql.name(copy))


def _column_names(table: str, frame: Any) -> list[str]:
    """Return the column names as the frame itself has them; the database would tell two that differ in capitals apart by a number."""
    if isinstance(frame, pd.DataFrame):
        return list(frame.columns)
    if hasattr(frame, "collect_schema"):
        return list(frame.collect_schema().names())
    if not hasattr(frame, "schema"):
        raise ParameterError(f"the table '{table}' must be a pandas, polars or Arrow table, not {type(frame).__name__}.")
    return list(frame.schema.names)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with text as column names, a named index as columns, and mixed columns (text beside numbers) as text."""
    levels = [name for name in frame.index.names if name is not None and name not in frame.columns]
    plain = (frame.reset_index(levels) if levels else frame).rename(columns=str)
    if plain.columns.has_duplicates:
        return plain
    mixed = [name for name in plain if _is_mixed(plain[name])]
    return plain.assign(**{name: plain[name].map(str, na_action="ignore") for name in mixed})


def _is_mixed(column: pd.Series) -> bool:
    """Return whether a column holds text beside other things, or periods, which only pandas has."""
    inferred = pd.api.types.infer_dtype(column, skipna=True) if column.dtype == "object" else ""
    return inferred.startswith("mixed") or isinstance(column.dtype, pd.PeriodDtype)


def _open_database(engine: Engine, path: Path) -> tuple[dict[str, Raw], list[Finding]]:
    database = engine.unique("source")
    try:
        # The type is said, or the database would look for an extension for other files (SQLite) on the network.
        engine.execute(f"ATTACH {sql.literal(str(path))} AS {sql.name(database)} (READ_ONLY, TYPE duckdb)")
    except duckdb.Error as error:
        raise ParameterError(
            f"{path} must be a DuckDB file that is not open for writing elsewhere ({str(error).splitlines()[0]}). Close what has it open."
        ) from error
    listed = engine.rows(f"SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = {sql.literal(database)} ORDER BY ALL")
    places: dict[str, list[tuple[str, str]]] = {}
    for schema, relation in listed:
        places.setdefault(str(relation).lower(), []).append((schema, relation))
    raws: dict[str, Raw] = {}
    found: list[Finding] = []
    for table in sorted(TABLES.keys() & places):
        raw, problems = _open_relation(engine, table, places[table], database=database)
        found += problems
        if raw is not None:
            raws[table] = raw
    return raws, found


def _open_relation(engine: Engine, table: str, places: list[tuple[str, str]], *, database: str) -> tuple[Raw | None, list[Finding]]:
    if len(places) > 1:
        names = ", ".join(".".join(place) for place in places)
        return None, [_unreadable(table, names, f"One table of this name: keep one of {names}.")]
    schema, relation = places[0]
    try:
        return _view(engine, table, f"{sql.name(database)}.{sql.name(schema)}.{sql.name(relation)}")
    except duckdb.Error as error:
        return None, [_unreadable(table, str(error).splitlines()[0], f"Make {schema}.{relation} a table, or a view that can be read from here.")]


def _view(engine: Engine, table: str, scan: str) -> tuple[Raw | None, list[Finding]]:
    """Name the columns of a scan and number its rows; an unused number costs nothing, the optimiser drops it."""
    sources = [str(row[0]) for row in engine.rows(f"DESCRIBE SELECT * FROM {scan}")]
    if twice := _named_alike(table, sources):
        return None, twice
    names = [normalise_header(source) for source in sources]
    relation = engine.unique(f"raw_{table}")
    listed = ", ".join(f"{sql.name(source)} AS {sql.name(name)}" for source, name in zip(sources, names, strict=True) if name != "_row")
    engine.execute(f"CREATE VIEW {sql.name(relation)} AS SELECT row_number() OVER () AS _row, {listed} FROM {scan}")
    return Raw(table, relation, engine.describe(relation)), []


def _named_alike(table: str, sources: list[str]) -> list[Finding]:
    """Return a finding for each name that several columns have in the contract's way of writing."""
    names = [normalise_header(source) for source in sources]
    twice = sorted({name for name in names if names.count(name) > 1})
    return [_duplicate_column(table, name, [source for source in sources if normalise_header(source) == name]) for name in twice]


def _ambiguous(table: str, paths: Iterable[Path]) -> Finding:
    names = ", ".join(path.name for path in paths)
    return _unreadable(table, names, f"One file a table: keep one of {names}.")


def _unreadable(table: str, example: str, what_to_do: str) -> Finding:
    return Finding("error", table, "", "unreadable file", 0, 0, example, what_to_do)


def _duplicate_column(table: str, name: str, sources: list[str]) -> Finding:
    return Finding("error", table, name, "duplicate column", 0, 0, ", ".join(sources), f"Two columns read as '{name}'; rename or drop one.")
