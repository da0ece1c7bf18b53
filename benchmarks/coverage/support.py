"""How often the limits of response times contain the truth when the tickets of an account are alike and some are still open.

`python benchmarks/coverage/support.py` writes `results/support.csv` beside this file: one row a design and quantile with the share of groups whose
95 % limits contain the true time, how many of them are open above (an upper limit that is missing is infinite), the same share for limits
that take tickets for independent, and the simulation error. The logarithm of a time has variance 1, a part of which (`likeness`) belongs to the account;
tickets are opened evenly over the last five days, so that a third of them is open.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import cs_analysis as cs
from cs_analysis.facts.support_times import ticket_waits
from cs_analysis.stats.time_quantiles import time_quantiles

SEED, WINDOW_DAYS = 20261123, 5.0
TRUE = {"response_time": 1.0, "response_time_90": float(np.exp(1.2815515655446004))}
DESIGNS = [(accounts, tickets, likeness) for accounts, tickets in ((15, 4), (40, 4), (40, 12), (150, 4)) for likeness in (0.0, 0.3, 0.6)]
END = pd.Timestamp("2026-03-31", tz="UTC")


def helpdesk(groups: int, *, accounts: int, tickets: int, likeness: float, rng: np.random.Generator) -> cs.Dataset:
    """Return a helpdesk whose accounts have one and more tickets, `tickets` on average, and fall into groups."""
    size = groups * accounts
    owner = np.repeat(np.arange(size), rng.geometric(1 / tickets, size))
    days = np.exp(np.sqrt(likeness) * rng.normal(size=size)[owner] + np.sqrt(1 - likeness) * rng.normal(size=len(owner)))
    opened = END - pd.to_timedelta(rng.uniform(0, WINDOW_DAYS, len(owner)), "D")
    people = np.arange(size).astype(str)
    rows = {"ticket_id": np.arange(len(owner)).astype(str), "account_id": people[owner], "opened_at": opened.floor("s")}
    table = pd.DataFrame({**rows, "first_response_at": (opened + pd.to_timedelta(days, "D")).ceil("s")})
    known = pd.DataFrame({"account_id": people, "started_at": pd.Timestamp("2020-01-01", tz="UTC"), "group": np.arange(size) % groups})
    return cs.read_dataset({"accounts": known, "tickets": table}, as_of=END - pd.Timedelta(1, "us"))


def study(groups: int, *, accounts: int, tickets: int, likeness: float, seed: int = SEED) -> pd.DataFrame:
    """Return coverage by quantile."""
    ds = helpdesk(groups, accounts=accounts, tickets=tickets, likeness=likeness, rng=np.random.default_rng(seed))
    found = cs.response_time(ds, clock="elapsed", by="group")
    single = time_quantiles(ticket_waits(ds, by="group"), "by.group")
    rows = []
    for quantile, (metric, true) in zip((0.5, 0.9), TRUE.items(), strict=True):
        of = found[found["metric"] == metric]
        share = covered(of, true)
        known = {"accounts": accounts, "tickets": tickets, "likeness": likeness, "metric": metric, "groups": len(of), "coverage": share}
        naive = covered(single[single["quantile"] == quantile], true)
        rows.append(
            {**known, "open_above": of["conf_high"].isna().mean(), "as_if_independent": naive, "simulation_error": np.sqrt(share * (1 - share) / len(of))}
        )
    return pd.DataFrame(rows)


def covered(table: pd.DataFrame, true: float) -> float:
    """Return the share of limits that contain the truth."""
    return float(((table["conf_low"].fillna(0) <= true) & (true <= table["conf_high"].fillna(np.inf))).mean())


if __name__ == "__main__":
    path = Path(__file__).parent / "results" / "support.csv"
    results = pd.concat([study(1000, accounts=accounts, tickets=tickets, likeness=likeness) for accounts, tickets, likeness in DESIGNS])
    results.round(4).to_csv(path, index=False, lineterminator="\n")
