"""How often the limits of weighted scores contain the score of all who were asked, where who answers depends on the segment.

`python benchmarks/coverage/weighted_scores.py` writes `results/weighted_scores.csv` beside this file: one row a setting, score and way to the limits
with the share of replicates whose 95 % limits contain the truth, its simulation error, the mean error of the estimate and the mean width.

Each replicate asks a number of accounts, one to four users each, in three segments of 60, 30 and 10 %. Accounts of the segments answer with
chances of 20, 40 and 70 % and have a score of their own around that of their segment. The truth is the expected score of all asked, given how many of
each segment were asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.stats.intervals import Interval
from cs_analysis.stats.survey.variance import Kind, Variance, limits, weighted_mean
from cs_analysis.stats.survey.weights import Weights, post_stratify, rake, unweighted

SEED = 20261123
SHARES = np.array([0.6, 0.3, 0.1])  # of the accounts
CHANCES = np.array([0.2, 0.4, 0.7])  # of an answer
LEVELS = np.array([6.3, 7.9, 9.2])  # mean latent score
REGIONS = np.array([0.7, 0.3])
ACCOUNT_SD, ANSWER_SD = 1.2, 1.5
WAYS: tuple[tuple[str, Variance], ...] = (
    ("unweighted", "jackknife"),
    ("poststratify", "jackknife"),
    ("poststratify", "linear"),
    ("poststratify", "bootstrap"),
    ("rake", "jackknife"),
)
EXTENTS: dict[Kind, tuple[float, float]] = {"net": (-100.0, 100.0), "share": (0.0, 1.0), "mean": (0.0, 10.0)}

Floats = npt.NDArray[np.float64]


class Asked(NamedTuple):
    """One replicate: each request's account, segment, region, score and whether it was answered."""

    account: npt.NDArray[np.int64]
    segment: npt.NDArray[np.int64]
    region: npt.NDArray[np.int64]
    score: Floats
    answered: npt.NDArray[np.bool_]


def counted(score: Floats, kind: Kind) -> Floats:
    """Return what each answer counts."""
    if kind == "net":
        return 100.0 * (score >= 9) - 100.0 * (score <= 6)
    return (score >= 9).astype("float64") if kind == "share" else score


def true_scores(rng: np.random.Generator) -> dict[Kind, Floats]:
    """Return the expected score of an answer of each segment and region, from many draws."""
    latent = rng.normal(0.0, np.hypot(ACCOUNT_SD, ANSWER_SD), 2_000_000)
    cells = [[np.clip(np.rint(level + shift + latent), 0, 10) for shift in (0.0, -0.8)] for level in LEVELS]
    return {kind: np.array([[counted(score, kind).mean() for score in row] for row in cells]) for kind in EXTENTS}


def draw(accounts: int, users: int, rng: np.random.Generator) -> Asked:
    """Return one replicate; accounts have up to so many users."""
    sizes = rng.integers(1, users + 1, accounts)
    account = np.repeat(np.arange(accounts), sizes)
    of_segment, of_region = rng.choice(3, accounts, p=SHARES), rng.choice(2, accounts, p=REGIONS)
    segment, region = of_segment[account], of_region[account]
    level = LEVELS[segment] - 0.8 * region + rng.normal(0, ACCOUNT_SD, accounts)[account]
    score = np.clip(np.rint(level + rng.normal(0, ANSWER_SD, len(account))), 0, 10)
    return Asked(account, segment, region, score, rng.random(len(account)) < CHANCES[segment])


def weights_of(asked: Asked, method: str) -> Weights:
    """Return weights of the answers to the make-up of the asked."""
    cells = pd.DataFrame({"segment": asked.segment, "region": asked.region})
    rows = cells[asked.answered].reset_index(drop=True)
    if method == "rake":
        return rake(rows, {name: {code: size for code, size in cells[name].value_counts().items() if (rows[name] == code).any()} for name in cells})
    sizes = cells.groupby(["segment", "region"]).size()
    here = set(rows.itertuples(index=False, name=None))
    return post_stratify(rows, {cell: size for cell, size in sizes.items() if cell in here}) if method == "poststratify" else unweighted(len(rows))


def interval(asked: Asked, weights: Weights, kind: Kind, *, variance: Variance) -> Interval:
    """Return the weighted score with its limits."""
    values = counted(asked.score[asked.answered], kind)
    spread = weighted_mean(values, weights, clusters=asked.account[asked.answered], variance=variance, replicates=300)
    part = weights.weight / weights.weight.sum()
    shares = (float(part[values < 0].sum()), float(part[values > 0].sum()))
    return limits(spread, kind, n=len(values), extent=EXTENTS[kind], shares=shares)


def study(
    replicates: int, *, settings: tuple[tuple[int, int], ...] = ((150, 1), (150, 4), (600, 4)), ways: tuple[tuple[str, Variance], ...] = WAYS, seed: int = SEED
) -> Iterator[dict[str, object]]:
    """Yield the results of every setting, method and score."""
    rng = np.random.default_rng(seed)
    truth = true_scores(rng)
    for accounts, users in settings:
        found: dict[tuple[str, str, Kind], list[tuple[float, float, float]]] = {(*way, kind): [] for way in ways for kind in EXTENTS}
        for _ in range(replicates):
            asked = draw(accounts, users, rng)
            made = {method: weights_of(asked, method) for method in {way[0] for way in ways}}
            for method, variance in ways:
                for kind in EXTENTS:
                    true = float(truth[kind][asked.segment, asked.region].mean())
                    estimate, low, high = interval(asked, made[method], kind, variance=variance)
                    found[method, variance, kind].append((low <= true <= high, estimate - true, high - low))
        for (method, variance, kind), rows in found.items():
            held, error, width = np.array(rows, dtype="float64").T
            setting = {"accounts": accounts, "users_up_to": users, "method": method, "variance": variance, "score": kind, "replicates": len(rows)}
            yield setting | {
                "coverage": held.mean(),
                "simulation_error": np.sqrt(held.mean() * (1 - held.mean()) / len(rows)),
                "bias": error.mean(),
                "mean_width": np.nanmean(width),
                "without_limits": np.isnan(width).mean(),
            }


if __name__ == "__main__":
    results = pd.DataFrame(study(500))
    path = Path(__file__).parent / "results" / "weighted_scores.csv"
    results.round(4).to_csv(path, index=False, lineterminator="\n")
    print(results.round(3).to_string())
    print(f"written: {path}")
