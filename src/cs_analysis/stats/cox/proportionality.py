"""Whether hazards are proportional: the exact score test, and the residuals that show how a coefficient moves with time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import special
from scipy.stats import rankdata

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.cox.moments import Moments
from cs_analysis.stats.durations import GRID_PER_DAY
from cs_analysis.stats.risk import Floats, Rows, risk_table
from cs_analysis.stats.survival import product_limit

if TYPE_CHECKING:
    from cs_analysis.stats.cox.design import CoxData

_SINGULAR = 1e-10  # a variance this small beside the term's own information is what rounding left of 0


def proportionality_test(data: CoxData, beta: Floats, *, transform: str = "km", groups: Mapping[str, Sequence[str]] | None = None) -> pd.DataFrame:
    """Score test of whether each hazard ratio stays the same over time.

    It asks whether x g(t), added to the model, deserves a coefficient. With the coefficients at the maximum and those of x g(t) at 0, U are the scores of the latter and V their information given the former;
    the statistic of a term is U' V^-1 U over its own columns, that of `GLOBAL` over all. Weights, strata, late entries and the
    treatment of ties are those of the fit. Rows of one cluster count as independent, so that with many rows a cluster the test finds too much.

    Parameters
    ----------
    data : CoxData
        The design of the fit.
    beta : array
        Its coefficients.
    transform : str
        g: `"km"` (1 - Kaplan-Meier just before t, of all rows without weights), `"identity"`, `"log"` or `"rank"` (of t among all rows).
    groups : mapping, optional
        Name of a factor -> its terms, to be tested together; other terms are tested one by one.

    Returns
    -------
    DataFrame
        `term, statistic, df, p_value`, one row a term or factor, then `GLOBAL`. `df` falls where nothing can be told of a part; with 0
        the rest is missing.

    Raises
    ------
    ParameterError
        The transform is unknown, or `"log"` meets an end at time 0; `groups` names an unknown term, or one twice.
    NotEnoughDataError
        All ends come at one time.

    References
    ----------
    Grambsch and Therneau (1994), Biometrika 81, 515-526. Therneau and Grambsch (2000), Modeling Survival Data, section 6.2, where the
    statistic is the approximate one; this is the score test itself.
    """
    moments = Moments.of(data)
    trend = _standardised(_transformed(data, moments, transform), moments)
    score, variance = _score_of_trend(data, beta, moments=moments, trend=trend)
    names = _columns_by_name(data.terms, groups or {})
    found = [(name, *_squared_length(score[own], variance[np.ix_(own, own)])) for name, own in names.items()]
    found.append(("GLOBAL", *_squared_length(score, variance)))
    table = pd.DataFrame(found, columns=["term", "statistic", "df"])
    return table.assign(p_value=special.chdtrc(table["df"].where(table["df"] > 0), table["statistic"]))


def schoenfeld(data: CoxData, beta: Floats) -> pd.DataFrame:
    """Scaled residuals of every end: a smooth curve through them over time is the course of the coefficient.

    The residual is the ended row's covariates minus their mean over those at risk, weighted by hazard; scaled by the number of ends times
    the inverse information, plus beta. Under proportional hazards it scatters around beta at all times.

    Parameters
    ----------
    data : CoxData
        The design of the fit.
    beta : array
        Its coefficients.

    Returns
    -------
    DataFrame
        `time_days, term, residual`, by time of the end, then in the order of rows and terms.

    References
    ----------
    Schoenfeld (1982), Biometrika 69, 239-241. Grambsch and Therneau (1994), Biometrika 81, 515-526.
    """
    moments = Moments.of(data)
    risk = _RiskSums.of(data, beta, moments=moments)
    residual = _centred(data)[moments.ended] - risk.mean()[moments.place]
    (information,) = risk.information([np.ones(len(moments.time))])
    scaled = np.asarray(beta) + len(moments.ended) * np.linalg.solve(information, residual.T).T
    order = np.argsort(moments.time[moments.place], kind="stable")
    times = moments.time[moments.place][order] / GRID_PER_DAY
    keys = {"time_days": np.repeat(times, len(data.terms)), "term": np.tile(np.asarray(data.terms, dtype=object), len(order))}
    return pd.DataFrame({**keys, "residual": scaled[order].ravel()})


class _RiskSums(NamedTuple):
    """Weighted sums over risk sets at the coefficients of the fit, and Efron's shares of the tied ends in them.

    `total` and `tied` are, at each moment, the sums of hazards (first column) and hazards times covariates over those at risk and over
    those who end then. Step k of d tied ends takes off k/d of the latter (Breslow: nothing) and weighs `weight` = mean weight of the ends;
    `share` is k/d and `rate` one over the sum of hazards that is left, `moment` whose step it is.
    """

    x: Floats
    hazard: Floats
    total: Floats
    tied: Floats
    share: Floats
    rate: Floats
    weight: Floats
    moments: Moments

    @classmethod
    def of(cls, data: CoxData, beta: Floats, *, moments: Moments) -> _RiskSums:
        x = _centred(data)
        risk = x @ np.asarray(beta, dtype="float64")
        hazard = data.weights * np.exp(risk - risk.max())
        sums = np.column_stack([hazard, x * hazard[:, None]])
        ends, place, tied = moments.ended, moments.place, moments.tied
        total = moments.at_risk(sums)
        of_ends = np.column_stack([np.bincount(place, column, len(tied)) for column in sums[ends].T])
        step = np.arange(len(place)) - (np.cumsum(tied) - tied)[place]
        share = step / tied[place] if data.ties == "efron" else np.zeros(len(place))
        rate = 1 / (total[place, 0] - share * of_ends[place, 0])
        weight = (np.bincount(place, data.weights[ends], len(tied)) / tied)[place]
        return cls(x, hazard, total, np.asarray(of_ends, dtype="float64"), share, rate, weight, moments)

    def sum_of(self, values: Floats) -> Floats:
        """Return the sum of one value a step at each moment."""
        return np.asarray(np.bincount(self.moments.place, values, len(self.moments.time)))

    def mean(self) -> Floats:
        """Return the covariates' mean over each risk set, averaged over the steps of ties."""
        count = self.sum_of(np.ones(len(self.rate)))[:, None]
        return np.asarray((self.sum_of(self.rate)[:, None] * self.total - self.sum_of(self.rate * self.share)[:, None] * self.tied)[:, 1:] / count)

    def information(self, factors: Sequence[Floats]) -> list[Floats]:
        """Return the sum over the moments of factor x variance of the covariates in the risk set, for each of the factors.

        The second moments are one Gram matrix of the rows, each weighted by its hazard times what it is multiplied by at all its moments.
        """
        return [self._information(factor) for factor in factors]

    def _information(self, factor: Floats) -> Floats:
        rate, share = self.rate * self.weight * factor[self.moments.place], self.share
        gram = self.hazard * self.moments.over(self.sum_of(rate))
        gram[self.moments.ended] -= self.hazard[self.moments.ended] * self.sum_of(rate * share)[self.moments.place]
        total, tied = self.total[:, 1:], self.tied[:, 1:]
        squares = [self.sum_of(rate * self.rate * share**power)[:, None] for power in range(3)]
        cross = (total * squares[1]).T @ tied
        means = (total * squares[0]).T @ total - cross - cross.T + (tied * squares[2]).T @ tied
        return np.asarray((self.x * gram[:, None]).T @ self.x - means)


