"""How often the intervals contain the truth: simulated clusters, curves and skewed sums, each under a known value.

`python benchmarks/coverage/intervals.py` writes `results/intervals.csv` beside this file: one row a setting and method with the share of
replicates whose 95 % limits contain the truth, its simulation error, the mean width and the share of replicates without limits.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from cs_analysis.stats.clusters import clustered_net_share, clustered_share
from cs_analysis.stats.intervals import Interval, net_share, wilson
from cs_analysis.stats.resampling import bootstrap
from cs_analysis.stats.survival import survival_at

SEED = 20261031
LEVEL = 0.95


def covered(study: str, method: str, interval: Interval, *, truth: float, **setting: object) -> dict[str, object]:
    """Return one row of results from arrays of limits."""
    low, high = np.asarray(interval.conf_low), np.asarray(interval.conf_high)
    known = ~(np.isnan(low) | np.isnan(high))
    share = float(np.mean((low[known] <= truth) & (truth <= high[known])))
    text = ", ".join(f"{name} {value}" for name, value in setting.items())
    error = float(np.sqrt(share * (1 - share) / known.sum()))
    width = float(np.mean((high - low)[known]))
    return {"study": study, "setting": text, "method": method, "replicates": len(low), "coverage": share, "simulation_error": error} | {
        "mean_width": width,
        "without_limits": float(np.mean(~known)),
    }


def cluster_sizes(kind: str, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return numbers of units in clusters: all 10, or very unequal with a mean near 10."""
    return np.full(shape, 10) if kind == "equal" else np.ceil(rng.lognormal(1.7, 1.0, shape)).astype(int)


def shares(replicates: int, rng: np.random.Generator) -> Iterator[dict[str, object]]:
    """Yield coverage of Wilson limits for beta-binomial clusters: every replicate is one group of clusters."""
    for clusters in (5, 10, 30, 100):
        for sizes in ("equal", "skewed"):
            for likeness in (0.0, 0.1, 0.3):
                for share in (0.05, 0.2, 0.5):
                    units = cluster_sizes(sizes, (replicates, clusters), rng)
                    chance = np.full(units.shape, share) if likeness == 0 else rng.beta(*(np.array([share, 1 - share]) * (1 / likeness - 1)), units.shape)
                    hits = rng.binomial(units, chance)
                    setting = {"clusters": clusters, "sizes": sizes, "likeness": likeness, "share": share}
                    groups = np.repeat(np.arange(replicates), clusters)
                    yield covered("share", "clustered", clustered_share(hits.ravel(), units.ravel(), groups=groups), truth=share, **setting)
                    yield covered("share", "independent", wilson(hits.sum(1), units.sum(1)), truth=share, **setting)


def net_shares(replicates: int, rng: np.random.Generator) -> Iterator[dict[str, object]]:
    """Yield coverage of score limits for Dirichlet-multinomial clusters."""
    kinds = np.array([0.2, 0.3, 0.5])
    for clusters in (10, 30, 100):
        for sizes in ("equal", "skewed"):
            for likeness in (0.0, 0.3):
                units = cluster_sizes(sizes, (replicates, clusters), rng)
                chances = np.broadcast_to(kinds, (*units.shape, 3)) if likeness == 0 else rng.dirichlet(kinds * (1 / likeness - 1), units.shape)
                answers = rng.multinomial(units, chances)
                setting = {"clusters": clusters, "sizes": sizes, "likeness": likeness}
                counts = tuple(answers[..., kind].ravel() for kind in range(3))
                groups = np.repeat(np.arange(replicates), clusters)
                yield covered("net share", "clustered", clustered_net_share(counts, groups=groups), truth=0.3, **setting)
                yield covered("net share", "independent", net_share(tuple(answers[..., kind].sum(1) for kind in range(3))), truth=0.3, **setting)


def single_answers(replicates: int, rng: np.random.Generator) -> Iterator[dict[str, object]]:
    """Yield coverage of the three net-share limits for independent answers."""
    for n in (5, 10, 30, 100):
        for kinds in ((0.2, 0.3, 0.5), (0.02, 0.18, 0.8)):
            answers = rng.multinomial(n, kinds, replicates).T
            for method in ("score", "adjusted_wald", "wald"):
                yield covered(
                    "net share", method, net_share(tuple(answers), method=method), truth=kinds[2] - kinds[0], answers=n, shares=" / ".join(map(str, kinds))
                )


def curves(replicates: int, rng: np.random.Generator) -> Iterator[dict[str, object]]:
    """Yield coverage of survival at the median for exponential times, censored evenly over two medians, some entering late."""
    for units in (20, 50, 200):
        for late in (0.0, 0.5):
            times = rng.exponential(100 / np.log(2), (replicates, units, 8))
            enter = np.where(rng.random(times.shape[:2]) < late, rng.uniform(0, 100, times.shape[:2]), 0.0)
            ended = np.take_along_axis(times, np.argmax(times > enter[..., None], axis=2)[..., None], axis=2)[..., 0]
            known = ended > enter  # a unit none of whose tries outlives its entry was never seen
            left = np.minimum(ended, enter + rng.uniform(0, 200, enter.shape))
            table = pd.DataFrame({"enter_days": enter[known], "duration_days": left[known], "observed": (left == ended)[known]})
            with warnings.catch_warnings():  # in a few replicates nobody is left before the late ones enter
                warnings.simplefilter("ignore", UserWarning)
                found = survival_at(table.assign(replicate=np.nonzero(known)[0]), "replicate", at_days=100)
            limits = Interval(found["estimate"], found["conf_low"], found["conf_high"])
            yield covered("survival", "log-log", limits, truth=0.5, units=units, late_entry=late)


def skewed_ratios(replicates: int, rng: np.random.Generator, *, sizes: tuple[int, ...] = (30, 100, 400)) -> Iterator[dict[str, object]]:
    """Yield coverage of bootstrap limits for revenue kept over revenue at the start, amounts lognormal."""
    for accounts in sizes:
        for spread in (0.5, 1.5):
            for method in ("bca", "percentile"):
                rows = []
                for _ in range(replicates):
                    start = rng.lognormal(5, spread, accounts)
                    kept = start * rng.choice([0.0, 0.5, 1.0], accounts, p=[0.1, 0.1, 0.8])
                    table = pd.DataFrame({"start": start, "kept": kept})
                    rows.append(bootstrap(table, lambda sums: sums["kept"] / sums["start"], rng=rng, replicates=1000, method=method))
                found = pd.concat(rows)
                limits = Interval(found["estimate"], found["conf_low"], found["conf_high"])
                yield covered("ratio of sums", method, limits, truth=0.85, accounts=accounts, log_spread=spread)


def study(replicates: int, *, seed: int = SEED) -> pd.DataFrame:
    """Return the results of the whole study; the slow bootstrap runs a tenth of the replicates."""
    rng = np.random.default_rng(seed)
    parts = [shares(replicates, rng), net_shares(replicates, rng), single_answers(replicates, rng), curves(replicates, rng)]
    return pd.DataFrame([row for part in (*parts, skewed_ratios(replicates // 10, rng)) for row in part])


if __name__ == "__main__":
    results = study(10_000)
    path = Path(__file__).parent / "results" / "intervals.csv"
    results.round(4).to_csv(path, index=False, lineterminator="\n")
    print(results.groupby(["study", "method"])["coverage"].describe()[["count", "min", "mean", "max"]].round(3).to_string())
    print(f"written: {path}")
