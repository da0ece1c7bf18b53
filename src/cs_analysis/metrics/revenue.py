"""Monthly recurring revenue: a book fact, exact to the cent, under a stated policy."""

from __future__ import annotations

import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.policy import DEFAULT_POLICY, RevenuePolicy
from cs_analysis.facts.subscriptions import phase_months
from cs_analysis.stats.estimates import estimates


def mrr(ds: Dataset, *, by: By = None, policy: RevenuePolicy = DEFAULT_POLICY) -> pd.DataFrame:
    """Monthly recurring revenue at the end of each month, in the dataset's reporting currency.

    Sum over the paying phases that started before the month's end and had not ended before it, of the amount a month less
    discount, converted at the month's rate. A change at 00:00 on the first belongs to the new month. The last row ends at
    `as_of`, even in the middle of a month. A month without a paying phase has no row.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`.
    by : str or list of str, optional
        Columns of `subscriptions` (the plan of the phase at the time) or of `accounts` (as of the export).
    policy : RevenuePolicy
        Which phases count, and whether net of discount.

    Returns
    -------
    DataFrame
        Estimates with the key `period` (first day of the month). Metric `mrr`, unit = the reporting currency, no limits (a
        fact about the books), `n` = accounts with a paying phase.

    Raises
    ------
    MissingTableError, MissingColumnsError
        No `subscriptions`; an unknown column in `by`.

    References
    ----------
    ChartMogul Help Center, "Churn recognition" and "Subscription Analytics settings": the choices on which tools differ.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> cs.mrr(ds, by="plan")["unit"].unique().tolist()
    ['EUR']
    """
    keys = [*group_columns(by), "period"]
    phases = phase_months(ds, by=by, policy=policy)
    totals = phases.group_by(*keys).agg(amount=phases.amount.sum(), accounts=phases.account_id.nunique())
    table = engine_of(ds).run(totals.order_by(keys))
    return estimates(as_named(table[keys]), metric="mrr", unit=ds.currency or "XXX", estimate=table["amount"], n=table["accounts"])
