"""Who answered: the share of requests and of accounts that did, and what the silent ones could make of the score."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset
from cs_analysis.data.surveys import Scale
from cs_analysis.errors import NotEnoughDataError
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.requests import KIND, UNIT, extent_of, known_until, requests, scored_requests
from cs_analysis.facts.score_tables import MEASURE, Measure, score_values, with_period
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import Interval, wilson
from cs_analysis.stats.risk import grouped
from cs_analysis.stats.stages import share_within
from cs_analysis.stats.survey.partial import one_sided_level
from cs_analysis.stats.survey.variance import Spread, limits, weighted_mean
from cs_analysis.stats.survey.weights import unweighted
from cs_analysis.windows import fixed_days

_DAY = pd.Timedelta(1, "D")


def response_rate(
    source: Dataset | Any,
    *,
    survey: str | None = None,
    within: str | pd.Timedelta | None = "14d",
    period: Period | None = None,
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Share of survey requests that are answered within a time, and of the accounts asked that are heard from.

    One minus Kaplan-Meier at the window's end: a request younger than the window is counted for as long as it has been open, not as a refusal. A user who is
    asked three times is three requests; requests of one account are alike, and the limits know it. An answer has an instant and a score
    (in a table without scores, an instant), on whatever scale.

    Parameters
    ----------
    source : Dataset or data frame
        A dataset with `responses`, or that one table with `asked_at` and `answered_at`, which is known until its last instant.
    survey : str, optional
        Name of one survey; without it a row for each, with the key `survey`.
    within : str or Timedelta, optional
        How long after the question an answer counts, such as `"14d"`. None: whatever was answered so far, young requests included.
    period : {"week", "month", "quarter", "year"}, optional
        A row for each calendar period in which the question was asked (datasets only).
    by : str or list of str, optional
        Columns of `responses` or `accounts` to group by.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by`, `survey` and `period`, unit `share`. Metric `response_rate`, `n` = requests, limits clustered by account
        (missing where several requests all come from one account); missing while no request of the row is as old as the window. Metric `response_rate_naive`
        (with a window): answered so far over all requests, a fact without limits, `n` = requests. Metric `account_response_rate`: of the
        accounts with a request as old as the window, the share that answered one of those in time, Wilson limits, `n` = these
        accounts; missing where there is none.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        No `responses`, an unknown column in `by`, no request at all, a window in calendar months.

    References
    ----------
    Kaplan and Meier (1958), Journal of the American Statistical Association 53, 457-481. Korn and Graubard (1998), Survey Methodology 24,
    193-201. AAPOR (2023), Standard Definitions, 10th edition (response rates).

    Examples
    --------
    >>> asked = pd.Timestamp("2026-01-05", tz="UTC")
    >>> table = pd.DataFrame({"account_id": list("abcd"), "survey": "nps", "asked_at": asked, "answered_at": [asked + _DAY, None, None, None]})
    >>> response_rate(table, survey="nps", within="1d")[["metric", "estimate", "n"]].head(2).to_dict("records")
    [{'metric': 'response_rate', 'estimate': 0.25, 'n': 4}, {'metric': 'response_rate_naive', 'estimate': 0.25, 'n': 4}]
    """
    check_conf_level(conf_level)
    rows = requests(source, survey, by=by)
    if not len(rows):
        raise NotEnoughDataError("a response rate needs a request; there is none. Check the name of the survey and the date.")
    keys = [*group_columns(by), *([] if survey else ["survey"]), *(["period"] if period else [])]
    rows = with_period(source, rows, period, instant="asked_at") if period else rows
    until = known_until(source, rows)
    if within is None:
        share = _share_so_far(rows, keys, conf_level=conf_level)
        everybody = pd.Series(True, index=rows.index)
        return as_named(stack([share, _accounts_heard(rows, keys, due=everybody, heard=rows["answered"], conf_level=conf_level)]))
    window = fixed_days(within, name="within") * _DAY
    waits = rows.assign(duration_days=(rows["answered_at"].fillna(until) - rows["asked_at"]) / _DAY, observed=rows["answered"])
    share = share_within(waits, keys, horizon=window, cluster="account_id", conf_level=conf_level).assign(metric="response_rate")
    due = rows["asked_at"] + window <= until
    in_time = rows["answered_at"] - rows["asked_at"] <= window
    naive = _share_so_far(rows, keys, conf_level=conf_level).assign(metric="response_rate_naive", conf_low=np.nan, conf_high=np.nan)
    return as_named(stack([share, naive, _accounts_heard(rows, keys, due=due, heard=in_time, conf_level=conf_level)]))


