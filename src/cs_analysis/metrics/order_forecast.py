"""The models of buying tried on the past: calibrated on the first part of the orders, held against the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.data.local_days import Moment
from cs_analysis.errors import NotEnoughDataError
from cs_analysis.facts.order_holdout import Holdout, hold_out
from cs_analysis.facts.orders import orders_dataset, refuse_bills
from cs_analysis.stats.buying.evaluation import calibration_line, check_model, expected_over_time, fit_buying
from cs_analysis.stats.buying.fit import BuyingFit
from cs_analysis.stats.estimates import check_conf_level, estimates, stack

_MOST = 7
_NAIVE = ("past_rate", "period_before")


def purchase_holdout(
    source: Dataset | Any,
    *,
    until: Moment | None = None,
    as_of: Moment | None = None,
    timezone: str | None = None,
    model: str = "bg_nbd",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Purchases that a model of buying predicted for a time held out, beside those that came and beside naive forecasts.

    The model is fitted to what was known at the end of `until` and predicts the purchase days from then to `as_of` of the customers known then.
    Naive forecasts: `past_rate` = each customer's repeat purchases a day so far go on; `period_before` = each buys as often as in as long a time
    before. A model that does not beat them is not worth its assumptions.

    Parameters
    ----------
    source : Dataset or data frame
        As for `rfm_summary`.
    until : date or str, optional
        The last day of calibration. Default: two thirds of the way from the first order to `as_of`.
    as_of, timezone
        As for `rfm_summary`.
    model : {"bg_nbd", "mbg_nbd", "pareto_nbd"}
        The model of buying.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys `part`, `level` and `method`; `n` = customers of the row.

        Part `total`: `purchase_holdout`, unit `ratio`, predicted / actual (limits: those of the prediction / actual; missing if nothing came);
        `purchases` (predicted; the model's limits are those of what may come, naive forecasts have none), `expected_purchases` (limits of the
        parameters) and `purchases_actual`.
        Part `frequency` (`level` = repeat purchases before, 0 to 7+) and part `decile` (of the prediction, 1 = lowest): `purchases`, `purchases_actual`.
        Part `calibration`: `calibration_intercept` and `calibration_slope` of actual on predicted, 0 and 1 at best; missing if all predictions are equal.
        Part `error`: `mean_absolute_error` and `root_mean_squared_error` of each method, purchases a customer, unit `ratio`, no limits. Absolute errors
        favour forecasts near the median, which is often 0; squared ones those near the mean.

    Raises
    ------
    ParameterError
        `until` is no day inside the history; the orders look like bills of a contract; an unknown model.
    MissingTableError, NotEnoughDataError, ConvergenceError
        No orders; too few customers or nobody with a repeat purchase before `until`; no maximum.

    References
    ----------
    Fader, Hardie and Lee (2005), Marketing Science 24, 275-284: conditional expectations and tracking on the CDNOW customers.
    Wuebben and von Wangenheim (2008), Journal of Marketing 72, 82-93: why simple rules belong beside the model.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=150, months=18)
    >>> table = cs.purchase_holdout(ds)
    >>> table["part"].unique().tolist()
    ['total', 'frequency', 'decile', 'calibration', 'error']
    """
    level = check_conf_level(conf_level)
    held, fit = _calibrated(source, until=until, as_of=as_of, timezone=timezone, model=model)
    customers = held.customers
    customers["predicted"] = _expected(fit, held)
    rows = [_total(fit, held, model=model, conf_level=level), *_grouped(fit, held, model=model, conf_level=level)]
    return stack([*rows, *_calibration(customers, model, level), *_errors(customers, _methods(held, model))])


