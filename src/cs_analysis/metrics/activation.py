"""What goes with activation: one group of accounts against the rest, and whether activated accounts stay.

Neither is an effect. Accounts are not given a service model, and do not activate, at random.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.activation import Actions, Need, activated_at, longest_days, reached_within, stays_after
from cs_analysis.facts.firsts import account_starts
from cs_analysis.facts.groups import By, as_named, by_columns, group_columns
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import Interval, difference
from cs_analysis.stats.stages import share_within
from cs_analysis.stats.standardised import standardised_difference
from cs_analysis.windows import fixed_days, parse_window

AS_IT_IS = "(nothing)"


def activation_difference(
    ds: Dataset,
    actions: Actions = None,
    *,
    need: Need = "any",
    between: str = "touch",
    adjust_for: By = "segment",
    within: str | pd.Timedelta = "14d",
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Activation of each group of accounts minus that of all others, as it is and with the make-up of both sides made equal.

    The adjusted difference is directly standardised: activation within each stratum of `adjust_for`, weighted by the accounts of both
    sides together. The groups are not randomised: accounts are given a service model because of what they are, and standardising removes
    the differences in the named columns and no others. It is a difference, not an effect.

    Parameters
    ----------
    ds : Dataset
        Needs `events`, and `accounts` with the columns named.
    actions, need
        As for `activation_rate`.
    between : str
        Column of `accounts` whose values are compared, each with all others; of two values the first with the second.
    adjust_for : str or list of str, optional
        Columns of `accounts` that make the strata; None: only the difference as it is.
    within
        As for `activation_rate`.
    by : str or list of str, optional
        Columns of `accounts` to group by.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys `between` and `adjusted_for` ("(nothing)", or the columns joined by commas), unit `share`. Metric
        `activation_difference`, `n` = accounts of the smaller side; limits recovered from both sides' (missing with the estimate where no
        stratum has both sides watched to the window's end). Metric `accounts_covered`: share of the accounts that lie in strata which both
        sides have, the others being left out; a fact without limits, `n` = accounts. Groups of `by` with a single value have no row.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        As for `activation_rate`; the column has one value only, or is one of `adjust_for` or `by` too.

    References
    ----------
    Zou and Donner (2008), Statistics in Medicine 27, 1693-1702. Keiding and Clayton (2014), Statistical Science 29, 529-558
    (standardisation).

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=200, months=6)
    >>> cs.activation_difference(ds)[["touch", "adjusted_for", "metric"]].head(2).to_dict("records")  # doctest: +NORMALIZE_WHITESPACE
    [{'touch': 'high', 'adjusted_for': '(nothing)', 'metric': 'activation_difference'},
     {'touch': 'high', 'adjusted_for': '(nothing)', 'metric': 'accounts_covered'}]
    """
    check_conf_level(conf_level)
    strata, keys = by_columns(adjust_for), by_columns(by)
    if between in (*keys, *strata):
        raise ParameterError(f"between must be another column than those in adjust_for and by, not {between!r}.")
    columns = list(dict.fromkeys([*keys, between, *strata]))
    window = parse_window(within, name="within")
    waits = reached_within(ds, activated_at(ds, actions, need=need), origins=account_starts(ds, by=columns), window=window)
    side, *layers = group_columns([between, *strata])
    horizon = pd.Timedelta(longest_days(window), "D")
    tables = []
    for shown, rows in _groups(waits, group_columns(by), side):
        for names, adjusted in [([], AS_IT_IS)] + ([(layers, ", ".join(strata))] if strata else []):
            found = standardised_difference(rows, side, strata=names, horizon=horizon, conf_level=conf_level)
            tables.append(pd.concat([shown.take([0] * len(found)).reset_index(drop=True), found], axis=1).assign(adjusted_for=adjusted))
    if not tables:
        raise NotEnoughDataError(f"a comparison needs two groups; in no group of {', '.join(keys)} has {between!r} two values. Choose another column.")
    table = stack(tables)
    table["metric"] = table["metric"].map({"standardised_difference": "activation_difference", "covered": "accounts_covered"})
    return as_named(table)


