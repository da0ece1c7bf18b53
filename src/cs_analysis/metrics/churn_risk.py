"""Whom to call: customers by the money that may leave with them, why the model thinks so, and what changed since the last list."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.feature_dates import feature_dates
from cs_analysis.facts.feature_rows import feature_rows
from cs_analysis.facts.health_snapshots import due_between, health_snapshots, numbers, with_due
from cs_analysis.facts.outcomes import churn_outcomes, snapshot_days
from cs_analysis.facts.recipes import Recipe
from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.scores.logistic import RidgeLogistic, fit_ridge_logistic

REASONS = 3
_KEYS = ["account_id", "at"]


class Options(NamedTuple):
    """What the model is to be made from."""

    horizon: str | timedelta
    features: Iterable[str] | pd.DataFrame | None
    recipe: Recipe | None
    every: Period
    rng: int | np.random.Generator


class Scored(NamedTuple):
    """Customers at the last moment known, with their features, and the model made from earlier dates."""

    rows: pd.DataFrame
    model: RidgeLogistic


def churn_risk(
    ds: Dataset,
    *,
    horizon: str | timedelta = "90d",
    capacity: float = 0.1,
    previous: date | str | None = None,
    features: Iterable[str] | pd.DataFrame | None = None,
    recipe: Recipe | None = None,
    every: Period = "month",
    conf_level: float = 0.95,
    rng: int | np.random.Generator = 0,
) -> pd.DataFrame:
    """One row a customer, those with the most money at risk first: the chance to leave within the horizon, the reasons, and what changed.

    A logistic regression with a ridge penalty is fitted to the customers of each earlier period's end, with what was known of them then, and to whether
    they left within the horizon, for all dates whose horizon is over by `as_of`. Its log-odds are a sum, so the reasons are exact: `base_effect` (the
    average customer) and the effects of the features add up to the log-odds of the probability. Beside `days_to_renewal` the model goes by
    `renewal_due`: 1 if the next planned renewal lies within the horizon. The reasons say what the model goes by, not what
    causes anybody to leave. A missing value counts as the average and has no effect; `inputs_used` of `inputs` says how much was known. Customers
    who have given notice are not scored: they are known to leave, and come last.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`.
    horizon : str or Timedelta
        How far ahead.
    capacity : float or int
        How many can be called: a share of the customers, or with 1 or more a number. Those with the most money at risk are `selected`.
    previous : date or str, optional
        Day of the list to compare with; it is drawn up anew from what was known then. Default: the end of the last period before `as_of`.
    features : list of str or DataFrame, optional
        Names of features of `health_features` (default: all), or a table of one's own, checked as by `verify_features`.
    recipe : callable, optional
        Makes the columns of one's own table from a dataset.
    every : {"week", "month", "quarter", "year"}
        How far apart the dates are that the model learns from.
    conf_level : float
        Level of the limits, which hold the uncertainty of the model (with customers as clusters), not that of the outcome.
    rng : int or Generator
        Draws the folds by which the penalty is chosen.

    Returns
    -------
    DataFrame
        `rank`, `account_id`, `name` (if `accounts` has one), `selected`, `churn_probability` with `conf_low` and `conf_high`, `mrr` (a month, in
        the reporting currency), `money_at_risk` (probability times `mrr`), `currency`, `notice_given`; `reason_1` to `reason_3` (the features that
        raise the log-odds most, missing where fewer do), with `value_...` and `effect_...` of each; `other_effect`, `base_effect`; `inputs_used`,
        `inputs`; `probability_before` (missing for who was not on the list), `change`, `change_reason` (the feature whose effect moved the log-odds
        most in the direction of the change), `change_effect`, and `model_effect`, the part of the change in log-odds that the newer model makes.
        Write it with `write_list`, which is safe to open in a spreadsheet.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `health_features` and `verify_features`; a capacity out of range; a `previous` that is not over.
    NotEnoughDataError
        There is no customer; fewer than 5 left, or stayed, within horizons that are over.

    References
    ----------
    Le Cessie and van Houwelingen (1992), Applied Statistics 41, 191-201. van Houwelingen and Putter (2012), Dynamic Prediction in Clinical Survival
    Analysis, chapter 7, for fitting at several dates.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=150, months=12)
    >>> risk = cs.churn_risk(ds, features=["active_days_28", "mrr"])
    >>> bool(risk.loc[~risk["notice_given"], "money_at_risk"].is_monotonic_decreasing)
    True
    """
    level, options = check_conf_level(conf_level), Options(horizon, features, recipe, every, rng)
    _check_capacity(capacity)
    now = _scored(ds, options)
    table = _listed(ds, now, conf_level=level)
    changed = _changed(ds, now, _day_before(ds, previous, every), options=options)
    ranked = _ranked(table.merge(changed, on="account_id", how="left", validate="one_to_one"), capacity)
    return ranked.astype({"selected": bool, "notice_given": bool})


def _scored(ds: Dataset, options: Options) -> Scored:
    """Return the customers at the dataset's last moment with their features, and the model that the dates before it make."""
    features, recipe = options.features, options.recipe
    try:
        past = health_snapshots(ds, horizon=options.horizon, gap=None, every=options.every, features=features, recipe=recipe).usable()
        model = fit_ridge_logistic(past.features[past.names], past.outcomes["churned"].astype(bool), clusters=past.outcomes["account_id"], rng=options.rng)
    except NotEnoughDataError as error:
        raise NotEnoughDataError(f"the chance to leave within {options.horizon} cannot be told by {ds.as_of:%Y-%m-%d}: {error}") from error
    known, _ = feature_rows(ds, dates=None, features=features, recipe=recipe)
    outcomes = churn_outcomes(ds, dates=None, horizon=options.horizon)[[*_KEYS, "notice_given", "mrr"]].rename(columns={"mrr": "paid"})
    shown = with_due(numbers(known), due_between(options.horizon, None))
    return Scored(outcomes.merge(shown, on=_KEYS, how="inner", validate="one_to_one"), model)


def _listed(ds: Dataset, now: Scored, *, conf_level: float) -> pd.DataFrame:
    """Return probabilities, money and reasons of the customers; of those who have given notice only who they are."""
    rows, model = now.rows.reset_index(drop=True), now.model
    if rows.empty:
        raise NotEnoughDataError(f"nobody is a customer at {ds.as_of:%Y-%m-%d}, so there is nobody to list.")
    names = list(model.features)
    estimate, low, high = model.probability(rows, conf_level=conf_level)
    table = rows[["account_id", "notice_given"]].assign(churn_probability=estimate, conf_low=low, conf_high=high, mrr=rows["paid"])
    table = table.assign(money_at_risk=estimate * rows["paid"], currency=ds.currency)
    table = table.join(_reasons(rows[names], model)).assign(inputs_used=rows[names].notna().sum(axis=1), inputs=len(names))
    accounts = ds.tables["accounts"]
    if "name" in accounts.columns:
        table = table.merge(accounts.to_pandas(["account_id", "name"]), on="account_id", how="left", validate="one_to_one")
    known = [name for name in table.columns if name not in ("account_id", "name", "notice_given", "mrr", "currency", "inputs", "inputs_used")]
    return table.assign(**{name: table[name].mask(table["notice_given"]) for name in known})


def _reasons(x: pd.DataFrame, model: RidgeLogistic) -> pd.DataFrame:
    """Return the features that raise the log-odds most, their values and effects, what the others add, and the base."""
    parts = model.contributions(x).to_numpy()
    order = np.argsort(-parts, axis=1, kind="stable")[:, :REASONS]
    names, values = np.asarray(model.features, dtype="object"), x.to_numpy("float64")
    table, rest = {}, parts.sum(axis=1)
    for place in range(order.shape[1]):
        column = order[:, place]
        effect = np.take_along_axis(parts, column[:, None], axis=1)[:, 0]
        raises = effect > 0
        table[f"reason_{place + 1}"] = _only_where(raises, names[column])
        table[f"value_{place + 1}"] = np.where(raises, np.take_along_axis(values, column[:, None], axis=1)[:, 0], np.nan)
        table[f"effect_{place + 1}"] = np.where(raises, effect, np.nan)
        rest = rest - np.where(raises, effect, 0.0)
    return pd.DataFrame({**table, "other_effect": rest, "base_effect": model.intercept}, index=x.index)


def _only_where(flags: npt.NDArray[np.bool_], values: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    return np.asarray([value if flag else None for flag, value in zip(flags, values, strict=True)], dtype="object")


def _changed(ds: Dataset, now: Scored, day: date | None, *, options: Options) -> pd.DataFrame:
    """Return what changed since the list of an earlier day: missing where there was none, or none could be drawn up."""
    names = ["probability_before", "change", "change_reason", "change_effect", "model_effect"]
    try:
        before = None if day is None else _scored(ds.at(day), options)
    except NotEnoughDataError:
        before = None
    if before is None:
        return pd.DataFrame(columns=["account_id", *names]).astype({"account_id": "object", **dict.fromkeys(names, "float64"), "change_reason": "object"})
    both = now.rows.merge(before.rows[~before.rows["notice_given"]], on="account_id", suffixes=("", " before"))
    features = list(now.model.features)
    then = both[[f"{name} before" for name in features]].set_axis(features, axis=1)
    moved = (now.model.contributions(both[features]) - now.model.contributions(then)).to_numpy()
    odds_before = before.model.log_odds(then)
    change = now.model.log_odds(both[features]) - odds_before
    toward = np.where(change[:, None] >= 0, moved, -moved)
    most = np.argmax(toward, axis=1)
    given = np.take_along_axis(moved, most[:, None], axis=1)[:, 0]
    helped = np.take_along_axis(toward, most[:, None], axis=1)[:, 0] > 0
    chance = before.model.probability(then)[0]
    return pd.DataFrame(
        {
            "account_id": both["account_id"],
            "probability_before": chance,
            "change": now.model.probability(both[features])[0] - chance,
            "change_reason": _only_where(helped, np.asarray(features, dtype="object")[most]),
            "change_effect": np.where(helped, given, np.nan),
            "model_effect": change - moved.sum(axis=1),
        }
    )


def _day_before(ds: Dataset, previous: date | str | None, every: Period) -> date | None:
    """Return the day of the list to compare with; none where there is no earlier period."""
    if previous is not None:
        named = feature_dates(ds, previous).days[0]
        if named >= ds.as_of.date():
            raise ParameterError(f"previous must be a day before as_of {ds.as_of:%Y-%m-%d}, not {previous}.")
        return named
    earlier = [day for day in snapshot_days(ds, every=every) if day < ds.as_of.date()]
    return earlier[-1] if earlier else None


def _ranked(table: pd.DataFrame, capacity: float) -> pd.DataFrame:
    """Return the list in order, with ranks and who is to be called."""
    order = ["notice_given", "money_at_risk", "churn_probability", "account_id"]
    ranked = table.sort_values(order, ascending=[True, False, False, True], ignore_index=True)
    scored = int((~ranked["notice_given"]).sum())
    most = int(capacity) if capacity >= 1 else int(np.ceil(capacity * scored))
    rank = np.arange(1, len(ranked) + 1)
    chosen = (rank <= min(most, scored)) & (ranked["money_at_risk"] > 0).to_numpy()
    leading = ["account_id", *(["name"] if "name" in ranked.columns else [])]
    ranked = ranked.assign(rank=pd.Series(rank, dtype="Int64").mask(rank > scored), selected=chosen)
    head = ["rank", *leading, "selected", "churn_probability", "conf_low", "conf_high", "mrr", "money_at_risk", "currency", "notice_given"]
    return ranked[[*head, *(name for name in ranked.columns if name not in head)]]


def _check_capacity(capacity: float) -> None:
    whole = isinstance(capacity, int | float) and not isinstance(capacity, bool) and (0 < capacity < 1 or (capacity >= 1 and capacity == int(capacity)))
    if not whole:
        raise ParameterError(f"capacity must be a share of the customers between 0 and 1, or a whole number of them, not {capacity!r}.")
