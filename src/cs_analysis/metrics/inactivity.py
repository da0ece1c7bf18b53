"""Churn without a contract: how many silent days mean that an account is gone, and how often that is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.silences import silences
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.risk import Floats
from cs_analysis.stats.stages import share_within
from cs_analysis.windows import fixed_days

USUAL_DAYS = (7, 14, 30, 60, 90)


def inactivity_horizon(
    ds: Dataset,
    *,
    events: str | Sequence[str] | None = None,
    false_churn: float = 0.05,
    within: str | timedelta = "90d",
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Days without any event after which an account counts as gone, chosen so that few of those come back; and how many are silent so long.

    A silence begins on an active day and ends on the next; the last one of each account is censored at the last whole day known. A silence has reached
    h days when h whole days have gone by without an event. False-churn rate at h: of the silences that reached h days, the share that end in a return within
    the follow-up after that, with those not watched so long counted as far as they were seen (product-limit, left-truncated at h). The horizon is
    the smallest h of at least 1 at which this rate is `false_churn` or less.

    Weekends, holidays and the rhythm of the business need no rule of their own: they are in the lengths of the silences. Nothing is known of returns later than
    the follow-up: an account that comes back after it counts as gone here. Every silence counts once, so that the rate is that of an alarm that rings each
    time, and accounts with many long silences weigh more. Accounts without any event have no silence. Where accounts have contracts, use `customer_survival`.

    Parameters
    ----------
    ds : Dataset
        Needs `events`.
    events : str or list of str, optional
        Events that make a day active; by default all. Sign-ins by machines hide silence: name the events that a person makes.
    false_churn : float
        Largest share of alarms that may be false.
    within : str or Timedelta
        Follow-up after the horizon, whole days: returns within it make an alarm false.
    by : str or list of str, optional
        Columns to group by, as of the export.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the key `time_days`:

        * `inactivity_horizon`, unit `days`, `time_days` missing; `n` = accounts with an event. The limits are the days nearest to it at which the
          lower limit of the false-churn rate still is, and the upper limit first is, `false_churn` or less. Missing where
          the data do not reach a day at which the rate, or its upper limit, is so low: they must go on for `within` after it.
        * `false_churn_rate`, unit `share`, at 7, 14, 30, 60 and 90 days and at the horizon; `n` = silences that reached `time_days`. Wilson limits on an
          effective number with accounts as clusters; missing as for `share_within`.
        * `silent_accounts`, unit `count`, at the same days: accounts silent for that long now, a fact without limits; `n` = accounts with an event.

    Raises
    ------
    MissingTableError, MissingColumnsError
        No `events`; an unknown column in `by`.
    NotEnoughDataError
        No account has an event.
    ParameterError
        An unknown event; `false_churn` is not between 0 and 1; `within` is not in whole days.

    References
    ----------
    Schmittlein, Morrison and Colombo (1987), Counting your customers, Management Science 33, 1-24 (silence is not churn). Kalbfleisch and Prentice (2002), The
    Statistical Analysis of Failure Time Data, section 1.3 (left truncation). Brookmeyer and Crowley (1982), Biometrics 38, 29-41 (limits by inversion).

    Examples
    --------
    >>> import cs_analysis as cs
    >>> days = pd.to_datetime(["2026-01-01", "2026-01-03", "2026-01-04", "2026-01-01"], utc=True)
    >>> used = pd.DataFrame({"event_at": days, "account_id": ["a", "a", "a", "b"], "user_id": "u", "event": "login"})
    >>> people = pd.DataFrame({"account_id": ["a", "b"], "started_at": days[:2] - pd.Timedelta("2D")})
    >>> ds = cs.read_dataset({"accounts": people, "events": used}, as_of="2026-01-20")
    >>> found = cs.inactivity_horizon(ds, within="5d")
    >>> found.loc[found["metric"] == "inactivity_horizon", ["estimate", "n"]]
       estimate  n
    0       2.0  2
    """
    level, days = check_conf_level(conf_level), fixed_days(within, name="within")
    if not 0 < false_churn < 1:
        raise ParameterError(f"false_churn must be a share between 0 and 1, such as 0.05, not {false_churn!r}.")
    if days != round(days):
        raise ParameterError(f"within must be whole days, such as '90d', not {within!r}.")
    keys = group_columns(by)
    lengths = silences(ds, events=events, by=by)
    if lengths.empty:
        raise NotEnoughDataError(f"silences need active days; no known account has such an event by {ds.as_of:%Y-%m-%d}.")
    tables = []
    for values, own in _groups(lengths, keys):
        tables += _answers(Silences.of(own, follow_up=int(days)), values, false_churn=false_churn, conf_level=level)
    return as_named(stack(tables))


