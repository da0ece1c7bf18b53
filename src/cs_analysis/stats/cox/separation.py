"""Likelihoods that rise for ever: covariates, or combinations, that are highest for whoever ends, every time (monotone likelihood)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import linalg, optimize

from cs_analysis.errors import ConvergenceError
from cs_analysis.stats.cox.identification import combination, label
from cs_analysis.stats.cox.moments import Moments
from cs_analysis.stats.risk import Floats, Integers

if TYPE_CHECKING:
    from cs_analysis.stats.cox.design import CoxData

_STILL_CURVED = 0.01  # information left, beside that at coefficients of 0: where a likelihood rises for ever it goes to 0 as Newton steps go on
_TOUCHES = 1e-7  # how far below the highest at risk counts as the highest, in units of the term's own spread
_RISES = 1e-6  # mean rise an end that is more than rounding
_CONSTRAINTS_AT_A_TIME = 200
_MOST_ROUNDS = 200


def check_separation(data: CoxData, beta: Floats, *, at_zero: Floats | None = None, at_beta: Floats | None = None) -> None:
    """Return nothing if the likelihood has a maximum, else raise an error that names the covariate and says who never ended.

    The partial likelihood rises for ever in a direction v if at every end x v is at least as high for those who end as for everybody at
    risk, and somewhere higher (Efron's and Breslow's likelihoods alike). Whether there is such a direction is a linear programme, solved
    exactly with those of its inequalities that matter: the most violated ones are added until none is.

    Parameters
    ----------
    data : CoxData
        The design; `check_design` has found nothing.
    beta : array
        The coefficients at which the fit stopped, where the search begins.
    at_zero, at_beta : array, optional
        The information matrix with all coefficients 0 and at `beta`. With both, the search is left out where the likelihood is curved in all
        directions at `beta`, which it is not after Newton steps towards a maximum that does not exist.

    Raises
    ------
    ConvergenceError
        There is no maximum; the message names the terms and what to do.

    References
    ----------
    Bryson and Johnson (1981), Technometrics 23, 381-383. Albert and Anderson (1984), Biometrika 71, 1-10 (the same for logistic models).
    """
    if at_zero is not None and at_beta is not None and linalg.eigh(at_beta, at_zero, eigvals_only=True)[0] > _STILL_CURVED:
        return
    search = _Search.of(data)
    found = search.rising(np.asarray(beta) * search.spread)
    if found is not None:
        raise ConvergenceError(_what_is_wrong(data, *_simplest(search, found)))


class _Search(NamedTuple):
    """Covariates in units of their spread within risk sets, the mean rise an end of the likelihood at coefficients of 0, who is at risk when."""

    x: Floats
    spread: Floats
    rise: Floats
    moments: Moments

    @classmethod
    def of(cls, data: CoxData) -> _Search:
        moments = Moments.of(data)
        x = data.x - data.x.mean(axis=0)
        number, ends = moments.at_risk(np.ones((len(x), 1))), moments.tied
        mean, square = moments.at_risk(x) / number, moments.at_risk(x**2) / number
        spread = np.sqrt(ends @ np.maximum(square - mean**2, 0.0) / ends.sum())
        spread = np.where(spread > 0, spread, 1.0)
        return cls(x / spread, spread, (x[moments.ended].sum(axis=0) - ends @ mean) / spread / ends.sum(), moments)

    def only(self, columns: list[int]) -> _Search:
        """Return the search among some of the terms."""
        return _Search(self.x[:, columns], self.spread[columns], self.rise[columns], self.moments)

    def rising(self, start: Floats) -> Floats | None:
        """Return a direction in which the likelihood rises for ever, or nothing if there is none."""
        direction = start / max(float(np.abs(start).max(initial=0.0)), 1e-12)
        inequalities = np.empty((0, self.x.shape[1]))
        for _ in range(_MOST_ROUNDS):
            broken = self._broken(direction)
            if not len(broken) and self.rise @ direction > _RISES:
                return direction
            inequalities = np.vstack([inequalities, broken])
            solved = optimize.linprog(-self.rise, A_ub=-inequalities, b_ub=np.zeros(len(inequalities)), bounds=(-1, 1), method="highs")
            direction = solved.x
            if not -solved.fun > _RISES:
                return None
        return None

    def _broken(self, direction: Floats) -> Floats:
        """Return differences of covariates, of who ends less the highest at risk, for the ends that are lowest below it."""
        risk = self.x @ direction
        ended, highest = self.moments.ended, _highest(risk, self.moments)[self.moments.place]
        gap = risk[highest] - risk[ended]
        worst = np.argsort(-gap, kind="stable")[:_CONSTRAINTS_AT_A_TIME]
        worst = worst[gap[worst] > _TOUCHES]
        return np.asarray(self.x[ended[worst]] - self.x[highest[worst]])


def _highest(risk: Floats, moments: Moments) -> Integers:
    """Return the row with the highest risk among those at risk at each moment.

    Each row covers a run of moments, which two runs of a length that is a power of 2 cover too; from the longest such runs down, what
    covers a run covers both of its halves.
    """
    order = np.argsort(risk, kind="stable")
    first, last = moments.first[order], moments.last[order]
    power = np.frexp(np.maximum(last - first, 1))[1] - 1
    top = np.full((int(power.max()) + 1, len(moments.time)), -1)
    covers = last > first
    rank = np.arange(len(order))[covers]
    np.maximum.at(top, (power[covers], first[covers]), rank)
    np.maximum.at(top, (power[covers], last[covers] - (1 << power[covers])), rank)
    for level in range(len(top) - 1, 0, -1):
        half = 1 << (level - 1)
        np.maximum(top[level - 1], top[level], out=top[level - 1])
        np.maximum(top[level - 1, half:], top[level, :-half], out=top[level - 1, half:])
    return np.asarray(order[top[0]])


def _simplest(search: _Search, found: Floats) -> tuple[list[int], Floats]:
    """Return as few terms as are needed, and their parts in the direction (per unit of the covariate)."""
    columns = [int(column) for column in np.flatnonzero(np.abs(found) > _TOUCHES)]
    for column in columns:
        alone = search.only([column])
        if abs(float(alone.rise[0])) > _RISES and not len(alone._broken(np.sign(alone.rise))):
            return [column], np.sign(alone.rise)
    for column in list(columns):
        without = [other for other in columns if other != column]
        direction = search.only(without).rising(found[without]) if without else None
        if direction is not None:
            columns = without
    direction = search.only(columns).rising(found[columns])
    parts = (found[columns] if direction is None else direction) / search.spread[columns]
    return columns, parts / np.abs(parts).max()


def _what_is_wrong(data: CoxData, columns: list[int], parts: Floats) -> str:
    """Return the message: who never ended, or who always did."""
    names = [label(data.terms[column]) for column in columns]
    alike = " or ".join(names) if np.ptp(np.abs(parts)) < _TOUCHES else combination([data.terms[column] for column in columns], parts)
    member = data.x[:, columns] @ np.abs(np.round(parts, 6))
    flagged = bool(np.isin(member, (0.0, 1.0)).all()) and np.ptp(np.sign(parts)) == 0
    ended = member[data.observed]
    advice = "Leave it out, pool it with other levels, or observe longer."
    if flagged and not ended.any():
        who = f"nobody with {alike} ended"
    elif flagged and ended.all():
        who = f"nobody without {alike} ended"
    else:
        sum_of = combination([data.terms[column] for column in columns], np.abs(parts) if (parts < 0).all() else parts)
        who = f"at every end the one who ended had the {'lowest' if (parts < 0).all() else 'highest'} value of {sum_of} among those at risk"
        advice = "Leave it out or observe longer, and see that it is not known only through the end itself."
    return f"the likelihood has no maximum, because {who}: the hazard ratio of {_quoted(names)} would be 0 or infinite. {advice}"


def _quoted(names: list[str]) -> str:
    """Return names in quotes, separated by commas."""
    return ", ".join(f"'{name}'" for name in names)
