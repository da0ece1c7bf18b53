"""What the models of buying read: one row a customer, checked, and packed into distinct rows with their counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

COLUMNS = ("frequency", "recency_days", "age_days")


@dataclass(frozen=True, eq=False)
class Past:
    """What customers have done, one element each.

    Attributes
    ----------
    frequency, recency, age : array
        Repeat purchase days; days from the first to the last purchase; days from the first purchase to the end of the data.
    """

    frequency: Floats
    recency: Floats
    age: Floats

    def take(self, rows: Ints) -> Past:
        """Return some of the rows."""
        return Past(self.frequency[rows], self.recency[rows], self.age[rows])


NEW_CUSTOMER = Past(np.zeros(1), np.zeros(1), np.zeros(1))
"""A customer at the moment of the first purchase."""


@dataclass(frozen=True, eq=False)
class Histories(Past):
    """Distinct buying histories, in the order of frequency, recency and age.

    Attributes
    ----------
    frequency, recency, age : array
        As in `Past`.
    count : array
        Customers with that history.
    row_of : array
        The history of each customer, in the order of the table that was read.
    keys : DataFrame
        One column that names the customers, in the same order: `account_id` or `customer`.
    """

    count: Floats
    row_of: Ints
    keys: pd.DataFrame

    @property
    def customers(self) -> int:
        """Number of customers."""
        return len(self.row_of)

    @property
    def repeaters(self) -> int:
        """Number of customers who bought again."""
        return int(self.count[self.frequency > 0].sum())

    @property
    def more_than(self) -> Floats:
        """Number of customers with a frequency above 0, above 1, and so on to the largest."""
        with_each = np.bincount(self.frequency.astype("int64"), weights=self.count)
        return np.asarray(self.customers - np.cumsum(with_each)[:-1])

    def total(self, values: Floats) -> float:
        """Return the sum over customers of a value of each distinct history."""
        return float(self.count @ values)


def read_histories(rfm: pd.DataFrame) -> Histories:
    """Return the buying histories of customers as distinct rows.

    Parameters
    ----------
    rfm : DataFrame
        One row a customer: `frequency` (days with a repeat purchase), `recency_days` (from the first to the last purchase) and `age_days`
        (from the first purchase to the end of the data). A column `account_id` or else `customer` names the customers; without one, the index does.

    Returns
    -------
    Histories

    Raises
    ------
    MissingColumnsError
        A column is missing.
    ParameterError
        Rows that no customer can have: all kinds of them at once, each with its first row.
    NotEnoughDataError
        The table has no rows.

    Examples
    --------
    >>> rfm = pd.DataFrame({"frequency": [0, 2, 0], "recency_days": [0, 30, 0], "age_days": [90, 90, 90]})
    >>> packed = read_histories(rfm)
    >>> packed.count, packed.row_of
    (array([2., 1.]), array([0, 1, 0]))
    """
    missing = [name for name in COLUMNS if name not in rfm.columns]
    if missing:
        raise MissingColumnsError(missing, rfm.columns, table="rfm")
    if not len(rfm):
        raise NotEnoughDataError("a table of buying histories needs at least one customer; this one has no rows.")
    columns = {name: _numbers(rfm[name], name) for name in COLUMNS}
    faults = list(_faults(columns, rfm.index))
    if faults:
        raise ParameterError("buying histories must be possible ones:\n" + "\n".join(f"* {fault}" for fault in faults))
    return _packed(columns, _keys(rfm))


def refuse_too_few(histories: Histories) -> None:
    """Raise `NotEnoughDataError` where no model of buying can be fitted: one customer, or nobody who bought again."""
    if histories.customers < 2:
        raise NotEnoughDataError("a model of buying describes how customers differ and needs at least two; the table has one.")
    if not histories.repeaters:
        raise NotEnoughDataError(f"none of the {histories.customers} customers bought a second time: nothing tells how often they buy. Observe them longer.")


def _numbers(values: pd.Series, name: str) -> Floats:
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        raise ParameterError(f"{name} must hold numbers, not {values.dtype}. Convert the column.")
    return np.asarray(values.to_numpy(dtype="float64", na_value=np.nan))


def _faults(columns: dict[str, Floats], labels: pd.Index) -> Iterator[str]:
    """Yield a sentence for every kind of row that no customer can have."""
    for wrong, values, rule in _rules(columns):
        if wrong.any():
            first = int(np.argmax(wrong))
            yield f"{rule} ({int(wrong.sum())} rows, first {labels[first]!r} with {values[first]:g})."


def _rules(columns: dict[str, Floats]) -> Iterator[tuple[npt.NDArray[np.bool_], Floats, str]]:
    """Yield for every rule the rows that break it, the column at fault, and what must hold."""
    frequency, recency, age = columns.values()
    for name, values in columns.items():
        yield ~np.isfinite(values), values, f"{name} may not be missing or infinite; fill it in or leave the row out"
        yield values < 0, values, f"{name} may not be negative; check the dates"
    fraction = np.isfinite(frequency) & (frequency != np.rint(frequency))
    yield fraction, frequency, "frequency must be a whole number: it counts the days with a repeat purchase"
    never, again = frequency == 0, frequency > 0
    yield never & (recency > 0), recency, "recency_days must be 0 where frequency is 0: the last purchase is the first one"
    yield again & (recency == 0), recency, "recency_days must be above 0 where frequency is: count purchases of one day as one"
    yield recency > age, recency, "recency_days may not exceed age_days: leave out purchases after the end of the data"


def _keys(rfm: pd.DataFrame) -> pd.DataFrame:
    for name in ("account_id", "customer"):
        if name in rfm.columns:
            return rfm[[name]].reset_index(drop=True)
    return pd.DataFrame({"customer": rfm.index.to_numpy()})


def _packed(columns: dict[str, Floats], keys: pd.DataFrame) -> Histories:
    row_of, first = distinct_rows(*columns.values())
    frequency, recency, age = (values[first] for values in columns.values())
    return Histories(frequency, recency, age, np.bincount(row_of).astype("float64"), row_of, keys)


def distinct_rows(*columns: Floats) -> tuple[Ints, Ints]:
    """Return the distinct row of each row, in the order of the columns, and one row that stands for each.

    The rows are found by one whole number that stands for all columns.
    """
    joined, size = np.zeros(len(columns[0]), dtype="int64"), 1
    for values in columns:
        codes, levels = _codes(values)
        if size * levels >= 2**62:
            joined, distinct = pd.factorize(joined, sort=True)
            size = len(distinct)
        joined, size = joined * levels + codes, size * levels
    row_of, distinct = pd.factorize(joined, sort=True)
    first = np.empty(len(distinct), dtype="int64")
    first[row_of] = np.arange(len(row_of))
    return row_of.astype("int64"), first


def _codes(values: Floats) -> tuple[Ints, int]:
    """Return whole numbers in the order of the values, and how many there may be: the values themselves where they are whole and small."""
    whole = values.astype("int64")
    if values.max() < 2**20 and (whole == values).all():
        return whole, int(whole.max()) + 1
    codes, levels = pd.factorize(values, sort=True)
    return codes.astype("int64"), len(levels)
