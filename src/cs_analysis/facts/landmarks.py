"""Trials made from records: at many dates, customers who then had an action beside those who then had none, with what was known before.

At each month's end begins a trial: those who are customers take part. Who has the action within the landmark is treated, who has not is compared; who had it
before takes no further part. Both must still be customers at the landmark, and what counts comes after it, so that nobody is treated by having lasted long
enough to be. What is compared was known at the trial's beginning, before the action.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.account_features import FEATURES, account_features, available_features
from cs_analysis.facts.action_days import Acted
from cs_analysis.facts.feature_dates import feature_dates
from cs_analysis.facts.kept import once

_USE = ("active_days_28", "usage_trend", "features_used_28", "key_uses_per_user_28")
USUAL_COVARIATES = (*_USE, "tickets_90", "nps_score", "tenure_days", "mrr", "days_to_renewal", "segment", "touch")
EARLIER = "active_days_28"
_BEFORE = 84  # days before a trial at which the negative control looks: the windows of the two do not touch
_SKEWED, _CURVED = ("mrr",), ("tenure_days",)  # taken as logarithms; as they are and as logarithms: use falls in the first weeks and then hardly
_KEYS = ["account_id", "at"]


@dataclass(frozen=True)
class Trials:
    """Rows of all trials together.

    Attributes
    ----------
    rows : DataFrame
        `account_id`, `at` (local day at whose end the trial begins), `landmark` and `end` (local days), `treated`.
    covariates : DataFrame
        One float column a covariate, beside `rows`; nothing is missing.
    earlier : Series
        The negative control: days of use in the four weeks that ended twelve weeks before the trial; missing for who was no customer then.
    """

    rows: pd.DataFrame
    covariates: pd.DataFrame
    earlier: pd.Series

    def of(self, chosen: pd.Series) -> Trials:
        """Return the trials of some of the rows."""
        kept = chosen.to_numpy(bool)
        parts = (self.rows[kept], self.covariates[kept], self.earlier[kept])
        return Trials(*(part.reset_index(drop=True) for part in parts))


def customer_trials(ds: Dataset, acted: Acted, *, landmark: int, horizon: int, adjust_for: Sequence[str] | None) -> tuple[Trials, pd.DataFrame]:
    """Return the trials of all months whose horizon is over, and the features at their ends.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`.
    acted : Acted
        The days of the action.
    landmark, horizon : int
        Days in which an action counts, and days after them until the outcome.
    adjust_for : list of str, optional
        Features and columns of `accounts` that are compared alike; default: those of `USUAL_COVARIATES` that the data have.

    Raises
    ------
    NotEnoughDataError
        No month's end has its horizon over, or nobody was a customer then.
    ParameterError
        A covariate is neither a feature nor a column of `accounts`.
    """
    dates = _trial_days(ds, landmark + horizon)
    names = _covariates(ds, adjust_for)
    listed = sorted({day + timedelta(shift) for day in dates for shift in (-_BEFORE, 0, landmark, landmark + horizon)})
    wanted = [name for name in names if name in FEATURES]
    used = [EARLIER] if EARLIER in available_features(ds) else []
    features = tuple(dict.fromkeys([*wanted, *used, "mrr"]))
    known = once(ds, (customer_trials, tuple(listed), features), lambda: account_features(ds, feature_dates(ds, listed), list(features)))
    there = known[known["at"].isin(pd.to_datetime(dates))]
    rows = there[_KEYS].assign(landmark=there["at"] + pd.Timedelta(landmark, "D"), end=there["at"] + pd.Timedelta(landmark + horizon, "D"))
    takes_part, treated = acted.treatment(rows, rows["at"])
    still = rows.set_index(["account_id", "landmark"]).index.isin(known.set_index(_KEYS).index)
    chosen = rows.assign(treated=treated)[takes_part & still].reset_index(drop=True)
    if chosen.empty:
        raise NotEnoughDataError("nobody was a customer at a month's end whose horizon is over. Take a shorter horizon, or look from a later moment.")
    return Trials(chosen, _columns(ds, chosen, known=known, names=names), _earlier(chosen, known)), known


def account_columns(ds: Dataset, accounts: pd.Series, names: Sequence[str]) -> pd.DataFrame:
    """Return columns of `accounts` for identifiers, in their order."""
    table = engine_of(ds).run(relation(ds, "accounts", *names).select("account_id", *names).order_by("account_id")).set_index("account_id")
    return table.reindex(accounts).reset_index(drop=True)


def filled(values: pd.DataFrame) -> pd.DataFrame:
    """Return columns without missing values: the mean in their place, with a column that says where, as far as both occur."""
    columns = {}
    for name, column in values.items():
        numbers = column.astype("float64")
        columns[str(name)] = numbers.fillna(numbers.mean() if numbers.notna().any() else 0.0)
        if numbers.isna().any() and numbers.notna().any():
            columns[f"{name} (missing)"] = numbers.isna().astype("float64")
    return pd.DataFrame(columns, index=values.index)


def dummies(values: pd.DataFrame) -> pd.DataFrame:
    """Return text columns as columns of 0 and 1, all values but the most frequent; number columns as they are."""
    parts = []
    for name, column in values.items():
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            parts.append(filled(column.to_frame(name)))
            continue
        text = column.astype("object").where(column.notna(), "(missing)").map(str)
        others = text.value_counts().sort_index(kind="stable").sort_values(ascending=False, kind="stable").index[1:]
        parts.append(pd.DataFrame({f"{name}: {value}": (text == value).astype("float64") for value in others}, index=values.index))
    return pd.concat(parts, axis=1) if parts else pd.DataFrame(index=values.index)


def _trial_days(ds: Dataset, length: int) -> list[date]:
    """Return the month ends at which a trial can begin: after the first month of customers, and early enough for its end to be known."""
    last = pd.Timestamp(ds.as_of.date()) - pd.Timedelta(length, "D")
    sold = relation(ds, "subscriptions")
    first = engine_of(ds).run(sold.agg(first=sold.started_at.min()).order_by("first"))["first"].iloc[0]
    days = [] if pd.isna(first) else [day.date() for day in pd.date_range(first.normalize(), last, freq="ME")]
    if not days:
        raise NotEnoughDataError(f"no month's end lies {length} days before {ds.as_of:%Y-%m-%d} or earlier, with customers. Take a shorter horizon.")
    return days


def _covariates(ds: Dataset, adjust_for: Sequence[str] | None) -> list[str]:
    known = {*available_features(ds), *ds.tables["accounts"].columns}
    if adjust_for is None:
        return [name for name in USUAL_COVARIATES if name in known]
    return named_columns(adjust_for, known, what="features (see health_features) or columns of accounts")


def named_columns(adjust_for: Sequence[str], known: Collection[str], *, what: str) -> list[str]:
    """Return the names of covariates, each once.

    Raises
    ------
    ParameterError
        One is none of the known ones, or tells accounts apart by itself.
    """
    names = [adjust_for] if isinstance(adjust_for, str) else list(dict.fromkeys(adjust_for))
    absent = [name for name in names if name not in known or name == "account_id"]
    if absent:
        raise ParameterError(f"adjust_for must name {what}; {', '.join(map(repr, absent))} is none.")
    return names


def _columns(ds: Dataset, rows: pd.DataFrame, *, known: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    own = rows[_KEYS].merge(known, on=_KEYS, how="left")
    features = [name for name in names if name in FEATURES]
    numbers = own[features].assign(**{name: np.log1p(own[name].clip(lower=0)) for name in _SKEWED if name in features})
    numbers = numbers.assign(**{f"{name} (log)": np.log1p(own[name].clip(lower=0)) for name in _CURVED if name in features})
    texts = account_columns(ds, rows["account_id"], [name for name in names if name not in FEATURES])
    month = (rows["at"] - rows["at"].min()).dt.days.rename("month")
    return pd.concat([filled(numbers), dummies(texts), month.astype("float64").reset_index(drop=True)], axis=1)


def _earlier(rows: pd.DataFrame, known: pd.DataFrame) -> pd.Series:
    if EARLIER not in known:
        return pd.Series(np.nan, index=rows.index)
    before = rows["at"] - pd.Timedelta(_BEFORE, "D")
    values = known.set_index(_KEYS)[EARLIER]
    return pd.Series(values.reindex(pd.MultiIndex.from_arrays([rows["account_id"], before])).to_numpy("float64"), index=rows.index)
