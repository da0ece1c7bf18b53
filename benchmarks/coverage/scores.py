"""How often the limits of what scores are judged by contain the truth: simulated rows that come in clusters.

`python benchmarks/coverage/scores.py [SAMPLES]` writes `results/scores.csv` beside this file. Clusters of five rows share part of their score and part of
what the score does not know; probabilities are the true ones given the score. The truth is that of a million such rows. Lists hold the highest tenth.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special

from cs_analysis.stats.intervals import Interval
from cs_analysis.stats.scores.calibration import brier, calibration_terms, observed_expected
from cs_analysis.stats.scores.discrimination import auc, caught

SEED = 20261123
ROWS, ALIKE, SHARE = 5, 0.6, 0.1
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)


def sample(clusters: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return scores, their probabilities, outcomes and owners."""
    owners = np.repeat(np.arange(clusters), ROWS)

    def alike() -> np.ndarray:
        return np.sqrt(ALIKE) * rng.standard_normal(clusters)[owners] + np.sqrt(1 - ALIKE) * rng.standard_normal(len(owners))

    score, hidden = alike(), alike()
    probability = special.expit(-1.5 + score[:, None] + 0.8 * NODES) @ WEIGHTS / WEIGHTS.sum()
    return score, probability, rng.random(len(owners)) < special.expit(-1.5 + score + 0.8 * hidden), owners


def judged(clusters: int, rng: np.random.Generator) -> dict[str, Interval]:
    """Return every figure of one sample."""
    score, p, y, owners = sample(clusters, rng)
    intercept, slope = calibration_terms(p, y, clusters=owners)
    lists = caught(score, y, share=SHARE, clusters=owners, rng=rng, replicates=300)
    found = {"auc": auc(score, y, clusters=owners), "auc, clusters ignored": auc(score, y), "brier": brier(p, y, clusters=owners)}
    found |= {"calibration intercept": intercept, "calibration slope": slope, "observed over expected": observed_expected(p, y, clusters=owners)}
    return found | {str(name): limits for name, limits in lists.items()}


def truths(rng: np.random.Generator) -> dict[str, float]:
    """Return the figures of very many rows."""
    score, p, y, _ = sample(200_000, rng)
    area, top = auc(score, y).estimate, y[np.argsort(-score)[: int(SHARE * len(y))]]
    known = {"auc": area, "auc, clusters ignored": area, "brier": float(np.mean(p * (1 - p))), "calibration intercept": 0.0, "calibration slope": 1.0}
    return known | {"observed over expected": 1.0, "precision": top.mean(), "recall": top.sum() / y.sum(), "lift": top.mean() / y.mean()}


def study(samples: int) -> pd.DataFrame:
    """Return one row a number of clusters and figure."""
    rng = np.random.default_rng(SEED)
    truth, rows = truths(rng), []
    for clusters in (40, 150):
        found = [judged(clusters, rng) for _ in range(samples)]
        for name, value in truth.items():
            held = np.array([each[name].conf_low <= value <= each[name].conf_high for each in found])
            rows.append((clusters, name, samples, held.mean(), np.sqrt(held.mean() * (1 - held.mean()) / samples)))
    return pd.DataFrame(rows, columns=["clusters", "figure", "samples", "coverage", "simulation_error"])


if __name__ == "__main__":
    results = study(int(sys.argv[1]) if len(sys.argv) > 1 else 600)
    results.round(4).to_csv(Path(__file__).parent / "results" / "scores.csv", index=False, lineterminator="\n")
    print(results.round(3).to_string(index=False))