def nonresponse_bounds(
    source: Dataset | Any,
    *,
    survey: str = "nps",
    measure: Measure | None = None,
    scale: str | Scale | None = None,
    within: str | pd.Timedelta | None = "14d",
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """The score of all who were asked if every silent one had given the worst, or the best, answer.

    With the share r that answered and their score s, the bounds are r s + (1 - r) worst and r s + (1 - r) best: r NPS -/+ 100 (1 - r) for the net
    promoter score. Nothing is assumed about the silent; whatever is claimed inside the bounds rests on assumptions. Lowest and highest are those of the
    number, also on a scale where low is good.

    Parameters
    ----------
    source : Dataset or data frame
        As for `response_rate`, with `score`.
    survey : str
        Name of the survey.
    measure : {"net", "top", "mean"}, optional
        100 x (top - bottom), share of the top box, or mean score; default: net for nps, top for csat, mean otherwise.
    scale : str or Scale, optional
        The scale whose answers count; the survey's usual one without it.
    within : str or Timedelta, optional
        Only requests at least this old are in it: younger ones are not silent yet. None: all.
    by : str or list of str, optional
        Columns of `responses` or `accounts` to group by.
    conf_level : float
        Confidence that the score of all who could be asked lies between the lower limit of the low and the upper limit of the high.

    Returns
    -------
    DataFrame
        Estimates with the keys of `by`; unit `points`, for `top` `share`; `n` = requests. Metrics `nonresponse_low` and `nonresponse_high` with limits
        clustered by account at the critical value of Imbens and Manski (missing where several requests all come from one account); metric
        `nonresponse_width`: high minus low, a fact without limits.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        As for `response_rate`; scores off the scale; an unknown measure or scale.

    References
    ----------
    Horowitz and Manski (1998), Journal of Econometrics 84, 37-58; (2000), Journal of the American Statistical Association 95, 77-84. Imbens and
    Manski (2004), Econometrica 72, 1845-1857.

    Examples
    --------
    >>> asked = pd.Timestamp("2026-01-05", tz="UTC")
    >>> table = pd.DataFrame({"asked_at": asked, "answered_at": [asked] * 6 + [None] * 4, "score": [10] * 4 + [3] * 2 + [None] * 4})
    >>> nonresponse_bounds(table, within=None).round(6)[["metric", "estimate"]].to_dict("records")  # doctest: +NORMALIZE_WHITESPACE
    [{'metric': 'nonresponse_low', 'estimate': -20.0}, {'metric': 'nonresponse_high', 'estimate': 60.0},
     {'metric': 'nonresponse_width', 'estimate': 80.0}]
    """
    check_conf_level(conf_level)
    rows, on = scored_requests(source, survey, scale=scale, by=by)
    chosen = measure or MEASURE.get(survey, "mean")
    values = score_values(rows, chosen)
    if within is not None and len(rows):
        old = (rows["asked_at"] + fixed_days(within, name="within") * _DAY <= known_until(source, rows)).to_numpy()
        rows, values = rows[old].reset_index(drop=True), values[old]
    if not len(rows):
        raise NotEnoughDataError("bounds need a request that is old enough; there is none. Check the survey's name, or take a shorter within.")
    extent = extent_of(chosen, on)
    shown, group = grouped(rows, group_columns(by))
    tables = []
    for number in range(len(shown)):
        own = group == number
        parts = _bounds(rows[own], values[own], chosen, extent=extent, conf_level=conf_level)
        key = shown.iloc[[number]]
        tables += [estimates(key, metric=f"nonresponse_{name}", unit=UNIT[chosen], **part._asdict(), n=own.sum()) for name, part in parts]
    return as_named(stack(tables))


def _share_so_far(rows: pd.DataFrame, keys: list[str], *, conf_level: float) -> pd.DataFrame:
    cells = rows.groupby([*keys, "account_id"], sort=True, dropna=False)["answered"].agg(["sum", "count"]).reset_index()
    shown, group = grouped(cells, keys)
    share = clustered_share(cells["sum"], cells["count"], groups=group, conf_level=conf_level)
    return estimates(shown, metric="response_rate", unit="share", **share._asdict(), n=np.bincount(group, cells["count"]))


def _accounts_heard(rows: pd.DataFrame, keys: list[str], *, due: pd.Series, heard: pd.Series, conf_level: float) -> pd.DataFrame:
    flags = rows.assign(due=due, heard=due & heard).groupby([*keys, "account_id"], sort=True, dropna=False)[["due", "heard"]].max().reset_index()
    shown, group = grouped(flags, keys)
    hits, n = (np.bincount(group, flags[name], len(shown)) for name in ("heard", "due"))
    return estimates(shown, metric="account_response_rate", unit="share", **wilson(hits, n, conf_level=conf_level)._asdict(), n=n)


def _bounds(rows: pd.DataFrame, values: np.ndarray, measure: Measure, *, extent: tuple[float, float], conf_level: float) -> Iterator[tuple[str, Interval]]:
    """Yield low, high and width of one group."""
    silent = ~rows["answered"].to_numpy()
    filled = {name: np.where(silent, end, values) for name, end in zip(("low", "high"), extent, strict=True)}
    spreads = {name: weighted_mean(part, unweighted(len(part)), clusters=rows["account_id"], variance="linear") for name, part in filled.items()}
    width = float(spreads["high"].mean - spreads["low"].mean)
    largest = float(np.sqrt(max(spread.variance for spread in spreads.values())))
    level = one_sided_level(width, largest, conf_level=conf_level) if np.isfinite(largest) else conf_level
    for name, spread in spreads.items():
        yield name, _limited(spread, filled[name], measure, extent=extent, conf_level=level)
    yield "width", Interval(width, np.nan, np.nan)


def _limited(spread: Spread, values: np.ndarray, measure: Measure, *, extent: tuple[float, float], conf_level: float) -> Interval:
    shares = (float((values < 0).mean()), float((values > 0).mean()))
    return limits(spread, KIND[measure], n=len(values), extent=extent, shares=shares, conf_level=conf_level)
