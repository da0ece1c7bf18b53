"""How often the limits of concentration hold the truth, by customers and kind of amounts; and how often groups that mean nothing are said to matter.

Run from the repository's root: .venv/bin/python benchmarks/coverage/concentration.py [companies]
Truths are closed forms: log-normal and Pareto amounts, and a price list of four plans on which nearly all customers pay the same as many others.
`bootstrap` is the percentile bootstrap of the same share of customers, for comparison.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special

from cs_analysis.stats.concentration import Amounts, gini, groups_needed, needed_share, permuted_sums, resampled_sums, top_share

SHARE, TENTH, REPLICATES = 0.8, 0.1, 300
PRICES, PARTS = np.array([0.0, 49.0, 199.0, 999.0]), np.array([0.1, 0.5, 0.3, 0.1])
Draw = Callable[[np.random.Generator, int], np.ndarray]


def log_normal(sigma: float) -> tuple[Draw, dict[str, float]]:
    """Return amounts whose logarithm is normal, and the truths."""
    truth = {
        "customers_needed_share": special.ndtr(special.ndtri(SHARE) - sigma),
        "top_decile_share": special.ndtr(special.ndtri(TENTH) + sigma),
        "revenue_gini": 2 * special.ndtr(sigma / np.sqrt(2)) - 1,
    }
    return lambda rng, n: rng.lognormal(0, sigma, n), truth


def pareto(alpha: float) -> tuple[Draw, dict[str, float]]:
    """Return amounts with a tail of power alpha, and the truths."""
    truth = {
        "customers_needed_share": SHARE ** (alpha / (alpha - 1)),
        "top_decile_share": TENTH ** (1 - 1 / alpha),
        "revenue_gini": 1 / (2 * alpha - 1),
    }
    return lambda rng, n: 1 + rng.pareto(alpha, n), truth


def price_list() -> tuple[Draw, dict[str, float]]:
    """Return amounts of a price list, and the truths."""
    mean = PRICES @ PARTS
    # 0.1 x 999 = 99.9 and 0.3 x 199 = 59.7 of a mean of 184.1: for 80 % all of the first and (0.8 x 184.1 - 99.9) / 199 of the second.
    truth = {
        "customers_needed_share": 0.1 + (SHARE * mean - 99.9) / 199,
        "top_decile_share": 99.9 / mean,
        "revenue_gini": float(PARTS @ np.abs(PRICES[:, None] - PRICES) @ PARTS) / (2 * mean),
    }
    return lambda rng, n: rng.choice(PRICES, n, p=PARTS), truth


KINDS = {"log-normal 1": log_normal(1.0), "log-normal 1.5": log_normal(1.5), "pareto 2.5": pareto(2.5), "pareto 1.5": pareto(1.5), "price list": price_list()}


def bootstrap_share(values: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Return percentile limits of the share of customers needed."""
    falling = np.sort(values)[::-1]
    times = rng.multinomial(len(values), np.full(len(values), 1 / len(values)), size=REPLICATES)
    reached = np.cumsum(times * falling, axis=1)
    place = np.argmax(reached >= SHARE * reached[:, -1:], axis=1)
    number = np.take_along_axis(np.cumsum(times, axis=1), place[:, None], axis=1)[:, 0]
    low, high = np.quantile(number / len(values), [0.025, 0.975])
    return float(low), float(high)


def customers(companies: int, *, sizes: tuple[int, ...] = (60, 300, 2000), seed: int = 35) -> pd.DataFrame:
    """Return the coverage of each figure by kind and number of customers."""
    rng, rows = np.random.default_rng(seed), []
    for kind, (draw, truth) in KINDS.items():
        for n in sizes:
            for _ in range(companies):
                values = draw(rng, n)
                amounts = Amounts.of(values)
                found = {
                    "customers_needed_share": needed_share(amounts, SHARE, conf_level=0.95)[1:],
                    "top_decile_share": top_share(amounts, TENTH, conf_level=0.95)[1:],
                    "revenue_gini": gini(amounts, conf_level=0.95)[1:],
                }
                if n < 2000:
                    found["bootstrap"] = bootstrap_share(values, rng)
                for name, (low, high) in found.items():
                    true = truth["customers_needed_share" if name == "bootstrap" else name]
                    rows.append((kind, n, name, low <= true <= high, true < low, true > high))
    table = pd.DataFrame(rows, columns=["amounts", "customers", "figure", "coverage", "too_high", "too_low"])
    return table.groupby(["amounts", "customers", "figure"], sort=False).mean().reset_index()


def groups(companies: int, *, seed: int = 36) -> pd.DataFrame:
    """Return how often ten groups that mean nothing are said to be fewer than chance (at 5 %), and how often groups that differ are."""
    rng, rows = np.random.default_rng(seed), []
    for kind, spread in (("groups that mean nothing", 0.0), ("groups that differ", 1.0)):
        level = np.exp(spread * np.linspace(-1.5, 1.5, 10))
        true = int(groups_needed(np.array([level]), SHARE)[0])
        for _ in range(companies):
            codes = rng.integers(0, 10, 300)
            values = rng.lognormal(0, 1, 300) * level[codes]
            needed = groups_needed(np.bincount(codes, values, 10)[None, :], SHARE)[0]
            options = {"groups": 10, "replicates": 199, "rng": rng}
            dealt = groups_needed(permuted_sums(values, codes, **options), SHARE)
            drawn = groups_needed(resampled_sums(values, codes, **options), SHARE)
            low, high = np.quantile(drawn, [0.025, 0.975], method="inverted_cdf")
            rows.append((kind, (1 + (dealt <= needed).sum()) / 200 <= 0.05, min(low, needed) <= true <= max(high, needed), needed - true))
    table = pd.DataFrame(rows, columns=["groups", "said_to_matter", "coverage", "excess"])
    return table.groupby("groups", sort=False).mean().reset_index()


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    results = Path(__file__).parent / "results"
    for name, found in (("concentration", customers(number)), ("concentration_groups", groups(number // 4))):
        found.assign(companies=number if name == "concentration" else number // 4).round(4).to_csv(results / f"{name}.csv", index=False)
        print(found.round(3).to_string(index=False))