def _groups(lengths: pd.DataFrame, keys: list[str]) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    if not keys:
        yield {}, lengths
        return
    for values, own in lengths.groupby(keys, dropna=False, observed=True, sort=True):
        yield dict(zip(keys, values, strict=True)), own


@dataclass(frozen=True, eq=False)
class Silences:
    """The silences of one group, by account and length, and the follow-up in days."""

    table: pd.DataFrame
    follow_up: int
    accounts: int

    @classmethod
    def of(cls, lengths: pd.DataFrame, *, follow_up: int) -> Silences:
        """Return silences with accounts as numbers, less those over on the next day, which never reached a day."""
        numbered = lengths.assign(account=pd.factorize(lengths["account_id"])[0])
        return cls(numbered.loc[~(numbered["returned"] & (numbered["days"] < 2))], follow_up, int(numbered["account"].nunique()))

    def reached(self, day: int) -> pd.DataFrame:
        """Return the silences that reached a day."""
        return self.table[self.table["days"] >= day + self.table["returned"]]

    def silent_now(self, day: int) -> int:
        """Return how many accounts have been silent so long at the end."""
        return int((~self.table["returned"] & (self.table["days"] >= day)).sum())

    def rates(self) -> Floats:
        """Return the false-churn rate at day 0, 1, 2 ... up to the longest silence; missing where nobody was watched so long."""
        longest = int(self.table["days"].max()) + 1
        seen = np.bincount(self.table["days"], self.table["silences"], longest)
        ended = np.bincount(self.table["days"], self.table["silences"] * self.table["returned"], longest)
        at_risk = np.cumsum(seen[::-1])[::-1]
        with np.errstate(divide="ignore"):
            logs = np.cumsum(np.log1p(-ended / at_risk))
        until = np.arange(longest) + self.follow_up
        known = until < longest
        return np.where(known, -np.expm1(logs[np.where(known, until, -1)] - np.where(known, logs, 0.0)), np.nan)

    def rate(self, day: int, conf_level: float) -> pd.Series:
        """Return the false-churn rate at a day with its limits and the number of silences; missing without any."""
        own = self.reached(day)
        if own.empty:
            return pd.Series({"estimate": np.nan, "conf_low": np.nan, "conf_high": np.nan, "n": 0})
        waiting = own.assign(duration_days=own["days"] - day, observed=own["returned"], count=own["silences"])
        return share_within(waiting, horizon=f"{self.follow_up}d", cluster="account", conf_level=conf_level).iloc[0]


def _answers(own: Silences, values: dict[str, Any], *, false_churn: float, conf_level: float) -> list[pd.DataFrame]:
    """Return the horizon, the rates and the silent accounts of one group."""
    horizon = _horizon(own, false_churn=false_churn, conf_level=conf_level)
    shown = sorted({*USUAL_DAYS, *([] if np.isnan(horizon[0]) else [int(horizon[0])])})
    keys = pd.DataFrame([{**values, "time_days": day} for day in shown]).astype({"time_days": "float64"})
    rates = pd.DataFrame([own.rate(day, conf_level) for day in shown])
    numbers = {name: rates[name].to_numpy("float64") for name in ("estimate", "conf_low", "conf_high")}
    limits = dict(zip(("estimate", "conf_low", "conf_high"), ([value] for value in horizon), strict=True))
    silent = [own.silent_now(day) for day in shown]
    return [
        estimates(pd.DataFrame([{**values, "time_days": np.nan}]), metric="inactivity_horizon", unit="days", **limits, n=own.accounts),
        estimates(keys, metric="false_churn_rate", unit="share", **numbers, n=rates["n"]),
        estimates(keys, metric="silent_accounts", unit="count", estimate=silent, n=own.accounts),
    ]


def _horizon(own: Silences, *, false_churn: float, conf_level: float) -> tuple[float, float, float]:
    """Return the smallest day at which the rate, its lower and its upper limit are low enough; missing where none is."""
    rates = own.rates() if len(own.table) else np.array([])
    low_enough = np.flatnonzero(rates[1:] <= false_churn) + 1
    if not len(low_enough):
        return np.nan, np.nan, np.nan
    first = int(low_enough[0])
    low, high = first, first
    while low > 1 and own.rate(low - 1, conf_level)["conf_low"] <= false_churn:
        low -= 1
    while high < len(rates) and own.rate(high, conf_level)["conf_high"] > false_churn:
        high += 1
    known = high < len(rates) and not np.isnan(own.rate(high, conf_level)["conf_high"])
    return first, low, high if known else np.nan
