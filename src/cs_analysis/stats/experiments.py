"""What a planned experiment says: the difference between two groups to which chance assigned, with limits for one look or for as many as one likes.

Whole accounts are assigned and their users measured, so limits count accounts. A figure from before the assignment takes away what was there anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.equivalence import tost_by_limits
from cs_analysis.stats.intervals import Interval, Pair, difference, wilson

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]
HELPS, HARMS, NONE, NOT_SHOWN = "helps", "harms", "none beyond the margin", "not shown"
NO_WORSE, NOT_AS_ASSIGNED = "no worse than the margin", "groups are not as assigned"
UNLIKELY = 0.001


class Arm(NamedTuple):
    """Mean outcome of one group at the mean of all covariates, its variance, the degrees of freedom of it, and the accounts."""

    mean: float
    variance: float
    freedom: float
    accounts: int


@dataclass(frozen=True)
class GroupDifference:
    """Difference of two groups' means.

    Attributes
    ----------
    estimate, error, freedom : float
        First less second, its standard error, and its degrees of freedom.
    first, second : Arm
        The two groups, adjusted.
    shares : tuple of (array, array), optional
        Successes and units of each account of the two groups, where the outcome is a share and nothing was adjusted for: the limits are then recovered from
        the limits of each group's share, which hold for rare outcomes too.
    """

    estimate: float
    error: float
    freedom: float
    first: Arm
    second: Arm
    shares: tuple[tuple[Floats, Floats], tuple[Floats, Floats]] | None = None

    def limits(self, conf_level: float) -> Interval:
        """Return the difference with limits for a single look, planned beforehand."""
        if self.shares is not None:
            return difference(*(clustered_share(*share, conf_level=conf_level) for share in self.shares))
        away = special.stdtrit(self.freedom, (1 + conf_level) / 2) * self.error if self.error > 0 else np.nan
        return Interval(self.estimate, self.estimate - away, self.estimate + away)

    @property
    def p_value(self) -> float:
        """Return the two-sided p value that agrees with the limits."""
        return two_sided_p(self.limits)


def two_sided_p(limits: Callable[[float], Interval]) -> float:
    """Return the smallest level at which two-sided limits leave out 0."""
    above = tost_by_limits(limits, low=0.0, high=np.inf).p_above_low
    return float(2 * np.minimum(above, 1 - above))


def group_difference(values: Floats, treated: Flags, *, clusters: Codes, covariates: Floats | None = None) -> GroupDifference:
    """Return the mean of the treated less that of the others, adjusted for what was known before, with an error that counts clusters.

    In each group the outcome is regressed on the covariates, less their mean over both groups; the difference of the two intercepts is the effect. With one
    covariate, the outcome before, it has 1 - correlation^2 of the variance of the plain difference; with columns of 0 and 1 for strata it is their weighted
    mean. The variance of a group is that of the clusters' sums of weight x residual, each squared over 1 - leverage; what the two slopes differ in adds the
    chance that other accounts would have come. Degrees of freedom are Welch's, each group's being its effective number of clusters less the columns.

    Parameters
    ----------
    values : array
        Outcome of each unit.
    treated : array of bool
        Whether its group is the first.
    clusters : array of int
        Number of the account of each unit.
    covariates : array, optional
        One row a unit, known before the assignment; columns that do not vary change nothing.

    Raises
    ------
    ParameterError, NotEnoughDataError
        A number is missing; a group has fewer than two clusters, or not two more than there are columns.

    References
    ----------
    Lin (2013), Annals of Applied Statistics 7, 295-318. Deng, Xu, Kohavi and Walker (2013), WSDM 2013, 123-132. Bell and McCaffrey (2002), Survey
    Methodology 28, 169-181. Welch (1947), Biometrika 34, 28-35.

    Examples
    --------
    >>> import numpy as np
    >>> found = group_difference(np.array([3.0, 5.0, 1.0, 2.0]), np.array([True, True, False, False]), clusters=np.arange(4))
    >>> round(found.estimate, 1), round(found.error, 4)
    (2.5, 1.118)
    """
    columns = np.empty((len(values), 0)) if covariates is None else _varying(covariates)
    if not (np.isfinite(values).all() and np.isfinite(columns).all()):
        raise ParameterError("outcomes and covariates must be finite numbers; leave out units without one, in both groups alike.")
    centred = columns - columns.mean(axis=0)
    arms, slopes = zip(*(_arm(values[group], centred[group], clusters[group]) for group in (treated, ~treated)), strict=True)
    first, second = arms
    apart = np.bincount(clusters, centred @ (slopes[0] - slopes[1])) / len(values)
    variance = first.variance + second.variance
    parts = [arm.variance**2 / arm.freedom for arm in arms]
    freedom = variance**2 / sum(parts) if sum(parts) > 0 else np.inf
    error = float(np.sqrt(variance + apart @ apart))
    error = error if error > 1e-12 * np.abs(values).max() else 0.0  # all alike, but for rounding
    shares = None
    if not centred.shape[1] and np.isin(values, (0.0, 1.0)).all():
        shares = (_counts(values, treated, clusters=clusters), _counts(values, ~treated, clusters=clusters))
    return GroupDifference(first.mean - second.mean, error, float(freedom), first, second, shares)


def _varying(columns: Floats) -> Floats:
    """Return the columns that say something beyond the others and a constant."""
    kept: list[int] = []
    for column in range(columns.shape[1]):
        chosen = columns[:, [*kept, column]]
        away = chosen - chosen.mean(axis=0)
        scale = np.sqrt((away**2).sum(axis=0))
        if (scale > 0).all() and np.linalg.matrix_rank(away / scale, tol=1e-8) == len(kept) + 1:
            kept.append(column)
    return columns[:, kept]


def _arm(values: Floats, centred: Floats, clusters: Codes) -> tuple[Arm, Floats]:
    """Return a group's mean where all covariates are at their mean, and its slopes."""
    accounts = len(np.unique(clusters))
    if accounts < (centred.shape[1] + 3 if centred.shape[1] else 2):
        raise NotEnoughDataError(f"a group of {accounts} accounts cannot be compared with adjustment for {centred.shape[1]} columns. Adjust for less, or wait.")
    design = np.column_stack([np.ones(len(values)), centred])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise NotEnoughDataError("a covariate or stratum does not vary, or has nobody, within one of the groups. Join small strata, or adjust for less.")
    inverse = np.linalg.pinv(design)
    slopes = inverse @ values
    residual, leverage = values - design @ slopes, np.einsum("ij,ji->i", design, inverse)
    number = np.unique(clusters, return_inverse=True)[1]
    moved, lever, sizes = (np.bincount(number, part) for part in (inverse[0] * residual, leverage, np.ones(len(values))))
    variance = float(np.sum(moved**2 / np.where(lever < 1 - 1e-9, 1 - lever, 1.0)))
    freedom = max(float(sizes.sum() ** 2 / (sizes @ sizes)) - 1 - centred.shape[1], 1.0)
    return Arm(float(slopes[0]), variance, freedom, accounts), slopes[1:]


