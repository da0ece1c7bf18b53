"""How long customers had waited for the first response by the time of an answer to a survey, or of a date, and what came after."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.data.dataset import Dataset, cutoff, engine_of
from cs_analysis.data.surveys import Scale
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.facts.clock_lengths import clock_days
from cs_analysis.facts.feature_dates import FeatureDates
from cs_analysis.facts.firsts import account_starts
from cs_analysis.facts.groups import By, group_columns
from cs_analysis.facts.opening_hours import Clock
from cs_analysis.facts.score_tables import scored_answers
from cs_analysis.facts.subscriptions import customer_spells
from cs_analysis.facts.support_times import ticket_waits

Bands = Sequence[str | timedelta]
Of = Literal["median", "slowest"]

WAITING = "(not answered yet)"
NO_TICKETS = "(no tickets)"
_LOOKBACK = "since_90"


def band_bounds(ds: Dataset, bands: Bands, *, clock: Clock) -> tuple[npt.NDArray[np.float64], list[str]]:
    """Return the upper bounds of bands of waits in days of the clock, and the names of the bands, one more than bounds.

    Raises
    ------
    ParameterError
        There is no bound, one is no length of time on the clock, or they do not rise.
    """
    if isinstance(bands, str | timedelta) or not len(bands):
        raise ParameterError(f"bands must be rising lengths of time such as ('1h', '4h', '1d'), not {bands!r}.")
    bounds = np.array([clock_days(ds, each, clock=clock, name="bands") for each in bands])
    if (np.diff(bounds) <= 0).any():
        raise ParameterError(f"bands must rise; on the clock {clock!r} {tuple(bands)!r} are {', '.join(f'{bound:g}' for bound in bounds)} days.")
    words = [str(each) for each in bands]
    between = [f"{low} to {high}" for low, high in pairwise(words)]
    return np.rint(bounds * 1e9) / 1e9, [f"up to {words[0]}", *between, f"over {words[-1]}"]


def rated_replies(ds: Dataset, survey: str, *, scale: str | Scale | None, clock: Clock, by: By) -> pd.DataFrame:
    """Return one row an answer to a survey about a ticket, with the first response by then.

    Columns: the group columns (of the ticket or account), `account_id`, `ticket_id`, `answered_at`, `satisfied` (a score among the top ones of the
    scale) and `response_days`, missing where the ticket had no response by the answer.
    """
    if "responses" in ds.tables and "ticket_id" not in ds.tables["responses"].columns:
        raise MissingColumnsError(["ticket_id"], ds.tables["responses"].columns, table="responses")
    scored, _ = scored_answers(ds, survey, scale=scale, by="ticket_id")
    rated = scored.rename(columns={"by.ticket_id": "ticket_id"})[["ticket_id", "answered_at", "top"]]
    waits = ticket_waits(ds, what="response", clock=clock, by=by)
    rows = rated.merge(waits, on="ticket_id", how="inner", validate="many_to_one").sort_values(["answered_at", "ticket_id"], kind="stable", ignore_index=True)
    known = rows["observed"] & (rows["ended_at"] <= rows["answered_at"])
    kept = rows[[*group_columns(by), "account_id", "ticket_id", "answered_at"]]
    return kept.assign(satisfied=rows["top"], response_days=rows["duration_days"].where(known))


def replies_before(ds: Dataset, dates: FeatureDates, *, longest: float, clock: Clock, of: Of) -> pd.DataFrame:
    """Return one row a date and account with tickets: `account_id`, `at`, `waited_days`, as known by the date.

    The tickets are those opened in the 90 local days that end with the date, whose age by its end was at least `longest` days of the clock: quick and slow
    ones alike. A ticket without a response by then had waited for longer than any bound: it is infinite. `waited_days` is the median, or the slowest.
    """
    if of not in ("median", "slowest"):
        raise ParameterError(f"of must be 'median' or 'slowest', not {of!r}.")
    waits = ticket_waits(ds, what="response", clock=clock)
    parts = []
    for date in dates.frame.itertuples():
        asked = waits[(waits["opened_at"] >= getattr(date, _LOOKBACK)) & (waits["opened_at"] < date.ends_at)]
        due = asked[_age(ds, asked["opened_at"], date.ends_at, clock=clock) >= longest - 1e-9]
        days = due["duration_days"].where(due["observed"] & (due["ended_at"] < date.ends_at), np.inf)
        grouped = days.groupby(due["account_id"].to_numpy())
        waited = grouped.median() if of == "median" else grouped.max()
        parts.append(waited.rename("waited_days").rename_axis("account_id").reset_index().assign(at=date.at))
    return pd.concat(parts, ignore_index=True).astype({"account_id": "object", "at": "datetime64[us]"})


def first_ticket_day(ds: Dataset) -> pd.Timestamp:
    """Return the first instant (UTC, without zone) of the local day of the first ticket; the end of what is known without tickets."""
    opened = ticket_waits(ds)["opened_at"]
    if opened.empty:
        return cutoff(ds)
    return ds.calendar.period_start(opened.min().tz_localize("UTC"), "day").tz_localize(None)


def average_replies(ds: Dataset, *, clock: Clock) -> pd.DataFrame:
    """Return one row an account that was ever a customer: `account_id`, `waited_days` (mean of all tickets answered so far) and `kept` (a customer now)."""
    waits = ticket_waits(ds, what="response", clock=clock)
    mean = waits[waits["observed"]].groupby("account_id")["duration_days"].mean().rename("waited_days").reset_index()
    spells = customer_spells(ds)
    found = engine_of(ds).run(spells.select("account_id", "started_at", "ended_at").order_by("account_id", "started_at"))
    begun = found[found["started_at"] < cutoff(ds)]
    now = (begun["ended_at"].isna() | (begun["ended_at"] >= cutoff(ds))).groupby(begun["account_id"]).any().rename("kept").reset_index()
    return now.merge(mean, on="account_id", how="left")


def account_groups(ds: Dataset, by: By) -> pd.DataFrame:
    """Return one row a known account: `account_id` and the group columns."""
    return engine_of(ds).run(account_starts(ds, by=by).drop("origin_at").order_by("account_id"))


def _age(ds: Dataset, opened: pd.Series, end: pd.Timestamp, *, clock: Clock) -> npt.NDArray[np.float64]:
    """Return how old tickets were at an instant, in days of the clock."""
    if clock == "business":
        return np.asarray(ds.calendar.business_time(opened, end), dtype="float64")
    return np.asarray((end - opened) / pd.Timedelta(1, "D"), dtype="float64")
