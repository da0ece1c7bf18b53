"""How often the limits of the gamma-gamma and Pareto/NBD models contain the truth: simulated customers with known terms.

`python benchmarks/coverage/spend.py` writes `results/spend.csv` beside this file: one row a model, number of customers and quantity with the share
of cohorts whose 95 % limits contain the truth, its simulation error and the median ratio of the limits; for quantities of single customers the
mean over cohorts of the share of customers. `not_identified` is the share of cohorts without a maximum or with a finding against it; the others count.
Single purchases and long-run means are drawn one by one; no formula of the models makes the data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from cs_analysis.errors import ConvergenceError
from cs_analysis.stats.buying.gamma_gamma import fit_gamma_gamma
from cs_analysis.stats.buying.histories import read_histories
from cs_analysis.stats.buying.pareto_nbd import fit_pareto_nbd
from cs_analysis.stats.buying.pareto_nbd_model import ParetoNBD

SEED = 20261122
SPEND = {"p": 6.25, "q": 3.74, "v": 15.44}  # the published CDNOW terms
BUYING = {"r": 0.553, "alpha": 74.0, "s": 0.606, "beta": 81.7}  # the same, in days
AGES = (273, 729)  # customers who came 39 weeks to two years ago
HORIZON = 364
Held = dict[str, tuple[float, float]]  # quantity -> share of limits that held the truth, ratio of the limits


def spend_held(customers: int, cohort: int) -> Held | None:
    """Return which limits of a fitted gamma-gamma model held the truth in one cohort."""
    rng = np.random.default_rng([SEED, 1, customers, cohort])
    p, q, v = SPEND.values()
    frequency = np.floor(rng.gamma(0.6, 1 / 0.3, customers)).astype(int)  # about half bought again
    rate = rng.gamma(q, 1 / v, customers)
    who = np.repeat(np.arange(customers), frequency)
    sums = np.bincount(who, rng.gamma(p, 1 / rate[who]), minlength=customers)
    table = pd.DataFrame({"frequency": frequency, "mean_value": sums / np.maximum(frequency, 1)})
    try:
        fit = fit_gamma_gamma(table)
    except ConvergenceError:
        return None
    if not fit.converged:
        return None
    again = table["frequency"].to_numpy()
    told = fit.predict()
    expectation = p * (v + again * table["mean_value"]) / (p * again + q - 1)
    return {
        **_terms(fit.coefficients, SPEND),
        "population_mean_value": _held(fit.population_mean(), p * v / (q - 1)),
        "expected_mean_value": _held(told[told["metric"] == "expected_mean_value"], expectation.to_numpy()),
        "mean_value": _held(told[told["metric"] == "mean_value"], p / rate),
        "next purchase": _held(fit.predict(purchases=1).query("metric == 'mean_value'"), rng.gamma(p, 1 / rate)),
    }


def buying_held(customers: int, cohort: int) -> Held | None:
    """Return which limits of a fitted Pareto/NBD model held the truth in one cohort."""
    rng = np.random.default_rng([SEED, 2, customers, cohort])
    table, later = cohort_of_buyers(customers, rng)
    try:
        fit = fit_pareto_nbd(table)
    except ConvergenceError:
        return None
    if not fit.converged:
        return None
    point, past = np.log(list(BUYING.values())), read_histories(table)
    alive = special.expit(ParetoNBD().alive_log_odds(point, past))[past.row_of]
    coming = alive * ParetoNBD().expected(point, past, HORIZON)[past.row_of]
    residual = alive * ParetoNBD().expected_discounted(point, past, np.log(1.1) / 365)[past.row_of]
    told, total = fit.predict(), fit.predict_total().set_index("metric")
    return {
        **_terms(fit.coefficients, BUYING),
        "probability_alive": _held(told[told["metric"] == "probability_alive"], alive),
        "expected_purchases": _held(told[told["metric"] == "expected_purchases"], coming),
        "purchases": _held(told[told["metric"] == "purchases"], later),
        "discounted_residual_transactions": _held(fit.discounted_residual_transactions(), residual),
        "expected_purchases, total": _held(total.loc[["expected_purchases"]], coming.sum()),
        "purchases, total": _held(total.loc[["purchases"]], later.sum()),
    }


def cohort_of_buyers(customers: int, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    """Return histories, and what the customers buy afterwards; purchases are not moved to whole days, which the model does not know."""
    r, alpha, s, beta = BUYING.values()
    buys, leaves = rng.gamma(r, 1 / alpha, customers), rng.gamma(s, 1 / beta, customers)
    age = rng.integers(*AGES, customers)
    life = rng.exponential(1 / leaves)
    frequency = rng.poisson(buys * np.minimum(life, age))
    last = np.minimum(life, age) * rng.random(customers) ** (1 / np.maximum(frequency, 1))  # the largest of as many uniform times
    table = pd.DataFrame({"frequency": frequency, "recency_days": np.where(frequency > 0, last, 0.0), "age_days": age})
    return table, rng.poisson(buys * np.clip(life - age, 0, HORIZON))


def _terms(coefficients: pd.DataFrame, truth: dict[str, float]) -> Held:
    return {term: _held(coefficients[coefficients["term"] == term], value) for term, value in truth.items()}


def _held(table: pd.DataFrame, truth: Any) -> tuple[float, float]:
    low, high = table["conf_low"].to_numpy(), table["conf_high"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.mean((low <= truth) & (truth <= high))), float(np.median(high / low))


def study(part: Callable[[int, int], Held | None], customers: int, cohorts: int, *, each: Callable[..., Iterable[Any]] = map) -> Iterator[dict[str, object]]:
    """Yield one row a quantity."""
    found = list(each(partial(part, customers), range(cohorts)))
    kept = [held for held in found if held is not None]
    head = {"model": "gamma_gamma" if part is spend_held else "pareto_nbd", "customers": customers, "cohorts": cohorts}
    for name in kept[0]:
        shares, ratios = np.array([held[name] for held in kept]).T
        error = float(np.std(shares) / np.sqrt(len(shares)))
        yield head | {
            "quantity": name,
            "coverage": float(np.mean(shares)),
            "simulation_error": error,
            "ratio_of_limits": float(np.median(ratios)),
            "not_identified": 1 - len(kept) / cohorts,
        }


STUDIES = ((spend_held, 500, 1000), (spend_held, 3000, 400), (buying_held, 500, 200), (buying_held, 3000, 400))


def main() -> None:
    """Run every study; fewer cohorts where a fit takes longer."""
    rows: list[dict[str, object]] = []
    with ProcessPoolExecutor(2) as pool:
        for part, customers, cohorts in STUDIES:
            rows += study(part, customers, cohorts, each=partial(pool.map, chunksize=10))
            pd.DataFrame(rows).round(4).to_csv(Path(__file__).parent / "results" / "spend.csv", index=False)
    print(pd.DataFrame(rows).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
