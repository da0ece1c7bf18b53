"""Features: who uses which, since when, which nobody uses, and which are used more or less than before."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset, cutoff, engine_of, relation
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.uses import known_events, offered_events
from cs_analysis.stats.cluster_ratios import clustered_rate_ratio, none_limit
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import Interval, wilson
from cs_analysis.windows import fixed_days


def feature_usage(
    ds: Dataset, *, offered: str | Sequence[str] | None = None, within: str | pd.Timedelta = "28d", by: By = None, conf_level: float = 0.95
) -> pd.DataFrame:
    """Share of active accounts and users that used each feature lately, its first use, and its trend.

    feature_usage: accounts that used the event in the last `within` / accounts with any event in it. feature_user_share: the same for users of
    accounts. days_since_first_use: from the first use ever seen to `as_of`. usage_trend: uses in the last `within` / uses in as long before.
    A feature on offer that nobody used is a row with 0 and an exact upper limit.

    Parameters
    ----------
    ds : Dataset
        Needs `events`.
    offered : str or list of str, optional
        Events that are features on offer, used or not; default: every event ever seen.
    within : str or Timedelta
        How far back from `as_of`, in days of 24 hours; shorter than "28d" the trend of a single feature is mostly noise.
    by : str or list of str, optional
        Columns of `events` or `accounts` to group by.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the key `event`. Metrics `feature_usage` (unit `share`, Wilson limits, `n` = active accounts), `feature_user_share` (unit
        `share`, limits with accounts as clusters, `n` = active users), `days_since_first_use` (unit `days`, a fact, missing if never used, `n` =
        accounts that ever used it) and `usage_trend` (unit `ratio`, limits with accounts as clusters, `n` = uses in both windows). The trend is
        missing without a use before, and where the earlier window reaches back before the group's first event; there are no clustered limits
        with a single account. On 2,000 groups of 30 and 60 accounts the 95 % limits of both shares held the truth in 93 to 96 %; those of the
        trend in 96 to 97 %, and in 98 to 99 % where users use a feature at most once a day, more regularly than chance, which is not rewarded.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `events`; an unknown column in `by`; `offered` is empty or names an event twice; a bare number or months as window.

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22, 209-212. Clopper and Pearson (1934), Biometrika 26, 404-413, where nobody used
    it. Korn and Graubard (1998), Survey Methodology 24, 193-201, for clusters.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.feature_usage(ds, offered=["commented", "never_built"]).query("metric == 'feature_usage'")["estimate"].round(2).tolist()
    [0.6, 0.0]
    """
    check_conf_level(conf_level)
    length, keys, names = pd.Timedelta(days=fixed_days(within, name="within")), group_columns(by), offered_events(ds, offered)
    events = known_events(ds, relation(ds, "events"), by=by)
    rows = engine_of(ds).stage(_recent(ds, events, length, keys=keys))
    cells = _cells(_first_uses(ds, events, keys), names, keys)
    shown = as_named(cells[[*keys, "event"]])
    age = (cutoff(ds) - cells["first"]) / pd.Timedelta(1, "D")
    trend, uses = _trend(ds, rows, cells, keys=keys, conf_level=conf_level)
    unseen = (cells["begins"] > cutoff(ds) - 2 * length).to_numpy()
    trend = Interval(*(np.where(unseen, np.nan, values) for values in trend))
    return stack(
        [
            *_shares(ds, rows, cells, keys=keys, conf_level=conf_level),
            estimates(shown, metric="days_since_first_use", unit="days", estimate=age, n=cells["accounts"]),
            estimates(shown, metric="usage_trend", unit="ratio", **trend._asdict(), n=uses),
        ]
    )


def _first_uses(ds: Dataset, events: ir.Table, keys: list[str]) -> pd.DataFrame:
    """Return the first use of each event by each group, and by how many accounts it was ever used."""
    firsts = events.group_by(*keys, "event").agg(first=events.event_at.min(), accounts=events.account_id.nunique())
    return engine_of(ds).run(firsts.order_by([*keys, "event"]))


def _recent(ds: Dataset, events: ir.Table, length: pd.Timedelta, *, keys: list[str]) -> ir.Table:
    """Return the events of the last two windows, narrow: `late` is 1 in the later one and 0 before."""
    middle, start = (ibis.timestamp((cutoff(ds) - windows * length).isoformat(sep=" ")) for windows in (1, 2))
    recent = events.filter(events.event_at >= start)
    return recent.select(*keys, "account_id", "user_id", "event", late=(recent.event_at >= middle).cast("int64"))


def _cells(first: pd.DataFrame, names: list[str], keys: list[str]) -> pd.DataFrame:
    """Return a row a group and feature with its number: `code`, `begins` (the group's first event), `first` use and `accounts` that ever used it."""
    if keys:
        groups = first.groupby(keys, dropna=False, sort=True)["first"].min().rename("begins").reset_index()
    else:
        groups = first[["first"]].min().to_frame().T.set_axis(["begins"], axis=1).dropna()
    crossed = groups.merge(pd.DataFrame({"event": pd.Series(names, dtype="object")}), how="cross")
    cells = crossed.merge(first, on=[*keys, "event"], how="left", validate="one_to_one")
    instants = cells[["begins", "first"]].astype("datetime64[us]")
    return cells.assign(code=np.arange(len(cells)), accounts=cells["accounts"].fillna(0), **instants)


def _shares(ds: Dataset, rows: ir.Table, cells: pd.DataFrame, *, keys: list[str], conf_level: float) -> list[pd.DataFrame]:
    """Return the shares of the accounts and of the users active in the later window that used each event."""
    late, engine = rows.filter(rows.late == 1), engine_of(ds)
    active = engine.run(late.group_by(*keys, "account_id").agg(active=late.user_id.nunique()).order_by([*keys, "account_id"]))
    used = engine.run(late.group_by(*keys, "event", "account_id").agg(users=late.user_id.nunique()).order_by([*keys, "event", "account_id"]))
    every = cells[[*keys, "event", "code"]]
    crossed = every.merge(active, on=keys) if keys else every.merge(active, how="cross")
    crossed = crossed.merge(used, on=[*keys, "event", "account_id"], how="left", validate="one_to_one").fillna({"users": 0})
    table = pd.concat([every.assign(active=0, users=0), crossed], ignore_index=True)  # so that a cell without an active account is there
    sums = table.assign(accounts=table["active"] > 0, used=table["users"] > 0).groupby("code")[["accounts", "used", "active", "users"]].sum()
    of_accounts = _exact_none(wilson(sums["used"], sums["accounts"], conf_level=conf_level), sums["accounts"], conf_level=conf_level)
    of_users = clustered_share(table["users"], table["active"], groups=table["code"], conf_level=conf_level)
    alike = sums["active"] ** 2 / (table["active"] ** 2).groupby(table["code"]).sum()
    of_users = _exact_none(of_users, alike, conf_level=conf_level)
    shown = as_named(cells[[*keys, "event"]])
    return [
        estimates(shown, metric="feature_usage", unit="share", **of_accounts._asdict(), n=sums["accounts"]),
        estimates(shown, metric="feature_user_share", unit="share", **of_users._asdict(), n=sums["active"]),
    ]


def _exact_none(share: Interval, n: pd.Series, *, conf_level: float) -> Interval:
    """Return the shares with the exact upper limit where they are 0; `n` is the number of units that can count as independent there."""
    nobody = np.asarray(share.estimate) == 0
    return Interval(share.estimate, np.where(nobody, 0.0, share.conf_low), np.where(nobody, none_limit(n, conf_level=conf_level), share.conf_high))


def _trend(ds: Dataset, rows: ir.Table, cells: pd.DataFrame, *, keys: list[str], conf_level: float) -> tuple[Interval, pd.Series]:
    """Return uses in the later window over uses in the earlier one, and the uses in both."""
    uses = rows.group_by(*keys, "event", "account_id").agg(late=rows.late.sum(), uses=rows.count())
    counted = engine_of(ds).run(uses.order_by([*keys, "event", "account_id"]))
    table = cells[[*keys, "event", "code"]].merge(counted, on=[*keys, "event"], how="left", validate="one_to_many").fillna({"late": 0, "uses": 0})
    ratio = clustered_rate_ratio(table["late"], table["uses"] - table["late"], groups=table["code"], conf_level=conf_level)
    return ratio, table.groupby("code")["uses"].sum()
