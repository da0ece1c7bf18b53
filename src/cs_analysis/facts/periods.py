"""Calendar periods as a small table: the frame on which months are laid over customers."""

from __future__ import annotations

import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, cutoff


def periods(ds: Dataset, first: pd.Timestamp, *, period: Period, unfinished: bool) -> pd.DataFrame:
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
    bounds = ds.calendar.period_bounds(first.tz_localize("UTC"), end.tz_localize("UTC"), period)
    first_days = bounds["start_at"].dt.tz_convert(ds.calendar.zone).dt.tz_localize(None).dt.normalize()
    table = pd.DataFrame({"period": first_days, "starts_at": _naive(bounds["start_at"]), "ends_at": _naive(bounds["end_at"])})
    table = table.assign(finished=table["ends_at"] <= end, ends_at=table["ends_at"].clip(upper=end))
    return table if unfinished else table[table["finished"]].reset_index(drop=True)


def _naive(instants: pd.Series) -> pd.Series:
    return instants.dt.tz_localize(None)
