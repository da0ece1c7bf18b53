"""Grouping by a column: of the table in question if it has it, else of `accounts`.

Inside the database a group column is called `by.<name>`, so that a company's own column may be called anything: no column
of a dataset has a dot in its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.dataset import Dataset, relation
from cs_analysis.errors import MissingColumnsError, ParameterError

By = str | Sequence[str] | None
MISSING_GROUP = "(missing)"
_PREFIX = "by."


def by_columns(by: By) -> list[str]:
    """Return `by` as a list of column names.

    Raises
    ------
    ParameterError
        It is neither a name nor a list of different names.
    """
    columns: list[str] = [] if by is None else list(by) if isinstance(by, Iterable) and not isinstance(by, str) else [by]
    if not all(isinstance(column, str) for column in columns) or len(set(columns)) < len(columns):
        raise ParameterError(f"by must be a column name or a list of different names, not {by!r}.")
    return columns


def group_columns(by: By) -> list[str]:
    """Return the names that the columns of `by` have inside the database."""
    return [_PREFIX + column for column in by_columns(by)]


def as_named(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table from the database with the group columns under the caller's names.

    Raises
    ------
    ParameterError
        The result has a column of its own under one of the names.
    """
    named = frame.rename(columns=lambda column: column.removeprefix(_PREFIX))
    if len(twice := named.columns[named.columns.duplicated()]):
        raise ParameterError(f"a key column may not be called {twice[0]!r} here: the result has a column of that name. Rename it in the table.")
    return named


def with_groups(ds: Dataset, expression: ir.Table, by: By, *, table: str | None) -> ir.Table:
    """Return the rows of known accounts, with the columns of `by`; a missing text value is the group "(missing)".

    `expression` has an `account_id`; where it is made of rows of `table`, that table's own columns come first. Rows of
    accounts that are not known yet at `as_of` are dropped: an account that starts later changes nothing.

    Raises
    ------
    MissingColumnsError
        Neither `table` nor `accounts` has a column of `by`.
    """
    columns = by_columns(by)
    own, accounts = ds.tables[table].columns if table else (), ds.tables["accounts"].columns
    missing = [column for column in columns if column not in (*own, *accounts)]
    if missing:
        raise MissingColumnsError(missing, dict.fromkeys((*own, *accounts)), table=table or "accounts")
    from_own = [column for column in columns if column in own and column in expression.columns]
    theirs = {_PREFIX + column: column for column in columns if column not in from_own}
    grouped = expression.mutate(**{_PREFIX + column: expression[column] for column in from_own})
    joined = grouped.inner_join(relation(ds, "accounts").select("account_id", **theirs), "account_id")
    return joined.mutate(**{name: joined[name].fill_null(MISSING_GROUP) for name in group_columns(by) if joined[name].type().is_string()})
