"""Sessions: how many, how many a user, and how long the median one lasts."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.sessions import session_spans
from cs_analysis.facts.uses import days_of, finished_windows, local_day, named_events
from cs_analysis.stats.cluster_ratios import clustered_mean, woodruff_levels
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import Interval

Names = str | Sequence[str] | None


def sessions(
    ds: Dataset, *, gap: str | None = "30min", events: Names = None, period: Period = "month", by: By = None, conf_level: float = 0.95
) -> pd.DataFrame:
    """Number of sessions that begin in each finished period, how many a user has, and how long the median one is.

    A session is all events of a user in an account up to a pause longer than `gap`, or with `gap=None` all events that carry one `session_id`. Its
    length runs from the first to the last event: one event alone has length 0, and what happens after the last event is not seen. Whether long
    sessions are good or bad is not known: report it, do not score it.

    Parameters
    ----------
    ds : Dataset
        Needs `events`, with `gap=None` also `session_id` in it.
    gap : str or None
        Longest pause inside a session ("30min"), or None for the sessions the source names.
    events : str or list of str, optional
        Names of the events that qualify; default: all.
    period : {"day", "week", "month", "quarter", "year"}
        Length of the periods.
    by : str or list of str, optional
        Columns of `events` or `accounts` to group by.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the key `period` (first day). Metrics `sessions` (unit `count`, no limits, a fact), `sessions_per_user` (unit `ratio`, `n` =
        users with a session) and `median_session_minutes` (unit `count`, in minutes; Woodruff's limits); `n` else = sessions. Accounts are the
        clusters. A period that is not over, or without a session, has no row; no limits where all sessions are of one account.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `events`; no `session_id`; an unknown column in `by`; an event that never occurs; a bare number as gap.

    References
    ----------
    Woodruff (1952), Journal of the American Statistical Association 47, 635-646. Halfaker et al. (2015), User session identification based on strong
    regularities in inter-activity time, WWW 2015, 410-418, for pauses as the mark of a session.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=3)
    >>> cs.sessions(ds)["metric"].unique().tolist()
    ['sessions', 'sessions_per_user', 'median_session_minutes']
    """
    check_conf_level(conf_level)
    if gap is None:
        relation(ds, "events", "session_id")
    keys = [*group_columns(by), "period"]
    ranked = _ranked_sessions(ds, named_events(ds, events), gap=gap, period=period, by=by)
    counts = _sessions_by_account(ds, ranked, keys)
    groups = counts.groupby(keys, dropna=False, sort=True)
    codes, shown, totals = groups.ngroup(), groups.size().index.to_frame(index=False), groups[["sessions", "users"]].sum()
    median = _median_minutes(ds, ranked, counts.assign(code=codes), keys=keys, conf_level=conf_level)
    named = as_named(shown)
    per_user = clustered_mean(counts["sessions"], counts["users"], groups=codes, conf_level=conf_level)
    n = totals["sessions"].to_numpy()
    return stack(
        [
            estimates(named, metric="sessions", unit="count", estimate=n, n=n),
            estimates(named, metric="sessions_per_user", unit="ratio", **per_user._asdict(), n=totals["users"].to_numpy()),
            estimates(named, metric="median_session_minutes", unit="count", **median._asdict(), n=n),
        ]
    )


def _ranked_sessions(ds: Dataset, events: ir.Table, *, gap: str | None, period: Period, by: By) -> ir.Table:
    """Return the sessions of finished periods with their place by length (`rank`, from 0) among those of their group and period; staged."""
    keys = group_columns(by)
    spans = session_spans(ds, events, gap=gap, by=by)
    dated = spans.mutate(day=local_day(ds, spans.started_at))
    joined = dated.inner_join(days_of(ds, finished_windows(ds, dated, period=period)), "day")
    narrow = joined.select(*keys, "period", "account_id", "user_id", "minutes")
    cell = ibis.window(group_by=[*keys, "period"])
    ordered = ibis.window(group_by=[*keys, "period"], order_by="minutes")
    return engine_of(ds).stage(narrow.mutate(rank=ibis.row_number().over(ordered), total=narrow.count().over(cell)))


def _sessions_by_account(ds: Dataset, ranked: ir.Table, keys: list[str]) -> pd.DataFrame:
    """Return for each group, period and account: `sessions`, `users`, those not longer than the median (`below`), and the `median`."""
    middle = (ranked.rank == (ranked.total - 1) // 2) | (ranked.rank == ranked.total // 2)
    halved = ranked.mutate(median=ranked.minutes.mean(where=middle).over(ibis.window(group_by=keys)))
    sums = halved.group_by(*keys, "account_id").agg(
        sessions=halved.count(), users=halved.user_id.nunique(), below=(halved.minutes <= halved["median"]).sum(), median=halved["median"].max()
    )
    return engine_of(ds).run(sums.order_by([*keys, "account_id"]))


def _median_minutes(ds: Dataset, ranked: ir.Table, counts: pd.DataFrame, *, keys: list[str], conf_level: float) -> Interval:
    """Return the median length of each group and period with Woodruff's limits: the lengths at two ranks."""
    groups = counts.groupby("code")
    levels = woodruff_levels(counts["below"], counts["sessions"], groups=counts["code"], conf_level=conf_level)
    total = groups["sessions"].sum()
    places = [np.clip(np.ceil(np.round(level * total, 9)) - 1, 0, total - 1) for level in levels]
    asked = sorted({int(rank) for place in places for rank in place.dropna()})
    found = engine_of(ds).run(ranked.filter(ranked["rank"].isin(asked or [-1])).select(*keys, "rank", "minutes").order_by([*keys, "rank"]))
    cells = groups[keys].first().reset_index(drop=True)
    limits = [cells.assign(rank=place.to_numpy()).merge(found, on=[*keys, "rank"], how="left", validate="one_to_one")["minutes"] for place in places]
    return Interval(groups["median"].first().to_numpy(), *(limit.to_numpy("float64") for limit in limits))