def _counts(values: Floats, group: Flags, *, clusters: Codes) -> tuple[Floats, Floats]:
    number = np.unique(clusters[group], return_inverse=True)[1]
    return np.bincount(number, values[group]).astype("float64"), np.bincount(number).astype("float64")


def anytime(found: GroupDifference, *, planned: float, conf_level: float) -> tuple[Callable[[float], Interval], float]:
    """Return limits that hold at every look at once, however often and whenever one looks and stops, and their p value.

    Asymptotic confidence sequence: the estimate -/+ error x sqrt(2 (1 + 1/u) log(sqrt(u + 1) / alpha)), where u grows with the accounts t seen so far and is
    c t / planned with c = -2 log alpha + log(1 - 2 log alpha). It is narrowest at the planned number of accounts, where it is about one and a half times
    as wide as limits for a single look. For few accounts the factor is taken from t instead of the normal distribution.

    Parameters
    ----------
    found : GroupDifference
        What is known so far.
    planned : float
        Accounts in both groups at which one wishes to be sharpest: stated before the first look, and never changed.
    conf_level : float
        The level for which the width was planned.

    References
    ----------
    Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), Annals of Statistics 52, 2613-2640. Robbins (1970), Annals of Mathematical Statistics 41,
    1397-1409. Johari, Koomen, Pekelis and Walsh (2022), Operations Research 70, 1806-1821.
    """
    if not planned >= 2:
        raise ParameterError(f"planned must be the accounts of both groups at which to be sharpest, at least 2, not {planned!r}.")
    alpha = 1 - conf_level
    grown = (np.log(1 - 2 * np.log(alpha)) - 2 * np.log(alpha)) * (found.first.accounts + found.second.accounts) / planned

    def limits(level: float) -> Interval:
        z = np.sqrt(2 * (1 + 1 / grown) * (np.log1p(grown) / 2 - np.log(1 - level)))
        away = -special.stdtrit(found.freedom, special.ndtr(-z)) * found.error if found.error > 0 else np.nan
        return Interval(found.estimate, found.estimate - away, found.estimate + away)

    z = -special.ndtri(special.stdtr(found.freedom, -abs(found.estimate) / found.error)) if found.error > 0 else np.nan
    return limits, float(np.minimum(np.exp(np.log1p(grown) / 2 - z**2 * grown / (2 * (1 + grown))), 1.0))


