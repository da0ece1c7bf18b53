"""What accounts cost to win, what they have paid, and what they have gained by their own account: one row an account."""

from __future__ import annotations

from dataclasses import replace

import ibis
import ibis.expr.types as ir
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.facts.groups import By, group_columns, with_groups
from cs_analysis.facts.orders import purchase_days
from cs_analysis.facts.policy import RevenuePolicy, policy_of
from cs_analysis.facts.relationship import has_rows
from cs_analysis.facts.subscriptions import account_months


def costs_by_account(ds: Dataset, *, by: By = None) -> pd.DataFrame:
    """Return `account_id`, the group columns and `cost` of the known accounts that have a cost on record.

    Raises
    ------
    MissingColumnsError
        `accounts` has no `acquisition_cost`, or no column of `by`.
    ParameterError
        A cost is negative.
    """
    accounts = with_groups(ds, relation(ds, "accounts", "acquisition_cost"), by, table="accounts")
    known = accounts.filter(accounts.acquisition_cost.notnull())
    rows = known.select("account_id", *group_columns(by), cost=known.acquisition_cost.cast("float64"))
    table = engine_of(ds).run(rows.order_by("account_id"))
    if (table["cost"] < 0).any():
        first = table[table["cost"] < 0].iloc[0]
        raise ParameterError(
            f"`accounts.acquisition_cost` must not be negative; account {first['account_id']!r} has {first['cost']:g}. Correct it or leave it empty."
        )
    return table


def paid_by_account(ds: Dataset, *, by: By = None, policy: RevenuePolicy | str = "default") -> pd.DataFrame:
    """Return `account_id`, the group columns and `paid`: what each known account has paid until `as_of`, of those that paid anything.

    Under a contract the amounts a month of its phases, each times the part of the month that it covers; else what was kept of the orders.
    """
    if has_rows(ds, "subscriptions"):
        months = account_months(ds, policy=replace(policy_of(policy), proration="covered"))
        sums = months.group_by("account_id").agg(paid=months.closing.sum().cast("float64"))
    else:
        days = purchase_days(ds)
        sums = days.group_by("account_id").agg(paid=days.value.sum().cast("float64"))
    rows = with_groups(ds, sums.filter(sums.paid > 0), by, table=None)
    return engine_of(ds).run(rows.select("account_id", *group_columns(by), "paid").order_by("account_id"))


def benefits(ds: Dataset, benefit: str | pd.DataFrame) -> pd.DataFrame:
    """Return `account_id` and `benefit`: the sum that each account is on record to have gained, known at `as_of`.

    Raises
    ------
    MissingColumnsError
        `accounts` has no such column, or the table lacks `account_id` or `amount`.
    ParameterError
        Values are no numbers, or instants have no time zone.
    """
    if isinstance(benefit, str):
        return _from_column(ds, benefit)
    missing = [name for name in ("account_id", "amount") if name not in benefit.columns]
    if missing:
        raise MissingColumnsError(missing, benefit.columns, table="benefit")
    if not pd.api.types.is_numeric_dtype(benefit["amount"]):
        raise ParameterError(f"benefit['amount'] must hold numbers, not {benefit['amount'].dtype}. Convert it.")
    rows = benefit[benefit["amount"].notna()]
    if "at" in rows.columns:
        if not isinstance(rows["at"].dtype, pd.DatetimeTZDtype):
            raise ParameterError("benefit['at'] must hold instants with a time zone. Use pd.to_datetime(..., utc=True).")
        rows = rows[rows["at"] <= ds.as_of]
    sums = rows.sort_values(["account_id", "amount"]).groupby("account_id", as_index=False)["amount"].sum()
    return sums.rename(columns={"amount": "benefit"}).astype({"benefit": "float64"})


def _from_column(ds: Dataset, name: str) -> pd.DataFrame:
    present = ds.tables["accounts"].columns
    if name not in present:
        raise MissingColumnsError([name], present, table="accounts")
    accounts: ir.Table = relation(ds, "accounts")
    if not accounts[name].type().is_numeric():
        raise ParameterError(f"benefit must name a column of `accounts` with amounts; {name!r} holds {accounts[name].type()}. Convert it.")
    rows = accounts.filter(accounts[name].notnull()).select("account_id", benefit=ibis._[name].cast("float64"))
    return engine_of(ds).run(rows.order_by("account_id"))
