"""Whether what health is made from looks as it did when the model learnt, and whether as many leave as it foretold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import MissingColumnsError, NotEnoughDataError
from cs_analysis.facts.account_features import account_features, feature_names
from cs_analysis.facts.feature_dates import feature_dates
from cs_analysis.facts.outcomes import snapshot_days
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.scores.calibration import observed_expected
from cs_analysis.stats.scores.drift import psi

_BACK = 12
_NEEDED = ["account_id", "at", "model", "probability", "churned"]


def health_drift(ds: Dataset, *, since: Any = None, features: Iterable[str] | None = None, bins: int = 10, conf_level: float = 0.95) -> pd.DataFrame:
    """Population stability index of each feature between the customers of an earlier day and those of today, beside what chance alone makes of it.

    Sum over bins of (q - p) log(q / p), p and q the shares of customers then and now; bins are cut at the quantiles then, what is missing is a bin of its own.
    A feature has drifted where the index lies above its noise. The usual limits of 0.1 and 0.25 are noise in small companies and blind in large ones.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`.
    since : str or date, optional
        The earlier day. Default: the last day of the month a year before, or of the first month with customers.
    features : list of str, optional
        Names of features of `health_features`; default: all that the tables allow.
    bins : int
        Bins of equal numbers then.
    conf_level : float
        Share of samples without any drift whose index stays below the noise.

    Returns
    -------
    DataFrame
        Estimates with the keys `feature` and `since`, `n` = customers now. Metrics `health_drift` (unit `ratio`, no limits) and `drift_noise`.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        As for `health_features`.
    NotEnoughDataError
        There is no customer on one of the days.

    References
    ----------
    Yurdakul (2018), Statistical properties of population stability index, dissertation, Western Michigan University.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=60, months=8)
    >>> sorted(set(cs.health_drift(ds, features=["active_days_28"])["metric"]))
    ['drift_noise', 'health_drift']
    """
    level, names = check_conf_level(conf_level), feature_names(ds, features)
    day = snapshot_days(ds)[:-1][-_BACK:][:1] if since is None else since
    if not day:
        raise NotEnoughDataError(f"drift needs two months with customers before {ds.as_of:%Y-%m-%d}. Wait, or name an earlier day as since.")
    then, now = (account_features(ds, feature_dates(ds, each), names) for each in (day, None))
    if then.empty or now.empty:
        raise NotEnoughDataError(f"drift needs customers on both days; there are {len(then)} then and {len(now)} now. Choose another day.")
    found = [psi(then[name], now[name], bins=bins, conf_level=level) for name in names]
    keys = {"feature": names, "since": [then["at"].iloc[0]] * len(names)}
    return stack(
        [
            estimates(keys, metric="health_drift", unit="ratio", estimate=[each.value for each in found], n=len(now)),
            estimates(keys, metric="drift_noise", unit="ratio", estimate=[each.noise for each in found], n=len(now)),
        ]
    )


def forecast_drift(predictions: pd.DataFrame, *, conf_level: float = 0.95) -> pd.DataFrame:
    """Customers who left over those foretold to leave, date by date and model by model, out of time.

    Parameters
    ----------
    predictions : DataFrame
        As `health_predictions` returns them.
    conf_level : float
        Level of the limits, on the logarithm; where nobody left the upper one is that of a Poisson count.

    Returns
    -------
    DataFrame
        Estimates with the keys `model` and `at`; metric `forecast_drift`, unit `ratio` (1 is as foretold), `n` = customers. Windows of neighbouring
        dates overlap, so neighbouring figures move together.

    Raises
    ------
    MissingColumnsError
        The table is not one of `health_predictions`.

    References
    ----------
    Van Calster, McLernon, van Smeden, Wynants and Steyerberg (2019), BMC Medicine 17, 230.

    Examples
    --------
    >>> table = pd.DataFrame({"account_id": list("abcd"), "at": "2026-01-31", "model": "m", "probability": 0.5, "churned": [True, True, True, False]})
    >>> float(forecast_drift(table)["estimate"].iloc[0])
    1.5
    """
    if missing := [name for name in _NEEDED if name not in predictions.columns]:
        raise MissingColumnsError(missing, predictions.columns, table="of predictions")
    level, tables = check_conf_level(conf_level), []
    for (model, at), rows in predictions.groupby(["model", "at"], sort=True):
        ratio = observed_expected(rows["probability"], rows["churned"], conf_level=level)
        tables.append(estimates({"model": [model], "at": [at]}, metric="forecast_drift", unit="ratio", **ratio._asdict(), n=len(rows)))
    return stack(tables)
