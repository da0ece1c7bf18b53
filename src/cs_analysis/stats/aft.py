"""What makes lives longer or shorter: accelerated failure time models, for durations with covariates.

The search is begun by lifelines, loaded when first needed, and taken to rounding by Newton steps on the likelihood and its exact derivatives below.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cs_analysis.errors import ConvergenceError, MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.cox.predict import _keys
from cs_analysis.stats.cox.terms import Terms, read_terms
from cs_analysis.stats.durations import GRID_PER_DAY
from cs_analysis.stats.estimates import check_conf_level, estimates
from cs_analysis.stats.fits import Diagnostic, Fit, diagnostics_table
from cs_analysis.stats.newton import Optimum, maximise
from cs_analysis.stats.risk import Flags, Floats, Integers, read_rows

INTERCEPT, LOG_SCALE = "intercept", "log_scale"
ENDS_A_TERM = 10
_FLAT = 1e10  # ratio of curvatures, for covariates in units of their spread, beyond which a direction is taken for flat

Part = Callable[[Floats], tuple[Floats, Floats, Floats]]


class ErrorLaw(NamedTuple):
    """Distribution of (log t - predictor) / scale: log S and log density, each with its first two derivatives, and the lifelines fitter."""

    fitter: str
    shape_is_inverse: bool
    log_survival: Part
    log_density: Part


def _extreme_survival(z: Floats) -> tuple[Floats, Floats, Floats]:
    power = np.exp(z)
    return -power, -power, -power


def _extreme_density(z: Floats) -> tuple[Floats, Floats, Floats]:
    power = np.exp(z)
    return z - power, 1 - power, -power


def _normal_survival(z: Floats) -> tuple[Floats, Floats, Floats]:
    tail = special.log_ndtr(-z)
    hazard = np.exp(-(z**2) / 2 - np.log(2 * np.pi) / 2 - tail)
    return tail, -hazard, -hazard * (hazard - z)


def _normal_density(z: Floats) -> tuple[Floats, Floats, Floats]:
    return -(z**2) / 2 - np.log(2 * np.pi) / 2, -z, -np.ones_like(z)


def _logistic_survival(z: Floats) -> tuple[Floats, Floats, Floats]:
    share = special.expit(z)
    return -np.logaddexp(0.0, z), -share, -share * (1 - share)


def _logistic_density(z: Floats) -> tuple[Floats, Floats, Floats]:
    share = special.expit(z)
    return z - 2 * np.logaddexp(0.0, z), 1 - 2 * share, -2 * share * (1 - share)


LAWS = {
    "weibull": ErrorLaw("WeibullAFTFitter", True, _extreme_survival, _extreme_density),
    "log_normal": ErrorLaw("LogNormalAFTFitter", False, _normal_survival, _normal_density),
    "log_logistic": ErrorLaw("LogLogisticAFTFitter", True, _logistic_survival, _logistic_density),
}


@dataclass(frozen=True, eq=False)
class AFTFit(Fit):
    """A fitted accelerated failure time model.

    Attributes
    ----------
    coefficients, covariance, log_likelihood, converged, diagnostics
        As for every fit; terms `intercept`, the covariates, `log_scale`.
    family : str
        Name of the family.
    n : int
        Units (rows times their counts).
    ends : int
        How many of them ended.
    conf_level : float
        Level of the limits.
    """

    family: str
    n: int
    ends: int
    conf_level: float
    _terms: Terms

    @property
    def beta(self) -> Floats:
        """The coefficients as numbers."""
        return np.asarray(self.coefficients["estimate"].to_numpy("float64"))

    @property
    def aic(self) -> float:
        """Akaike's information criterion."""
        return 2 * len(self.beta) - 2 * self.log_likelihood

    @property
    def time_ratios(self) -> pd.DataFrame:
        """Estimates with the key `term`, metric `time_ratio`: how many times as long everything takes when the covariate is one larger."""
        own = self.coefficients[~self.coefficients["term"].isin([INTERCEPT, LOG_SCALE])]
        numbers = {name: np.exp(own[name]) for name in ("estimate", "conf_low", "conf_high")}
        return estimates(own[["term"]], metric="time_ratio", unit="ratio", **numbers, n=own["n"])

    def predict(self, table: pd.DataFrame, *, at_days: npt.ArrayLike, conf_level: float | None = None) -> pd.DataFrame:
        """Share of units like each row of a table that have not ended by given times.

        Parameters
        ----------
        table : DataFrame
            The covariates of the fit.
        at_days : float or array-like
            Times in days, above 0. Beyond the data they are what the family says, no more.
        conf_level : float, optional
            Level of the limits; by default that of the fit.

        Returns
        -------
        DataFrame
            Estimates with the row's key (column `account_id` or `customer`, else the index, called `row` without a name) and `time_days`, metric
            `survival`, unit `share`, limits from those of (log t - predictor) / scale, `n` = units of the fit.

        Raises
        ------
        ParameterError, MissingColumnsError
            A time is not above 0; the table lacks a covariate or has a value that the fit did not know.
        """
        days = np.unique(np.asarray(at_days, dtype="float64"))
        if not (len(days) and (np.isfinite(days) & (days > 0)).all()):
            raise ParameterError(f"at_days must hold numbers of days above 0, not {at_days!r}.")
        x = _with_intercept(self._terms.of(table))
        row, time = (part.ravel() for part in np.meshgrid(np.arange(len(x)), days, indexing="ij"))
        z, slopes = _place(x[row], np.log(time), self.beta)
        level = self.conf_level if conf_level is None else check_conf_level(conf_level)
        half = _z(level) * np.sqrt(np.einsum("ij,jk,ik->i", slopes, self.covariance.to_numpy(), slopes))
        law = LAWS[self.family].log_survival
        keys = _keys(table).take(row).assign(time_days=time)
        limits = {"conf_low": np.exp(law(z + half)[0]), "conf_high": np.exp(law(z - half)[0])}
        return estimates(keys, metric="survival", unit="share", estimate=np.exp(law(z)[0]), **limits, n=np.full(len(z), self.n))


