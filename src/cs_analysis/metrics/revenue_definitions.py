"""Revenue and its retention in one month, of the same data under the definitions of several tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.facts.account_revenue import last_finished_month, lost_revenue, paid_amounts, retained_revenue, whole_months
from cs_analysis.facts.groups import By, as_named, by_columns, group_columns
from cs_analysis.facts.policy import REVENUE_PRESETS, RevenuePolicy, policy_of
from cs_analysis.facts.subscriptions import customers_by_period
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import wilson
from cs_analysis.stats.sum_ratios import ratios_by_cell

METRICS = ("mrr", "logo_churn_rate", "revenue_churn_rate", "net_revenue_retention", "gross_revenue_retention")


def revenue_definitions(
    ds: Dataset,
    *,
    policies: Sequence[str] | Mapping[str, RevenuePolicy] | None = None,
    window: str = "12mo",
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """MRR, churn and retention of revenue in the last month that is over, of the same data under each policy.

    The figures are those of `mrr`, `logo_churn_rate`, `revenue_churn_rate`, `net_revenue_retention` and `gross_revenue_retention`; the last two
    are valued at the exchange rates that the policy says, as the tool would, not at constant ones. A difference between two rows of a metric is one
    of definition alone: the customers are the same.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`.
    policies : list of str or mapping, optional
        Names of presets, or policies by name; default: all presets.
    window : str
        Whole calendar months for the retention of revenue.
    by : str or list of str, optional
        Columns of `subscriptions` or of `accounts`; logo churn takes those of `accounts` only and is left out otherwise.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys `policy` and `period` (the one month). Units, limits and `n` as in the functions named. All is missing, with `n` 0, for
        a policy that needs a column which the data have not; a metric has no row where nobody was there at the start.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `subscriptions`; an unknown column in `by`; an unknown policy.

    References
    ----------
    The sources of the presets stand in the docstrings of `RevenuePolicy`.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=40, months=15)
    >>> cs.revenue_definitions(ds, policies=["default"])["metric"].tolist()[:2]
    ['mrr', 'logo_churn_rate']
    """
    check_conf_level(conf_level)
    months = whole_months(window)
    chosen = _chosen(policies)
    paid = paid_amounts(ds, by=by, policy=policy_of("default"))  # what is missing for every policy is said here
    groups = as_named(paid[group_columns(by)].drop_duplicates(ignore_index=True)) if by is not None else pd.DataFrame(index=[0])
    tables = []
    for name, policy in chosen.items():
        try:
            tables += [table for table in _figures(ds, policy, name=name, months=months, by=by, conf_level=conf_level) if len(table)]
        except MissingColumnsError:
            tables += _without_figures(ds, groups, name)
    return stack(tables)


def _without_figures(ds: Dataset, groups: pd.DataFrame, name: str) -> list[pd.DataFrame]:
    """Return the five figures of each group without values."""
    keys = groups.assign(period=last_finished_month(ds))
    keys.insert(0, "policy", name)
    return [estimates(keys, metric=metric, unit=_unit(ds, metric), estimate=np.nan, n=0) for metric in METRICS]


def _figures(ds: Dataset, policy: RevenuePolicy, *, name: str, months: int, by: By, conf_level: float) -> list[pd.DataFrame]:
    keys, month = [*group_columns(by), "period"], last_finished_month(ds)

    def shown(metric: str, found: pd.DataFrame) -> pd.DataFrame:
        row = found[found["period"] == month].reset_index(drop=True)
        values = {column: row[column] for column in ("estimate", "conf_low", "conf_high", "n")}
        named = as_named(row[keys])
        named.insert(0, "policy", name)
        return estimates(named, metric=metric, unit=_unit(ds, metric), **values)

    paid = paid_amounts(ds, by=by, policy=policy)
    sums = paid.assign(estimate=paid["closing"] * paid["accounts"], n=paid["accounts"]).groupby(keys, dropna=False)[["estimate", "n"]].sum().reset_index()
    lost, retained = lost_revenue(ds, by=by, policy=policy), retained_revenue(ds, months=months, by=by, policy=policy)
    of_start: dict[str, Any] = {"denominator": "start", "conf_level": conf_level}
    return [
        shown("mrr", sums.assign(conf_low=np.nan, conf_high=np.nan)),
        shown("logo_churn_rate", _logo_churn(ds, policy, by=by, conf_level=conf_level)),
        shown("revenue_churn_rate", ratios_by_cell(lost, keys, numerator="lost", denominator="opening", share=True, conf_level=conf_level)),
        shown("net_revenue_retention", ratios_by_cell(retained, keys, numerator="now", **of_start)),
        shown("gross_revenue_retention", ratios_by_cell(retained, keys, numerator="kept", share=True, **of_start)),
    ]


def _logo_churn(ds: Dataset, policy: RevenuePolicy, *, by: By, conf_level: float) -> pd.DataFrame:
    """Return logo churn by month; no row with a column that accounts do not have."""
    keys = [*group_columns(by), "period"]
    if any(column not in ds.tables["accounts"].columns for column in by_columns(by)):
        return pd.DataFrame(columns=[*keys, "estimate", "conf_low", "conf_high", "n"])
    counted = customers_by_period(ds, period="month", by=by, policy=policy)
    rate = wilson(counted["lost"], counted["customers"], conf_level=conf_level)
    return counted[keys].assign(**rate._asdict(), n=counted["customers"])


def _unit(ds: Dataset, metric: str) -> str:
    return {"mrr": ds.currency or "XXX", "net_revenue_retention": "ratio"}.get(metric, "share")


def _chosen(policies: Sequence[str] | Mapping[str, RevenuePolicy] | None) -> dict[str, RevenuePolicy]:
    """Return the policies by name."""
    if isinstance(policies, Mapping):
        return dict(policies)
    if isinstance(policies, str) or (policies is not None and (not policies or len(set(policies)) < len(policies))):
        raise ParameterError(f"policies must be a list of different names, or policies by name, not {policies!r}.")
    return {name: policy_of(name) for name in (REVENUE_PRESETS if policies is None else policies)}
