"""What is known of all accounts, gathered once: a page of one account is then a matter of looking it up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cs_analysis.data.contract import TABLES
from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.errors import ConvergenceError, MissingColumnsError, MissingTableError, NotEnoughDataError
from cs_analysis.facts.account_activity import feature_uses, week_starts, weekly_users
from cs_analysis.facts.groups import MISSING_GROUP
from cs_analysis.metrics.churn_risk import churn_risk
from cs_analysis.metrics.health_features import health_features
from cs_analysis.metrics.health_score import health_bands, health_score_parts

WEEKS = 26
_COMMON = 0.5
_UNKNOWN = (MissingTableError, MissingColumnsError, NotEnoughDataError, ConvergenceError)
_TABLES = ("tickets", "goals", "actions", "responses")


@dataclass(frozen=True)
class Book:
    """All accounts at one moment.

    Attributes
    ----------
    now : Timestamp
        The first instant that is not known any more, in the calendar's zone.
    accounts : DataFrame
        `accounts`, by account, with `mrr` (missing: no customer now).
    weeks : list of Timestamp
        First days of the weeks of `users`, the latest first.
    users : DataFrame
        Account x week (0 the latest): different users; empty without `events`.
    peers : DataFrame
        Peer group x week: the mean number of users of the customers of the group.
    uses : DataFrame
        `account_id`, `event`, `first_used_at`, `uses` in the last 28 days.
    common : DataFrame
        `peers`, `event`, `share`: of the customers of each peer group that have ever used a feature.
    features, bands, parts, risk : DataFrame
        The features of health now; score and band at the end of the last two months; the parts of the score now; chance to leave. By account; empty where
        the data do not bear them.
    rows : mapping
        `tickets`, `goals`, `actions` and `responses` by account.
    """

    now: pd.Timestamp
    accounts: pd.DataFrame
    weeks: list[pd.Timestamp]
    users: pd.DataFrame
    peers: pd.DataFrame
    uses: pd.DataFrame
    common: pd.DataFrame
    features: pd.DataFrame
    bands: pd.DataFrame
    parts: pd.DataFrame
    risk: pd.DataFrame
    rows: Mapping[str, Mapping[str, pd.DataFrame]]
    currency: str | None

    def of(self, table: str, account: str) -> pd.DataFrame:
        """Return the rows of a table that are the account's; none where there is no such table."""
        return self.rows.get(table, {}).get(account, pd.DataFrame())


def gathered(ds: Dataset, *, weights: str = "gainsight", peers: str = "segment", horizon: str = "90d") -> Book:
    """Return the book of a dataset; what it has no tables for stays empty.

    Parameters
    ----------
    ds : Dataset
        Any.
    weights : str
        Rules of the health score, as for `health_score`.
    peers : str
        Column of `accounts` whose groups are compared with each other; all customers together where there is no such column.
    horizon : str
        How far ahead the chance to leave looks.
    """
    users = _known(lambda: _by_week(weekly_users(ds, weeks=WEEKS)), pd.DataFrame(columns=range(WEEKS), dtype="float64"))
    uses = _known(lambda: feature_uses(ds), pd.DataFrame(columns=["account_id", "event", "first_used_at", "uses"]))
    today = pd.Timestamp(ds.as_of.date())
    features = _known(lambda: health_features(ds, at=[today.replace(day=1) - pd.Timedelta(1, "D"), today]), pd.DataFrame())
    accounts = _profiles(ds, _last(features), peers=peers)
    return Book(
        now=ds.as_of + pd.Timedelta(1, "us"),
        accounts=accounts,
        weeks=week_starts(ds, weeks=WEEKS),
        users=users,
        peers=_peers(users, accounts),
        uses=uses,
        common=_common(uses, accounts),
        features=_last(features),
        bands=_known(lambda: health_bands(features, weights=weights), pd.DataFrame()),
        parts=_known(lambda: health_score_parts(_last(features).reset_index(), weights=weights), pd.DataFrame()),
        risk=_known(lambda: churn_risk(ds, horizon=horizon).set_index("account_id"), pd.DataFrame()),
        rows={name: _by_account(ds, name) for name in _TABLES if name in ds.tables},
        currency=ds.currency,
    )


def _known(make: Callable[[], pd.DataFrame], otherwise: pd.DataFrame) -> pd.DataFrame:
    """Return a table, or an empty one where the data do not bear it."""
    try:
        return make()
    except _UNKNOWN:
        return otherwise


def _profiles(ds: Dataset, features: pd.DataFrame, *, peers: str) -> pd.DataFrame:
    accounts = ds.tables["accounts"].to_pandas().set_index("account_id").sort_index()
    mrr = features["mrr"].reindex(accounts.index) if "mrr" in features else np.nan
    return accounts.assign(mrr=mrr, peers=accounts[peers].astype("object").fillna(MISSING_GROUP) if peers in accounts else "")


def _by_week(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.pivot_table(index="account_id", columns="week", values="users").reindex(columns=range(WEEKS)).fillna(0.0)


def _customers(accounts: pd.DataFrame) -> pd.DataFrame:
    """Return the accounts that pay now; all of them where nobody is known to."""
    paying = accounts[accounts["mrr"].notna()]
    return paying if len(paying) else accounts


def _peers(users: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Return the mean number of users of the customers of each group, by week; who did not use anything counts with none."""
    customers = _customers(accounts)
    return users.reindex(customers.index).fillna(0.0).groupby(customers["peers"], dropna=False).mean()


def _common(uses: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    customers = _customers(accounts)
    known = uses.merge(customers[["peers"]], left_on="account_id", right_index=True)
    counted = known.groupby(["peers", "event"], dropna=False).size().rename("accounts").reset_index()
    size = customers.groupby("peers", dropna=False).size()
    shares = counted.assign(share=counted["accounts"] / counted["peers"].map(size))
    return shares[shares["share"] >= _COMMON].sort_values("share", ascending=False, kind="stable", ignore_index=True)


def _last(features: pd.DataFrame) -> pd.DataFrame:
    """Return the features at the last date, by account."""
    return features if features.empty else features[features["at"] == features["at"].max()].set_index("account_id")


def _by_account(ds: Dataset, table: str) -> dict[str, pd.DataFrame]:
    """Return the rows of each account in order of time, every column of the contract there, instants in the calendar's zone."""
    dated = relation(ds, table)
    rows = engine_of(ds).run(dated.order_by(list(dict.fromkeys([TABLES[table].dated_by, *dated.columns]))))
    for name in rows.select_dtypes("datetime").columns:
        rows[name] = rows[name].dt.tz_localize("UTC").dt.tz_convert(ds.calendar.zone)
    return {str(account): own.reset_index(drop=True) for account, own in rows.groupby("account_id", sort=False)}
