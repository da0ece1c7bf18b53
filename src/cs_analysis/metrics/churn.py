"""Who leaves and when: the logo churn rate of a period and the survival of customers.

A customer is an account with a paying subscription phase (see `RevenuePolicy`); leaving is having none.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset
from cs_analysis.data.reading import Moment
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.facts.sampling import Design, Sampling, sampled_spells
from cs_analysis.facts.subscriptions import customers_by_period
from cs_analysis.stats.durations import spell_durations
from cs_analysis.stats.estimates import estimates, stack
from cs_analysis.stats.intervals import wilson
from cs_analysis.stats.survival import survival_at, survival_curve


def logo_churn_rate(
    ds: Dataset,
    *,
    period: Period = "month",
    by: By = None,
    conf_level: float = 0.95,
    observed_from: Moment | None = None,
    policy: RevenuePolicy | str = "default",
) -> pd.DataFrame:
    """Share of the customers at a period's start that are none at its end, for each finished period.

    Rate = lost / customers at the start. An account that joins and leaves inside the period is in neither number and is
    counted apart (`joined_and_left`); one that leaves and is back by the end is not lost. A period in which `as_of` lies is
    not over and has no row, nor has one without any customer. An end at 00:00 on the first of a month belongs to the new
    month.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`.
    period : {"week", "month", "quarter", "year"}
        Calendar period in the calendar's zone.
    by : str or list of str, optional
        Columns of `accounts` to group by, as of the export.
    conf_level : float
        Level of the limits.
    observed_from : date, str or Timestamp, optional
        First day from which leavers are on record; periods that begin before it have no row.
    policy : RevenuePolicy or str
        Which phases make an account a customer.

    Returns
    -------
    DataFrame
        Estimates with the key `period` (its first day). Metric `logo_churn_rate`, unit `share`, Wilson limits, `n` =
        customers at the start (limits and estimate missing where there is none). Metric `joined_and_left`, unit `count`, a
        book fact without limits, `n` = customers at the start.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `subscriptions`; an unknown column in `by`; an unknown period.

    References
    ----------
    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. Journal of the American
    Statistical Association 22, 209-212.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> sorted(set(cs.logo_churn_rate(ds)["metric"]))
    ['joined_and_left', 'logo_churn_rate']
    """
    counted = customers_by_period(ds, period=period, by=by, policy=policy)
    if observed_from is not None:
        counted = counted[counted["period"] >= _local_day(ds, observed_from)]
    keys = as_named(counted[[*group_columns(by), "period"]])
    rate = wilson(counted["lost"], counted["customers"], conf_level=conf_level)
    churned = estimates(keys, metric="logo_churn_rate", unit="share", **rate._asdict(), n=counted["customers"])
    inside = estimates(keys, metric="joined_and_left", unit="count", estimate=counted["joined_and_left"], n=counted["customers"])
    return stack([churned, inside])


def customer_survival(
    ds: Dataset,
    *,
    by: By = None,
    conf_level: float = 0.95,
    at_days: Sequence[float] | None = None,
    observed_from: Moment | None = None,
    design: Design | None = None,
    started_from: Moment | None = None,
    started_until: Moment | None = None,
    policy: RevenuePolicy | str = "default",
) -> pd.DataFrame:
    """Share of customers still customers by the days since their contract began, with those still running censored.

    Product-limit estimate over each account's first spell as a customer; coming back later does not undo having left.
    Whoever is a customer at `as_of` is censored there, also with a cancellation on record for later.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`.
    by : str or list of str, optional
        Columns of `accounts` to group by, as of the export.
    conf_level : float
        Level of the limits.
    at_days : sequence of float, optional
        Only these days instead of every event time; a row is missing where nobody has been seen that long.
    observed_from : date, str or Timestamp, optional
        First day from which leavers are on record. State it when the tables hold only customers who were still there on
        that day (a migrated billing system, a snapshot): spells that began earlier are then at risk only from it (left
        truncation). Default: every spell is on record from its beginning; that is refused where all ends lie in the last tenth
        of the time although as many ends could not by chance (1 in a million, at a constant rate).
    design : {"cohort", "prevalent", "snapshot"}, optional
        How customers came into the data. "cohort": all are on record from their start, with `observed_from` only those who started from that day on.
        "prevalent": those who were there on `observed_from` and all later ones, at risk from that day. "snapshot" (who is there, and who left
        in the last period) is refused: it has no curve from day 0, see `snapshot_churn_rate`. Default: "prevalent" with `observed_from`, else "cohort".
    started_from, started_until : date, str or Timestamp, optional
        First and last day on which the customers counted became customers.
    policy : RevenuePolicy or str
        Which phases make an account a customer.

    Returns
    -------
    DataFrame
        Estimates with the key `time_days`, one row an event time. Metric `survival`, unit `share`, log-log limits on
        Greenwood's variance, `n` = customers at risk just before. Nothing beyond the longest follow-up.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        No `subscriptions`; an unknown column in `by`; nobody was ever a customer; a snapshot; a design without or against `observed_from`.

    References
    ----------
    Kaplan, E. L. and Meier, P. (1958). Nonparametric estimation from incomplete observations. Journal of the American
    Statistical Association 53, 457-481.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.customer_survival(ds, at_days=[0])["estimate"].tolist()
    [1.0]
    """
    sampling = Sampling(design=design, observed_from=observed_from, started_from=started_from, started_until=started_until)
    waiting = spell_durations(sampled_spells(ds, sampling, by=by, policy=policy), unit="account_id", as_of=ds.as_of)
    groups = group_columns(by) or None
    if at_days is not None:
        return as_named(survival_at(waiting, groups, at_days=at_days, conf_level=conf_level))
    return as_named(survival_curve(waiting, groups, conf_level=conf_level))


def _local_day(ds: Dataset, moment: Moment) -> pd.Timestamp:
    return ds.calendar.period_start(moment, "day").tz_convert(ds.calendar.zone).tz_localize(None)
