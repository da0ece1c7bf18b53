"""Adoption: how many of those who could use a feature do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.errors import ParameterError
from cs_analysis.facts.firsts import known_until
from cs_analysis.facts.groups import By, as_named, by_columns, group_columns, with_groups
from cs_analysis.facts.uses import days_of, finished_windows, known_events, later, local_day, named_events
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.estimates import estimates, stack
from cs_analysis.stats.intervals import wilson
from cs_analysis.windows import Window, parse_window


def adoption_rate(
    ds: Dataset,
    event: str | Sequence[str] | None = None,
    *,
    minimum_uses: int = 1,
    within: str | pd.Timedelta | None = None,
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Share of all accounts that have adopted each event by `as_of`: adopters / all eligible accounts.

    A stock, a fact about today: an account that has not adopted yet counts as one that has not. For the path in time, with
    young accounts censored, draw the adoption curve instead. (250 adopters of 1,000 accounts are 25 %.)

    Parameters
    ----------
    ds : Dataset
        Needs `events`.
    event : str or list of str, optional
        Events to report; default: every event that occurs, a row each.
    minimum_uses : int
        Uses that make an adopter.
    within : str or Timedelta, optional
        Uses count only within this window from the account's start, its end included ("14d", "3mo"). Accounts whose window is
        not over yet are then not eligible.
    by : str or list of str, optional
        Columns of `accounts` to group by.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the key `event`. Metric `adoption_rate`, unit `share`, Wilson limits, `n` = eligible accounts.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `events`; an unknown column in `by`; an event that never occurs; `minimum_uses` below 1; a bare number as window.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. Journal of the American
    Statistical Association 22, 209-212.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.adoption_rate(ds, "signed_up")[["estimate", "n"]].to_dict("records")
    [{'estimate': 1.0, 'n': 30}]
    """
    if minimum_uses < 1:
        raise ParameterError(f"minimum_uses must be at least 1, not {minimum_uses!r}.")
    window = None if within is None else parse_window(within, name="within")
    uses = _uses(ds, named_events(ds, event), within=window)
    counted = _counts(ds, uses.mutate(enough=uses.uses >= minimum_uses), accounts=_accounts(ds, by=by, window=window), by=group_columns(by))
    rate = wilson(counted["adopters"], counted["eligible"], conf_level=conf_level)
    return estimates(as_named(counted[[*group_columns(by), "event"]]), metric="adoption_rate", unit="share", **rate._asdict(), n=counted["eligible"])


