"""Drivers and outcome of each row, checked, with open rules for what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Number
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Missing = Literal["refuse", "complete", "pairwise", "not_applicable"]

_ALIKE = 1e-9  # variance that a column must have beyond the others', as a share of its own


class Ratings(NamedTuple):
    """Rows that count.

    Attributes
    ----------
    x : array, rows x drivers
        Answers; missing where the rule for missing answers keeps such rows.
    y : array
        The outcome.
    owners : array
        Number of each row's cluster.
    drivers : list of str
        Names of the columns of x.
    answered : Series
        Of each driver and the outcome, the share of the table's rows that have an answer.
    given : int
        Rows of the table.
    """

    x: Floats
    y: Floats
    owners: Integers
    drivers: list[str]
    answered: pd.Series
    given: int

    @property
    def clusters(self) -> int:
        """Number of clusters."""
        return int(self.owners.max()) + 1


def read_ratings(table: pd.DataFrame, *, outcome: str, drivers: Sequence[str], cluster: str | None, missing: Missing) -> Ratings:
    """Return the rows of a table that count.

    Raises
    ------
    MissingColumnsError
        A named column is absent.
    ParameterError
        No driver or one twice; a column of other things than numbers; a missing answer under `missing="refuse"`, a missing cluster; a driver that
        others determine.
    NotEnoughDataError
        No more rows than drivers and one, or a column that is the same in all of them.
    """
    names = _named(table, outcome=outcome, drivers=drivers, cluster=cluster)
    values = pd.DataFrame({name: _numbers(table[name]) for name in [*names, outcome]})
    values, owners = _in_order(values, None if cluster is None else _owners(table[cluster]))
    known = values.notna()
    kept = _kept(known, missing, outcome=outcome)
    x, y = values.loc[kept, names].to_numpy(), values.loc[kept, outcome].to_numpy()
    if len(y) < len(names) + 2:
        raise NotEnoughDataError(
            f"so many drivers ({len(names)}) need at least {len(names) + 2} rows with answers; there are {len(y)}. Use more data or fewer drivers."
        )
    _refuse_constant(pd.DataFrame(x, columns=names).assign(**{outcome: y}))
    if missing in ("refuse", "complete"):
        refuse_determined(np.corrcoef(x.T).reshape(len(names), -1), names)
    return Ratings(x, y, pd.factorize(owners[kept.to_numpy()])[0].astype("int64"), names, known.mean(), len(values))


def refuse_determined(correlations: Floats, names: Sequence[str]) -> None:
    """Raise where a driver is a combination of others, by the drivers' correlations."""
    left = correlations.copy()
    for place, name in enumerate(names):
        if left[place, place] < _ALIKE:
            others = ", ".join(repr(other) for other in names[:place])
            raise ParameterError(f"no driver may say just what others say; {name!r} is determined by {others}. Leave one of them out.")
        left -= np.outer(left[:, place], left[place]) / left[place, place]


def _named(table: pd.DataFrame, *, outcome: str, drivers: Sequence[str], cluster: str | None) -> list[str]:
    """Return the names of the drivers."""
    names = [drivers] if isinstance(drivers, str) else list(drivers)
    if not names:
        raise ParameterError("drivers must name at least one column; it is empty.")
    if twice := [name for place, name in enumerate(names) if name in [*names[:place], outcome, cluster]]:
        raise ParameterError(f"drivers, outcome and cluster must be different columns; {twice[0]!r} is named twice.")
    wanted = [*names, outcome, *([] if cluster is None else [cluster])]
    if absent := [name for name in wanted if name not in table.columns]:
        raise MissingColumnsError(absent, table.columns, table="of answers")
    if repeated := [name for name in wanted if list(table.columns).count(name) > 1]:
        raise ParameterError(f"a column must have a name of its own; the table has several columns {repeated[0]!r}. Rename or drop one.")
    return names


def _numbers(column: pd.Series) -> pd.Series:
    """Return a column of numbers, missing ones as such."""
    numeric = pd.api.types.is_numeric_dtype(column)
    strange = column.notna() & (False if numeric else ~column.map(lambda value: isinstance(value, Number)).astype("bool"))
    numbers = column if numeric else column.astype("object").where(~strange, np.nan)
    values = numbers.to_numpy("float64", na_value=np.nan)
    strange |= column.notna() & ~np.isfinite(values)
    if strange.any():
        place = int(np.argmax(strange.to_numpy()))
        (held,) = column.iloc[[place]].tolist()
        raise ParameterError(
            f"drivers and outcome must be finite numbers; row {place + 1} of {column.name!r} holds {held!r}. Convert ordered words to 1, 2, 3."
        )
    return pd.Series(values)


def _owners(column: pd.Series) -> Any:
    if column.isna().any():
        raise ParameterError(f"every row must say whose it is; row {int(np.argmax(column.isna())) + 1} has no {column.name!r}. Fill it in or leave it out.")
    return column.to_numpy()


def _in_order(values: pd.DataFrame, owners: Any) -> tuple[pd.DataFrame, Integers]:
    """Return rows and the numbers of their clusters in an order that does not depend on that of the table: what is drawn must not."""
    number = np.zeros(len(values), dtype="int64") if owners is None else pd.factorize(pd.Series(owners).astype("str"), sort=True)[0]
    place = np.lexsort([*values.to_numpy().T, number])
    return values.iloc[place].reset_index(drop=True), np.arange(len(values)) if owners is None else number[place]


def _kept(known: pd.DataFrame, missing: str, *, outcome: str) -> pd.Series:
    """Return which rows count."""
    if missing not in get_args(Missing):
        raise ParameterError(f"missing must be one of {', '.join(map(repr, get_args(Missing)))}, not {missing!r}.")
    if missing == "complete":
        return known.all(axis=1)
    if missing == "refuse" and not known.to_numpy().all():
        lacking = ", ".join(f"{name!r} in {count}" for name, count in (~known).sum().items() if count)
        raise ParameterError(
            f"a missing answer is not a middle one; of {len(known)} rows answers are missing for {lacking}; {int(known.all(axis=1).sum())} rows are complete. "
            "Say what it means: missing='complete' for the complete rows alone, 'pairwise' for each pair of columns its own rows, 'not_applicable' where the "
            "item does not concern the customer."
        )
    return known[outcome] & known.drop(columns=outcome).any(axis=1)


def _refuse_constant(values: pd.DataFrame) -> None:
    """Raise where a column does not vary."""
    low, high = values.min(), values.max()
    flat = low.isna() | (high - low <= 1e-12 * np.maximum(high.abs(), low.abs()))
    if flat.any():
        name = str(values.columns[int(np.argmax(flat))])
        what = "has no answer" if np.isnan(low[name]) else f"is {low[name]:g}"
        raise NotEnoughDataError(f"what is to be explained, and what by, must vary; {name!r} {what} in all of the {len(values)} rows that count. Leave it out.")
