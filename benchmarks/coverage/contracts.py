"""How often the 95 % limits of the models of contracts hold the truth: simulated cohorts whose customers are known.

python benchmarks/coverage/contracts.py [cohorts] [settings...] prints the shares and writes results/contracts.csv.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import cs_analysis as cs
from cs_analysis.errors import ConvergenceError
from cs_analysis.stats.contracts.lifetimes import periods_ahead
from cs_analysis.stats.contracts.renewals import BDW, SBG

RENEWALS, LATER, RATE = 7, (8, 12, 20), 0.1
SETTINGS = {
    "sbg, 1000 customers": ("sbg", (0.7, 1.2), 1000),
    "sbg, 200 customers": ("sbg", (0.7, 1.2), 200),
    "sbg, 500 customers much alike": ("sbg", (8.0, 32.0), 500),
    "bdw, 1000 customers": ("bdw", (0.5, 1.5, 1.5), 1000),
    "bdw, 200 customers": ("bdw", (0.5, 1.5, 1.5), 200),
}


def simulated(terms: tuple[float, ...], customers: int, rng: np.random.Generator) -> list[int]:
    """Return how many are there after 0, 1, ... renewals: each customer draws a chance of his own and the renewal at which he leaves."""
    chance = rng.beta(terms[0], terms[1], customers)
    power = terms[2] if len(terms) > 2 else 1.0
    with np.errstate(divide="ignore"):
        life = (rng.exponential(size=customers) / -np.log1p(-chance)) ** (1 / power)  # P(life > t) = (1 - chance)^(t^c)
    return [int((life > renewal).sum()) for renewal in range(max(LATER) + 1)]


def truths(model: str, terms: tuple[float, ...]) -> dict[str, float]:
    """Return the true values by name."""
    kind, logs = (SBG if model == "sbg" else BDW), np.log(terms)
    survival = {f"survival at {later}": float(np.exp(kind.log_survival(logs, np.array([float(later)])))[0]) for later in LATER}
    return {**dict(zip(kind.terms, terms, strict=True)), **survival, "discounted lifetime": periods_ahead(kind, logs, discount_rate=RATE)}


def one_cohort(model: str, left: list[int]) -> tuple[pd.DataFrame, bool]:
    """Return the limits of all quantities by name, and whether the fit found no fault with itself."""
    fit = {"sbg": cs.fit_sbg, "bdw": cs.fit_bdw}[model](pd.DataFrame({"period": range(RENEWALS + 1), "retained": left[: RENEWALS + 1]}))
    ahead = fit.predict(list(LATER))
    names = {"contract_survival": "survival at", "retained_customers": "number at"}
    shown = ahead[ahead["metric"].isin(names)]
    parts = [
        fit.coefficients.assign(name=fit.coefficients["term"]),
        shown.assign(name=shown["metric"].map(names) + " " + shown["period"].astype(str)),
        fit.discounted_lifetime(RATE).assign(name="discounted lifetime"),
    ]
    return pd.concat([part[["name", "conf_low", "conf_high"]] for part in parts]).set_index("name"), fit.converged


def study(setting: str, cohorts: int, seed: int = 1) -> pd.DataFrame:
    """Return the share of cohorts in which each quantity's limits held the truth, of all and of those whose fit found no fault."""
    model, terms, customers = SETTINGS[setting]
    rng, truth, rows, failed = np.random.default_rng(seed), truths(model, terms), [], 0
    for _ in range(cohorts):
        left = simulated(terms, customers, rng)
        try:
            limits, sound = one_cohort(model, left)
        except ConvergenceError:
            failed += 1
            continue
        target = pd.Series({**truth, **{f"number at {later}": float(left[later]) for later in LATER}})
        held = (limits["conf_low"] <= target[limits.index]) & (target[limits.index] <= limits["conf_high"])
        rows.append(pd.DataFrame({"name": held.index, "held": held.to_numpy(), "sound": sound}))
    every = pd.concat(rows)
    table = every.groupby("name", sort=False).agg(held=("held", "mean"), sound=("sound", "mean"), cohorts=("held", "size"))
    table["held_when_sound"] = every[every["sound"]].groupby("name")["held"].mean()
    return table.reset_index().assign(setting=setting, without_maximum=failed)[
        ["setting", "name", "held", "held_when_sound", "sound", "cohorts", "without_maximum"]
    ]


def main() -> None:
    """Print the shares and write them down."""
    cohorts = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    wanted = sys.argv[2:] or list(SETTINGS)
    found = pd.concat([study(setting, cohorts) for setting in wanted])
    print(found.round(4).to_string(index=False))
    path = Path(__file__).parent / "results" / "contracts.csv"
    before = pd.read_csv(path) if path.exists() else found.iloc[:0]
    whole = pd.concat([before[~before["setting"].isin(wanted)], found])
    whole.round(4).to_csv(path, index=False)


if __name__ == "__main__":
    main()
