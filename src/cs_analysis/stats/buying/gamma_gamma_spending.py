"""What the model of value reads: repeat purchases and their mean value, checked, and packed into distinct rows with their counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

COLUMNS = ("frequency", "mean_value")


@dataclass(frozen=True, eq=False)
class Spending:
    """Distinct pairs of frequency and mean value.

    Attributes
    ----------
    frequency, mean : array
        Repeat purchases and their mean value, 0 where there is none.
    count : array
        Customers with that pair.
    row_of : array
        The pair of each customer, in the order of the table that was read.
    keys : DataFrame
        One column that names the customers, in the same order.
    """

    frequency: Floats
    mean: Floats
    count: Floats
    row_of: Ints
    keys: pd.DataFrame

    @property
    def repeaters(self) -> int:
        """Number of customers who bought again."""
        return int(self.count[self.frequency > 0].sum())

    @property
    def total(self) -> Floats:
        """Value of all repeat purchases."""
        return self.frequency * self.mean


def read_spending(rfm: pd.DataFrame) -> Spending:
    """Return what customers bought again and for how much, as distinct rows.

    Raises `MissingColumnsError`, or `ParameterError` with all kinds of impossible rows at once, each with its first row.
    """
    missing = [name for name in COLUMNS if name not in rfm.columns]
    if missing:
        raise MissingColumnsError(missing, rfm.columns, table="rfm")
    frequency, mean = (_numbers(rfm[name], name) for name in COLUMNS)
    faults = list(_faults(frequency, mean, rfm.index))
    if faults:
        raise ParameterError("the value of purchases must be possible:\n" + "\n".join(f"* {each}" for each in faults))
    return _packed(frequency, np.where(frequency > 0, mean, 0.0), _keys(rfm))


def refuse_too_few(spending: Spending) -> None:
    """Raise `NotEnoughDataError` unless at least two customers bought again."""
    if spending.repeaters < 2:
        raise NotEnoughDataError(
            f"a model of value describes how customers with a repeat purchase differ and needs at least two; {spending.repeaters} of the "
            f"{len(spending.row_of)} customers bought again. Observe them longer."
        )


def _faults(frequency: Floats, mean: Floats, labels: pd.Index) -> Iterator[str]:
    known = np.isfinite(frequency)
    yield from _fault(~known, frequency, labels=labels, rule="frequency may not be missing or infinite; fill it in or leave the row out")
    yield from _fault(frequency < 0, frequency, labels=labels, rule="frequency may not be negative; check the dates")
    fraction = known & (np.floor(np.where(known, frequency, 0.0)) != np.where(known, frequency, 0.0))
    yield from _fault(fraction, frequency, labels=labels, rule="frequency must be a whole number: it counts the days with a repeat purchase")
    again = frequency > 0
    yield from _fault(again & ~np.isfinite(mean), mean, labels=labels, rule="mean_value may not be missing or infinite where frequency is above 0; fill it in")
    rule = (
        "mean_value must be above 0 where frequency is: leave out purchases without value; net refunds against the purchase they belong to, "
        "and leave out customers whose refunds exceed their purchases"
    )
    yield from _fault(again & (mean <= 0), mean, labels=labels, rule=rule)


def _fault(wrong: npt.NDArray[np.bool_], values: Floats, *, labels: pd.Index, rule: str) -> Iterator[str]:
    if wrong.any():
        first = int(np.argmax(wrong))
        yield f"{rule} ({int(wrong.sum())} rows, first {labels[first]!r} with {values[first]:g})."


def _numbers(values: pd.Series, name: str) -> Floats:
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        raise ParameterError(f"{name} must hold numbers, not {values.dtype}. Convert the column.")
    return np.asarray(values.to_numpy(dtype="float64", na_value=np.nan))


def _keys(rfm: pd.DataFrame) -> pd.DataFrame:
    """Return the column that names the customers as a table: `account_id`, `customer`, or else the index."""
    named = next((name for name in ("account_id", "customer") if name in rfm.columns), None)
    return pd.DataFrame({"customer": rfm.index.to_numpy()}) if named is None else rfm[[named]].reset_index(drop=True)


def _packed(frequency: Floats, mean: Floats, keys: pd.DataFrame) -> Spending:
    """Return the distinct pairs in the order in which they first occur."""
    codes, levels = pd.factorize(mean)
    row_of, _ = pd.factorize(frequency * len(levels) + codes)
    count = np.bincount(row_of)
    first = np.empty(len(count), dtype="int64")
    first[row_of[::-1]] = np.arange(len(row_of))[::-1]
    return Spending(frequency[first], mean[first], count.astype("float64"), row_of.astype("int64"), keys)
