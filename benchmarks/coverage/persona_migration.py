"""How often more accounts seem to have moved than noise moves: where nobody did, where a fifth did, and where everybody uses the product more.

Usage is counted in windows of 28 days; each account has rates of its own persona, and each window more noise than Poisson's (lognormal rates).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import cs_analysis as cs

ACCOUNTS, MANY, RUNS, REFITTED = 300, 10_000, 200, 25
FITS, DRAWS = 8, 100
NOBODY, FIFTH, MORE = "nobody moves", "a fifth moves", "all use 50 % more"
LEVELS = np.log([[40.0, 12, 4], [40, 2.5, 20], [5, 12, 20]])
NAMES = ["sessions", "users", "exports"]
SPREAD, SURPLUS = 0.45, 0.25  # of log rates: between accounts; between windows of one account


def true_rates(kinds: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return the rates of accounts of a kind, each with a level of its own."""
    return np.exp(LEVELS[kinds] + SPREAD * own)


def window(rates: np.ndarray, swing: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Return what is counted in one window, whose rates swing around those of the account."""
    return pd.DataFrame(rng.poisson(rates * np.exp(SURPLUS * swing)), columns=NAMES).assign(account_id=range(len(rates)))


def people(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the true persona of each account, and what is its own."""
    return rng.choice(3, size, p=[0.5, 0.3, 0.2]), rng.standard_normal((size, 3))


def cases(kinds: np.ndarray, own: np.ndarray, rng: np.random.Generator) -> tuple[pd.DataFrame, dict[str, tuple[pd.DataFrame, pd.DataFrame]]]:
    """Return what is counted at first, and for each case what was counted before and what is later."""
    size, rates = len(kinds), true_rates(kinds, own)
    before, at, later = rng.standard_normal((3, size, 3))
    repeat, then, slow = (window(rates, swing, rng) for swing in (before, at, 0.6 * at + 0.8 * before))
    others, drawn = (kinds + rng.integers(1, 3, size)) % 3, rng.random(size)
    told = {NOBODY: (repeat, window(rates, later, rng))}
    for what, share in (("a twentieth moves", 0.05), ("a tenth moves", 0.1), (FIFTH, 0.2)):
        told[what] = repeat, window(true_rates(np.where(drawn < share, others, kinds), own), later, rng)
    told[MORE] = repeat, window(1.5 * rates, later, rng)
    return then, {**told, "nobody moves, swings of neighbours correlate 0.6": (slow, told[NOBODY][1])}


def truths(fit: cs.PersonaFit, rng: np.random.Generator) -> dict[str, pd.Series]:
    """Return by case what is so among many such accounts."""
    then, windows = cases(*people(rng, MANY), rng)
    found = {what: cs.persona_migration(fit, then, now, repeat=again) for what, (again, now) in windows.items()}
    return {what: table.dropna(subset="verdict").set_index("metric")["estimate"] for what, table in found.items()}


def one_company(seed: int) -> list[dict[str, object]]:
    """Return what is told of one company, whatever became of it later, and what is so among many more such accounts."""
    rng, told = np.random.default_rng(seed), []
    then, windows = cases(*people(rng, ACCOUNTS), rng)
    fit = cs.fit_personas(then, k=3, null_tables=19, most=3, rng=seed)
    true = truths(fit, rng)
    for what, (again, now) in windows.items():
        found = cs.persona_migration(fit, then, now, repeat=again, refit=seed < REFITTED and what in (NOBODY, MORE), rng=seed)
        rows = found[found["metric"] != "persona_migration"]
        told += rows.assign(case=what, true=rows["metric"].map(true[what]).where(rows["model"] == "frozen")).to_dict("records")
    return [*told, {"case": NOBODY, **against_poisson(fit, then, told[0]["conf_low"], rng)}]


def other_accounts(seed: int, draws: int) -> list[dict[str, object]]:
    """Return what one fit tells of accounts drawn again and again, which did not make it: nobody moved, or a fifth did."""
    rng, told = np.random.default_rng([seed, 1]), []
    made_from, _ = cases(*people(rng, ACCOUNTS), rng)
    fit = cs.fit_personas(made_from, k=3, null_tables=19, most=3, rng=seed)
    true = truths(fit, rng)
    for _ in range(draws):
        then, windows = cases(*people(rng, ACCOUNTS), rng)
        for what in (NOBODY, FIFTH):
            found = cs.persona_migration(fit, then, windows[what][1], repeat=windows[what][0])
            rows = found[found["metric"] == "moved_beyond_noise"]
            told += rows.assign(case=f"{what}, other accounts", true=rows["metric"].map(true[what])).to_dict("records")
    return told


def against_poisson(fit: cs.PersonaFit, then: pd.DataFrame, low: object, rng: np.random.Generator) -> dict[str, object]:
    """Return the floor that is not used: moves between two Poisson draws around the counts themselves."""
    draws = [fit.predict(then.assign(**{name: rng.poisson(then[name]) for name in NAMES}))["persona"] for _ in range(2)]
    known = ~draws[0].isin(["unassigned"]) & ~draws[1].isin(["unassigned"])
    floor = float((draws[0] != draws[1])[known].mean())
    return {"model": "frozen", "metric": "floor of Poisson draws", "estimate": floor, "verdict": "beyond noise" if low > floor else "not shown"}


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return means, shares of verdicts and shares of limits that hold the truth, by case."""
    held = ((rows["conf_low"] <= rows["true"]) & (rows["true"] <= rows["conf_high"])).where(rows["true"].notna())
    rows = rows.assign(held=held.astype("float64"), claimed=rows["verdict"].isin(["beyond noise", "shifted"]))
    grouped = rows.groupby(["case", "model", "metric"], sort=False)
    table = grouped.agg(estimate=("estimate", "mean"), true=("true", "mean"), held=("held", "mean"), claimed=("claimed", "mean"), rows=("claimed", "size"))
    return table.round(4).reset_index()


def main(runs: int) -> None:
    """Run the study and write its result."""
    rows = [row for seed in range(runs) for row in one_company(seed)]
    rows += [row for seed in range(FITS) for row in other_accounts(seed, DRAWS)]
    told = summary(pd.DataFrame(rows))
    told.to_csv(Path(__file__).with_name("results") / "persona_migration.csv", index=False, lineterminator="\n")
    print(told.to_string(index=False))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS)
