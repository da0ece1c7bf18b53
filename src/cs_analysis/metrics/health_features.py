"""What was known of each customer at a date, as columns of numbers, and the proof that nothing later is in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.facts.account_features import account_features, feature_names
from cs_analysis.facts.feature_check import verdicts_of
from cs_analysis.facts.feature_dates import feature_dates
from cs_analysis.facts.feature_rows import dated_table, refuse
from cs_analysis.facts.recipes import Recipe


def health_features(ds: Dataset, *, at: Any = None, features: Iterable[str] | None = None) -> pd.DataFrame:
    """One row a customer and date, with what was known of it at the end of that date.

    A row is an account with a phase that counts (default `RevenuePolicy`) at the date. What happened, was answered, resolved, ended or recorded later
    moves nothing: the table is that of `ds.at(date)`, for all dates at once. Windows are local days, the date's own among them.

    * frequency: `active_days_28`, days of the last 28 with an event; `usage_trend`, log((events of the last 28 days + 1) / (events of the 28 days
      before + 1)), missing for accounts younger than that; `days_since_use`, days since the last event, at most 90, missing for whom none is on record.
    * breadth: `active_users_28`, users with an event; `seat_share_28`, these per seat of the phases in force; `features_used_28`, different events.
    * depth: `key_uses_per_user_28`, events per active user.
    * support: `tickets_90`, cases opened in 90 days; `open_tickets`, not resolved, or opened again since; `slow_answers_90`, the share of the cases of
      90 days not answered within 24 hours, of those for which these are over.
    * sentiment, within 180 days: `nps_score` of the last answer; `nps_answered`, 1 for whom answered, 0 for whom was asked and has not, missing for
      whom was not asked; `csat_score`, mean of the answers, 0 (worst) to 1 (best).
    * contract: `tenure_days` since the account became a customer without a break; `mrr` in the reporting currency; `mrr_change_90`, the change
      from 90 days before as a share of the larger of the two amounts (-0.5 halved, 0.5 doubled), both at the date's exchange rate, missing for whom
      was no customer then; `yearly` and `past_due` (0 or 1); `days_to_renewal`, to the next planned one.

    Counts are missing, not 0, where their window begins before the first event on record. Columns of `accounts` (plan, seats, csm) are as of the export
    and no features.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`. A feature whose table or column is absent is left out.
    at : str, date or list of them, optional
        Days; a day means its end in the calendar's zone, that of `as_of` means `as_of`. Default: that one.
    features : list of str, optional
        Names of features, in the order of the columns; default: all that the tables allow.

    Returns
    -------
    DataFrame
        `account_id`, `at` (the local day, without zone) and one float column a feature, by date and account.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `subscriptions`, or not what a named feature is made from; an unknown feature; a date that is no day or after `as_of`.

    References
    ----------
    Kaufman, Rosset, Perlich and Stitelman (2012), ACM Transactions on Knowledge Discovery from Data 6(4), 15, for leakage.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> list(cs.health_features(ds, at="2026-09-30", features=["active_days_28", "mrr"]).columns)
    ['account_id', 'at', 'active_days_28', 'mrr']
    """
    names = feature_names(ds, features)
    return account_features(ds, feature_dates(ds, at), names)


def verify_features(ds: Dataset, table: pd.DataFrame, *, recipe: Recipe | None = None) -> pd.DataFrame:
    """A verdict on each column of a table of features: whether its values are those that were known at their dates.

    Columns that bear the name of one of `health_features` are made again for all dates; those that `recipe` makes for at most 12 dates, spread
    evenly, the first and the last among them, from the dataset as of each date. A value that differs has moved: it holds something that was recorded later, or
    it is made in another way. Numbers are compared to nine digits.

    What a recipe holds on to beside the dataset it is given would let it look ahead. Another dataset is therefore shown to it as of the date too; what
    rests on a table, or on anything but a plain function, cannot be verified. Plan, manager and seats of `accounts`, which are as of the export, are missing
    when a recipe is asked about earlier dates.

    Parameters
    ----------
    ds : Dataset
        The tables from which the features were made; needs `subscriptions`.
    table : DataFrame
        `account_id`, `at` (the local day) and columns. Without `at` nothing can be verified.
    recipe : function, optional
        Takes a dataset, returns a table of `account_id` and columns, as of the dataset's `as_of`.

    Returns
    -------
    DataFrame
        One row a column: `feature`; `verdict` ("dated", "moved", "not verifiable"); `checked_dates` (the days, as text), `checked_rows`, `moved_rows`; of the
        first value that moved `first_account`, `first_at`, `given` and `known_then`.

    Raises
    ------
    ParameterError, MissingColumnsError, MissingTableError
        Rows that are there twice, of unknown accounts or after `as_of`; no `account_id` or no column; no `subscriptions`; a recipe that returns no such
        table, or accounts that were not known then.

    References
    ----------
    Kaufman, Rosset, Perlich and Stitelman (2012), ACM Transactions on Knowledge Discovery from Data 6(4), 15.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> table = cs.health_features(ds, at=["2026-08-31", "2026-09-30"], features=["open_tickets"])
    >>> cs.verify_features(ds, table.assign(notes=1))[["feature", "verdict"]].to_dict("list")
    {'feature': ['open_tickets', 'notes'], 'verdict': ['dated', 'not verifiable']}
    """
    clean, faults = dated_table(ds, table)
    refuse(faults)
    return verdicts_of(ds, clean, recipe=recipe)
