"""The columns of a single table of responses, read as a dataset reads them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from cs_analysis.data.surveys import folded
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import MISSING_GROUP


def table_of(source: Any) -> pd.DataFrame:
    """Return a pandas, polars or Arrow table as a pandas one whose index numbers the rows.

    Raises
    ------
    ParameterError
        It is no table.
    """
    table = source.collect() if hasattr(source, "collect") else source
    if not isinstance(table, pd.DataFrame) and not hasattr(table, "to_pandas"):
        raise ParameterError(f"a score needs a Dataset or the table of responses, not {type(source).__name__}.")
    return (table if isinstance(table, pd.DataFrame) else table.to_pandas()).reset_index(drop=True)


def accounts_of(table: pd.DataFrame) -> pd.Series:
    """Return who answers are clustered by: accounts, without them users, without those every answer for itself."""
    rows = pd.Series(table.index, index=table.index, dtype="object")
    if "account_id" in table:
        return table["account_id"].astype("object")
    return table["user_id"].astype("object").where(table["user_id"].notna(), rows) if "user_id" in table else rows


def instants_of(column: pd.Series) -> pd.Series:
    """Return instants as UTC without zone; those without a zone are read as UTC.

    Raises
    ------
    ParameterError
        The column holds something else.
    """
    text = {} if pd.api.types.is_datetime64_any_dtype(column) else {"format": "ISO8601"}
    try:
        return pd.to_datetime(column, utc=True, **text).dt.tz_localize(None).astype("datetime64[us]")
    except (ValueError, TypeError) as error:
        raise ParameterError(f"{column.name} must hold instants: {error}. Convert the column first.") from error


def code_words(column: pd.Series, missing: str) -> pd.Series:
    """Return names of surveys or scales as code words are read, with `missing` where there is none."""
    words = column.astype("object").where(column.notna(), missing)
    return words.map(lambda word: folded(str(word).strip())).astype("object")


def named_missing(group: pd.Series) -> pd.Series:
    """Return the groups with a missing text as "(missing)"; other missing values stay, as they do in a dataset."""
    plain = group.astype(group.cat.categories.dtype) if isinstance(group.dtype, pd.CategoricalDtype) else group
    return plain.astype("object").fillna(MISSING_GROUP) if pd.api.types.infer_dtype(plain, skipna=True) in ("string", "empty") else plain
