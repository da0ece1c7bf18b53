"""What a Cox regression says of units: survival, hazard ratios against the average unit, and the part of each covariate in them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.cox.baseline import Baseline, variance_along
from cs_analysis.stats.cox.design import Design
from cs_analysis.stats.estimates import check_conf_level, estimates
from cs_analysis.stats.risk import LONGEST_DAYS, Floats, steps
from cs_analysis.stats.survival import log_log_around


class Fitted(NamedTuple):
    """What predictions need: the rows of the fit, its coefficients and their covariance."""

    design: Design
    beta: Floats
    covariance: Floats

    @property
    def ends(self) -> int:
        """Number of ends that the fit rests on."""
        return int(self.design.data.observed.sum())

    @property
    def centre(self) -> Floats:
        """Weighted mean of every term over the rows of the fit."""
        data = self.design.data
        return np.asarray(np.average(data.x, axis=0, weights=data.weights))


def survival(fitted: Fitted, table: pd.DataFrame, *, at_days: npt.ArrayLike, conf_level: float) -> pd.DataFrame:
    """Return the probability of each row to survive each time; see `CoxFit.predict`."""
    z = special.ndtri((1 + check_conf_level(conf_level)) / 2)
    days = np.unique(np.asarray(at_days, dtype="float64"))
    if not ((days >= 0) & (days <= LONGEST_DAYS)).all():
        raise ParameterError(f"at_days must hold numbers of days from 0 to {LONGEST_DAYS}, not {at_days!r}.")
    keys, x = _keys(table), fitted.design.terms.of(table)
    stratum = fitted.design.stratum_of(table)
    base = Baseline.of(fitted.design.data, fitted.beta)
    away = x - base.centre
    relative = np.exp(away @ fitted.beta)
    shares, errors = np.empty((len(x), len(days))), np.empty((len(x), len(days)))
    for column, step in enumerate(steps(days)):
        hazard, spread, slope = base.at(stratum, int(step))
        direction = hazard[:, None] * away - slope
        shares[:, column] = np.exp(-hazard * relative)
        errors[:, column] = relative * np.sqrt(spread + variance_along(direction, fitted.covariance))
    low, high = log_log_around(shares.ravel(), z * errors.ravel())
    places = np.repeat(np.arange(len(x)), len(days))
    timed = keys.take(places).assign(time_days=np.tile(days, len(x)))
    return estimates(timed, metric="survival", unit="share", estimate=shares.ravel(), conf_low=low, conf_high=high, n=fitted.ends)


def log_hazard_ratios(fitted: Fitted, table: pd.DataFrame, *, conf_level: float) -> pd.DataFrame:
    """Return the log hazard ratio of each row against the average row of the fit; see `CoxFit.log_hazard_ratios_of`."""
    z = special.ndtri((1 + check_conf_level(conf_level)) / 2)
    keys, away = _keys(table), fitted.design.terms.of(table) - fitted.centre
    value, half = away @ fitted.beta, z * np.sqrt(variance_along(away, fitted.covariance))
    return estimates(keys, metric="log_hazard_ratio", unit="ratio", estimate=value, conf_low=value - half, conf_high=value + half, n=fitted.ends)


def exponentiated(table: pd.DataFrame) -> pd.DataFrame:
    """Return log hazard ratios as hazard ratios."""
    columns = ["estimate", "conf_low", "conf_high"]
    return table.assign(metric="hazard_ratio", **{name: np.exp(table[name]) for name in columns})


def contributions(fitted: Fitted, table: pd.DataFrame) -> pd.DataFrame:
    """Return the part of each covariate in the log hazard ratio of each row; see `CoxFit.contributions`."""
    parts = (fitted.design.terms.of(table) - fitted.centre) * fitted.beta
    covariates = fitted.design.terms.covariates
    return pd.DataFrame({name: parts[:, places].sum(axis=1) for name, places in covariates.items()}, index=table.index)


def _keys(table: pd.DataFrame) -> pd.DataFrame:
    """Return the key of each row: the column `account_id` or `customer`, else the index: by its name, or as `row`."""
    if not len(table):
        raise NotEnoughDataError("the table to predict for has no row. Check the filters that made it.")
    for name in ("account_id", "customer"):
        if name in table.columns:
            return table[[name]].reset_index(drop=True)
    named = all(name is not None for name in table.index.names)
    return table.index.to_frame(index=False) if named else pd.DataFrame({"row": table.index.to_numpy()})
