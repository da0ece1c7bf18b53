"""Whether hazards are proportional: the exact score test, and the residuals that show how a coefficient moves with time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special
from scipy.stats import rankdata

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.cox.moments import Moments
from cs_analysis.stats.cox.risk_sums import RiskSums, Steps
from cs_analysis.stats.durations import GRID_PER_DAY
from cs_analysis.stats.risk import Floats, Rows, risk_table
from cs_analysis.stats.survival import product_limit

if TYPE_CHECKING:
    from cs_analysis.stats.cox.design import CoxData

Transform = str | Callable[[Floats], Floats]

_SINGULAR = 1e-10  # a variance this small beside the term's own information is what rounding left of 0


def proportionality_test(data: CoxData, beta: Floats, *, transform: Transform = "km", groups: Mapping[str, Sequence[str]] | None = None) -> pd.DataFrame:
    """Score test of whether each hazard ratio stays the same over time.

    It asks whether x g(t), added to the model, deserves a coefficient. With the coefficients at the maximum and those of x g(t) at 0, U are
    the scores of the latter and V their information given the former; the statistic of a term is U' V^-1 U over its own columns, that of
    `GLOBAL` over all. Weights, strata, late entries and the treatment of ties are those of the fit. Rows of one cluster count as
    independent, so that with many rows a cluster the test finds too much.

    Parameters
    ----------
    data : CoxData
        The design of the fit.
    beta : array
        Its coefficients.
    transform : str or callable
        g: `"km"` (1 - Kaplan-Meier just before t, of all rows without weights), `"identity"`, `"log"` or `"rank"` (of t among all rows); or a
        function of times in days.
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
    steps = Steps.of(data)
    trend = _standardised(_transformed(data, steps.moments, transform)[steps.moments.place])
    score, variance = _score_of_trend(steps, beta, trend=trend)
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
    steps = Steps.of(data)
    moments, x = steps.moments, data.x - data.x.mean(axis=0)
    sums = RiskSums.of(steps, x @ np.asarray(beta))
    mean = sums.means(1 / moments.tied[moments.place], moments=sums.first_moments(x))
    information = sums.information(x, rate=sums.rate)
    scaled = np.asarray(beta) + len(moments.ended) * np.linalg.solve(information, (x[moments.ended] - mean[moments.place]).T).T
    order = np.argsort(moments.time[moments.place], kind="stable")
    times = moments.time[moments.place][order] / GRID_PER_DAY
    keys = {"time_days": np.repeat(times, len(data.terms)), "term": np.tile(np.asarray(data.terms, dtype=object), len(order))}
    return pd.DataFrame({**keys, "residual": scaled[order].ravel()})


def _score_of_trend(steps: Steps, beta: Floats, *, trend: Floats) -> tuple[Floats, Floats]:
    """Return the scores of the columns x g(t) and their variance given those of x, in units of the former's information; g one a step."""
    data, ended = steps.data, steps.moments.ended
    x = data.x - data.x.mean(axis=0)  # changes no difference between units and saves digits
    sums = RiskSums.of(steps, x @ np.asarray(beta))
    plain, once, twice = (sums.information(x, rate=sums.rate * trend**power) for power in range(3))
    expected = sums.means(steps.weight * trend, moments=sums.first_moments(x))
    score = (trend * data.weights[ended]) @ x[ended] - expected.sum(axis=0)
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


def _transformed(data: CoxData, moments: Moments, transform: Transform) -> Floats:
    """Return g at each moment."""
    if callable(transform):
        return np.asarray(transform(moments.time / GRID_PER_DAY), dtype="float64")
    known: dict[str, Callable[[], Floats]] = {
        "km": lambda: _ended_before(data, moments),
        "identity": lambda: moments.time / GRID_PER_DAY,
        "log": lambda: _logarithm(moments),
        "rank": lambda: _ranks(data, moments),
    }
    if transform not in known:
        raise ParameterError(f"transform must be one of {', '.join(known)} or a function, not {transform!r}.")
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


def _standardised(trend: Floats) -> Floats:
    """Return g with mean 0 and spread 1 over the ends, which changes no test and saves digits."""
    spread = trend.std()
    if not spread > 1e-12 * np.abs(trend).max():
        raise NotEnoughDataError("whether a hazard ratio changes with time cannot be told: all ends come at one time. Measure durations more finely.")
    return np.asarray((trend - trend.mean()) / spread)
