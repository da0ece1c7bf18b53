"""How often the limits of a roll-up of health scores hold the truth.

Usage: health_rollup.py [GROUPS] (default 2000). Accounts are drawn with gamma or log-normal revenue, of which larger ones have better scores; each group
is one company. Truth is the ratio of the expected values, from 4 million accounts. Prints the shares and writes them to results/health_rollup.csv.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import cs_analysis as cs

LINE = [{"value": 0, "points": 0}, {"value": 100, "points": 100}]
RULES = {"measure": [{"feature": "grade", "weight": 1, "line": LINE}]}
SIZES = (30, 100, 300)
MANY = 4_000_000


def draw(rng: np.random.Generator, number: int, *, tails: str) -> pd.DataFrame:
    """Return accounts with revenue and a grade."""
    revenue = rng.gamma(1.5, 200, number) if tails == "gamma" else rng.lognormal(5, 1.2, number)
    lean = np.clip(0.4 + 0.08 * np.log(revenue / 150), 0.1, 0.9)
    return pd.DataFrame({"mrr": revenue, "grade": 100 * rng.beta(5 * lean, 5 * (1 - lean))})


def truths(rng: np.random.Generator, *, tails: str) -> dict[str, float]:
    """Return the expected figures."""
    table = draw(rng, MANY, tails=tails)
    red = table["mrr"].where(table["grade"] <= 50, 0.0)
    weighted = (table["mrr"] * table["grade"]).sum() / table["mrr"].sum()
    return {"health_rollup": weighted, "health_rollup_plain": table["grade"].mean(), "health_value_share": red.sum() / table["mrr"].sum()}


def covered(rng: np.random.Generator, groups: int, *, size: int, tails: str) -> pd.DataFrame:
    """Return in which share of the groups the limits hold the truth."""
    table = draw(rng, groups * size, tails=tails).assign(account_id=np.arange(groups * size), at=pd.Timestamp("2026-03-31"))
    found = cs.health_rollup(table.assign(company=np.arange(groups * size) // size), weights=RULES, by="company")
    found = found[(found["metric"] != "health_value_share") | (found["band"] == "red")]
    rows = []
    for metric, truth in truths(rng, tails=tails).items():
        mine = found[found["metric"] == metric]
        inside = (mine["conf_low"] <= truth) & (truth <= mine["conf_high"])
        rows.append({"revenue": tails, "accounts": size, "metric": metric, "groups": len(mine), "truth": round(truth, 4), "coverage": round(inside.mean(), 4)})
    return pd.DataFrame(rows)


def main(groups: int = 2000) -> None:
    """Print and write the coverage."""
    rng = np.random.default_rng(20261123)
    parts = [covered(rng, groups, size=size, tails=tails) for tails in ("gamma", "lognormal") for size in SIZES]
    table = pd.concat(parts, ignore_index=True)
    table.to_csv(Path(__file__).with_name("results") / "health_rollup.csv", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
