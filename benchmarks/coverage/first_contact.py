"""How often the limits of support figures contain the truth where tickets are alike within accounts: one helpdesk cut into groups of accounts.

`python benchmarks/coverage/first_contact.py` writes `results/first_contact.csv` beside this file: one row a figure and number of accounts with the share
of groups whose 95 % limits contain the true value, the same for limits that take every ticket for a stranger, and the simulation error.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import cs_analysis as cs
from cs_analysis.stats.intervals import wilson

SEED = 20261123
DEFINITIONS = ["one_touch", "no_reopen", "no_repeat_7"]


def company(groups: int, accounts_each: int, rng: np.random.Generator) -> cs.Dataset:
    """Return accounts with 1 to 8 tickets that have a speed, a chance of one answer and one of a reopening of their own; satisfied by chance of their own."""
    size = groups * accounts_each
    owner = np.repeat(np.arange(size), rng.integers(1, 9, size))
    count = len(owner)
    opened = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 119 * 1440, count), "min")
    speed = rng.lognormal(0, 0.8, size)[owner]
    waits = [pd.to_timedelta((hours * speed * rng.exponential(1, count) * 60).round() + 1, "min") for hours in (6, 60)]
    resolved = pd.Series(opened + waits[0] + waits[1]).where(rng.random(count) < 0.95)
    again = pd.Series(resolved + pd.to_timedelta(rng.exponential(6, count).round(3), "D")).where(rng.random(count) < rng.beta(1, 4, size)[owner])
    one = rng.random(count) < rng.beta(1.5, 1.5, size)[owner]
    tickets = pd.DataFrame({"ticket_id": np.arange(count).astype(str), "account_id": owner.astype(str), "opened_at": opened, "resolved_at": resolved})
    tickets = tickets.assign(first_response_at=opened + waits[0], reopened_at=again.dt.round("s"), touches=np.where(one & again.isna(), 1, 2))
    tickets["touches"] = tickets["touches"].astype("Int64").where(resolved.notna())
    said = tickets.loc[rng.random(count) < 0.5, ["ticket_id", "account_id", "opened_at", "first_response_at"]]
    happy = rng.random(len(said)) < (0.2 + 0.6 * rng.beta(1, 1, size)[owner[said.index]])
    answered = said["first_response_at"] + pd.Timedelta(3, "D")
    scores = {"survey": "csat", "asked_at": answered, "answered_at": answered, "score": np.where(happy, 5, 1), "response_id": np.arange(len(said))}
    said = said.assign(**scores).drop(columns=["opened_at", "first_response_at"])
    people = {"account_id": np.arange(size).astype(str), "started_at": pd.Timestamp("2025-01-01", tz="UTC"), "group": np.arange(size) % groups, "one": "all"}
    return cs.read_dataset({"accounts": pd.DataFrame(people), "tickets": tickets, "responses": said[said["answered_at"] < "2026-05-01"]}, as_of="2026-04-30")


def figures(ds: cs.Dataset, by: str) -> pd.DataFrame:
    """Return the estimates whose limits are looked at, one row a figure and group."""
    solved = cs.first_contact_resolution(ds, by=by, definitions=DEFINITIONS).query("metric == 'first_contact_resolution'")
    kept = cs.sla_attainment(ds, by=by, clock="elapsed", targets={"response": "4h", "resolution": "3d"}).query("metric == 'sla_attainment'")
    pleased = cs.satisfaction_by_response_time(ds, by=by, adjust_for=[], bands=["4h"])
    tables = {"definition": solved, "target": kept, "response_time": pleased[pleased["response_time"].isin(["up to 4h", "over 4h"])]}
    slopes = pleased[pleased["metric"] == "satisfaction_per_doubling"]
    named = [table.assign(figure=table["metric"] + " " + table[key]) for key, table in tables.items()]
    return pd.concat([*named, slopes.assign(figure=slopes["metric"])], ignore_index=True).dropna(subset=["conf_low", "conf_high"])


def study(groups: int, *, accounts_each: int, seed: int = SEED) -> pd.DataFrame:
    """Return coverage by figure; true is the figure of all groups together, which is as good as without error."""
    ds = company(groups, accounts_each, np.random.default_rng(seed))
    truths, found = figures(ds, "one").set_index("figure")["estimate"], figures(ds, "group")
    rows = []
    for figure, of in found.groupby("figure"):
        true = truths[figure]
        held = ((of["conf_low"] <= true) & (true <= of["conf_high"])).mean()
        strangers = np.nan
        if not figure.startswith("satisfaction_per"):
            alone = wilson((of["estimate"] * of["n"]).clip(upper=of["n"]), of["n"])
            strangers = ((alone.conf_low <= true) & (true <= alone.conf_high)).mean()
        error = np.sqrt(held * (1 - held) / len(of))
        row = {"figure": figure, "accounts": accounts_each, "true": true, "groups": len(of), "coverage": held}
        rows.append({**row, "coverage_of_strangers": strangers, "simulation_error": error})
    return pd.DataFrame(rows)


if __name__ == "__main__":
    path = Path(__file__).parent / "results" / "first_contact.csv"
    results = pd.concat([study(1000, accounts_each=20), study(500, accounts_each=60)])
    results.round(4).to_csv(path, index=False, lineterminator="\n")
