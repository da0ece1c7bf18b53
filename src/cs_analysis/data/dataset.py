"""A dataset: the checked tables and the moment they end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType

import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data import sql
from cs_analysis.data.calendar import Calendar
from cs_analysis.data.contract import TABLES
from cs_analysis.data.engine import Engine, select_list, still_there
from cs_analysis.data.masking import known_rows, known_values
from cs_analysis.data.surveys import Scale
from cs_analysis.errors import MissingColumnsError, MissingTableError, ParameterError

_PANDAS_TYPES = {"BIGINT": "Int64", "BOOLEAN": "boolean"}


@dataclass(frozen=True)
class Stored:
    """One checked table in the database, with all its dates: `columns` are the source's, the relation has the contract's as well."""

    name: str
    relation: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class TableHandle:
    """One table as known at the dataset's `as_of`. Its rows stay in the database until asked for."""

    name: str
    columns: tuple[str, ...]
    _view: str = field(repr=False)
    _engine: Engine = field(repr=False, compare=False)

    def head(self, n: int = 5) -> pd.DataFrame:
        """Return the first `n` rows in key order, instants in UTC."""
        return self._frame(self.columns, f"LIMIT {int(n)}")

    def to_pandas(self, columns: Iterable[str] | None = None) -> pd.DataFrame:
        """Return the rows in key order, all columns or the named ones; instants are in UTC, money is float64.

        Raises
        ------
        MissingColumnsError
            A named column is not in the table.
        """
        wanted = self.columns if columns is None else tuple(columns)
        missing = [column for column in wanted if column not in self.columns]
        if missing:
            raise MissingColumnsError(missing, self.columns, table=self.name)
        return self._frame(wanted, "")

    def _frame(self, columns: tuple[str, ...], limit: str) -> pd.DataFrame:
        with still_there():
            types = self._engine.describe(self._view)
            shown = {name: f"timezone('UTC', {sql.name(name)})" if types[name] == "TIMESTAMP" else sql.name(name) for name in columns}
            order = ", ".join(sql.name(name) for name in TABLES[self.name].key or types)
            frame = self._engine.execute(f"SELECT {select_list(shown)} FROM {sql.name(self._view)} ORDER BY {order} {limit}").df()
        return frame.astype({name: _PANDAS_TYPES[types[name]] for name in columns if types[name] in _PANDAS_TYPES})


@dataclass(frozen=True, eq=False)
class Dataset:
    """Checked tables and the moment they end. Made by `read_dataset`; has no analysis methods.

    Attributes
    ----------
    as_of : Timestamp
        The last instant that counts, in the calendar's zone.
    calendar : Calendar
        Time zone, weeks, fiscal year and business hours.
    currency : str or None
        The reporting currency; None without any amount.
    scales : mapping
        Name -> answer scale: those that scores were checked against.
    tables : mapping
        Name -> handle with `columns`, `head()` and `to_pandas()`.
    findings : DataFrame
        What the check found (see `check_dataset`): warnings, and in quarantine mode the errors whose rows were set aside.
    ignored_rows : mapping
        Table -> number of rows dated after `as_of`, which nothing sees.
    """

    as_of: pd.Timestamp
    calendar: Calendar
    currency: str | None
    findings: pd.DataFrame = field(repr=False)
    _engine: Engine = field(repr=False)
    _stored: Mapping[str, Stored] = field(repr=False)
    scales: Mapping[str, Scale] = field(repr=False)
    tables: Mapping[str, TableHandle] = field(init=False, repr=False)
    ignored_rows: Mapping[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        handles = {name: _handle(self._engine, stored, self.as_of) for name, stored in self._stored.items()}
        ignored = {name: _rows_after(self._engine, stored, self.as_of) for name, stored in self._stored.items()}
        object.__setattr__(self, "tables", MappingProxyType(handles))
        object.__setattr__(self, "ignored_rows", MappingProxyType(ignored))

    def at(self, as_of: date | str | pd.Timestamp) -> Dataset:
        """Return the same checked data seen from an earlier moment, without reading it again.

        Rows dated later are gone; values recorded later are missing. Undated columns (plan, seats, csm) stay as of the
        export.

        Raises
        ------
        ParameterError
            The moment is later than this dataset's own: the later rows were never checked.
        """
        moment = self.calendar.end_of(as_of)
        if moment > self.as_of:
            raise ParameterError(f"ds.at() looks back: {moment} is after the dataset's as_of {self.as_of}. Read the dataset with the later as_of.")
        return replace(self, as_of=moment)


def engine_of(ds: Dataset) -> Engine:
    """Return the engine that holds a dataset."""
    return ds._engine


def relation(ds: Dataset, table: str, *needed: str) -> ir.Table:
    """Return a table as known at the dataset's `as_of`, for expressions; the contract's columns are all there.

    Raises
    ------
    MissingTableError, MissingColumnsError
        The dataset lacks the table, or the source lacked one of the `needed` columns.
    """
    if table not in ds.tables:
        raise MissingTableError(table, ds.tables)
    handle = ds.tables[table]
    missing = [column for column in needed if column not in handle.columns]
    if missing:
        raise MissingColumnsError(missing, handle.columns, table=table)
    return ds._engine.table(handle._view)


def cutoff(ds: Dataset) -> pd.Timestamp:
    """Return the first instant that no longer counts, in UTC without zone: the end of [start, as_of]."""
    return (ds.as_of + pd.Timedelta(1, "us")).tz_convert("UTC").tz_localize(None)


def _handle(engine: Engine, stored: Stored, as_of: pd.Timestamp) -> TableHandle:
    view, table = engine.unique(stored.name), TABLES[stored.name]
    listed = ", ".join(sql.name(name) for name in engine.describe(stored.relation) if name != "_row" and not name.startswith(("bad.", "naive.", "clash.")))
    known = f"SELECT * {known_values(table, as_of)} FROM {sql.name(stored.relation)} WHERE {known_rows(table, as_of)}"
    engine.execute(f"CREATE VIEW {sql.name(view)} AS SELECT {listed} FROM ({known})")
    return TableHandle(stored.name, stored.columns, view, engine)


def _rows_after(engine: Engine, stored: Stored, as_of: pd.Timestamp) -> int:
    return int(engine.rows(f"SELECT count(*) FROM {sql.name(stored.relation)} WHERE NOT ({known_rows(TABLES[stored.name], as_of)})")[0][0])
