"""How often the limits of the value of orders to come, and of the customers still buying, hold the truth.

Usage: orders.py [COHORTS] (default 400). Each cohort of 600 customers is drawn from the BG/NBD and the gamma-gamma model; truth is what both models at
the true parameters say of the cohort's own histories. Prints the shares and writes them to results/orders.csv.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special

from cs_analysis.errors import ConvergenceError
from cs_analysis.stats.buying.beta_geometric import BetaGeometric
from cs_analysis.stats.buying.bg_nbd import fit_bg_nbd
from cs_analysis.stats.buying.forecasts import Ahead
from cs_analysis.stats.buying.gamma_gamma import fit_gamma_gamma
from cs_analysis.stats.buying.histories import read_histories
from cs_analysis.stats.buying.value import customer_values, total_alive, total_value

R, ALPHA, A, B = 0.8, 30.0, 1.0, 4.0
P, Q, V = 6.0, 4.0, 15.0
DAYS, RATE, SIZE = 364.0, 0.1, 600


def draw(rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the histories of a cohort seen for one to two years, and what each customer spends in the 364 days after."""
    rate, leaving, scale = rng.gamma(R, 1 / ALPHA, SIZE), rng.beta(A, B, SIZE), V / rng.gamma(Q, 1, SIZE)
    age = rng.integers(365, 731, SIZE).astype("float64")
    counts, last, later, spent = np.zeros(SIZE), np.zeros(SIZE), np.zeros(SIZE), np.zeros(SIZE)
    clock, there = np.zeros(SIZE), np.ones(SIZE, dtype=bool)
    while there.any():
        clock = clock + rng.exponential(1 / rate)
        there &= clock < age + DAYS
        amount = rng.gamma(P, scale)
        known, ahead = there & (clock < age), there & (clock >= age)
        counts[known] += 1
        spent[known] += amount[known]
        last[known] = clock[known]
        later[ahead] += amount[ahead]
        there &= rng.random(SIZE) > leaving
    mean = np.divide(spent, counts, out=np.full(SIZE, np.nan), where=counts > 0)
    return pd.DataFrame({"frequency": counts, "recency_days": last, "age_days": age, "mean_value": mean}), later


def truth(rfm: pd.DataFrame) -> tuple[float, float]:
    """Return value and number of customers still buying, as expected at the true parameters."""
    model, point, histories = BetaGeometric("bg_nbd", first_chance=0), np.log([R, ALPHA, A, B]), read_histories(rfm)
    often = np.exp(Ahead.of(model, histories, DAYS).log_discounted(point, float(np.log1p(RATE)) / 365))[histories.row_of]
    x, spent = rfm["frequency"], (rfm["frequency"] * rfm["mean_value"].fillna(0)).to_numpy()
    value = often @ (P * (V + spent) / (P * x + Q - 1))
    return float(value), float(special.expit(model.alive_log_odds(point, histories))[histories.row_of].sum())


def study(cohorts: int) -> pd.DataFrame:
    """Return one row a quantity: how often its limits held the truth."""
    rng, rows = np.random.default_rng(20), []
    for _ in range(cohorts):
        rfm, later = draw(rng)
        value, alive = truth(rfm)
        try:
            fits = fit_bg_nbd(rfm), fit_gamma_gamma(rfm)
        except ConvergenceError:
            continue
        total = total_value(*fits, rfm, days=DAYS, discount_rate=RATE, conf_level=0.95).iloc[0]
        (_, low, high), _ = total_alive(fits[0], conf_level=0.95)
        listed = customer_values(*fits, rfm, days=DAYS, discount_rate=0.0, conf_level=0.95)
        inside = ((listed["value_low"] - 1e-9 <= later) & (later <= listed["value_high"])).mean()
        rows.append((total["conf_low"] <= value <= total["conf_high"], low <= alive <= high, inside))
    table = pd.DataFrame(rows, columns=["order_value", "buyers_alive", "value of a customer (what came)"], dtype="float64")
    return table.mean().rename("coverage").rename_axis("quantity").reset_index().assign(cohorts=len(table))


if __name__ == "__main__":
    found = study(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
    found.round(4).to_csv(Path(__file__).parent / "results" / "orders.csv", index=False)
    print(found.to_string(index=False))
