"""Fitting a model of contracts, and the fit that all of them hand back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd

from cs_analysis.errors import ParameterError
from cs_analysis.stats.contracts.backtest import error_ratios, hidden_renewals
from cs_analysis.stats.contracts.forecasts import forecast, lifetime_table
from cs_analysis.stats.contracts.renewals import ContractModel, Floats
from cs_analysis.stats.contracts.retained import Columns, read_retained
from cs_analysis.stats.contracts.search import Fitted, checks, design_of, fitted_at, search
from cs_analysis.stats.discounting import check_discount_rate
from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.fits import Fit, diagnostics_table
from cs_analysis.stats.positive_terms import log_covariance, natural_covariance, positive_coefficients


@dataclass(frozen=True, eq=False)
class ContractFit(Fit):
    """A fitted model of customers under contract.

    Two kinds of limits are kept apart by the metric: those of shares, rates and lifetimes hold the uncertainty of the parameters; those of
    `retained_customers` hold the chance that decides about each customer as well. All limits by the delta method: on the log odds for shares and
    for lifetimes between the bounds that they cannot leave.

    Attributes
    ----------
    coefficients, covariance, log_likelihood, converged, diagnostics
        As for every fit. With covariates the terms `alpha` and `beta` are those of a customer with the mean of each number and the first level of
        anything else; `alpha x seats` is the factor on alpha a seat, `alpha x plan=pro` that of the level `pro`.
    """

    _fitted: Fitted

    def predict(self, periods: int | Sequence[int], *, conf_level: float = 0.95) -> pd.DataFrame:
        """Share still there after each number of renewals, renewal rate at each, and how many of each cohort will be there.

        Parameters
        ----------
        periods : int or sequence of int
            How many renewals after the last one seen, or numbers of renewals from 0; anything else is a `ParameterError`.
        conf_level : float
            Confidence level.

        Returns
        -------
        DataFrame
            Estimates with the key `period` and the covariates: `contract_survival` = S(t) and `contract_renewal_rate` = S(t) / S(t - 1), with the
            limits of the parameters; and with the cohort's keys `retained_customers`, with limits for the number itself, for the renewals that a
            cohort has before it. `n` = customers fitted, or the size of the cohort.

        """
        return forecast(self._fitted, _periods(periods, self._fitted.data.last), conf_level=check_conf_level(conf_level))

    def expected_lifetime(self, *, horizon: int | None = None, conf_level: float = 0.95) -> pd.DataFrame:
        """Expected number of periods for which a new customer is under contract, the first one included.

        The sum of S(t) from t = 0, for ever or over the first `horizon` periods. Without a horizon it is infinite if alpha c <= 1 (c = 1 in the
        shifted-beta-geometric model), however many leave early: survival then falls too slowly to have a sum. For that model it is otherwise
        (alpha + beta - 1) / (alpha - 1). It rests on customers who stay for ever longer than anybody was seen to: state a horizon.

        Parameters
        ----------
        horizon : int, optional
            Number of periods, from 1; anything else is a `ParameterError`.
        conf_level : float
            Confidence level.

        Returns
        -------
        DataFrame
            Estimates with the covariates and `horizon` (missing = for ever) as keys, metric `contract_lifetime`, in periods. The upper limit is
            infinite where alpha c <= 1 is not excluded at the level, the lower one missing where the estimate is infinite.

        References
        ----------
        Fader and Hardie (2007), Journal of Interactive Marketing 21, 76-90.
        """
        if horizon is not None and not _whole(horizon, least=1):
            raise ParameterError(f"horizon must be a whole number of periods from 1, not {horizon!r}.")
        upper = np.inf if horizon is None else float(horizon)
        keys = {"horizon": np.nan if horizon is None else upper}
        return lifetime_table(self._fitted, keys, metric="contract_lifetime", bounds=(1.0, upper), conf_level=check_conf_level(conf_level), horizon=horizon)

    def discounted_lifetime(self, discount_rate: float, *, conf_level: float = 0.95) -> pd.DataFrame:
        """Discounted expected lifetime (DEL) of a new customer: periods paid in advance, each worth less the later it comes.

        The sum of S(t) / (1 + rate)^t from t = 0, for ever; times the margin a period it is the lifetime value of a customer who is about to pay
        for the first time.

        Parameters
        ----------
        discount_rate : float
            Interest a period (a renewal period, not a year), above 0; anything else is a `ParameterError`.
        conf_level : float
            Confidence level.

        Returns
        -------
        DataFrame
            Estimates with the covariates and `discount_rate` as keys, metric `discounted_contract_lifetime`, in periods.

        References
        ----------
        Fader and Hardie (2010), Marketing Science 29, 85-93.
        """
        rate, level = _rate(discount_rate), check_conf_level(conf_level)
        bounds = (1.0, 1 + 1 / rate)
        keys = {"discount_rate": rate}
        return lifetime_table(self._fitted, keys, metric="discounted_contract_lifetime", bounds=bounds, conf_level=level, discount_rate=rate)

    def discounted_residual_lifetime(self, discount_rate: float, renewals: int, *, conf_level: float = 0.95) -> pd.DataFrame:
        """Discounted expected residual lifetime (DERL) of a customer who has renewed so many times, just before the next renewal is due.

        The sum of S(t) / S(r) / (1 + rate)^(t - r - 1) from t = r + 1, for ever, r = renewals so far. It counts the payment that is due, which
        may not come; it rises with r, as those who stay are the loyal ones.

        Parameters
        ----------
        discount_rate : float
            Interest a period, above 0; anything else is a `ParameterError`.
        renewals : int
            Renewals so far, a whole number from 0; anything else is a `ParameterError`.
        conf_level : float
            Confidence level.

        Returns
        -------
        DataFrame
            Estimates with the covariates, `discount_rate` and `renewals` as keys, metric `discounted_residual_lifetime`, in periods.

        References
        ----------
        Fader and Hardie (2010), Marketing Science 29, 85-93.
        """
        rate, level = _rate(discount_rate), check_conf_level(conf_level)
        if not _whole(renewals, least=0):
            raise ParameterError(f"renewals must be a whole number from 0, not {renewals!r}.")
        keys, options = {"discount_rate": rate, "renewals": renewals}, {"first": int(renewals) + 1, "discount_rate": rate}
        return lifetime_table(self._fitted, keys, metric="discounted_residual_lifetime", bounds=(0.0, 1 + 1 / rate), conf_level=level, **options)

    def backtest(self, *, hidden: int | None = None, conf_level: float = 0.95) -> pd.DataFrame:
        """Last renewals of each cohort as they came, and as they would have been forecast without them.

        Parameters
        ----------
        hidden : int, optional
            How many last renewals of each cohort are hidden, from 1; default: a third of those of the cohort that was seen longest, at least one.
        conf_level : float
            Level of the limits for the number itself.

        Returns
        -------
        DataFrame
            One row a cohort and hidden renewal: `origin` (last renewal known), `period`, `retained` (what came), the forecast under the model's
            name with `conf_low` and `conf_high`, `constant_rate` (all known renewals have one rate: the geometric model), `last_rate` (that of the
            last known ones goes on) and `status`: `identified`, `not identified` or `no maximum` (then the forecast is missing).

        Raises
        ------
        NotEnoughDataError
            Fewer renewals would be left than the model has terms.
        """
        return hidden_renewals(self._fitted, hidden, conf_level=check_conf_level(conf_level))

    def forecast_error_ratio(self, *, hidden: int | None = None) -> pd.DataFrame:
        """Mean absolute error in `backtest` over that of each naive forecast (key `against`): below 1, the model was worth fitting."""
        return error_ratios(self.backtest(hidden=hidden), self._fitted.model.name)


Kind = TypeVar("Kind", bound=ContractFit)


def fit_contracts(retained: pd.DataFrame, model: ContractModel, *, kind: type[Kind], cohort: Columns, covariates: Columns, conf_level: float) -> Kind:
    """Return the fit of a model to retained customers, with its limits and what it has to say against itself."""
    level = check_conf_level(conf_level)
    data = read_retained(retained, cohort=cohort, covariates=covariates)
    design = design_of(data, model)
    optimum = search(data, model, design)
    fitted = fitted_at(optimum, data, model, design=design)
    point = optimum.point * design.scale
    covariance = log_covariance(optimum, customers=data.customers) * np.outer(design.scale, design.scale)
    found = list(checks(optimum, fitted))
    return kind(
        coefficients=positive_coefficients(design.terms, point, covariance, metric=f"{model.name}_coefficient", customers=data.customers, conf_level=level),
        covariance=natural_covariance(design.terms, point, covariance),
        log_likelihood=fitted.value,
        converged=all(check.finding == "ok" for check in found),
        diagnostics=diagnostics_table(found),
        _fitted=fitted,
    )


def _periods(periods: int | Sequence[int], last: int) -> Floats:
    if _whole(periods, least=1):
        return np.arange(last + 1, last + 1 + int(periods), dtype="float64")  # type: ignore[arg-type]
    wanted = [] if isinstance(periods, (str, float)) or np.ndim(periods) != 1 else list(periods)  # type: ignore[arg-type]
    if not wanted or not all(_whole(each, least=0) for each in wanted):
        raise ParameterError(f"periods must be a whole number from 1, or whole numbers of renewals from 0, not {periods!r}.")
    return np.array(wanted, dtype="float64")


def _whole(value: object, *, least: int) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= least)


def _rate(discount_rate: float) -> float:
    rate = check_discount_rate(discount_rate)
    if not rate:
        raise ParameterError("discount_rate must be above 0, such as 0.1 a period: without discount use expected_lifetime, which may be infinite.")
    return rate
