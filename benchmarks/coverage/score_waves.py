"""How often limits of changes between waves contain the truth, and how often tests and control charts ring falsely: simulated panels.

`python benchmarks/coverage/score_waves.py [SAMPLES]` writes `results/score_waves.csv` beside this file. Accounts have one to four users; an account, its
users, and the account in that wave each have a level of their own, which is then read on the scale of nps. Seven accounts in ten take part in a wave, so
that about half of the answers come from accounts that answer in both waves. In one setting everybody's level rises by 0.5, in another the users of an
account change their minds together.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from cs_analysis.errors import CSAnalysisError
from cs_analysis.stats.control_charts import control_chart
from cs_analysis.stats.intervals import Interval
from cs_analysis.stats.ordinal import fit_ordinal
from cs_analysis.stats.ordinal_checks import proportional_odds_test
from cs_analysis.stats.paired_scores import Answers, Kind, Pairs, paired_differences, sample_differences

SEED = 20261123
KINDS: tuple[Kind, ...] = ("net", "top", "mean")
TAKES_PART = 0.7
PARTS = {"account": 1.2, "user": 1.0, "answer": 1.2}  # standard deviations, in scores
SETTINGS = ((0.0, 0.5), (0.5, 0.5), (0.0, 1.5))  # rise, and standard deviation of the account in the wave


def panel(accounts: int, rise: float, rng: np.random.Generator, *, together: float = 0.5) -> pd.DataFrame:
    """Return the answers of two waves: `wave`, `account`, `user`, `score`."""
    users = np.repeat(np.arange(accounts), rng.integers(1, 5, accounts))
    level = rng.normal(8, PARTS["account"], accounts)[users] + rng.normal(0, PARTS["user"], len(users))
    waves = []
    for wave in (0, 1):
        there = (rng.random(accounts) < TAKES_PART)[users] & (rng.random(len(users)) < 0.8)
        shift = rng.normal(0, together, accounts)[users] + rng.normal(0, PARTS["answer"], len(users))
        score = np.clip(np.rint(level + shift + wave * rise), 0, 10)
        waves.append(pd.DataFrame({"wave": wave, "account": users, "user": np.arange(len(users)), "score": score})[there])
    return pd.concat(waves, ignore_index=True)


def answers(rows: pd.DataFrame, samples: np.ndarray, clusters: np.ndarray) -> Answers:
    """Return scores as answers to nps."""
    score = rows["score"].to_numpy("float64")
    return Answers((score <= 6).astype(float), (score >= 9).astype(float), score / 10, samples.astype("int64"), clusters.astype("int64"))


def designs(rows: pd.DataFrame, kind: Kind) -> Iterator[tuple[str, Interval]]:
    """Yield the change of one sample by each design."""
    once = Pairs(np.array([1]), np.array([0]))
    wave, account = rows["wave"].to_numpy(), rows["account"].to_numpy()
    yield "mixed", sample_differences(answers(rows, wave, account), once, kind=kind)
    yield "independent", sample_differences(answers(rows, wave, account), once, kind=kind, related=False)
    yield "accounts ignored", sample_differences(answers(rows, wave, np.arange(len(rows))), once, kind=kind)
    both = rows[rows["wave"] == 1].merge(rows[rows["wave"] == 0], on=["account", "user"], suffixes=("", "_before"))
    late, early = both[["score"]], both[["score_before"]].rename(columns={"score_before": "score"})
    none = np.zeros(len(both))
    for name, owner in (("paired", both["account"].to_numpy()), ("paired, accounts ignored", np.arange(len(both)))):
        yield name, paired_differences(answers(late, none, owner), answers(early, none, owner), kind=kind, pairs=1)


def changes(samples: int, rng: np.random.Generator) -> Iterator[dict[str, object]]:
    """Yield coverage, chance of finding a change and width, by accounts, measure and design."""
    for rise, together in SETTINGS:
        many = panel(200_000, rise, rng, together=together)
        values = {kind: answers(many, many["wave"].to_numpy(), many["account"].to_numpy()).values(kind) for kind in KINDS}
        truth = {kind: 0.0 if not rise else float(np.diff(pd.Series(value).groupby(many["wave"]).mean())[0]) for kind, value in values.items()}
        for accounts in (20, 60):
            found = []
            for _ in range(samples):
                rows = panel(accounts, rise, rng, together=together)
                for kind in KINDS:
                    for design, limits in designs(rows, kind):
                        found.append((kind, design, float(limits.conf_low[0]), float(limits.conf_high[0])))
            table = pd.DataFrame(found, columns=["kind", "design", "low", "high"])
            target = table["kind"].map(truth)
            table = table.assign(covered=(table["low"] <= target) & (target <= table["high"]), apart=(table["low"] > 0) | (table["high"] < 0))
            for (kind, design), own in table.assign(width=table["high"] - table["low"]).groupby(["kind", "design"], sort=True):
                yield {"study": "change", "accounts": accounts, "rise": rise, "together": together, "figure": kind, "how": design, **figures(own, samples)}


def figures(own: pd.DataFrame, samples: int) -> dict[str, object]:
    """Return the figures of one design."""
    share = own["covered"].mean()
    error = round(float(np.sqrt(max(share * (1 - share), 1e-4) / samples)), 4)
    return {
        "samples": samples,
        "coverage": round(float(share), 4),
        "found": round(float(own["apart"].mean()), 4),
        "width": round(float(own["width"].mean()), 4),
        "simulation_error": error,
    }


def ordinal(samples: int, rng: np.random.Generator) -> Iterator[dict[str, object]]:
    """Yield how often the odds ratio of an unchanged panel seems changed, and how often proportional odds seem to fail."""
    for accounts in (30, 60):
        rings: dict[str, list[bool]] = {}
        for _ in range(samples):
            rows = panel(accounts, 0.0, rng)
            x, y = rows[["wave"]].astype("float64"), pd.cut(rows["score"], [-1, 6, 7, 8, 9, 10], labels=False)
            for name, owner in (("clustered", rows["account"]), ("accounts ignored", None)):
                try:
                    effect = fit_ordinal(x, y, clusters=owner).coefficients.iloc[-1]
                    check = proportional_odds_test(x, y, clusters=owner)["p_value"].iloc[0]
                except CSAnalysisError:
                    continue
                rings.setdefault(f"odds ratio, {name}", []).append(not effect["conf_low"] <= 0 <= effect["conf_high"])
                rings.setdefault(f"proportional odds, {name}", []).append(check < 0.05)
        for name, each in rings.items():
            figure, how = name.split(", ")
            error = round(float(np.sqrt(np.mean(each) * (1 - np.mean(each)) / len(each))), 4)
            told = {"samples": len(each), "coverage": round(1 - float(np.mean(each)), 4), "found": round(float(np.mean(each)), 4), "simulation_error": error}
            yield {"study": "ordinal", "accounts": accounts, "rise": 0.0, "together": 0.5, "figure": figure, "how": how, **told}


def charts(samples: int, rng: np.random.Generator) -> Iterator[dict[str, object]]:
    """Yield how often a wave of a share around one half rings although nothing but chance moves it: 24 waves of 50 to 400 answers."""
    for away in (0.0, 0.03, 0.06):
        rings: dict[tuple[str, str], list[float]] = {}
        for _ in range(samples):
            n = rng.integers(50, 401, 24)
            share = rng.binomial(n, np.clip(0.5 + away * rng.normal(size=24), 0.01, 0.99)) / n
            pooled = share @ n / n.sum()
            for name, laney in (("plain", False), ("laney", True)):
                chart = control_chart(share, n, variances=pooled * (1 - pooled), laney=laney)
                for rule, found in chart.signals.items():
                    rings.setdefault((rule, name), []).append(float(found.mean()))
        for (rule, name), each in rings.items():
            error = round(float(np.std(each) / np.sqrt(samples)), 4)
            told = {"samples": samples, "found": round(float(np.mean(each)), 4), "simulation_error": error}
            yield {"study": "chart", "away": away, "figure": rule, "how": name, **told}


def main(samples: int) -> None:
    rng = np.random.default_rng(SEED)
    rows = [*changes(samples, rng), *ordinal(samples, rng), *charts(samples, rng)]
    columns = ["study", "accounts", "rise", "together", "away", "figure", "how", "samples", "coverage", "found", "width", "simulation_error"]
    table = pd.DataFrame(rows)[columns].astype({"accounts": "Int64"})
    table.to_csv(Path(__file__).parent / "results" / "score_waves.csv", index=False)
    print(table.to_string())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
