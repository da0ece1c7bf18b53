"""The outlook of retention: cells that are not over yet, projected, and the projection tried on the past."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.cohorts import by_distinct, count_cohorts
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.retention_rules import Entry, Names, RetentionRule
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.projection import back_test, project_cells

_REFUSED = {
    "sbg": "the shifted-beta-geometric curve is for contracts, which end once; here people come back after a pause, and its shares could never rise",
    "bdw": "the beta-discrete-Weibull curve is for contracts, which end once; here people come back after a pause, and its shares could never rise",
}


def retention_projection(
    ds: Dataset,
    *,
    period: Period = "month",
    criterion: str = "on",
    method: str = "age_cohort",
    entry: Entry = "first_ever",
    start: Names = None,
    event: Names = None,
    minimum: int = 1,
    since: date | str | pd.Timestamp | None = None,
    actor: Literal["user", "account"] = "user",
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Share of each cohort expected to come back at the ages it has not finished, with a band for what will be seen.

    logit of the share = effect of the age + effect of the cohort, fitted to the finished cells of `cohort_retention` with calendar periods. Cohort
    effects are shrunk towards 0, the more the smaller the cohort; cells scatter more than independent users would, and by how much is
    estimated. Projected are the cohorts whose own period is over, up to the oldest age that any cohort has finished. Back-test it with
    `retention_backtest`. The projection knows nothing of what will be done differently from now on.

    Parameters
    ----------
    ds : Dataset
        Needs `events`.
    period : str
        As for `cohort_retention`.
    criterion : {"on"}
        Other criteria are refused: their cells depend on each other.
    method : {"age_cohort"}
        Curves for contracts are refused.
    entry, start, event, minimum, since, actor, by
        As for `cohort_retention`.
    conf_level : float
        Level of the band.

    Returns
    -------
    DataFrame
        Estimates with the keys `cohort` and `age`. Metric `retention_projection`, unit `share`; the limits are those of the share that will be
        seen, chance included; `n` = units in the cohort.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `cohort_retention`; another criterion or method.

    References
    ----------
    Breslow and Clayton (1993), Journal of the American Statistical Association 88, 9-25.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.retention_projection(ds)["age"].max()
    np.int64(5)
    """
    _check(criterion, method)
    rule = RetentionRule(period=period, entry=entry, start=start, event=event, minimum=minimum, since=since, actor=actor, by=by)
    parts = []
    for cells in _groups(ds, rule):
        known = cells[cells["finished"]]
        complete = cells.groupby("cohort_number")["finished"].transform("any")
        wanted = _to_come(cells[complete], oldest=int(known["age"].max()) if len(known) else -1)
        parts.append(wanted.assign(**project_cells(known.rename(columns=_NAMES), wanted.rename(columns=_NAMES), conf_level=conf_level)._asdict()))
    return _as_estimates(parts, group_columns(by))