def fit_aft(
    durations: pd.DataFrame,
    covariates: str | Sequence[str],
    *,
    family: str = "weibull",
    weights: str | None = None,
    cluster: str | None = None,
    conf_level: float = 0.95,
) -> AFTFit:
    """Accelerated failure time model: what makes lives longer or shorter, by how many times, by maximum likelihood.

    log t = intercept + covariates x coefficients + scale x error. The error's law makes the family: Weibull (smallest extreme value), log-normal, log-logistic.
    exp(coefficient) is the time ratio: 2 means that everything takes twice as long. A unit that has not ended adds S at its last time, one that came
    under observation late is divided by S at its entry. Rows without any time under observation cannot be placed on a logarithmic axis and are left out.

    Parameters
    ----------
    durations : DataFrame
        As for `survival_curve`, with the covariates.
    covariates : str or list of str
        Columns, or a formula such as `"seats + C(plan)"`. Text becomes a column a level but the first.
    family : {"weibull", "log_normal", "log_logistic"}
        Law of the error.
    weights : str, optional
        Column of weights above 0: a row counts so many times.
    cluster : str, optional
        Column that says which rows belong together; the covariance is then the sandwich over clusters. Take each row for a cluster of its own to
        guard against a wrong family, or where weights are no counts.
    conf_level : float
        Level of the limits (Wald).

    Returns
    -------
    AFTFit
        `.coefficients` has the terms `intercept`, the covariates, `log_scale`, as R's survreg has them (log scale is minus the logarithm of a Weibull's or
        log-logistic's shape). What lifelines warned of stands in `.diagnostics`.

    Raises
    ------
    MissingColumnsError, ParameterError
        As for `survival_curve`; an unknown family; a covariate, weight or cluster that is missing or cannot be read.
    NotEnoughDataError
        Fewer ends than terms.
    ConvergenceError
        The search failed, or the likelihood is flat in some direction: covariates that repeat each other, or a level without an end.

    References
    ----------
    Kalbfleisch and Prentice (2002), The Statistical Analysis of Failure Time Data, chapter 3. Davidson-Pilon (2019), lifelines: survival analysis in
    Python, Journal of Open Source Software 4, 1317. Lin and Wei (1989), Journal of the American Statistical Association 84, 1074-1078 (sandwich).

    Examples
    --------
    >>> days, seats = [10.0, 20, 40, 80, 160, 60, 120, 200], [1, 1, 1, 2, 2, 3, 3, 3]
    >>> fit = fit_aft(pd.DataFrame({"duration_days": days, "observed": [True] * 7 + [False], "seats": seats}), "seats")
    >>> fit.coefficients["term"].tolist()
    ['intercept', 'seats', 'log_scale']
    """
    if family not in LAWS:
        raise ParameterError(f"family must be one of {', '.join(LAWS)}, not {family!r}.")
    check_conf_level(conf_level)
    rows, read = _read(durations, covariates, weights=weights, cluster=cluster)
    start, warned = _search(rows, family)
    best, beta, covariance = _polished(rows, LAWS[family], start)
    if rows.cluster is not None:
        covariance = _sandwich(rows, LAWS[family], beta, bread=covariance)
    names = [INTERCEPT, *read.names, LOG_SCALE]
    half, n = _z(conf_level) * np.sqrt(np.diag(covariance)), round(rows.units.sum())
    limits = {"conf_low": beta - half, "conf_high": beta + half}
    found = [Diagnostic("slope of the likelihood", best.steepest), *_few_ends(rows), *_left_out(len(durations) - len(rows.leave)), *warned]
    return AFTFit(
        coefficients=estimates({"term": names}, metric="log_time_ratio", unit="ratio", estimate=beta, **limits, n=np.full(len(names), n)),
        covariance=pd.DataFrame(covariance, index=names, columns=names),
        log_likelihood=float(rows.weight @ _pieces(rows, LAWS[family], beta)[0]),
        converged=True,
        diagnostics=diagnostics_table(found),
        family=family,
        n=n,
        ends=round(rows.units[rows.observed].sum()),
        conf_level=conf_level,
        _terms=read,
    )


