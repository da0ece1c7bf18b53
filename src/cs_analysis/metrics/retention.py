"""Retention: of those who started, the share that came back, by cohort and age, under every definition."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd
from scipy import special

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import ParameterError
from cs_analysis.facts.cohorts import CohortCounts, by_distinct, count_cohorts, over_cohorts, spread_of_means
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.retention_rules import Criterion, Entry, Names, RetentionRule, Windows, documented
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import Interval, wilson_limits

Average = Literal["pooled", "simple", "size_squared"]
TOOLS = ("cs_analysis", "posthog", "posthog_simple_mean", "mixpanel", "mixpanel_on", "amplitude", "amplitude_on")


def cohort_retention(
    ds: Dataset,
    *,
    period: Period = "month",
    criterion: Criterion = "on",
    windows: Windows = "calendar",
    entry: Entry = "first_ever",
    start: Names = None,
    event: Names = None,
    minimum: int = 1,
    brackets: Sequence[tuple[int, int]] | None = None,
    look_ahead: int = 3,
    max_age: int | None = None,
    since: date | str | pd.Timestamp | None = None,
    average: Average | None = "pooled",
    actor: Literal["user", "account"] = "user",
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Share of each cohort that came back, at each age that has begun, and of all cohorts together.

    A cohort is those who started in a period; `age` is the number of periods since. A cell that has begun but is not finished for the
    whole cohort has no estimate; it is never 0. The row without cohort is the whole: returns over units, both summed over the finished
    cells of that age (900 of 1,500 are 60 %, where averaging shares gives 65 % or 56 %). Shares of later ages rest on older cohorts.

    Parameters
    ----------
    ds : Dataset
        Needs `events`.
    period : str
        `day`, `week`, `month`, `quarter` or `year`: length of cohorts and ages.
    criterion : {"on", "on_or_after", "bracket"}
        Came back at that age; at that age or later, by `as_of`; at any age of a bracket.
    windows : {"calendar", "rolling", "rolling_hours", "rolling_days"}
        Ages are calendar periods, or whole days, 7 or 30 days since the unit's own start: exactly, by the hour, or by local days.
    entry : {"first_ever", "first", "recurring", "account_start"}
        In the cohort is whose first start ever, first start since `since`, or any start lies in the period, or whose account started in it.
    start, event : str or list of str, optional
        Events that start, and that count as coming back; default: any. The start is itself a return at age 0 if its event counts.
    minimum : int
        So many returns in a cell are needed; duplicates of an event at one instant are one.
    brackets : list of pairs, optional
        First and last age of each bracket, such as [(1, 7), (8, 14)]; `age` is then the first.
    look_ahead : int
        With `on_or_after`, a cell is finished when so many ages, its own the first, are over: the more time has been seen behind a cell,
        the higher it is.
    max_age : int, optional
        Oldest age to report.
    since : date or str, optional
        Periods that begin before this day have no cohort.
    average : {"pooled", "simple", "size_squared"}, optional
        How the whole is made: as above, the plain mean of shares, or shares weighted by the squared cohort size; None leaves it out.
    actor : {"user", "account"}
        What comes back. A user of two accounts is two users.
    by : str or list of str, optional
        Columns of `accounts`, or of `events`, which must then have the same value at start and return.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys `cohort` (first day of the period; missing = all cohorts) and `age`. Metric `cohort_retention`, unit `share`;
        `n` = units in the cohort. Wilson limits on the effective number of units, accounts as clusters; missing for one account of several users.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `events`; an unknown column in `by`; an event that never occurs; options that are unknown or have no common meaning.

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22, 209-212. Korn and Graubard (1998), Survey Methodology 24, 193-201.
    Definitions: PostHog documentation, "Retention" (read 2026); Mixpanel documentation, "Retention: Measure engagement over time" (read 2026);
    Amplitude documentation, "How the Retention Analysis chart calculates retention" and "How time works in a retention analysis" (2024).

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> table = cs.cohort_retention(ds)
    >>> table.loc[table["cohort"].isna() & (table["age"] == 0), "estimate"].tolist()
    [1.0]
    """
    rule = RetentionRule(
        period=period,
        criterion=criterion,
        windows=windows,
        entry=entry,
        start=start,
        event=event,
        minimum=minimum,
        brackets=brackets,
        look_ahead=look_ahead,
        max_age=max_age,
        since=since,
        actor=actor,
        by=by,
    )
    if average not in (None, "pooled", "simple", "size_squared"):
        raise ParameterError(f"average must be 'pooled', 'simple', 'size_squared' or None, not {average!r}.")
    return _retention(ds, rule, average=average, metric="cohort_retention", conf_level=check_conf_level(conf_level))


