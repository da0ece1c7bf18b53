"""How long groups of customers stay, compared: mean time as a customer, its difference, a test of whole curves, and bands around them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.data.reading import Moment
from cs_analysis.errors import ParameterError
from cs_analysis.facts.groups import By, as_named, by_columns, group_columns
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.facts.sampling import Design, Sampling, sampled_spells
from cs_analysis.stats.bands import Method, survival_band
from cs_analysis.stats.comparison import logrank_test
from cs_analysis.stats.differences import Correction, with_p_values
from cs_analysis.stats.durations import spell_durations
from cs_analysis.stats.restricted_mean import restricted_mean_difference, restricted_mean_time


def customer_time(
    ds: Dataset,
    *,
    horizon: str | pd.Timedelta = "365d",
    by: By = None,
    conf_level: float = 0.95,
    observed_from: Moment | None = None,
    design: Design | None = None,
    started_from: Moment | None = None,
    started_until: Moment | None = None,
    policy: RevenuePolicy | str = "default",
) -> pd.DataFrame:
    """Mean days as a customer within the horizon after the start of the contract: the area under `customer_survival` up to there.

    Unlike the median it exists although most customers stay, and unlike a mean of the stays that are over it does not count the long ones out.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`.
    horizon : str or Timedelta
        How far to look, a fixed length of time.
    by : str or list of str, optional
        Columns of `accounts` to group by. They are as of the export: who changed the group since counts in the one they ended in.
    conf_level : float
        Level of the limits.
    observed_from, design, started_from, started_until, policy
        As for `customer_survival`.

    Returns
    -------
    DataFrame
        Estimates, one row a group. Metric `customer_time`, unit `days`, `n` = customers. All is missing for a group that has not been watched as long
        as the horizon, unless all of it has left; the limits are missing where nobody leaves within the horizon, or everybody at one time.
        In simulations the 95 % limits held the truth in 94 % of groups with 20 leavers, and in 89 % of those with 4.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        As for `customer_survival`; a horizon in calendar months.

    References
    ----------
    Irwin (1949), Journal of Hygiene 47, 188-189. Royston and Parmar (2011), Statistics in Medicine 30, 2409-2421.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.customer_time(ds, horizon="60d")[["metric", "unit"]].iloc[0].tolist()
    ['customer_time', 'days']
    """
    sampling = Sampling(design=design, observed_from=observed_from, started_from=started_from, started_until=started_until)
    waiting = spell_durations(sampled_spells(ds, sampling, by=by, policy=policy), unit="account_id", as_of=ds.as_of)
    found = restricted_mean_time(waiting, horizon=horizon, by=group_columns(by) or None, conf_level=conf_level)
    return as_named(found.assign(metric="customer_time"))


def customer_time_difference(
    ds: Dataset,
    *,
    by: str,
    horizon: str | pd.Timedelta = "365d",
    correction: Correction | None = None,
    conf_level: float = 0.95,
    observed_from: Moment | None = None,
    design: Design | None = None,
    started_from: Moment | None = None,
    started_until: Moment | None = None,
    policy: RevenuePolicy | str = "default",
) -> pd.DataFrame:
    """Mean days as a customer within the horizon of each group, minus that of all other customers; of two groups one row.

    A group is compared with the rest, never with a total that contains it. Groups are not randomised: it is a difference, not an effect.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`.
    by : str
        Column of `accounts` that makes the groups. It is as of the export: who changed the group since counts in the one they ended in.
    horizon : str or Timedelta
        How far to look, a fixed length of time.
    correction : {"holm", "benjamini_hochberg"}, optional
        Adds a row with the p value adjusted for the number of groups to each difference.
    conf_level : float
        Level of the limits, each of one comparison.
    observed_from, design, started_from, started_until, policy
        As for `customer_survival`.

    Returns
    -------
    DataFrame
        Estimates with the key `by`. Metric `customer_time_difference`, unit `days`, `n` = customers of the smaller side; missing where the mean of
        a side is. With a correction also `customer_time_adjusted_p_value`, unit `share`, without limits, and the key `comparisons`.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        As for `customer_time`; fewer than two groups; `by` is not one column; an unknown correction.

    References
    ----------
    Royston and Parmar (2011), Statistics in Medicine 30, 2409-2421. Holm (1979), Scandinavian Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=60, months=6)
    >>> cs.customer_time_difference(ds, by="segment", horizon="60d")["segment"].tolist()
    ['enterprise', 'mid-market', 'small']
    """
    if len(by_columns(by)) != 1:
        raise ParameterError(f"by must name one column, whose groups are compared, not {by!r}.")
    sampling = Sampling(design=design, observed_from=observed_from, started_from=started_from, started_until=started_until)
    waiting = spell_durations(sampled_spells(ds, sampling, by=by, policy=policy), unit="account_id", as_of=ds.as_of)
    found = restricted_mean_difference(waiting, group_columns(by)[0], horizon=horizon, conf_level=conf_level)
    named = found.assign(metric="customer_time_difference")
    return as_named(named if correction is None else with_p_values(named, correction=correction, conf_level=conf_level))


def churn_test(
    ds: Dataset,
    *,
    by: By,
    strata: By = None,
    observed_from: Moment | None = None,
    design: Design | None = None,
    started_from: Moment | None = None,
    started_until: Moment | None = None,
    policy: RevenuePolicy | str = "default",
) -> pd.DataFrame:
    """Log-rank test of whether the customers of all groups leave at the same rate at every age; with strata, within each stratum.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`.
    by : str or list of str
        Columns of `accounts` that make the groups. They are as of the export: who changed the group since counts in the one they ended in.
    strata : str or list of str, optional
        Columns of `accounts` within whose values the groups are compared, so that a different make-up of the groups does not count.
    observed_from, design, started_from, started_until, policy
        As for `customer_survival`.

    Returns
    -------
    DataFrame
        One row: `statistic` (chi-squared), `df` and `p_value`. A small p value says that the curves differ, not by how much: see `customer_time_difference`.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        As for `customer_survival`; no column in `by`, or one that is in `strata` too; at no end were customers of two groups at risk.

    References
    ----------
    Mantel (1966), Cancer Chemotherapy Reports 50, 163-170. Peto and Peto (1972), Journal of the Royal Statistical Society A 135, 185-207.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=60, months=6)
    >>> cs.churn_test(ds, by="segment").columns.tolist()
    ['statistic', 'df', 'p_value']
    """
    groups, layers = by_columns(by), by_columns(strata)
    if not groups or set(groups) & set(layers):
        raise ParameterError(f"by must name columns, and none of strata: by {groups}, strata {layers}.")
    sampling = Sampling(design=design, observed_from=observed_from, started_from=started_from, started_until=started_until)
    waiting = spell_durations(sampled_spells(ds, sampling, by=[*groups, *layers], policy=policy), unit="account_id", as_of=ds.as_of)
    return logrank_test(waiting, group_columns(groups), group_columns(layers) or None)


def customer_survival_band(
    ds: Dataset,
    *,
    by: By = None,
    method: Method = "hall_wellner",
    between: Sequence[float] | None = None,
    conf_level: float = 0.95,
    observed_from: Moment | None = None,
    design: Design | None = None,
    started_from: Moment | None = None,
    started_until: Moment | None = None,
    policy: RevenuePolicy | str = "default",
) -> pd.DataFrame:
    """Share of customers still customers by the days since their contract began, with limits that hold for the whole curve at once.

    The limits of `customer_survival` hold for one day chosen beforehand. Whoever looks for the day on which two curves part looks at all
    days, and needs a band.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`.
    by : str or list of str, optional
        Columns of `accounts` to group by, as of the export; the level holds for each group's curve, not for all of them together.
    method : {"hall_wellner", "equal_precision"}
        The shape of the band, see `survival_band`.
    between : sequence of float, optional
        First and last day of the stretch on which the band holds, chosen before looking at the curve.
    conf_level : float
        Level of the band.
    observed_from, design, started_from, started_until, policy
        As for `customer_survival`.

    Returns
    -------
    DataFrame
        Estimates with the key `time_days`, as from `customer_survival`: metric `survival`, unit `share`, `n` = customers at risk just before. The
        limits are missing outside the stretch, where the curve is 0, and while it is 1.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        As for `customer_survival`; an unknown method; `between` is no rising pair of days.

    References
    ----------
    Hall and Wellner (1980), Biometrika 67, 133-143. Nair (1984), Technometrics 26, 265-275.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=60, months=6)
    >>> cs.customer_survival_band(ds)["metric"].unique().tolist()
    ['survival']
    """
    sampling = Sampling(design=design, observed_from=observed_from, started_from=started_from, started_until=started_until)
    waiting = spell_durations(sampled_spells(ds, sampling, by=by, policy=policy), unit="account_id", as_of=ds.as_of)
    days = None if between is None else tuple(between)
    return as_named(survival_band(waiting, group_columns(by) or None, method=method, between=days, conf_level=conf_level))  # type: ignore[arg-type]
