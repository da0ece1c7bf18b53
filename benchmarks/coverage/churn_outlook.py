"""How often limits of the inactivity horizon, of accelerated failure time models and of survival beyond the data contain the truth.

`python benchmarks/coverage/churn_outlook.py` writes `results/churn_outlook.csv` beside this file: one row a number with the share of data sets whose 95 %
limits contain the true value, its simulation error, and how often the check of fit refuses the family the lives are made of.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

import cs_analysis as cs
from cs_analysis.stats.curve_checks import curve_check
from cs_analysis.stats.parametric_survival import fit_survival

SEED = 20261123
Row = tuple[str, float, int, float]


def rhythms(groups: int, accounts_each: int, rng: np.random.Generator) -> cs.Dataset:
    """Return accounts that each have a rhythm of their own, and leave for good after an active day with a chance of their own."""
    rows = []
    for account in range(groups * accounts_each):
        gap, leave, day = rng.uniform(3, 12), rng.beta(2, 18), int(rng.integers(0, 200))
        while day < 500:
            rows.append((account, day))
            day += 10_000 if rng.random() < leave else int(rng.geometric(1 / gap))
    used = pd.DataFrame(rows, columns=["account_id", "day"]).assign(user_id="u", event="login")
    used["event_at"] = pd.Timestamp("2025-01-01 12:00", tz="UTC") + pd.to_timedelta(used.pop("day"), "D")
    who = np.arange(groups * accounts_each)
    people = pd.DataFrame({"account_id": who.astype(str), "started_at": pd.Timestamp("2025-01-01", tz="UTC"), "group": who % groups, "one": "all"})
    end = pd.Timestamp("2025-01-01", tz="UTC") + timedelta(days=500)
    return cs.read_dataset({"accounts": people, "events": used.assign(account_id=used["account_id"].astype(str))}, as_of=end)


def inactivity(groups: int, accounts_each: int) -> list[Row]:
    """Return how often the groups' limits hold what all groups together say."""
    ds = rhythms(groups, accounts_each, np.random.default_rng(SEED))
    truth = cs.inactivity_horizon(ds, by="one", within="60d").set_index(["metric", "time_days"])["estimate"]
    found = cs.inactivity_horizon(ds, by="group", within="60d")
    rows = []
    for metric, day in (("inactivity_horizon", None), ("false_churn_rate", 14.0), ("false_churn_rate", 30.0)):
        own = found[(found["metric"] == metric) & (found["time_days"].isna() if day is None else found["time_days"] == day)]
        value = truth[metric].iloc[0] if day is None else truth[metric, day]
        inside = (own["conf_low"] <= value) & ((value <= own["conf_high"]) | own["conf_high"].isna())
        rows.append((metric if day is None else f"{metric} at {day:g} days", float(value), len(own), float(inside.mean())))
    return rows


def lives(rng: np.random.Generator, size: int) -> pd.DataFrame:
    """Return Weibull lives that seats make longer, half of them seen from a late entry on, none longer than 500 days."""
    seats = rng.uniform(0, 2, size)
    life = 400 * np.exp(0.5 * seats) * rng.weibull(1.2, size)
    enter = np.where(rng.random(size) < 0.5, rng.uniform(0, 100, size), 0.0)
    end = np.minimum(enter + rng.uniform(100, 600, size), 500)
    table = pd.DataFrame({"enter_days": enter, "duration_days": np.minimum(life, end), "observed": life <= end, "seats": seats})
    return table[life > enter].reset_index(drop=True)


def of_models(sets: int, size: int) -> list[Row]:
    """Return how often limits hold the effect of a covariate and a survival given it, and that of a family at twice the length of the data."""
    rng, one = np.random.default_rng(SEED), pd.DataFrame({"seats": [1.0]})
    truth = {"log_time_ratio": 0.5, "survival at 400 days": float(np.exp(-((1 / np.exp(0.5)) ** 1.2))), "survival at 1000 days": float(np.exp(-(2.5**1.2)))}
    inside, refused = {name: [] for name in truth}, []
    for _ in range(sets):
        table = lives(rng, size)
        fit = cs.fit_aft(table, ["seats"])
        like = table.assign(**{name: table[name] / np.exp(0.5 * table["seats"]) for name in ("enter_days", "duration_days")})
        with_family = fit_survival(like)
        refused.append(curve_check(like, with_family).p_value < 0.05)
        slope = with_family.slopes([1000.0])[0]
        half = 1.959964 * np.sqrt(slope @ with_family.robust @ slope)
        log_s = float(with_family.log_survival([1000.0])[0])
        beyond = (np.exp(log_s * np.exp(half / -log_s)), np.exp(log_s * np.exp(-half / -log_s)))
        limits = [fit.coefficients.iloc[1][["conf_low", "conf_high"]], fit.predict(one, at_days=400.0).iloc[0][["conf_low", "conf_high"]], beyond]
        for (name, value), (low, high) in zip(truth.items(), limits, strict=True):
            inside[name].append(low <= value <= high)
    rows = [(name, value, sets, float(np.mean(inside[name]))) for name, value in truth.items()]
    return [*rows, ("true family refused at 0.05", 0.05, sets, float(np.mean(refused)))]


def study(*, groups: int, sets: int) -> pd.DataFrame:
    """Return coverage by number."""
    table = pd.DataFrame([*inactivity(groups, 60), *of_models(sets, 200)], columns=["number", "true", "sets", "coverage"])
    return table.assign(simulation_error=np.sqrt(table["coverage"] * (1 - table["coverage"]) / table["sets"]))


if __name__ == "__main__":
    path = Path(__file__).parent / "results" / "churn_outlook.csv"
    study(groups=80, sets=200).round(4).to_csv(path, index=False, lineterminator="\n")
