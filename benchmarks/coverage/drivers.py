"""How often limits of importances, leads and R squared contain the truth, how far they lie off on average, and what halo and kinds of factors are called.

`python benchmarks/coverage/drivers.py [SAMPLES]` writes `results/drivers.csv` and `results/driver_verdicts.csv` beside this file. Five ratings of 1 to 5:
"first", "second" and "third" have effects .5, .3 and .1 on the outcome, "related" has none but shares an impression with them, "noise" has none and
shares nothing. Accounts have one row, or one to five whose parts share half of their variance. The truth is that of 600,000 accounts. Ordinal: the outcome is
cut at uneven places (one row an account), and the truth is that of the variable before the cut.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import cs_analysis as cs
from cs_analysis.stats.importance.relative_weights import johnson
from cs_analysis.stats.importance.subsets import lmg

SEED, REPLICATES = 20261123, 300
ITEMS = ["first", "second", "third", "related", "noise"]
QUANTITIES = [*(("lmg", item) for item in ITEMS), ("johnson", "first"), ("r_squared", "(all)"), ("driver_lead", "first"), ("driver_correlation", "first")]


def sample(accounts: int, rng: np.random.Generator, *, several: bool) -> pd.DataFrame:
    """Return rows of ratings with `behind`, what lies behind the outcome, and the outcome on two scales."""
    owner = np.repeat(np.arange(accounts), rng.integers(1, 6, accounts)) if several else np.arange(accounts)
    shared = 0.5 if several else 0.0

    def drawn(columns: int) -> np.ndarray:
        return np.sqrt(shared) * rng.normal(size=(accounts, columns))[owner] + np.sqrt(1 - shared) * rng.normal(size=(len(owner), columns))

    latent = np.hstack([np.sqrt(0.4) * drawn(1) + np.sqrt(0.6) * drawn(4), drawn(1)])
    ratings = np.clip(np.round(3.6 + latent), 1, 5)
    behind = (ratings[:, :3] - 3.6) @ np.array([0.5, 0.3, 0.1]) + 0.8 * drawn(1)[:, 0]
    table = pd.DataFrame(ratings, columns=ITEMS).assign(account_id=owner, behind=behind)
    return table.assign(metric=np.clip(np.round(3.5 + behind), 1, 5), ordinal=np.searchsorted([-0.6, 0.0, 1.2], behind))


def importances(table: pd.DataFrame, outcome: str, *, ordinal: bool = False, replicates: int = REPLICATES, rng: int = 0) -> pd.DataFrame:
    found = cs.key_drivers(table, outcome=outcome, drivers=ITEMS, cluster="account_id", ordinal=ordinal, replicates=replicates, rng=rng)
    parts = found[found["metric"] == "lmg"].set_index("driver")
    leads = found["metric"] == "driver_lead"
    return found[~leads | ((found["driver"] == "first") & (found["over"] == "second"))].set_index(["metric", "driver"]).assign(parts=parts["estimate"].sum())


def truths(rng: np.random.Generator, *, several: bool) -> dict[str, pd.Series]:
    """Return the true values for both kinds of outcome: those of the correlations of very many rows."""
    rows = pd.concat([sample(100_000, rng, several=several) for _ in range(6)], ignore_index=True)
    found = {}
    for outcome, column in (("metric", "metric"), ("ordinal", "behind")):
        matrix = rows[[*ITEMS, column]].corr().to_numpy()
        parts, weights = lmg(matrix[None])[0], johnson(matrix[None])[0]
        values = [*parts, weights[0], parts.sum(), parts[0] - parts[1], matrix[0, -1]]
        found[outcome] = pd.Series(dict(zip(QUANTITIES, values, strict=True)))
    return found


def study(samples: int, sizes: tuple[int, ...] = (50, 150, 600)) -> pd.DataFrame:
    """Return one row a setting and quantity."""
    rng, rows = np.random.default_rng(SEED), []
    for several in (False, True):
        true = truths(rng, several=several)
        for size in sizes:
            hits: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
            for number in range(samples):
                table = sample(size, rng, several=several)
                for outcome in ("metric",) if several else ("metric", "ordinal"):
                    found = importances(table, outcome, ordinal=outcome == "ordinal", rng=number)
                    for quantity in QUANTITIES:
                        if quantity not in found.index:  # first and second have changed places, or another came between
                            continue
                        one, truth = found.loc[quantity], true[outcome][quantity]
                        wanted = 0.0 if quantity == ("lmg", "noise") else truth  # the truth of noise is 0, but for chance in so many rows
                        held = one["conf_low"] <= wanted <= one["conf_high"]
                        hits.setdefault((outcome, *quantity), []).append((float(held), one["estimate"] - truth))
            for (outcome, metric, driver), found_hits in hits.items():
                held, off = np.array(found_hits).T
                label = "1 to 5" if several else "1"
                rows.append((outcome, label, size, metric, driver, true[outcome][metric, driver], off.mean(), held.mean(), len(held)))
    return pd.DataFrame(rows, columns=["outcome", "rows_an_account", "accounts", "metric", "driver", "truth", "bias", "coverage", "samples"])


def halo_sample(loading: float, *, blocks: int, rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return six ratings with one or two impressions that make up `loading` of their variance."""
    shared = rng.normal(size=(rows, blocks)) if blocks else np.zeros((rows, 1))
    place = np.arange(6) * max(blocks, 1) // 6
    latent = np.sqrt(loading) * shared[:, place] + np.sqrt(1 - loading) * rng.normal(size=(rows, 6))
    table = pd.DataFrame(np.clip(np.round(3.5 + latent), 1, 5), columns=list("abcdef"))
    return table.assign(y=latent[:, 0] + rng.normal(size=rows))