def _centred(data: CoxData) -> Floats:
    """Return the covariates less their means, which changes no difference between units and saves digits."""
    return np.asarray(data.x - data.x.mean(axis=0))


def _score_of_trend(data: CoxData, beta: Floats, *, moments: Moments, trend: Floats) -> tuple[Floats, Floats]:
    """Return the scores of the columns x g(t) and their variance given those of x, all scaled to the terms' own information."""
    risk = _RiskSums.of(data, beta, moments=moments)
    plain, once, twice = risk.information([trend**power for power in range(3)])
    step = trend[moments.place] * data.weights[moments.ended]
    expected = risk.sum_of(risk.weight * trend[moments.place])[:, None] * risk.mean()
    score = step @ risk.x[moments.ended] - expected.sum(axis=0)
    scale = np.sqrt(np.where(np.diag(twice) > 0, np.diag(twice), 1.0))
    variance = twice - once @ np.linalg.solve(plain, once)
    return score / scale, variance / np.outer(scale, scale)


def _squared_length(score: Floats, variance: Floats) -> tuple[float, int]:
    """Return U' V^- U and the rank of V, whose diagonal is at most 1."""
    values, vectors = np.linalg.eigh(variance)
    kept = values > _SINGULAR
    length = float(np.sum((score @ vectors[:, kept]) ** 2 / values[kept]))
    return (length if kept.any() else float("nan")), int(kept.sum())


