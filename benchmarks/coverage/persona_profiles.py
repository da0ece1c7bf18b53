"""How often the limits of lifts hold the truth, how often chance alone differs, and what the fidelity of rules says of new accounts.

Run from the repository's root: .venv/bin/python benchmarks/coverage/persona_profiles.py [companies]
Lifts: accounts of three personas with means 2, 5 and 12 of each feature. Tests: columns drawn without regard to personas. Rules: of personas forced on a
crowd, and of groups that touch; `held` is how often the limits hold the share of 5,000 new accounts that rules and personas place alike.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import cs_analysis as cs

MEANS = {"A": 2.0, "B": 5.0, "C": 12.0}
SIZES = ((30, 20, 15), (120, 80, 50))
NEW = 5000


def features(rng: np.random.Generator, mean: np.ndarray) -> pd.DataFrame:
    """Return features whose expected values are multiples of `mean`."""
    zeros = rng.poisson(mean) * (rng.random(len(mean)) < 0.5)
    columns = {"counts": rng.poisson(mean), "log-normal": rng.lognormal(np.log(mean), 0.8), "half of them 0": zeros}
    return pd.DataFrame({"account_id": range(len(mean)), **columns})


def unrelated(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Return columns that have nothing to do with personas."""
    columns = {"three texts": rng.choice(list("xyz"), n, p=[0.5, 0.3, 0.2]), "yes of one in ten": (rng.random(n) < 0.1) * 1, "skewed": rng.lognormal(0, 1, n)}
    return pd.DataFrame({"account_id": range(n), **columns})


def profiles(companies: int, *, seed: int = 34) -> pd.DataFrame:
    """Return the coverage of lifts by feature, and the share of companies in which something unrelated differs."""
    rng, rows = np.random.default_rng(seed), []
    for sizes in SIZES:
        persona = np.repeat(list(MEANS), sizes)
        mean, n = np.array([MEANS[name] for name in persona]), len(persona)
        truth = {name: MEANS[name] / mean[persona != name].mean() for name in MEANS}
        listed = pd.DataFrame({"account_id": range(n), "persona": persona})
        for _ in range(companies):
            table = cs.persona_profile(listed, features(rng, mean), validation=unrelated(rng, n))
            lifts = table[table["metric"] == "persona_lift"]
            true = lifts["persona"].map(truth)
            held = (lifts["conf_low"] <= true) & (true <= lifts["conf_high"])
            rows += [
                {"accounts": n, "what": f"lift of {name} holds the truth", "share": share} for name, share in held.groupby(lifts["feature"]).mean().items()
            ]
            differing = set(table.loc[table["verdict"] == "differs", "feature"])
            rows.append({"accounts": n, "what": "anything unrelated differs", "share": float(bool(differing))})
    return summary(rows)


def crowd(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Return accounts without groups."""
    return pd.DataFrame(rng.normal(8, 2, (n, 2)), columns=["days", "reports"]).assign(account_id=range(n))


def groups(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Return accounts of three groups four standard deviations apart."""
    centres = np.array([[4.0, 4.0], [8.0, 4.0], [8.0, 8.0]])[rng.choice(3, n, p=[0.5, 0.3, 0.2])]
    return pd.DataFrame(centres + rng.normal(0, 1, (n, 2)), columns=["days", "reports"]).assign(account_id=range(n))


def rules(companies: int, *, seed: int = 34) -> pd.DataFrame:
    """Return the fidelity of rules beside how often they agree with the personas on new accounts."""
    rng, rows = np.random.default_rng(seed), []
    for kind, draw in (("a crowd", crowd), ("groups that touch", groups)):
        for _ in range(companies):
            table, new = draw(rng, 200), draw(rng, NEW)
            fit = cs.fit_personas(table, k=3, most=3, null_tables=19, rng=rng)
            told = cs.persona_rules(fit, table)
            said = fit.predict(new)["persona"]
            near = said != "unassigned"
            alike = float((told.assign(new)["persona"] == said)[near].mean())
            fidelity = told.fidelity.set_index("metric").loc["rule_fidelity"]
            held = float(fidelity["conf_low"] <= alike <= fidelity["conf_high"])
            shares = {"fidelity": fidelity["estimate"], "alike among new": alike, "held": held}
            rows += [{"accounts": 200, "what": f"rules of {kind}: {name}", "share": share} for name, share in shares.items()]
    return summary(rows)


def summary(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Return the mean share of each thing and the number of companies."""
    found = pd.DataFrame(rows).groupby(["accounts", "what"], sort=False)["share"].agg(["mean", "size"])
    return found.rename(columns={"mean": "share", "size": "companies"}).reset_index().round({"share": 4})


if __name__ == "__main__":
    companies = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    table = pd.concat([profiles(companies), rules(companies // 10)], ignore_index=True)
    table.to_csv(Path(__file__).parent / "results" / "persona_profiles.csv", index=False)
    print(table.to_string(index=False))