def ratio_mismatch(counts: Mapping[str, int], planned: Mapping[str, float]) -> float:
    """Return the p value of the chi-square test that accounts fell into the groups as planned.

    Parameters
    ----------
    counts : mapping of str to int
        Accounts of each group.
    planned : mapping of str to float
        Parts they were planned in, such as {"beta": 1, "general": 1}.

    Raises
    ------
    ParameterError
        The two name different groups, or a part is not above 0.

    References
    ----------
    Fabijan, Gupchup, Gupta, Omhover, Qin, Vermeer and Dmitriev (2019), KDD 2019, 2156-2164.

    Examples
    --------
    >>> round(ratio_mismatch({"beta": 600, "general": 500}, {"beta": 1, "general": 1}), 4)
    0.0026
    """
    if set(counts) != set(planned) or not all(np.isfinite(part) and part > 0 for part in planned.values()):
        raise ParameterError(f"planned parts must be numbers above 0 for the groups {', '.join(sorted(counts))}, not {dict(planned)!r}.")
    found, parts = (np.array([table[name] for name in counts], dtype="float64") for table in (counts, planned))
    expected = parts / parts.sum() * found.sum()
    return float(special.chdtrc(len(counts) - 1, np.sum((found - expected) ** 2 / expected)))


def verdict(limits: Interval, *, margin: float | None, p_value: float, alpha: float, no_worse: bool = False) -> str:
    """Return what is shown, for an outcome of which more is better.

    "helps" and "harms" where the p value, adjusted if several were looked at, is below alpha; "none beyond the margin" where the limits lie within the margin;
    for `no_worse` it is enough that the lower limit does ("no worse than the margin"); else "not shown". Without a margin nothing is ever shown to be none.
    """
    if p_value < alpha:
        return HELPS if limits.estimate > 0 else HARMS
    if margin is not None and no_worse and limits.conf_low > -margin:
        return NO_WORSE
    if margin is not None and limits.conf_low > -margin and limits.conf_high < margin:
        return NONE
    return NOT_SHOWN


def share_ratio(first: Pair, second: Pair, *, conf_level: float = 0.95) -> Interval:
    """Return the share of the first group over that of the second, each (successes, n), with limits recovered from their Wilson limits.

    Missing where a group is empty or nobody of the second succeeded; without a success in the first 0, with an upper limit.

    References
    ----------
    Donner and Zou (2012), Statistical Methods in Medical Research 21, 347-359.

    Examples
    --------
    >>> lift = share_ratio((720, 800), (180, 200))
    >>> f"{lift.estimate:.2f} ({lift.conf_low:.2f} to {lift.conf_high:.2f})"
    '1.00 (0.96 to 1.06)'
    """
    (a, low_a, high_a), (b, low_b, high_b) = (wilson(*pair, conf_level=conf_level) for pair in (first, second))
    if not b > 0:
        return Interval(*[float("nan")] * 3)
    below, above = (np.sqrt(max((a * b) ** 2 - c * d * (2 * a - c) * (2 * b - d), 0.0)) for c, d in ((low_a, high_b), (high_a, low_b)))
    return Interval(a / b, (a * b - below) / (high_b * (2 * b - high_b)), (a * b + above) / (low_b * (2 * b - low_b)))