def retention_definitions(
    ds: Dataset,
    *,
    period: Period = "month",
    definitions: Sequence[str] = TOOLS,
    start: Names = None,
    event: Names = None,
    max_age: int | None = 12,
    since: date | str | pd.Timestamp | None = None,
    actor: Literal["user", "account"] = "user",
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Retention of all cohorts together at each age, of the same data under the documented definitions of several tools.

    `cs_analysis`: cohort of the first start, calendar periods, came back in the period, returns over units. `posthog`: the same; its simple
    mean, its on-or-after and its recurring form have their own names. `mixpanel`: any start enters a cohort, the clock is the user's own, came
    back then or later, shares weighted by the squared cohort size; `mixpanel_on`, `mixpanel_calendar`. `amplitude`: new users, 24-hour windows
    (hours for days, local days for weeks and months of 30 days), came back then or later, pooled; `amplitude_on`, `amplitude_calendar`.

    Not verified, for their documentation does not say: whether unfinished periods enter PostHog's mean (here they do not); which of several
    starts in one period sets Mixpanel's clock (here the first); at which hour Amplitude takes a cell to be complete (here when the
    last user of the cohort can have lived through it). A tool's number can also differ because its project has another time zone or week.

    Parameters
    ----------
    ds : Dataset
        Needs `events`.
    period : str
        `day`, `week` or `month`.
    definitions : list of str
        Names from above.
    start, event : str or list of str, optional
        As for `cohort_retention`.
    max_age : int, optional
        Oldest age to report.
    since, actor, by
        As for `cohort_retention`.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys `definition` and `age`. Metric `retention_definitions`, unit `share`, account-clustered limits, `n` = units in
        the finished cells.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `cohort_retention`; a definition is not known.

    References
    ----------
    PostHog documentation, "Retention" (read 2026). Mixpanel documentation, "Retention: Measure engagement over time" (read 2026). Amplitude
    documentation, "How the Retention Analysis chart calculates retention", "How time works in a retention analysis", "Interpret your
    retention analysis" (2024, read 2026).

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.retention_definitions(ds, definitions=["posthog", "mixpanel"])["definition"].unique().tolist()
    ['posthog', 'mixpanel']
    """
    check_conf_level(conf_level)
    if isinstance(definitions, str) or not definitions or len(set(definitions)) < len(definitions):
        raise ParameterError(f"definitions must be a list of different names, not {definitions!r}.")
    tables = []
    for name in definitions:
        options, average = documented(name, period=period)
        rule = RetentionRule(period=period, start=start, event=event, max_age=max_age, since=since, actor=actor, by=by, **options)
        table = _retention(ds, rule, average=average, metric="retention_definitions", conf_level=conf_level)
        whole = table[table["cohort"].isna()].drop(columns="cohort").reset_index(drop=True)
        whole.insert(0, "definition", name)
        tables.append(whole)
    return stack(tables)


def _retention(ds: Dataset, rule: RetentionRule, *, average: str | None, metric: str, conf_level: float) -> pd.DataFrame:
    """Return the cells, then the whole."""
    counts, keys = count_cohorts(ds, rule), group_columns(rule.by)
    rows = by_distinct(ds, counts.exposed, [*keys, "cohort_number", "age"])
    shares = _shares(rows, [*keys, "cohort_number", "age"], conf_level=conf_level).drop(columns="n")
    cells = counts.cells.merge(shares, on=[*keys, "cohort_number", "age"], how="left", validate="one_to_one")
    parts = [cells]
    if average is not None:
        pooled = _shares(by_distinct(ds, over_cohorts(counts.exposed, keys), [*keys, "age"]), [*keys, "age"], conf_level=conf_level)
        whole = pooled if average == "pooled" else _averaged(ds, counts, cells, keys=keys, squared=average == "size_squared", conf_level=conf_level)
        parts.append(whole.assign(cohort=pd.Series(pd.NaT, index=whole.index, dtype="datetime64[us]")))
    return stack([_named(part, keys, metric) for part in parts])


def _named(table: pd.DataFrame, keys: list[str], metric: str) -> pd.DataFrame:
    values = {name: table[name].to_numpy("float64") for name in ("estimate", "conf_low", "conf_high")}
    shown = table[[*keys, "cohort", "age"]].astype({"cohort": "datetime64[us]", "age": "int64"})
    return estimates(as_named(shown), metric=metric, unit="share", **values, n=table["n"])


def _shares(rows: pd.DataFrame, keys: list[str], *, conf_level: float) -> pd.DataFrame:
    """Return the clustered share of each cell of `keys` from counted accounts."""
    number = rows.groupby(keys, sort=False, dropna=False).ngroup()
    share = clustered_share(rows["returned"], rows["units"], groups=number, counts=rows["accounts"], conf_level=conf_level)
    n = (rows["units"] * rows["accounts"]).groupby(number).sum()
    return rows[keys].drop_duplicates(ignore_index=True).assign(**share._asdict(), n=n.to_numpy("int64"))


def _averaged(ds: Dataset, counts: CohortCounts, cells: pd.DataFrame, *, keys: list[str], squared: bool, conf_level: float) -> pd.DataFrame:
    """Return weighted means of the cohorts' shares by age, with Wilson limits on the number of units that would vary as much."""
    known = cells[cells["finished"]].rename(columns={"estimate": "share"})
    weight = known["n"].astype("float64") ** 2 if squared else pd.Series(1.0, index=known.index)
    ages = [known[key] for key in (*keys, "age")]
    part = weight / weight.groupby(ages, dropna=False).transform("sum")
    spread = spread_of_means(ds, counts.exposed, known.assign(weight=part / known["n"]), keys=keys)
    means = known.assign(estimate=part * known["share"]).groupby([*keys, "age"], dropna=False)[["estimate", "n"]].sum().reset_index()
    table = means.merge(spread, on=[*keys, "age"], how="left", validate="one_to_one")
    limits = _linear_limits(table, conf_level=conf_level)
    return table.assign(conf_low=limits.conf_low, conf_high=limits.conf_high)


def _linear_limits(table: pd.DataFrame, *, conf_level: float) -> Interval:
    """Return Wilson limits from the accounts' squared parts; where these are all 0 an account counts as one unit."""
    share, accounts = table["estimate"].to_numpy("float64"), table["accounts"].to_numpy("float64")
    variance = table["squares"].to_numpy("float64") * accounts / np.where(accounts > 1, accounts - 1, np.nan)
    upper = (1 + conf_level) / 2
    reduced = (special.ndtri(upper) / special.stdtrit(np.maximum(accounts - 1, 1), upper)) ** 2
    number = np.where(variance > 0, share * (1 - share) / np.where(variance > 0, variance, np.nan) * reduced, accounts)
    return wilson_limits(share, n=np.where(accounts > 1, number, np.nan), conf_level=conf_level)
