"""What became of customers after a date: who left within a window, and how long each was under observation until the next date."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, cutoff, engine_of, relation
from cs_analysis.errors import NotEnoughDataError
from cs_analysis.facts.contract_features import contract_features, customers_at
from cs_analysis.facts.feature_dates import KEYS, FeatureDates, feature_dates, joined_to
from cs_analysis.facts.phases import effective_phases
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.facts.subscriptions import customer_spells, periods_since_first
from cs_analysis.facts.uses import later
from cs_analysis.windows import Window, parse_window


def snapshot_days(ds: Dataset, *, every: Period = "month") -> list[date]:
    """Return the last local day of each finished calendar period since the first customer, oldest first.

    Raises
    ------
    NotEnoughDataError
        Nobody was a customer before the end of a finished period.
    """
    spells = customer_spells(ds)
    calendar = periods_since_first(ds, spells, period=every, unfinished=False)
    if calendar.empty:
        raise NotEnoughDataError(f"nobody was a customer by the end of a finished {every} before {ds.as_of:%Y-%m-%d}. Check `subscriptions` and `as_of`.")
    ends = calendar["ends_at"].dt.tz_localize("UTC").dt.tz_convert(ds.calendar.zone)
    return [end.date() - timedelta(days=1) for end in ends]


def churn_outcomes(
    ds: Dataset,
    *,
    dates: Any,
    horizon: str | timedelta | Window,
    gap: str | timedelta | Window | None = None,
    policy: RevenuePolicy | str = "default",
) -> pd.DataFrame:
    """Return one row a customer at a date, with what became of it.

    With E the first instant after the date, a customer has `churned` if its stretch as a customer ended within [E + gap, E + gap + horizon); missing
    for all customers of a date whose window is not over by `as_of`, or only those would count who left early. Coming back does not undo having left.
    `dates` are days as `feature_dates` takes them, or its answer.

    Columns, by date and account: `account_id`, `at` (local day), `churned` (boolean), `left_in_gap` (ended within [E, E + gap), when nobody could act on
    it), `notice_given` (by E every running phase that counts had been cancelled: its end was known), `mrr` (at the date, default policy, in the reporting
    currency) and `ended_at` (UTC, missing unless the stretch ended by `as_of`).
    """
    ahead = parse_window(horizon, name="horizon")
    when = dates if isinstance(dates, FeatureDates) else feature_dates(ds, dates)
    rows = joined_to(_with_ends(ds, when, policy=policy), contract_features(ds, when, customers_at(ds, when)).select(*KEYS, "mrr"))
    opens = rows.ends_at if gap is None else later(rows.ends_at, parse_window(gap, name="gap", may_be_nothing=True))
    closes = later(opens, ahead)
    in_gap = (rows.ended_at < opens).fill_null(False)
    inside = ((rows.ended_at >= opens) & (rows.ended_at < closes)).fill_null(False)
    over = closes <= ibis.literal(cutoff(ds))
    told = {"churned": ibis.ifelse(over, inside, ibis.null("boolean")), "left_in_gap": in_gap, "notice_given": rows.notice_given.fill_null(False)}
    shown = rows.select("account_id", "at", **told, mrr=rows.mrr, ended_at=rows.ended_at)
    found = engine_of(ds).run(shown.order_by(["at", "account_id"]))
    found["ended_at"] = found["ended_at"].astype("datetime64[us]").dt.tz_localize("UTC")
    return found.astype({"at": "datetime64[us]", "churned": "boolean", "left_in_gap": "bool", "notice_given": "bool"})


def outcome_windows(dates: FeatureDates, *, horizon: str | timedelta | Window, gap: str | timedelta | Window | None = None) -> pd.DataFrame:
    """Return for each date the instants (UTC) that `churn_outcomes` counts from: `at`, `ends_at` (end of the date), `over_at` (end of its window)."""
    lengths = [parse_window(horizon, name="horizon")]
    if gap is not None:
        lengths = [parse_window(gap, name="gap", may_be_nothing=True), *lengths]
    over = dates.frame["ends_at"]
    for length in lengths:
        over = over + pd.DateOffset(months=length.months) + pd.Timedelta(length.microseconds, "us")
    times = {"ends_at": dates.frame["ends_at"], "over_at": over}
    return pd.DataFrame({"at": dates.frame["at"], **{name: each.astype("datetime64[us]").dt.tz_localize("UTC") for name, each in times.items()}})


def exposures(ds: Dataset, dates: FeatureDates) -> pd.DataFrame:
    """Return one row a customer at a date, with its time at risk until the next date, as durations.

    Columns: `account_id`, `at`, `enter_days` and `duration_days` (both since the account became a customer without a break, in days of 24 hours),
    `observed` (whether it left in between). The last date's row ends at `as_of`. A row without any time is left out.
    """
    rows = _with_ends(ds, dates)
    following = [*dates.frame["ends_at"].iloc[1:], cutoff(ds)]
    nexts = engine_of(ds).lookup(pd.DataFrame({"number": dates.frame["number"], "until": following}))
    joined = rows.inner_join(nexts, "number")
    ended = (joined.ended_at <= joined.until).fill_null(False)
    stop = ibis.ifelse(ended, joined.ended_at, joined.until)
    shown = joined.select(
        "account_id", "at", enter_days=_days(joined.ends_at, joined.customer_since), duration_days=_days(stop, joined.customer_since), observed=ended
    )
    found = engine_of(ds).run(shown.filter(shown.duration_days > shown.enter_days).order_by(["at", "account_id"]))
    return found.astype({"at": "datetime64[us]", "observed": "bool"})


def _with_ends(ds: Dataset, dates: FeatureDates, *, policy: RevenuePolicy | str = "default") -> ir.Table:
    """Return the customers at each date with the end of their stretch, if it has come, and whether notice was on record; staged."""
    rows = customers_at(ds, dates, policy=policy)
    spells = customer_spells(ds, policy=policy).select("ended_at", spell_of="account_id", spell_at="started_at")
    joined = rows.inner_join(spells, [rows.account_id == spells.spell_of, rows.customer_since == spells.spell_at])
    noticed = joined_to(joined.drop("spell_of", "spell_at"), _notices(ds, rows, policy=policy))
    come = ibis.ifelse(noticed.ended_at < ibis.literal(cutoff(ds)), noticed.ended_at, None)
    return engine_of(ds).stage(noticed.select(*KEYS, "at", "ends_at", "customer_since", "notice_given", ended_at=come))


def _notices(ds: Dataset, rows: ir.Table, *, policy: RevenuePolicy | str) -> ir.Table:
    """Return for each row whether all phases that counted at its date had been cancelled by then."""
    counted = effective_phases(ds, policy=policy).select("subscription_id", "started_at", "end_at", owner="account_id")
    asked = relation(ds, "subscriptions").select("cancelled_at", key_id="subscription_id", key_at="started_at")
    phases = counted.inner_join(asked, [counted.subscription_id == asked.key_id, counted.started_at == asked.key_at])
    running = rows.inner_join(
        phases, [rows.account_id == phases.owner, phases.started_at < rows.ends_at, phases.end_at.isnull() | (phases.end_at >= rows.ends_at)]
    )
    cancelled = (running.cancelled_at < running.ends_at).fill_null(False)
    return running.group_by(*KEYS).agg(notice_given=cancelled.all())


def _days(end: ir.TimestampValue, start: ir.TimestampValue) -> ir.FloatingValue:
    return end.delta(start, unit="microsecond").cast("float64") / 86_400_000_000
