"""From when to when a company's data reach."""

from __future__ import annotations

import ibis
import pandas as pd

from cs_analysis.data.contract import TABLES
from cs_analysis.data.dataset import Dataset, engine_of, relation


def data_window(ds: Dataset) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """Return the instants of the first and the last row of all tables dated by an instant, in the calendar's zone; nothing where there is no row.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> accounts = pd.DataFrame({"account_id": ["a", "b"], "started_at": pd.to_datetime(["2026-01-05", "2026-02-01"], utc=True)})
    >>> first, last = data_window(cs.read_dataset({"accounts": accounts}, as_of="2026-03-31"))
    >>> f"{first:%d %B}, {last:%d %B}"
    '05 January, 01 February'
    """
    dates = {name: TABLES[name].dated_by for name in ds.tables if _is_instant(name)}
    parts = [relation(ds, name).aggregate(first=lambda t, c=column: t[c].min(), last=lambda t, c=column: t[c].max()) for name, column in dates.items()]
    ends = engine_of(ds).run(ibis.union(*parts) if len(parts) > 1 else parts[0])
    if ends["first"].isna().all():
        return None
    first, last = (pd.Timestamp(moment).tz_localize("UTC") for moment in (ends["first"].min(), ends["last"].max()))
    return first.tz_convert(ds.calendar.zone), last.tz_convert(ds.calendar.zone)


def _is_instant(table: str) -> bool:
    """Return whether rows are dated by an instant; rates and costs have months, which say nothing of when a customer did something."""
    return TABLES[table].column(TABLES[table].dated_by).kind == "instant"
