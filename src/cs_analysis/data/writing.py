"""Writing a dataset to a folder that `read_dataset` reads back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal, get_args

from cs_analysis.data import sql
from cs_analysis.data.contract import TABLES
from cs_analysis.data.dataset import Dataset, engine_of
from cs_analysis.data.engine import select_list
from cs_analysis.errors import ParameterError

Format = Literal["parquet", "csv"]


def write_dataset(ds: Dataset, folder: str | Path, *, format: Format = "parquet") -> Path:  # noqa: A002 - the word users expect
    """Write the tables as known at the dataset's `as_of` and return the folder.

    Parameters
    ----------
    ds : Dataset
        What to write; rows and values after its `as_of` are not written.
    folder : path
        A new or empty folder. It appears whole or not at all.
    format : {"parquet", "csv"}
        Parquet keeps the types; CSV is for reading by eye, instants in ISO 8601 with Z.

    Returns
    -------
    Path
        The folder, which `read_dataset` accepts.

    Raises
    ------
    ParameterError
        The folder has something in it, or the format is unknown.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> from tempfile import TemporaryDirectory
    >>> ds, _ = cs.simulate_company(accounts=5, months=2)
    >>> with TemporaryDirectory() as folder:
    ...     print(sorted(path.name for path in write_dataset(ds, folder).iterdir())[:2])
    ['accounts.parquet', 'actions.parquet']
    """
    folder = Path(folder)
    if format not in get_args(Format):
        raise ParameterError(f"format must be 'parquet' or 'csv', not {format!r}.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ParameterError(f"{folder} must be a new or empty folder; choose another name or empty it.")
    building = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    for name in ds.tables:
        _write_table(ds, name, building / f"{name}.{format}")
    if folder.exists():
        folder.rmdir()
    building.rename(folder)
    return folder


def _write_table(ds: Dataset, name: str, path: Path) -> None:
    engine, handle = engine_of(ds), ds.tables[name]
    types = engine.describe(handle._view)
    as_csv = path.suffix == ".csv"
    shown = {column: _cell(column, types[column], as_csv=as_csv) for column in handle.columns}
    order = ", ".join(sql.name(column) for column in TABLES[name].key or (TABLES[name].dated_by, *TABLES[name].required))
    options = "FORMAT csv, HEADER" if as_csv else "FORMAT parquet, COMPRESSION zstd"
    engine.execute(f"COPY (SELECT {select_list(shown)} FROM {sql.name(handle._view)} ORDER BY {order}) TO {sql.literal(str(path))} ({options})")


def _cell(column: str, database_type: str, *, as_csv: bool) -> str:
    cell = sql.name(column)
    if database_type != "TIMESTAMP":
        return cell
    return f"strftime({cell}, '%Y-%m-%dT%H:%M:%S.%fZ')" if as_csv else f"timezone('UTC', {cell})"
