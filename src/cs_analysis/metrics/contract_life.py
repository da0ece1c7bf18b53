"""How long customers under contract stay: the counts behind it, and what models of renewal make of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import ConvergenceError, NotEnoughDataError, ParameterError
from cs_analysis.facts.groups import By, by_columns
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.facts.renewals import MONTHS, RenewalPeriod, cohort_columns, contract_period, retained_table
from cs_analysis.stats.contracts.bdw import fit_bdw
from cs_analysis.stats.contracts.fit import ContractFit
from cs_analysis.stats.contracts.sbg import fit_sbg
from cs_analysis.stats.discounting import check_discount_rate
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.windows import Window, parse_window

Model = Literal["sbg", "bdw"]
_FITS = {"sbg": fit_sbg, "bdw": fit_bdw}


def retained_customers(ds: Dataset, *, period: RenewalPeriod = "month", by: By = None, policy: RevenuePolicy | str = "default") -> pd.DataFrame:
    """Customers of each cohort still there after each renewal, as `fit_sbg` and `fit_bdw` read them.

    A cohort are customers whose first stretch began in the same calendar period and who have had as many renewals due; only renewals that all of
    them have behind them are rows, so nobody is counted as lost who may yet renew, and no known renewal is left out.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`.
    period : {"month", "quarter", "year"}
        The time between two renewals: that of the contracts. Between renewals of longer contracts hardly anybody can leave.
    by : str or list of str, optional
        Columns of `accounts` to group by, as of the export.
    policy : RevenuePolicy or str
        Which phases make an account a customer.

    Returns
    -------
    DataFrame
        The columns of `by`, `cohort` (first day of the period of the start), `renewals_due`, `period` (0, 1, ...) and `retained`. Pass
        `cohort=["cohort", "renewals_due"]`, with the columns of `by` before them, to the fits.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `subscriptions`; no column of that name; an unknown period.
    NotEnoughDataError
        Nobody was ever a customer.

    References
    ----------
    Fader and Hardie (2007), Journal of Interactive Marketing 21, 76-90.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.retained_customers(ds).columns.tolist()
    ['cohort', 'renewals_due', 'period', 'retained']
    """
    return retained_table(ds, period=period, by=by, policy=policy)


def contract_lifetime(
    ds: Dataset,
    *,
    model: Model = "bdw",
    period: RenewalPeriod | None = None,
    horizon: str | timedelta = "36mo",
    discount_rate: float = 0.10,
    by: By = None,
    policy: RevenuePolicy | str = "default",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Expected periods under contract of a new customer, from a model of who renews, beside the figure that a constant rate would give.

    Sum over the periods of the horizon of the share S(t) still there after t renewals, t from 0, S from `fit_bdw` or `fit_sbg`.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`.
    model : {"bdw", "sbg"}
        Beta-discrete-Weibull or shifted-beta-geometric.
    period : {"month", "quarter", "year"}, optional
        The time between two renewals; by default a year where all contracts are billed by the year, else a month.
    horizon : str or Timedelta
        How far to look, whole periods, such as `"36mo"`.
    discount_rate : float
        Rate a year, above 0.
    by : str or list of str, optional
        Columns of `accounts` to group by: each group has a fit of its own.
    policy : RevenuePolicy or str
        Which phases make an account a customer.
    conf_level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Estimates with the key `renewed_every`, in periods; `n` = customers:

        * `contract_lifetime`: within the horizon. Limits hold the uncertainty of the parameters, not that of the model; `fit.backtest` shows how it did.
        * `contract_lifetime_naive`: the same if all renewals had the rate of those seen (geometric), without limits.
        * `discounted_contract_lifetime`: for ever, each period discounted from its start.

        Missing where a group has no fit: nobody left, or too few renewals.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `subscriptions`; no column of that name; an argument out of range.
    NotEnoughDataError
        Nobody was ever a customer.

    References
    ----------
    Fader and Hardie (2007), Journal of Interactive Marketing 21, 76-90; (2010), Marketing Science 29, 85-93. Fader, Hardie, Liu, Davin and
    Steenburgh (2018), Journal of Interactive Marketing 43, 1-16.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=200, months=18)
    >>> cs.contract_lifetime(ds, horizon="12mo")["metric"].tolist()
    ['contract_lifetime', 'contract_lifetime_naive', 'discounted_contract_lifetime']
    """
    if model not in _FITS:
        raise ParameterError(f"model must be 'sbg' or 'bdw', not {model!r}.")
    every, level = contract_period(ds) if period is None else period, check_conf_level(conf_level)
    retained = retained_table(ds, period=every, by=by, policy=policy)
    periods, rate = _periods(horizon, every), _rate(discount_rate, every)
    columns = by_columns(by)
    groups = retained.groupby(columns, sort=True, dropna=False) if columns else [((), retained)]
    parts = []
    for values, rows in groups:
        keys = {**dict(zip(columns, values, strict=True)), "renewed_every": every}
        parts.append(_group(rows, keys, model=model, horizon=periods, discount_rate=rate, conf_level=level))
    return stack(parts)


def _group(rows: pd.DataFrame, keys: dict[str, object], *, model: Model, horizon: int, discount_rate: float, conf_level: float) -> pd.DataFrame:
    """Return the lifetimes of the customers of one group."""
    customers = int(rows.loc[rows["period"] == 0, "retained"].sum())
    found = {
        "contract_lifetime": [np.nan] * 3,
        "contract_lifetime_naive": [_constant(rows, horizon), np.nan, np.nan],
        "discounted_contract_lifetime": [np.nan] * 3,
    }
    try:
        fit: ContractFit = _FITS[model](rows, cohort=cohort_columns(None))
    except (ConvergenceError, NotEnoughDataError):
        pass
    else:
        limits = ["estimate", "conf_low", "conf_high"]
        found["contract_lifetime"] = fit.expected_lifetime(horizon=horizon, conf_level=conf_level)[limits].iloc[0].tolist()
        found["discounted_contract_lifetime"] = fit.discounted_lifetime(discount_rate, conf_level=conf_level)[limits].iloc[0].tolist()
    one = {name: [value] for name, value in keys.items()}
    return stack(
        [
            estimates(one, metric=metric, unit="count", estimate=[value], conf_low=[low], conf_high=[high], n=customers)
            for metric, (value, low, high) in found.items()
        ]
    )


def _constant(rows: pd.DataFrame, horizon: int) -> float:
    """Return the expected periods within the horizon if the pooled renewal rate held at every renewal; missing where no renewal was due."""
    before = rows.groupby(cohort_columns(None), dropna=False)["retained"].shift()
    if not before.sum():
        return np.nan
    rate = rows.loc[before.notna(), "retained"].sum() / before.sum()
    return float((rate ** np.arange(horizon)).sum())


def _periods(horizon: str | timedelta | Window, period: RenewalPeriod) -> int:
    window = parse_window(horizon, name="horizon")
    if window.days is not None or not window.months or window.months % MONTHS[period]:
        raise ParameterError(f"horizon must be a whole number of periods of a {period} in calendar months, such as '36mo', not {horizon!r}.")
    return window.months // MONTHS[period]


def _rate(discount_rate: float, period: RenewalPeriod) -> float:
    rate = check_discount_rate(discount_rate)
    if not rate:
        raise ParameterError("discount_rate must be above 0, such as 0.10: undiscounted, the time under contract may have no end.")
    return float((1 + rate) ** (MONTHS[period] / 12) - 1)
