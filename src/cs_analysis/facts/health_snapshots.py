"""Customers at the ends of calendar periods: what was known of them then, and what became of them after a gap."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.data.calendar import Period
from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.account_features import available_features
from cs_analysis.facts.feature_dates import feature_dates
from cs_analysis.facts.feature_rows import feature_rows
from cs_analysis.facts.health_bands import bands_with_memory
from cs_analysis.facts.health_rules import Rules, read_rules
from cs_analysis.facts.outcomes import churn_outcomes, outcome_windows, snapshot_days
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.facts.recipes import Recipe
from cs_analysis.windows import Window, parse_window

Integers = npt.NDArray[np.int64]

DUE = "renewal_due"
_KEYS = ["account_id", "at"]
_MONTH = 365.25 / 12


@dataclass(frozen=True, eq=False)
class HealthSnapshots:
    """One row a customer and date, in two tables with the same rows.

    Attributes
    ----------
    outcomes : DataFrame
        As of `churn_outcomes`.
    features : DataFrame
        `account_id`, `at` and one float column a feature, as known at the date.
    verdicts : DataFrame
        Of each feature, whether its past values are those that were known then; as of `feature_rows`.
    windows : DataFrame
        Of each date, when it ends and when its window is over; as of `outcome_windows`.
    """

    outcomes: pd.DataFrame
    features: pd.DataFrame
    verdicts: pd.DataFrame
    windows: pd.DataFrame

    @property
    def names(self) -> list[str]:
        """Return the names of the features."""
        return [str(name) for name in self.verdicts["feature"]]

    def usable(self) -> HealthSnapshots:
        """Return the rows that a model of churn learns from or is judged on: the window is over, and somebody could still have acted.

        Left out is who had given notice by the date, whose end was known, and who left within the gap.
        """
        keep = self.outcomes["churned"].notna() & ~self.outcomes["left_in_gap"] & ~self.outcomes["notice_given"]
        outcomes, features = (table[keep.to_numpy("bool")].reset_index(drop=True) for table in (self.outcomes, self.features))
        return HealthSnapshots(outcomes, features, self.verdicts, self.windows)

    def turns(self) -> tuple[Integers, Integers]:
        """Return the number of each row's date, and that of the first date by whose end its window is over."""
        place = np.searchsorted(self.windows["at"].to_numpy(), self.outcomes["at"].to_numpy())
        known_from = np.searchsorted(self.windows["ends_at"].to_numpy(), self.windows["over_at"].to_numpy(), side="left")
        return place, known_from[place]


def health_snapshots(
    ds: Dataset,
    *,
    horizon: str | timedelta,
    gap: str | timedelta | None,
    every: Period = "month",
    features: Iterable[str] | pd.DataFrame | None = None,
    recipe: Recipe | None = None,
    policy: RevenuePolicy | str = "default",
) -> HealthSnapshots:
    """Return the customers at the end of each finished period, with their features as of then and what became of them.

    Only dates whose window is over by `as_of`. Features are those of customers by the default policy; a customer by another policy alone is left out.

    Raises
    ------
    NotEnoughDataError, ParameterError
        No window is over; as `snapshot_days`, `churn_outcomes` and `feature_rows`; a feature is not made of numbers.
    """
    when = feature_dates(ds, snapshot_days(ds, every=every))
    windows = outcome_windows(when, horizon=horizon, gap=gap)
    found = churn_outcomes(ds, dates=when, horizon=horizon, gap=gap, policy=policy)
    outcomes = found[found["churned"].notna()]
    if outcomes.empty:
        first = windows["over_at"].min()
        raise NotEnoughDataError(
            f"no customer has been watched for the horizon {horizon} after the gap {gap}: the first such window ends at {first:%Y-%m-%d}, after "
            f"{ds.as_of:%Y-%m-%d}. Use a shorter horizon or gap, or more data."
        )
    rows, verdicts = feature_rows(ds, dates=list(outcomes["at"].unique()), features=features, recipe=recipe)
    known = outcomes.merge(rows[_KEYS], on=_KEYS, how="inner", validate="one_to_one")
    shown = with_due(numbers(known[_KEYS].merge(rows, on=_KEYS, how="left", validate="one_to_one")), due_between(horizon, gap))
    if DUE in shown.columns and DUE not in rows.columns:
        verdicts = pd.concat([verdicts, verdicts[verdicts["feature"] == "days_to_renewal"].assign(feature=DUE)], ignore_index=True)
    return HealthSnapshots(known, shown, verdicts, windows)


def due_between(horizon: str | timedelta, gap: str | timedelta | None) -> tuple[float, float]:
    """Return the days after a date at which the window begins and ends; a calendar month counts as 30.4375."""
    ahead = parse_window(horizon, name="horizon")
    before = Window(0, 0) if gap is None else parse_window(gap, name="gap", may_be_nothing=True)
    opens, length = ((each.months * _MONTH + each.microseconds / 86_400_000_000) for each in (before, ahead))
    return opens, opens + length


def with_due(features: pd.DataFrame, between: tuple[float, float]) -> pd.DataFrame:
    """Return features with `renewal_due` beside `days_to_renewal`: 1 where the next planned renewal lies in the window, else 0, missing without a plan.

    A contract that runs on past the window can hardly end in it, which no straight line in the days to its renewal can say.
    """
    if "days_to_renewal" not in features.columns or DUE in features.columns:
        return features
    days = features["days_to_renewal"]
    return features.assign(**{DUE: ((days >= between[0]) & (days < between[1])).astype("float64").where(days.notna())})


def with_inputs(ds: Dataset, features: pd.DataFrame, weights: Any) -> pd.DataFrame:
    """Return the features with those of ours that rules of a hand-made score need besides and the tables allow."""
    available = available_features(ds)
    rules = read_rules(weights, columns=[*features.columns, *available])
    wanted = [name for name in rules.features if name not in features.columns and name in available]
    if not wanted:
        return features
    more, _ = feature_rows(ds, dates=list(features["at"].unique()), features=wanted)
    return features.merge(more, on=_KEYS, how="left", validate="one_to_one")


def bands_of(rules: Rules | None, told: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Return the band of each row of the model `hand_weights`, whose `score` is 100 less that of the rules, with memory; none for the other rows."""
    bands = np.full(len(told), None, dtype=object)
    if rules is not None:
        own = (told["model"] == "hand_weights").to_numpy()
        bands[own] = bands_with_memory(rules, told.loc[own, _KEYS].reset_index(drop=True), 100 - told.loc[own, "score"].to_numpy())
    return bands


def numbers(features: pd.DataFrame) -> pd.DataFrame:
    """Return a table of features with every feature as a float.

    Raises
    ------
    ParameterError
        A column holds something else than numbers, truth values and missing values.
    """
    table = features.copy()
    for name in table.columns.difference(_KEYS, sort=False):
        try:
            table[name] = table[name].astype("Float64").to_numpy("float64", na_value=float("nan"))
        except (TypeError, ValueError) as wrong:
            example = table[name].dropna().iloc[0]
            raise ParameterError(f"a feature must be made of numbers; {name!r} holds {example!r}. Turn it into numbers, one column a category.") from wrong
    return table
