"""How long customers wait for an answer and for a solution, those who still wait included."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal, get_args

import numpy as np
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.groups import By, as_named
from cs_analysis.facts.opening_hours import Clock
from cs_analysis.facts.support_times import Reopened, ticket_spans
from cs_analysis.facts.threads import thread_spans
from cs_analysis.facts.wait_counts import Waits, counted, sums_by_account, timed_waits
from cs_analysis.stats.estimates import estimates, stack
from cs_analysis.stats.risk import grouped
from cs_analysis.stats.time_quantiles import ClusterSums, time_quantiles
from cs_analysis.windows import parse_window

Of = Literal["tickets", "messages"]


def response_time(
    ds: Dataset,
    *,
    of: Of = "tickets",
    clock: Clock = "business",
    quantiles: Sequence[float] = (0.5, 0.9),
    period: Period | None = None,
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Days until customers have a first answer, those who still wait counted as far as they were seen.

    The median is the first time by which half of the tickets (or waits of a conversation) have an answer: one minus Kaplan-Meier, in which
    a ticket without an answer is censored at `as_of`. Left out, as vendors do, the slow ones would be missing and the figure too short.

    In conversations a wait begins with the customer's first message after our last one (or after the conversation's start) and ends with
    our next message; further messages of the customer do not begin it anew, and of messages at the same instant the customer's come first.
    Automatic replies cannot be told from others and count as answers, and a customer's closing "thank you" that nobody answers waits on.

    In simulated helpdesks (15 to 150 accounts of 4 or 12 tickets on average, alike within an account or not, a third of them open) the 95 %
    limits, a missing upper one taken as infinite, contained the true median in 95 to 99 % and the true 0.9 quantile in 95 to 99 % of 1,000
    cases each; limits that take tickets for independent in 51 to 97 %.

    Parameters
    ----------
    ds : Dataset
        Needs `tickets` with `first_response_at`, or `messages`.
    of : {"tickets", "messages"}
        What is answered.
    clock : {"business", "elapsed"}
        Opening hours of the calendar, in which a day is one business day (eight hours from 9 to 17), or all time, in days of 24 hours. Times
        are counted in whole seconds.
    quantiles : list of float
        Shares answered; 0.5 is the median.
    period : {"day", "week", "month", "quarter", "year"}, optional
        Calendar period in which the wait began, a row each; None: one row for all.
    by : str or list of str, optional
        Columns of `tickets` (`messages`: of the message that begins the wait) or of `accounts` to group by.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the key `period` (its first day) if asked for. Metric `response_time`, the median, unit `days`, `n` = tickets or waits;
        further quantiles are metrics of their own (`response_time_90`). Limits are clustered by account. An estimate is missing where the
        curve does not come so far, an upper limit where it may lie beyond what was seen, both limits where one account has all of several
        waits. Metrics `response_time_naive` (median) and `response_time_naive_mean`: of the answered only, `n` counts them; facts without
        limits, missing without any. Metric `unanswered_share`, unit `share`: those without an answer so far; a fact without limits.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        No `tickets` or `messages`; an unknown column in `by`; nothing to answer; a quantile that is not between 0 and 1, an unknown word.

    References
    ----------
    Kaplan and Meier (1958), Journal of the American Statistical Association 53, 457-481. Woodruff (1952), Journal of the American
    Statistical Association 47, 635-646 (limits).

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.response_time(ds)["metric"].tolist()
    ['response_time', 'response_time_90', 'response_time_naive', 'response_time_naive_mean', 'unanswered_share']
    """
    if of not in get_args(Of):
        raise ParameterError(f"of must be 'tickets' or 'messages', not {of!r}.")
    spans = ticket_spans(ds, what="response", by=by) if of == "tickets" else thread_spans(ds, by=by)
    waits = timed_waits(ds, spans, clock=clock, period=period, by=by)
    return _times(ds, waits, "response_time", waiting="unanswered_share", quantiles=quantiles, conf_level=conf_level)