def new_adopter_share(
    ds: Dataset,
    event: str | Sequence[str] | None = None,
    *,
    period: Period = "month",
    by: By = None,
    actor: Literal["user", "account"] = "user",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Share of a period's users of each event who used it for the first time: new users / all users of the period.

    Not `adoption_rate`: this one tells how much of the use is new, that one how many could be users and are. Some tools call both
    adoption. First means first on record: where the record begins later than the use, the first periods look newer than they were.
    Periods that are not over are left out, and so are periods in which nobody used the event. With users alike within accounts the 95 % limits
    covered 95.2 % of 2,000 simulated groups of 60 accounts with five users each.

    Parameters
    ----------
    ds : Dataset
        Needs `events`.
    event : str or list of str, optional
        Events to report; default: every event that occurs.
    period : {"day", "week", "month", "quarter", "year"}
        Length of the periods, by the calendar.
    by : str or list of str, optional
        Columns of `events` or `accounts` to group by.
    actor : {"user", "account"}
        Who is counted.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys `event` and `period`. Metric `new_adopter_share`, unit `share`, account-clustered Wilson limits, `n` = users of
        the period; metric `new_adopters`, unit `count`, a fact without limits, with the same `n`.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `events`; an unknown column in `by`; an event that never occurs; another actor.

    References
    ----------
    Korn, E. L. and Graubard, B. I. (1998). Confidence intervals for proportions with small expected number of positive counts estimated from
    survey data. Survey Methodology 24, 193-201.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.new_adopter_share(ds, "signed_up").query("metric == 'new_adopter_share'")["estimate"].unique().tolist()
    [1.0]
    """
    if actor not in ("user", "account"):
        raise ParameterError(f"actor must be 'user' or 'account', not {actor!r}.")
    counted = _period_users(ds, named_events(ds, event), period=period, unit=f"{actor}_id", by=[*by_columns(by), "event"])
    keys = [*group_columns(by), "by.event", "period"]
    groups = counted.groupby(keys, dropna=False)
    share = clustered_share(counted["new"], counted["users"], groups=groups.ngroup(), conf_level=conf_level)
    totals = groups[["new", "users"]].sum().reset_index()
    key = as_named(totals[keys])
    found = estimates(key, metric="new_adopter_share", unit="share", **share._asdict(), n=totals["users"])
    return stack([found, estimates(key, metric="new_adopters", unit="count", estimate=totals["new"], n=totals["users"])])


def _period_users(ds: Dataset, events: ir.Table, *, period: Period, unit: str, by: list[str]) -> pd.DataFrame:
    """Return for each group, finished period and account: how many `users` there were, and how many of them were `new`."""
    keys = group_columns(by)
    grouped = known_events(ds, events, by=by)
    dated = grouped.select(*keys, "account_id", unit=grouped[unit], day=local_day(ds, grouped.event_at))
    windows = finished_windows(ds, dated, period=period)
    present = dated.inner_join(days_of(ds, windows).select("day", "number"), "day")
    users = present.group_by(*keys, "unit", "number").agg(account_id=present.account_id.min())
    first = users.number.min().over(ibis.window(group_by=[*keys, "unit"]))
    flagged = users.mutate(new=(users.number == first).cast("int64"))
    counts = flagged.group_by(*keys, "number", "account_id").agg(users=flagged.count(), new=flagged.new.sum())
    found = engine_of(ds).run(counts.order_by([*keys, "number", "account_id"]))
    return found.assign(period=windows["period"].to_numpy()[found["number"]])


def _uses(ds: Dataset, events: ir.Table, *, within: Window | None) -> ir.Table:
    """Return `account_id`, `event`, `uses`: how often each account used each event, with a window 0 where it did only outside of it."""
    if within is None:
        return events.group_by("account_id", "event").agg(uses=events.count())
    starts = relation(ds, "accounts").select("account_id", account_start="started_at")
    joined = events.select("account_id", "event", "event_at").inner_join(starts, "account_id")
    inside = joined.event_at.between(joined.account_start, later(joined.account_start, within))
    return joined.group_by("account_id", "event").agg(uses=inside.cast("int64").sum())


def _accounts(ds: Dataset, *, by: By, window: Window | None) -> ir.Table:
    """Return `account_id`, the group columns and `due` of the known accounts: whether the window is over by `as_of`."""
    accounts = with_groups(ds, relation(ds, "accounts"), by, table="accounts")
    due = ibis.literal(True) if window is None else later(accounts.started_at, window) < known_until(ds)
    return accounts.select("account_id", *group_columns(by), due=due)


def _counts(ds: Dataset, uses: ir.Table, *, accounts: ir.Table, by: list[str]) -> pd.DataFrame:
    """Return `eligible` accounts and `adopters` for every group and event, with 0 where a group has no adopter."""
    engine = engine_of(ds)
    sizes = engine.run(accounts.aggregate(by=by, eligible=accounts.due.cast("int64").sum()).order_by(by or "eligible"))
    joined = accounts.inner_join(uses, "account_id")
    adopted = engine.run(joined.group_by(*by, "event").agg(adopters=(joined.due & joined.enough).cast("int64").sum()).order_by([*by, "event"]))
    events = adopted[["event"]].drop_duplicates().sort_values("event")
    table = sizes[sizes["eligible"] > 0].merge(events, how="cross").merge(adopted, on=[*by, "event"], how="left", validate="one_to_one")
    return table.assign(adopters=table["adopters"].fillna(0))
