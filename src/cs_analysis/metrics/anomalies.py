"""Days on which more or fewer users were active than the weeks before let expect."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.uses import active_days, named_events
from cs_analysis.stats.estimates import estimates
from cs_analysis.stats.outliers import Outlook, weekday_outlook
from cs_analysis.windows import parse_window


def usage_anomalies(ds: Dataset, *, events: str | Sequence[str] | None = None, history: str = "8w", false_alarms: float = 0.01, by: By = None) -> pd.DataFrame:
    """Active users of each day beside what the weeks before let expect, with a verdict: ordinary, high or low.

    Each day is judged against the `history` before it (weekday levels and a line, fitted robustly on a scale of even noise), never against later
    days. An ordinary day falls outside its band with about the chance `false_alarms`: 0.01 is three to four alarms a year and group without cause.
    On simulated counts (5 to 2,000 users on a weekday, weekends at an eighth, noise beyond chance up to 30 %, growth) alarms came 0.9 to 1.7 times
    as often as stated at 0.01 (1.1 on average) and 0.6 to 2.3 times (1.3) at 1/365. The calendar's holidays are neither judged nor history; holidays
    it does not know are alarms.

    Parameters
    ----------
    ds : Dataset
        Needs `events`.
    events : str or list of str, optional
        Names of the events that qualify; default: all.
    history : str
        Whole weeks behind each verdict, at least 5 ("8w", "70d").
    false_alarms : float
        Chance that an ordinary day is called high or low.
    by : str or list of str, optional
        Columns of `events` or `accounts` to group by; each group is judged by itself.

    Returns
    -------
    DataFrame
        Estimates with the keys `period` (the day) and `verdict`, from the end of the group's first `history` to the last day that is over. Metrics
        `usage_anomalies` (unit `count`: active users, a fact without limits; `n` = days judged in the group, so that n x `false_alarms`, summed over
        the groups, are expected to be alarms by chance) and `expected_users` (unit `count`, with the band of ordinary days; `n` = days it rests on).

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `events`; an unknown column in `by`; an event that never occurs; `history` is not whole weeks; `false_alarms` is not between 0 and 0.5.

    References
    ----------
    Farrington et al. (1996), A statistical algorithm for the early detection of outbreaks, Journal of the Royal Statistical Society A 159, 547-563.
    Rousseeuw and Leroy (1987), Robust Regression and Outlier Detection, section 1.1.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=4)
    >>> cs.usage_anomalies(ds)["metric"].unique().tolist()
    ['usage_anomalies', 'expected_users']
    """
    days = _whole_weeks(history)
    weekday_outlook([], history=days, false_alarms=false_alarms)
    keys = group_columns(by)
    counted = _daily(ds, events, by=by)
    groups = [rows for _, rows in counted.groupby(keys, dropna=False, sort=True)] if keys else [counted]
    judged = [_judged(rows, history=days, false_alarms=false_alarms) for rows in groups]
    table = pd.concat(judged or [counted.assign(verdict="", expected=0.0, low=0.0, high=0.0, days=0, judged=0)], ignore_index=True)
    shown = as_named(table[[*keys, "period", "verdict"]])
    observed = estimates(shown, metric="usage_anomalies", unit="count", estimate=table["active"], n=table["judged"])
    limits = {"estimate": table["expected"], "conf_low": table["low"], "conf_high": table["high"]}
    expected = estimates(shown, metric="expected_users", unit="count", **limits, n=table["days"])
    return pd.concat([observed, expected], ignore_index=True)


def _whole_weeks(history: str) -> int:
    days = parse_window(history, name="history").days
    if days is None or days % 7:
        raise ParameterError(f"history must be whole weeks, such as '8w' or '56d', not {history!r}.")
    return int(days)


def _daily(ds: Dataset, events: str | Sequence[str] | None, *, by: By) -> pd.DataFrame:
    """Return the active users of each group on each day from its first one to the last that is over: the group columns, `period`, `active`, `usable`."""
    keys = group_columns(by)
    days = active_days(ds, named_events(ds, events), unit="user_id", by=by)
    counted = engine_of(ds).run(days.group_by(*keys, "day").agg(active=days.count()).order_by([*keys, "day"])).rename(columns={"day": "period"})
    counted = counted.astype({"period": "datetime64[us]"})
    last = ds.as_of.tz_localize(None).normalize()
    if ds.as_of < ds.calendar.end_of(ds.as_of.date()):
        last -= pd.Timedelta(1, "D")
    first = counted.groupby(keys, dropna=False, sort=True)["period"].min().reset_index() if keys else counted[["period"]].min().to_frame().T.dropna()
    listed = [pd.date_range(start, last, unit="us") for start in first["period"]]
    every = first.assign(period=pd.Series(listed, index=first.index, dtype="object")).explode("period").dropna(subset=["period"])
    every = every.astype({"period": "datetime64[us]"})
    table = every.merge(counted, on=[*keys, "period"], how="left", validate="one_to_one")
    holidays = pd.DatetimeIndex(list(ds.calendar.holidays))
    return table.assign(active=table["active"].fillna(0.0).astype("float64"), usable=~table["period"].isin(holidays))


def _judged(rows: pd.DataFrame, *, history: int, false_alarms: float) -> pd.DataFrame:
    """Return the days of one group that can be judged, with what was expected and the verdict."""
    outlook: Outlook = weekday_outlook(rows["active"], history=history, false_alarms=false_alarms, usable=rows["usable"])
    table = rows.assign(expected=outlook.estimate, low=outlook.conf_low, high=outlook.conf_high, days=outlook.days)
    table = table[table["usable"] & table["expected"].notna()]
    verdict = np.select([table["active"] > table["high"], table["active"] < table["low"]], ["high", "low"], "ordinary")
    return table.assign(verdict=verdict, days=table["days"].astype("int64"), judged=len(table))
