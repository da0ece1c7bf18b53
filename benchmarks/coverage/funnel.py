"""How often the limits of a funnel contain the truth: users in accounts that differ, some of them still under way.

`python benchmarks/coverage/funnel.py` writes `results/funnel.csv` beside this file. One simulated company is cut into 2,000 groups through
`by=`; each row is an estimator, a metric and a step with the share of groups whose 95 % limits contain the truth, its simulation error, the
share of groups that lie above the upper and below the lower limit, and the median width. Users start evenly over 60 days and 25 more days
are seen, so that with a window of 30 days some are still under way. Accounts have up to 6 users each and a taste of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

import cs_analysis as cs
from cs_analysis.metrics.funnel import funnel

SEED = 20261122
GROUPS, ACCOUNTS, MOST_USERS = 2_000, 40, 6
TRUTH = {("conversion", 2): 0.4, ("conversion", 3): 0.2, ("step_conversion", 2): 0.4, ("step_conversion", 3): 0.5}
DAY_US = 86_400_000_000


def company(rng: np.random.Generator) -> cs.Dataset:
    """Return groups of accounts whose users do A, then B with a chance of 40 % within 20 days, then C with 50 % within 10 more."""
    sizes = rng.integers(1, MOST_USERS + 1, GROUPS * ACCOUNTS)
    account = np.repeat(np.arange(len(sizes)), sizes)
    first, second = (rng.beta(3 * chance, 3 * (1 - chance), len(sizes))[account] for chance in (0.4, 0.5))
    start = rng.uniform(0, 60, len(account))
    at_b = start + rng.uniform(0, 20, len(account))
    at_c = at_b + rng.uniform(0, 10, len(account))
    does_b = rng.random(len(account)) < first
    does_c = does_b & (rng.random(len(account)) < second)
    people = pd.DataFrame({"account_id": np.arange(len(sizes)).astype(str), "started_at": pd.Timestamp("2026-01-01", tz="UTC")})
    people["group"] = [f"g{number // ACCOUNTS:04d}" for number in range(len(sizes))]
    parts = [("A", start, np.ones(len(account), dtype=bool)), ("B", at_b, does_b), ("C", at_c, does_c)]
    events = pd.concat([rows(event, days=days[done], account=account[done], user=np.flatnonzero(done)) for event, days, done in parts], ignore_index=True)
    return cs.read_dataset({"accounts": people, "events": events}, as_of="2026-03-26")


def rows(event: str, *, days: np.ndarray, account: np.ndarray, user: np.ndarray) -> pd.DataFrame:
    at = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta((days * DAY_US).astype("int64"), "us")
    return pd.DataFrame({"event_at": at, "account_id": account.astype(str), "user_id": user.astype(str), "event": event})


def study(ds: cs.Dataset) -> Iterator[dict[str, object]]:
    """Yield one row an estimator, metric and step."""
    for estimator in ("kaplan_meier", "mature"):
        table = funnel(ds, ["A", "B", "C"], within="30d", by="group", estimator=estimator)
        for (metric, step), value in TRUTH.items():
            found = table[(table["metric"] == metric) & (table["step"] == step)]
            below, above = found["conf_high"] < value, found["conf_low"] > value
            covered = 1 - (below | above).mean()
            yield {
                "estimator": estimator,
                "metric": metric,
                "step": step,
                "groups": len(found),
                "mean_n": found["n"].mean(),
                "mean_estimate": found["estimate"].mean(),
                "coverage": covered,
                "simulation_error": np.sqrt(covered * (1 - covered) / len(found)),
                "truth_above": below.mean(),
                "truth_below": above.mean(),
                "median_width": (found["conf_high"] - found["conf_low"]).median(),
            }


def main() -> None:
    table = pd.DataFrame(study(company(np.random.default_rng(SEED))))
    table.to_csv(Path(__file__).parent / "results" / "funnel.csv", index=False, float_format="%.5f")
    print(table.to_string())


if __name__ == "__main__":
    main()
