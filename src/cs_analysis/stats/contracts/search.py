"""The search for the parameters of a model of contracts: design, likelihood, maximum, and what the maximum says against itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special, stats

from cs_analysis.errors import ConvergenceError, NotEnoughDataError
from cs_analysis.stats.contracts.renewals import ContractModel, Floats
from cs_analysis.stats.contracts.retained import Retained
from cs_analysis.stats.fits import Diagnostic
from cs_analysis.stats.identification import identification
from cs_analysis.stats.newton import Objective, Optimum, maximise
from cs_analysis.stats.positive_terms import log_covariance

_ALIKE = 1e-4  # share of the variance of leaving that lies between customers: below it, or as close to 1, the model is a simpler one
_RIDGE = 1e-10
_SAME = 1e-12  # of the mean log-likelihood: two searches that agree have found the highest maximum


@dataclass(frozen=True, eq=False)
class Design:
    """How the parameters of each kind of customer follow from those that are searched for.

    Attributes
    ----------
    segments : DataFrame
        Distinct values of the covariates; one row without columns if there are none.
    matrix : array
        Segments x parameters of the model x terms searched for, all as logarithms. Numbers are centred and scaled.
    terms : tuple of str
        Names of the terms.
    scale : array
        What a term is to be multiplied with to be of one unit of its covariate.
    segment_of : array
        The segment of each cohort.
    """

    segments: pd.DataFrame
    matrix: Floats
    terms: tuple[str, ...]
    scale: Floats
    segment_of: np.ndarray


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model at its maximum. `point` and `covariance` are of the logarithms of the terms, as the design has them."""

    model: ContractModel
    data: Retained
    design: Design
    point: Floats
    covariance: Floats
    value: float

    def logs(self, point: Floats) -> Floats:
        """Return the logarithms of the model's parameters in each segment."""
        return np.asarray(self.design.matrix @ point)


def design_of(data: Retained, model: ContractModel) -> Design:
    """Return the design: log alpha and log beta are each a constant plus an effect of each covariate; c is the same for all."""
    segments = (
        data.cohorts[data.covariates].drop_duplicates().sort_values(data.covariates).reset_index(drop=True) if data.covariates else pd.DataFrame(index=[0])
    )
    segment_of = np.zeros(len(data.cohorts), dtype="int64")
    if data.covariates:
        places = segments.assign(_segment=np.arange(len(segments)))
        segment_of = data.cohorts[data.covariates].merge(places, on=data.covariates, how="left")["_segment"].to_numpy()
    weights = np.bincount(segment_of, data.cohorts["_size"], len(segments)).astype("float64")
    effects = [effect for name in data.covariates for effect in _effects(segments[name], weights)]
    count = len(model.terms)
    matrix = np.zeros((len(segments), count, count + 2 * len(effects)))
    matrix[:, np.arange(count), np.arange(count)] = 1.0
    for number, (_, values, _) in enumerate(effects):
        matrix[:, 0, count + 2 * number] = matrix[:, 1, count + 2 * number + 1] = values
    names = [f"{term} x {name}" for name, _, _ in effects for term in ("alpha", "beta")]
    scale = np.array([1.0] * count + [size for _, _, size in effects for _ in range(2)])
    return Design(segments, matrix, (*model.terms, *names), scale, segment_of)


def _effects(values: pd.Series, weights: Floats) -> Iterator[tuple[str, Floats, float]]:
    """Yield name, values and size of a unit: of a number itself, or of each but the first level of anything else."""
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        numbers = values.to_numpy(dtype="float64")
        middle = np.average(numbers, weights=weights)
        spread = float(np.sqrt(np.average((numbers - middle) ** 2, weights=weights))) or 1.0
        yield str(values.name), (numbers - middle) / spread, 1 / spread
        return
    for level in sorted(values.unique())[1:]:
        yield f"{values.name}={level}", (values == level).to_numpy(dtype="float64"), 1.0


def objective(data: Retained, model: ContractModel, design: Design) -> Objective:
    """Return the mean log-likelihood of a customer, with gradient and Hessian: a renewal is kept or lost with the model's odds."""
    steps = data.steps.assign(segment=design.segment_of[data.steps["cohort"]]).groupby(["segment", "renewal"], as_index=False)[["kept", "lost"]].sum()
    kept, lost, renewal = (steps[name].to_numpy(dtype="float64") for name in ("kept", "lost", "renewal"))
    rows, customers = design.matrix[steps["segment"]], data.customers

    def mean(point: Floats) -> tuple[float, Floats, Floats]:
        with np.errstate(all="ignore"):
            leaving = model.leaving(rows @ point, renewal)
            value = lost @ special.log_expit(leaving.log_odds) + kept @ special.log_expit(-leaving.log_odds)
            chance = special.expit(leaving.log_odds)
            slope, bend = lost - (lost + kept) * chance, (lost + kept) * chance * (1 - chance)
            inner = leaving.hessian * slope[:, None, None] - leaving.gradient[:, :, None] * leaving.gradient[:, None, :] * bend[:, None, None]
            gradient = np.einsum("rkp,rk,r->p", rows, leaving.gradient, slope)
            hessian = np.einsum("rkp,rkl,rlq->pq", rows, inner, rows)
        sound = np.isfinite(value) and np.isfinite(gradient).all() and np.isfinite(hessian).all()
        return (float(value) / customers if sound else -np.inf), gradient / customers, hessian / customers

    return mean


