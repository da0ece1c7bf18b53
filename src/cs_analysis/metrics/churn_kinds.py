"""How customers leave: the share that has ended in each way by the days since their contract began."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.data.reading import Moment
from cs_analysis.facts.ends import with_kinds_of_end
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.facts.sampling import Design, Sampling, sampled_spells
from cs_analysis.stats.competing import cumulative_incidence
from cs_analysis.stats.durations import spell_durations
from cs_analysis.stats.estimates import COLUMNS, estimates, stack
from cs_analysis.stats.survival import survival_at, survival_curve

STILL = "(still a customer)"


def churn_by_kind(
    ds: Dataset,
    *,
    by: By = None,
    conf_level: float = 0.95,
    at_days: Sequence[float] | None = None,
    observed_from: Moment | None = None,
    design: Design | None = None,
    started_from: Moment | None = None,
    started_until: Moment | None = None,
    policy: RevenuePolicy | str = "default",
) -> pd.DataFrame:
    """Share of customers that has left in each way by the days since their contract began, each way ruling out the others (Aalen-Johansen).

    The way is `end_reason` of the phase that ended last. Where it is missing it is read from what the account goes on with within a day: a free plan is a
    "downgrade", a pause a "pause", an overdue payment "payment" (where the policy makes no customers of them), anything else "(unknown)". The shares of
    all ways and of those still customers add up to 1. The naive figure, one minus Kaplan-Meier with the other ways censored, answers what would be if nobody
    left otherwise; the naive figures add up to more than have left.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`.
    by : str or list of str, optional
        Columns of `accounts` to group by, as of the export: who changed the group since counts in the one they ended in.
    conf_level : float
        Level of the limits.
    at_days : sequence of float, optional
        Only these days instead of every day on which somebody leaves.
    observed_from, design, started_from, started_until, policy
        As for `customer_survival`.

    Returns
    -------
    DataFrame
        Estimates with the keys `ended_by` and `time_days`, unit `share`, `n` = customers at risk just before. Metric `churn_by_kind`, one row
        a way that occurs in the group, limits from the delta method on the scale log(-log) (missing before the first end of that way). Metric
        `survival` (`ended_by` "(still a customer)"), as `customer_survival`. Metric `churn_by_kind_naive`, without limits. All is missing beyond
        the longest follow-up.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        As for `customer_survival`.

    References
    ----------
    Aalen and Johansen (1978), Scandinavian Journal of Statistics 5, 141-150. Gooley, Leisenring, Crowley and Storer (1999), Statistics in Medicine
    18, 695-706 (why one minus Kaplan-Meier is too high).

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=60, months=8)
    >>> table = cs.churn_by_kind(ds, at_days=[100])
    >>> float(table.loc[table["metric"] != "churn_by_kind_naive", "estimate"].sum().round(12))
    1.0
    """
    sampling = Sampling(design=design, observed_from=observed_from, started_from=started_from, started_until=started_until)
    spells = with_kinds_of_end(ds, sampled_spells(ds, sampling, by=by, policy=policy))
    waiting, keys = spell_durations(spells, unit="account_id", as_of=ds.as_of), group_columns(by)
    stays = survival_at(waiting, keys, at_days=at_days, conf_level=conf_level) if at_days is not None else survival_curve(waiting, keys, conf_level=conf_level)
    parts = [_at(cumulative_incidence(waiting, keys, conf_level=conf_level), stays, keys).assign(metric="churn_by_kind")]
    naive = [_alone(waiting, keys, kind) for kind in sorted(waiting["ended_by"].dropna().unique())]
    if naive:
        parts.append(_at(pd.concat(naive, ignore_index=True), stays, keys).assign(metric="churn_by_kind_naive"))
    table = stack([*parts, stays.assign(ended_by=STILL)])
    return as_named(table[[*keys, "ended_by", "time_days", *COLUMNS]])


def _alone(waiting: pd.DataFrame, keys: list[str], kind: str) -> pd.DataFrame:
    """Return one minus Kaplan-Meier of one way, at its own days, with the other ways censored; in the groups in which it occurs."""
    own = waiting["ended_by"] == kind
    curve = survival_curve(waiting.assign(observed=own, ended_by=None), keys)
    naive = curve.assign(ended_by=kind, estimate=1 - curve["estimate"], conf_low=np.nan, conf_high=np.nan)
    return naive[naive["estimate"] > 0]


def _at(curves: pd.DataFrame, stays: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return curves that rise in steps at the days of another table, each way in its groups, 0 before its first end; missing where that table is."""
    ways = curves[[*keys, "ended_by"]].drop_duplicates()
    times = stays[[*keys, "time_days", "estimate", "n"]].rename(columns={"estimate": "staying"})
    grid = times.merge(ways, on=keys) if keys else times.merge(ways, how="cross")
    steps = curves[[*keys, "ended_by", "time_days", "estimate", "conf_low", "conf_high"]].sort_values("time_days", kind="stable")
    found = pd.merge_asof(grid.sort_values("time_days", kind="stable"), steps, on="time_days", by=[*keys, "ended_by"])
    found["estimate"] = found["estimate"].fillna(0.0)
    found.loc[found["staying"].isna(), ["estimate", "conf_low", "conf_high"]] = np.nan
    found = found.sort_values([*keys, "ended_by", "time_days"], kind="stable", ignore_index=True)
    values = {name: found[name] for name in ("estimate", "conf_low", "conf_high", "n")}
    return estimates(found[[*keys, "ended_by", "time_days"]], metric="churn_by_kind", unit="share", **values)