class _Rows(NamedTuple):
    """Rows with time under observation: intercept and covariates, times in days, and how much each counts."""

    x: Floats
    enter: Floats
    leave: Floats
    observed: Flags
    units: Floats
    weight: Floats
    cluster: Integers | None


def _read(durations: pd.DataFrame, covariates: str | Sequence[str], *, weights: str | None, cluster: str | None) -> tuple[_Rows, Terms]:
    rows = read_rows(durations, None)
    terms = read_terms(durations, covariates)
    x = _with_intercept(terms.of(durations))
    count = np.ones(len(x)) if rows.count is None else rows.count.astype("float64")
    enter = np.zeros(len(x)) if rows.enter is None else rows.enter / GRID_PER_DAY
    codes = None if cluster is None else pd.factorize(_column(durations, cluster, "cluster"))[0]
    weight = count if weights is None else count * _positive(_column(durations, weights, "weights"))
    seen = rows.leave > 0
    ends = count[seen & rows.observed].sum()
    if ends < x.shape[1] + 1:
        raise NotEnoughDataError(f"{x.shape[1] + 1} terms need at least as many ends, better ten times as many; there are {ends:g}. Use fewer covariates.")
    x, enter, leave, count, weight = (part[seen] for part in (x, enter, rows.leave / GRID_PER_DAY, count, weight))
    return _Rows(x, enter, leave, rows.observed[seen], count, weight, None if codes is None else codes[seen]), terms


def _column(table: pd.DataFrame, name: str, what: str) -> pd.Series:
    if name not in table.columns:
        raise MissingColumnsError([name], table.columns, table="durations")
    missing = table[name].isna()
    if missing.any():
        raise ParameterError(f"{what} must be known in every row; {name} is missing in {int(missing.sum())} rows (first row {missing.idxmax()!r}). Fill it in.")
    return table[name]


def _positive(values: pd.Series) -> Floats:
    if not pd.api.types.is_numeric_dtype(values) or not ((values > 0) & (values < np.inf)).all():
        raise ParameterError(f"weights must be finite numbers above 0, which {values.name} does not hold in every row. Leave out rows that should not count.")
    return np.asarray(values, dtype="float64")


def _with_intercept(x: Floats) -> Floats:
    return np.column_stack([np.ones(len(x)), x])


def _search(rows: _Rows, family: str) -> tuple[Floats, list[Diagnostic]]:
    """Return where lifelines ends, on our terms for covariates less their mean in units of their spread, and what it warned of."""
    import lifelines  # noqa: PLC0415 - more than a second; most calls never need it

    law = LAWS[family]
    names = [f"x{number}" for number in range(1, rows.x.shape[1])]
    table = pd.DataFrame(_scaled(rows)[0][:, 1:], columns=names)
    table = table.assign(leave=rows.leave, observed=rows.observed, enter=rows.enter, weight=rows.weight)
    options: dict[str, Any] = {"entry_col": "enter", "weights_col": "weight"}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fitter = getattr(lifelines, law.fitter)().fit(table, "leave", "observed", **options)
        except (lifelines.exceptions.ConvergenceError, lifelines.exceptions.StatError, np.linalg.LinAlgError) as failure:
            raise ConvergenceError(
                f"the {family} model could not be fitted to {len(rows.leave)} rows and {len(names)} covariates. Look for covariates that repeat each other or "
                "levels without an end, or use another family."
            ) from failure
    texts = sorted({text for warning in caught if "weights are not integers" not in (text := str(warning.message).strip().splitlines()[0])})
    terms = fitter.params_.droplevel(0)
    shape = float(terms.iloc[-1])
    start = np.array([terms["Intercept"].iloc[0], *terms[names], -shape if law.shape_is_inverse else shape])
    return start, [Diagnostic("warning of the search", 1.0, text, "compare with another family before trusting it") for text in texts]


