"""How many accounts a planned experiment takes, how long that lasts, and how small an effect a given number of accounts can show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from cs_analysis.errors import ParameterError
from cs_analysis.stats.estimates import check_conf_level, estimates, stack

Measure = Literal["share", "mean"]
MOST = 1e9


@dataclass(frozen=True)
class _Plan:
    """What is the same however many accounts there are."""

    metric: Measure
    base: float
    spread: float
    power: float
    conf_level: float
    units: float
    inflation: float
    ratio: float

    def accounts(self, effect: float) -> float:
        """Return the accounts needed in the first group, not rounded."""
        return self._share_accounts(effect) if self.metric == "share" else self._mean_accounts(effect)

    def _share_accounts(self, effect: float) -> float:
        """Return the normal formula for two shares with the pooled variance under no effect, and one account more where units share accounts."""
        first, second = self.base + effect, self.base
        pooled = (first + self.ratio * second) / (1 + self.ratio)
        none = special.ndtri((1 + self.conf_level) / 2) * np.sqrt((1 + 1 / self.ratio) * pooled * (1 - pooled))
        some = special.ndtri(self.power) * np.sqrt(first * (1 - first) + second * (1 - second) / self.ratio)
        alone = ((none + some) / effect) ** 2 * self.inflation / self.units
        return float(alone + (self.units > 1))

    def _mean_accounts(self, effect: float) -> float:
        """Return the size at which the t test, with an account as one observation, has the power."""
        spread = self.spread * np.sqrt(self.inflation / self.units)
        return _root(lambda size: self._t_power(size, effect / spread) - self.power, low=1.0 + 1e-6)

    def _t_power(self, size: float, standardised: float) -> float:
        freedom = size * (1 + self.ratio) - 2
        if freedom <= 0:
            return 0.0
        away = abs(standardised) * np.sqrt(size * self.ratio / (1 + self.ratio))
        edge = special.stdtrit(freedom, (1 + self.conf_level) / 2)
        beyond = stats.nct.sf(edge, freedom, away)
        return float(beyond if np.isfinite(beyond) else special.ndtr(away - edge))


def experiment_size(
    *,
    base: float,
    effect: float,
    metric: Measure = "share",
    spread: float | None = None,
    power: float = 0.8,
    conf_level: float = 0.95,
    cluster_size: float = 1.0,
    cluster_spread: float = 0.0,
    icc: float = 0.0,
    correlation: float = 0.0,
    ratio: float = 1.0,
    starts_per_week: float | None = None,
    follow_up_weeks: float = 0.0,
) -> pd.DataFrame:
    """Accounts that a planned experiment needs in each group to show a true effect with the given power.

    For shares (z_a sqrt((1 + 1/r) p (1 - p)) + z_b sqrt(p1 (1 - p1) + p0 (1 - p0) / r))^2 / effect^2, p being the pooled share; for means the size at which
    the two-sided t test has the power. Users of one account are alike: m of them say as much as m / (1 + (m (1 + v^2) - 1) icc) independent ones, v being
    the spread of m over its mean. Adjusting for a figure from before, with the given correlation, takes 1 - correlation^2 of the accounts. Half the effect
    takes four times the accounts.

    Parameters
    ----------
    base : float
        Share or mean in the compared group.
    effect : float
        The smallest difference worth finding, in the same unit.
    metric : {"share", "mean"}
        What is compared.
    spread : float, optional
        For means: standard deviation of one unit.
    power : float
        Chance of finding the effect.
    conf_level : float
        1 - the chance of a false alarm, two-sided.
    cluster_size, cluster_spread : float
        Units, such as users, of an account: mean, and standard deviation over the mean.
    icc : float
        Correlation of two units of one account.
    correlation : float
        Of the outcome with the figure before.
    ratio : float
        Accounts of the compared group for each of the other.
    starts_per_week : float, optional
        Accounts that can be assigned a week.
    follow_up_weeks : float
        From an account's assignment to its outcome.

    Returns
    -------
    DataFrame
        Estimates with the key `group` ("new", "compared", and missing for both): `accounts_needed`, a count, rounded up; `experiment_design_effect`, a ratio;
        and `weeks_needed`, a count, with `starts_per_week`. Figures for planning, without limits; `n` = accounts in all.

    Raises
    ------
    ParameterError
        A number is out of range; a share would leave 0 to 1; the effect takes more than a thousand million accounts.

    References
    ----------
    Fleiss, Levin and Paik (2003), Statistical Methods for Rates and Proportions, chapter 4. Eldridge, Ashby and Kerry (2006), International Journal of
    Epidemiology 35, 1292-1300, for clusters. Deng, Xu, Kohavi and Walker (2013), WSDM 2013, 123-132.

    Examples
    --------
    >>> experiment_size(base=0.5, effect=0.1)[["metric", "group", "estimate"]].head(1).to_dict("records")
    [{'metric': 'accounts_needed', 'group': 'new', 'estimate': 388.0}]
    """
    plan = _plan(metric, base, spread, power=power, conf_level=conf_level, clusters=(cluster_size, cluster_spread, icc), correlation=correlation, ratio=ratio)
    if not (np.isfinite(effect) and effect != 0):
        raise ParameterError(f"effect must be a number other than 0, the smallest that is worth finding, not {effect!r}.")
    if metric == "share" and not 0 <= base + effect <= 1:
        raise ParameterError(f"base + effect must be a share between 0 and 1, not {base + effect:g}.")
    if not (starts_per_week is None or starts_per_week > 0) or not follow_up_weeks >= 0:
        raise ParameterError(f"starts_per_week must be above 0 and follow_up_weeks not below, not {starts_per_week!r} and {follow_up_weeks!r}.")
    size = plan.accounts(effect)
    if size > MOST:
        raise ParameterError(f"an effect of {effect:g} takes more than {MOST:g} accounts a group. Ask for a larger one.")
    first, second = (max(int(np.ceil(number - 1e-9)), 2) for number in (size, ratio * size))
    keys = {"group": ["new", "compared"]}
    parts = [estimates(keys, metric="accounts_needed", unit="count", estimate=[first, second], n=[first + second] * 2)]
    parts.append(estimates({}, metric="experiment_design_effect", unit="ratio", estimate=plan.inflation, n=first + second))
    if starts_per_week is not None:
        weeks = np.ceil((first + second) / starts_per_week - 1e-9) + follow_up_weeks
        parts.append(estimates({}, metric="weeks_needed", unit="count", estimate=weeks, n=first + second))
    return stack(parts)


def detectable_effect(
    *,
    accounts: int,
    base: float,
    metric: Measure = "share",
    spread: float | None = None,
    power: float = 0.8,
    conf_level: float = 0.95,
    cluster_size: float = 1.0,
    cluster_spread: float = 0.0,
    icc: float = 0.0,
    correlation: float = 0.0,
    ratio: float = 1.0,
) -> pd.DataFrame:
    """Smallest true effect that a number of accounts shows with the given power: the inverse of `experiment_size`.

    Parameters
    ----------
    accounts : int
        Accounts of the new group; the compared group has `ratio` times as many.
    base, metric, spread, power, conf_level, cluster_size, cluster_spread, icc, correlation, ratio
        As for `experiment_size`.

    Returns
    -------
    DataFrame
        Estimates with the key `direction` ("up", "down"): `detectable_effect`, a share, for means a count; missing where even a share of 1, or of 0, could not
        be told from the base. `n` = accounts in all. A figure for planning, without limits.

    Raises
    ------
    ParameterError
        A number is out of range.

    References
    ----------
    As for `experiment_size`.

    Examples
    --------
    >>> detectable_effect(accounts=388, base=0.5)["estimate"].round(3).tolist()
    [0.1, -0.1]
    """
    plan = _plan(metric, base, spread, power=power, conf_level=conf_level, clusters=(cluster_size, cluster_spread, icc), correlation=correlation, ratio=ratio)
    if not accounts >= 2:
        raise ParameterError(f"accounts must be at least 2 a group, not {accounts!r}.")
    most = {"up": 1 - base, "down": base} if metric == "share" else dict.fromkeys(("up", "down"), np.inf)
    found = [_smallest(plan, accounts, sign=sign, most=most[way]) for way, sign in (("up", 1.0), ("down", -1.0))]
    unit = "share" if metric == "share" else "count"
    return estimates({"direction": ["up", "down"]}, metric="detectable_effect", unit=unit, estimate=found, n=[round(accounts * (1 + ratio))] * 2)


def _smallest(plan: _Plan, accounts: float, *, sign: float, most: float) -> float:
    """Return the effect in one direction for which the accounts are just enough."""
    if plan.metric == "mean":
        scale = plan.spread * np.sqrt(plan.inflation / plan.units)
        return sign * _root(lambda effect: plan._t_power(accounts, effect / scale) - plan.power, low=0.0)
    if most <= 0 or plan.accounts(sign * most) > accounts:
        return float("nan")
    return sign * float(optimize.brentq(lambda effect: accounts - plan.accounts(sign * effect), most * 1e-9, most, xtol=1e-12))


def _plan(
    metric: Measure,
    base: float,
    spread: float | None,
    *,
    power: float,
    conf_level: float,
    clusters: tuple[float, float, float],
    correlation: float,
    ratio: float,
) -> _Plan:
    if metric not in get_args(Measure):
        raise ParameterError(f"metric must be 'share' or 'mean', not {metric!r}.")
    if metric == "share" and not 0 <= base <= 1:
        raise ParameterError(f"base must be a share between 0 and 1, not {base!r}.")
    if (metric == "mean") != (spread is not None) or not (spread is None or (np.isfinite(spread) and spread > 0)):
        raise ParameterError(f"spread must be a standard deviation above 0 for means, and not be given for shares; it is {spread!r}.")
    if not (1 - check_conf_level(conf_level)) / 2 < power < 1:
        raise ParameterError(f"power must lie between {(1 - conf_level) / 2:g} and 1, such as 0.8, not {power!r}.")
    size, vary, icc = clusters
    if not (size >= 1 and vary >= 0 and 0 <= icc <= 1 and -1 < correlation < 1 and 0 < ratio < np.inf):
        told = f"{size!r}, {vary!r}, {icc!r}, {correlation!r}, {ratio!r}"
        raise ParameterError(f"cluster_size >= 1, cluster_spread >= 0, icc from 0 to 1, correlation within -1 and 1 and ratio > 0 must hold, not {told}.")
    inflation = (1 + (size * (1 + vary**2) - 1) * icc) * (1 - correlation**2)
    return _Plan(metric, base, float(spread or 0.0), power, conf_level, size, inflation, ratio)


def _root(rising: Callable[[float], float], *, low: float) -> float:
    """Return where a rising function crosses 0, infinite if it does so beyond any use."""
    high = 2.0
    while rising(high) < 0:
        high *= 2
        if high > 2 * MOST:
            return float("inf")
    return float(optimize.brentq(rising, low, high, xtol=1e-10))
