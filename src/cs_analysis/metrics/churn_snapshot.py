"""The churn rate of one period from a snapshot: who was a customer at its start, and who is gone at its end."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.facts.groups import By, as_named, by_columns, group_columns
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.facts.subscriptions import customers_by_period
from cs_analysis.stats.estimates import check_conf_level, estimates
from cs_analysis.stats.intervals import wilson

_GONE = {"yes": True, "no": False, "true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}


def snapshot_churn_rate(
    source: Dataset | pd.DataFrame, *, churned: str = "churned", by: By = None, conf_level: float = 0.95, policy: RevenuePolicy | str = "default"
) -> pd.DataFrame:
    """Share of the customers at the start of one period that are gone at its end: the rate that a snapshot can give.

    A snapshot holds who was a customer at the start of its period and whether they left in it. Customers who left earlier are not in it: a
    curve from day 0 (Kaplan-Meier on the tenure) counts everybody at risk at every age up to their own, but the leavers of one period
    only, and says that far more stay than do. `customer_survival` refuses it.

    Parameters
    ----------
    source : Dataset or DataFrame
        One row a customer at the start of the period, with the column `churned`; or a Dataset, whose last finished calendar month it is then.
    churned : str
        Column that says whether the customer left in the period: true/false, 1/0 or yes/no, never empty. Not used for a Dataset.
    by : str or list of str, optional
        Columns of the table, or of `accounts`, to group by, as of the export.
    conf_level : float
        Level of the limits.
    policy : RevenuePolicy or str
        Which phases make an account of a Dataset a customer.

    Returns
    -------
    DataFrame
        Estimates, of a Dataset with the key `period` (its first day). Metric `snapshot_churn_rate`, unit `share`, Wilson limits, `n` = customers at the start.

    Raises
    ------
    MissingColumnsError, NotEnoughDataError, ParameterError
        A column is absent; there is no customer, or no finished month with one; a value of `churned` is none of those.

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22, 209-212. Kalbfleisch and Prentice (2002), The Statistical Analysis of Failure
    Time Data, section 1.3 (left truncation).

    Examples
    --------
    >>> table = pd.DataFrame({"tenure": [1, 5, 9, 30], "churned": ["Yes", "No", "No", "No"]})
    >>> snapshot_churn_rate(table)[["metric", "estimate", "n"]]
                    metric  estimate  n
    0  snapshot_churn_rate      0.25  4
    """
    check_conf_level(conf_level)
    if isinstance(source, pd.DataFrame):
        keys, counted = by_columns(by), _of_table(source, churned, by_columns(by))
    else:
        keys, counted = [*group_columns(by), "period"], _of_last_month(source, by=by, policy=policy)
    rate = wilson(counted["lost"], counted["customers"], conf_level=conf_level)
    return as_named(estimates(counted[keys], metric="snapshot_churn_rate", unit="share", **rate._asdict(), n=counted["customers"]))


def _of_table(table: pd.DataFrame, churned: str, keys: list[str]) -> pd.DataFrame:
    """Return customers and lost of each group of a table."""
    if missing := [name for name in (churned, *keys) if name not in table.columns]:
        raise MissingColumnsError(missing, table.columns, table="source")
    if table.empty:
        raise NotEnoughDataError("source must hold the customers at the start of the period, one row each, and has no row.")
    gone = table[churned].astype("string").str.strip().str.lower().map(_GONE)
    if gone.isna().any():
        row = int(np.argmax(gone.isna()))
        raise ParameterError(f"{churned} must say true/false, 1/0 or yes/no for every customer; row {row} has {table[churned].iloc[row]!r}. Correct it.")
    rows = table[keys].reset_index(drop=True).assign(lost=gone.to_numpy("int64"), customers=1)
    if not keys:
        return rows[["lost", "customers"]].sum().to_frame().T
    return rows.groupby(keys, dropna=False)[["lost", "customers"]].sum().reset_index()


def _of_last_month(ds: Dataset, *, by: By, policy: RevenuePolicy | str) -> pd.DataFrame:
    """Return customers and lost of each group in the last finished month that has customers at its start."""
    counted = customers_by_period(ds, period="month", by=by, policy=policy)
    counted = counted[counted["customers"] > 0]
    if counted.empty:
        raise NotEnoughDataError(f"no month that is over by {ds.as_of:%Y-%m-%d} begins with a customer. Look later, or check `kind` and the policy.")
    return counted[counted["period"] == counted["period"].max()].reset_index(drop=True)