def search(data: Retained, model: ContractModel, design: Design) -> Optimum:
    """Return the highest maximum that the searches find.

    Raises
    ------
    NotEnoughDataError
        Fewer renewals than terms.
    ConvergenceError
        Nobody left, everybody left at the first renewal, or the likelihood rises for ever.
    """
    _refuse_hopeless(data, design)
    aim = objective(data, model, design)
    found: list[Optimum] = []
    failures: list[ConvergenceError] = []
    for start in _starts(data, model, design):
        try:
            found.append(maximise(aim, start, terms=design.terms))
        except ConvergenceError as error:
            failures.append(error)
        values = sorted(optimum.value for optimum in found)
        if len(values) > 1 and values[-1] - values[-2] < _SAME:
            break
    if not found:
        raise failures[0]
    return max(found, key=lambda optimum: optimum.value)


def _refuse_hopeless(data: Retained, design: Design) -> None:
    steps = data.steps
    if not steps["lost"].sum():
        raise ConvergenceError(f"nobody of {data.customers:,} customers left at {len(steps)} renewals: the likelihood rises until nobody ever does. Wait.")
    if not steps["kept"].sum():
        raise ConvergenceError(f"all of {data.customers:,} customers left at the first renewal: there is nothing to project. Check the dates of the contracts.")
    seen = len(pd.DataFrame({"segment": design.segment_of[steps["cohort"]], "renewal": steps["renewal"]}).drop_duplicates())
    if seen < len(design.terms):
        raise NotEnoughDataError(
            f"{len(design.terms)} terms ({', '.join(design.terms)}) need as many renewals with customers; there are {seen}. Wait, or use a simpler model."
        )


def _starts(data: Retained, model: ContractModel, design: Design) -> Iterator[Floats]:
    """Yield points to start from: the right share at the first renewal, customers who differ much or little, c below and above 1."""
    first = data.steps[data.steps["renewal"] == 1]
    share = float(np.clip(first["lost"].sum() / (first["lost"] + first["kept"]).sum(), 0.01, 0.99))
    for strength in (2.0, 20.0):
        for c in (1.0, 0.5, 2.0) if len(model.terms) > 2 else (1.0,):
            start = np.zeros(len(design.terms))
            start[: len(model.terms)] = np.log([share * strength, (1 - share) * strength, c][: len(model.terms)])
            yield start


def fitted_at(optimum: Optimum, data: Retained, model: ContractModel, *, design: Design) -> Fitted:
    """Return the model at a maximum, with a covariance that leaves out directions in which the likelihood is flat to rounding."""
    covariance = np.linalg.pinv(-optimum.hessian, rcond=_RIDGE, hermitian=True) / data.customers
    return Fitted(model, data, design, optimum.point, np.asarray(covariance), optimum.value * data.customers)


def checks(optimum: Optimum, fitted: Fitted) -> Iterator[Diagnostic]:
    """Yield what the maximum has to say: gradient, curvature, standard errors, the limits of the model, and whether covariates matter."""
    data, design = fitted.data, fitted.design
    yield from identification(optimum, log_covariance(optimum, customers=data.customers), design.terms)
    logs = fitted.logs(fitted.point)
    alike = 1 / (1 + np.exp(logs[:, :2]).sum(axis=1))
    yield Diagnostic("difference between customers", float(alike.min()), *_extremes(alike))
    if len(fitted.model.terms) > 2:
        yield Diagnostic("c", float(np.exp(logs[0, 2])), *_power(float(logs[0, 2])))
    if data.covariates:
        yield _likelihood_ratio(fitted)


def _extremes(alike: Floats) -> tuple[str, str] | tuple[()]:
    if alike.min() < _ALIKE:
        return "boundary", "alpha and beta are without limit: customers do not differ, and the model is the simpler one with the same chance for all."
    if alike.max() > 1 - _ALIKE:
        return "boundary", "alpha and beta are 0: customers leave at the first renewal or never. Wait for later renewals."
    return ()


def _power(log_power: float) -> tuple[str, str] | tuple[()]:
    if abs(log_power) < np.log(100):
        return ()
    return "boundary", "c is on its way to 0 or infinity: use the shifted-beta-geometric model, or wait for more renewals."


def _likelihood_ratio(fitted: Fitted) -> Diagnostic:
    """Return the p-value of the covariates: twice the gain in log-likelihood over the model without them."""
    plain = Retained(fitted.data.cohorts, fitted.data.steps, fitted.data.keys, [])
    without = design_of(plain, fitted.model)
    gain = fitted.value - search(plain, fitted.model, without).value * plain.customers
    p = float(stats.chi2.sf(2 * max(gain, 0.0), len(fitted.design.terms) - len(without.terms)))
    text = "the covariates add nothing that chance does not: leave them out."
    return Diagnostic("p-value of the covariates (likelihood ratio)", p, "ok", "" if p < 0.05 else text)
