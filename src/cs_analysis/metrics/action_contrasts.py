"""The figures that are quoted to show that an action worked, side by side and named for what they are: none of them shows it."""

from __future__ import annotations

from collections.abc import Iterator

import ibis
import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.facts.account_features import account_features
from cs_analysis.facts.action_days import local_days
from cs_analysis.facts.effect_outcomes import OUTCOMES, outcome_of
from cs_analysis.facts.feature_dates import feature_dates
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.experiments import share_ratio
from cs_analysis.stats.intervals import wilson

SHARES = tuple(name for name in OUTCOMES if name != "usage")


def action_contrasts(ds: Dataset, outcome: str | pd.DataFrame = "retention", *, actions: pd.DataFrame | None = None, conf_level: float = 0.95) -> pd.DataFrame:
    """Shares that are quoted of customers with an action and with an outcome, for each kind of action, none of which says what the action did.

    "80 % of the customers who stayed had seen the guide" is the share of the action among achievers, and no lift: say 1,000 customers, 900 of whom
    stayed, and 800 of whom saw the guide. If the guide does nothing at all, 720 of the 900 saw it, 80 %; but so did 80 of the 100 who left. Of those who
    saw it 90 % stayed, and of the others 90 % too: the lift is 1. The 80 % only say how many saw the guide. So `action_share_of_others` belongs beside
    `action_share_of_achievers`.

    A lift other than 1 does not say that the action worked either. Customers who stay longer have more time to take part, active ones take part more, and those
    in trouble are called more often: see `action_effect` for a comparison of customers alike, and `experiment_effect` for one in which chance decided.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`, and `actions` unless they are given.
    outcome : str or DataFrame
        "retention" (a customer at `as_of`), "renewal" (the first contract that came due was renewed), "expansion" (a higher price some day); or a table
        `account_id`, `reached_at`.
    actions : DataFrame, optional
        Table `account_id`, `acted_at`, and `kind` if there are several, in place of the dataset's. Of those only completed ones count where that is on record.
    conf_level : float
        Level of the limits, for which the accounts are a sample of such accounts.

    Returns
    -------
    DataFrame
        Estimates with the key `action`, all of them among accounts that have ever been customers; `n` = the accounts of the denominator.
        `action_share`: with the action, among all.
        `action_share_of_achievers`, `action_share_of_others`: with the action, among those with the outcome and without.
        `outcome_given_action_naive`, `outcome_without_action_naive`: with the outcome, among those with the action and without.
        `naive_lift`: the first of these two over the second, a ratio; missing where nobody without the action had the outcome.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `subscriptions`; no `actions`; there is no such outcome; a table lacks a column.
    NotEnoughDataError
        There has been no customer, or none of whom the outcome can be asked.

    References
    ----------
    Donner and Zou (2012), Statistical Methods in Medical Research 21, 347-359, for the limits of the ratio. Wilson (1927), Journal of the American Statistical
    Association 22, 209-212.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=60, months=14)
    >>> cs.action_contrasts(ds)["metric"].unique().tolist()[:3]
    ['action_share', 'action_share_of_achievers', 'action_share_of_others']
    """
    check_conf_level(conf_level)
    if isinstance(outcome, str) and outcome not in SHARES:
        raise ParameterError(f"outcome must be one of {', '.join(SHARES)}, or a table account_id, reached_at, not {outcome!r}.")
    rows = _customers(ds)
    found = outcome_of(ds, outcome, rows=rows, known=account_features(ds, feature_dates(ds), ["tenure_days"]))
    achieved = pd.Series(found.value[found.asked] > 0, index=rows.loc[found.asked, "account_id"])
    if achieved.empty:
        raise NotEnoughDataError("there is no customer of whom the outcome could be asked.")
    taken = _taken(ds, actions)
    kinds = sorted(taken["kind"].unique())
    parts = [part for kind in kinds for part in _told(kind, achieved, taken.loc[taken["kind"] == kind, "account_id"], conf_level=conf_level)]
    empty = estimates({"action": pd.Series(dtype="object")}, metric="action_share", unit="share", estimate=[], n=[])
    return stack(parts or [empty])


def _customers(ds: Dataset) -> pd.DataFrame:
    """Return all accounts that were ever customers, with the day before their first subscription and that of `as_of`."""
    sold = relation(ds, "subscriptions", "account_id", "started_at")
    first = sold.group_by("account_id").agg(started_at=sold.started_at.min())
    rows = engine_of(ds).run(first.order_by("account_id"))
    if rows.empty:
        raise NotEnoughDataError(f"nobody was a customer by {ds.as_of:%Y-%m-%d}.")
    day = local_days(ds, rows["started_at"]) - pd.Timedelta(1, "D")
    return pd.DataFrame({"account_id": rows["account_id"], "landmark": day, "end": pd.Timestamp(ds.as_of.date())})


def _taken(ds: Dataset, actions: pd.DataFrame | None) -> pd.DataFrame:
    """Return which accounts have had which kind of action by `as_of`: `account_id`, `kind`, each once."""
    if actions is None:
        table = relation(ds, "actions")
        done = table.filter(ibis.coalesce(table.completed, True))
        kinds = done.select("account_id", kind=ibis.coalesce(done.kind, done.action)).distinct()
        return engine_of(ds).run(kinds.order_by(["kind", "account_id"]))
    missing = [name for name in ("account_id", "acted_at") if name not in actions.columns]
    if missing:
        raise MissingColumnsError(missing, actions.columns, table="of actions")
    rows = actions if "kind" in actions.columns else actions.assign(kind="action")
    without = rows[["account_id", "acted_at", "kind"]].isna().any(axis=1).to_numpy()
    if without.any():
        raise ParameterError(f"every action needs an account_id, an acted_at and a kind; row {int(np.argmax(without))} lacks one, {int(without.sum())} in all.")
    known = local_days(ds, rows["acted_at"]) <= pd.Timestamp(ds.as_of.date())
    return rows.loc[known.to_numpy(), ["account_id", "kind"]].drop_duplicates()


def _told(kind: str, achieved: pd.Series, takers: pd.Series, *, conf_level: float) -> Iterator[pd.DataFrame]:
    """Yield the figures of one kind of action."""
    took, reached = achieved.index.isin(takers), achieved.to_numpy(bool)
    both, n = int((took & reached).sum()), len(reached)
    with_action, with_outcome = int(took.sum()), int(reached.sum())
    shares = {
        "action_share": (with_action, n),
        "action_share_of_achievers": (both, with_outcome),
        "action_share_of_others": (with_action - both, n - with_outcome),
        "outcome_given_action_naive": (both, with_action),
        "outcome_without_action_naive": (with_outcome - both, n - with_action),
    }
    for metric, (hits, of) in shares.items():
        yield estimates({"action": [kind]}, metric=metric, unit="share", **wilson(hits, of, conf_level=conf_level)._asdict(), n=of)
    lift = share_ratio(shares["outcome_given_action_naive"], shares["outcome_without_action_naive"], conf_level=conf_level)
    yield estimates({"action": [kind]}, metric="naive_lift", unit="ratio", **lift._asdict(), n=n)
