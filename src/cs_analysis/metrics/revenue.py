"""Monthly recurring revenue and what moves it: book facts, exact, under a stated policy."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.dataset import Dataset, cutoff, engine_of
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.periods import periods
from cs_analysis.facts.phases import MONEY
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.facts.revenue import MOVEMENTS, TRANSFER, account_movements
from cs_analysis.facts.subscriptions import phase_months
from cs_analysis.stats.estimates import estimates


def mrr(ds: Dataset, *, by: By = None, policy: RevenuePolicy | str = "default") -> pd.DataFrame:
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
    policy : RevenuePolicy or str
        Which phases count, until when and with what amount; or the name of a preset, such as `"stripe"`.

    Returns
    -------
    DataFrame
        Estimates with the key `period` (first day of the month). Metric `mrr`, unit = the reporting currency, no limits (a
        fact about the books), `n` = accounts with a phase that counts.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `subscriptions`; an unknown column in `by`, or none for a choice of the policy; an unknown policy.

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


def mrr_movements(ds: Dataset, *, by: By = None, policy: RevenuePolicy | str = "default") -> pd.DataFrame:
    """What moved the monthly recurring revenue in each month: new, expansion, contraction, churn, reactivation and exchange rates.

    An account's month has one movement: its closing less its opening amount, the latter at the month's own exchange rates; what rates alone changed
    is `fx`. Who was no customer at the month's start is `new`, or `reactivation` if an earlier month's books had it; who is none at
    its end is `churn`. Signed, the movements of a month add up to the change of `mrr` from the end of the month before, from 0 in the
    first one; that is checked for every account, group and month, to the last decimal, each time. The last month ends at `as_of`.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`. Orders and refunds do not touch recurring revenue.
    by : str or list of str, optional
        Columns of `subscriptions` (the plan of the phase at the time) or of `accounts` (as of the export). What an account's groups gained from each
        other is `transfer`, which adds up to 0 over the groups; the other movements add up to those of the whole.
    policy : RevenuePolicy or str
        Which phases count, until when and with what amount, and what is new; or the name of a preset, such as `"stripe"`.

    Returns
    -------
    DataFrame
        Estimates with the keys `period` (first day of the month) and `movement`, every movement in every month from the first (of the group) on.
        Metric `mrr_movements`, unit = the reporting currency, no limits (a fact about the books), `n` = accounts with the movement.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        No `subscriptions`; an unknown column in `by`, or none for a choice of the policy; an unknown policy.
    ContractError
        The movements do not add up.

    References
    ----------
    ChartMogul Help Center, "Understanding MRR movements"; Stripe Docs, "Billing metric definitions" (the names of the movements).

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> moved, total = cs.mrr_movements(ds)["estimate"].sum(), cs.mrr(ds)["estimate"].iloc[-1]
    >>> bool(abs(moved - total) < 0.00005)
    True
    """
    keys = [*group_columns(by), "period"]
    movements = account_movements(ds, by=by, policy=policy)
    totals = movements.group_by(*keys, "movement").agg(amount=movements.amount.sum().cast(MONEY), accounts=movements.count())
    table = engine_of(ds).run(_complete(ds, totals, by=by).order_by([*keys, "place"]))
    named = as_named(table[[*keys, "movement"]])
    return estimates(named, metric="mrr_movements", unit=ds.currency or "XXX", estimate=table["amount"], n=table["accounts"])


def _complete(ds: Dataset, totals: ir.Table, *, by: By) -> ir.Table:
    """Return the totals with `place` in the order of movements, and with 0 for the movements that a month from the group's first on does not have."""
    engine, groups, names = engine_of(ds), group_columns(by), [*MOVEMENTS, *([] if by is None else [TRANSFER])]
    staged = engine.stage(totals)
    first = engine.run(staged.agg(first=staged.period.min()).order_by("first"))["first"].iloc[0]
    since = cutoff(ds) - pd.Timedelta(1, "us") if pd.isna(first) else first.tz_localize(ds.calendar.zone).tz_convert("UTC").tz_localize(None)
    months = periods(ds, since, period="month", unfinished=True)[["period"]]
    every = engine.lookup(months.merge(pd.DataFrame({"movement": names, "place": range(len(names))}), how="cross"))
    begun = staged.group_by(*groups).agg(first=staged.period.min()) if groups else staged.agg(first=staged.period.min())
    grid = begun.cross_join(every).filter(ibis._.period >= ibis._.first)
    zero = ibis.literal(0)
    empty = grid.select(*groups, "period", "movement", "place", amount=zero.cast(MONEY), accounts=zero.cast("int64"))
    placed = staged.mutate(place=ibis.literal(None).cast("int64")).select(*empty.columns)
    both = empty.union(placed)
    return both.group_by(*groups, "period", "movement").agg(place=both.place.max(), amount=both.amount.sum(), accounts=both.accounts.sum())
