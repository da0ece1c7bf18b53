"""The dates at which accounts are looked at, with the instants between which their windows lie."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset, cutoff, engine_of, relation
from cs_analysis.data.local_days import as_day, wall_instants
from cs_analysis.errors import ParameterError

WINDOWS = (28, 56, 90, 180)  # local days, the date's own among them
KEYS = ("account_id", "number")


@dataclass(frozen=True)
class FeatureDates:
    """Dates in order, numbered from 0.

    Attributes
    ----------
    days : tuple of date
        The local days; only the last may be unfinished.
    frame : DataFrame
        `number`, `at` (the naive local day), `ends_at` (UTC: the first instant that no longer counts), and for each window of WINDOWS its first
        instant `since_N` (UTC), which is also the end of the day N days before.
    """

    days: tuple[date, ...]
    frame: pd.DataFrame

    def windows(self, length: int) -> pd.DataFrame:
        """Return one row a date and day of its window: `number`, `day`, and its `age`, 0 on the date itself."""
        ages = np.tile(np.arange(length), len(self.days))
        number = np.repeat(np.arange(len(self.days)), length)
        day = self.frame["at"].to_numpy()[number] - ages * np.timedelta64(1, "D")
        return pd.DataFrame({"number": number, "day": day, "age": ages})

    def next_numbers(self, first: pd.Timestamp | None) -> pd.DataFrame:
        """Return one row a `day` from the first to the last date, with the `number` of the first date that is not before it."""
        last = pd.Timestamp(self.days[-1])
        days = pd.date_range(last if first is None else min(first, last), last).as_unit("us")
        return pd.DataFrame({"day": days, "number": np.searchsorted(self.frame["at"].to_numpy(), days.to_numpy())})


def feature_dates(ds: Dataset, at: Any = None) -> FeatureDates:
    """Return the dates that `at` names: a day, several, or for None the day of `as_of`, which ends at `as_of`. One that is named twice counts once.

    Raises
    ------
    ParameterError
        There is none; one is no day; one is after `as_of`.
    """
    if at is None:
        return _dates(ds, [ds.as_of.date()])
    named = list(at) if isinstance(at, Iterable) and not isinstance(at, str) else [at]
    days = [as_day(each) for each in named]
    wrong = [each for each, day in zip(named, days, strict=True) if day is None]
    if wrong or not days:
        example = f", not {wrong[0]!r}" if wrong else "; there is none"
        raise ParameterError(f"at must be a day such as '2026-03-31', or a list of days{example}. For an instant call it on ds.at(instant).")
    late = [day for day in days if day and day > ds.as_of.date()]
    if late:
        raise ParameterError(f"a date may not be after the dataset's as_of {ds.as_of}, as {min(late)} is. Read the dataset with a later as_of.")
    return _dates(ds, sorted({day for day in days if day}))


def known_since(ds: Dataset, table: str, column: str) -> ir.TimestampScalar:
    """Return the first instant (UTC) of the local day of the table's first row, missing without rows: before it nothing is on record."""
    rows = relation(ds, table)
    first = engine_of(ds).run(rows.agg(first=rows[column].min()).order_by("first"))["first"].iloc[0]
    if pd.isna(first):
        return ibis.null("timestamp(6)")
    return ibis.literal(ds.calendar.period_start(pd.Timestamp(first).tz_localize("UTC"), "day").tz_localize(None), type="timestamp(6)")


def seen_at(ds: Dataset, day: date) -> Dataset:
    """Return the dataset as of the end of a day; the day of `as_of` ends at `as_of`."""
    return ds.at(min(ds.calendar.end_of(day), ds.as_of))


def joined_to(rows: ir.Table, *parts: ir.Table) -> ir.Table:
    """Return the rows (an account at a date) with the columns of each part beside them, missing where the part has no such row."""
    joined = rows
    for part in parts:
        keyed = part.rename(part_account="account_id", part_number="number")
        joined = joined.left_join(keyed, [joined.account_id == keyed.part_account, joined.number == keyed.part_number]).drop("part_account", "part_number")
    return joined


def _dates(ds: Dataset, days: list[date]) -> FeatureDates:
    """Return days with their instants; the last ends at `as_of` where that comes before its end."""

    def starts(shift: int) -> np.ndarray:
        walls = np.array([day + timedelta(shift) for day in days], dtype="datetime64[us]")
        return wall_instants(walls, ds.calendar.zone).astype("datetime64[us]")

    ends = np.minimum(starts(1), np.datetime64(cutoff(ds), "us"))
    since = {f"since_{length}": starts(1 - length) for length in WINDOWS}
    at = np.array(days, dtype="datetime64[us]")
    return FeatureDates(tuple(days), pd.DataFrame({"number": np.arange(len(days)), "at": at, "ends_at": ends, **since}))
