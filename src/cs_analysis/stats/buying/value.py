"""What customers without a contract will still be worth: a model of how often they buy times one of what they spend."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special

from cs_analysis.errors import ParameterError
from cs_analysis.stats.buying.fit import BuyingFit
from cs_analysis.stats.buying.forecasts import YEAR, Ahead
from cs_analysis.stats.buying.gamma_gamma import GammaGammaFit
from cs_analysis.stats.buying.histories import Floats, read_histories
from cs_analysis.stats.estimates import estimates
from cs_analysis.stats.positive_terms import carried_over, delta_error, normal_quantile

_CENT = 0.0001  # stands for the mean of repeat orders that were all free; the model knows no purchase without value


def total_alive(buying: BuyingFit, *, conf_level: float) -> tuple[tuple[float, float, float], Floats]:
    """Return the expected number of customers of the fit who are still there, with limits of the parameters, and the chance of each."""
    fitted = buying._fitted
    histories = fitted.histories

    def alive(point: Floats) -> Floats:
        return np.asarray(special.expit(fitted.model.alive_log_odds(point, histories)))

    error = fitted.error(lambda point: special.logit([histories.total(alive(point)) / histories.customers]))
    share = alive(fitted.point)
    middle = special.logit(histories.total(share) / histories.customers)
    reach = normal_quantile(conf_level) * error[0]
    low, mean, high = histories.customers * special.expit(np.array([middle - reach, middle, middle + reach]))
    return (float(mean), float(low), float(high)), share[histories.row_of]


def total_value(buying: BuyingFit, spending: GammaGammaFit, rfm: pd.DataFrame, *, days: float, discount_rate: float, conf_level: float) -> pd.DataFrame:
    """Return the expected value of the customers' purchases in the days to come, discounted: two rows of estimates, `order_value` and a customer's mean.

    The sum over customers of discounted expected purchases times expected mean value. How often and how much are fitted apart and taken as
    independent, so the variances of the logarithm of the sum add up; the limits hold the uncertainty of both models' parameters. Missing where
    the expected spend is infinite.

    Raises
    ------
    ParameterError
        The discount rate is negative.
    """
    if not 0 <= discount_rate < np.inf:
        raise ParameterError(f"discount_rate must be a share a year from 0, such as 0.1, not {discount_rate!r}.")
    histories = read_histories(rfm)
    ahead, force = Ahead.of(buying._fitted.model, histories, days), float(np.log1p(discount_rate)) / YEAR
    frequency, spent = rfm["frequency"].to_numpy("float64"), (rfm["frequency"] * rfm["mean_value"].fillna(0)).to_numpy("float64")

    def spend(point: Floats) -> Floats:
        p, q, v = np.exp(point)
        freedom = p * frequency + q - 1
        return np.asarray(p * (v + spent) / np.where(freedom > 0, freedom, np.nan))

    def purchases(point: Floats) -> Floats:
        return np.asarray(np.exp(ahead.log_discounted(point, force)))

    today, weights = purchases(buying._fitted.point)[histories.row_of], spend(spending._point)
    by_history = np.bincount(histories.row_of, weights=weights)
    often = buying._fitted.error(lambda point: np.log([by_history @ purchases(point)]))
    much = delta_error(lambda point: np.log([today @ spend(point)]), spending._point, spending._log_covariance)
    values = [value[0] for value in carried_over(np.log([today @ weights]), np.hypot(often, much), conf_level=conf_level)]
    each = [value / len(rfm) for value in values]
    keys = pd.DataFrame(index=range(2))
    columns = {name: [total, mean] for name, total, mean in zip(("estimate", "conf_low", "conf_high"), values, each, strict=True)}
    table = estimates(keys, metric="order_value", unit="ratio", n=[len(rfm)] * 2, **columns)
    return table.assign(metric=["order_value", "order_value_per_customer"])


def customer_values(buying: BuyingFit, spending: GammaGammaFit, rfm: pd.DataFrame, *, days: float, discount_rate: float, conf_level: float) -> pd.DataFrame:
    """Return for each customer, in the order of the table: what the models expect and limits of what may come.

    Columns `probability_alive`, `expected_purchases`, `purchases_low`, `purchases_high`, `expected_mean_value`, `value`, `value_low`, `value_high`. The
    limits are those of one customer's own future. Those of the value join the quantiles of the number of purchases and of their mean: the two distances
    to the expectation, as logarithms, are added as squares; 0 where no purchase at all is within the limits.
    """
    horizon = pd.Timedelta(days, "D")
    told = buying.predict(rfm, horizon=horizon, conf_level=conf_level)
    alive, expected, count = (told[told["metric"] == name].reset_index(drop=True) for name in ("probability_alive", "expected_purchases", "purchases"))
    spend = spending.predict(rfm.assign(mean_value=rfm["mean_value"].clip(lower=_CENT)), purchases=1, conf_level=conf_level)
    mean = spend[spend["metric"] == "mean_value"].reset_index(drop=True)
    discounted = buying.discounted_purchases(rfm, horizon=horizon, discount_rate=discount_rate)["estimate"]
    value = discounted * mean["estimate"]
    with np.errstate(divide="ignore"):
        down, up = (np.hypot(np.log(count[side] / count["estimate"]), np.log(mean[side] / mean["estimate"])) for side in ("conf_low", "conf_high"))
    return pd.DataFrame(
        {
            "probability_alive": alive["estimate"],
            "expected_purchases": expected["estimate"],
            "purchases_low": count["conf_low"],
            "purchases_high": count["conf_high"],
            "expected_mean_value": mean["estimate"],
            "value": value,
            "value_low": value * np.exp(-down),
            "value_high": value * np.exp(up) * (count["conf_high"] > 0),
        }
    )
