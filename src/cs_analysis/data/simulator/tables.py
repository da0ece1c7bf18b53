"""Arrow tables of the data contract from arrays: instants in seconds, categories as numbers, identifiers from account numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cs_analysis.data.contract import TABLES, Kind
from cs_analysis.data.simulator.arrays import NEVER, Ints

_MICROSECONDS = 1_000_000
_TYPES: Mapping[Kind, pa.DataType] = {
    "text": pa.string(),
    "currency": pa.string(),
    "instant": pa.timestamp("us", "UTC"),
    "month": pa.date32(),
    "number": pa.float64(),
    "money": pa.decimal128(18, 4),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
}


def schema(name: str) -> pa.Schema:
    """Return the Arrow schema of a table of the contract."""
    return pa.schema([pa.field(column.name, _TYPES[column.kind]) for column in TABLES[name].columns])


def make_table(name: str, columns: Mapping[str, Any]) -> pa.Table:
    """Return a table of the contract; a text column is given as an Arrow array, any other as a numpy or Arrow array."""
    declared = TABLES[name].columns
    return pa.table({column.name: _column(column.kind, columns[column.name]) for column in declared})


def _column(kind: Kind, values: Any) -> pa.Array:
    if isinstance(values, pa.Array):
        return values
    if kind == "instant":
        return pa.array(np.minimum(values, NEVER // _MICROSECONDS) * _MICROSECONDS, _TYPES[kind], mask=values >= NEVER)
    if kind == "number":
        return pa.array(values, pa.float64(), mask=np.isnan(values))
    if kind == "money":
        return pc.cast(pa.array(values, pa.float64()), _TYPES[kind])
    return pa.array(values, _TYPES[kind])


def missing_where(values: Any, absent: Any) -> pa.Array:
    """Return the values with those missing where `absent` is true."""
    return pa.array(values, mask=np.asarray(absent))


def named(numbers: Ints, labels: Sequence[str] | pa.Array) -> pa.DictionaryArray:
    """Return the labels of category numbers; a number below 0 is missing."""
    values = labels if isinstance(labels, pa.Array) else pa.array(labels, pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(numbers, pa.int32(), mask=numbers < 0), values)


def padded(number: Any, width: int) -> pa.Array:
    """Return whole numbers as text of at least `width` digits."""
    return pc.utf8_lpad(pc.cast(pa.array(number, pa.int64()), pa.string()), width, "0")


def account_ids(index: Ints) -> pa.Array:
    """Return account identifiers, such as A00017 for account 17."""
    return joined("A", padded(index, 5))


def identifiers(prefix: str, index: Ints, number: Any, *, width: int) -> pa.Array:
    """Return identifiers of things of an account, such as T00017-003 for ticket 3 of account 17."""
    return joined(prefix, padded(index, 5), "-", padded(number, width))


def joined(*parts: Any) -> pa.Array:
    """Return text put together row by row."""
    return pc.binary_join_element_wise(*parts, "")


def plain(table: pa.Table) -> pa.Table:
    """Return the table with every text column as plain strings."""
    fields = [pa.field(field.name, pa.string() if pa.types.is_dictionary(field.type) else field.type) for field in table.schema]
    return table.cast(pa.schema(fields))
