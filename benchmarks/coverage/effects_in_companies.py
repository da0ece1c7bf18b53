"""What `action_effect` says of actions that do nothing, in simulated companies.

`python benchmarks/coverage/effects_in_companies.py [COMPANIES]` writes `results/effects_in_companies.csv` beside this file. Business reviews and webinars take
place and change nothing. Who has them depends on the service model alone, which is on record; or also on how well the product fits, which is not, and less
well fitting accounts have more of both. Each company has 500 accounts and two years.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import get_args

import pandas as pd

import cs_analysis as cs
from cs_analysis.data.simulator.parameters import Parameters
from cs_analysis.errors import NotEnoughDataError
from cs_analysis.metrics.effects import Method

WORLDS = ("service model", "service model and fit")
ACTIONS, OUTCOMES = ("review", "webinar"), {"retention": "90d", "usage": "28d"}


def company(world: str, seed: int, *, accounts: int = 500, months: int = 24) -> cs.Dataset:
    """Return a company whose reviews and webinars have no effect."""
    usual = Parameters()
    nothing = replace(usual, contract=replace(usual.contract, review=0.0), usage=replace(usual.usage, webinar=1.0))
    if world == WORLDS[0]:
        nothing = replace(nothing, success=replace(usual.success, action_fit=(0.0,) * 4, completed_fit=0.0))
    return cs.simulate_company(accounts=accounts, months=months, seed=seed, parameters=nothing)[0]


def told(ds: cs.Dataset) -> Iterator[dict[str, object]]:
    """Return what is said of each action and outcome."""
    for action, (outcome, horizon), method in product(ACTIONS, OUTCOMES.items(), get_args(Method)):
        try:
            value = cs.action_effect(ds, action, outcome, horizon=horizon, method=method).drop_duplicates("metric").set_index("metric")
        except NotEnoughDataError:
            continue
        effect, control = value.loc["action_effect"], value["estimate"].get("negative_control")
        said = {name: effect[name] for name in ("estimate", "conf_low", "conf_high", "n", "verdict")}
        yield {"action": action, "outcome": outcome, "method": method, **said, "control": control, "naive": value.loc["action_effect_naive", "estimate"]}


def study(companies: int) -> pd.DataFrame:
    """Return one row a company, action, outcome and method."""
    rows = [{"depends_on": world, "company": seed, **found} for seed, world in product(range(1, companies + 1), WORLDS) for found in told(company(world, seed))]
    return pd.DataFrame(rows)


def shares(found: pd.DataFrame) -> pd.DataFrame:
    """Return the share of each verdict, the mean figures and whether limits hold 0."""
    marked = found.assign(held=(found["conf_low"] <= 0) & (found["conf_high"] >= 0))
    groups = marked.groupby(["depends_on", "outcome", "method"])
    said = pd.crosstab([marked[name] for name in ("depends_on", "outcome", "method")], marked["verdict"], normalize="index")
    return groups.agg(comparisons=("held", "size"), estimate=("estimate", "mean"), naive=("naive", "mean"), held=("held", "mean")).join(said)


if __name__ == "__main__":
    results = study(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
    results.round(4).to_csv(Path(__file__).parent / "results" / "effects_in_companies.csv", index=False, lineterminator="\n")
    print(shares(results).round(3).to_string())
