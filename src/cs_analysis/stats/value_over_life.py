"""What units bring in over their lives: survival times amount by age times discount, with the influence of each unit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from cs_analysis.errors import ParameterError
from cs_analysis.stats.discounting import DAYS_A_MONTH, age_window_days, check_discount_rate, discount_factors
from cs_analysis.stats.durations import durations
from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.life_paths import LifePath, Lives, fitted_families, life_path, read_lives
from cs_analysis.stats.parametric_survival import SurvivalFit
from cs_analysis.stats.risk import Floats, grouped


@dataclass(frozen=True, kw_only=True)
class Terms:
    """On which terms a value is reckoned: days of the horizon, share of the amounts that is kept, discount rate a year."""

    days: int
    margin: float
    discount_rate: float

    @classmethod
    def of(cls, horizon: str | timedelta, *, margin: float, discount_rate: float) -> Terms:
        """Return the terms as callers write them.

        Raises
        ------
        ParameterError
            The horizon has no unit or is shorter than a day; the margin is not above 0 and at most 1; the rate is negative.
        """
        if isinstance(margin, bool) or not isinstance(margin, int | float | np.number) or not 0 < margin <= 1:
            raise ParameterError(f"margin must be a share above 0 and at most 1, such as 0.8 for 80 %, not {margin!r}.")
        return cls(days=age_window_days(horizon, name="horizon"), margin=float(margin), discount_rate=check_discount_rate(discount_rate))


CARRIED_MONTHS = 12
"""Beyond the data the amount a month is the mean of so many last months of age within them."""


@dataclass(frozen=True, eq=False)
class Value:
    """A number and what each unit adds to it, to first order."""

    amount: float
    influences: Floats

    @property
    def standard_error(self) -> float:
        """Root of the sum of squared influences, with the factor n / (n - 1) of a variance; missing for a single unit."""
        n = len(self.influences)
        return float(np.sqrt(np.sum(self.influences**2) * n / (n - 1))) if n > 1 else np.nan

    def limits(self, conf_level: float) -> tuple[float, float]:
        """Return limits symmetric for the logarithm; missing where the number is not above 0 or nothing varies."""
        return log_limits(self.amount, self.standard_error, conf_level=conf_level)

    def over(self, other: Value) -> Value:
        """Return the ratio to another number made of the same units; missing where that is 0."""
        if other.amount == 0:
            return Value(np.nan, np.full(len(self.influences), np.nan))
        ratio = self.amount / other.amount
        return Value(ratio, (self.influences - ratio * other.influences) / other.amount)


def log_limits(amount: float, standard_error: float, *, conf_level: float) -> tuple[float, float]:
    """Return limits symmetric for the logarithm of a number, missing where it is not above 0 or its standard error is 0 or missing."""
    z = float(special.ndtri((1 + check_conf_level(conf_level)) / 2))
    if not (amount > 0 and standard_error > 1e-12 * amount):
        return np.nan, np.nan
    factor = float(np.exp(min(z * standard_error / amount, 700.0)))
    return amount / factor, amount * factor


@dataclass(frozen=True, eq=False)
class AmountsByAge:
    """The mean amount a month of living units, by month of age, and the rows it is made of.

    Attributes
    ----------
    unit, month : array
        Place of the unit among the lives and month of age (0, 1, ...) of each row.
    amount, seen : array
        Sum of the row's amounts and how many there are.
    pools : array
        One row a month of the horizon, one column a month with rows: 1 where its rows are pooled for that month.
    """

    unit: Any
    month: Any
    amount: Floats
    seen: Floats
    pools: Floats

    @property
    def means(self) -> Floats:
        """Mean amount a month for each month of the horizon; missing where there are no rows at all."""
        amounts, seen = (np.bincount(self.month, part, self.pools.shape[1]) for part in (self.amount, self.seen))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((self.pools @ amounts) / (self.pools @ seen))

    def influences(self, weights: Floats, units: int) -> Floats:
        """Return what each unit adds to the sum of weights times the means."""
        per_row = weights / np.maximum(self.pools @ np.bincount(self.month, self.seen, self.pools.shape[1]), 1e-300)
        of_amount, of_row = per_row @ self.pools, (per_row * self.means) @ self.pools
        return np.asarray(np.bincount(self.unit, of_amount[self.month] * self.amount - of_row[self.month] * self.seen, units))


def amounts_by_age(rows: pd.DataFrame, lives: Lives, *, days: int) -> AmountsByAge:
    """Return the amounts by age of `rows` (`unit`, `month`, `amount`, `seen`) for a horizon of `days`.

    A month of age within the data has its own mean, one without rows that of the nearest month before (or else after) with some; the months
    beyond have the mean of the last 12 within.
    """
    columns: dict[str, Any] = {name: rows[name].to_numpy("int64") for name in ("unit", "month")}
    columns |= {name: rows[name].to_numpy("float64") for name in ("amount", "seen")}
    months = int(np.ceil(days / DAYS_A_MONTH))
    last = months if np.isinf(lives.until) else int(lives.until // DAYS_A_MONTH)
    size = int(columns["month"].max(initial=0)) + 1
    filled = np.flatnonzero(np.bincount(columns["month"], columns["seen"], size) > 0)
    pools = np.zeros((months, size))
    inside = filled[filled <= last] if (filled <= last).any() else filled
    for month in range(months if len(filled) else 0):
        near = inside[max(int(np.searchsorted(inside, month, side="right")) - 1, 0)]
        pools[month, inside[inside > last - CARRIED_MONTHS] if month > last else near] = 1.0
    return AmountsByAge(**columns, pools=pools)


def value_over_life(path: LifePath, amounts: AmountsByAge, *, counted: Any, terms: Terms) -> Value:
    """Return the discounted value of a new unit over the days of life that `counted` flags: the sum of `daily_amounts`."""
    means, month = amounts.means, _months(path)
    worth = np.where(counted, _worth(path, terms), 0.0)
    flows = np.where(counted, worth * means[month], 0.0)
    weights = np.bincount(month, worth, len(means)).astype("float64")
    influences = path.influences(flows) + amounts.influences(weights, len(path.lives.leave))
    return Value(float(flows.sum()), np.asarray(influences))


def daily_amounts(path: LifePath, amounts: AmountsByAge, terms: Terms) -> Floats:
    """Return for each day of life S at its middle x mean amount a month / 30.4375 x margin x discount."""
    return np.asarray(_worth(path, terms) * amounts.means[_months(path)])


def _worth(path: LifePath, terms: Terms) -> Floats:
    factors = discount_factors(path.days, discount_rate=terms.discount_rate)
    return np.asarray(path.survival * terms.margin / DAYS_A_MONTH * factors)


def _months(path: LifePath) -> Any:
    return (path.days // DAYS_A_MONTH).astype("int64")


def residual_value(path: LifePath, paying: pd.DataFrame, terms: Terms) -> Value:
    """Return the mean discounted value of units now living over the horizon from now, at the amount that each pays now.

    `paying` has `unit` (place among the lives) and `amount`. For a unit of age x: amount x margin x sum over days u of S(x + u) / S(x) x
    discount. Ages and amounts are facts; only the curve is uncertain. `path` must reach so far beyond the oldest.
    """
    ages = path.lives.leave[paying["unit"].to_numpy("int64")].astype("int64")
    oldest, survival = int(ages.max()) + 1, path.survival
    held = np.bincount(ages, paying["amount"].to_numpy("float64") * terms.margin / DAYS_A_MONTH / len(paying), oldest)
    factors = discount_factors(np.arange(terms.days) + 0.5, discount_rate=terms.discount_rate)
    per_survivor = np.divide(held, survival[:oldest], out=np.zeros_like(held), where=held > 0)
    flows, end = np.zeros_like(survival), oldest + terms.days - 1
    flows[:end] = np.convolve(per_survivor, factors) * survival[:end]
    gradient = flows.copy()
    gradient[:oldest] -= per_survivor * np.correlate(survival[:end], factors, mode="valid")
    return Value(float(flows.sum()), path.influences(gradient))


@dataclass(frozen=True, eq=False)
class Stream:
    """The units of one group with what they pay: everything from which the value of the group is made.

    Attributes
    ----------
    keys : dict
        Values of the group's columns.
    table : DataFrame
        Its durations, one row a unit.
    paid : DataFrame
        What units paid by age: `unit` (place in `table`), `month`, `amount`, `seen`.
    now : DataFrame
        What those still there pay: `unit`, `amount`.
    """

    keys: dict[Any, Any]
    table: pd.DataFrame
    paid: pd.DataFrame
    now: pd.DataFrame

    @cached_property
    def lives(self) -> Lives:
        """The units' times and their Kaplan-Meier curve."""
        return read_lives(self.table)

    @cached_property
    def fits(self) -> list[SurvivalFit]:
        """The families that could be fitted, the best first."""
        return fitted_families(self.table)

    def own_rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of another table that has the group's columns; a missing value is a group too."""
        for name, value in self.keys.items():
            table = table[table[name].isin([value])]
        return table

    def path(self, days: int, fit: SurvivalFit | None = None) -> LifePath:
        """Return the curve of so many days, carried on by `fit` or else by the best family where the data do not reach."""
        if days - 0.5 <= self.lives.until:
            return life_path(self.lives, days=days)
        return life_path(self.lives, days=days, fit=fit or next(iter(self.fits), None))

    def value(self, path: LifePath, terms: Terms, *, within: bool = False) -> Value:
        """Return the value of a new unit over the days of `path`, or over those of them within the data."""
        amounts = amounts_by_age(self.paid, self.lives, days=len(path.days))
        counted = path.within if within else np.ones(len(path.days), dtype=bool)
        return value_over_life(path, amounts, counted=counted, terms=terms)

    def reached(self, amount: float, terms: Terms) -> tuple[float, Value, float]:
        """Return after how many days of life the value of a new unit reaches an amount, that value, and what a day adds then.

        All is missing where it is not reached within the horizon.
        """
        path = self.path(terms.days)
        flows = daily_amounts(path, amounts_by_age(self.paid, self.lives, days=terms.days), terms)
        reached = np.flatnonzero((np.cumsum(flows) >= amount) & (flows > 0))
        if not len(reached):
            return np.nan, Value(np.nan, np.full(len(self.table), np.nan)), np.nan
        last = int(reached[0])
        day = last + max((amount - float(flows[:last].sum())) / flows[last], 0.0)
        return day, self.value(self.path(last + 1), terms), float(flows[last])

    def residual(self, terms: Terms) -> Value | None:
        """Return the mean value of the units still there over the horizon from now; None where there are none."""
        if self.now.empty:
            return None
        oldest = int(self.lives.leave[self.now["unit"].to_numpy("int64")].max())
        return residual_value(self.path(oldest + terms.days), self.now, terms)


