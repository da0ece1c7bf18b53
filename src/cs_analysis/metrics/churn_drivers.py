"""What goes with leaving sooner: hazard ratios of what was known of customers while they were here."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import ConvergenceError, NotEnoughDataError, ParameterError
from cs_analysis.facts.account_features import available_features
from cs_analysis.facts.feature_dates import feature_dates
from cs_analysis.facts.feature_rows import feature_rows
from cs_analysis.facts.outcomes import exposures, snapshot_days
from cs_analysis.facts.recipes import Recipe
from cs_analysis.stats.cox.fit import CoxFit, fit_cox
from cs_analysis.stats.estimates import check_conf_level, estimates, stack

USUAL = ("active_days_28", "usage_trend", "seat_share_28", "tickets_90", "slow_answers_90", "nps_score", "csat_score", "mrr_change_90")
_KEYS = ["account_id", "at"]


def churn_drivers(
    ds: Dataset,
    *,
    features: Iterable[str] | pd.DataFrame | None = None,
    recipe: Recipe | None = None,
    every: Period = "month",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """How many times as fast customers leave for one standard deviation more of each feature, together and one by one.

    Cox regression on the time since the account became a customer. Each customer is looked at on the last day of each period, and its features, as
    known then, stand until the next: nothing is used before it happened, so nobody is credited with what only those who stayed could do
    (immortal time). Yearly and other contracts have baseline hazards of their own, so that the jumps at renewals are no effect of anything. A
    missing value is read as the mean. What goes with leaving need not cause it: a feature can be the shadow of a decision already made.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`.
    features : list of str or DataFrame, optional
        Names of features of `health_features`, or a table of one's own (`account_id`, `at`, columns), which is checked as by `verify_features`. Default:
        those of usage, support, sentiment and contract change that the tables allow.
    recipe : callable, optional
        Makes the columns of one's own table from a dataset; see `verify_features`.
    every : {"week", "month", "quarter", "year"}
        How often features are looked at.
    conf_level : float
        Level of the limits, which hold with customers as clusters.

    Returns
    -------
    DataFrame
        Estimates with the key `feature`, `n` = ends. Metrics `churn_drivers` (hazard ratio for one standard deviation, the other features held, unit
        `ratio`), `hazard_ratio_alone` (without the others), `proportionality_p_value` (score test of whether the ratio stays the same over time, unit
        `share`, no limits; rows of a customer count as independent) and `known_share` (rows in which the feature was known, `n` = rows). A
        feature that never varies, or that alone tells those who leave from all others (a ratio of 0 or without limit), has missing estimates and is
        left out of the others' regression.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `health_features` and `verify_features`; features of which one follows from others.
    NotEnoughDataError
        No finished period with customers; nobody left after one; more features than ends.
    ConvergenceError
        A feature tells those who leave from all others.

    References
    ----------
    Cox (1972), Journal of the Royal Statistical Society B 34, 187-220. van Houwelingen and Putter (2012), Dynamic Prediction in Clinical Survival
    Analysis, chapters 5 and 7. Suissa (2008), American Journal of Epidemiology 167, 492-499, for immortal time.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=120, months=12)
    >>> cs.churn_drivers(ds, features=["active_days_28"])["metric"].tolist()
    ['churn_drivers', 'hazard_ratio_alone', 'proportionality_p_value', 'known_share']
    """
    level = check_conf_level(conf_level)
    rows, names = _rows(ds, features, recipe, every=every)
    alone = {name: found for name in names if (found := _alone(rows, name, conf_level=level)) is not None}
    if not alone:
        raise NotEnoughDataError(f"no feature varies among {len(rows)} rows of customers and could be told: {', '.join(names)}. Choose other features.")
    together = _fit(rows.assign(**{name: _in_deviations(rows[name]) for name in alone}), list(alone), conf_level=level)
    test = together.proportionality().set_index("term")["p_value"].reindex(names)
    keys, ends = {"feature": names}, int(rows["observed"].sum())
    return stack(
        [
            _ratios([together.hazard_ratios], names, metric="churn_drivers", ends=ends),
            _ratios(list(alone.values()), names, metric="hazard_ratio_alone", ends=ends),
            estimates(keys, metric="proportionality_p_value", unit="share", estimate=test, n=ends),
            estimates(keys, metric="known_share", unit="share", estimate=rows[names].notna().mean(), n=len(rows)),
        ]
    )


def _rows(ds: Dataset, features: Iterable[str] | pd.DataFrame | None, recipe: Recipe | None, *, every: Period) -> tuple[pd.DataFrame, list[str]]:
    """Return time at risk between dates with the features known at its beginning, and the names of the features."""
    dates = feature_dates(ds, snapshot_days(ds, every=every))
    chosen = [name for name in USUAL if name in available_features(ds)] if features is None else features
    known, _ = feature_rows(ds, dates=dates.days, features=chosen, recipe=recipe)
    names = [name for name in known.columns if name not in _KEYS]
    contracts, _ = feature_rows(ds, dates=dates.days, features=[name for name in ("yearly",) if name in available_features(ds)] or ["mrr"])
    strata = contracts[_KEYS].assign(contract=contracts["yearly"].fillna(-1) if "yearly" in contracts.columns else 0)
    rows = exposures(ds, dates).merge(known, on=_KEYS, how="left", validate="one_to_one").merge(strata, on=_KEYS, how="left", validate="one_to_one")
    if not rows["observed"].any():
        raise NotEnoughDataError(f"nobody left after the end of a finished {every}. Wait for ends, or look more often.")
    return rows, names


def _alone(rows: pd.DataFrame, name: str, *, conf_level: float) -> pd.DataFrame | None:
    """Return the hazard ratio of one feature without the others, if it can be told."""
    if not rows[name].std(ddof=0) > 0:
        return None
    try:
        return _fit(rows.assign(**{name: _in_deviations(rows[name])}), [name], conf_level=conf_level).hazard_ratios
    except (ConvergenceError, ParameterError):
        return None


def _fit(rows: pd.DataFrame, names: list[str], *, conf_level: float) -> CoxFit:
    return fit_cox(rows, names, strata="contract", cluster="account_id", conf_level=conf_level)


def _in_deviations(values: pd.Series) -> pd.Series:
    """Return values in standard deviations from their mean, which stands for what is missing."""
    return ((values - values.mean()) / values.std(ddof=0)).fillna(0.0)


def _ratios(tables: list[pd.DataFrame], names: list[str], *, metric: str, ends: int) -> pd.DataFrame:
    """Return the hazard ratios by feature, missing for one that never varies."""
    found = pd.concat(tables).set_index("term")[["estimate", "conf_low", "conf_high"]].reindex(names).astype(np.float64)
    return estimates({"feature": names}, metric=metric, unit="ratio", **found.to_dict("series"), n=ends)
