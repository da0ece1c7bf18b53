"""What customers cost to win, how soon they pay it back, and what they themselves gain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset
from cs_analysis.data.reading import Moment
from cs_analysis.errors import NotEnoughDataError
from cs_analysis.facts.acquisition import benefits, costs_by_account, paid_by_account
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.lifetimes import first_spells, last_month, paid_by_age, paid_now
from cs_analysis.facts.policy import RevenuePolicy
from cs_analysis.facts.relationship import relationship_of
from cs_analysis.stats.discounting import DAYS_A_MONTH
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.resampling import bootstrap
from cs_analysis.stats.value_over_life import Stream, Terms, Value, streams


def ltv_to_cac(
    ds: Dataset,
    *,
    horizon: str | timedelta = "36mo",
    discount_rate: float = 0.10,
    margin: float = 1.0,
    by: By = None,
    observed_from: Moment | None = None,
    policy: RevenuePolicy | str = "default",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Lifetime value of a new customer over what it cost to win one.

    The value is that of `customer_lifetime_value` over the stated horizon. Cost of a customer = sum of `accounts.acquisition_cost` over all accounts
    that have one on record, whether or not they became customers, over the number of those that did: money spent on those who never bought is
    spent too. Accounts without a cost on record are in neither part; what share of the customers has one stands beside. A cost of 0 is a cost.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions`, and `acquisition_cost` (in the reporting currency) in `accounts`.
    horizon, discount_rate, margin
        As for `customer_lifetime_value`.
    by : str or list of str, optional
        Columns of `accounts` to group by, such as `"channel"`.
    observed_from, policy
        As for `customer_lifetime_value`.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates, limits symmetric for the logarithm from the influence of each account, of value and cost together:

        * `ltv_to_cac`, unit `ratio`; `n` = accounts. Missing where the lifetime value is, and where the cost is 0.
        * `acquisition_cost`, money, a customer; `n` = accounts with a cost on record. `cost_known`, unit `share`: customers with a cost on record,
          a fact; `n` = customers.
        * `ltv_to_cac_naive`: ARPA x margin / churn rate of the last finished month over the mean cost of the customers alone; missing in a
          month without churn (see `customer_lifetime_value_naive`); `n` = customers at the month's start.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        As for `customer_lifetime_value`; there is no `acquisition_cost`, or no account has one.

    References
    ----------
    Skok (2010), SaaS Metrics, For Entrepreneurs (the ratio, and 3 as a rule of thumb). Farris, Bendle, Pfeifer and Reibstein (2010), Marketing
    Metrics, 2nd ed., chapter 5.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=60, months=12)
    >>> cs.ltv_to_cac(ds, horizon="6mo")["metric"].tolist()
    ['ltv_to_cac', 'acquisition_cost', 'cost_known', 'ltv_to_cac_naive']
    """
    terms = Terms.of(horizon, margin=margin, discount_rate=discount_rate)
    check_conf_level(conf_level)
    naive = last_month(ds, by=by, policy=policy)
    parts = []
    for won in _won(ds, by=by, observed_from=observed_from, policy=policy):
        value = won.spread(won.stream.value(won.stream.path(terms.days), terms))
        parts.append(_estimate(won, "ltv_to_cac", value.over(won.cost), unit="ratio", conf_level=conf_level))
        parts += _costs(won, currency=ds.currency or "XXX", conf_level=conf_level)
        arpa, churn, customers = _last(won, naive)
        infinite = not (churn > 0 and won.cost_of_customers > 0)
        ratio = np.nan if infinite else arpa * terms.margin / churn / won.cost_of_customers
        parts.append(estimates(won.key, metric="ltv_to_cac_naive", unit="ratio", estimate=ratio, n=customers))
    return as_named(stack(parts))


