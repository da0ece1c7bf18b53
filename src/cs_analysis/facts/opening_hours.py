"""Time between instants inside the database, on the wall clock or in opening hours.

Opening hours become a small table with a row a day (in UTC): the open time before the day, and the stretches of the day that are open.
The open time before an instant is then a sum over the stretches of its own day, and the time between two instants a difference.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, get_args

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.data.business_time import open_spans
from cs_analysis.data.calendar import Calendar
from cs_analysis.data.dataset import Dataset, cutoff, engine_of
from cs_analysis.errors import ParameterError
from cs_analysis.facts.firsts import last_known, microseconds

Clock = Literal["business", "elapsed"]

_MINUTE = 60_000_000
_DAY = 86_400_000_000
_GRID_PER_DAY = 10**9  # the grid of `stats.durations`


def check_clock(clock: str) -> None:
    """Raise `ParameterError` unless there is such a clock."""
    if clock not in get_args(Clock):
        raise ParameterError(f"clock must be 'business' (opening hours of the calendar) or 'elapsed' (all time), not {clock!r}.")


def day_microseconds(ds: Dataset, clock: Clock) -> int:
    """Return how long a day of a clock is: 24 hours, or one business day."""
    opening = ds.calendar.opening
    return _DAY if clock == "elapsed" else (opening.closes - opening.opens) * _MINUTE


def with_waits(ds: Dataset, spans: ir.Table, *, clock: Clock) -> ir.Table:
    """Return spans with `waited`, the microseconds from `opened_at` to `ended_at` or to the last instant known, and `observed`, whether they ended.

    Raises
    ------
    ParameterError
        There is no such clock.
    """
    check_clock(clock)
    until = spans.mutate(observed=spans.ended_at.notnull(), until=spans.ended_at.fill_null(last_known(ds)))
    if clock == "elapsed":
        return until.mutate(waited=microseconds(until.opened_at, until["until"])).drop("until")
    hours = _hours_table(ds, spans)
    started = _with_open_time(until, hours, at="opened_at", name="before")
    both = _with_open_time(started, hours, at="until", name="through")
    return both.mutate(waited=both.through - both.before).drop("until", "before", "through")


def days_on_grid(waited: pd.Series, observed: pd.Series, *, day: int) -> npt.NDArray[np.float64]:
    """Return microseconds in days of a length on the grid of durations: observed ends to the nearest step, time under observation rounded down."""
    steps = Fraction(_GRID_PER_DAY, day)
    exact = waited.to_numpy("float64") * steps.numerator / steps.denominator
    return np.asarray(np.where(observed, np.rint(exact), np.floor(exact)) / _GRID_PER_DAY)


def opening_days(calendar: Calendar, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    """Return one row a day (in UTC) around two instants.

    `day`, `before` (open time before it), and of its open stretches where in the day they begin (`opens_0`, `opens_1` ...) and how long
    each is (`length_0` ...), all in microseconds.
    """
    ends = [int(pd.Timestamp(moment).to_datetime64().astype("datetime64[us]").astype("int64")) for moment in (first, last)]
    opened, closed = open_spans(calendar.opening, *ends)
    days = np.arange(ends[0] // _DAY - 1, ends[1] // _DAY + 2)
    # A span begins on one day and may reach into the next two: a day on the wall is 25 hours long now and then.
    parts = pd.concat([_cut(opened, closed, day=opened // _DAY + later) for later in range(3)])
    pieces = parts[(parts["length"] > 0) & parts["day"].isin(days)].sort_values(["day", "opens"])
    number = pieces.groupby("day").cumcount()
    open_time = pieces.groupby("day")["length"].sum().reindex(days, fill_value=0).to_numpy("int64")
    table = pd.DataFrame({"day": days.astype("datetime64[D]").astype("datetime64[us]"), "before": open_time.cumsum() - open_time})
    for each in range(int(number.max()) + 1 if len(number) else 0):
        stretch = pieces[number == each].set_index("day").reindex(days, fill_value=0)
        table = table.assign(**{f"{name}_{each}": stretch[name].to_numpy("int64") for name in ("opens", "length")})
    return table


def _cut(opened: npt.NDArray[np.int64], closed: npt.NDArray[np.int64], *, day: npt.NDArray[np.int64]) -> pd.DataFrame:
    """Return the part of each span that lies in a day."""
    start = np.maximum(opened, day * _DAY)
    return pd.DataFrame({"day": day, "opens": start - day * _DAY, "length": np.minimum(closed, (day + 1) * _DAY) - start})


def _hours_table(ds: Dataset, spans: ir.Table) -> ir.Table:
    """Return the opening hours of all days that the spans touch, in the database."""
    engine = engine_of(ds)
    first = engine.run(spans.agg(first=spans.opened_at.min()).order_by("first"))["first"].iloc[0]
    last = cutoff(ds)
    return engine.lookup(opening_days(ds.calendar, last if pd.isna(first) else first, last))


def _with_open_time(rows: ir.Table, hours: ir.Table, *, at: str, name: str) -> ir.Table:
    """Return rows with the open time before an instant of theirs."""
    own = hours.rename(lambda column: f"{name}_{column}")
    joined = rows.left_join(own, rows[at].truncate("D") == own[f"{name}_day"])
    clock = microseconds(joined[at].truncate("D"), joined[at])
    stretches = [(joined[column], joined[column.replace("_opens_", "_length_")]) for column in own.columns if column.startswith(f"{name}_opens_")]
    inside = [ibis.greatest(ibis.least(clock - opens, length), 0) for opens, length in stretches]
    return joined.select(*rows.columns, **{name: sum(inside, joined[f"{name}_before"])})
