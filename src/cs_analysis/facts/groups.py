"""Grouping by a column: of the table in question if it has it, else of `accounts`."""

from __future__ import annotations

from collections.abc import Sequence

import ibis.expr.types as ir

from cs_analysis.data.dataset import Dataset, relation
from cs_analysis.errors import MissingColumnsError, ParameterError

By = str | Sequence[str] | None
MISSING_GROUP = "(missing)"


def by_columns(by: By) -> list[str]:
    """Return `by` as a list of column names."""
    columns = [] if by is None else [by] if isinstance(by, str) else list(by)
    if len(set(columns)) < len(columns) or not all(isinstance(column, str) for column in columns):
        raise ParameterError(f"by must be a column name or a list of different names, not {by!r}.")
    return columns


def with_groups(ds: Dataset, expression: ir.Table, by: By, *, table: str) -> ir.Table:
    """Return the rows of known accounts, with the columns of `by`; a missing text value is the group "(missing)".

    `expression` is made of `table` and still has its `account_id`. Rows of accounts that are not known yet at `as_of` are
    dropped: an account that starts later changes nothing.

    Raises
    ------
    MissingColumnsError
        Neither `table` nor `accounts` has a column of `by`.
    """
    columns = by_columns(by)
    own, accounts = ds.tables[table].columns, ds.tables["accounts"].columns
    missing = [column for column in columns if column not in (*own, *accounts)]
    if missing:
        raise MissingColumnsError(missing, dict.fromkeys((*own, *accounts)), table=table)
    theirs = [column for column in columns if column not in own or column not in expression.columns]
    joined = expression.inner_join(relation(ds, "accounts").select("account_id", *theirs), "account_id")
    return joined.mutate(**{column: joined[column].fill_null(MISSING_GROUP) for column in columns if joined[column].type().is_string()})
