"""From raw cells to the contract's types: one SQL expression a column, and beside it what was unreadable.

A typed relation has `_row`, the contract's columns (those the source lacks are missing throughout), the source's extra
columns, and for each column that can go wrong a flag: `bad:x` (unreadable) or `naive:x` (an instant without time zone).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cs_analysis.data import sql
from cs_analysis.data.contract import TABLES, Column, Kind, Table
from cs_analysis.data.engine import Engine, select_list
from cs_analysis.data.findings import Finding
from cs_analysis.data.sources import Raw
from cs_analysis.data.text_values import TextColumn, infer_kind, read_text_columns

DATABASE_TYPES: Mapping[Kind, str] = {
    "text": "VARCHAR",
    "instant": "TIMESTAMP",
    "month": "DATE",
    "number": "DOUBLE",
    "money": "DECIMAL(18, 4)",
    "integer": "BIGINT",
    "boolean": "BOOLEAN",
    "currency": "VARCHAR",
}
_ZONED = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")


@dataclass(frozen=True)
class Typed:
    """A table under the contract's types; `present` are the source's columns, contract columns first."""

    table: Table
    relation: str
    present: tuple[str, ...]
    flags: frozenset[str]
    raw: Raw


def typed_table(engine: Engine, raw: Raw, *, timezone: str | None) -> tuple[Typed, list[Finding]]:
    """Return the typed relation of a raw one and what its text columns disagree about."""
    table = TABLES[raw.table]
    kinds = _kinds(engine, raw, table)
    text = {name: kind for name, kind in kinds.items() if raw.types[name] == "VARCHAR"}
    readers, found = read_text_columns(engine.connection, raw.relation, text, table=raw.table, timezone=timezone)
    for name, kind in kinds.items():
        if name not in readers:
            readers[name] = _native(name, kind, raw.types[name], timezone)
    columns = _expressions(table, readers)
    columns |= {name: _extra(name, raw.types[name]) for name in raw.columns if name not in kinds}
    relation = engine.unique(f"typed_{raw.table}")
    parsed = any(kind not in ("text", "currency") for kind in text.values())
    engine.execute(f"CREATE {'TABLE' if parsed else 'VIEW'} {sql.name(relation)} AS SELECT _row, {select_list(columns)} FROM {sql.name(raw.relation)}")
    present = tuple(name for name in (*table.column_names, *raw.columns) if name in raw.types)
    return Typed(table, relation, tuple(dict.fromkeys(present)), frozenset(name for name in columns if ":" in name), raw), found


def _kinds(engine: Engine, raw: Raw, table: Table) -> dict[str, Kind]:
    """Return the kind of every column that has to be read: the contract's, and extra columns that came as text."""
    kinds = {column.name: column.kind for column in table.columns if column.name in raw.types}
    extra = [name for name in raw.columns if name not in kinds and raw.types[name] == "VARCHAR"]
    return kinds | {name: infer_kind(engine.connection, raw.relation, name) for name in extra}


def _expressions(table: Table, readers: Mapping[str, TextColumn]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for column in table.columns:
        if column.name not in readers:
            columns[column.name] = f"CAST(NULL AS {DATABASE_TYPES[column.kind]})"
            continue
        reader = _folded(column, readers[column.name])
        columns[column.name] = reader.value
        naive = reader.naive or "false"
        if column.kind != "text" or column.choices:
            columns[f"bad:{column.name}"] = f"({reader.value}) IS NULL AND NOT ({reader.missing}) AND NOT ({naive})"
        if column.kind == "instant":
            columns[f"naive:{column.name}"] = f"({reader.value}) IS NULL AND ({naive})"
    return columns | {name: reader.value for name, reader in readers.items() if name not in columns}


def _folded(column: Column, reader: TextColumn) -> TextColumn:
    if not column.folded:
        return reader
    folded = f"lower(translate({reader.value}, 'İIı', 'iii'))"
    if column.choices:
        allowed = ", ".join(sql.literal(choice) for choice in column.choices)
        folded = f"CASE WHEN {folded} IN ({allowed}) THEN {folded} END"
    return TextColumn(folded, reader.missing, reader.naive)


def _native(name: str, kind: Kind, database_type: str, timezone: str | None) -> TextColumn:
    """Return how to read a column that already has a type of its own."""
    cell = sql.name(name)
    is_float = database_type in ("DOUBLE", "FLOAT")
    missing = f"({cell} IS NULL OR isnan({cell}))" if is_float else f"({cell} IS NULL)"
    if kind == "instant":
        return _native_instant(cell, database_type, missing, timezone)
    return TextColumn(f"CASE WHEN NOT {missing} THEN {_native_value(cell, kind, database_type)} END", missing, None)


def _native_instant(cell: str, database_type: str, missing: str, timezone: str | None) -> TextColumn:
    if database_type in _ZONED:
        return TextColumn(_in_utc(cell), missing, None)
    if database_type != "DATE" and not database_type.startswith("TIMESTAMP"):
        return TextColumn("CAST(NULL AS TIMESTAMP)", missing, None)
    if timezone is None:
        return TextColumn("CAST(NULL AS TIMESTAMP)", missing, f"{cell} IS NOT NULL")
    local = f"timezone({sql.literal(timezone)}, CAST({cell} AS TIMESTAMP))"
    return TextColumn(f"CAST(timezone('UTC', {local}) AS TIMESTAMP)", missing, None)


def _native_value(cell: str, kind: Kind, database_type: str) -> str:
    is_date = database_type == "DATE" or database_type.startswith("TIMESTAMP")
    if kind in ("text", "currency"):
        text = _as_text(cell, database_type)
        return text if kind == "text" else f"nullif(regexp_extract(upper(trim({text})), '^[A-Z]{{3}}$'), '')"
    if kind == "month":
        return f"CAST(date_trunc('month', {cell}) AS DATE)" if is_date else "CAST(NULL AS DATE)"
    if is_date:
        return f"CAST(NULL AS {DATABASE_TYPES[kind]})"
    if kind == "boolean":
        return cell if database_type == "BOOLEAN" else f"CASE WHEN {cell} = 1 THEN true WHEN {cell} = 0 THEN false END"
    number = f"CASE WHEN isfinite(CAST({cell} AS DOUBLE)) THEN {cell} END"
    if kind == "integer":
        return f"CASE WHEN CAST({cell} AS DOUBLE) = trunc(CAST({cell} AS DOUBLE)) THEN TRY_CAST({number} AS BIGINT) END"
    return f"TRY_CAST({number} AS {DATABASE_TYPES[kind]})"


def _as_text(cell: str, database_type: str) -> str:
    """Return an identifier as text: 1.0, which pandas makes of 1 beside a gap, is '1'."""
    plain = f"CAST({cell} AS VARCHAR)"
    if database_type in ("DOUBLE", "FLOAT"):
        return f"CASE WHEN {cell} = trunc({cell}) AND abs({cell}) < 1e15 THEN CAST(CAST({cell} AS BIGINT) AS VARCHAR) ELSE {plain} END"
    return plain if database_type in _INTEGERS else f"nullif(trim({plain}), '')"


def _extra(name: str, database_type: str) -> str:
    """Return an extra column as it is, but enumerations as text and instants in UTC."""
    cell = sql.name(name)
    if database_type.startswith("ENUM"):
        return f"CAST({cell} AS VARCHAR)"
    return _in_utc(cell) if database_type in _ZONED else cell


def _in_utc(cell: str) -> str:
    return f"timezone('UTC', CAST({cell} AS TIMESTAMPTZ))"
