"""How often the 95 % limits of Cox regressions hold the true coefficients, and how often the test of proportional hazards is wrong.

`python benchmarks/coverage/cox.py [data sets] [settings ...]` prints the shares and writes `results/cox.csv`. Customers of known hazards, 200 and
1,000 of them: times to the second and in whole periods of 20 days (ties), late entries, strata, use that changes every 30 days (several rows a customer), and
users within accounts whose hazards are alike, of whom the limits by cluster are right and the plain ones are not. One row a setting, limits and
term: coverage, its simulation error, mean bias and width; and the share of data sets in which the proportional-hazards test falls below 5 %.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import cs_analysis as cs

SEED = 20261123
EFFECTS = {"seats": 0.5, "free": -0.7}
MEAN_DAYS, FOLLOWED = 300.0, (100, 700)


def customers(rng: np.random.Generator, number: int, frailty: np.ndarray | float = 0.0) -> pd.DataFrame:
    """Return customers with a normal and a 0/1 covariate whose hazards are constant in time; some are still there when last seen."""
    seats, free = rng.normal(size=number), (rng.random(number) < 0.4).astype(float)
    hazard = np.exp(EFFECTS["seats"] * seats + EFFECTS["free"] * free + frailty) / MEAN_DAYS
    life, seen = rng.exponential(size=number) / hazard, rng.uniform(*FOLLOWED, number)
    return pd.DataFrame({"seats": seats, "free": free, "duration_days": np.minimum(life, seen), "observed": life <= seen})


def by_period(table: pd.DataFrame) -> pd.DataFrame:
    """Return durations in whole periods of 20 days: many ties."""
    return table.assign(duration_days=np.ceil(table["duration_days"] / 20) * 20)


def late(rng: np.random.Generator, number: int) -> pd.DataFrame:
    """Return customers who are seen only from a day on, by which some have left: those are not in the data."""
    pool = customers(rng, 3 * number)
    enter = rng.uniform(0, 200, len(pool)) * (rng.random(len(pool)) < 0.6)
    return pool.assign(enter_days=enter)[enter < pool["duration_days"]].head(number)


def stratified(rng: np.random.Generator, number: int) -> pd.DataFrame:
    """Return customers of three regions, one with more free plans and thrice the hazard."""
    region = rng.integers(0, 3, number)
    table = customers(rng, number, frailty=np.log([1.0, 3.0, 0.5])[region])
    return table.assign(region=region)


def changing(rng: np.random.Generator, number: int) -> pd.DataFrame:
    """Return a row for each 30 days of each customer, with that month's use: hazards follow it."""
    periods = 24
    use = rng.normal(size=(number, 1)) * 0.7 + rng.normal(size=(number, periods)) * 0.7
    free = np.repeat((rng.random((number, 1)) < 0.4).astype(float), periods, axis=1)
    step = rng.exponential(size=(number, periods)) / np.exp(EFFECTS["seats"] * use + EFFECTS["free"] * free) * MEAN_DAYS
    ended = np.cumsum(step < 30, axis=1)
    last = rng.integers(4, periods + 1, (number, 1))
    seen = (np.arange(periods) < last) & (ended - (step < 30) == 0)
    enter = np.repeat(30.0 * np.arange(periods)[None], number, axis=0)
    whole = {"enter_days": enter, "duration_days": enter + np.minimum(step, 30.0), "observed": step < 30, "seats": use, "free": free}
    account = np.repeat(np.arange(number)[:, None], periods, axis=1)
    return pd.DataFrame({name: values[seen] for name, values in {**whole, "account": account}.items()})


def shared(rng: np.random.Generator, number: int) -> pd.DataFrame:
    """Return users of accounts of five, with the covariates of the account and times that are alike within it.

    The accounts' frailties have a positive stable distribution (Hougaard 1986, Biometrika 73, 387-396), after which hazards of users in
    general are proportional with the same coefficients; drawn as in Kanter (1975), Annals of Probability 3, 697-707.
    """
    index, accounts = 0.5, number // 5
    angle, size = rng.uniform(0, np.pi, accounts), rng.exponential(size=accounts)
    frailty = np.sin(index * angle) / np.sin(angle) ** (1 / index) * (np.sin((1 - index) * angle) / size) ** ((1 - index) / index)
    account = np.repeat(np.arange(accounts), 5)
    seats, free = rng.normal(size=accounts)[account], (rng.random(accounts) < 0.4).astype(float)[account]
    effect = np.exp((EFFECTS["seats"] * seats + EFFECTS["free"] * free) / index)
    life = MEAN_DAYS * (rng.exponential(size=len(account)) / (frailty[account] * effect)) ** index
    seen = rng.uniform(*FOLLOWED, len(account))
    return pd.DataFrame({"seats": seats, "free": free, "account": account, "duration_days": np.minimum(life, seen), "observed": life <= seen})


SETTINGS: dict[str, tuple[Callable[[np.random.Generator, int], pd.DataFrame], dict[str, str]]] = {
    "to the second": (customers, {}),
    "whole periods": (lambda rng, number: by_period(customers(rng, number)), {}),
    "whole periods, Breslow": (lambda rng, number: by_period(customers(rng, number)), {"ties": "breslow"}),
    "late entries": (late, {}),
    "strata": (stratified, {"strata": "region"}),
    "changing use, by cluster": (changing, {"cluster": "account"}),
    "changing use, plain": (changing, {}),
    "users within accounts, by cluster": (shared, {"cluster": "account"}),
    "users within accounts, plain": (shared, {}),
}


def study(setting: str, number: int, data_sets: int) -> list[dict[str, object]]:
    """Return a row a term with the coverage of its limits, and how often the test of proportional hazards says no at 5 %."""
    make, options = SETTINGS[setting]
    rng = np.random.default_rng([SEED, number])
    fits = [cs.fit_cox(make(rng, number), list(EFFECTS), **options) for _ in range(data_sets)]
    tests = [fit.proportionality().set_index("term")["p_value"] < 0.05 for fit in fits]
    rows = []
    for term, truth in EFFECTS.items():
        found = pd.concat([fit.coefficients[fit.coefficients["term"] == term] for fit in fits])
        share = float(found["conf_low"].le(truth).mul(found["conf_high"].ge(truth)).mean())
        row = {"setting": setting, "units": number, "term": term, "data_sets": data_sets, "coverage": share}
        row |= {"simulation_error": np.sqrt(share * (1 - share) / data_sets), "bias": found["estimate"].mean() - truth}
        rows.append(row | {"mean_width": (found["conf_high"] - found["conf_low"]).mean(), "test_rejects": np.mean([test[term] for test in tests])})
    return rows


def main() -> None:
    """Print the shares and write them down."""
    data_sets = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    wanted = sys.argv[2:] or list(SETTINGS)
    found = pd.DataFrame([row for setting in wanted for number in (200, 1000) for row in study(setting, number, data_sets)])
    print(found.round(4).to_string(index=False))
    path = Path(__file__).parent / "results" / "cox.csv"
    before = pd.read_csv(path) if path.exists() else found.iloc[:0]
    pd.concat([before[~before["setting"].isin(wanted)], found]).round(4).to_csv(path, index=False)


if __name__ == "__main__":
    main()