def streams(spells: pd.DataFrame, paid: pd.DataFrame, now: pd.DataFrame, *, as_of: pd.Timestamp, keys: Sequence[str]) -> Iterator[Stream]:
    """Return the stream of each group of `keys`, in their order.

    `spells` has `account_id`, the keys, `start_at`, `enter_at` where units came under observation late, `end_at` and `ended_by`; `paid` and `now`
    are as in `Stream`, with `account_id` in place of `unit`.
    """
    starts = spells[["account_id", "start_at", *({"enter_at"} & set(spells.columns))]]
    waiting = durations(starts, spells[["account_id", "end_at", "ended_by"]], as_of=as_of)
    waiting = waiting.merge(spells[["account_id", *keys]], on="account_id", validate="one_to_one")
    values, group = grouped(waiting, list(keys))
    own = pd.DataFrame({"account_id": waiting["account_id"], "group": group, "unit": pd.Series(group).groupby(group).cumcount()})
    placed = [dict(tuple(table.merge(own, on="account_id").groupby("group"))) for table in (paid, now)]
    empty = [table.assign(unit=0).iloc[:0] for table in (paid, now)]
    for number, part in waiting.groupby(group):
        rows = [found.get(number, none) for found, none in zip(placed, empty, strict=True)]
        yield Stream(dict(values.iloc[number]), part.reset_index(drop=True), *rows)
