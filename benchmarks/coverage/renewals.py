"""How often the limits of renewal rates, hazards, kinds of ends and time as a customer contain the truth: one company cut into groups of accounts.

`python benchmarks/coverage/renewals.py` writes `results/renewals.csv` beside this file: one row a metric with the share of groups whose 95 %
limits contain the true value, and its simulation error. Accounts have one to four contracts, which are alike within an account.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import cs_analysis as cs

SEED, HORIZON = 20261123, 300.0


def company(groups: int, accounts_each: int, rng: np.random.Generator) -> cs.Dataset:
    """Return accounts with yearly contracts that end within the year at a rate of their own, or at the renewal with a chance of their own."""
    size = groups * accounts_each
    many = rng.choice([1, 2, 4], size, p=[0.6, 0.3, 0.1])
    owner = np.repeat(np.arange(size), many)
    price = np.round(rng.lognormal(3, 0.8, len(owner)), 2)
    start = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 366, len(owner)), "D")
    rate, leaves = rng.gamma(1, 0.01, size)[owner], rng.beta(1, 4, size)[owner]
    early = rng.exponential(1 / rate) * 30.4
    renewal = start + pd.DateOffset(years=1)
    at_renewal = pd.Series(renewal).where(rng.random(len(owner)) < leaves)
    ended = pd.Series(start + pd.to_timedelta(np.minimum(early, 3000).astype(int) + 3, "D"))
    ended = ended.where(ended < renewal - pd.Timedelta(2, "D"), at_renewal)
    names, people = np.arange(len(owner)).astype(str), np.arange(size).astype(str)
    sold = {"subscription_id": names, "account_id": people[owner], "started_at": start, "ended_at": ended, "mrr": price, "currency": "EUR", "interval": "year"}
    accounts = {"account_id": people, "started_at": pd.Timestamp("2024-01-01", tz="UTC"), "group": np.arange(size) % groups, "one": "all"}
    sold["end_reason"] = np.where(ended == renewal, "non_renewal", np.where(ended.notna(), "voluntary", None))
    return cs.read_dataset({"accounts": pd.DataFrame(accounts), "subscriptions": pd.DataFrame(sold)}, as_of="2025-12-31")


def answers(ds: cs.Dataset, by: str) -> pd.DataFrame:
    """Return the estimates whose limits are looked at, one row a metric and group."""
    hazard = cs.renewal_hazard(ds, by=by).query("renewal == 1")
    tables = [cs.renewal_rate(ds, by=by, period="year").query("period.dt.year == 2025"), hazard, cs.customer_time(ds, by=by, horizon=f"{HORIZON:g}d")]
    kinds = cs.churn_by_kind(ds, by=by, at_days=[HORIZON]).query("metric == 'churn_by_kind' and ended_by == 'voluntary'")
    return pd.concat([*tables, kinds], ignore_index=True).dropna(subset=["conf_low", "conf_high"])


def study(groups: int, *, accounts_each: int, seed: int = SEED) -> pd.DataFrame:
    """Return coverage by metric; true is the figure of all groups together, which is as good as without error."""
    ds = company(groups, accounts_each, np.random.default_rng(seed))
    truths, found = answers(ds, "one").set_index("metric")["estimate"], answers(ds, "group")
    rows = []
    for metric, of in found.groupby("metric"):
        share = float(((of["conf_low"] <= truths[metric]) & (truths[metric] <= of["conf_high"])).mean())
        error = np.sqrt(share * (1 - share) / len(of))
        rows.append({"metric": metric, "accounts": accounts_each, "true": truths[metric], "groups": len(of), "coverage": share, "simulation_error": error})
    return pd.DataFrame(rows)


if __name__ == "__main__":
    path = Path(__file__).parent / "results" / "renewals.csv"
    results = pd.concat([study(1000, accounts_each=60), study(300, accounts_each=300)])
    results.round(4).to_csv(path, index=False, lineterminator="\n")
