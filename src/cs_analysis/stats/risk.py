"""Who is at risk when: reads a durations table and counts ends and units at risk by group and time.

Times are whole steps of 1e-9 day. A group and a time together are one integer (`group << bits | time`), so that a single sort of integers
orders all groups at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.durations import GRID_PER_DAY

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
By = str | Sequence[str] | None

LONGEST_DAYS = 9_000_000
"""Beyond this, steps of 1e-9 day are no longer exact in floating point."""


@dataclass(frozen=True)
class Rows:
    """The rows of a durations table, checked: times in steps, `count` missing where every row is one unit."""

    keys: pd.DataFrame
    group: Integers
    enter: Integers | None
    leave: Integers
    observed: Flags
    count: Integers | None


@dataclass(frozen=True)
class Tally:
    """Distinct codes in rising order and how many units have a lower one (one entry more: the total)."""

    code: Integers
    below: Integers

    @classmethod
    def of(cls, codes: Integers, count: Integers | None) -> Tally:
        """Count units by code."""
        if count is None:
            distinct, number = np.unique(codes, return_counts=True)
        else:
            distinct, place = np.unique(codes, return_inverse=True)
            number = np.bincount(place, count).astype("int64")
        return cls(distinct, np.concatenate([[0], np.cumsum(number)]))

    def lower_than(self, codes: Integers) -> Integers:
        """Return how many units have a code below each of `codes`."""
        return self.below[np.searchsorted(self.code, codes)]


@dataclass(frozen=True)
class RiskTable:
    """One entry a group and time at which somebody ends, ordered by both.

    Attributes
    ----------
    keys : DataFrame
        Key values of the groups.
    code, ends, at_risk : array
        Group and time, units that end then, units at risk just before.
    entered, left : Tally
        Units by the moment they came under observation and by the moment they left it.
    """

    keys: pd.DataFrame
    bits: int
    code: Integers
    ends: Integers
    at_risk: Integers
    entered: Tally
    left: Tally

    @cached_property
    def group(self) -> Integers:
        """Group number of each entry."""
        return self.code >> self.bits

    @cached_property
    def time_days(self) -> Floats:
        """Time of each entry in days."""
        return np.asarray((self.code & ((1 << self.bits) - 1)) / GRID_PER_DAY)

    @cached_property
    def follow_up(self) -> Integers:
        """Longest time of each group under observation, in steps."""
        last = np.searchsorted(self.left.code, np.arange(1, len(self.keys) + 1) << self.bits) - 1
        return np.asarray(self.left.code[last] & ((1 << self.bits) - 1))

    @cached_property
    def follow_up_days(self) -> Floats:
        """Longest time of each group under observation, in days."""
        return np.asarray(self.follow_up / GRID_PER_DAY)

    @cached_property
    def units(self) -> Integers:
        """Number of units of each group."""
        return np.diff(self.left.lower_than(np.arange(len(self.keys) + 1) << self.bits))

    def code_of(self, group: Integers, time: Integers) -> Integers:
        """Return groups and times in steps as codes; times beyond all follow-up fall on the last possible one."""
        return (group << self.bits) | np.minimum(time, (1 << self.bits) - 1)

    def last_end(self, group: Integers, time: Integers) -> Integers:
        """Return the entry of each group's last end until a time in steps, or -1."""
        last = np.searchsorted(self.code, self.code_of(group, time), side="right") - 1
        begun = last >= np.searchsorted(self.code, group << self.bits)
        return np.where(begun, last, -1)

    def number_at_risk(self, codes: Integers) -> Integers:
        """Return how many units are at risk just before each group and time."""
        return self.entered.lower_than(codes) - self.left.lower_than(codes)

    def cumulate(self, values: Floats, how: str) -> Floats:
        """Return the running sum or product (`"cumsum"`, `"cumprod"`) of one value an entry, within groups."""
        if len(self.keys) == 1:
            return np.asarray(getattr(np, how)(values))
        return np.asarray(getattr(pd.Series(values).groupby(self.group), how)())


def risk_table(rows: Rows) -> RiskTable:
    """Return who ends and who is at risk when. At time 0 every unit is at risk that is under observation from its start."""
    bits = int(rows.leave.max()).bit_length() + 1
    if bits + len(rows.keys).bit_length() > 62:
        raise ParameterError(f"{len(rows.keys)} groups are too many for durations this long. Use fewer groups in `by`.")
    base = rows.group << bits
    coded = Tally.of((base | rows.leave) << 1 | ~rows.observed, rows.count)
    ended = (coded.code & 1) == 0
    left = Tally(coded.code >> 1, coded.below)
    entered = _entries(rows, base, bits)
    code = left.code[ended]
    at_risk = entered.lower_than(code) - coded.below[:-1][ended]
    return RiskTable(rows.keys, bits, code, np.diff(coded.below)[ended], at_risk, entered, left)


