"""Tables of features read for personas: whose numbers, of which columns, and who never used the product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.errors import MissingColumnsError, ParameterError

Floats = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]
Missing = Literal["refuse", "complete", "median"]

NEVER_USED, UNASSIGNED = "never used", "unassigned"
"""What stands for a persona where an account has none."""

USAGE = ("active_days_28", "active_users_28", "seat_share_28", "features_used_28", "key_uses_per_user_28")
"""Columns of `health_features` that are 0 for whom has not used the product."""

_KEYS = ("account_id", "at")


@dataclass(frozen=True)
class Choice:
    """Which columns of a table are features, which tell who never used the product (none: nobody is set apart), and what a missing value does."""

    names: tuple[str, ...]
    usage: tuple[str, ...]
    missing: Missing


class Rows(NamedTuple):
    """A table by account: the numbers of the features, and which accounts were never used or lack a value."""

    accounts: pd.Series
    numbers: Floats
    never: Truths
    lacking: Truths

    @property
    def grouped(self) -> Truths:
        """Return which accounts personas are made of."""
        return ~(self.never | self.lacking)


def chosen(features: pd.DataFrame, *, columns: Sequence[str] | None, usage: Sequence[str] | None, split: bool, missing: Missing) -> Choice:
    """Return which columns of a table are features and which tell who never used the product.

    Raises
    ------
    MissingColumnsError, ParameterError
        It is no table, has no column of numbers, or lacks a named one.
    """
    if not isinstance(features, pd.DataFrame):
        raise ParameterError(f"features must be a table (DataFrame) with account_id and columns of numbers, not {type(features).__name__}.")
    names = _named("columns", columns) or tuple(name for name in features.columns if name not in _KEYS and _numeric(features[name]))
    if not names:
        raise ParameterError("features has no column of numbers beside account_id and at. Make some, for example with health_features.")
    _present(features, (*names, *(usage or ())))
    if not split:
        return Choice(names, (), missing)
    known = tuple(name for name in USAGE if name in features.columns)
    never_negative = tuple(name for name in names if not (_numbers(features, name) < 0).any())
    return Choice(names, _named("usage", usage) or known or never_negative, missing)


def persona_rows(features: pd.DataFrame, choice: Choice) -> Rows:
    """Return the features of each account, by account.

    An account was never used if all its known values of the usage columns are 0, and at least one is known.

    Raises
    ------
    MissingColumnsError, ParameterError
        A column is absent or not of numbers; an account is there twice or missing; several dates; a value is missing and that is refused.
    """
    _present(features, (*choice.names, *choice.usage))
    _one_row_each(features)
    table = features.sort_values("account_id", key=_sortable, kind="stable", ignore_index=True)
    values = np.column_stack([_numbers(table, name) for name in choice.names])
    used = [_numbers(table, name) for name in choice.usage]
    never = _never(np.column_stack(used)) if used else np.zeros(len(table), dtype=bool)
    lacking = np.isnan(values).any(axis=1) & ~never
    return Rows(table["account_id"], values, never, lacking & (choice.missing != "median"))


def refuse_missing(rows: Rows, choice: Choice) -> None:
    """Raise `ParameterError` where an account that personas are made of lacks a value, if that is refused."""
    if choice.missing == "refuse" and rows.lacking.any():
        counts = np.isnan(rows.numbers[rows.lacking]).sum(axis=0)
        told = ", ".join(f"{name} ({count})" for name, count in zip(choice.names, counts, strict=True) if count)
        first = rows.accounts[rows.lacking].iloc[0]
        raise ParameterError(
            f"every account needs a value of each feature; {int(rows.lacking.sum())} lack one, the first {first!r}: {told}. Leave these features out with "
            "columns=, or choose missing='complete' (such accounts are unassigned) or missing='median'."
        )


def _never(used: Floats) -> Truths:
    """Return which rows have a known value, and none but 0."""
    known = ~np.isnan(used)
    return np.asarray(known.any(axis=1) & ~(known & (used != 0)).any(axis=1))


def _named(argument: str, names: Sequence[str] | None) -> tuple[str, ...]:
    given = (names,) if isinstance(names, str) else tuple(names or ())
    if names is not None and (not given or len(set(given)) < len(given) or set(given) & set(_KEYS)):
        raise ParameterError(f"{argument} must name at least one column of numbers, none twice, and neither account_id nor at; not {names!r}.")
    return given


def _present(features: pd.DataFrame, names: Sequence[str]) -> None:
    if absent := [name for name in dict.fromkeys(("account_id", *names)) if name not in features.columns]:
        raise MissingColumnsError(absent, features.columns, table="features")


def _one_row_each(features: pd.DataFrame) -> None:
    accounts = features["account_id"]
    if accounts.isna().any():
        raise ParameterError(f"every row needs an account_id; row {int(accounts.isna().to_numpy().argmax())} has none. Drop it.")
    if "at" in features.columns and len(dates := features["at"].drop_duplicates()) > 1:
        first, second = dates.iloc[:2]
        raise ParameterError(f"personas are of one date, but features has several, such as {first} and {second}. Take one: features[features['at'] == ...].")
    if accounts.duplicated().any():
        raise ParameterError(f"features must have one row an account; {accounts[accounts.duplicated()].iloc[0]!r} has two. Drop one of them.")


def _numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column)


def _numbers(table: pd.DataFrame, name: str) -> Floats:
    try:
        values = np.asarray(table[name].to_numpy("float64", na_value=np.nan))
    except (TypeError, ValueError) as error:
        raise ParameterError(f"the feature '{name}' must be made of numbers: {error}. Convert the column or leave it out with columns=.") from error
    if np.isinf(values).any():
        raise ParameterError(f"the feature '{name}' must be finite; account {table['account_id'][np.isinf(values)].iloc[0]!r} has an infinite value.")
    return values


def _sortable(accounts: pd.Series) -> pd.Series:
    return accounts.astype(str) if accounts.dtype == object else accounts
