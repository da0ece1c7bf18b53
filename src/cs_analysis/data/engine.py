"""The one place that talks to the database: DuckDB runs what Ibis compiles.

Ibis is used as a compiler only. Expressions are written over unbound tables, turned into SQL and run on our own
connection; no Ibis object leaves the package. The same expression compiles for other engines (`dialect="databricks"`).
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data import sql
from cs_analysis.errors import CSAnalysisError

_IBIS_TYPES = {
    "VARCHAR": "string",
    "TIMESTAMP": "timestamp(6)",
    "TIMESTAMP WITH TIME ZONE": "timestamp('UTC', 6)",
    "DATE": "date",
    "DOUBLE": "float64",
    "FLOAT": "float32",
    "BIGINT": "int64",
    "INTEGER": "int32",
    "SMALLINT": "int16",
    "TINYINT": "int8",
    "HUGEINT": "decimal(38, 0)",
    "UBIGINT": "uint64",
    "UINTEGER": "uint32",
    "BOOLEAN": "boolean",
}


class Engine:
    """A private DuckDB connection in UTC, with scratch space that goes away with it."""

    def __init__(self) -> None:
        scratch = tempfile.mkdtemp(prefix="cs-analysis-")
        self.scratch = Path(scratch)
        self.connection = duckdb.connect(config={"temp_directory": scratch, "preserve_insertion_order": "true"})
        self.connection.execute("SET TimeZone = 'UTC'")
        self._serial = 0
        weakref.finalize(self, shutil.rmtree, scratch, ignore_errors=True)

    def unique(self, stem: str) -> str:
        """Return a relation name that no other relation has."""
        self._serial += 1
        return f"{stem}_{self._serial}"

    def execute(self, query: str) -> duckdb.DuckDBPyConnection:
        """Run SQL of the data layer's own; running out of memory is retold as our error."""
        try:
            return self.connection.execute(query)
        except duckdb.OutOfMemoryException as error:
            raise CSAnalysisError(
                f"the query needs more memory than the database may use ({_first_line(error)}). "
                "Free memory, or give the tables as Parquet so that they are read in pieces."
            ) from error

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query as tuples."""
        return self.execute(query).fetchall()

    def describe(self, relation: str) -> dict[str, str]:
        """Return column name -> database type of a relation."""
        return {str(row[0]): str(row[1]) for row in self.rows(f"DESCRIBE SELECT * FROM {sql.name(relation)}")}

    def table(self, relation: str) -> ir.Table:
        """Return a relation of the database as an unbound Ibis table."""
        schema = {column: _ibis_type(kind) for column, kind in self.describe(relation).items()}
        return ibis.table(schema, name=relation)

    def run(self, expression: ir.Table) -> pd.DataFrame:
        """Run an expression and return its rows; the expression must state its order."""
        with still_there():
            return self.execute(compiled(expression)).df()

    def stage(self, expression: ir.Table) -> ir.Table:
        """Run an expression once into a temporary table that later expressions can scan again and again."""
        relation = self.unique("staged")
        with still_there():
            self.execute(f"CREATE TEMPORARY TABLE {sql.name(relation)} AS {compiled(expression)}")
        return self.table(relation)

    def lookup(self, frame: pd.DataFrame) -> ir.Table:
        """Return a small pandas table as a temporary table of the database."""
        relation = self.unique("lookup")
        instants = frame.select_dtypes("datetime").columns
        with self.registered(frame.astype(dict.fromkeys(instants, "datetime64[us]"))) as view:
            self.execute(f"CREATE TEMPORARY TABLE {sql.name(relation)} AS SELECT * FROM {sql.name(view)}")
        return self.table(relation)

    @contextmanager
    def registered(self, frame: object) -> Iterator[str]:
        """Make a data frame visible to SQL for the length of a block."""
        view = self.unique("frame")
        self.connection.register(view, frame)
        try:
            yield view
        finally:
            self.connection.unregister(view)


@contextmanager
def still_there() -> Iterator[None]:
    """Retell as our error that tables which were read and checked cannot be read any more; where they are is left out."""
    try:
        yield
    except duckdb.IOException as error:
        raise CSAnalysisError(
            "the tables cannot be read any more: a file has gone or was changed while it was in use, or the disk for what the database puts aside is "
            "full. Run again when the tables are complete."
        ) from error


def compiled(expression: ir.Table, dialect: str = "duckdb") -> str:
    """Return the SQL of an expression in a dialect."""
    return str(ibis.to_sql(expression, dialect=dialect, pretty=False))


def select_list(columns: Mapping[str, str]) -> str:
    """Return `expression AS "name", ...` for a mapping name -> SQL expression."""
    return ", ".join(f"{expression} AS {sql.name(column)}" for column, expression in columns.items())


def _ibis_type(kind: str) -> str:
    if kind.startswith("DECIMAL"):
        return kind.lower()
    return _IBIS_TYPES.get(kind, "string")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
