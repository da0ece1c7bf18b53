"""The shifted-beta-geometric model: each customer leaves at every renewal with a chance of his own."""

from __future__ import annotations

import pandas as pd

from cs_analysis.stats.contracts.fit import ContractFit, fit_contracts
from cs_analysis.stats.contracts.renewals import SBG
from cs_analysis.stats.contracts.retained import Columns


class SBGFit(ContractFit):
    """A fitted shifted-beta-geometric model; see `ContractFit`."""


def fit_sbg(retained: pd.DataFrame, *, cohort: Columns = None, covariates: Columns = None, conf_level: float = 0.95) -> SBGFit:
    """Shifted-beta-geometric model of customers under contract: how the chance to leave at a renewal differs between them.

    Each customer leaves at every renewal with the same chance, which differs between customers like Beta(alpha, beta). Of a cohort the share
    S(t) = B(alpha, beta + t) / B(alpha, beta) is there after t renewals, and (beta + t - 1) / (alpha + beta + t - 1) of those before renewal t renew:
    the rate rises although nobody's own chance changes, as those likely to leave go first. Maximum likelihood by Newton's method.

    Parameters
    ----------
    retained : DataFrame
        `period` (0, 1, 2, ... renewals) and `retained` (customers still there after it; period 0 = size of the cohort), without a gap.
    cohort : str or list of str, optional
        Columns that tell cohorts apart. All have the same alpha and beta; a cohort that is younger ends earlier.
    covariates : str or list of str, optional
        Columns that describe cohorts and are constant in each: log alpha and log beta are each a constant plus an effect of a number, or of each
        level but the first of anything else. `covariates=cohort` gives each cohort an alpha and a beta of its own.
    conf_level : float
        Confidence level.

    Returns
    -------
    SBGFit
        `coefficients` have the metric `sbg_coefficient` and the terms `alpha`, `beta` and, with covariates, `alpha x plan=pro` ...: factors;
        Wald limits of the logarithms, `n` = customers. Where customers do not seem to differ (alpha and beta without limit), or leave at once or
        never, `diagnostics` has a row `boundary` and rows `not identified`; shares and lifetimes are then those of the simpler model, and their limits
        take it for granted. With covariates, a row has the p-value of the likelihood-ratio test against none.

    Raises
    ------
    MissingColumnsError, ParameterError
        A column is absent; counts that no cohort can have, all kinds at once.
    NotEnoughDataError
        Fewer renewals than terms.
    ConvergenceError
        Nobody left, all left at the first renewal, or there is no maximum.

    Notes
    -----
    Measured: 2,000 cohorts seen for 7 renewals, 95 % limits. With alpha = 0.7, beta = 1.2 and 1,000 customers the terms, the share still there after 8, 12
    and 20 renewals and the discounted lifetime at 10 % lie within theirs in 94.5 to 94.9 %, the number of customers then in 95.6 to 96.3 %; with 200
    customers in 95.3 to 95.9 and 96.2 to 97.1 %. Customers who are much alike (alpha = 8, beta = 32, 500 of them) cannot be told from customers who are
    all alike: 28 % of the fits say `boundary` or `not identified`, and limits far ahead hold less often than they should: the share after 8, 12 and 20
    renewals in 94.1, 90.9 and 79.9 % (in 94.7, 94.2 and 91.6 % where the fit found no fault), alpha and beta in 90 % (86 %), the
    discounted lifetime in 94.7 %. `benchmarks/coverage` has all figures.

    References
    ----------
    Fader and Hardie (2007), Journal of Interactive Marketing 21, 76-90.

    Examples
    --------
    >>> left = [1000, 631, 468, 382, 326, 289, 262, 241]
    >>> fit = fit_sbg(pd.DataFrame({"period": range(8), "retained": left}))
    >>> fit.coefficients[["term", "estimate", "conf_low", "conf_high"]].round(4)
        term  estimate  conf_low  conf_high
    0  alpha    0.7041    0.5866     0.8451
    1   beta    1.1820    0.9180     1.5221
    >>> fit.discounted_lifetime(0.1)["estimate"].round(4).tolist()
    [3.6949]
    """
    return fit_contracts(retained, SBG, kind=SBGFit, cohort=cohort, covariates=covariates, conf_level=conf_level)
