"""Calendar periods as a small table: the frame on which months are laid over customers."""

from __future__ import annotations

import pandas as pd

from cs_analysis.data.dataset import Dataset, cutoff


def periods(ds: Dataset, first: pd.Timestamp, *, period: str, unfinished: bool) -> pd.DataFrame:
    """Return the calendar periods from the one that holds `first` up to `as_of`, oldest first.

    Parameters
    ----------
    ds : Dataset
        Its calendar says where days, weeks and months begin.
    first : Timestamp
        An instant in UTC, without zone.
    period : str
        `day`, `week`, `month`, `quarter` or `year`.
    unfinished : bool
        Whether the period in which `as_of` lies is a row although it is not over; it then ends at `as_of`.

    Returns
    -------
    DataFrame
        `period` (first local day), `starts_at`, `ends_at` (UTC, half open) and `finished`.
    """
    end = cutoff(ds)
    edges = ds.calendar.period_bounds(first.tz_localize("UTC"), end.tz_localize("UTC"), period)
    starts, ends = edges[:-1], edges[1:]
    table = pd.DataFrame({"period": starts.tz_convert(ds.calendar.timezone).tz_localize(None).normalize(), "starts_at": _utc(starts), "ends_at": _utc(ends)})
    table["finished"] = table["ends_at"] <= end
    table["ends_at"] = table["ends_at"].clip(upper=end)
    return table if unfinished else table[table["finished"]].reset_index(drop=True)


def _utc(instants: pd.DatetimeIndex) -> pd.DatetimeIndex:
    return instants.tz_convert("UTC").tz_localize(None)
