"""What `action_effect` says of business reviews in simulated companies, whose other life, without any effect of reviews, is known.

`python benchmarks/coverage/simulated_effects.py [COMPANIES]` writes `results/simulated_effects.csv` beside this file. Each company of 2,000 accounts is made
twice from the same draws: reviews take 2 from the log odds of leaving, or nothing. The true effect is the mean difference, over the customers treated in the
trials and with their weights, between whether they stayed in the one world and in the other. Who gets reviews depends on segment and service model, which
are known, and on how well the product fits, which nobody records.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

import cs_analysis as cs
from cs_analysis.data.simulator.parameters import Parameters
from cs_analysis.facts.action_days import action_days
from cs_analysis.facts.effect_outcomes import outcome_of
from cs_analysis.facts.landmarks import customer_trials
from cs_analysis.stats.effects.overlap import overlap_weights
from cs_analysis.stats.effects.propensity import propensity

EFFECTS, HORIZON = (-2.0, 0.0), 180


def company(effect: float, seed: int, *, accounts: int = 2000) -> cs.Dataset:
    """Return a company whose reviews add `effect` to the log odds of leaving."""
    usual = Parameters()
    return cs.simulate_company(accounts=accounts, seed=seed, parameters=replace(usual, contract=replace(usual.contract, review=effect)))[0]


def stayed(ds: cs.Dataset) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of the trials with whether each customer stayed, and the covariates."""
    trials, known = customer_trials(ds, action_days(ds, "review"), landmark=30, horizon=HORIZON, adjust_for=None)
    return trials.rows.assign(stayed=outcome_of(ds, "retention", rows=trials.rows, known=known).value), trials.covariates


def true_effect(world: cs.Dataset, other: cs.Dataset) -> float:
    """Return the weighted mean difference between the two worlds, over those treated."""
    rows, covariates = stayed(world)
    treated = rows["treated"].to_numpy(bool)
    rows["weight"] = overlap_weights(treated, propensity(treated, covariates.to_numpy("float64")).chance)
    both = rows[treated].merge(stayed(other)[0][["account_id", "at", "stayed"]], on=["account_id", "at"], suffixes=("", "_else"))
    return float(np.average(both["stayed"] - both["stayed_else"], weights=both["weight"]))


def told(world: cs.Dataset, other: cs.Dataset, *, method: str) -> dict[str, object]:
    """Return what is true of reviews in one world and what is said of them."""
    true = true_effect(world, other)
    value = cs.action_effect(world, "review", "retention", horizon=f"{HORIZON}d", method=method).drop_duplicates("metric").set_index("metric")
    effect = value.loc["action_effect"]
    said = {"true": true, "estimate": effect["estimate"], "conf_low": effect["conf_low"], "conf_high": effect["conf_high"], "n": effect["n"]}
    return {**said, "verdict": effect["verdict"], "naive": value.loc["action_effect_naive", "estimate"]}


def main(companies: int) -> None:
    """Write what was found in each company, and whether the limits hold the mean of the true effects of all companies: that of one has its own chance."""
    rows = []
    for seed in range(1, companies + 1):
        worlds = {effect: company(effect, seed) for effect in EFFECTS}
        for effect, method in product(EFFECTS, ("overlap", "match")):
            rows.append({"seed": seed, "log_odds": effect, "method": method, **told(worlds[effect], worlds[0.0], method=method)})
        print(pd.DataFrame(rows[-4:]).round(3).to_string(header=seed == 1), flush=True)
    found = pd.DataFrame(rows)
    mean = found.groupby(["log_odds", "method"])["true"].transform("mean")
    found["holds_mean"] = (found["conf_low"] <= mean) & (mean <= found["conf_high"])
    print(found.groupby(["log_odds", "method"])[["true", "estimate", "naive", "holds_mean"]].mean().round(3).to_string())
    found.round(4).to_csv(Path(__file__).parent / "results" / "simulated_effects.csv", index=False)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
