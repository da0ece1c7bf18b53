"""Cox regression of durations on covariates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cs_analysis.errors import ConvergenceError, NotEnoughDataError
from cs_analysis.stats.cox.baseline import cumulative_hazard
from cs_analysis.stats.cox.concordance import agreement
from cs_analysis.stats.cox.design import CoxData, read_design
from cs_analysis.stats.cox.identification import check_design
from cs_analysis.stats.cox.likelihood import PartialLikelihood
from cs_analysis.stats.cox.predict import Fitted, contributions, exponentiated, log_hazard_ratios, survival
from cs_analysis.stats.cox.proportionality import proportionality_test, schoenfeld
from cs_analysis.stats.cox.robust import robust_covariance
from cs_analysis.stats.cox.separation import check_separation
from cs_analysis.stats.estimates import check_conf_level, estimates
from cs_analysis.stats.fits import Diagnostic, Fit, diagnostics_table
from cs_analysis.stats.newton import Optimum, maximise
from cs_analysis.stats.risk import By, Floats

FEW_CLUSTERS = 30
FEW_ENDS_A_TERM = 5
_FAR_FROM_SINGULAR = 1e-6


@dataclass(frozen=True, eq=False)
class CoxFit(Fit):
    """A fitted Cox regression.

    Attributes
    ----------
    coefficients, covariance, log_likelihood, converged, diagnostics
        As for every fit; the likelihood is the partial one. Coefficients are log hazard ratios of one unit of a term.
    null_log_likelihood : float
        With all coefficients 0: twice the difference is the likelihood-ratio statistic, with as many degrees of freedom as there are terms.
    data : CoxData
        The rows as the fit read them.
    beta : array
        The coefficients as numbers.
    """

    null_log_likelihood: float
    data: CoxData
    beta: Floats
    conf_level: float
    _fitted: Fitted

    @property
    def hazard_ratios(self) -> pd.DataFrame:
        """The coefficients and their limits exponentiated: estimates with the key `term`, metric `hazard_ratio`, `n` = ends."""
        return exponentiated(self.coefficients)

    def baseline(self) -> pd.DataFrame:
        """Cumulative hazard of a unit whose terms are all 0 (every category at its first level), by stratum.

        At every time at which a unit ends it rises by the weight of the ends over the sum of the relative hazards at risk, with the ties method
        of the fit. Where 0 is far from the data (a year, say), use `predict` for units that exist.

        Returns
        -------
        DataFrame
            Estimates with the keys of the strata and `time_days`; metric `cumulative_hazard`, unit `ratio`, `n` = rows at risk just before. The
            limits are symmetric for the logarithm and hold the uncertainty of the coefficients.

        References
        ----------
        Breslow (1974), Biometrics 30, 89-99. Efron (1977), Journal of the American Statistical Association 72, 557-565.
        """
        return cumulative_hazard(self._fitted.design, self.beta, covariance=self._fitted.covariance, conf_level=self.conf_level)

    def predict(self, table: pd.DataFrame, *, at_days: npt.ArrayLike, conf_level: float | None = None) -> pd.DataFrame:
        """Probability of units with given covariates not to have ended by given times, counted from their origin.

        S(t | x) = exp(-H(t) exp(x beta)), H the cumulative hazard of the unit's stratum. The limits are symmetric for log(-log S); the variance
        holds that of the cumulative hazard and that of the coefficients. Covariates are taken to stay as they are.

        Parameters
        ----------
        table : DataFrame
            One row a unit, with the covariates and strata of the fit; further columns do not matter.
        at_days : float or array-like
            Times in days.
        conf_level : float, optional
            Confidence level; that of the fit if it is not given.

        Returns
        -------
        DataFrame
            Estimates with the keys `account_id` or `customer` (where the table has such a column; else the index, called `row` if it has no
            name) and `time_days`; metric `survival`, unit `share`, `n` = ends the fit rests on. All is missing beyond the longest follow-up of
            the stratum; the limits also before its first end.

        Raises
        ------
        MissingColumnsError, ParameterError, NotEnoughDataError
            A column is absent, a value is missing or unknown to the fit, a time is negative; the table has no row.

        References
        ----------
        Tsiatis (1981), Annals of Statistics 9, 93-108. Therneau and Grambsch (2000), Modeling Survival Data, section 10.2.
        """
        return survival(self._fitted, table, at_days=at_days, conf_level=self.conf_level if conf_level is None else conf_level)

    def log_hazard_ratios_of(self, table: pd.DataFrame, *, conf_level: float | None = None) -> pd.DataFrame:
        """Log hazard ratio of units against the average of the fit: (x - mean) beta, the (weighted) mean over its rows.

        Parameters
        ----------
        table : DataFrame
            One row a unit, with the covariates of the fit.
        conf_level : float, optional
            Confidence level; that of the fit if it is not given.

        Returns
        -------
        DataFrame
            Estimates with the key of `predict`; metric `log_hazard_ratio`, unit `ratio`, `n` = ends the fit rests on.
        """
        return log_hazard_ratios(self._fitted, table, conf_level=self.conf_level if conf_level is None else conf_level)

    def hazard_ratios_of(self, table: pd.DataFrame, *, conf_level: float | None = None) -> pd.DataFrame:
        """Hazard ratio of units against the average of the fit: `log_hazard_ratios_of` exponentiated, metric `hazard_ratio`."""
        return exponentiated(self.log_hazard_ratios_of(table, conf_level=conf_level))

    def contributions(self, table: pd.DataFrame) -> pd.DataFrame:
        """Part of each covariate in the log hazard ratio of units against the average: beta (x - mean), summed over the terms of the covariate.

        Parameters
        ----------
        table : DataFrame
            One row a unit, with the covariates of the fit.

        Returns
        -------
        DataFrame
            The index of the table, a column a covariate (term of the formula); rows sum to `log_hazard_ratios_of`.
        """
        return contributions(self._fitted, table)

    def proportionality(self, *, transform: str = "km", groups: Mapping[str, Sequence[str]] | None = None) -> pd.DataFrame:
        """Score test of whether hazard ratios stay the same over time; see `proportionality_test`.

        Parameters
        ----------
        transform : str
            `"km"`, `"identity"`, `"log"` or `"rank"`.
        groups : mapping, optional
            Name -> terms tested together; by default the terms of each covariate.

        Returns
        -------
        DataFrame
            `term, statistic, df, p_value`, then the row `GLOBAL`.
        """
        covariates = self._fitted.design.terms.covariates
        own = {name: [self.data.terms[place] for place in places] for name, places in covariates.items()}
        return proportionality_test(self.data, self.beta, transform=transform, groups=own if groups is None else groups)

    def residuals(self) -> pd.DataFrame:
        """Scaled Schoenfeld residuals `time_days, term, residual`: they scatter evenly around a coefficient that stays the same."""
        return schoenfeld(self.data, self.beta)

    def concordance(self) -> pd.DataFrame:
        """Share of comparable pairs in which the unit with the higher predicted hazard ended first, on the rows of the fit itself.

        Returns
        -------
        DataFrame
            One row of estimates; metric `concordance`, unit `share`, `n` = rows. Judged on the data that made the fit: a little too good.
        """
        found = agreement(self.data.x @ self.beta, self.data).interval(self.conf_level)
        return estimates({}, metric="concordance", unit="share", **found._asdict(), n=len(self.data.leave))


def fit_cox(
    durations: pd.DataFrame,
    covariates: str | Sequence[str],
    *,
    strata: By = None,
    cluster: str | None = None,
    weights: str | None = None,
    ties: str = "efron",
    conf_level: float = 0.95,
) -> CoxFit:
    """Cox regression: how many times as fast units end for each unit of a covariate, whatever the course of the hazard over time.

    hazard(t | x) = h(t) exp(x beta), with an h of its own for each stratum, left open; beta maximises the partial likelihood. A row is at risk on
    (enter_days, duration_days], one that enters at 0 at time 0 as well. A unit whose covariates change has several rows, each from the change
    until the next, `observed` in the last one at most. Times are read in steps of 1e-9 day: what is closer is tied. (R's `coxph` ties times
    within about 1.5e-8 of each other, which matters for fractions of days only.)

    Parameters
    ----------
    durations : DataFrame
        `duration_days`, `observed`, the covariates; `enter_days` (absent: 0) and `count` (equal units that a row stands for; absent: 1) if
        they apply. See `durations`.
    covariates : str or list of str
        Columns: numbers and true/false as they are, text and categories as one term for each level but the first (`plan[T.pro]`). Or a
        formula such as `"age + C(plan) + mrr:seats"`, without intercept in the result.
    strata : str or list of str, optional
        Columns whose combinations have baseline hazards of their own. A missing value is a stratum of its own.
    cluster : str, optional
        Column that says which rows belong together, such as the account of several users or the unit of several spells. With it the
        covariance and limits are robust: of the sandwich form, by clusters.
    weights : str, optional
        Column of weights above 0. Weights that are not all whole numbers cannot be counts: without `cluster` each row is then its own cluster.
        For counts use the column `count`, which under Efron's method is not the same as a weight.
    ties : {"efron", "breslow"}
        Treatment of units that end at the same time.
    conf_level : float
        Level of the limits (Wald, on the logarithm).

    Returns
    -------
    CoxFit
        `.coefficients` have the key `term`, metric `log_hazard_ratio`, unit `ratio`, `n` = ends; `.hazard_ratios` the same exponentiated.
        `.diagnostics` has the gradient left, whether the covariance is robust (1) or the model's (0), the clusters, and the ends for each term.

    Raises
    ------
    MissingColumnsError, ParameterError
        A column is absent, a value breaks a rule or is missing; a coefficient cannot be told (a column is constant or follows from others).
    NotEnoughDataError
        There is no row, nobody ended, or there are more terms than ends, or not more clusters than terms.
    ConvergenceError
        The likelihood has no maximum: a covariate, or a combination, tells the ends apart from all others.

    References
    ----------
    Cox (1972), Journal of the Royal Statistical Society B 34, 187-220. Efron (1977), Journal of the American Statistical Association 72,
    557-565. Breslow (1974), Biometrics 30, 89-99. Lin and Wei (1989), Journal of the American Statistical Association 84, 1074-1078.

    Examples
    --------
    >>> table = pd.DataFrame({"duration_days": [2, 3, 3, 5, 8, 9], "observed": [True, True, True, True, False, True], "seats": [1, 4, 2, 6, 5, 3]})
    >>> fit_cox(table, ["seats"]).hazard_ratios[["term", "metric", "n"]]
        term        metric  n
    0  seats  hazard_ratio  5
    """
    level = check_conf_level(conf_level)
    design = read_design(durations, covariates, strata=strata, cluster=cluster, weights=weights, ties=ties)
    likelihood = PartialLikelihood.of(design.data)
    ends, squares = float(design.data.weights[design.data.observed].sum()), np.outer(likelihood.scale, likelihood.scale)
    null = likelihood.scaled(np.zeros(len(design.data.terms)))
    if not _clearly_told(null[2] / max(ends, 1.0), design.data):
        check_design(design.data, information=null[2] * squares)
    optimum = _maximum(likelihood, design.data, null=null)
    beta = optimum.point / likelihood.scale
    information = -optimum.hessian * ends * squares
    check_separation(design.data, beta, at_zero=null[2] * squares, at_beta=information)
    covariance, robust = _covariance(design.data, beta, information=information)
    found = list(_diagnostics(design.data, optimum, robust=robust))
    return CoxFit(
        coefficients=_coefficients(design.data, beta, covariance=covariance, conf_level=level),
        covariance=pd.DataFrame(covariance, index=design.data.terms, columns=design.data.terms),
        log_likelihood=optimum.value * ends,
        converged=True,
        diagnostics=diagnostics_table(found),
        null_log_likelihood=null[0],
        data=design.data,
        beta=beta,
        conf_level=level,
        _fitted=Fitted(design, beta, covariance),
    )


def _clearly_told(information: Floats, data: CoxData) -> bool:
    """Return whether the information of an end, by covariates of spread 1, is far from singular: what needs no closer look."""
    return bool(data.observed.sum() >= len(data.terms) and np.linalg.eigvalsh(information)[0] > _FAR_FROM_SINGULAR)


def _maximum(likelihood: PartialLikelihood, data: CoxData, *, null: tuple[float, Floats, Floats]) -> Optimum:
    """Return the maximum of the mean log-likelihood of an end, by the scaled covariates, from coefficients of 0, where it is known."""
    ends = float(data.weights[data.observed].sum())

    def mean(beta: Floats) -> tuple[float, Floats, Floats]:
        value, score, information = likelihood.scaled(beta) if beta.any() else null
        return value / ends, score / ends, -information / ends

    try:
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # a point out of reach has no finite value
            return maximise(mean, np.zeros(len(data.terms)), terms=data.terms)
    except ConvergenceError:
        check_separation(data, np.zeros(len(data.terms)))
        raise


def _covariance(data: CoxData, beta: Floats, *, information: Floats) -> tuple[Floats, bool]:
    """Return the covariance of the coefficients, and whether it is robust."""
    scale = np.sqrt(np.diag(information))
    model = np.linalg.inv(information / np.outer(scale, scale)) / np.outer(scale, scale)
    robust = data.cluster is not None or bool(np.any(data.weights != np.rint(data.weights)))
    clusters = len(data.leave) if data.cluster is None else int(data.cluster.max()) + 1
    if robust and clusters <= len(data.terms):
        raise NotEnoughDataError(
            f"{clusters} clusters say nothing of the spread of {len(data.terms)} coefficients. Use more clusters than terms, or no cluster."
        )
    return (robust_covariance(data, beta, covariance=model), True) if robust else (model, False)


def _coefficients(data: CoxData, beta: Floats, *, covariance: Floats, conf_level: float) -> pd.DataFrame:
    half = special.ndtri((1 + conf_level) / 2) * np.sqrt(np.diag(covariance))
    keys = {"term": list(data.terms)}
    ends = int(data.observed.sum())
    return estimates(keys, metric="log_hazard_ratio", unit="ratio", estimate=beta, conf_low=beta - half, conf_high=beta + half, n=ends)


def _diagnostics(data: CoxData, optimum: Optimum, *, robust: bool) -> Iterator[Diagnostic]:
    """Yield what the fit itself has to say."""
    yield Diagnostic("gradient", optimum.steepest)
    yield Diagnostic("robust_covariance", float(robust))
    if robust:
        clusters = len(data.leave) if data.cluster is None else int(data.cluster.max()) + 1
        text = f"fewer than {FEW_CLUSTERS} clusters: robust limits are too narrow. Use larger data, or a coarser model."
        yield Diagnostic("clusters", clusters, *(("few clusters", text) if clusters < FEW_CLUSTERS else ()))
    each = int(data.observed.sum()) / len(data.terms)
    text = f"fewer than {FEW_ENDS_A_TERM} ends for each term: estimates are unstable. Use fewer covariates or join levels."
    yield Diagnostic("ends_per_term", each, *(("few ends", text) if each < FEW_ENDS_A_TERM else ()))
