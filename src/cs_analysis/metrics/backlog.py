"""Tickets that are open: how many, how old, and how long the pace of the period would take to clear them."""

from __future__ import annotations

import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import NotEnoughDataError
from cs_analysis.facts.backlog import backlog_by_period
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.stats.estimates import estimates, stack

_OLD_DAYS = (7, 30)


def backlog(ds: Dataset, *, period: Period = "week", by: By = None) -> pd.DataFrame:
    """Number of open tickets at the end of each period, how old they are, and how many were opened and resolved in it.

    A ticket is open from its opening until its resolution, and again from a reopening after that. Where it was resolved again after it had
    been reopened, the first resolution is no longer on record and it counts as open throughout. All are facts about the tickets on record,
    without limits, and they add up: open at the end = open at the end before + opened + reopened - resolved. Tickets opened before the
    records begin are seen only if the export has them: look at the first weeks with that in mind. `remaining_time` says how long an open
    ticket has to go.

    Parameters
    ----------
    ds : Dataset
        Needs `tickets` with `resolved_at`.
    period : {"day", "week", "month", "quarter", "year"}
        Calendar period in the calendar's zone. The last one may not be over: it stands as of `as_of`, what is counted over a period is missing.
    by : str or list of str, optional
        Columns of `tickets` or `accounts` to group by. A group begins with its first ticket.

    Returns
    -------
    DataFrame
        Estimates with the key `period` (its first day). Metric `backlog`, unit `count`, `n` = tickets opened by then. Metrics `opened`, `reopened`
        and `resolved`, unit `count`, missing for a period under way; `n` = tickets that were open at some time in it. Metric
        `backlog_age`, unit `days`: median age of the open ones since their first opening, all time counting; metrics `open_over_7_days` and
        `open_over_30_days`, unit `share`; missing without an open ticket, `n` = open tickets. Metric `days_to_clear`, unit `days`: open tickets
        over those resolved a day in the period; how long it would take if nothing new came and the pace stayed. Where as many come as go, and
        for long, it is also the mean time that a ticket is open (Little's law). Missing for a period under way or without a resolution;
        `n` = open tickets.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        No `tickets` or no `resolved_at`; an unknown column in `by`; no ticket; an unknown period.

    References
    ----------
    Little (1961), Operations Research 9, 383-387.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.backlog(ds, period="year")["metric"].tolist()  # doctest: +NORMALIZE_WHITESPACE
    ['backlog', 'opened', 'reopened', 'resolved', 'backlog_age', 'open_over_7_days', 'open_over_30_days', 'days_to_clear']
    """
    table = backlog_by_period(ds, period=period, older_days=_OLD_DAYS, by=by)
    if table.empty:
        raise NotEnoughDataError(f"backlog needs tickets: none of a known account was opened by {ds.as_of}. Check as_of and the accounts.")
    groups = group_columns(by)
    keys = table[[*groups, "period"]]
    there = table["open"] + table["resolved"]  # open before or come in the period
    ever = table.groupby(groups, dropna=False)["opened"].cumsum() if groups else table["opened"].cumsum()
    some, over = table["open"].where(table["open"] > 0), table["finished"]
    pace = (table["resolved"] / table["days"]).where(over & (table["resolved"] > 0))
    facts = [
        ("backlog", "count", table["open"], ever),
        *((name, "count", table[name].where(over), there) for name in ("opened", "reopened", "resolved")),
        ("backlog_age", "days", table["age"], table["open"]),
        *((f"open_over_{days}_days", "share", table[f"older_{days}"] / some, table["open"]) for days in _OLD_DAYS),
        ("days_to_clear", "days", table["open"] / pace, table["open"]),
    ]
    return as_named(stack([estimates(keys, metric=metric, unit=unit, estimate=value, n=n) for metric, unit, value, n in facts]))