def _columns_by_name(terms: Sequence[str], groups: Mapping[str, Sequence[str]]) -> dict[str, list[int]]:
    """Return the columns that are tested together, in the order of the terms."""
    listed = [term for members in groups.values() for term in members]
    wrong = [term for position, term in enumerate(listed) if term not in terms or term in listed[:position]]
    if wrong:
        raise ParameterError(f"groups must name terms of the fit, each once; {wrong[0]!r} is not one or stands twice. Terms: {', '.join(terms)}.")
    name_of = {term: name for name, members in groups.items() for term in members}
    names: dict[str, list[int]] = {}
    for column, term in enumerate(terms):
        names.setdefault(name_of.get(term, term), []).append(column)
    return names


def _transformed(data: CoxData, moments: Moments, transform: str) -> Floats:
    """Return g at each moment."""
    known: dict[str, Callable[[], Floats]] = {
        "km": lambda: _ended_before(data, moments),
        "identity": lambda: moments.time / GRID_PER_DAY,
        "log": lambda: _logarithm(moments),
        "rank": lambda: _ranks(data, moments),
    }
    if transform not in known:
        raise ParameterError(f"transform must be one of {', '.join(known)}, not {transform!r}.")
    return known[transform]()


def _ended_before(data: CoxData, moments: Moments) -> Floats:
    """Return the share of all rows that has ended before each moment, by Kaplan-Meier."""
    one = np.zeros(len(data.leave), dtype="int64")
    late = data.enter if np.any(data.enter > 0) else None
    risk = risk_table(Rows(pd.DataFrame(index=range(1)), one, late, data.leave, data.observed, None))
    survival, _ = product_limit(risk)
    before = np.searchsorted(np.rint(risk.time_days * GRID_PER_DAY).astype("int64"), moments.time)
    return np.asarray(1 - np.concatenate([[1.0], survival])[before])


def _logarithm(moments: Moments) -> Floats:
    if np.any(moments.time == 0):
        raise ParameterError("transform 'log' needs ends after time 0, and a row ends at time 0. Use 'km' or 'rank'.")
    return np.asarray(np.log(moments.time))


def _ranks(data: CoxData, moments: Moments) -> Floats:
    """Return the mean rank of each moment's time among the times of all rows."""
    ranks = np.empty(len(moments.time))
    ranks[moments.place] = rankdata(data.leave)[moments.ended]
    return ranks


def _standardised(trend: Floats, moments: Moments) -> Floats:
    """Return g with mean 0 and spread 1 over the ends, which changes no test and saves digits."""
    over_ends = trend[moments.place]
    spread = over_ends.std()
    if not spread > 1e-12 * np.abs(over_ends).max():
        raise NotEnoughDataError("whether a hazard ratio changes with time cannot be told: all ends come at one time. Measure durations more finely.")
    return np.asarray((trend - over_ends.mean()) / spread)
