"""How many customers will still be there at a horizon that the data do not reach."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.data.reading import Moment
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.lifetimes import first_spells
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.stats.durations import durations
from cs_analysis.stats.extrapolation import DEFAULT_FAMILIES, survival_extrapolation


def customer_survival_outlook(
    ds: Dataset,
    *,
    horizon: str | timedelta = "36mo",
    by: By = None,
    families: Sequence[str] = DEFAULT_FAMILIES,
    conf_level: float = 0.95,
    observed_from: Moment | None = None,
    policy: RevenuePolicy | str = "default",
) -> pd.DataFrame:
    """Share of customers still there at a horizon and mean time as a customer up to it, under each family of curves, and how far to trust it.

    `survival_extrapolation` of each account's first stretch as a customer (see `customer_survival`). Within the data the Kaplan-Meier row is the answer; beyond
    them the families are assumptions, and their spread is what nobody knows. Unlike `customer_lifetime_value`, which carries the
    Kaplan-Meier curve on with a family's hazard, each family's own curve is read from the start, so that the checks of fit are about what is shown.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`.
    horizon : str or Timedelta
        How far to look from the start of a customer, such as `"36mo"` (months of 30.4375 days) or `"365d"`.
    by : str or list of str, optional
        Columns of `accounts` to group by, as of the export.
    families : list of str
        Which families; see `survival_extrapolation`. Those ending in `_cure` level off above 0.
    conf_level : float
        Level of the limits.
    observed_from : date, str or Timestamp, optional
        First day from which leavers are on record; see `customer_survival`.
    policy : RevenuePolicy or str
        Which phases make an account a customer.

    Returns
    -------
    DataFrame
        Estimates with the keys `family`, `time_days` and `verdict` (`within the data`, `beyond the data`, `does not fit`, `not identified`, `not fitted`);
        `n` = customers. Metrics `projected_survival` and `projected_mean_time` with limits, missing beyond the Kaplan-Meier curve and where no family could be
        fitted; facts `projected_survival_spread`, `projected_mean_time_spread`, `survival_fit_aic`,
        `family_weight`, `survival_fit_p_value`, `survival_fit_gap`, `followed_until`, `horizon_beyond_data`.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError
        No `subscriptions`; an unknown column in `by`; nobody was ever a customer.
    ParameterError
        Horizon, families or level out of range; a snapshot without `observed_from`.

    Warns
    -----
    UserWarning
        The horizon lies beyond the data.

    References
    ----------
    Latimer (2013), Survival analysis for economic evaluations alongside clinical trials, Medical Decision Making 33, 743-754.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=40, months=8)
    >>> outlook = cs.customer_survival_outlook(ds, horizon="1mo", families=["weibull"])
    >>> outlook.loc[outlook["metric"] == "horizon_beyond_data", "estimate"].tolist()
    [0.0]
    """
    first = first_spells(ds, by=by, observed_from=observed_from, policy=policy)
    waiting = durations(first.drop(columns=["end_at", "ended_by"]), first[["account_id", "end_at", "ended_by"]], as_of=ds.as_of)
    groups = group_columns(by) or None
    return as_named(survival_extrapolation(waiting, groups, horizon=horizon, families=families, conf_level=conf_level))
