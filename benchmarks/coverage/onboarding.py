"""How often the limits of onboarding measures contain the truth.

`python benchmarks/coverage/onboarding.py` writes `results/onboarding.csv` beside this file. One simulated company is cut into 2,000 groups of
accounts drawn by lot, each of which gives an activation rate and a median time to value; their truth is that of the company. Shares
standardised over strata are drawn from binomial distributions in 15 settings. One row a study and setting: the share of limits that contain
the truth, its simulation error, the mean width, and the share of groups without both limits (a median whose upper limit is never reached
counts as containing everything above its lower one).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

import cs_analysis as cs
from cs_analysis.stats.standardised import standardised_share

SEED = 20261122
VALUE = "shared_report"


def covered(study: str, setting: str, limits: np.ndarray, truth: float) -> dict[str, object]:
    """Return one row of results from limits, one row a replicate."""
    low, high = limits[:, 0], limits[:, 1]
    known = ~np.isnan(low)
    share = float(np.mean((low[known] <= truth) & ((truth <= high[known]) | np.isnan(high[known]))))
    row = {"study": study, "setting": setting, "replicates": len(limits), "coverage": share}
    row["simulation_error"] = float(np.sqrt(share * (1 - share) / known.sum()))
    return row | {"mean_width": float(np.nanmean(high - low)), "without_limits": float(np.mean(np.isnan(low) | np.isnan(high)))}


def cut_company(groups: int, size: int) -> tuple[cs.Dataset, cs.Truth]:
    """Return a simulated company whose accounts carry the number of a group drawn by lot, with the tables that onboarding needs."""
    ds, truth = cs.simulate_company(accounts=groups * size, months=3, seed=SEED)
    accounts = ds.tables["accounts"].to_pandas(["account_id", "started_at"])
    events = ds.tables["events"].to_pandas(["event_at", "account_id", "user_id", "event"])
    labels = np.random.default_rng(SEED).permutation(np.arange(len(accounts)) % groups)
    sold = ds.tables["subscriptions"].to_pandas(["subscription_id", "started_at", "account_id", "ended_at", "mrr", "currency", "kind"])
    tables = {"accounts": accounts.assign(part=labels), "events": events[events["event"] == VALUE], "subscriptions": sold.assign(currency="EUR")}
    return cs.read_dataset(tables, as_of=ds.as_of), truth


def company(groups: int, size: int) -> Iterator[dict[str, object]]:
    """Yield coverage of the activation rate and the median time to value, with all watched accounts and with many young ones."""
    ds, truth = cut_company(groups, size)
    rate = float(truth.of("activation_rate")["value"].iloc[0])
    median = float(truth.of("median_time_to_value")["value"].iloc[0])
    for moment in ("2026-10-31", "2026-09-15"):
        then = ds.at(moment)
        found = cs.activation_rate(then, VALUE, cohort=None, by="part")
        share = found.loc[found["metric"] == "outcome_known", "estimate"].mean()
        setting = f"{size} accounts a group, as of {moment}: {share:.0%} of outcomes known"
        limits = found.loc[found["metric"] == "activation_rate", ["conf_low", "conf_high"]].to_numpy()
        yield covered("activation_rate", setting, limits, rate)
        days = cs.time_to_value(then, VALUE, quantiles=[0.5], by="part")
        limits = days.loc[days["metric"] == "time_to_value", ["conf_low", "conf_high"]].to_numpy()
        yield covered("time_to_value", setting, limits, median)


def standardised(replicates: int) -> Iterator[dict[str, object]]:
    """Yield coverage of standardised shares with few and many units in unequal strata."""
    rng = np.random.default_rng(SEED)
    sizes = ([8, 8, 8], [30, 20, 5], [100, 60, 40], [5] * 10, [12, 40, 3, 25])
    shares = ([0.5, 0.6, 0.7], [0.05, 0.1, 0.02], [0.95, 0.9, 0.97])
    for units, chances in product(sizes, shares):
        n, p = np.array(units, dtype="float64"), np.resize(chances, len(units))
        weights = rng.dirichlet(np.full(len(units), 5.0))
        drawn = rng.binomial(np.array(units), p, (replicates, len(units))) / n
        limits = np.array([standardised_share(row, n, weights=weights)[1:] for row in drawn])
        yield covered("standardised_share", f"units {units}, shares {chances}", limits, float(p @ weights))


def main(groups: int) -> None:
    """Run every study."""
    rows = [*company(groups, 40), *standardised(groups)]
    table = pd.DataFrame(rows).round(4)
    table.to_csv(Path(__file__).parent / "results" / "onboarding.csv", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