def cac_payback(
    ds: Dataset,
    *,
    horizon: str | timedelta = "36mo",
    discount_rate: float = 0.0,
    margin: float = 1.0,
    by: By = None,
    observed_from: Moment | None = None,
    policy: RevenuePolicy | str = "default",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Days until a new customer, on average, has paid back what it cost to win one; those who leave early counted in.

    The first day on which survival x mean amount x margin, summed from the start of a customer, reaches the cost of `ltv_to_cac`. A month is
    30.4375 days. Who pays little and leaves soon lengthens it: the usual figure, cost over ARPA x margin, takes it that nobody leaves.

    Parameters
    ----------
    ds : Dataset
        As for `ltv_to_cac`.
    horizon : str or Timedelta
        How far to look.
    discount_rate : float
        Rate a year; by default none, as is usual for a payback.
    margin, by, observed_from, policy, conf_level
        As for `ltv_to_cac`.

    Returns
    -------
    DataFrame
        Estimates, unit `days`. `cac_payback`; `n` = accounts. The limits are symmetric for the logarithm: the standard error of the amount
        reached less cost, over what a day adds then. The upper limit is missing where it lies beyond the horizon: so long it may take, or for
        ever. All is missing where the cost is not reached within the horizon, or the curve ends before. `cac_payback_naive`: cost over ARPA of the last
        finished month x margin; `n` = customers at its start.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        As for `ltv_to_cac`.

    References
    ----------
    Skok (2010), SaaS Metrics, For Entrepreneurs (months to recover CAC).

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=60, months=12)
    >>> cs.cac_payback(ds)["metric"].tolist()
    ['cac_payback', 'cac_payback_naive']
    """
    terms = Terms.of(horizon, margin=margin, discount_rate=discount_rate)
    check_conf_level(conf_level)
    naive = last_month(ds, by=by, policy=policy)
    parts = []
    for won in _won(ds, by=by, observed_from=observed_from, policy=policy):
        row = _estimate(won, "cac_payback", won.days_to_reach_cost(terms), unit="days", conf_level=conf_level)
        parts.append(row.assign(conf_high=row["conf_high"].where(row["conf_high"] <= terms.days)))
        arpa, _, customers = _last(won, naive)
        days = won.cost.amount / (arpa * terms.margin) * DAYS_A_MONTH if arpa > 0 else np.nan
        parts.append(estimates(won.key, metric="cac_payback_naive", unit="days", estimate=days, n=customers))
    return as_named(stack(parts))


def customer_roi(
    ds: Dataset,
    *,
    benefit: str | pd.DataFrame = "benefit",
    by: By = None,
    rng: int | np.random.Generator = 0,
    policy: RevenuePolicy | str = "default",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Return of the customers on what they have paid us: (their benefit - what they paid) / what they paid.

    That is their return. What they bring us, revenue per customer, is another quantity and stands beside under its own name. The benefit is
    what the customer says or both have agreed that the product gained or saved; no table of usage holds it. Over the accounts that have paid and
    have a benefit on record: sum of benefits less sum of payments, over sum of payments. Where records are kept of successes only, the figure is too high: see
    the share with a record.

    Parameters
    ----------
    ds : Dataset
        Needs `subscriptions` or `orders`. Paid is the amount a month of all phases over the time they covered until `as_of`, or what was kept of the
        orders where there are no subscriptions.
    benefit : str or DataFrame
        Name of a column of `accounts` with the benefit until now in the reporting currency (as of the export); or a table with `account_id`, `amount` and
        where known `at` (instants; later ones than `as_of` are left out), several rows an account adding up. Missing is not 0.
    by : str or list of str, optional
        Columns of `accounts` to group by, as of the export.
    rng : int or Generator
        For the limits: whole accounts are drawn.
    policy : RevenuePolicy or str
        Which phases count.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates. `customer_roi`, unit `ratio` (0.5: one and a half gained for every one paid), BCa limits of the account bootstrap, missing for
        a single account; `n` = accounts with both. `benefit_known`, unit `share`, a fact: accounts with a benefit on record among those that
        paid. `revenue_per_customer`, money, BCa limits: mean paid until `as_of` by those that paid; both with `n` = accounts that paid.

    Raises
    ------
    MissingTableError, MissingColumnsError, ParameterError
        Neither subscriptions nor orders; `accounts` has no such column or the table lacks one; amounts are no numbers.
    NotEnoughDataError
        Nobody has paid.

    References
    ----------
    Phillips (2003), Return on Investment in Training and Performance Improvement Programs, 2nd ed., chapter 1 (the ratio of net benefit to
    cost). Efron (1987), Journal of the American Statistical Association 82, 171-185.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> gained = pd.DataFrame({"account_id": ds.tables["accounts"].to_pandas(["account_id"])["account_id"], "amount": 5000.0})
    >>> cs.customer_roi(ds, benefit=gained)["metric"].tolist()
    ['customer_roi', 'benefit_known', 'revenue_per_customer']
    """
    check_conf_level(conf_level)
    keys, gained = group_columns(by), benefits(ds, benefit)
    paid = paid_by_account(ds, by=by, policy=policy)
    if paid.empty:
        raise NotEnoughDataError(f"nobody had paid anything by {ds.as_of:%Y-%m-%d}: a return needs what was paid. Check `kind` and the policy.")
    table = paid.merge(gained, on="account_id", how="left")
    groups = [((), table)] if not keys else table.groupby(keys, dropna=False, observed=True)
    options: dict[str, Any] = {"rng": rng, "conf_level": conf_level}
    parts = [_returns(part, dict(zip(keys, values, strict=True)), currency=ds.currency or "XXX", options=options) for values, part in groups]
    return as_named(stack(parts))


