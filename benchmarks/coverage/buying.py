"""How often the limits of the models of buying contain the truth: simulated cohorts whose rates and chances to leave are known.

`python benchmarks/coverage/buying.py [COHORTS]` writes `results/buying.csv` beside this file: one row a model, setting and quantity with the share of
cohorts whose 95 % limits contain the truth, its simulation error, and the share of cohorts without limits or with a finding in `diagnostics`. Every
setting draws from a seed of its own. The committed table has 1,000 cohorts of 500 customers and 200 of 3,000 a setting
(column `cohorts`).

Quantities: the four terms (truth: the simulated ones); `probability_alive` and `expected_purchases` of one customer with a fixed history (truth: the
formula at the true terms); the expected total of the cohort over the next 364 days (likewise); the total that came; and the counts of single
customers that came (share of 200 customers of each cohort).
"""

from __future__ import annotations

import sys
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
from scipy import special

import cs_analysis as cs
from cs_analysis.stats.buying.forecasts import Ahead
from cs_analysis.stats.buying.histories import read_histories

SEED = 20261122
AHEAD = 364
SINGLE = 200  # customers of a cohort whose own counts are looked at
TYPICAL = pd.DataFrame({"frequency": [2.0], "recency_days": [100.0], "age_days": [200.0]})
SETTINGS = (  # terms r, alpha, a, b (days); ages of customers at the end of the data
    ("bg_nbd", (0.25, 31.0, 0.8, 2.4), (189, 273)),
    ("bg_nbd", (0.6, 60.0, 0.5, 1.5), (365, 730)),
    ("mbg_nbd", (0.5, 43.0, 0.9, 1.6), (189, 273)),
    ("mbg_nbd", (0.8, 60.0, 0.5, 1.5), (365, 730)),
)


def buyers(rng, customers, *, terms=(0.25, 31.0, 0.8, 2.4), ages=(189, 273), ahead=0.0, first_chance=False):
    """Return a table as the fits take it, with the purchases of the `ahead` days after it as `later`.

    The customers follow the BG/NBD model or, with `first_chance`, the MBG/NBD model, in continuous time: recency is not rounded to days. `ages` are the
    first and the last age in days; one starts as often in every week.
    """
    r, alpha, a, b = terms
    rate, leave = rng.gamma(r, 1 / alpha, customers), rng.beta(a, b, customers)
    age = rng.choice(np.arange(ages[0], ages[1] + 1, 7.0), customers)
    bought, later, last, now = (np.zeros(customers) for _ in range(4))
    there = np.flatnonzero(rng.random(customers) > leave) if first_chance else np.arange(customers)
    while len(there):
        now[there] += rng.exponential(size=len(there)) / np.maximum(rate[there], 1e-300)
        there = there[now[there] <= age[there] + ahead]
        early = there[now[there] <= age[there]]
        bought[early] += 1
        last[early] = now[early]
        later[there] += now[there] > age[there]
        there = there[rng.random(len(there)) > leave[there]]
    return pd.DataFrame({"frequency": bought, "recency_days": last, "age_days": age, "later": later})


def cohort(rng, *, model, terms, ages, customers):
    """Return for one cohort each quantity with whether its limits contain the truth; missing limits are missing."""
    table = buyers(rng, customers, terms=terms, ages=ages, ahead=AHEAD, first_chance=model == "mbg_nbd")
    try:
        fit = (cs.fit_bg_nbd if model == "bg_nbd" else cs.fit_mbg_nbd)(table)
    except cs.errors.CSAnalysisError:
        return {"converged": 0.0}
    found = {term: _inside(row, truth) for (term, row), truth in zip(fit.coefficients.set_index("term").iterrows(), terms, strict=True)}
    total, single, counts = fit.predict_total(horizon="364d"), fit.predict(TYPICAL, horizon="364d"), fit.predict(table.head(SINGLE), horizon="364d")
    alive, expected = _truth(fit, read_histories(TYPICAL), terms)
    found["probability_alive"] = _inside(single.iloc[0], alive[0])
    found["expected_purchases"] = _inside(single.iloc[1], expected[0])
    everybody = read_histories(table)
    found["expected total"] = _inside(total.iloc[0], everybody.total(_truth(fit, everybody, terms)[1]))
    found["total that came"] = _inside(total.iloc[1], table["later"].sum())
    ahead, came = counts[counts["metric"] == "purchases"], table["later"].to_numpy()[:SINGLE]
    found["counts that came"] = float(((ahead["conf_low"].to_numpy() <= came) & (came <= ahead["conf_high"].to_numpy())).mean())
    return {**found, "converged": float(fit.converged)}


def _inside(row, truth):
    known = np.isfinite(row["conf_low"]) and not np.isnan(row["conf_high"])
    return float(row["conf_low"] <= truth <= row["conf_high"]) if known else np.nan


def _truth(fit, customers, terms):
    """Return the chance to be there and the expected purchases at the true terms."""
    point, model = np.log(terms), fit._fitted.model
    return special.expit(model.alive_log_odds(point, customers)), np.exp(Ahead.of(model, customers, AHEAD).log_expected(point))


def study(cohorts, *, seed=SEED, sizes=(500, 3000), settings=SETTINGS):
    """Return the results of so many cohorts a setting."""
    rows = []
    for model, terms, ages in settings:
        for customers in sizes:
            text = f"terms {terms}, ages {ages[0]} to {ages[1]}, customers {customers}"
            rng = np.random.default_rng([seed, crc32(f"{model} {text}".encode())])
            table = pd.DataFrame([cohort(rng, model=model, terms=terms, ages=ages, customers=customers) for _ in range(cohorts)])
            rows += [_row(model, text, name, table[name], table["converged"]) for name in table.columns if name != "converged"]
    return pd.DataFrame(rows)


def _row(model, setting, quantity, inside, converged):
    """Return one line; the last two columns are of the cohorts whose fit had no finding, and how many had one."""
    share = float(inside.mean())
    shown = {"model": model, "setting": setting, "quantity": quantity, "cohorts": len(inside), "coverage": share}
    shown["simulation_error"] = float(inside.std() / np.sqrt(inside.notna().sum()))
    clean = inside[converged == 1]
    return shown | {"coverage_without_finding": float(clean.mean()), "finding": float(1 - converged.mean()), "without_limits": float(inside.isna().mean())}


if __name__ == "__main__":
    results = study(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
    path = Path(__file__).parent / "results" / "buying.csv"
    results.round(4).to_csv(path, index=False, lineterminator="\n")
    print(results.round(3).to_string())
    print(f"written: {path}")
