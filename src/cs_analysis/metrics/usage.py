"""How much the product is used: how often, how widely and how deeply, and by how many of those who pay for it."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.subscriptions import customer_spells
from cs_analysis.facts.uses import active_days, activity_by_account, days_of, features_by_account, finished_windows, named_events, offered_events, unit_days
from cs_analysis.stats.cluster_ratios import clustered_mean
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.estimates import check_conf_level, estimates
from cs_analysis.stats.intervals import wilson

Names = str | Sequence[str] | None


def usage_frequency(ds: Dataset, *, events: Names = None, period: Period = "month", by: By = None, conf_level: float = 0.95) -> pd.DataFrame:
    """Active days per active user in each finished period.

    Sum over users of their days with a qualifying event / users with at least one. The limits are those of the share of user-days that were
    active, with accounts as clusters, times the days of the period.

    Parameters
    ----------
    ds : Dataset
        Needs `events`.
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
        Estimates with the key `period` (first day). Metric `usage_frequency`, unit `days`, `n` = active users. No row for a period that is not
        over; missing where nobody was active, no limits where a single account was.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `events`; an unknown column in `by`; an event that never occurs; another period.

    References
    ----------
    Korn and Graubard (1998), Survey Methodology 24, 193-201, for the limits.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=3)
    >>> bool((cs.usage_frequency(ds)["estimate"] >= 1).all())
    True
    """
    check_conf_level(conf_level)
    table = _activity(ds, events, period=period, by=by)
    length = (table["last_day"] - table["first_day"]).dt.days + 1
    codes, shown, n = _grouped(table, by)
    share = clustered_share(table["actor_days"], length * table["actors"], groups=codes, conf_level=conf_level)
    days = length.groupby(codes).first().to_numpy()
    return estimates(shown, metric="usage_frequency", unit="days", **{name: days * value for name, value in share._asdict().items()}, n=n)


def usage_breadth(ds: Dataset, *, events: Names = None, period: Period = "month", by: By = None, conf_level: float = 0.95) -> pd.DataFrame:
    """Active users per seat in each finished period, over the accounts with seats that were active in it.

    Seats are as of the export. So the ratio is that of accounts that use the product at all; it can exceed 1 where seats were given up since.

    Parameters
    ----------
    ds : Dataset
        Needs `events`, and `seats` in `accounts`.
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
        Estimates with the key `period` (first day). Metric `usage_breadth`, unit `ratio`, limits with accounts as clusters, `n` = seats. No row
        for a period that is not over; missing where no account with seats was active, no limits where a single one was.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `events` or `seats`; an unknown column in `by`; an event that never occurs; another period.

    References
    ----------
    Cochran (1977), Sampling Techniques, section 6.4, for the limits.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=3)
    >>> cs.usage_breadth(ds)["unit"].unique().tolist()
    ['ratio']
    """
    check_conf_level(conf_level)
    accounts = relation(ds, "accounts", "seats")
    seated = accounts.filter(accounts.seats > 0).select("account_id", "seats")
    seats = engine_of(ds).run(seated.order_by("account_id"))
    table = _activity(ds, events, period=period, by=by).merge(seats, on="account_id", how="left", validate="many_to_one")
    codes, shown, _ = _grouped(table, by)
    known = table["seats"].fillna(0).astype("float64")
    ratio = clustered_mean(table["actors"].where(known > 0, 0), known, groups=codes, conf_level=conf_level)
    return estimates(shown, metric="usage_breadth", unit="ratio", **ratio._asdict(), n=known.groupby(codes).sum())


def usage_depth(
    ds: Dataset, *, key_events: Names = None, events: Names = None, period: Period = "month", by: By = None, conf_level: float = 0.95
) -> pd.DataFrame:
    """Key actions per active user in each finished period.

    Number of key events / users with at least one qualifying event.

    Parameters
    ----------
    ds : Dataset
        Needs `events`.
    key_events : str or list of str, optional
        Events that are key actions; default: every qualifying event.
    events : str or list of str, optional
        Names of the events that make a user active; default: all. Key actions count among these.
    period : {"day", "week", "month", "quarter", "year"}
        Length of the periods.
    by : str or list of str, optional
        Columns of `events` or `accounts` to group by.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the key `period` (first day). Metric `usage_depth`, unit `ratio`, limits with accounts as clusters, `n` = active users. No
        row for a period that is not over; missing where nobody was active, no limits where a single account was or no key action happened.
        In simulations of 10 to 100 accounts of unequal size the 95 % limits held the truth in 91 to 94 %.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `events`; an unknown column in `by`; an event that never occurs; another period.

    References
    ----------
    Cochran (1977), Sampling Techniques, section 6.4, for the limits.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=3)
    >>> bool((cs.usage_depth(ds, key_events="shared_report")["estimate"] < cs.usage_depth(ds)["estimate"]).all())
    True
    """
    check_conf_level(conf_level)
    named_events(ds, key_events)
    table = _activity(ds, events, period=period, by=by, key_events=key_events)
    codes, shown, n = _grouped(table, by)
    mean = clustered_mean(table["uses"], table["actors"], groups=codes, conf_level=conf_level)
    return estimates(shown, metric="usage_depth", unit="ratio", **mean._asdict(), n=n)


def feature_breadth(ds: Dataset, *, offered: Names = None, period: Period = "month", by: By = None, conf_level: float = 0.95) -> pd.DataFrame:
    """Share of the features offered that an active account used in each finished period, over all active accounts.

    Sum over active accounts of the offered events they used / (active accounts x events offered). An account is active with any event.

    Parameters
    ----------
    ds : Dataset
        Needs `events`.
    offered : str or list of str, optional
        Events that are features on offer, used or not; default: every event ever seen.
    period : {"day", "week", "month", "quarter", "year"}
        Length of the periods.
    by : str or list of str, optional
        Columns of `events` or `accounts` to group by.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the key `period` (first day). Metric `feature_breadth`, unit `share`, Wilson limits with accounts as clusters, `n` = active
        accounts. No row for a period that is not over; missing where no account was active, no limits where a single one was.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `events`; an unknown column in `by`; `offered` is empty or names an event twice; another period.

    References
    ----------
    Korn and Graubard (1998), Survey Methodology 24, 193-201, for the limits.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=3)
    >>> bool(cs.feature_breadth(ds, offered=["commented", "never_built"])["estimate"].max() <= 0.5)
    True
    """
    check_conf_level(conf_level)
    names = offered_events(ds, offered)
    table = features_by_account(ds, names, period=period, by=by)
    codes, shown, n = _grouped(table, by)
    share = clustered_share(table["used"], max(len(names), 1) * table["actors"], groups=codes, conf_level=conf_level)
    return estimates(shown, metric="feature_breadth", unit="share", **share._asdict(), n=n)


def active_customer_share(ds: Dataset, *, events: Names = None, period: Period = "month", by: By = None, conf_level: float = 0.95) -> pd.DataFrame:
    """Share of the customers that were active in each finished period; the others pay in silence.

    Of the accounts with a paid phase from the period's start to its end, those with at least one qualifying event in it.

    Parameters
    ----------
    ds : Dataset
        Needs `events` and `subscriptions`.
    events : str or list of str, optional
        Names of the events that qualify; default: all.
    period : {"day", "week", "month", "quarter", "year"}
        Length of the periods.
    by : str or list of str, optional
        Columns of `accounts` to group by.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the key `period` (first day). Metric `active_customer_share`, unit `share`, Wilson limits, `n` = customers throughout the
        period. No row for a period that is not over, before the first event, or without customers throughout.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `events` or `subscriptions`; an unknown column in `by`; an event that never occurs; another period.

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22, 209-212.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=3)
    >>> cs.active_customer_share(ds)["unit"].unique().tolist()
    ['share']
    """
    check_conf_level(conf_level)
    keys = [*group_columns(by), "period"]
    days = active_days(ds, named_events(ds, events), unit="account_id")
    windows = finished_windows(ds, days, period=period)
    spells = customer_spells(ds, by=by)
    bounds = engine_of(ds).lookup(windows[["period", "number", "starts_at", "ends_at"]])
    throughout = spells.inner_join(bounds, [spells.started_at <= bounds.starts_at, spells.ended_at.isnull() | (spells.ended_at >= bounds.ends_at)])
    active = days.inner_join(days_of(ds, windows), "day").select("number", "unit").distinct().mutate(active=ibis.literal(1, "int64"))
    judged = throughout.left_join(active, [throughout.number == active.number, throughout.account_id == active.unit])
    counted = engine_of(ds).run(judged.group_by(*keys).agg(customers=judged.count(), active=judged.active.count()).order_by(keys))
    share = wilson(counted["active"], counted["customers"], conf_level=conf_level)
    return estimates(as_named(counted[keys]), metric="active_customer_share", unit="share", **share._asdict(), n=counted["customers"])


def _activity(ds: Dataset, events: Names, *, period: Period, by: By, key_events: Names = None) -> pd.DataFrame:
    """Return `activity_by_account` of the users, in finished periods."""
    key_names = [key_events] if isinstance(key_events, str) else key_events
    days = unit_days(ds, named_events(ds, events), unit="user_id", by=by, key_events=key_names)
    return activity_by_account(ds, days, finished_windows(ds, days, period=period), by=by)


def _grouped(table: pd.DataFrame, by: By) -> tuple[pd.Series, pd.DataFrame, pd.Series]:
    """Return the number of each row's group and period, the groups with their names, and how many actors each has."""
    groups = table.groupby([*group_columns(by), "period"], dropna=False, sort=True)
    return groups.ngroup(), as_named(groups.size().index.to_frame(index=False)), groups["actors"].sum().reset_index(drop=True)
