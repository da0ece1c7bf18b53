"""Silences: the days between two active days of an account, and since its last."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import pandas as pd

from cs_analysis.data.dataset import Dataset, cutoff, engine_of
from cs_analysis.facts.groups import By, group_columns
from cs_analysis.facts.uses import active_days, named_events


def silences(ds: Dataset, *, events: str | Sequence[str] | None = None, by: By = None) -> pd.DataFrame:
    """Return the silences of each account by length: the group columns, `account_id`, `days`, `returned` and `silences`, how many there are.

    A silence begins on an active day (a local day with at least one of the events). One that ended has as `days` those until the next active
    day, so that from one day to the next it is 1; the last of each account has those until the last whole day known, and has not returned.
    """
    keys, engine = group_columns(by), engine_of(ds)
    days = active_days(ds, named_events(ds, events), unit="account_id", by=by)
    following = days.day.lead().over(ibis.window(group_by=[*keys, "unit"], order_by="day"))
    gaps = days.mutate(following=following)
    open_days = ibis.greatest(ibis.literal(_last_whole_day(ds).date(), "date").delta(gaps.day, unit="day"), 0)
    length = ibis.ifelse(gaps.following.isnull(), open_days, gaps.following.delta(gaps.day, unit="day"))
    named = gaps.select(*keys, account_id=gaps.unit, days=length.cast("int64"), returned=gaps.following.notnull())
    counted = named.group_by(*keys, "account_id", "days", "returned").agg(silences=named.count())
    return engine.run(counted.order_by([*keys, "account_id", "days", "returned"]))


def _last_whole_day(ds: Dataset) -> pd.Timestamp:
    """Return the last local day of which all is known."""
    end = cutoff(ds).tz_localize("UTC").tz_convert(ds.calendar.zone).tz_localize(None)
    return end.normalize() - pd.Timedelta(1, "D")