def resolution_time(
    ds: Dataset,
    *,
    reopened: Reopened = "first",
    clock: Clock = "business",
    quantiles: Sequence[float] = (0.5, 0.9),
    period: Period | None = None,
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Days until tickets are resolved, the open ones counted as far as they were seen.

    The median is the first time by which half of all tickets are resolved: one minus Kaplan-Meier, open tickets censored at `as_of`. With
    half of them open the median of the resolved ones can be less than half of it.

    A ticket has one `resolved_at` and one `reopened_at`. `"first"`: it is resolved when it was first; where it was resolved again after it had been
    reopened, its first resolution is no longer on record, and the reopening stands for it, before which it lies. `"last"`: a ticket reopened
    after its resolution is open, and one resolved after its reopening is resolved then. The first is settled once it has happened; the last can be
    undone, so that its curve at an earlier `as_of` can lie higher.

    Records that begin with the tickets open at that time, without those solved before, hold too many slow ones: leave out what was opened
    before the records begin.

    Parameters
    ----------
    ds : Dataset
        Needs `tickets` with `resolved_at`.
    reopened : {"first", "last"}
        Which resolution counts.
    clock, quantiles
        As for `response_time`.
    period : {"day", "week", "month", "quarter", "year"}, optional
        Calendar period in which the ticket was opened (not resolved, which would count the slow ones later).
    by, conf_level
        As for `response_time`.

    Returns
    -------
    DataFrame
        As from `response_time`, with the metrics `resolution_time`, `resolution_time_90`, `resolution_time_naive`,
        `resolution_time_naive_mean` and `unresolved_share`; `n` = tickets.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        As for `response_time`.

    References
    ----------
    Kaplan and Meier (1958), Journal of the American Statistical Association 53, 457-481. Woodruff (1952), Journal of the American
    Statistical Association 47, 635-646 (limits).

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.resolution_time(ds, quantiles=[0.5])["metric"].tolist()
    ['resolution_time', 'resolution_time_naive', 'resolution_time_naive_mean', 'unresolved_share']
    """
    spans = ticket_spans(ds, what="resolution", reopened=reopened, by=by)
    waits = timed_waits(ds, spans, clock=clock, period=period, by=by)
    return _times(ds, waits, "resolution_time", waiting="unresolved_share", quantiles=quantiles, conf_level=conf_level)


def remaining_time(
    ds: Dataset,
    *,
    ages: Sequence[str | timedelta] = ("0d", "1d", "5d", "20d"),
    reopened: Reopened = "first",
    clock: Clock = "business",
    quantiles: Sequence[float] = (0.5, 0.9),
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Days until a ticket is resolved from now on, by how long it has been open.

    The q quantile of what remains at age a is the first time t with S(a + t) <= (1 - q) S(a), S being the Kaplan-Meier curve of the tickets'
    resolution: what tickets that were still open at that age took from there. Old tickets usually have longer to go than new ones.

    Parameters
    ----------
    ds : Dataset
        Needs `tickets` with `resolved_at`.
    ages : list of str or Timedelta
        Ages of an open ticket, of fixed length; a day is one of the clock's ("5d" of business days is a week).
    reopened, clock, quantiles, by, conf_level
        As for `resolution_time`.

    Returns
    -------
    DataFrame
        Estimates with the key `age_days`, unit `days`, `n` = tickets seen open beyond that age; an age that no ticket was seen to pass has no row.
        Metric `remaining_time`, the median; further quantiles as `remaining_time_90`. Limits and what is missing as for `resolution_time`.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        As for `resolution_time`; an age without unit or in calendar months.

    References
    ----------
    Kaplan and Meier (1958), Journal of the American Statistical Association 53, 457-481. Hall and Wellner (1981), Mean residual life, in
    Statistics and Related Topics, 169-184.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.remaining_time(ds, ages=["0d"], quantiles=[0.5])[["age_days", "metric"]].to_dict("records")
    [{'age_days': 0.0, 'metric': 'remaining_time'}]
    """
    windows = [parse_window(age, name="ages", may_be_nothing=True) for age in ages]
    if not windows or any(window.days is None for window in windows):
        raise ParameterError(f"ages must be lengths of time of fixed length, such as '5d', not {ages!r}.")
    waits = timed_waits(ds, ticket_spans(ds, what="resolution", reopened=reopened, by=by), clock=clock, by=by)
    table = _waited(ds, waits, "remaining_time")
    parts = []
    for days in sorted({float(window.days or 0) for window in windows}):
        older = table[(table["duration_days"] > days) | (days == 0)]
        if len(older):
            left = older.assign(duration_days=older["duration_days"] - days)
            times = _quantiles(ds, waits, left, metric="remaining_time", quantiles=quantiles, conf_level=conf_level)
            parts.append(times.assign(age_days=days))
    return as_named(stack(parts))


def _times(ds: Dataset, waits: Waits, metric: str, *, waiting: str, quantiles: Sequence[float], conf_level: float) -> pd.DataFrame:
    """Return quantiles of waits with clustered limits, and what those look like that have ended."""
    table = _waited(ds, waits, metric)
    times = _quantiles(ds, waits, table, metric=metric, quantiles=quantiles, conf_level=conf_level)
    return as_named(stack([times, *_of_the_ended(table, waits.keys, metric=metric, waiting=waiting)]))


def _waited(ds: Dataset, waits: Waits, metric: str) -> pd.DataFrame:
    """Return the counted waits; refuse none at all."""
    table = counted(ds, waits)
    if table.empty:
        raise NotEnoughDataError(f"{metric} needs something that waits: nothing of a known account was opened by {ds.as_of}. Check as_of and the accounts.")
    return table


def _quantiles(ds: Dataset, waits: Waits, table: pd.DataFrame, *, metric: str, quantiles: Sequence[float], conf_level: float) -> pd.DataFrame:
    """Return quantiles of counted waits under names of their own, limits clustered by account."""

    def by_account(parts: pd.DataFrame) -> ClusterSums:
        sums = sums_by_account(ds, waits, parts)
        return ClusterSums(grouped(sums, waits.keys)[1], sums["units"].to_numpy("float64"), sums.filter(like="part_").to_numpy("float64"))

    times = time_quantiles(table, waits.keys, quantiles=quantiles, cluster=by_account, conf_level=conf_level)
    names = {share: metric if share == 0.5 else f"{metric}_{100 * share:g}".replace(".", "_") for share in times["quantile"].unique()}
    return times.assign(metric=times["quantile"].map(names)).drop(columns="quantile")


def _of_the_ended(table: pd.DataFrame, keys: list[str], *, metric: str, waiting: str) -> list[pd.DataFrame]:
    """Return median and mean of those that have ended, and the share of the others."""
    shown, group = grouped(table, keys)
    n, ended = (np.bincount(group, table["count"] * flags, len(shown)) for flags in (True, table["observed"]))
    known = np.where(ended > 0, ended, np.nan)
    over = table["count"] * table["observed"]
    total = np.bincount(group, over * table["duration_days"], len(shown))
    share = over.groupby(group).cumsum() / known[group]
    median = table["duration_days"].where(share >= 0.5 - 1e-9).groupby(group).min()
    naive = {f"{metric}_naive": median, f"{metric}_naive_mean": total / known}
    facts = [estimates(shown, metric=name, unit="days", estimate=value, n=ended) for name, value in naive.items()]
    return [*facts, estimates(shown, metric=waiting, unit="share", estimate=1 - ended / n, n=n)]
