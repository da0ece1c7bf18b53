"""What a new customer without a contract is worth: the first purchase, and what the models expect of repeat purchases and their size."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cs_analysis.stats.buying.bg_nbd import fit_bg_nbd
from cs_analysis.stats.buying.gamma_gamma import fit_gamma_gamma
from cs_analysis.stats.positive_terms import normal_quantile
from cs_analysis.stats.value_over_life import Terms, log_limits


def new_customer_value(rfm: pd.DataFrame, first: pd.DataFrame, *, terms: Terms, conf_level: float) -> tuple[float, float, float]:
    """Return the value of a new customer over the horizon and its limits.

    Mean value of first purchases + discounted repeat purchases of a new customer (BG/NBD) x mean value of a repeat purchase (gamma-gamma), times
    margin. The three are fitted apart and taken as independent; limits are symmetric for the logarithm and hold the uncertainty of the
    parameters. `first` has each customer's first `value`.

    Raises
    ------
    NotEnoughDataError, ConvergenceError
        A model cannot be fitted, as without any repeat purchase.
    """
    newcomer = pd.DataFrame({"frequency": [0], "recency_days": [0.0], "age_days": [0.0]})
    buying, spending = fit_bg_nbd(rfm, conf_level=conf_level), fit_gamma_gamma(rfm, conf_level=conf_level)
    often = buying.discounted_purchases(newcomer, horizon=pd.Timedelta(terms.days, "D"), discount_rate=terms.discount_rate, conf_level=conf_level).iloc[0]
    much = spending.population_mean(conf_level=conf_level).iloc[0]
    reach = normal_quantile(conf_level)
    relative = [np.log(part["estimate"] / part["conf_low"]) / reach for part in (often, much)]
    repeat = float(often["estimate"] * much["estimate"])
    values = first["value"].to_numpy("float64")
    error = np.hypot(values.std(ddof=1) / np.sqrt(len(values)), repeat * np.hypot(*relative))
    amount = terms.margin * (float(values.mean()) + repeat)
    return (amount, *log_limits(amount, terms.margin * float(error), conf_level=conf_level))
