"""Curves of survival with few parameters, which go on where the data end: Weibull, log-normal, log-logistic, generalised gamma.

The search for the maximum is done by lifelines, loaded when first needed. What it warns of becomes a diagnostic, a failure an error.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cs_analysis.errors import ConvergenceError, NotEnoughDataError, ParameterError
from cs_analysis.stats.durations import GRID_PER_DAY
from cs_analysis.stats.estimates import check_conf_level, estimates
from cs_analysis.stats.fits import Diagnostic, Fit, diagnostics_table
from cs_analysis.stats.risk import Flags, Floats, Integers, read_rows

FEWEST_ENDS = 5
FEWEST_TIMES = 3
_SLOPE = 1e-3  # of the mean log-likelihood along the logarithm of a parameter: a step of a thousandth is worth a millionth
_TINY = 1e-300

Curve = Callable[[Floats, Floats], Floats]


class Family(NamedTuple):
    """A family of curves: the lifelines fitter, its terms, which of them are positive, and the logarithms of S and of the density.

    Where some never end (`cured`), the first term is their share, and the fitter is that of the others.
    """

    fitter: str
    terms: tuple[str, ...]
    positive: tuple[bool, ...]
    log_survival: Curve
    log_density: Curve
    cured: bool = False


def _weibull_log_survival(days: Floats, terms: Floats) -> Floats:
    return np.asarray(-((days / terms[0]) ** terms[1]))


def _weibull_log_density(days: Floats, terms: Floats) -> Floats:
    scale, shape = terms
    return np.asarray(np.log(shape / scale) + (shape - 1) * np.log(days / scale) - (days / scale) ** shape)


def _normal_log_survival(days: Floats, terms: Floats) -> Floats:
    return np.asarray(special.log_ndtr(-(np.log(days) - terms[0]) / terms[1]))


def _normal_log_density(days: Floats, terms: Floats) -> Floats:
    place = (np.log(days) - terms[0]) / terms[1]
    return np.asarray(-(place**2) / 2 - np.log(days * terms[1]) - np.log(2 * np.pi) / 2)


def _logistic_log_survival(days: Floats, terms: Floats) -> Floats:
    return np.asarray(-np.logaddexp(0.0, terms[1] * np.log(days / terms[0])))


def _logistic_log_density(days: Floats, terms: Floats) -> Floats:
    odds = terms[1] * np.log(days / terms[0])
    return np.asarray(np.log(terms[1] / days) + odds - 2 * np.logaddexp(0.0, odds))


def _gamma_log_survival(days: Floats, terms: Floats) -> Floats:
    size = terms[2] ** -2
    power = size * np.exp(terms[2] * (np.log(days) - terms[0]) / np.exp(terms[1]))
    return np.asarray(np.log(np.maximum(special.gammaincc(size, power) if terms[2] > 0 else special.gammainc(size, power), _TINY)))


def _gamma_log_density(days: Floats, terms: Floats) -> Floats:
    size, place = terms[2] ** -2, terms[2] * (np.log(days) - terms[0]) / np.exp(terms[1])
    return np.asarray(np.log(abs(terms[2])) - terms[1] - np.log(days) + size * (np.log(size) + place - np.exp(place)) - special.gammaln(size))


FAMILIES = {
    "weibull": Family("WeibullFitter", ("lambda", "rho"), (True, True), _weibull_log_survival, _weibull_log_density),
    "log_normal": Family("LogNormalFitter", ("mu", "sigma"), (False, True), _normal_log_survival, _normal_log_density),
    "log_logistic": Family("LogLogisticFitter", ("alpha", "beta"), (True, True), _logistic_log_survival, _logistic_log_density),
    "generalised_gamma": Family("GeneralizedGammaFitter", ("mu", "ln_sigma", "lambda"), (False, False, False), _gamma_log_survival, _gamma_log_density),
}


@dataclass(frozen=True, eq=False)
class SurvivalFit(Fit):
    """A fitted curve of survival.

    Attributes
    ----------
    coefficients, covariance, log_likelihood, converged, diagnostics
        As for every fit.
    family : str
        Name of the family.
    terms : array
        The terms as numbers.
    units : array
        What each row of the durations adds to the terms, to first order (inverse information times the row's score): rows x terms. The sum of
        squares over rows is a covariance that holds even where the family is not the true one.
    robust : array
        That covariance, rows with a `count` taken so many times.
    curve : Family
        The family.
    """

    family: str
    terms: Floats
    units: Floats
    robust: Floats
    curve: Family

    @property
    def aic(self) -> float:
        """Akaike's information criterion."""
        return 2 * len(self.terms) - 2 * self.log_likelihood

    def log_survival(self, days: npt.ArrayLike) -> Floats:
        """Return log S at times above 0."""
        return self.curve.log_survival(np.asarray(days, dtype="float64"), self.terms)

    def slopes(self, days: npt.ArrayLike) -> Floats:
        """Return the derivatives of log S by the terms: times x terms."""
        times = np.asarray(days, dtype="float64")
        return _derivatives(lambda terms: self.curve.log_survival(times, terms), self.terms)


def fit_survival(durations: pd.DataFrame, *, family: str = "weibull", conf_level: float = 0.95) -> SurvivalFit:
    """Curve of a parametric family that fits durations best, by maximum likelihood.

    Weibull: S(t) = exp(-(t / lambda)^rho). Log-normal: log t is normal with mean mu and standard deviation sigma. Log-logistic:
    S(t) = 1 / (1 + (t / alpha)^beta). Generalised gamma: log t = mu + exp(ln_sigma) log(lambda^2 G) / lambda, with G gamma of shape
    1 / lambda^2; it holds the Weibull (lambda = 1) and, in the limit, the log-normal (lambda = 0). A unit that has not ended adds S, one that came
    under observation late is divided by S at its entry. A unit without any time under observation adds nothing.

    Parameters
    ----------
    durations : DataFrame
        As for `survival_curve`.
    family : {"weibull", "log_normal", "log_logistic", "generalised_gamma"}
        Which curve.
    conf_level : float
        Level of the coefficients' limits (Wald; on the logarithm for terms that are positive).

    Returns
    -------
    SurvivalFit
        Its diagnostics are the slope of the likelihood that the search left, and what the search warned of.

    Raises
    ------
    MissingColumnsError, ParameterError
        As for `survival_curve`; an unknown family.
    NotEnoughDataError
        Fewer than 5 ends, or at fewer than 3 times: the tail of the curve is not identified.
    ConvergenceError
        The search failed, stopped on a slope, or found no strict maximum.

    References
    ----------
    Kalbfleisch and Prentice (2002), The Statistical Analysis of Failure Time Data, chapters 2 and 3. Davidson-Pilon (2019), lifelines: survival
    analysis in Python, Journal of Open Source Software 4, 1317.

    Examples
    --------
    >>> table = pd.DataFrame({"duration_days": [10.0, 20, 40, 80, 160, 200, 200], "observed": [True] * 5 + [False] * 2})
    >>> fit_survival(table).coefficients["term"].tolist()
    ['lambda', 'rho']
    """
    if family not in FAMILIES:
        raise ParameterError(f"family must be one of {', '.join(FAMILIES)}, not {family!r}.")
    rows, chosen = read_ends(durations), FAMILIES[family]
    return fitted(rows, chosen, family=family, found=search(rows, chosen, family=family), conf_level=conf_level)


def fitted(rows: EndRows, chosen: Family, *, family: str, found: tuple[Floats, list[Diagnostic]], conf_level: float) -> SurvivalFit:
    """Return the fit at terms that a search found; raise unless they are a strict maximum."""
    terms, warned = found

    def each(at: Floats) -> Floats:
        return _log_likelihood(rows, chosen, terms=at)

    scores = _derivatives(each, terms)
    information = -_derivatives(lambda at: rows.units @ _derivatives(each, at), terms, step=1e-4)
    slope, covariance = _checked(rows, chosen, terms=terms, scores=scores, information=(information + information.T) / 2)
    return SurvivalFit(
        coefficients=_coefficients(rows, chosen, terms=terms, covariance=covariance, conf_level=conf_level),
        covariance=pd.DataFrame(covariance, index=list(chosen.terms), columns=list(chosen.terms)),
        log_likelihood=float(rows.units @ each(terms)),
        converged=True,
        diagnostics=diagnostics_table([Diagnostic("slope of the likelihood", slope), *warned]),
        family=family,
        terms=terms,
        units=(scores @ covariance)[rows.place],
        robust=covariance @ (scores.T * rows.units) @ scores @ covariance,
        curve=chosen,
    )


_ADVICE = "compare the curve with the Kaplan-Meier curve before trusting its tail"


class EndRows(NamedTuple):
    """Distinct rows in days with their number, and the place of each row of the table among them."""

    enter: Floats
    leave: Floats
    observed: Flags
    units: Floats
    place: Integers


def read_ends(durations: pd.DataFrame) -> EndRows:
    """Return the rows of a durations table in days; raise where there are too few ends."""
    rows = read_rows(durations, None)
    enter: Integers = np.zeros_like(rows.leave) if rows.enter is None else rows.enter
    table = np.column_stack([enter, rows.leave, rows.observed])
    distinct, place = np.unique(table, axis=0, return_inverse=True)
    count = np.bincount(place.ravel(), rows.count, len(distinct)).astype("float64")
    ended = (distinct[:, 2] == 1) & (distinct[:, 1] > 0)
    if count[ended].sum() < FEWEST_ENDS or len(np.unique(distinct[ended, 1])) < FEWEST_TIMES:
        raise NotEnoughDataError(
            f"a curve that goes on beyond the data needs {FEWEST_ENDS} ends or more, at {FEWEST_TIMES} times or more; there are {count[ended].sum():g}, at "
            f"{len(np.unique(distinct[ended, 1]))}. Wait for more ends, pool groups, or look no further than the data go."
        )
    return EndRows(distinct[:, 0] / GRID_PER_DAY, distinct[:, 1] / GRID_PER_DAY, distinct[:, 2] == 1, count, place.ravel())


def search(rows: EndRows, chosen: Family, *, family: str) -> tuple[Floats, list[Diagnostic]]:
    """Return the terms that lifelines finds and what it warned of."""
    import lifelines  # noqa: PLC0415 - more than a second; most calls never need it

    seen = rows.leave > 0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fitter = getattr(lifelines, chosen.fitter)()
            fitter = lifelines.MixtureCureFitter(base_fitter=fitter) if chosen.cured else fitter
            fitter.fit(rows.leave[seen], rows.observed[seen], entry=rows.enter[seen], weights=rows.units[seen])
        except (lifelines.exceptions.ConvergenceError, lifelines.exceptions.StatError, np.linalg.LinAlgError) as failure:
            raise ConvergenceError(f"the {family} curve could not be fitted to {rows.units.sum():g} units. Use another family or pool groups.") from failure
    texts = sorted({str(warning.message).strip().splitlines()[0] for warning in caught})
    return np.asarray(fitter.params_, dtype="float64"), [Diagnostic("warning of the search", 1.0, text, _ADVICE) for text in texts]


def _log_likelihood(rows: EndRows, family: Family, *, terms: Floats) -> Floats:
    """Return the log-likelihood of each distinct row."""
    leave, enter = np.maximum(rows.leave, _TINY), np.maximum(rows.enter, _TINY)
    with np.errstate(all="ignore"):
        ended = np.where(rows.observed, family.log_density(leave, terms), family.log_survival(leave, terms))
        late = np.where(rows.enter > 0, family.log_survival(enter, terms), 0.0)
    return np.where(rows.leave > 0, ended - late, 0.0)


def _derivatives(function: Callable[[Floats], Floats], at: Floats, *, step: float = 1e-5) -> Floats:
    """Return central differences of a function of the terms, one column a term."""
    columns = []
    for place, value in enumerate(at):
        move = np.zeros_like(at)
        move[place] = step * max(abs(value), 0.1)
        columns.append((function(at + move) - function(at - move)) / (2 * move[place]))
    return np.column_stack(columns)


def _checked(rows: EndRows, family: Family, *, terms: Floats, scores: Floats, information: Floats) -> tuple[float, Floats]:
    """Return the steepest slope and the covariance; raise unless the terms are a strict maximum."""
    size = np.where(family.positive, np.abs(terms), 1.0)
    slope = float(np.abs(rows.units @ scores * size).max() / rows.units.sum())
    scaled = information * np.outer(size, size)
    if not (np.isfinite(slope) and slope < _SLOPE and np.isfinite(scaled).all()):
        raise ConvergenceError(f"the search for the {family.fitter.removesuffix('Fitter')} curve stopped on a slope of {slope:.1e}. Use another family.")
    curvatures = np.linalg.eigvalsh(scaled)
    if curvatures[0] <= 1e-8 * curvatures[-1]:
        raise ConvergenceError(
            f"the {family.fitter.removesuffix('Fitter')} curve is not identified: the likelihood is flat in some direction. Use another family."
        )
    return slope, np.asarray(np.linalg.inv(scaled) * np.outer(size, size))


def _coefficients(rows: EndRows, family: Family, *, terms: Floats, covariance: Floats, conf_level: float) -> pd.DataFrame:
    half = special.ndtri((1 + check_conf_level(conf_level)) / 2) * np.sqrt(np.diag(covariance))
    positive = np.array(family.positive)
    factor = np.exp(half / np.where(positive, np.abs(terms), 1.0))
    limits = {"conf_low": np.where(positive, terms / factor, terms - half), "conf_high": np.where(positive, terms * factor, terms + half)}
    keys = {"term": list(family.terms)}
    return estimates(keys, metric="survival_coefficient", unit="ratio", estimate=terms, **limits, n=np.full(len(terms), rows.units.sum()))
