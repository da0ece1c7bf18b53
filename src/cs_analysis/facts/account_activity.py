"""What each account did lately, and which features it has ever used: counted in the database, one row an account and week or feature."""

from __future__ import annotations

import ibis
import pandas as pd

from cs_analysis.data.dataset import Dataset, cutoff, engine_of, relation
from cs_analysis.facts.firsts import last_known, microseconds

_WEEK = 7 * 86_400_000_000
_RECENT = 28 * 86_400_000_000


def weekly_users(ds: Dataset, *, weeks: int = 26) -> pd.DataFrame:
    """Return `account_id`, `week` (0 the seven days up to `as_of`, 1 those before ...) and `users`: different users of the account in that week.

    A row without a user counts as one user, the account itself. Weeks without use have no row.

    Raises
    ------
    MissingTableError
        There are no `events`.
    """
    events = relation(ds, "events")
    ago = microseconds(events.event_at, last_known(ds))
    told = events.select("account_id", week=(ago // _WEEK).cast("int64"), user=ibis.coalesce(events.user_id, events.account_id))
    counted = told.filter(told.week < weeks).group_by("account_id", "week").agg(users=told.user.nunique())
    return engine_of(ds).run(counted.order_by(["account_id", "week"]))


def feature_uses(ds: Dataset) -> pd.DataFrame:
    """Return `account_id`, `event`, `first_used_at` and `uses`, the number of uses in the 28 days up to `as_of`.

    Raises
    ------
    MissingTableError
        There are no `events`.
    """
    events = relation(ds, "events")
    recent = microseconds(events.event_at, last_known(ds)) < _RECENT
    counted = events.mutate(recent=recent.cast("int64")).group_by("account_id", "event")
    return engine_of(ds).run(counted.agg(first_used_at=events.event_at.min(), uses=recent.cast("int64").sum()).order_by(["account_id", "event"]))


def week_starts(ds: Dataset, *, weeks: int = 26) -> list[pd.Timestamp]:
    """Return the local day on which each of the weeks of `weekly_users` began, the latest first."""
    end = cutoff(ds).tz_localize("UTC").tz_convert(ds.calendar.zone).tz_localize(None)
    return [(end - pd.Timedelta(7 * (week + 1), "D")).normalize() for week in range(weeks)]
