"""The key figures of customer success for a month, beside those of the month before and of the same month a year before.

Fourteen figures that are asked for everywhere, and five that say whether revenue stays and new customers arrive. Nothing that came after the month moves
any of them. A figure of a calendar month is counted for all three months from what was known at the end of the month reported on; a figure of all customers
so far, or of a date, from what was known at the end of each.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import CSAnalysisError, NotEnoughDataError, ParameterError
from cs_analysis.metrics.acquisition import customer_roi
from cs_analysis.metrics.churn import logo_churn_rate
from cs_analysis.metrics.comments import comment_themes
from cs_analysis.metrics.engagement import active_users, stickiness
from cs_analysis.metrics.first_contact import first_contact_resolution
from cs_analysis.metrics.health_features import health_features
from cs_analysis.metrics.health_score import health_rollup
from cs_analysis.metrics.lifetime_value import customer_lifetime_value
from cs_analysis.metrics.onboarding import activation_rate, time_to_value
from cs_analysis.metrics.revenue import mrr
from cs_analysis.metrics.revenue_mix import arpu
from cs_analysis.metrics.revenue_retention import gross_revenue_retention, net_revenue_retention
from cs_analysis.metrics.satisfaction import ces, csat, nps
from cs_analysis.metrics.service import availability
from cs_analysis.metrics.usage import feature_breadth
from cs_analysis.report.page import reported_month
from cs_analysis.stats.estimates import COLUMNS, check_conf_level, estimates, stack

Ask = Callable[..., pd.DataFrame]
Options = Mapping[str, Mapping[str, Any]]
_NOTHING = "nothing is known of this month."


@dataclass(frozen=True)
class Kpi:
    """One key figure: its name, the metric that answers it, the report that says more, and which rows of the metric's table are meant.

    A metric by calendar month is asked once (`by_month`), another as of the end of each month. `keep` holds the values that key columns must have; `detail` is
    the key column of which each value is a figure of its own, or of which the `largest` is the one to show.
    """

    name: str
    metric: str
    page: str
    ask: Ask
    by_month: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    keep: Mapping[str, Any] = field(default_factory=dict)
    detail: str | None = None
    largest: bool = False
    limits: bool = True


@dataclass(frozen=True)
class Answer:
    """A key figure of a company: its months (`detail`, `period` and the columns of estimates), or the reason why there is none."""

    kpi: Kpi
    months: pd.DataFrame
    reason: str = ""


def _health(ds: Dataset, *, weights: str, conf_level: float) -> pd.DataFrame:
    return health_rollup(health_features(ds), weights=weights, conf_level=conf_level)


KPIS = (
    Kpi("product_performance", "availability", "service", availability, detail="service"),
    Kpi("engagement", "stickiness", "engagement", stickiness),
    Kpi("customer_roi", "customer_roi", "value", customer_roi, by_month=False),
    Kpi("health", "health_rollup", "health", _health, by_month=False, options={"weights": "gainsight"}),
    Kpi("churn", "logo_churn_rate", "churn", logo_churn_rate),
    Kpi("nps", "nps", "voice", nps, options={"period": "month"}),
    Kpi("csat", "csat", "voice", csat, options={"period": "month"}),
    Kpi("mrr", "mrr", "revenue", mrr, limits=False),
    Kpi("arpu", "arpu", "revenue", arpu),
    Kpi("clv", "customer_lifetime_value", "value", customer_lifetime_value, by_month=False),
    Kpi("fcr", "first_contact_resolution", "support", first_contact_resolution, options={"period": "month"}, keep={"definition": "no_repeat_7"}),
    Kpi("ces", "ces", "voice", ces, options={"period": "month"}),
    Kpi("product_usage", "active_users", "engagement", active_users, keep={"window": "28d"}, limits=False),
    Kpi("feedback", "comment_themes", "voice", comment_themes, by_month=False, options={"by_class": False}, detail="theme", largest=True),
    Kpi("nrr", "net_revenue_retention", "revenue", net_revenue_retention),
    Kpi("grr", "gross_revenue_retention", "revenue", gross_revenue_retention),
    Kpi("activation", "activation_rate", "onboarding", activation_rate, by_month=False),
    Kpi("time_to_value", "time_to_value", "onboarding", time_to_value, by_month=False, options={"quantiles": [0.5]}),
    Kpi("adoption", "feature_breadth", "adoption", feature_breadth),
)


def months_of(period: pd.Timestamp) -> list[pd.Timestamp]:
    """Return the first days of the same month a year before, of the month before and of the month itself.

    Examples
    --------
    >>> [f"{month:%Y-%m}" for month in months_of(pd.Timestamp("2026-01-01"))]
    ['2025-01', '2025-12', '2026-01']
    """
    return [period - pd.DateOffset(years=1), period - pd.DateOffset(months=1), period]


def answers(ds: Dataset, period: pd.Timestamp, *, kpis: Sequence[str] | None = None, options: Options | None = None, conf_level: float = 0.95) -> list[Answer]:
    """Return the key figures of a month, all or those named, beside the month before and the same month a year before, or why there are none."""
    check_conf_level(conf_level)
    own, all_of_them = dict(options or {}), [kpi.name for kpi in KPIS]
    unknown = [name for name in (*(kpis or ()), *own) if name not in all_of_them]
    if unknown:
        raise ParameterError(f"there is no key figure {', '.join(map(repr, unknown))}; there are {', '.join(all_of_them)}.")
    known = ds.at(_end(ds, period))
    asked = [kpi for kpi in KPIS if kpis is None or kpi.name in kpis]
    return [_answer(known, kpi, period, options={**_level(kpi, conf_level), **kpi.options, **own.get(kpi.name, {})}) for kpi in asked]


def scorecard(
    ds: Dataset, *, period: str | None = None, kpis: Sequence[str] | None = None, options: Options | None = None, conf_level: float = 0.95
) -> pd.DataFrame:
    """The key figures of a month, of the month before and of the same month a year before, as estimates.

    Nothing that came after the month moves them: figures of a calendar month are counted from what was known at the end of the month reported on, and those
    of all customers so far (`customer_roi`, `health`, `clv`, `feedback`, `activation`, `time_to_value`) from what was known at the end of each of the three.

    Parameters
    ----------
    ds : Dataset
        Figures whose tables or columns are missing are left out.
    period : str, optional
        The month, such as "2026-10"; default: the last one that is over.
    kpis : sequence of str, optional
        Names of the key figures asked for; default: all.
    options : mapping, optional
        How a figure is asked otherwise: name -> options of its metric, such as `{"time_to_value": {"value": "shared_report"}}`. By default any use counts
        as activation and as value, health is weighed by the first set of rules that comes with the package (`gainsight`), a ticket is solved at first
        contact if the account opened no other within 7 days, and the customers' benefit stands in the column `benefit` of accounts.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys `kpi`, `detail` (the service or theme it is of; missing where there is one only) and `period` (first day of the month).
        `metric` names the metric that answers: `availability` (`product_performance`), `stickiness` (`engagement`), `customer_roi`, `health_rollup`
        (`health`), `logo_churn_rate` (`churn`), `nps`, `csat`, `mrr`, `arpu`, `customer_lifetime_value` (`clv`), `first_contact_resolution` (`fcr`), `ces`,
        `active_users` of 28 days (`product_usage`), `comment_themes` of the most frequent theme (`feedback`), `net_revenue_retention` (`nrr`),
        `gross_revenue_retention` (`grr`), `activation_rate` of the last cohort of which something is known (`activation`), `time_to_value` and
        `feature_breadth` (`adoption`).

    Raises
    ------
    ParameterError
        The month had not begun at `as_of`; `kpis` or `options` names an unknown figure; `conf_level` does not lie between 0 and 1.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=4)
    >>> card = cs.scorecard(ds, kpis=["mrr"])
    >>> card["period"].dt.month.tolist()
    [9, 10]
    """
    found = answers(ds, reported_month(ds, period), kpis=kpis, options=options, conf_level=conf_level)
    tables = [answer.months.assign(kpi=answer.kpi.name) for answer in found if len(answer.months)]
    empty = estimates({"kpi": [], "detail": [], "period": []}, metric="", unit="ratio", estimate=[], n=[])
    return stack([table[list(empty.columns)] for table in tables] or [empty])


def _answer(ds: Dataset, kpi: Kpi, period: pd.Timestamp, *, options: Mapping[str, Any]) -> Answer:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the report that says more says these, too
            rows = (_by_month if kpi.by_month else _by_date)(ds, kpi, period=period, options=options)
    except CSAnalysisError as reason:
        return Answer(kpi, pd.DataFrame(), str(reason))
    return Answer(kpi, rows) if (rows["period"] == period).any() else Answer(kpi, pd.DataFrame(), _NOTHING)


def _level(kpi: Kpi, conf_level: float) -> dict[str, float]:
    return {"conf_level": conf_level} if kpi.limits else {}


def _by_month(ds: Dataset, kpi: Kpi, *, period: pd.Timestamp, options: Mapping[str, Any]) -> pd.DataFrame:
    """Return the rows of the months of a metric that has a row a month, or, of a daily one, of the last day of each month."""
    rows = _meant(kpi.ask(ds, **options), kpi)
    _refuse_nothing(rows)
    month = rows["period"].dt.to_period("M").dt.to_timestamp()
    last = rows.assign(period=month).drop_duplicates(["period", "detail"], keep="last")
    return last[last["period"].isin(months_of(period))].reset_index(drop=True)


def _by_date(ds: Dataset, kpi: Kpi, *, period: pd.Timestamp, options: Mapping[str, Any]) -> pd.DataFrame:
    """Return the metric as it was known at the end of each month; an earlier month of which nothing can be said is left out."""
    parts: list[pd.DataFrame] = []
    for month in reversed(months_of(period)):
        try:
            rows = _meant(kpi.ask(ds.at(_end(ds, month)), **options), kpi)
            _refuse_nothing(rows)
        except CSAnalysisError:
            if month == period:
                raise
            continue
        if kpi.largest:
            wanted = parts[0]["detail"].iloc[0] if parts else rows.loc[rows["estimate"].idxmax(), "detail"]
            rows = rows[rows["detail"] == wanted]
        parts.append(rows.tail(1).assign(period=month))
    return stack(parts[::-1])


def _refuse_nothing(rows: pd.DataFrame) -> None:
    if rows.empty:
        raise NotEnoughDataError(_NOTHING)


def _meant(table: pd.DataFrame, kpi: Kpi) -> pd.DataFrame:
    """Return the rows of the figure itself, with its key as `detail`; those of which nothing is known yet are left out."""
    rows = table[table["metric"] == kpi.metric].dropna(subset=["estimate"])
    for name, value in kpi.keep.items():
        rows = rows[rows[name] == value]
    detail = rows[kpi.detail] if kpi.detail else pd.Series(None, index=rows.index, dtype="object")
    kept = ["period"] if "period" in rows.columns else []
    return rows[[*kept, *COLUMNS]].assign(detail=detail)[["detail", *kept, *COLUMNS]]


def _end(ds: Dataset, month: pd.Timestamp) -> Any:
    """Return the last day of a month, or `as_of` where the month is not over."""
    last = (month + pd.offsets.MonthEnd(0)).date()
    return min(ds.calendar.end_of(last), ds.as_of)
