"""Counts by period without gaps: whole numbers or period starts, checked once, and labels for periods to come."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PeriodAxis:
    """Periods that follow each other: a first label and what leads from one to the next, in days, months or whole numbers."""

    first: Any
    step: int
    unit: str  # "number", "days" or "months"

    def label(self, position: int) -> Any:
        """Return the label of the period at `position` (0 is the first)."""
        if self.unit == "number":
            return self.first + position * self.step
        return self.first + pd.DateOffset(**{self.unit: position * self.step})

    def position(self, label: Any) -> int:
        """Return where a period lies, from 0; raise `ParameterError` for what is no period of this axis."""
        try:
            steps = float(_places(pd.Series([self.first, label]), self.unit)[1] / self.step)
        except (TypeError, ValueError) as error:
            raise ParameterError(f"{label!r} is no period here: use labels like {self.first!r}.") from error
        if not (steps.is_integer() and steps >= 0 and self.label(int(steps)) == label):
            raise ParameterError(f"{label!r} is no period from {self.first!r} on, with {self.step} {self.unit} from one to the next.")
        return int(steps)


def read_counts(table: pd.DataFrame, count: str, *, at_least: int) -> tuple[PeriodAxis, Floats]:
    """Return the periods and their counts in order.

    Parameters
    ----------
    table : DataFrame
        `period` (whole numbers, period starts or pandas periods, one row each, in any order) and the column `count`.
    count : str
        Name of the column of counts: numbers from 0.
    at_least : int
        Number of periods needed.

    Raises
    ------
    MissingColumnsError, ParameterError, NotEnoughDataError
        A column is absent; a count is missing, negative or no number; a period is missing, twice there or no period; too few periods, or
        nothing in any.
    """
    absent = [name for name in ("period", count) if name not in table.columns]
    if absent:
        raise MissingColumnsError(absent, map(str, table.columns), table=count)
    values = _counts(table[count], table["period"])
    if len(table) < at_least:
        raise NotEnoughDataError(f"this needs at least {at_least} periods; the table has {len(table)}. Wait for more, or use shorter periods.")
    if not values.any():
        raise NotEnoughDataError(f"{count} is 0 in every period: there is nothing to fit. Check the filters that made the table.")
    axis, order = _axis(table["period"])
    return axis, values[order]


def _counts(column: pd.Series, periods: pd.Series) -> Floats:
    numeric = [isinstance(value, Number) and not isinstance(value, bool | np.bool_) for value in column]
    values = np.array([float(value) if known else np.nan for value, known in zip(column, numeric, strict=True)])
    wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(wrong):
        row = int(wrong[0])
        value = column.iloc[row]
        where = f"row {row + 1} (period {periods.iloc[row]}) holds {value if numeric[row] else repr(value)}"
        raise ParameterError(f"{column.name} must be numbers from 0; {where}. A period without any counts 0; correct or drop the others.")
    return values


def _axis(periods: pd.Series) -> tuple[PeriodAxis, npt.NDArray[np.int64]]:
    labels = periods.dt.start_time if isinstance(periods.dtype, pd.PeriodDtype) else periods
    if labels.isna().any():
        row = int(np.flatnonzero(labels.isna())[0])
        raise ParameterError(f"period must be known in every row; row {row + 1} has none. Fill or drop it.")
    if not pd.api.types.is_integer_dtype(labels):
        labels = _dates(labels)
    labels = labels.reset_index(drop=True)
    order = np.argsort(labels.to_numpy(), kind="stable")
    ordered = labels.iloc[order].reset_index(drop=True)
    unit = _unit(ordered)
    steps = np.diff(_places(ordered, unit))
    axis = PeriodAxis(ordered.iloc[0] if unit != "number" else int(ordered.iloc[0]), int(steps.min()) or 1, unit)
    _check_steps(axis, ordered, steps)
    return axis, order


def _dates(labels: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(labels):
        raise ParameterError(f"period must hold whole numbers or period starts; row 1 holds {labels.iloc[0]!r}.")
    try:
        return pd.to_datetime(labels, format="ISO8601")
    except (TypeError, ValueError) as error:
        raise ParameterError(f"period must hold whole numbers or period starts, such as 2026-01-01: {error}") from error


def _unit(ordered: pd.Series) -> str:
    if pd.api.types.is_integer_dtype(ordered):
        return "number"
    monthly = (ordered.dt.day == ordered.dt.day.iloc[0]).all() and (ordered.dt.time == ordered.dt.time.iloc[0]).all()
    return "months" if monthly else "days"


def _places(ordered: pd.Series, unit: str) -> Floats:
    """Return how many units each label lies after the first, on the wall clock."""
    if unit == "number":
        return np.asarray(ordered.to_numpy("float64") - float(ordered.iloc[0]))
    walls = pd.to_datetime(ordered).dt.tz_localize(None)
    if unit == "months":
        return np.asarray((walls.dt.year - walls.dt.year.iloc[0]) * 12 + walls.dt.month - walls.dt.month.iloc[0], dtype="float64")
    return np.asarray((walls - walls.iloc[0]) / pd.Timedelta(days=1), dtype="float64")


def _check_steps(axis: PeriodAxis, ordered: pd.Series, steps: Floats) -> None:
    twice = np.flatnonzero(steps == 0)
    if len(twice):
        raise ParameterError(f"each period must have one row; {ordered.iloc[int(twice[0])]} has several. Add them up first.")
    uneven = np.flatnonzero(steps != axis.step)
    if len(uneven):
        last, following = ordered.iloc[int(uneven[0])], ordered.iloc[int(uneven[0]) + 1]
        absent = PeriodAxis(last, axis.step, axis.unit).label(1)
        text = f"periods must follow each other without a gap; after {last} comes {following}, and {absent} is missing"
        raise ParameterError(f"{text}. Add it, with 0 if there was nothing in it; label periods by their first day.")