def purchase_tracking(
    source: Dataset | Any,
    *,
    until: Moment | None = None,
    as_of: Moment | None = None,
    timezone: str | None = None,
    model: str = "bg_nbd",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Repeat purchases by the end of each week since the first order: expected by a model calibrated on the first part, and actual.

    Cumulative, of the customers who had bought by the end of `until`. Expected is what the model says of new customers from the day of their first
    purchase, in calibration as in the time held out: the model does not see who bought again.

    Parameters
    ----------
    source, until, as_of, timezone, model, conf_level
        As for `purchase_holdout`.

    Returns
    -------
    DataFrame
        Estimates with the keys `time_days` (end of the week, in days since the first order) and `part` (`calibration`, or `holdout` for weeks that
        end after `until`). Metrics `expected_purchases` (limits of the parameters) and `purchase_tracking` (what came; a fact), unit `count`,
        `n` = customers. The unfinished last week is left out.

    Raises
    ------
    ParameterError, MissingTableError, NotEnoughDataError, ConvergenceError
        As for `purchase_holdout`.

    References
    ----------
    Fader, Hardie and Lee (2005), Marketing Science 24, 275-284, figure 3.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=150, months=18)
    >>> cs.purchase_tracking(ds)["time_days"].head(2).tolist()
    [7, 14]
    """
    level = check_conf_level(conf_level)
    held, fit = _calibrated(source, until=until, as_of=as_of, timezone=timezone, model=model)
    ends = np.arange(7, len(held.days) + 1, 7)
    expected = expected_over_time(fit, held.days["births"].to_numpy(), ends, conf_level=level)
    came = held.days["repeats"].cumsum().to_numpy()[ends - 1]
    actual = estimates({"time_days": ends}, metric="purchase_tracking", unit="count", estimate=came, n=len(held.customers))
    table = stack([expected, actual])
    calibrated = len(held.days) - held.horizon
    table.insert(1, "part", np.where(table["time_days"] <= calibrated, "calibration", "holdout"))
    return table


def _calibrated(source: Any, *, until: Moment | None, as_of: Moment | None, timezone: str | None, model: str) -> tuple[Holdout, BuyingFit]:
    check_model(model)
    ds = orders_dataset(source, as_of=as_of, timezone=timezone)
    refuse_bills(ds)
    held = hold_out(ds, until)
    return held, fit_buying(held.customers, model=model)


def _expected(fit: BuyingFit, held: Holdout) -> np.ndarray:
    table = fit.predict(horizon=f"{held.horizon}d")
    return np.asarray(table.loc[table["metric"] == "expected_purchases", "estimate"])


def _methods(held: Holdout, model: str) -> dict[str, np.ndarray]:
    """Return what each method predicts for each customer."""
    customers = held.customers
    rate = customers["frequency"] / customers["age_days"].where(customers["age_days"] > 0)
    return {
        model: customers["predicted"].to_numpy(),
        "past_rate": (rate.fillna(0) * held.horizon).to_numpy(),
        "period_before": customers["before"].to_numpy(dtype="float64"),
    }


def _total(fit: BuyingFit, held: Holdout, *, model: str, conf_level: float) -> pd.DataFrame:
    actual, n = float(held.customers["actual"].sum()), len(held.customers)
    predicted = fit.predict_total(horizon=f"{held.horizon}d", conf_level=conf_level)
    count = predicted[predicted["metric"] == "purchases"].iloc[0]
    limits = {name: count[name] / actual if actual else np.nan for name in ("estimate", "conf_low", "conf_high")}
    ratio = estimates(_keys("total", "all", model), metric="purchase_holdout", unit="ratio", n=n, **limits)
    came = estimates(_keys("total", "all", "actual"), metric="purchases_actual", unit="count", estimate=actual, n=n)
    methods = _methods(held, model)
    naive = [estimates(_keys("total", "all", name), metric="purchases", unit="count", estimate=methods[name].sum(), n=n) for name in _NAIVE]
    return stack([ratio, _keyed(predicted, _keys("total", "all", model)), came, *naive])


def _grouped(fit: BuyingFit, held: Holdout, *, model: str, conf_level: float) -> Iterator[pd.DataFrame]:
    """Yield predicted and actual purchases by frequency and by decile of the prediction."""
    customers = held.customers
    frequency = customers["frequency"].clip(upper=_MOST)
    decile = (customers["predicted"].rank(method="first") - 1) * 10 // len(customers) + 1
    for part, groups in (("frequency", frequency), ("decile", decile.astype("int64"))):
        for group, rows in customers.groupby(groups):
            level = f"{group}+" if part == "frequency" and group == _MOST else str(group)
            predicted = fit.predict_total(rows, horizon=f"{held.horizon}d", conf_level=conf_level)
            yield _keyed(predicted[predicted["metric"] == "purchases"], _keys(part, level, model))
            yield estimates(_keys(part, level, "actual"), metric="purchases_actual", unit="count", estimate=float(rows["actual"].sum()), n=len(rows))


def _calibration(customers: pd.DataFrame, model: str, conf_level: float) -> Iterator[pd.DataFrame]:
    predicted, actual = customers["predicted"].to_numpy(), customers["actual"].to_numpy(dtype="float64")
    try:
        line: Sequence[np.ndarray] = calibration_line(predicted, actual, conf_level=conf_level)
    except NotEnoughDataError:
        line = [np.full(3, np.nan)] * 2
    for metric, (estimate, low, high) in zip(("calibration_intercept", "calibration_slope"), line, strict=True):
        keys = _keys("calibration", "all", model)
        yield estimates(keys, metric=metric, unit="ratio", estimate=estimate, conf_low=low, conf_high=high, n=len(customers))


def _errors(customers: pd.DataFrame, methods: dict[str, np.ndarray]) -> Iterator[pd.DataFrame]:
    for name, predicted in methods.items():
        off = predicted - customers["actual"].to_numpy()
        for metric, value in (("mean_absolute_error", np.abs(off).mean()), ("root_mean_squared_error", np.sqrt((off**2).mean()))):
            yield estimates(_keys("error", "all", name), metric=metric, unit="ratio", estimate=value, n=len(customers))


def _keys(part: str, level: str, method: str) -> pd.DataFrame:
    return pd.DataFrame({"part": [part], "level": [level], "method": [method]})


def _keyed(table: pd.DataFrame, keys: pd.DataFrame) -> pd.DataFrame:
    return keys.merge(table, how="cross")
