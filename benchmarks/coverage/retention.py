"""How often the limits of retention contain the truth: users within accounts, and bands of cells to come, each under a known value.

`python benchmarks/coverage/retention.py` writes `results/retention.csv` beside this file: one row a setting with the share of replicates whose 95 %
limits contain the truth (for bands: what came), its simulation error, the mean width and the share without limits. The replicates of the first
study are the groups of one large company, counted by one call through `by=`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import cs_analysis as cs
from cs_analysis.stats.projection import back_test

SEED = 20261122
STARTS = ("2026-01-05", "2026-02-05", "2026-03-05")
ACCOUNTS = 40


def company(groups: int, *, likeness: float, share: float, users: int, rng: np.random.Generator) -> cs.Dataset:
    """Return a company of groups of 40 accounts with so many users each, who start in three months and come back in later ones with a known chance."""
    account = np.arange(groups * ACCOUNTS)
    chance = np.full(len(account), share) if likeness == 0 else rng.beta(share * (1 / likeness - 1), (1 - share) * (1 / likeness - 1), len(account))
    owner = np.repeat(account, users)
    cohort = rng.integers(0, 3, len(owner))
    first = pd.DatetimeIndex(np.array(STARTS, dtype="datetime64[us]")[cohort], tz="UTC")
    rows = [pd.DataFrame({"event_at": first, "owner": owner, "user": np.arange(len(owner))})]
    for month in (2, 3, 4):
        back = (rng.random(len(owner)) < chance[owner]) & (cohort + 1 < month)
        rows.append(pd.DataFrame({"event_at": pd.Timestamp(f"2026-0{month}-12", tz="UTC"), "owner": owner[back], "user": np.flatnonzero(back)}))
    events = pd.concat(rows, ignore_index=True)
    used = pd.DataFrame({"event_at": events["event_at"], "account_id": "a" + events["owner"].astype(str), "user_id": "u" + events["user"].astype(str)})
    names = [f"a{number}" for number in account]
    people = pd.DataFrame(
        {"account_id": names, "started_at": pd.Timestamp("2026-01-01", tz="UTC"), "replicate": [f"g{number // ACCOUNTS}" for number in account]}
    )
    return cs.read_dataset({"accounts": people, "events": used.assign(event="open")}, as_of="2026-04-30")


def cells(groups: int, rng: np.random.Generator) -> list[dict[str, object]]:
    """Return the coverage of the first cohort's and of the pooled month-1 retention."""
    rows = []
    for likeness, share, users in ((0.0, 0.5, 1), (0.0, 0.3, 6), (0.1, 0.5, 6), (0.3, 0.5, 6), (0.1, 0.8, 6)):
        found = cs.cohort_retention(company(groups, likeness=likeness, share=share, users=users, rng=rng), by="replicate")
        for kind, chosen in (("cell", found["cohort"] == "2026-01-01"), ("pooled", found["cohort"].isna())):
            table = found[chosen & (found["age"] == 1)]
            inside = table["conf_low"].le(share) & table["conf_high"].ge(share)
            rows.append(_row("retention", kind, inside, table, likeness=likeness, share=share, users=users))
    return rows


def bands(replicates: int, rng: np.random.Generator) -> list[dict[str, object]]:
    """Return the coverage of the bands of the last three periods of triangles with cohort effects."""
    rows = []
    for size in (30, 300, 3000):
        for spread in (0.0, 0.3):
            tried = pd.concat([back_test(_triangle(size, spread, rng), hidden=3) for _ in range(replicates)], ignore_index=True)
            inside = tried["conf_low"].le(tried["seen"]) & tried["conf_high"].ge(tried["seen"])
            rows.append(_row("projection", "band", inside, tried, units=size, cohort_sd=spread))
    return rows


def _triangle(size: int, spread: float, rng: np.random.Generator, *, cohorts: int = 14) -> pd.DataFrame:
    effect = rng.normal(0, spread, cohorts)
    cohort, age = (np.array(part) for part in zip(*[(c, a) for c in range(cohorts) for a in range(1, cohorts - c)], strict=True))
    hits = rng.binomial(size, 1 / (1 + np.exp(0.4 * age**0.5 - effect[cohort])))
    return pd.DataFrame({"cohort": cohort, "age": age, "hits": hits, "units": size})


def _row(study: str, kind: str, inside: pd.Series, table: pd.DataFrame, **setting: object) -> dict[str, object]:
    known = table["conf_low"].notna() & table["conf_high"].notna()
    share = float(inside[known].mean())
    text = ", ".join(f"{name} {value}" for name, value in setting.items())
    error = float(np.sqrt(share * (1 - share) / known.sum()))
    width = float((table["conf_high"] - table["conf_low"])[known].mean())
    shown = {"study": study, "kind": kind, "setting": text, "replicates": len(table), "coverage": share, "simulation_error": error}
    return shown | {"mean_width": width, "without_limits": float(1 - known.mean())}


def study(replicates: int, *, seed: int = SEED) -> pd.DataFrame:
    """Return the results; bands, of which a triangle has many, run a twentieth of the replicates."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(cells(replicates, rng) + bands(max(replicates // 20, 1), rng))


if __name__ == "__main__":
    results = study(2000)
    path = Path(__file__).parent / "results" / "retention.csv"
    results.round(4).to_csv(path, index=False, lineterminator="\n")
    print(results.round(3).to_string())
    print(f"written: {path}")
