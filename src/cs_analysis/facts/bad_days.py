"""Days with outages beside the usage on them and the customers who met them."""

from __future__ import annotations

from typing import Literal, get_args

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.dataset import Dataset, cutoff, engine_of
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.checks import Service, period_frame, service_days, timed_checks
from cs_analysis.facts.subscriptions import customer_spells
from cs_analysis.facts.uses import named_events, unit_days
from cs_analysis.windows import fixed_days

Usage = Literal["users", "uses"]
_LOOK_BACK_DAYS = 28
_BANDS = [-1, 0, 4, 12, _LOOK_BACK_DAYS]  # active days in the four weeks before: none, up to weekly, up to three a week, more


def bad_days(ds: Dataset, *, service: Service = None, at_least: str = "30min") -> pd.DataFrame:
    """Return each local day that is over and has checks: `day`, `bad`, and `down_minutes` of the service that was down for longest."""
    least = fixed_days(at_least, name="at_least") * 1_440
    days = service_days(ds, timed_checks(ds, service=service))
    worst = (days.groupby("day")["down_seconds"].max() / 60).rename("down_minutes").reset_index()
    frame = period_frame(ds, worst["day"].min(), "day")
    over = worst[worst["day"].isin(frame.loc[frame["finished"], "period"])].reset_index(drop=True)
    return over.assign(bad=over["down_minutes"] >= least)


def daily_usage(ds: Dataset, *, usage: Usage) -> pd.DataFrame:
    """Return `day` and `amount` (active users, or events) of each local day that is over, from the first with an event on."""
    if usage not in get_args(Usage):
        raise ParameterError(f"usage must be 'users' or 'uses', not {usage!r}.")
    days = unit_days(ds, named_events(ds, None), unit="user_id" if usage == "users" else "account_id")
    sums = days.group_by("day").agg(amount=days.unit.count() if usage == "users" else days.uses.sum())
    counted = engine_of(ds).run(sums.order_by("day"))
    if counted.empty:
        raise NotEnoughDataError(f"usage on bad days needs events of known accounts; there are none by {ds.as_of}.")
    counted = counted.assign(day=counted["day"].astype("datetime64[us]"))
    frame = period_frame(ds, counted["day"].min(), "day")
    every = frame.loc[frame["finished"], ["period"]].rename(columns={"period": "day"}).astype({"day": "datetime64[us]"})
    return every.merge(counted, on="day", how="left").fillna({"amount": 0}).astype({"amount": "float64"})


def customers_at_outages(ds: Dataset, *, service: Service = None, at_least: str = "30min", horizon: str = "90d") -> pd.DataFrame:
    """Return one row a bad day and customer at its end: `account_id`, `day`, `exposed`, `left` (within the horizon), `band` of earlier activity.

    Exposed: used the product on a local day of the outage. Only days whose horizon is over by `as_of`.
    """
    length = pd.Timedelta(days=fixed_days(horizon, name="horizon"))
    days = bad_days(ds, service=service, at_least=at_least)
    marks = days.loc[days["bad"], ["day"]]
    ends = [ds.calendar.period_start((day + pd.Timedelta(1, "D")).date(), "day").tz_convert("UTC").tz_localize(None) for day in marks["day"]]
    marks = marks.assign(landmark=pd.Series(ends, index=marks.index, dtype="datetime64[us]"))
    marks = marks[marks["landmark"] + length <= cutoff(ds)]
    if marks.empty:
        raise NotEnoughDataError(f"no day with an outage of {at_least} lies {horizon} before {ds.as_of}. Shorten the horizon or at_least, or wait.")
    engine, spells = engine_of(ds), customer_spells(ds)
    lookup = engine.lookup(marks.assign(until=marks["landmark"] + length))
    at_risk = spells.inner_join(lookup, [spells.started_at < lookup.landmark, spells.ended_at.isnull() | (spells.ended_at > lookup.landmark)])
    rows = engine.stage(at_risk.select("account_id", on=at_risk.day.cast("date"), left=(at_risk.ended_at <= at_risk.until).fill_null(False)))
    used = unit_days(ds, named_events(ds, None), unit="account_id")
    near = rows.inner_join(used.select("unit", "day"), [rows.account_id == used.unit, used.day <= rows.on, used.day >= _days_before(rows.on)])
    active = near.group_by("account_id", "on").agg(days=(near.day < near.on).cast("int64").sum(), exposed=(near.day == near.on).max())
    joined = rows.left_join(active, ["account_id", "on"]).select(
        "account_id", "left", day=rows.on, days=active.days.fill_null(0), exposed=active.exposed.fill_null(False)
    )
    found = engine.run(joined.order_by(["day", "account_id"]))
    return found.assign(band=pd.cut(found["days"].astype("int64"), _BANDS, labels=False)).astype({"left": "float64", "exposed": "bool"})


def _days_before(day: ir.DateColumn) -> ir.DateColumn:
    return (day - ibis.interval(days=_LOOK_BACK_DAYS)).cast("date")
