"""Adoption: how many of those who could use a feature do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset, engine_of
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import By, as_named, by_columns, group_columns
from cs_analysis.facts.uses import days_of, eligible_accounts, finished_windows, named_events, unit_days, uses_by_account
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.estimates import estimates, stack
from cs_analysis.stats.intervals import wilson
from cs_analysis.windows import parse_window


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
    window = None if within is None else parse_window(within)
    events = named_events(ds, event)
    uses = uses_by_account(ds, events, within=window)
    eligible = eligible_accounts(ds, by=by, window=window)
    counted = _counts(ds, events, adopters=uses.filter(uses.uses >= minimum_uses), eligible=eligible, by=group_columns(by))
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
    Periods that are not over are left out, and so are periods in which nobody used the event.

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
    days = unit_days(ds, events, unit=unit, by=by)
    present = days.inner_join(days_of(ds, finished_windows(ds, days, period=period)), "day")
    users = present.group_by(*keys, "unit", "period", "number").agg(account_id=present.account_id.min())
    first = users.number.min().over(ibis.window(group_by=[*keys, "unit"]))
    flagged = users.mutate(new=(users.number == first).cast("int64"))
    counts = flagged.group_by(*keys, "period", "account_id").agg(users=flagged.count(), new=flagged.new.sum())
    return engine_of(ds).run(counts.order_by([*keys, "period", "account_id"]))


def _counts(ds: Dataset, events: ir.Table, *, adopters: ir.Table, eligible: ir.Table, by: list[str]) -> pd.DataFrame:
    """Return eligible accounts and adopters for every group and event, with 0 where a group has no adopter."""
    engine = engine_of(ds)
    names = engine.run(events.select("event").distinct().order_by("event"))
    sizes = engine.run(eligible.aggregate(by=by, eligible=eligible.count()).order_by(by or "eligible"))
    joined = eligible.inner_join(adopters, "account_id")
    adopted = engine.run(joined.group_by(*by, "event").agg(adopters=joined.count()).order_by([*by, "event"]))
    table = sizes[sizes["eligible"] > 0].merge(names, how="cross").merge(adopted, on=[*by, "event"], how="left", validate="one_to_one")
    return table.assign(adopters=table["adopters"].fillna(0))