def _entries(rows: Rows, base: Integers, bits: int) -> Tally:
    """Tally entries, those from the start on just below time 0."""
    if rows.enter is not None:
        return Tally.of(base + rows.enter - (rows.enter == 0), rows.count)
    size = np.bincount(rows.group, rows.count, len(rows.keys)).astype("int64")
    return Tally((np.arange(len(size)) << bits) - 1, np.concatenate([[0], np.cumsum(size)]))


def read_rows(durations: pd.DataFrame, by: By) -> Rows:
    """Return the checked rows of a durations table and the groups that `by` makes of them.

    Raises
    ------
    MissingColumnsError
        `duration_days`, `observed` or a column of `by` is absent.
    NotEnoughDataError
        The table has no row.
    ParameterError
        Values break a rule; all broken rules are named with their first row.
    """
    names = by_columns(by)
    missing = [name for name in ("duration_days", "observed", *names) if name not in durations.columns]
    if missing:
        raise MissingColumnsError(missing, durations.columns, table="durations")
    if not len(durations):
        raise NotEnoughDataError("the durations table has no row. Check the filters that made it.")
    leave, enter, observed, count = _checked(durations)
    keys, group = grouped(durations, names)
    return Rows(keys, group, None if enter is None else steps(enter), steps(leave), observed, count)


def by_columns(by: By) -> list[str]:
    """Return `by` as a list of distinct column names."""
    return [] if by is None else [by] if isinstance(by, str) else list(dict.fromkeys(by))


def grouped(table: pd.DataFrame, names: list[str]) -> tuple[pd.DataFrame, Integers]:
    """Return the key values of the groups, in order, and each row's group number; a missing key is a group of its own."""
    if not names:
        return pd.DataFrame(index=range(1)), np.zeros(len(table), dtype="int64")
    groups = table.groupby(names, sort=True, dropna=False, observed=True)
    return groups.size().index.to_frame(index=False), groups.ngroup().to_numpy("int64")


def steps(days: npt.ArrayLike) -> Integers:
    """Return days in whole steps of the grid."""
    return np.asarray(np.rint(np.asarray(days) * GRID_PER_DAY).astype("int64"))


def _checked(durations: pd.DataFrame) -> tuple[Floats, Floats | None, Flags, Integers | None]:
    """Return duration, entry (missing where all are 0), observed and count; raise with every broken rule."""
    leave = _numbers(durations["duration_days"])
    observed, unclear = _flags(durations["observed"])
    broken = [
        ("duration_days", ~((leave >= 0) & (leave <= LONGEST_DAYS)), f"must be a number of days from 0 to {LONGEST_DAYS}"),
        ("observed", unclear, "must be true or false"),
    ]
    enter = count = None
    if "enter_days" in durations.columns:
        enter = _numbers(durations["enter_days"])
        broken.append(("enter_days", ~((enter == 0) | ((enter > 0) & (enter < leave))), "must be 0 or a number of days below duration_days"))
        enter = enter if np.any(enter != 0) else None
    if "count" in durations.columns:
        count = _numbers(durations["count"])
        broken.append(("count", ~((count >= 1) & (count == np.rint(count))), "must be a whole number of at least 1"))
    _raise_problems(durations, broken)
    return leave, enter, observed, None if count is None else count.astype("int64")


def _raise_problems(table: pd.DataFrame, broken: list[tuple[str, Flags, str]]) -> None:
    """Raise one `ParameterError` that names every broken rule, the number of rows and the first of them."""
    problems = []
    for name, bad, rule in broken:
        if bad.any():
            first = int(np.argmax(bad))
            row, value = table.index[first], table[name].iloc[first]
            problems.append(f"{name} {rule} ({int(bad.sum())} rows, first row {row!r}: {value!r})")
    if problems:
        raise ParameterError(f"the durations table breaks {len(problems)} rule(s): {'; '.join(problems)}. Correct the rows or leave them out.")


def _numbers(values: pd.Series) -> Floats:
    """Return a column as floats, missing where it holds anything but numbers."""
    if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        return np.full(len(values), np.nan)
    return np.asarray(values.to_numpy("float64", na_value=np.nan))


def _flags(values: Any) -> tuple[Flags, Flags]:
    """Return a column of true/false (or 1/0) as flags, and where it holds anything else."""
    if values.dtype == bool:
        return values.to_numpy(), np.zeros(len(values), dtype=bool)
    clear = values.isin([True, False]).to_numpy(bool)
    return values.where(clear, False).to_numpy("float64") == 1, ~clear
