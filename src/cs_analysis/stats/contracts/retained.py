"""What the models of contracts read: how many of each cohort are still there after each renewal, checked and packed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.contracts.renewals import Floats

Flags = npt.NDArray[np.bool_]
Columns = str | Sequence[str] | None


@dataclass(frozen=True, eq=False)
class Retained:
    """Cohorts and what became of them at each renewal.

    Attributes
    ----------
    cohorts : DataFrame
        One row a cohort: its keys, its covariates, and `_size`, `_last` (renewals seen), `_left` (customers after the last of them).
    steps : DataFrame
        One row a cohort and renewal with customers: `cohort` (place in `cohorts`), `renewal` (1, 2, ...), `kept`, `lost`.
    keys, covariates : list of str
        Names of columns of `cohorts`; one may be both.
    """

    cohorts: pd.DataFrame
    steps: pd.DataFrame
    keys: list[str]
    covariates: list[str]

    @property
    def customers(self) -> int:
        """Number of customers."""
        return int(self.cohorts["_size"].sum())

    @property
    def columns(self) -> list[str]:
        """Names of the columns that keys and covariates have, each once."""
        return list(dict.fromkeys([*self.keys, *self.covariates]))

    @property
    def last(self) -> int:
        """Renewals seen of the cohort that was seen longest."""
        return int(self.cohorts["_last"].max())

    def table(self, *, until: Floats) -> pd.DataFrame:
        """Return the table of the cohorts, each up to a number of renewals; cohorts below 0 are left out."""
        place = np.concatenate([np.arange(len(self.cohorts)), self.steps["cohort"]])
        period = np.concatenate([np.zeros(len(self.cohorts), dtype="int64"), self.steps["renewal"]])
        left = np.concatenate([self.cohorts["_size"], self.steps["kept"]])
        rows = self.cohorts[self.columns].iloc[place].reset_index(drop=True).assign(period=period, retained=left)
        return rows[period <= until[place]].reset_index(drop=True)


def column_list(columns: Columns) -> list[str]:
    """Return names of columns as a list."""
    return [] if columns is None else [columns] if isinstance(columns, str) else list(columns)


def read_retained(retained: pd.DataFrame, *, cohort: Columns = None, covariates: Columns = None) -> Retained:
    """Return the customers of each cohort at each renewal.

    Parameters
    ----------
    retained : DataFrame
        `period` (0, 1, 2, ... renewals) and `retained` (customers still there after it; period 0 = size of the cohort).
    cohort : str or list of str, optional
        Columns that tell the cohorts apart. A younger cohort simply ends earlier.
    covariates : str or list of str, optional
        Columns that describe cohorts.

    Returns
    -------
    Retained

    Raises
    ------
    MissingColumnsError
        A column is missing.
    ParameterError
        Counts that no cohort can have: all kinds of them at once, each with its first row.
    NotEnoughDataError
        There is no row, or no renewal.

    Examples
    --------
    >>> read_retained(pd.DataFrame({"period": [0, 1, 2], "retained": [100, 63, 47]})).steps.to_dict("list")
    {'cohort': [0, 0], 'renewal': [1, 2], 'kept': [63.0, 47.0], 'lost': [37.0, 16.0]}
    """
    keys, described = column_list(cohort), column_list(covariates)
    missing = [name for name in (*keys, *described, "period", "retained") if name not in retained.columns]
    if missing:
        raise MissingColumnsError(missing, retained.columns, table="retained")
    if not len(retained):
        raise NotEnoughDataError("a table of retained customers needs at least one cohort; this one has no rows.")
    rows = retained[list(dict.fromkeys([*keys, *described, "period", "retained"]))].reset_index(drop=True)
    place = rows.groupby(keys, sort=True, dropna=False).ngroup() if keys else pd.Series(0, index=rows.index)
    refuse("retained customers must be possible ones", _faults(rows, place, described))
    return _packed(rows.assign(_place=place), keys, described)


def refuse(rule: str, faults: Iterator[str]) -> None:
    """Raise `ParameterError` with all faults, if there are any."""
    found = list(faults)
    if found:
        raise ParameterError(f"{rule}:\n" + "\n".join(f"* {fault}" for fault in found))


def _faults(rows: pd.DataFrame, place: pd.Series, described: list[str]) -> Iterator[str]:
    """Yield a sentence for every kind of row that no cohort can have; those between rows only once the numbers are sound."""
    wrong = [(name, fault) for name in ("period", "retained") for fault in _not_counts(rows[name], name)]
    yield from (fault for _, fault in wrong)
    for name in described:
        yield from _at(rows, rows[name].isna(), f"{name} may not be missing: fill it in or leave the cohort out")
        differs = rows.groupby(place)[name].transform("nunique") > 1
        yield from _at(rows, differs, f"{name} must be the same in all rows of a cohort: it describes customers as they came")
    if not wrong:
        yield from _broken_series(rows, place)


def _not_counts(values: pd.Series, name: str) -> Iterator[str]:
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        yield f"{name} must hold whole numbers, not {values.dtype}: convert the column."
        return
    numbers = values.to_numpy(dtype="float64", na_value=np.nan)
    wrong = pd.Series(~(np.isfinite(numbers) & (numbers >= 0) & (numbers == np.rint(numbers))))
    yield from _at(values.to_frame(), wrong, f"{name} must be whole numbers from 0: count heads, not shares or percentages")


def _broken_series(rows: pd.DataFrame, place: pd.Series) -> Iterator[str]:
    """Yield what is wrong between the rows of a cohort."""
    sorted_rows = rows.assign(_place=place).sort_values(["_place", "period"], kind="stable")
    groups = sorted_rows.groupby("_place")
    before, period = groups["retained"].shift(), sorted_rows["period"]
    number = groups.cumcount()
    again = sorted_rows.duplicated(["_place", "period"])
    yield from _at(rows, again, "a cohort may have one row a period: add the others up, or name the columns that tell cohorts apart in `cohort`")
    if again.any():
        return
    yield from _at(rows, (number == 0) & (period != 0), "a cohort must begin with period 0, the number of customers it began with")
    yield from _at(rows, (number > 0) & (period != groups["period"].shift() + 1), "a cohort may not leave a period out: there is none before this row")
    yield from _at(rows, sorted_rows["retained"] > before, "retained may not rise: customers who come back are a cohort of their own")
    yield from _at(rows, (number == 0) & (sorted_rows["retained"] == 0), "a cohort must have customers in period 0: leave it out")


def _at(rows: pd.DataFrame, wrong: pd.Series, rule: str) -> Iterator[str]:
    if wrong.any():
        first = wrong.index[wrong].min()
        values = ", ".join(f"{name} {rows[name].loc[first]!s}" for name in rows.columns)
        yield f"{rule} ({int(wrong.sum())} rows, first row {first + 1}: {values})."


def _packed(rows: pd.DataFrame, keys: list[str], described: list[str]) -> Retained:
    ordered = rows.sort_values(["_place", "period"], kind="stable")
    groups = ordered.groupby("_place")
    first, last = groups.head(1).set_index("_place"), groups.tail(1).set_index("_place")
    cohorts = first[list(dict.fromkeys([*keys, *described]))].assign(_size=first["retained"], _last=last["period"], _left=last["retained"])
    kept = ordered["retained"].astype("float64")
    before = groups["retained"].shift()
    steps = pd.DataFrame({"cohort": ordered["_place"], "renewal": ordered["period"].astype("int64"), "kept": kept, "lost": before - kept})
    return Retained(cohorts.reset_index(drop=True), steps[before > 0].reset_index(drop=True), keys, described)
