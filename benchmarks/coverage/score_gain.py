"""How often a score is said to add to usage, and how often to add nothing, in simulated companies where it adds nothing or much.

`python benchmarks/coverage/score_gain.py [COMPANIES]` writes `results/score_gain.csv` beside this file. Customers are looked at each month with their use, a
score that they keep, and whether they leave in the next; the chance follows use and, by a slope, the score, of which 30 % did not answer. Models learn as in
`score_gain`. The truth ("gain") is the difference of the areas of both true chances, use alone and use with score, over many customers; models that learnt
from few can gain less than that.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special

from cs_analysis.metrics.score_gain import _judged, _only
from cs_analysis.stats.scores.discrimination import auc_difference
from cs_analysis.stats.scores.rolling import Sample, rolling_origin

SEED, MARGIN, MONTHS, CHANCE = 20261123, 0.02, 8, -3.0
SLOPES = (0.0, 0.8)


def panel(customers: int, slope: float, rng: np.random.Generator) -> pd.DataFrame:
    """Return one row a customer and month until it left."""
    use, mood = rng.standard_normal((2, customers))
    answered = rng.random(customers) < 0.7
    who, month = np.tile(np.arange(customers), MONTHS), np.repeat(np.arange(MONTHS), customers)
    table = pd.DataFrame({"account_id": who, "turn": month, "use": use[who] + 0.5 * rng.standard_normal(len(who)), "mood": mood[who]})
    chance = special.expit(CHANCE + 0.6 * use + slope * mood)[table["account_id"]]
    leaves = rng.random(len(table)) < chance
    gone = pd.Series(leaves).groupby(table["account_id"]).transform(lambda own: own.cumsum().shift(fill_value=0)) > 0
    table = table.assign(churned=leaves, nps_score=np.where(answered[table["account_id"]], np.round(7 + 2 * table["mood"]).clip(0, 10), np.nan))
    return table.assign(nps_answered=answered[table["account_id"]].astype("float64"))[~gone].reset_index(drop=True)


def judged(customers: int, slope: float, rng: np.random.Generator) -> pd.Series:
    """Return the gain of one company with its limits and verdict."""
    table = panel(customers, slope, rng)
    names = ["use", "nps_score", "nps_answered"]
    sample = Sample(np.arange(len(table)), table[names], table["churned"].to_numpy("bool"), table["account_id"].to_numpy("object"))
    models = {"usage": _only(names[:1], 0), "usage_and_score": _only(names, 0)}
    turn = table["turn"].to_numpy("int64")
    found = rolling_origin(sample, turn=turn, known_from=turn + 1, models=models, fewest=10)
    told = found.pivot_table(index="row", columns="model", values="probability").join(table[["account_id", "churned"]])
    ended = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(table["turn"].loc[told.index], "D")
    return _judged(told.assign(ended_at=ended), margin=MARGIN, conf_level=0.95).iloc[0]


def true_gain(slope: float, rng: np.random.Generator) -> float:
    """Return by how much more is known from use and score than from use, of customers in their first month."""
    table = panel(40_000, slope, rng)
    first = table[table["turn"] == 0]
    heard = first["nps_score"].fillna(first["nps_score"].mean()) - first["nps_score"].mean()
    weight = slope * heard.where(heard != 0).cov(first["mood"]) / max(heard[heard != 0].var(), 1e-9)
    return float(auc_difference(0.6 * first["use"] / 1.25 + weight * heard, first["use"], first["churned"]).estimate)


def study(companies: int, *, sizes: tuple[int, ...] = (300, 900)) -> pd.DataFrame:
    """Return one row a setting."""
    rng, rows = np.random.default_rng(SEED), []
    for slope in SLOPES:
        gain = true_gain(slope, rng)
        for customers in sizes:
            found = pd.DataFrame([judged(customers, slope, rng) for _ in range(companies)])
            said = [(found["verdict"] == verdict).mean() for verdict in ("adds", "adds nothing beyond the margin", "not shown")]
            rows.append((slope, gain, customers, companies, found["estimate"].mean(), *said))
    return pd.DataFrame(rows, columns=["slope", "gain", "customers", "companies", "mean_estimate", "adds", "adds_nothing", "not_shown"])


if __name__ == "__main__":
    results = study(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
    results.round(4).to_csv(Path(__file__).parent / "results" / "score_gain.csv", index=False, lineterminator="\n")
    print(results.round(3).to_string(index=False))
