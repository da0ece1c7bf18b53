"""How often, how widely and how deeply accounts used the product by each of several dates."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.facts.feature_dates import KEYS, FeatureDates, joined_to, known_since
from cs_analysis.facts.uses import local_day

LONGEST_SILENCE = 90


def usage_features(ds: Dataset, dates: FeatureDates, rows: ir.Table) -> ir.Table:
    """Return the usage of each row (an account at a date), staged.

    Windows are local days. A count is missing where its window begins before the day of the first event on record; the trend also where the
    account is younger than its two windows; uses per user also where nobody was active. `days_since_use` is capped at 90, and missing where no
    event of the account is on record by the date.
    """
    engine, since = engine_of(ds), known_since(ds, "events", "event_at")
    events = relation(ds, "events")
    narrow = events.select("account_id", "user_id", "event", day=local_day(ds, events.event_at).cast("timestamp(6)"))
    uses = engine.stage(narrow.group_by("account_id", "user_id", "event", "day").agg(uses=narrow.count()))
    days = engine.stage(uses.group_by("account_id", "day").agg(uses=uses.uses.sum().cast("int64")))
    month = engine.lookup(dates.windows(28))
    people, kinds = (_different(uses, month, column, name=name) for column, name in (("user_id", "people"), ("event", "kinds")))
    joined = joined_to(
        rows, _counts(days, engine.lookup(dates.windows(56))), people, kinds, _last_days(days, rows, engine.lookup(dates.next_numbers(_first(ds, days))))
    )
    recent, whole = joined.since_28 >= since, (joined.since_56 >= since) & (joined.account_start <= joined.since_56)
    now, before = joined.uses_28.fill_null(0), joined.uses_before.fill_null(0)
    silence = joined.at.cast("date").delta(joined.last_day.cast("date"), unit="day")
    features = joined.select(
        *KEYS,
        active_days_28=ibis.ifelse(recent, joined.days_28.fill_null(0), None),
        active_users_28=ibis.ifelse(recent, joined.people.fill_null(0), None),
        features_used_28=ibis.ifelse(recent, joined.kinds.fill_null(0), None),
        usage_trend=ibis.ifelse(whole, ((now + 1) / (before + 1)).ln(), None),
        days_since_use=ibis.ifelse(silence > LONGEST_SILENCE, LONGEST_SILENCE, silence),
        key_uses_per_user_28=ibis.ifelse(recent, now.cast("float64") / joined.people.nullif(0), None),
    )
    return engine.stage(features)


def _counts(days: ir.Table, windows: ir.Table) -> ir.Table:
    """Return the active days and the uses of the last 28 days, and the uses of the 28 days before."""
    joined = days.inner_join(windows, "day")
    recent = joined.age < 28
    return joined.group_by(*KEYS).agg(
        days_28=recent.cast("int64").sum(), uses_28=joined.uses.sum(where=recent).cast("int64"), uses_before=joined.uses.sum(where=~recent).cast("int64")
    )


def _different(uses: ir.Table, windows: ir.Table, column: str, *, name: str) -> ir.Table:
    """Return how many different values of a column the uses of a window have."""
    once = uses.inner_join(windows, "day").select(*KEYS, column).distinct()
    return once.group_by(*KEYS).agg(**{name: once[column].count()})


def _first(ds: Dataset, days: ir.Table) -> pd.Timestamp | None:
    """Return the first day of use."""
    first = engine_of(ds).run(days.agg(first=days.day.min()).order_by("first"))["first"].iloc[0]
    return None if pd.isna(first) else first


def _last_days(days: ir.Table, rows: ir.Table, numbers: ir.Table) -> ir.Table:
    """Return the last day of use by each row's date: days are laid to the first date at or after them, then carried on from date to date."""
    latest = days.inner_join(numbers, "day").select(*KEYS, "day")
    both = latest.union(rows.select(*KEYS, day=ibis.null("timestamp(6)")))
    each = both.group_by(*KEYS).agg(day=both.day.max())
    so_far = ibis.window(group_by="account_id", order_by="number", rows=(None, 0))
    return each.select(*KEYS, last_day=each.day.max().over(so_far))
