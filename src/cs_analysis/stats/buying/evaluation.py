"""A model of buying held against what came: by name, over time, and customer by customer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import interpolate, special

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.buying.bg_nbd import fit_bg_nbd, fit_mbg_nbd
from cs_analysis.stats.buying.fit import BuyingFit
from cs_analysis.stats.buying.histories import NEW_CUSTOMER, Floats, Ints
from cs_analysis.stats.buying.pareto_nbd import fit_pareto_nbd
from cs_analysis.stats.estimates import estimates
from cs_analysis.stats.positive_terms import carried_over, normal_quantile

MODELS: Mapping[str, Callable[..., BuyingFit]] = MappingProxyType({"bg_nbd": fit_bg_nbd, "mbg_nbd": fit_mbg_nbd, "pareto_nbd": fit_pareto_nbd})
_NODES = 120


def fit_buying(rfm: pd.DataFrame, *, model: str, conf_level: float = 0.95) -> BuyingFit:
    """Return the fit of the model of that name; `ParameterError` for another name."""
    check_model(model)
    return MODELS[model](rfm, conf_level=conf_level)


def check_model(model: str) -> None:
    """Raise `ParameterError` unless there is a model of that name."""
    if model not in MODELS:
        raise ParameterError(f"model must be one of {', '.join(map(repr, MODELS))}, not {model!r}.")


def expected_over_time(fit: BuyingFit, births: Ints, ends: Ints, *, conf_level: float) -> pd.DataFrame:
    """Return the repeat purchases expected of a cohort by each time, as estimates with the key `time_days`.

    `births` are the first purchases of day 0, 1, ..., `ends` the days up to whose beginning is counted. Expected of a new customer is computed at up
    to 120 ages, closer together when young, and interpolated between them; the limits hold the uncertainty of the parameters.
    """
    ages = np.maximum(ends[:, None] - 1 - np.arange(len(births)), 0)
    nodes = np.unique(np.round(np.linspace(0, np.sqrt(max(int(ages.max()), 3)), _NODES) ** 2))
    model = fit._fitted.model

    def log_total(point: Floats) -> Floats:
        staying = special.expit(model.alive_log_odds(point, NEW_CUSTOMER))  # some models let customers leave right after the first purchase
        by_age = np.concatenate([[0.0], *(staying * model.expected(point, NEW_CUSTOMER, float(day)) for day in nodes[1:])])
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(interpolate.CubicSpline(nodes, by_age)(ages) @ births))

    begun = ages @ births > 0
    values = [np.zeros(len(ends)) for _ in range(3)]
    if begun.any():
        error = fit._fitted.error(lambda point: log_total(point)[begun])
        for value, part in zip(values, carried_over(log_total(fit._fitted.point)[begun], error, conf_level=conf_level), strict=True):
            value[begun] = part
    estimate, low, high = values
    return estimates({"time_days": ends}, metric="expected_purchases", unit="count", estimate=estimate, conf_low=low, conf_high=high, n=int(births.sum()))


class Line(NamedTuple):
    """Intercept and slope of a straight line with limits: arrays of estimate, lower and upper limit."""

    intercept: Floats
    slope: Floats


def calibration_line(predicted: Floats, actual: Floats, *, conf_level: float) -> Line:
    """Return the straight line of what came on what was predicted; (0, 1) where the prediction is right on average at every height.

    Least squares; the limits allow for a scatter that grows with the prediction (White 1980, with the correction HC1).

    Raises
    ------
    NotEnoughDataError
        There are not three customers, or all have the same prediction.
    """
    centre, spread = predicted.mean(), np.ptp(predicted)
    if len(predicted) < 3 or spread <= 1e-6 * np.abs(predicted).max():
        raise NotEnoughDataError("a calibration line needs three customers with predictions that differ.")
    design = np.stack([np.ones_like(predicted), (predicted - centre) / spread], axis=1)
    inverse = np.linalg.inv(design.T @ design)
    fitted = inverse @ design.T @ actual
    pushed = design * (actual - design @ fitted)[:, None]
    back = np.array([[1, -centre / spread], [0, 1 / spread]])  # from the centred line to that of the predictions themselves
    terms = back @ fitted
    covariance = back @ inverse @ (pushed.T @ pushed) @ inverse @ back.T * len(actual) / (len(actual) - 2)
    reach = normal_quantile(conf_level) * np.sqrt(np.diag(covariance))
    return Line(*(np.array([term, term - width, term + width]) for term, width in zip(terms, reach, strict=True)))
