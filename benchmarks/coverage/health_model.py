"""How often the limits of a calibrated health model contain the truth, with overlapping windows and customers that stay alike from month to month.

`python benchmarks/coverage/health_model.py` writes `results/health_model.csv` beside this file: one row a coefficient, or the chance to leave of a
typical and of an endangered customer, with the share of companies whose 95 % limits contain it. The truth is what a company of 40,000 accounts shows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

import cs_analysis as cs

SEED, COMPANIES, ACCOUNTS, MONTHS, LARGE = 20261123, 250, 400, 10, 40_000
WEIGHTS = {"use": -0.8, "tickets": 0.5, "noise": 0.0}
CUSTOMERS = pd.DataFrame({"account_id": ["typical", "endangered"], "at": pd.Timestamp("2025-10-31"), "use": [0.0, -1.5], "tickets": [0.0, 1.5], "noise": 0.0})


def company(accounts: int, rng: np.random.Generator) -> tuple[cs.Dataset, pd.DataFrame]:
    """Return customers who decide at each month's end, by what they are like then and always, to leave within the third month."""
    names, start = np.arange(accounts).astype(str), pd.Timestamp("2025-01-01", tz="UTC")
    lasting = {name: rng.normal(size=accounts) for name in WEIGHTS}
    ended, tables = np.full(accounts, np.datetime64("NaT", "us")), []
    for end in pd.date_range("2025-01-31", periods=MONTHS, freq="ME"):
        now = {name: 0.8 * lasting[name] + 0.6 * rng.normal(size=accounts) for name in WEIGHTS}
        leaves = (rng.random(accounts) < expit(-3.5 + sum(weight * now[name] for name, weight in WEIGHTS.items()))) & np.isnat(ended)
        days = rng.integers(61, 90, accounts)
        ended[leaves] = np.datetime64(end, "us") + days[leaves].astype("timedelta64[D]")
        tables.append(pd.DataFrame({"account_id": names, "at": end, **now}))
    sold = pd.DataFrame({"account_id": names, "started_at": start, "ended_at": pd.to_datetime(pd.Series(ended), utc=True), "mrr": 10.0, "currency": "EUR"})
    source = {"accounts": sold[["account_id", "started_at"]], "subscriptions": sold.assign(subscription_id=names)}
    return cs.read_dataset(source, as_of="2026-03-15"), pd.concat(tables, ignore_index=True)


def answers(accounts: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return coefficients for one unit of a feature and the chances of two customers, with limits."""
    ds, table = company(accounts, rng)
    fit = cs.fit_health(ds, horizon="90d", gap="30d", features=table)
    limits = ["estimate", "conf_low", "conf_high"]
    terms = fit.coefficients[limits].div(fit.model.scale, axis=0).set_axis([f"log_odds_ratio {name}" for name in fit.coefficients["term"]])
    chances = fit.predict(CUSTOMERS).query("metric == 'churn_probability'")
    return pd.concat([terms, chances[limits].set_axis([f"churn_probability {name}" for name in chances["account_id"]])])


def study(companies: int = COMPANIES, *, accounts: int = ACCOUNTS, seed: int = SEED) -> pd.DataFrame:
    """Return coverage by quantity."""
    streams = np.random.default_rng(seed).spawn(companies + 1)
    truth = answers(LARGE, streams[0])["estimate"]
    found = [answers(accounts, stream) for stream in streams[1:]]
    held = pd.concat([(each["conf_low"] <= truth) & (truth <= each["conf_high"]) for each in found], axis=1)
    share = held.mean(axis=1)
    mean = pd.concat([each["estimate"] for each in found], axis=1).mean(axis=1)
    error = np.sqrt(share * (1 - share) / companies)
    return pd.DataFrame({"quantity": truth.index, "accounts": accounts, "true": truth, "mean": mean, "coverage": share, "simulation_error": error})


if __name__ == "__main__":
    path = Path(__file__).parent / "results" / "health_model.csv"
    path.parent.mkdir(exist_ok=True)
    table = study().round(4)
    table.to_csv(path, index=False)
    print(table.to_string(index=False))