def retention_backtest(
    ds: Dataset,
    *,
    period: Period = "month",
    hidden: int = 3,
    entry: Entry = "first_ever",
    start: Names = None,
    event: Names = None,
    minimum: int = 1,
    since: date | str | pd.Timestamp | None = None,
    actor: Literal["user", "account"] = "user",
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Share of hidden cells that the projection's band would have covered, and its error beside that of a naive forecast.

    The last periods are hidden, projected from those before, and compared with what came. The naive forecast for a cell is the share of the
    youngest cohort that had finished that age. Errors are mean absolute differences of shares, weighted by the units of the cells.

    Parameters
    ----------
    ds : Dataset
        Needs `events`.
    period : str
        As for `cohort_retention`.
    hidden : int
        Number of periods to hide; fewer where fewer than two would be left.
    entry, start, event, minimum, since, actor, by
        As for `cohort_retention`.
    conf_level : float
        Level of the band that is tried.

    Returns
    -------
    DataFrame
        Estimates without keys but those of `by`. Metrics `retention_backtest` (share of cells inside the band), `retention_projection_error` and
        `retention_projection_error_naive`, unit `share`, no limits: the cells depend on each other. `n` = hidden cells.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `cohort_retention`; `hidden` below 1.
    NotEnoughDataError
        There are too few finished periods to hide any.

    References
    ----------
    Tashman (2000), International Journal of Forecasting 16, 437-450.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=8)
    >>> cs.retention_backtest(ds)["metric"].tolist()
    ['retention_backtest', 'retention_projection_error', 'retention_projection_error_naive']
    """
    if not isinstance(hidden, int) or isinstance(hidden, bool) or hidden < 1:
        raise ParameterError(f"hidden must be a whole number of periods, at least 1, not {hidden!r}.")
    rule = RetentionRule(period=period, entry=entry, start=start, event=event, minimum=minimum, since=since, actor=actor, by=by)
    tested = []
    for cells in _groups(ds, rule):
        tried = back_test(cells[cells["finished"]].rename(columns=_NAMES), hidden=hidden, conf_level=check_conf_level(conf_level))
        tested.append((cells[group_columns(by)].head(1), tried[tried["age"] > 0]))
    if not any(len(tried) for _, tried in tested):
        raise NotEnoughDataError("a back-test needs an age that one cohort had finished and a later one finishes in the hidden periods. Use a shorter period.")
    return stack([table for group, tried in tested if len(tried) for table in _scores(group, tried)])


_NAMES = {"cohort_number": "cohort", "returned": "hits", "n": "units"}


def _check(criterion: str, method: str) -> None:
    if criterion != "on":
        raise ParameterError(f"only criterion='on' is projected, not {criterion!r}: the cells of the others depend on each other and on the time behind them.")
    if method != "age_cohort":
        reason = _REFUSED.get(method, "there is no such method")
        raise ParameterError(f"method must be 'age_cohort', not {method!r}: {reason}.")


def _groups(ds: Dataset, rule: RetentionRule) -> Iterator[pd.DataFrame]:
    """Yield the cells of each group with `returned`; the group columns are in it."""
    counts, keys = count_cohorts(ds, rule), group_columns(rule.by)
    rows = by_distinct(ds, counts.exposed, [*keys, "cohort_number", "age"])
    sums = rows.assign(returned=rows["returned"] * rows["accounts"]).groupby([*keys, "cohort_number", "age"], dropna=False)["returned"].sum().reset_index()
    cells = counts.cells.merge(sums, on=[*keys, "cohort_number", "age"], how="left", validate="one_to_one").drop(columns="cohort")
    starts = counts.cells[["cohort_number", "cohort"]].drop_duplicates("cohort_number")
    cells = cells.merge(starts, on="cohort_number").rename(columns={"cohort": "first_day"})
    for _, part in cells.groupby(keys, dropna=False, sort=True) if keys else [(None, cells)]:
        yield part.reset_index(drop=True)


def _to_come(cells: pd.DataFrame, *, oldest: int) -> pd.DataFrame:
    """Return the cells of the cohorts up to an age that are not finished, begun or not."""
    cohorts = cells.drop(columns=["age", "finished", "returned"]).drop_duplicates("cohort_number")
    every = cohorts.merge(pd.DataFrame({"age": np.arange(oldest + 1)}), how="cross")
    done = cells.loc[cells["finished"], ["cohort_number", "age"]].assign(done=True)
    crossed = every.merge(done, on=["cohort_number", "age"], how="left")
    return crossed[crossed["done"].isna()].drop(columns="done").reset_index(drop=True)


def _as_estimates(parts: list[pd.DataFrame], keys: list[str]) -> pd.DataFrame:
    table = pd.concat(parts, ignore_index=True)
    shown = table[[*keys, "first_day", "age"]].rename(columns={"first_day": "cohort"}).astype({"age": "int64"})
    values = {name: table[name].to_numpy("float64") for name in ("estimate", "conf_low", "conf_high")}
    return estimates(as_named(shown), metric="retention_projection", unit="share", **values, n=table["n"])


def _scores(group: pd.DataFrame, tried: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the share of cells inside the band and the errors of both forecasts."""
    inside = ((tried["conf_low"] <= tried["seen"]) & (tried["seen"] <= tried["conf_high"])).mean()
    errors = {name: float(np.average((tried[name] - tried["seen"]).abs(), weights=tried["units"])) for name in ("estimate", "naive")}
    named = {"retention_backtest": inside, "retention_projection_error": errors["estimate"], "retention_projection_error_naive": errors["naive"]}
    for metric, value in named.items():
        keys: Any = as_named(group) if len(group.columns) else {}
        yield estimates(
            keys, metric=metric, unit="share", estimate=[value] if len(group.columns) else value, n=[len(tried)] if len(group.columns) else len(tried)
        )