def _scaled(rows: _Rows) -> tuple[Floats, Floats]:
    """Return the rows' columns less their mean, in units of their spread, and the matrix that takes coefficients back."""
    mean, spread = rows.x.mean(axis=0), rows.x.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    mean[0] = 0.0
    back = np.diag(np.append(1 / spread, 1.0))
    back[0, 1:-1] = -mean[1:] / spread[1:]
    return (rows.x - mean) / spread, back


def _place(x: Floats, log_days: Floats, beta: Floats) -> tuple[Floats, Floats]:
    """Return z = (log t - predictor) / scale of each row, and its derivatives by the terms."""
    scale = np.exp(beta[-1])
    z = (log_days - x @ beta[:-1]) / scale
    return z, np.column_stack([-x / scale, -z])


def _pieces(rows: _Rows, law: ErrorLaw, beta: Floats) -> tuple[Floats, Floats, list[tuple[Floats, Floats, Floats]]]:
    """Return log-likelihood and score of each row; and of end and entry the place, its slopes, and the first two derivatives by the place."""
    z, slopes = _place(rows.x, np.log(rows.leave), beta)
    ended, lasting = law.log_density(z), law.log_survival(z)
    value, first, second = (np.where(rows.observed, one, other) for one, other in zip(ended, lasting, strict=True))
    value = value - np.where(rows.observed, beta[-1] + np.log(rows.leave), 0.0)
    score = first[:, None] * slopes
    score[:, -1] -= rows.observed
    parts = [(slopes, first, second)]
    late = rows.enter > 0
    if late.any():
        entry, entry_slopes = _place(rows.x[late], np.log(rows.enter[late]), beta)
        before, one, two = law.log_survival(entry)
        value[late] -= before
        score[late] -= one[:, None] * entry_slopes
        parts.append((entry_slopes, -one, -two))
    return value, score, parts


def _hessian(parts: list[tuple[Floats, Floats, Floats]], weights: list[Floats]) -> Floats:
    """Return the second derivatives: of each piece g(z), g'' slopes slopes' + g' times the second derivatives of z, which only log_scale has."""
    total = np.zeros((parts[0][0].shape[1],) * 2)
    for (slopes, first, second), weight in zip(parts, weights, strict=True):
        own = (slopes * (weight * second)[:, None]).T @ slopes
        by_scale = -(weight * first) @ slopes  # z_(beta, log_scale) = x / scale and z_(log_scale, log_scale) = z: minus the slopes
        own[-1, :] += by_scale
        own[:-1, -1] += by_scale[:-1]
        total += own
    return total


def _polished(rows: _Rows, law: ErrorLaw, start: Floats) -> tuple[Optimum, Floats, Floats]:
    """Return the maximum, and coefficients and covariance on the scale of the covariates."""
    x, back = _scaled(rows)
    scaled, total = rows._replace(x=x), rows.weight.sum()
    shares = [rows.weight / total, rows.weight[rows.enter > 0] / total]

    def objective(beta: Floats) -> tuple[float, Floats, Floats]:
        with np.errstate(all="ignore"):
            value, score, parts = _pieces(scaled, law, beta)
            return float(shares[0] @ value), shares[0] @ score, _hessian(parts, shares[: len(parts)])

    best = maximise(objective, start, terms=[INTERCEPT, *(f"term {number}" for number in range(1, x.shape[1])), LOG_SCALE])
    if not best.condition < _FLAT:
        raise ConvergenceError("the likelihood is flat in some direction: covariates repeat each other, or a level has no end. Leave one out or join levels.")
    covariance = back @ np.linalg.inv(-best.hessian * total) @ back.T
    return best, back @ best.point, np.asarray(covariance)


def _sandwich(rows: _Rows, law: ErrorLaw, beta: Floats, *, bread: Floats) -> Floats:
    score = _pieces(rows, law, beta)[1] * rows.weight[:, None]
    codes = np.asarray(rows.cluster)
    sums = np.column_stack([np.bincount(codes, column) for column in score.T]) @ bread
    return np.asarray(sums.T @ sums)


def _few_ends(rows: _Rows) -> list[Diagnostic]:
    a_term = float(rows.units[rows.observed].sum() / (rows.x.shape[1] + 1))
    few = a_term < ENDS_A_TERM
    return [Diagnostic("ends a term", a_term, "few" if few else "ok", f"use fewer covariates: below {ENDS_A_TERM} the limits are too narrow" if few else "")]


def _left_out(rows: int) -> list[Diagnostic]:
    return [Diagnostic("rows without any time", float(rows), "left out", "see how they come about")] if rows else []


def _z(conf_level: float) -> float:
    return float(special.ndtri((1 + conf_level) / 2))
