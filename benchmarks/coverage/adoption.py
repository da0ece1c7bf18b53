"""How often the limits of adoption rate, adoption curve and new-adopter share contain the truth: one company cut into groups of accounts.

`python benchmarks/coverage/adoption.py` writes `results/adoption.csv` beside this file: one row a metric with the share of groups whose 95 %
limits contain the true value, and its simulation error.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import cs_analysis as cs

SEED, DAY = 20261122, 90.0
ACCOUNTS, USERS, SPREAD = 60, 5, 3.0
"""Accounts a group, users an account, and how alike the users of an account are (a beta distribution of so small a sum of parameters)."""


def company(groups: int, rng: np.random.Generator) -> cs.Dataset:
    """Return accounts that adopt after an exponential time (mean 120 days), leave after another (mean 200), and have users alike within accounts."""
    size = groups * ACCOUNTS
    names, start = np.arange(size).astype(str), pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 200, size), "D")
    adopts, gone = (start + pd.to_timedelta((rng.exponential(mean, size) * 86400).astype(int), "s") for mean in (120, 200))
    first = pd.DataFrame({"event_at": adopts, "account_id": names, "user_id": names, "event": "feature"})[adopts < gone]
    early = rng.beta(SPREAD / 2, SPREAD / 2, size).repeat(USERS) < rng.random(size * USERS)
    user = pd.DataFrame({"account_id": names.repeat(USERS), "user_id": np.arange(size * USERS).astype(str), "event": "login"})
    before, now = (pd.Timestamp(day, tz="UTC") for day in ("2025-10-10", "2025-11-10"))
    tables = {
        "accounts": pd.DataFrame({"account_id": names, "started_at": start, "group": np.arange(size) % groups}),
        "subscriptions": pd.DataFrame({"subscription_id": names, "account_id": names, "started_at": start, "ended_at": gone, "mrr": 1.0, "currency": "EUR"}),
        "events": pd.concat([first, user[early].assign(event_at=before), user.assign(event_at=now)], ignore_index=True),
    }
    return cs.read_dataset(tables, as_of="2025-12-31")


def study(groups: int, *, seed: int = SEED) -> pd.DataFrame:
    """Return coverage by metric; true are exponential distributions with and without the other end, and one half of new users."""
    ds = company(groups, np.random.default_rng(seed))
    adopt, leave = 1 / 120, 1 / 200
    incidence = adopt / (adopt + leave) * (1 - np.exp(-(adopt + leave) * DAY))
    curve = cs.adoption_curve(ds, "feature", released={"feature": "2025-01-01"}, by="group").query("time_days <= @DAY")
    rate = cs.adoption_rate(ds, "feature", within="90d", by="group")
    new = cs.new_adopter_share(ds, "login", by="group").query("metric == 'new_adopter_share' and period.dt.month == 11")
    parts = [(curve.groupby(["metric", "group"]).tail(1), {"adoption_curve": incidence, "adoption_if_nobody_left": 1 - np.exp(-adopt * DAY)})]
    parts += [(rate, {"adoption_rate": incidence}), (new, {"new_adopter_share": 0.5})]
    rows = []
    for table, truths in parts:
        for metric, true in truths.items():
            of = table[table["metric"] == metric]
            share = float(((of["conf_low"] <= true) & (true <= of["conf_high"])).mean())
            rows.append({"metric": metric, "true": true, "groups": len(of), "coverage": share, "simulation_error": np.sqrt(share * (1 - share) / len(of))})
    return pd.DataFrame(rows)


if __name__ == "__main__":
    path = Path(__file__).parent / "results" / "adoption.csv"
    results = study(2000)
    results.round(4).to_csv(path, index=False, lineterminator="\n")
    print(results.round(3).to_string())