def _groups(waits: pd.DataFrame, keys: list[str], side: str) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Yield the key values and the rows of each group that has two values to compare; of a single group in any case."""
    if not keys:
        yield pd.DataFrame(index=range(1)), waits
        return
    for _, rows in waits.groupby(keys, sort=True, dropna=False):
        if len(rows[side].drop_duplicates()) > 1:
            yield rows[keys].head(1), rows


def landmark_retention(
    ds: Dataset,
    actions: Actions = None,
    *,
    need: Need = "any",
    landmark: str | pd.Timedelta = "14d",
    horizon: str | pd.Timedelta = "90d",
    by: By = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Share of the accounts still there at a landmark that are there a further time later, by whether they had been activated by then.

    The clock of both groups starts at the landmark, counted from the account's start. Whoever is activated later stays among the not
    activated, and whoever left before is in neither group. Comparing accounts "ever activated" with the others would credit activation
    with having stayed long enough to activate. Staying is one minus the Kaplan-Meier share of leavers; it is an association, not an effect.

    Parameters
    ----------
    ds : Dataset
        Needs `events` and `subscriptions`. There is an account in its first stretch of phases of any kind, trial, free plan and pause
        included; leaving is the end of that stretch.
    actions, need
        As for `activation_rate`.
    landmark : str or Timedelta
        When accounts are looked at, from their start; an action at that instant counts.
    horizon : str or Timedelta
        How much later, a fixed length of time.
    by : str or list of str, optional
        Columns of `accounts` to group by.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the key `activated` ("yes", "no"), unit `share`. Metric `landmark_retention`, Wilson limits on the effective number,
        `n` = accounts at the landmark; missing while nobody has been watched for the horizon after it. Metric
        `landmark_retention_difference`: yes minus no, in the row of "yes", `n` = the smaller group; only where both groups have accounts.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        No `events` or `subscriptions`; as for `activation_rate`; nobody there at the landmark; a horizon in calendar months.

    References
    ----------
    Anderson, Cain and Gelber (1983), Journal of Clinical Oncology 1, 710-719. Zou and Donner (2008), Statistics in Medicine 27, 1693-1702.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=100, months=12)
    >>> cs.landmark_retention(ds, "imported_data")[["activated", "metric"]].to_dict("records")  # doctest: +NORMALIZE_WHITESPACE
    [{'activated': 'no', 'metric': 'landmark_retention'}, {'activated': 'yes', 'metric': 'landmark_retention'},
     {'activated': 'yes', 'metric': 'landmark_retention_difference'}]
    """
    at = parse_window(landmark, name="landmark")
    fixed_days(horizon, name="horizon")
    stays = stays_after(ds, activated_at(ds, actions, need=need), landmark=at, by=by)
    keys = [*group_columns(by), "activated"]
    left = share_within(stays, keys, horizon=horizon, conf_level=conf_level)
    kept = left.assign(metric="landmark_retention", estimate=1 - left["estimate"], conf_low=1 - left["conf_high"], conf_high=1 - left["conf_low"])
    return as_named(stack([kept, _yes_minus_no(kept, keys)]))


def _yes_minus_no(kept: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the difference between the two rows of each group that has both."""
    groups = keys[:-1]
    yes, no = (kept[kept["activated"] == word].drop(columns=["activated", "metric", "unit"]) for word in ("yes", "no"))
    both = yes.merge(no, on=groups, suffixes=("_yes", "_no")) if groups else yes.merge(no, how="cross", suffixes=("_yes", "_no"))
    gap = difference(*(Interval(*(both[f"{name}_{word}"].to_numpy() for name in Interval._fields)) for word in ("yes", "no")))
    n = both[["n_yes", "n_no"]].min(axis=1)
    return estimates(both[groups].assign(activated="yes"), metric="landmark_retention_difference", unit="share", **gap._asdict(), n=n)
