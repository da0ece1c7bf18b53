"""What goes with a quick first response: later satisfaction with the ticket, and whether customers stay.

Neither is an effect. Hard and angry cases wait longer, and end worse, whoever answers them and when.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, relation
from cs_analysis.data.surveys import Scale
from cs_analysis.errors import NotEnoughDataError
from cs_analysis.facts.feature_dates import FeatureDates, feature_dates
from cs_analysis.facts.groups import By, as_named, by_columns, group_columns
from cs_analysis.facts.opening_hours import Clock
from cs_analysis.facts.outcomes import churn_outcomes, snapshot_days
from cs_analysis.facts.reply_outcomes import (
    NO_TICKETS,
    WAITING,
    Bands,
    Of,
    account_groups,
    average_replies,
    band_bounds,
    first_ticket_day,
    rated_replies,
    replies_before,
)
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.within_slopes import within_slope
from cs_analysis.windows import fixed_days

BANDS: Bands = ("1h", "4h", "1d", "3d")
AS_IT_IS = "(nothing)"
_MINUTE = 1 / 1440


def satisfaction_by_response_time(
    ds: Dataset,
    *,
    survey: str = "csat",
    scale: str | Scale | None = None,
    bands: Bands = BANDS,
    clock: Clock = "elapsed",
    adjust_for: By = None,
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Share of answers about a ticket that are satisfied, by how long its first response had taken, and how that share moves with the wait.

    Every answer that names its ticket counts in the band of the first response that the customer had by then; an answer that came before any
    response is in a band of its own. What happens after the answer changes nothing. Customers who did not answer are in no band.

    The slope is the change of the share for twice the wait (least squares on the logarithm, waits under a minute counted as a minute), as it is and
    within strata of like tickets. It is an association, not the effect of answering faster: hard and angry cases wait longer and end worse, and
    strata remove only differences in the columns named.

    Parameters
    ----------
    ds : Dataset
        Needs `tickets` with `first_response_at`, and `responses` with `ticket_id`.
    survey : str
        Survey whose answers count.
    scale : str or Scale, optional
        Its scale, the usual one without it; satisfied are its top scores.
    bands : sequence of str
        Upper bounds of the bands, each included, on the clock.
    clock : {"elapsed", "business"}
        All time, or opening hours of the calendar: then `"1d"` is a business day.
    adjust_for : str or list of str, optional
        Columns of `tickets` or `accounts` that make the strata. Default: of `topic` and `segment` those that are there; `[]`: the slope as it is only.
    by : str or list of str, optional
        Columns of `tickets` or `accounts` to group by.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates, unit `share`. Metric `satisfaction_by_response_time` with the key `response_time` (the bands, then "(not answered yet)"; those without an
        answer have no row), limits clustered by account, `n` = answers; missing limits where several answers all come from one account. Metric
        `satisfaction_per_doubling` with the key `adjusted_for`, `n` = answers after a response, jackknife limits over accounts; the slope is missing where
        waits do not vary within a stratum, its limits also for fewer than three accounts.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        A table or column is absent; no answer names a ticket; the scale or clock is unknown; bands that do not rise.

    References
    ----------
    Korn and Graubard (1998), Survey Methodology 24, 193-201 (shares). Bell and McCaffrey (2002), Survey Methodology 28, 169-181 (slopes).

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=60, months=9)
    >>> cs.satisfaction_by_response_time(ds, bands=["1d"])[["response_time", "adjusted_for", "metric"]].iloc[[0, -1]].values.tolist()
    [['up to 1d', nan, 'satisfaction_by_response_time'], [nan, 'topic, segment', 'satisfaction_per_doubling']]
    """
    check_conf_level(conf_level)
    bounds, names = band_bounds(ds, bands, clock=clock)
    strata = _strata(ds, ["tickets", "accounts"], adjust_for, by=by)
    rows = rated_replies(ds, survey, scale=scale, clock=clock, by=[*by_columns(by), *strata])
    if rows.empty:
        raise NotEnoughDataError(f"no answer to {survey!r} names a ticket on record. Fill ticket_id in responses, or choose another survey.")
    place = np.where(rows["response_days"].isna(), len(names), np.searchsorted(bounds, rows["response_days"]))
    rows = rows.assign(response_time=_in_order(place, [*names, WAITING]))
    keys = group_columns(by)
    shares = _shares(rows, [*keys, "response_time"], hit="satisfied", metric="satisfaction_by_response_time", conf_level=conf_level)
    answered = rows.dropna(subset=["response_days"])
    moved = answered.assign(x=np.log2(answered["response_days"].clip(lower=_MINUTE)), y=answered["satisfied"])
    slopes = _slopes(moved, keys, strata, metric="satisfaction_per_doubling", conf_level=conf_level)
    return as_named(stack([shares, *slopes]))


