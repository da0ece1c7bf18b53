"""A survival curve day by day: Kaplan-Meier as far as the data go, a fitted family beyond; and what each unit adds to whatever is made of it.

Intervals come from influences: a number made of the curve changes, to first order, by the sum of one contribution a unit, and the sum of their
squares is its variance. That is the account bootstrap without drawing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cs_analysis.errors import ConvergenceError, NotEnoughDataError
from cs_analysis.stats.parametric_survival import FAMILIES, SurvivalFit, fit_survival
from cs_analysis.stats.risk import Flags, Floats

KAPLAN_MEIER = "kaplan_meier"
FEWEST_AT_RISK = 10
ENDS_A_TERM = 20
"""The generalised gamma has one term more than the others; it is tried where there are this many ends for each of its three."""


@dataclass(frozen=True, eq=False)
class Lives:
    """The units of one group and the Kaplan-Meier curve of them.

    Attributes
    ----------
    enter, leave, observed : array
        One entry a unit.
    times, ends, at_risk : array
        One entry a time at which somebody ends.
    until : float
        The age to which the data go: at least 10 units, or a quarter of all where they are fewer than 40, are at risk at it. Infinite
        where everybody has ended.
    known_from_start : bool
        Somebody is under observation from age 0, and not all at risk end before others come under observation.
    """

    enter: Floats
    leave: Floats
    observed: Flags
    times: Floats
    ends: Floats
    at_risk: Floats
    until: float
    known_from_start: bool

    @property
    def steps(self) -> Floats:
        """Change of log S at each time; minus infinity where nobody is left."""
        with np.errstate(divide="ignore"):
            return np.log1p(-self.ends / self.at_risk)

    def log_survival(self, days: Floats) -> Floats:
        """Return the logarithm of the Kaplan-Meier curve."""
        return np.concatenate([[0.0], np.cumsum(self.steps)])[np.searchsorted(self.times, days, side="right")]


def read_lives(durations: pd.DataFrame) -> Lives:
    """Return the units of a durations table, one a row, with their risk table."""
    enter, leave = (durations[name].to_numpy("float64") for name in ("enter_days", "duration_days"))
    observed = durations["observed"].to_numpy("bool")
    times, ends = np.unique(leave[observed], return_counts=True)
    at_risk = _at_risk(enter, leave, times)
    fewest = min(FEWEST_AT_RISK, -(-len(leave) // 4))
    until = np.inf if observed.all() else float(leave[_at_risk(enter, leave, leave) >= fewest].max(initial=0.0))
    broken = (ends == at_risk) & (times < leave.max())
    return Lives(enter, leave, observed, times, ends.astype("float64"), at_risk, until, bool((enter == 0).any() and not broken.any()))


def _at_risk(enter: Floats, leave: Floats, times: Floats) -> Floats:
    """Return how many are under observation just before each time: on (enter, leave], from the start where they enter at 0."""
    entered = np.searchsorted(np.sort(np.where(enter == 0, -1.0, enter)), times, side="left")
    return (entered - np.searchsorted(np.sort(leave), times, side="left")).astype("float64")


@dataclass(frozen=True, eq=False)
class LifePath:
    """log S at the middle of each day of age; missing beyond the data where nothing carries it on."""

    lives: Lives
    days: Floats
    log_survival: Floats
    fit: SurvivalFit | None

    @property
    def survival(self) -> Floats:
        """Chance of living on the middle of each day."""
        return np.exp(self.log_survival)

    @property
    def within(self) -> Flags:
        """Which days lie within the data."""
        return np.asarray(self.days <= self.lives.until)

    def influences(self, gradient: Floats) -> Floats:
        """Return what each unit adds to a number whose derivative by log S on each day is `gradient`."""
        lives = self.lives
        ahead = np.append(np.cumsum(gradient[::-1])[::-1], 0.0)[np.searchsorted(self.days, lives.times, side="left")]
        staying = lives.at_risk - lives.ends
        used = (lives.times <= lives.until) & (staying > 0)
        own = np.divide(ahead, staying, out=np.zeros_like(ahead), where=used)
        shared = np.concatenate([[0.0], np.cumsum(own * lives.ends / lives.at_risk)])
        place = np.searchsorted(lives.times, lives.leave, side="right")
        parts = shared[place] - shared[np.searchsorted(lives.times, lives.enter, side="right")]
        parts = parts - np.where(lives.observed, np.append(0.0, own)[place], 0.0)
        return np.asarray(parts + self._of_the_tail(gradient))

    def _of_the_tail(self, gradient: Floats) -> Floats:
        if self.fit is None or self.within.all():
            return np.zeros_like(self.lives.leave)
        beyond = ~self.within
        slopes = self.fit.slopes(self.days[beyond]) - self.fit.slopes([self.lives.until])
        return np.asarray(self.fit.units @ (gradient[beyond] @ slopes))


def life_path(lives: Lives, *, days: int, fit: SurvivalFit | None = None) -> LifePath:
    """Return the curve of `days` days, carried on from the last age of the data with the hazard of `fit`; missing without one."""
    middle = np.arange(days, dtype="float64") + 0.5
    path = lives.log_survival(np.minimum(middle, lives.until))
    beyond = middle > lives.until
    if beyond.any():
        path[beyond] += np.nan if fit is None else fit.log_survival(middle[beyond]) - fit.log_survival([lives.until])
    return LifePath(lives, middle, path if lives.known_from_start else np.full(days, np.nan), fit)


def fitted_families(durations: pd.DataFrame) -> list[SurvivalFit]:
    """Return the families that could be fitted to a durations table, the best by AIC first; none where the data do not identify one."""
    found = []
    for family in FAMILIES:
        if family == "generalised_gamma" and durations["observed"].sum() < 3 * ENDS_A_TERM:
            continue
        try:
            found.append(fit_survival(durations, family=family))
        except (ConvergenceError, NotEnoughDataError):
            continue
    return sorted(found, key=lambda fit: fit.aic)


def akaike_weights(fits: list[SurvivalFit]) -> Floats:
    """Return how much each family is favoured by the data: exp(-AIC / 2), scaled to add up to 1."""
    aic = np.array([fit.aic for fit in fits])
    weights = np.exp(-(aic - aic.min(initial=np.inf)) / 2)
    return np.asarray(weights / weights.sum())


def largest_gap(lives: Lives, fit: SurvivalFit) -> float:
    """Return the largest distance between a fitted curve and the Kaplan-Meier curve, just before or after an end, within the data."""
    times = lives.times[lives.times <= lives.until]
    curve, fitted = np.exp(lives.log_survival(times)), np.exp(fit.log_survival(times))
    before = np.concatenate([[1.0], curve[:-1]])
    return float(np.maximum(np.abs(fitted - curve), np.abs(fitted - before)).max(initial=0.0))