@dataclass(frozen=True, eq=False)
class _Won:
    """The customers of a group, what its accounts cost, and the cost of a customer with the influence of each account."""

    stream: Stream
    costs: pd.DataFrame

    @property
    def key(self) -> dict[Any, list[Any]]:
        return {name: [value] for name, value in self.stream.keys.items()}

    @cached_property
    def accounts(self) -> pd.Index:
        """Customers, and other accounts with a cost on record, in order."""
        return pd.Index(self.stream.table["account_id"]).union(pd.Index(self.costs["account_id"]))

    @cached_property
    def customers_known(self) -> pd.Series:
        """Costs of the customers that have one on record."""
        return self.costs.loc[self.costs["account_id"].isin(self.stream.table["account_id"]), "cost"]

    @property
    def cost_of_customers(self) -> float:
        """Mean cost of the customers alone."""
        return float(self.customers_known.mean()) if len(self.customers_known) else np.nan

    @cached_property
    def cost(self) -> Value:
        """Cost of winning a customer: all costs over the customers among those who have one."""
        known = len(self.customers_known)
        if not known:
            return Value(np.nan, np.full(len(self.accounts), np.nan))
        amount = float(self.costs["cost"].sum()) / known
        won = self.costs["account_id"].isin(self.stream.table["account_id"])
        influences = pd.Series(((self.costs["cost"] - amount * won) / known).to_numpy(), index=self.costs["account_id"])
        return Value(amount, influences.reindex(self.accounts, fill_value=0.0).to_numpy())

    def spread(self, value: Value) -> Value:
        """Return a value made of the customers with an influence for every account."""
        own = pd.Series(value.influences, index=self.stream.table["account_id"])
        return Value(value.amount, own.reindex(self.accounts, fill_value=0.0).to_numpy())

    def days_to_reach_cost(self, terms: Terms) -> Value:
        """Return after how many days a customer has paid back its cost."""
        day, value, pace = self.stream.reached(self.cost.amount, terms)
        return Value(day, (self.cost.influences - self.spread(value).influences) / pace)


def _won(ds: Dataset, *, by: By, observed_from: Moment | None, policy: RevenuePolicy | str) -> Iterator[_Won]:
    """Return the customers and costs of each group with customers."""
    relationship_of(ds, "contract")
    keys = group_columns(by)
    costs = costs_by_account(ds, by=by)
    if costs.empty:
        raise NotEnoughDataError("no account has an acquisition cost: `accounts.acquisition_cost` is empty. Fill it, at least for part of the accounts.")
    spells = first_spells(ds, by=by, observed_from=observed_from, policy=policy)
    for stream in streams(spells, paid_by_age(ds, policy=policy), paid_now(ds, policy=policy), as_of=ds.as_of, keys=keys):
        yield _Won(stream, stream.own_rows(costs).reset_index(drop=True))


def _estimate(won: _Won, metric: str, value: Value, *, unit: str, conf_level: float) -> pd.DataFrame:
    low, high = value.limits(conf_level)
    return estimates(won.key, metric=metric, unit=unit, estimate=value.amount, conf_low=low, conf_high=high, n=len(won.accounts))


def _costs(won: _Won, *, currency: str, conf_level: float) -> list[pd.DataFrame]:
    """Return the cost of a customer and the share of the customers whose cost is known."""
    customers = len(won.stream.table)
    cost = _estimate(won, "acquisition_cost", won.cost, unit=currency, conf_level=conf_level).assign(n=len(won.costs))
    return [cost, estimates(won.key, metric="cost_known", unit="share", estimate=len(won.customers_known) / customers, n=customers)]


def _last(won: _Won, months: pd.DataFrame) -> tuple[float, float, int]:
    """Return ARPA, churn rate and customers of the last finished month; the rates missing without customers."""
    own = won.stream.own_rows(months)
    if own.empty or not own["customers"].iloc[0]:
        return np.nan, np.nan, 0
    row = own.iloc[0]
    arpa = float(row["amount"]) / row["paying"] if row["paying"] > 0 else np.nan
    return arpa, row["lost"] / row["customers"], int(row["customers"])


def _returns(table: pd.DataFrame, keys: dict[Any, Any], *, currency: str, options: dict[str, Any]) -> pd.DataFrame:
    """Return the three rows of one group."""
    both, key = table[table["benefit"].notna()], {name: [value] for name, value in keys.items()}
    known = estimates({}, metric="benefit_known", unit="share", estimate=len(both) / len(table), n=len(table))
    paid = bootstrap(table[["paid"]].assign(one=1.0), lambda sums: sums["paid"] / sums["one"], metric="revenue_per_customer", unit=currency, **options)
    if both.empty:
        roi = estimates({}, metric="customer_roi", unit="ratio", estimate=np.nan, n=0)
    else:
        roi = bootstrap(both[["benefit", "paid"]], lambda sums: (sums["benefit"] - sums["paid"]) / sums["paid"], metric="customer_roi", **options)
    rows = stack([roi, known, paid])
    return pd.concat([pd.DataFrame(key).loc[[0] * len(rows)].reset_index(drop=True), rows], axis=1) if key else rows
