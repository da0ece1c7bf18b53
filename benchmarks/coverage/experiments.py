"""Planned experiments: false alarms with users of accounts and with peeking, what a figure from before saves, and whether sizes keep their promise.

`python benchmarks/coverage/experiments.py [RUNS]` writes `results/experiments.csv` beside this file. Accounts have 1 to 15 users whose outcomes share
an intraclass correlation (beta-binomial for shares, normal for means). Claims are limits of 95 % that leave out 0. "looks" are ten, at a tenth, two tenths
... of 500 accounts; a run counts as a claim if any look claims. "promise" is the power at the sizes `experiment_size` gives for 80 %.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from cs_analysis.stats.experiments import anytime, group_difference
from cs_analysis.stats.intervals import Interval
from cs_analysis.stats.sample_size import experiment_size

SEED, LEVEL, MOST_USERS = 20261124, 0.95, 15
Row = tuple[str, str, int, str, float]


def users_of(
    accounts: int, rng: np.random.Generator, *, effect: float, icc: float, base: float | None = 0.3, size: int | None = None
) -> tuple[np.ndarray, ...]:
    """Return outcomes, groups and accounts of users, the first half of the accounts treated; base None: normal outcomes of variance 1."""
    sizes = rng.integers(1, MOST_USERS + 1, accounts) if size is None else np.full(accounts, size)
    treated = np.arange(accounts) < accounts // 2
    owner = np.repeat(np.arange(accounts), sizes)
    if base is None:
        own = np.sqrt(icc) * rng.standard_normal(accounts)
        return own[owner] + np.sqrt(1 - icc) * rng.standard_normal(len(owner)) + effect * treated[owner], treated[owner], owner
    share = base + effect * treated
    if icc > 0:
        share = rng.beta(share * (1 / icc - 1), (1 - share) * (1 / icc - 1))
    return (rng.random(len(owner)) < share[owner]).astype("float64"), treated[owner], owner


def claims(limits: Interval) -> bool:
    """Return whether limits leave out 0."""
    return bool(limits.conf_low > 0 or limits.conf_high < 0)


def clusters(runs: int, rng: np.random.Generator) -> Iterator[Row]:
    """Yield how often an effect is claimed where there is none, and how often the limits hold a true one, by accounts and by users."""
    for base, accounts in ((0.3, 20), (0.3, 60), (0.3, 200), (None, 20), (None, 60), (None, 200)):
        told = "share .3" if base else "mean"
        for effect in (0.0, 0.1):
            by: dict[str, list[bool]] = {"by account": [], "by user": []}
            for _ in range(runs):
                values, treated, owner = users_of(accounts, rng, effect=effect, icc=0.15, base=base)
                for name, unit in (("by account", owner), ("by user", np.arange(len(owner)))):
                    limits = group_difference(values, treated, clusters=unit).limits(LEVEL)
                    by[name].append(claims(limits) if effect == 0 else bool(limits.conf_low <= effect <= limits.conf_high))
            for name, found in by.items():
                yield "clusters", f"{told}, {name}", accounts, "false claims" if effect == 0 else "coverage", float(np.mean(found))


def adjustment(runs: int, rng: np.random.Generator) -> Iterator[Row]:
    """Yield the variance left by a figure from before, beside 1 - correlation^2, the bias in standard errors, and coverage."""
    for accounts in (40, 200):
        for correlation in (0.5, 0.8):
            found = []
            for _ in range(runs):
                before = rng.standard_normal(accounts)
                treated = rng.permutation(accounts) < accounts // 2
                values = correlation * before + np.sqrt(1 - correlation**2) * rng.standard_normal(accounts) + 0.5 * treated
                plain = group_difference(values, treated, clusters=np.arange(accounts))
                with_it = group_difference(values, treated, clusters=np.arange(accounts), covariates=before[:, None])
                limits = with_it.limits(LEVEL)
                found.append((plain.estimate, with_it.estimate, limits.conf_low <= 0.5 <= limits.conf_high))
            one, two, held = np.array(found, dtype="float64").T
            told = f"correlation {correlation}"
            yield "adjustment", told, accounts, "variance left", float(two.var() / one.var())
            yield "adjustment", told, accounts, "promised", 1 - correlation**2
            yield "adjustment", told, accounts, "bias in its standard errors", float((two.mean() - 0.5) / (two.std() / np.sqrt(runs)))
            yield "adjustment", told, accounts, "coverage", float(held.mean())


def looks(runs: int, rng: np.random.Generator, *, power: bool = True) -> Iterator[Row]:
    """Yield how often any of ten looks claims an effect: where there is none, and one that a single look at 500 finds in 80 %."""
    size, at = 500, np.arange(50, 501, 50)
    for told, base, effect in (("mean", None, 0.251), ("share .5", 0.5, 0.1236), ("share .1", 0.1, 0.086)):
        for true in (0.0, effect)[: 1 + power]:
            by: dict[str, list[bool]] = {"last look alone": [], "ordinary limits, any look": [], "limits for peeking, any look": []}
            for _ in range(runs):
                values, treated, _ = users_of(size, rng, effect=true, icc=0.0, base=base, size=1)
                order = np.arange(size).reshape(2, -1).T.ravel()  # one of each group after the other
                found = [group_difference(values[order[:n]], treated[order[:n]], clusters=np.arange(n)) for n in at]
                ordinary = [claims(each.limits(LEVEL)) for each in found]
                by["last look alone"].append(ordinary[-1])
                by["ordinary limits, any look"].append(any(ordinary))
                by["limits for peeking, any look"].append(any(claims(anytime(each, planned=size, conf_level=LEVEL)[0](LEVEL)) for each in found))
            for name, any_claim in by.items():
                yield "looks", f"{told}, {name}", size, "false claims" if true == 0 else "power", float(np.mean(any_claim))


def promise(runs: int, rng: np.random.Generator) -> Iterator[Row]:
    """Yield the power at the size promised for 80 %, of shares and means, users of accounts and accounts by themselves."""
    for told, base, effect, users, icc in (
        ("share .2 to .3", 0.2, 0.1, 1, 0.0),
        ("share .2 to .5", 0.2, 0.3, 1, 0.0),
        ("share .2 to .3, 8 users", 0.2, 0.1, 8, 0.1),
        ("share .2 to .4, 8 users", 0.2, 0.2, 8, 0.1),
        ("mean by .4", None, 0.4, 1, 0.0),
        ("mean by .4, 8 users", None, 0.4, 8, 0.2),
    ):
        kind = {"metric": "share", "base": base} if base else {"metric": "mean", "base": 0.0, "spread": 1.0}
        accounts = 2 * int(experiment_size(effect=effect, cluster_size=users, icc=icc, **kind)["estimate"].iloc[0])
        found = []
        for _ in range(runs):
            values, treated, owner = users_of(accounts, rng, effect=effect, icc=icc, base=base, size=users)
            found.append(claims(group_difference(values, treated, clusters=owner).limits(LEVEL)))
        yield "promise", told, accounts, "power", float(np.mean(found))


def margins(runs: int, rng: np.random.Generator) -> Iterator[Row]:
    """Yield how often limits lie within a margin of 0.1 although the effect is as large as that, and where there is none."""
    for accounts in (60, 400, 2000):
        for effect in (0.1, 0.0):
            found = []
            for _ in range(runs):
                values, treated, owner = users_of(accounts, rng, effect=effect, icc=0.15)
                limits = group_difference(values, treated, clusters=owner).limits(LEVEL)
                found.append(limits.conf_low > -0.1 and limits.conf_high < 0.1)
            yield "margins", "effect as large as the margin" if effect else "no effect", accounts, "none beyond the margin", float(np.mean(found))


PARTS = {"clusters": clusters, "adjustment": adjustment, "looks": looks, "promise": promise, "margins": margins}


def study(runs: int) -> pd.DataFrame:
    """Return one row a figure."""
    rows = [(*row, runs) for number, part in enumerate(PARTS.values()) for row in part(runs, np.random.default_rng([SEED, number]))]
    return pd.DataFrame(rows, columns=["study", "setting", "accounts", "figure", "value", "runs"])


if __name__ == "__main__":
    results = study(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
    results.round(4).to_csv(Path(__file__).parent / "results" / "experiments.csv", index=False, lineterminator="\n")
    print(results.round(3).to_string(index=False))
