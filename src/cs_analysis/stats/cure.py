"""Curves of survival that level off above 0: some units never end. And whether the data go far enough to tell.

The search for the maximum is done by lifelines, which takes late entry into account here; likelihood, slopes and covariance are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special, stats

from cs_analysis.errors import ConvergenceError, ParameterError
from cs_analysis.stats.durations import GRID_PER_DAY
from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.fits import Diagnostic, diagnostics_table
from cs_analysis.stats.life_paths import FEWEST_AT_RISK
from cs_analysis.stats.parametric_survival import FAMILIES, Family, SurvivalFit, fit_survival, fitted, read_ends, search
from cs_analysis.stats.risk import Floats, Rows, read_rows

SUFFICIENT, STILL_ENDING = 0.05, 0.10
"""Follow-up counts as sufficient where the chance alpha_n is below the first, and no more than the second of those left may still end."""

_EDGE = 1e-3  # a share nearer to 0 or 1 lies on the boundary
CURED_SHARE = "cured_share"


def _mixture(base: Family) -> Family:
    """Return S = c + (1 - c) S0 for a family S0."""

    def log_survival(days: Floats, terms: Floats) -> Floats:
        return np.asarray(np.log(terms[0] + (1 - terms[0]) * np.exp(base.log_survival(days, terms[1:]))))

    def log_density(days: Floats, terms: Floats) -> Floats:
        return np.asarray(np.log1p(-terms[0]) + base.log_density(days, terms[1:]))

    return Family(base.fitter, (CURED_SHARE, *base.terms), (False, *base.positive), log_survival, log_density, cured=True)


CURES = {f"{name}_cure": _mixture(FAMILIES[name]) for name in ("weibull", "log_normal", "log_logistic")}


class FollowUp(NamedTuple):
    """Whether a plateau has been watched; see `follow_up_of`."""

    longest_days: float
    last_end_days: float
    q: float
    alpha: float
    still_ending: float

    @property
    def sufficient(self) -> bool:
        """Whether both checks find the follow-up sufficient."""
        return self.alpha < SUFFICIENT and self.still_ending < STILL_ENDING


@dataclass(frozen=True, eq=False)
class CureFit(SurvivalFit):
    """A fitted curve that levels off.

    Attributes
    ----------
    coefficients, covariance, log_likelihood, converged, diagnostics, family, terms, units, robust, curve
        As for `SurvivalFit`. The first term is `cured_share`. `converged` is false where the follow-up is not sufficient.
    follow_up : FollowUp
        Whether the plateau has been watched.
    """

    follow_up: FollowUp

    @property
    def cured_share(self) -> float:
        """Share of units that never end."""
        return float(self.terms[0])

    @property
    def identified(self) -> bool:
        """Whether the data go far enough to tell those who never end from those who end late."""
        return self.follow_up.sufficient


def follow_up_of(durations: pd.DataFrame) -> FollowUp:
    """Whether follow-up goes so far beyond the last end that a plateau is more than the end of the data.

    Test of Maller and Zhou: let t be the longest time of all and t* the longest that ended. q_n is the share of units that ended in (2 t* - t, t*], and
    alpha_n = (1 - q_n)^n the chance that nobody would end in as long a stretch after t* if ends went on. Insufficient follow-up is refused where alpha_n <
    0.05. Alone that is not enough: where customers come one after another, few have been watched for long, the last end lies before the longest time by
    chance, and in 200 simulated data sets in which everybody ends it let one in two pass. So a second check uses the time at risk: of those left at the end of
    the data (the last age u at which 10 units, or a quarter where fewer than 40, are at risk), the share that would end within another u days if the hazard
    were the exact upper 95 % limit of that in the last third, (2 u / 3, u]. It must be below 0.10. Neither has a theory for late entry.

    Parameters
    ----------
    durations : DataFrame
        As for `survival_curve`.

    Returns
    -------
    FollowUp
        `longest_days, last_end_days, q, alpha, still_ending` and `.sufficient`, of both checks.

    Raises
    ------
    MissingColumnsError, ParameterError, NotEnoughDataError
        As for `survival_curve`.

    References
    ----------
    Maller and Zhou (1992), Biometrika 79, 731-739; Maller and Zhou (1996), Survival Analysis with Long-Term Survivors, chapter 4. Shen (2000),
    Statistics and Probability Letters 49, 313-322 (the test passes too often). Garwood (1936), Biometrika 28, 437-442 (exact limit).

    Examples
    --------
    >>> table = pd.DataFrame({"duration_days": [1, 2, 3, 4, 6, 6], "observed": [True] * 4 + [False] * 2})
    >>> check = follow_up_of(table)
    >>> f"{check.q:.3f} {check.alpha:.3f}"
    '0.333 0.088'
    """
    rows = read_rows(durations, None)
    count = np.ones(len(rows.leave)) if rows.count is None else rows.count.astype("float64")
    longest, total = int(rows.leave.max()), float(count.sum())
    last = int(rows.leave[rows.observed].max(initial=0))
    late = rows.observed & (rows.leave > 2 * last - longest) & (rows.leave <= last)
    share = float(count[late].sum()) / total
    alpha = float(np.exp(total * np.log1p(-share))) if share < 1 else 0.0
    return FollowUp(longest / GRID_PER_DAY, last / GRID_PER_DAY, share, alpha, _still_ending(rows, count))


def _still_ending(rows: Rows, count: Floats) -> float:
    """Return the largest share of those left that may end if watched as long again, by the hazard in the last third of the data."""
    leave, enter = rows.leave / GRID_PER_DAY, np.zeros(len(count)) if rows.enter is None else rows.enter / GRID_PER_DAY
    order = np.argsort(leave)[::-1]
    staying = np.cumsum(count[order])
    until = leave[order][int(np.searchsorted(staying, min(FEWEST_AT_RISK, np.ceil(count.sum() / 4))))]
    since = until * 2 / 3
    at_risk = float(count @ np.maximum(np.minimum(leave, until) - np.maximum(enter, since), 0.0))
    ends = float(count[rows.observed & (leave > since) & (leave <= until)].sum())
    return float(-np.expm1(-stats.chi2.ppf(1 - SUFFICIENT, 2 * (ends + 1)) / 2 / at_risk * until)) if at_risk > 0 else 1.0


def fit_cure(durations: pd.DataFrame, *, family: str = "weibull", conf_level: float = 0.95) -> CureFit:
    """Curve of survival that levels off, S(t) = c + (1 - c) S0(t), by maximum likelihood: a share c of the units never ends.

    A cured share is identified only where follow-up reaches the plateau: before, those who never end look like those who end late, and c is whatever
    makes the family's tail fit. The checks of `follow_up_of` stand in `.diagnostics`; where one does not show sufficient follow-up, c has no limits, the
    finding is `not identified` and `.converged` is false: do not use the fit beyond the data then. "Never" means not within several times the data.

    Parameters
    ----------
    durations : DataFrame
        As for `survival_curve`; late entry is taken into account.
    family : {"weibull", "log_normal", "log_logistic"}
        Family of S0, of those who end.
    conf_level : float
        Level of the coefficients' limits: Wald, on the log-odds for `cured_share`.

    Returns
    -------
    CureFit
        Terms `cured_share` and those of the family (see `fit_survival`). Diagnostics besides: `follow-up` with the chance alpha_n, `may still
        end` with the largest share of those left, and `no cured share` with the p-value of the likelihood ratio against c = 0.

    Raises
    ------
    MissingColumnsError, ParameterError
        As for `survival_curve`; an unknown family.
    NotEnoughDataError
        As for `fit_survival`.
    ConvergenceError
        The search failed, or the best share lies on the boundary: nothing levels off, and `fit_survival` is the curve.

    References
    ----------
    Boag (1949), Journal of the Royal Statistical Society B 11, 15-53. Farewell (1986), Canadian Journal of Statistics 14, 257-262 (when not to use it).
    Maller and Zhou (1996), Survival Analysis with Long-Term Survivors. Self and Liang (1987), Journal of the American Statistical Association 82, 605-610
    (likelihood ratio on a boundary).

    Examples
    --------
    >>> days = [5.0, 8, 12, 15, 20, 25, 30, 36, 45, 60, 400]
    >>> fit = fit_cure(pd.DataFrame({"duration_days": days, "observed": [True] * 10 + [False], "count": [10] * 10 + [100]}))
    >>> round(fit.cured_share, 2), fit.identified
    (0.5, True)
    """
    name = f"{family}_cure"
    if name not in CURES:
        raise ParameterError(f"family must be one of {', '.join(each.removesuffix('_cure') for each in CURES)}, not {family!r}.")
    check_conf_level(conf_level)
    rows, chosen = read_ends(durations), CURES[name]
    found = search(rows, chosen, family=name)
    if not _EDGE < found[0][0] < 1 - _EDGE:
        raise ConvergenceError(
            f"the best share of units that never end is {found[0][0]:.2g}, on the boundary: nothing in the data levels off. Use the {family} curve itself."
        )
    fit = fitted(rows, chosen, family=name, found=found, conf_level=conf_level)
    follow_up = follow_up_of(durations)
    checks = diagnostics_table([*_reaches_plateau(follow_up), _against_none(durations, fit, family)])
    parts = {**vars(fit), "converged": fit.converged and follow_up.sufficient}
    parts["coefficients"] = _share_limits(fit, conf_level if follow_up.sufficient else None)
    return CureFit(**{**parts, "diagnostics": pd.concat([fit.diagnostics, checks], ignore_index=True)}, follow_up=follow_up)


def _reaches_plateau(follow_up: FollowUp) -> list[Diagnostic]:
    advice = "wait until many units have been watched well beyond the last end, and do not use the curve beyond the data"
    checks = [("follow-up", follow_up.alpha, SUFFICIENT), ("may still end", follow_up.still_ending, STILL_ENDING)]
    return [Diagnostic(name, value) if value < most else Diagnostic(name, value, "not identified", advice) for name, value, most in checks]


def _against_none(durations: pd.DataFrame, fit: SurvivalFit, family: str) -> Diagnostic:
    """Return the p-value against a share of 0, where the likelihood ratio is 0 half of the time and chi-square else."""
    try:
        gain = max(2 * (fit.log_likelihood - fit_survival(durations, family=family).log_likelihood), 0.0)
    except ConvergenceError:
        return Diagnostic("no cured share", np.nan, "not compared", f"the {family} curve itself could not be fitted; compare with another family")
    chance = float(stats.chi2.sf(gain, 1) / 2) if gain > 0 else 1.0
    small = chance < SUFFICIENT
    return Diagnostic("no cured share", chance, "ok" if small else "no need of it", "" if small else f"the {family} curve itself fits as well")


def _share_limits(fit: SurvivalFit, conf_level: float | None) -> pd.DataFrame:
    """Return the coefficients with limits of the share symmetric for its log-odds, or none."""
    share, error = fit.terms[0], float(np.sqrt(fit.covariance.iloc[0, 0]))
    half = np.nan if conf_level is None else special.ndtri((1 + conf_level) / 2) * error / (share * (1 - share))
    low, high = special.expit(special.logit(share) - half), special.expit(special.logit(share) + half)
    table = fit.coefficients.copy()
    table.loc[0, ["conf_low", "conf_high"]] = [low, high]
    return table