def verdicts(samples: int) -> pd.DataFrame:
    """Return how often ratings are called one impression, several, or neither; and what kinds items are called."""
    rng, rows = np.random.default_rng(SEED + 1), []
    for name, loading, blocks in (("one, .8", 0.8, 1), ("one, .65", 0.65, 1), ("one, .4", 0.4, 1), ("two unrelated, .8", 0.8, 2), ("none", 0.0, 0)):
        for size in (50, 200, 800):
            said = []
            for _ in range(samples):
                table = halo_sample(loading, blocks=blocks, rows=size, rng=rng)
                found = cs.key_drivers(table, outcome="y", drivers=list("abcdef"), method="johnson", replicates=200)
                said.append(found.loc[found["metric"] == "halo_share", "verdict"].iloc[0])
            rows += [("halo", name, size, kind, said.count(kind) / samples, samples) for kind in ("one impression", "several impressions", "not shown")]
    for name, penalty, reward in (("equal", -0.5, 0.5), ("twice", -0.8, 0.4), ("penalty alone", -0.6, 0.0), ("neither", 0.0, 0.0)):
        for size in (100, 400, 1600):
            said = []
            for _ in range(samples):
                item = rng.integers(1, 6, size)
                overall = penalty * (item <= 2) + reward * (item == 5) + rng.normal(size=size)
                found = cs.penalty_reward(pd.DataFrame({"item": item, "overall": overall}), outcome="overall", drivers=["item"])
                said.append(found["verdict"].iloc[-1])
            rows += [("kind", name, size, kind, said.count(kind) / samples, samples) for kind in ("basic", "performance", "excitement", "not shown")]
    return pd.DataFrame(rows, columns=["question", "truth", "rows", "called", "share", "samples"])


if __name__ == "__main__":
    number, folder = int(sys.argv[1]) if len(sys.argv) > 1 else 200, Path(__file__).parent / "results"
    for name, of, samples in (("drivers", study, number), ("driver_verdicts", verdicts, number // 3)):
        table = of(samples)
        table.round(4).to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
        print(table.round(3).to_string(index=False))
