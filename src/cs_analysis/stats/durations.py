"""From instants to durations: how long each unit took, or has taken so far."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.errors import MissingColumnsError, ParameterError

GRID_PER_DAY = 10**9
"""Durations are whole multiples of 1e-9 day (86.4 microseconds), so that equal waiting times are equal numbers."""

Clock = Callable[[pd.Series, pd.Series], Any]

_MICROSECONDS_PER_STEP = 86.4


def durations(
    starts: pd.DataFrame | pd.Series, ends: pd.DataFrame | pd.Series, *, as_of: str | date | pd.Timestamp, clock: Clock | None = None
) -> pd.DataFrame:
    """One row a unit with the days from its start to its first end, or to `as_of` where it has not ended yet.

    A unit whose end is missing or later than `as_of` is censored at `as_of`. Left out are units that start after `as_of` or have no start,
    and units that came under observation (`enter_at`) only when they had ended already, or after `as_of`. Durations are rounded to
    1e-9 day, so that ties are exact and an `as_of` one microsecond before midnight gives whole days.

    Parameters
    ----------
    starts : DataFrame or Series
        One row a unit: key columns, `start_at`, and where a unit was seen only from later on (left truncation) `enter_at`. Further columns
        are carried along. A Series holds the starts, and its index the keys.
    ends : DataFrame or Series
        The same key columns, `end_at` and, where ends are of several kinds, `ended_by`. Several ends of a unit: the first counts (of
        simultaneous ones the first in the order of their kinds); ends of units that `starts` does not have are ignored. A Series holds the
        ends, and its index the keys.
    as_of : str, date or Timestamp
        The last moment known. A date, or its ISO form, means the end of that day in UTC; a `Timestamp` needs a time zone.
    clock : callable, optional
        `clock(start, end)` takes two columns of instants and returns the days between them that count, such as business hours. Default:
        all time counts.

    Returns
    -------
    DataFrame
        The columns of `starts` but `enter_at`, then `enter_days` (0 unless left-truncated), `duration_days` (both from the unit's own start),
        `observed` (whether it has ended) and `ended_by` (`"ended"` where kinds are not given; missing when censored).

    Raises
    ------
    MissingColumnsError
        A table lacks `start_at`, `end_at` or a key column.
    ParameterError
        A unit ends before it starts, has two rows in `starts` or no key; keys are of different types in the two tables; instants are not
        instants; `as_of` has no time zone; the clock returns something else than days.

    References
    ----------
    Kalbfleisch and Prentice (2002), The Statistical Analysis of Failure Time Data, section 1.3 (censoring and left truncation).

    Examples
    --------
    >>> starts = pd.Series(pd.to_datetime(["2025-01-01", "2025-01-11"], utc=True), index=["a", "b"])
    >>> ends = pd.Series(pd.to_datetime(["2025-01-04"], utc=True), index=["a"])
    >>> durations(starts, ends, as_of="2025-01-31")[["unit", "duration_days", "observed"]]
      unit  duration_days  observed
    0    a            3.0      True
    1    b           21.0     False
    """
    units, finished = _table(starts, "start_at"), _table(ends, "end_at")
    keys = [name for name in finished.columns if name not in ("end_at", "ended_by")]
    _check_keys(units, keys)
    last = last_instant(as_of)
    units = units[units["start_at"] <= last].reset_index(drop=True)
    paired = _paired(units, _first_ends(finished, keys), keys)
    _refuse_early_ends(paired, keys)
    return _timed(paired, last, clock or elapsed_days)


def spell_durations(spells: pd.DataFrame, *, unit: str, as_of: str | date | pd.Timestamp) -> pd.DataFrame:
    """Return `durations` of a table that has starts and ends side by side: `unit`, `start_at`, `end_at`, `ended_by`, columns to carry along, `enter_at`."""
    return durations(spells.drop(columns=["end_at", "ended_by"]), spells[[unit, "end_at", "ended_by"]], as_of=as_of)


def elapsed_days(start: pd.Series, end: pd.Series) -> npt.NDArray[np.float64]:
    """Days between two columns of instants, all time counting."""
    steps = (_naive(end) - _naive(start)) / np.timedelta64(1, "us") / _MICROSECONDS_PER_STEP
    return np.asarray(np.rint(steps) / GRID_PER_DAY)


def last_instant(as_of: str | date | pd.Timestamp) -> pd.Timestamp:
    """Return the last microsecond, in UTC, that `as_of` covers: the end of the day for a date, the instant itself for an instant."""
    value: Any = as_of
    if isinstance(as_of, str):
        value = _parsed(as_of)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ParameterError(f"as_of must be a date or an instant with a time zone, not {as_of!r}. Add a zone, such as tz='UTC'.")
        return pd.Timestamp(value).tz_convert("UTC").as_unit("us")
    if not isinstance(value, date):
        raise ParameterError(f"as_of must be a date, its ISO form or a Timestamp, not {as_of!r}.")
    return pd.Timestamp(value, tz="UTC").as_unit("us") + pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)


def _parsed(text: str) -> date | datetime:
    for parse in (date.fromisoformat, datetime.fromisoformat):
        try:
            return parse(text)
        except ValueError:
            continue
    raise ParameterError(f"as_of must be an ISO date such as 2025-01-31, or an ISO instant with a time zone, not {text!r}.")


def _table(source: pd.DataFrame | pd.Series, instant: str) -> pd.DataFrame:
    """Return `source` as a new table with its keys as columns and its instants in UTC."""
    frame = source.rename(instant).rename_axis(_index_names(source)).reset_index() if isinstance(source, pd.Series) else source
    if any(name is not None for name in frame.index.names):
        frame = frame.reset_index()
    if instant not in frame.columns:
        raise MissingColumnsError([instant], frame.columns, table=instant.replace("_at", "s"))
    return frame.assign(**{name: _instants(frame[name], name) for name in (instant, "enter_at") if name in frame.columns})


def _index_names(source: pd.Series) -> list[str]:
    """Return names for the index levels: their own, or `unit`."""
    names = list(source.index.names)
    return [name or (f"unit_{level}" if len(names) > 1 else "unit") for level, name in enumerate(names, start=1)]


def _instants(values: pd.Series, name: str) -> pd.Series:
    """Return a column of instants in UTC, to the microsecond; instants without a zone are UTC already."""
    if pd.api.types.is_numeric_dtype(values) and values.notna().any():
        raise ParameterError(f"{name} must hold instants, not numbers such as {values.dropna().iloc[0]!r}. Convert them with `pandas.to_datetime`.")
    try:
        return pd.to_datetime(values, utc=True).dt.as_unit("us")
    except (TypeError, ValueError) as error:
        raise ParameterError(f"{name} must hold instants: {error}. Convert them with `pandas.to_datetime`.") from error


def _check_keys(units: pd.DataFrame, keys: list[str]) -> None:
    clash = [name for name in ("end_at", "enter_days", "duration_days", "observed", "ended_by") if name in units.columns]
    if clash:
        raise ParameterError(f"starts may not have a column {clash[0]!r}: the result has one of that name. Rename or drop it.")
    missing = [key for key in keys if key not in units.columns]
    if missing or not keys:
        raise MissingColumnsError(missing or ["<a key>"], units.columns, table="starts")
    if units[keys].isna().any(axis=None):
        row = units.index[units[keys].isna().any(axis=1)][0]
        raise ParameterError(f"every unit in starts must have a key; row {row} has none in {', '.join(keys)}. Fill it in or leave the row out.")
    twice = units.duplicated(keys)
    if twice.any():
        raise ParameterError(f"starts must have one row a unit; {_named(units[twice], keys)} has several. Add a key column or keep one of its rows.")


def _first_ends(ends: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the first end of every unit that has one, with its kind."""
    kinds = np.where(ends["ended_by"].isna(), "unknown", ends["ended_by"].astype("object")) if "ended_by" in ends.columns else "ended"
    known = ends.assign(ended_by=kinds).dropna(subset=["end_at"])
    order = known[["end_at"]].assign(kind=known["ended_by"].astype("str")).reset_index(drop=True).sort_values(["end_at", "kind"]).index
    return known.iloc[order].drop_duplicates(keys)[[*keys, "end_at", "ended_by"]]


def _paired(units: pd.DataFrame, ends: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the units with their ends beside them, missing where there is none."""
    try:
        return units.merge(ends, on=keys, how="left", validate="one_to_one")
    except ValueError as error:
        kinds = ", ".join(f"{key!r} is {units[key].dtype} and {ends[key].dtype}" for key in keys)
        raise ParameterError(f"starts and ends must have keys of the same type; {kinds}. Convert one of them.") from error


def _refuse_early_ends(paired: pd.DataFrame, keys: list[str]) -> None:
    early = paired[paired["end_at"] < paired["start_at"]]
    if len(early):
        start, end = early[["start_at", "end_at"]].iloc[0]
        raise ParameterError(f"a unit may not end before it starts; {_named(early, keys)} starts {start} and ends {end}. Correct or leave out the row.")


def _named(rows: pd.DataFrame, keys: list[str]) -> str:
    return ", ".join(f"{key} {rows[key].iloc[0]!r}" for key in keys)


def _timed(paired: pd.DataFrame, last: pd.Timestamp, clock: Clock) -> pd.DataFrame:
    """Return the durations table of units with their first ends."""
    observed = paired["end_at"] <= last
    stop = paired["end_at"].where(observed, last)
    duration = _counted(clock, paired["start_at"], stop)
    enter, seen = np.zeros(len(paired)), np.ones(len(paired), dtype=bool)
    if "enter_at" in paired.columns:
        late = paired["enter_at"] > paired["start_at"]
        enter = _counted(clock, paired["start_at"], paired["enter_at"].where(late, paired["start_at"]))
        seen = (~late | (paired["enter_at"] < stop)).to_numpy() & ((enter == 0) | (duration > enter))
    kinds = np.where(observed, paired["ended_by"].astype("object"), None)
    timed = paired.drop(columns=["enter_at", "end_at"], errors="ignore").assign(enter_days=enter, duration_days=duration, observed=observed)
    order = [*(name for name in timed.columns if name != "ended_by"), "ended_by"]
    return timed.assign(ended_by=kinds)[order][seen].reset_index(drop=True)


def _counted(clock: Clock, start: pd.Series, end: pd.Series) -> npt.NDArray[np.float64]:
    """Return what the clock counts, on the grid; refuse anything but days."""
    counted = np.asarray(clock(start, end), dtype="float64")
    if counted.shape != (len(start),) or not (np.isfinite(counted) & (counted >= 0)).all():
        raise ParameterError("clock must return one number of days of at least 0 for every pair of instants. Correct the clock.")
    return np.asarray(np.rint(counted * GRID_PER_DAY) / GRID_PER_DAY)


def _naive(instants: pd.Series) -> npt.NDArray[np.datetime64]:
    return np.asarray(instants.dt.tz_localize(None).to_numpy("datetime64[us]"))
