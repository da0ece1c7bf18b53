"""From raw cells to the contract's types: one SQL expression a column, and beside it what was unreadable.

A typed relation has `_row`, the contract's columns (those the source lacks are missing throughout), the source's extra
columns, and for each column that can go wrong a flag: `bad.x` (unreadable), `naive.x` (an instant without time zone) or
`clash.x` (written in another way than the rest). No column of a source has a dot in its name: reading it makes it `_`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cs_analysis.data import sql
from cs_analysis.data.contract import TABLES, Column, Kind, Table
from cs_analysis.data.engine import Engine, select_list
from cs_analysis.data.findings import Finding
from cs_analysis.data.sources import Raw
from cs_analysis.data.text_cells import BLANKS
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
    """A table under the contract's types.

    `present` are the source's columns, contract columns first; `clashes` holds for a column with `clash.` what clashes in it.
    """

    table: Table
    relation: str
    present: tuple[str, ...]
    flags: frozenset[str]
    raw: Raw
    clashes: Mapping[str, Finding]


def typed_table(engine: Engine, raw: Raw, *, timezone: str | None) -> tuple[Typed, list[Finding]]:
    """Return the typed relation of a raw one and what its text columns disagree about."""
    table = TABLES[raw.table]
    kinds = _kinds(engine, raw, table)
    text = {name: kind for name, kind in kinds.items() if raw.types[name] == "VARCHAR"}
    readers, found = read_text_columns(engine.connection, raw.relation, text, table=raw.table, timezone=timezone)
    readers |= {name: TextColumn(sql.name(name), f"{sql.name(name)} IS NULL") for name in _clean(engine, raw, text)}
    readers |= {name: _native(name, kind, raw.types[name], timezone=timezone) for name, kind in kinds.items() if name not in readers}
    columns = _expressions(table, readers, raw.types)
    columns |= {name: _extra(name, raw.types[name]) for name in raw.columns if name not in kinds}
    relation = engine.unique(f"typed_{raw.table}")
    parsed = any(kind not in ("text", "currency") for kind in text.values())
    engine.execute(f"CREATE {'TABLE' if parsed else 'VIEW'} {sql.name(relation)} AS SELECT _row, {select_list(columns)} FROM {sql.name(raw.relation)}")
    present = tuple(dict.fromkeys(name for name in (*table.column_names, *raw.columns) if name in raw.types))
    clashes = {finding.column: finding for finding in found if f"clash.{finding.column}" in columns and finding.severity == "error"}
    remaining = [finding for finding in found if finding not in clashes.values()]
    return Typed(table, relation, present, frozenset(name for name in columns if "." in name), raw, clashes), remaining


def _clean(engine: Engine, raw: Raw, text: Mapping[str, Kind]) -> list[str]:
    """Return the columns of plain text that can be used as they are: no cell is empty, or begins or ends with white space."""
    names = [name for name, kind in text.items() if kind == "text"]
    if not names:
        return []
    unclean = ", ".join(f"bool_or({_is_unclean(sql.name(name))})" for name in names)
    flags = engine.rows(f"SELECT {unclean} FROM {sql.name(raw.relation)}")[0]
    return [name for name, flag in zip(names, flags, strict=True) if not flag]


def _is_unclean(cell: str) -> str:
    edges = [f"{test}({cell}, {sql.literal(blank)})" for test in ("prefix", "suffix") for blank in BLANKS]
    return " OR ".join([f"{cell} = ''", *edges])


def _kinds(engine: Engine, raw: Raw, table: Table) -> dict[str, Kind]:
    """Return the kind of every column that has to be read: the contract's, and extra columns that came as text."""
    kinds = {column.name: column.kind for column in table.columns if column.name in raw.types}
    extra = [name for name in raw.columns if name not in kinds and raw.types[name] == "VARCHAR"]
    return kinds | {name: infer_kind(engine.connection, raw.relation, name) for name in extra}


def _expressions(table: Table, readers: Mapping[str, TextColumn], types: Mapping[str, str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for column in table.columns:
        if column.name not in readers:
            columns[column.name] = f"CAST(NULL AS {DATABASE_TYPES[column.kind]})"
            continue
        reader = _folded(column, readers[column.name])
        columns[column.name] = reader.value
        unread, told = f"({reader.value}) IS NULL", [test for test in (reader.missing, reader.naive, reader.clash) if test]
        if column.choices or not _certain(column.kind, types[column.name]):
            columns[f"bad.{column.name}"] = " AND NOT ".join([unread, *(f"({test})" for test in told)])
        if reader.naive:
            columns[f"naive.{column.name}"] = f"{unread} AND ({reader.naive})"
        if reader.clash:
            columns[f"clash.{column.name}"] = f"({reader.clash})"
    return columns | {name: reader.value for name, reader in readers.items() if name not in columns}


def _certain(kind: Kind, database_type: str) -> bool:
    """Return whether every cell of a database type can be read as the kind, so that no flag is needed."""
    is_date = database_type == "DATE" or database_type.startswith("TIMESTAMP")
    return (
        kind == "text" or (kind == "instant" and database_type in _ZONED) or (kind == "month" and is_date) or (kind == "boolean" and database_type == "BOOLEAN")
    )


def _folded(column: Column, reader: TextColumn) -> TextColumn:
    if not column.folded:
        return reader
    folded = f"lower(translate({reader.value}, 'İIı', 'iii'))"
    if column.choices:
        allowed = ", ".join(sql.literal(choice) for choice in column.choices)
        folded = f"CASE WHEN {folded} IN ({allowed}) THEN {folded} END"
    return replace(reader, value=folded)


def _native(name: str, kind: Kind, database_type: str, *, timezone: str | None) -> TextColumn:
    """Return how to read a column that already has a type of its own."""
    cell = sql.name(name)
    is_float = database_type in ("DOUBLE", "FLOAT")
    missing = f"({cell} IS NULL OR isnan({cell}))" if is_float else f"({cell} IS NULL)"
    if kind == "instant":
        return _native_instant(cell, database_type, missing=missing, timezone=timezone)
    return TextColumn(f"CASE WHEN NOT {missing} THEN {_native_value(cell, kind, database_type)} END", missing, None)


def _native_instant(cell: str, database_type: str, *, missing: str, timezone: str | None) -> TextColumn:
    if database_type in _ZONED:
        return TextColumn(_in_utc(cell, database_type), missing, None)
    if database_type != "DATE" and not database_type.startswith("TIMESTAMP"):
        return TextColumn("CAST(NULL AS TIMESTAMP)", missing, None)
    if timezone is None:
        return TextColumn("CAST(NULL AS TIMESTAMP)", missing, f"{cell} IS NOT NULL")
    local = f"CAST({cell} AS TIMESTAMP)"
    # Without this, every event would pay for two conversions that change nothing.
    placed = local if timezone == "UTC" else f"CAST(timezone('UTC', timezone({sql.literal(timezone)}, {local})) AS TIMESTAMP)"
    return TextColumn(placed, missing, None)


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
    return _in_utc(cell, database_type) if database_type in _ZONED else cell


def _in_utc(cell: str, database_type: str) -> str:
    instant = f"CAST({cell} AS TIMESTAMPTZ)" if database_type == "TIMESTAMPTZ_NS" else cell
    return f"make_timestamp(epoch_us({instant}))"