def retention_by_response_time(
    ds: Dataset,
    *,
    horizon: str | timedelta = "180d",
    every: Period = "quarter",
    since: str | pd.Timestamp | None = None,
    of: Of = "median",
    bands: Bands = BANDS,
    clock: Clock = "elapsed",
    adjust_for: By = None,
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Share of customers still there a time after a date, by how long they had waited for first responses in the 90 days before it.

    At the end of every calendar period each customer is put into the band of its median (or slowest) wait, from tickets of the 90 days before: only
    what was known by the date. A ticket counts when it is as old as the longest bound, and without a response by then it is slower than all;
    customers without such a ticket are a band of their own. Then each customer is followed for the horizon. Dates whose horizon is not over by
    `as_of`, or whose 90 days begin before tickets are on record, do not count.

    The naive figure sets the mean of all tickets answered ever against who is a customer today: it leaves the unanswered out, and for those who
    stay counts replies that came after others had left.

    It is an association, not the effect of answering faster: customers in trouble have the cases that wait.

    Parameters
    ----------
    ds : Dataset
        Needs `tickets` with `first_response_at`, and `subscriptions`.
    horizon : str or Timedelta
        For how long customers are followed, a fixed length of time.
    every : {"day", "week", "month", "quarter", "year"}
        Whose last days are the dates.
    since : str or Timestamp, optional
        First day of which the tickets are on record; default: the day of the first ticket of all.
    of : {"median", "slowest"}
        Which wait stands for a customer's tickets.
    bands, clock
        As for `satisfaction_by_response_time`.
    adjust_for : str or list of str, optional
        Columns of `accounts` that make the strata of the slope. Default: `segment` if it is there; `[]`: the slope as it is only.
    by : str or list of str, optional
        Columns of `accounts` to group by, as of the export.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates, unit `share`. Metric `retention_by_response_time` with the key `response_time` (the bands, then "(no tickets)"), limits clustered by
        account, `n` = customers at dates (a customer counts at each date at which it is one). Metric `retention_per_band` with the key `adjusted_for`:
        change of the share for each band slower, of customers with tickets, jackknife limits over accounts. Metric `retention_by_response_time_naive`, a
        fact without limits, `n` = accounts that ever were customers. Bands without a customer have no row; missing limits as there.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        A table or column is absent; no date has its horizon over; a horizon in calendar months; an unknown `of`, clock or period; bands that do not rise.

    References
    ----------
    Anderson, Cain and Gelber (1983), Journal of Clinical Oncology 1, 710-719 (landmarks). Van Houwelingen (2007), Scandinavian Journal of Statistics 34,
    70-85 (several of them, with limits that know which rows are of one unit). Korn and Graubard (1998), Survey Methodology 24, 193-201.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=60, months=18)
    >>> cs.retention_by_response_time(ds, bands=["1d"])[["response_time", "metric"]].drop_duplicates("metric").values.tolist()
    [['up to 1d', 'retention_by_response_time'], [nan, 'retention_per_band'], ['up to 1d', 'retention_by_response_time_naive']]
    """
    check_conf_level(conf_level)
    fixed_days(horizon, name="horizon")
    bounds, names = band_bounds(ds, bands, clock=clock)
    strata = _strata(ds, ["accounts"], adjust_for, by=by)
    groups = account_groups(ds, [*by_columns(by), *strata])
    dates = _dates(ds, every, since)
    followed = churn_outcomes(ds, dates=dates, horizon=horizon).dropna(subset=["churned"])
    if followed.empty:
        raise NotEnoughDataError(f"no {every} whose tickets are on record ended {horizon} before {ds.as_of:%Y-%m-%d}. Shorten the horizon or look later.")
    waits = replies_before(ds, dates, longest=bounds[-1], clock=clock, of=of)
    rows = followed.merge(waits, on=["account_id", "at"], how="left").merge(groups, on="account_id").assign(kept=lambda table: ~table["churned"].astype("bool"))
    keys = group_columns(by)
    placed = _banded(rows, bounds, names)
    shares = _shares(placed, [*keys, "response_time"], hit="kept", metric="retention_by_response_time", conf_level=conf_level)
    asked = placed.dropna(subset=["waited_days"])
    slopes = _slopes(
        asked.assign(x=np.searchsorted(bounds, asked["waited_days"]), y=asked["kept"]), keys, strata, metric="retention_per_band", conf_level=conf_level
    )
    average = _banded(average_replies(ds, clock=clock).merge(groups, on="account_id"), bounds, names)
    return as_named(stack([shares, *slopes, _naive(average, [*keys, "response_time"])]))


def _strata(ds: Dataset, tables: list[str], adjust_for: By, *, by: By) -> list[str]:
    """Return the columns of the strata: those named, or the usual ones that are there, without those that make the groups."""
    for table in tables:
        relation(ds, table)  # raises where there is no such table
    present = {column for table in tables for column in ds.tables[table].columns}
    usual = [column for column in ("topic", "segment") if column in present]
    return [column for column in (usual if adjust_for is None else by_columns(adjust_for)) if column not in by_columns(by)]


def _dates(ds: Dataset, every: Period, since: str | pd.Timestamp | None) -> FeatureDates:
    """Return the last days of the periods whose 90 days are on record."""
    first = first_ticket_day(ds) if since is None else ds.calendar.period_start(since, "day").tz_localize(None)
    days = snapshot_days(ds, every=every)
    dates = feature_dates(ds, days)
    known = [day for day, start in zip(dates.days, dates.frame["since_90"], strict=True) if start >= first]
    if not known:
        raise NotEnoughDataError(f"no {every} ended by {ds.as_of:%Y-%m-%d} with 90 days of tickets on record. Look later, or say by `since` since when.")
    return feature_dates(ds, known)


def _banded(rows: pd.DataFrame, bounds: npt.NDArray[np.float64], names: list[str]) -> pd.DataFrame:
    """Return customers with the band of their wait."""
    place = np.where(rows["waited_days"].isna(), len(names), np.searchsorted(bounds, rows["waited_days"]))
    return rows.assign(response_time=_in_order(place, [*names, NO_TICKETS]))


def _in_order(place: npt.NDArray[np.int64], names: list[str]) -> pd.Categorical:
    return pd.Categorical.from_codes(place, categories=names, ordered=True)


def _shares(rows: pd.DataFrame, keys: list[str], *, hit: str, metric: str, conf_level: float) -> pd.DataFrame:
    """Return the share of hits in each group, with limits clustered by account."""
    flagged = rows[[*keys, "account_id"]].assign(units=1, hits=rows[hit].astype("int64"))
    cells = flagged.groupby([*keys, "account_id"], observed=True, dropna=False, sort=True).sum().reset_index()
    groups = cells.groupby(keys, observed=True, dropna=False, sort=True)
    share = clustered_share(cells["hits"], cells["units"], groups=groups.ngroup().to_numpy(), conf_level=conf_level)
    n = groups["units"].sum().reset_index()
    return estimates(n[keys].astype({"response_time": "object"}), metric=metric, unit="share", **share._asdict(), n=n["units"])


def _naive(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    sums = rows[keys].assign(units=1, hits=rows["kept"].astype("int64")).groupby(keys, observed=True, dropna=False, sort=True).sum().reset_index()
    shown = sums[keys].astype({"response_time": "object"})
    return estimates(shown, metric="retention_by_response_time_naive", unit="share", estimate=sums["hits"] / sums["units"], n=sums["units"])


def _slopes(rows: pd.DataFrame, keys: list[str], strata: list[str], *, metric: str, conf_level: float) -> list[pd.DataFrame]:
    """Return the slope of y on x in each group, as it is and within the strata."""
    ways: list[tuple[str, list[str]]] = [(AS_IT_IS, [])] + ([(", ".join(strata), group_columns(strata))] if strata else [])
    tables = []
    for shown, own in _groups(rows, keys):
        for name, columns in ways:
            stratum = own.groupby(columns, dropna=False).ngroup() if columns else None
            slope = within_slope(own["x"], own["y"], strata=stratum, clusters=own["account_id"], conf_level=conf_level)
            tables.append(estimates(shown.assign(adjusted_for=name), metric=metric, unit="share", **slope._asdict(), n=len(own)))
    return tables


def _groups(rows: pd.DataFrame, keys: list[str]) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Yield the key values and the rows of each group; without keys of all rows."""
    if not keys:
        yield pd.DataFrame(index=range(1)), rows
        return
    for _, own in rows.groupby(keys, sort=True, dropna=False):
        yield own[keys].head(1).reset_index(drop=True), own
