"""A company whose customers leave by a known logistic law, month by month, with the features that rule it as a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit

import cs_analysis as cs

WEIGHTS = {"use": -0.9, "tickets": 0.6, "noise": 0.0}
MONTHLY = -3.2


def company(accounts: int = 300, months: int = 14, *, seed: int = 0, missing: float = 0.0) -> tuple[cs.Dataset, pd.DataFrame]:
    """Return the dataset and the table of features at the end of each month.

    Everybody starts on 1 January 2025. At the end of each month who still is a customer decides, by its features then, to leave 45 days later with
    log-odds MONTHLY + WEIGHTS x features. So with a gap of 30 days and a horizon of 30 days the features at the end of a month rule who leaves.
    """
    rng = np.random.default_rng(seed)
    names = np.array([f"a{number:04d}" for number in range(accounts)])
    ends = pd.date_range("2025-01-31", periods=months, freq="ME")
    ended = pd.Series(pd.NaT, index=names, dtype="datetime64[us, UTC]")
    tables = []
    for end in ends:
        table = pd.DataFrame({name: rng.normal(size=accounts) for name in WEIGHTS}, index=names)
        odds = MONTHLY + sum(weight * table[name] for name, weight in WEIGHTS.items())
        leaves = (rng.random(accounts) < expit(odds)) & ended.isna()
        ended[leaves] = (end + pd.Timedelta(46, "D")).tz_localize("UTC")  # 45 days after the end of that day
        tables.append(table.mask(rng.random(table.shape) < missing).rename_axis("account_id").reset_index().assign(at=end))
    start = pd.Timestamp("2025-01-01", tz="UTC")
    sold = pd.DataFrame({"subscription_id": names, "account_id": names, "started_at": start, "ended_at": ended.to_numpy(), "mrr": 10.0, "currency": "EUR"})
    sold["ended_at"] = pd.to_datetime(sold["ended_at"], utc=True)
    people = pd.DataFrame({"account_id": names, "started_at": start})
    as_of = (ends[-1] + pd.Timedelta(61, "D")).strftime("%Y-%m-%d")
    ds = cs.read_dataset({"accounts": people, "subscriptions": sold}, as_of=as_of)
    return ds, pd.concat(tables, ignore_index=True)
