"""The BG/NBD and MBG/NBD models: how often customers without a contract buy, and whether they still do."""

from __future__ import annotations

import pandas as pd

from cs_analysis.stats.buying.beta_geometric import BetaGeometric
from cs_analysis.stats.buying.fit import BuyingFit, fit_model


class BGNBDFit(BuyingFit):
    """A fitted BG/NBD model; see `BuyingFit` for what it can tell."""


class MBGNBDFit(BuyingFit):
    """A fitted MBG/NBD model; see `BuyingFit` for what it can tell."""


def fit_bg_nbd(rfm: pd.DataFrame, *, conf_level: float = 0.95) -> BGNBDFit:
    """Return the BG/NBD model of customers who buy without a contract.

    A customer buys at a constant rate of his own, gamma distributed over customers with shape r and rate alpha (days), and after each repeat purchase
    leaves for ever with a probability of his own, beta distributed with a and b. Whoever has not bought again has had no chance to leave yet
    and counts as still there for ever; `fit_mbg_nbd` gives them one. Maximum likelihood with the Hessian of the formula, so that
    the gradient is zero to rounding; limits by profile likelihood. In 1,000 simulated cohorts of 500 customers of up to 39 weeks the 95 % limits held
    r in 94.0 %, alpha in 94.9 %, a in 95.8 % and b in 95.7 %.

    Parameters
    ----------
    rfm : DataFrame
        One row a customer: `frequency` (days with a repeat purchase), `recency_days` (from first to last purchase), `age_days` (from the first
        purchase to the end of the data). `account_id` or `customer` names the customers, else the index.
    conf_level : float
        Level of the limits of the coefficients. A limit is 0 or infinite where the likelihood stays high all the way, missing where the
        maximum is no strict one.

    Returns
    -------
    BGNBDFit
        `coefficients` has the terms `r, alpha, a, b` (metric `bg_nbd_coefficient`; alpha in days); `log_likelihood` is in days.
        `.predict()`, `.predict_total()`, `.discounted_purchases()`, `.new_customer_purchases()` and `.purchase_distribution()` tell what comes.

    Raises
    ------
    MissingColumnsError, ParameterError
        A column is missing; histories that cannot be, all kinds at once.
    NotEnoughDataError
        One customer, or nobody who bought again.
    ConvergenceError
        The likelihood has no maximum that could be reached. One on a boundary is returned with a finding in `diagnostics` and `converged` False.

    References
    ----------
    Fader, Hardie and Lee (2005), Marketing Science 24, 275-284; Venzon and Moolgavkar (1988), Journal of the Royal Statistical Society C 37, 87-94
    (limits).

    Examples
    --------
    >>> frequency = [0, 0, 0, 1, 1, 1, 2, 3, 4, 5, 8, 22]
    >>> recency_days = [0, 0, 0, 51, 2, 147, 202, 206, 27, 221, 209, 236]
    >>> rfm = pd.DataFrame({"frequency": frequency, "recency_days": recency_days, "age_days": 240})
    >>> fit_bg_nbd(rfm).coefficients[["term", "estimate", "conf_low", "conf_high"]].round(2)
        term  estimate  conf_low  conf_high
    0      r      0.48      0.17       1.30
    1  alpha     14.98      1.99      59.51
    2      a      0.17      0.01        inf
    3      b      0.66      0.02        inf
    """
    return fit_model(rfm, BetaGeometric("bg_nbd", first_chance=0), kind=BGNBDFit, conf_level=conf_level)


def fit_mbg_nbd(rfm: pd.DataFrame, *, conf_level: float = 0.95) -> MBGNBDFit:
    """Return the MBG/NBD model of customers who buy without a contract.

    As `fit_bg_nbd`, but customers may leave right after their first purchase too, so that one who never bought again may be gone. In 1,000
    simulated cohorts of 500 customers of up to 39 weeks the 95 % limits held r in 95.7 %, alpha in 95.8 %, a in 96.7 % and b in 95.8 %.

    Parameters
    ----------
    rfm : DataFrame
        As for `fit_bg_nbd`.
    conf_level : float
        Level of the limits of the coefficients.

    Returns
    -------
    MBGNBDFit
        Like `BGNBDFit`, with the metric `mbg_nbd_coefficient`.

    Raises
    ------
    MissingColumnsError, ParameterError, NotEnoughDataError, ConvergenceError
        As for `fit_bg_nbd`.

    References
    ----------
    Batislam, Denizel and Filiztekin (2007), International Journal of Research in Marketing 24, 201-209; Hoppe and Wagner (2007), Marketing: Journal
    of Research and Management 3, 75-90.

    Examples
    --------
    >>> frequency = [0, 0, 0, 1, 1, 1, 2, 3, 4, 5, 8, 22]
    >>> recency_days = [0, 0, 0, 51, 2, 147, 202, 206, 27, 221, 209, 236]
    >>> rfm = pd.DataFrame({"frequency": frequency, "recency_days": recency_days, "age_days": 240})
    >>> fit_mbg_nbd(rfm).predict(rfm.tail(1), horizon="91d")[["customer", "metric", "estimate", "conf_low", "conf_high"]].round(2)
       customer              metric  estimate  conf_low  conf_high
    0        11   probability_alive      0.98      0.84       1.00
    1        11  expected_purchases      7.39      6.16       8.85
    2        11           purchases      7.39      1.00      15.00
    """
    return fit_model(rfm, BetaGeometric("mbg_nbd", first_chance=1), kind=MBGNBDFit, conf_level=conf_level)
