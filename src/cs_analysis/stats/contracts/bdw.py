"""The beta-discrete-Weibull model: the chance to leave differs between customers and changes with every renewal."""

from __future__ import annotations

import pandas as pd

from cs_analysis.stats.contracts.fit import ContractFit, fit_contracts
from cs_analysis.stats.contracts.renewals import BDW
from cs_analysis.stats.contracts.retained import Columns


class BDWFit(ContractFit):
    """A fitted beta-discrete-Weibull model; see `ContractFit`."""


def fit_bdw(retained: pd.DataFrame, *, cohort: Columns = None, covariates: Columns = None, conf_level: float = 0.95) -> BDWFit:
    """Beta-discrete-Weibull model of customers under contract: the shifted-beta-geometric model, in which each customer may also change.

    A customer is there after t renewals with probability (1 - q)^(t^c); q differs between customers like Beta(alpha, beta). So
    S(t) = B(alpha, beta + t^c) / B(alpha, beta). With c > 1 each customer becomes more likely to leave from renewal to renewal, with c < 1 less; c = 1 is the
    shifted-beta-geometric model. The rate of the cohort may rise all the same, as those likely to leave go first. Maximum likelihood by Newton's
    method, from several starts.

    Parameters
    ----------
    retained, cohort, covariates, conf_level
        As for `fit_sbg`. Covariates act on alpha and beta; c is the same for all.

    Returns
    -------
    BDWFit
        `coefficients` have the metric `bdw_coefficient` and the terms `alpha`, `beta`, `c`; as for `fit_sbg` otherwise. The three terms are much alike
        in what they do: with few renewals or customers `diagnostics` says `not identified`; read predictions then, or use `fit_sbg`.

    Raises
    ------
    MissingColumnsError, ParameterError, NotEnoughDataError, ConvergenceError
        As for `fit_sbg`.

    Notes
    -----
    Measured: 2,000 cohorts with alpha = 0.5, beta = 1.5, c = 1.5 seen for 7 renewals, 95 % limits. With 1,000 customers the share still there after 8, 12 and
    20 renewals and the discounted lifetime at 10 % lie within theirs in 94.7 to 95.1 %, the number of customers then in 95.8 to 96.2 %, the terms in 96.1 to
    97.3 %. With 200 customers shares and lifetime in 95.8 to 96.4 %, numbers in 96.7 to 97.1 %, c in 96.6 %, alpha and beta in all: their limits are very
    wide, and 4 % of the fits say `not identified` or `boundary`.

    References
    ----------
    Fader, Hardie, Liu, Davin and Steenburgh (2018), Journal of Interactive Marketing 43, 1-16.

    Examples
    --------
    >>> left = [1000, 869, 743, 653, 593]
    >>> fit = fit_bdw(pd.DataFrame({"period": range(5), "retained": left}))
    >>> fit.coefficients[["term", "estimate", "conf_low", "conf_high"]].round(4)
        term  estimate  conf_low  conf_high
    0  alpha    0.2593    0.1046     0.6431
    1   beta    1.7226    0.7116     4.1696
    2      c    1.5844    1.0237     2.4520
    """
    return fit_contracts(retained, BDW, kind=BDWFit, cohort=cohort, covariates=covariates, conf_level=conf_level)
