"""How often an effect of an action, or that there is none, is claimed, and how often the limits contain the true effect; the naive contrast beside it.

`python benchmarks/coverage/effects.py [RUNS]` writes `results/effects.csv` beside this file. Accounts are in up to four monthly trials until they have the
action. A lasting trait of theirs and what changes from month to month go with having it, with the earlier use and with the outcome, and are adjusted for;
besides, accounts differ in the outcome for reasons of their own. The effect is the same for everybody, so that it is the truth for every kind of weights:
added to the chance of staying, or to the days of use. Then there is something nobody recorded that goes with action and outcome: a wish to stay, or
trouble, which shows in the earlier use or does not. Figures are those of `action_effect` with its margins, 5 points and one day.
"""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np
import pandas as pd

from cs_analysis.facts.landmarks import Trials
from cs_analysis.metrics.effects import FEWEST, Method, _compared, _verdict

SEED, LEVEL, MONTHS = 20261123, 0.95, 4
MARGIN = {"stay": 0.05, "days": 1.0}
HIDDEN = {  # pull of something unmeasured towards the action, what it does to the outcome, how much of it shows in the earlier use
    "nothing": (0.0, 0.0, 0.0),
    "a wish that use shows": (1.0, 1.0, 1.0),
    "a wish that use half shows": (1.0, 1.0, 0.5),
    "a wish that nothing shows": (1.0, 1.0, 0.0),
    "trouble that use half shows": (1.0, -1.0, 0.5),
    "trouble that nothing shows": (1.0, -1.0, 0.0),
}
CELLS = [  # what is unmeasured, outcome, accounts, effect, share of the runs
    *(("nothing", kind, size, times * MARGIN[kind], 1.0) for kind, size, times in product(MARGIN, (100, 300, 1000), (0, 1))),
    *(("nothing", "stay", 3000, effect, 1.0) for effect in (0.0, MARGIN["stay"])),
    *(("nothing", kind, size, times * MARGIN[kind], 1 / 3) for kind, size, times in product(MARGIN, (100, 300, 1000), (2, 3))),
    *((name, "stay", size, 0.0, 1 / 3) for name, size in product([*HIDDEN][1:], (300, 1000))),
]


class Drawn(NamedTuple):
    """One run: the trials and the outcome."""

    trials: Trials
    outcome: np.ndarray


def expit(values: np.ndarray) -> np.ndarray:
    """Return chances from log-odds."""
    return np.asarray(1 / (1 + np.exp(-values)))


def draw(accounts: int, kind: str, *, effect: float, hidden: tuple[float, float, float], rng: np.random.Generator) -> Drawn:
    """Return trials of accounts until they have the action, with outcomes to which the action adds `effect`."""
    pull, weight, shows = hidden
    shape = (accounts, MONTHS)
    trait, own, wish = (rng.standard_normal((accounts, 1)) for _ in range(3))
    changing, large = rng.standard_normal(shape), np.broadcast_to(rng.random((accounts, 1)) < 0.3, shape)
    had = rng.random(shape) < expit(-2.4 + 0.7 * trait + 0.5 * changing + 0.6 * large + pull * wish)
    there: np.ndarray = np.cumsum(had, axis=1) - had == 0
    level = 0.8 * trait + 0.6 * changing + 0.5 * large + 0.7 * own + weight * wish
    chance = 0.15 + 0.6 * expit(level) + effect * had
    outcome = (rng.random(shape) < chance) if kind == "stay" else 9 + 3 * level + effect * had + 3 * rng.standard_normal(shape)
    earlier = 9 + 2 * trait + 2 * shows * np.sign(weight) * wish + 2 * rng.standard_normal(shape)
    number, month = np.indices(shape)
    rows = pd.DataFrame({"account_id": number[there], "treated": had[there]})
    columns = {"trait": np.broadcast_to(trait, shape), "changing": changing, "large": large, "month": month}
    covariates = pd.DataFrame({name: values[there].astype("float64") for name, values in columns.items()})
    return Drawn(Trials(rows, covariates, pd.Series(earlier[there])), outcome[there].astype("float64"))


def naive(drawn: Drawn, effect: float) -> tuple[float, float]:
    """Return the difference between who ever had the action and who never had, and whether its usual limits hold the truth."""
    rows = drawn.trials.rows.assign(value=drawn.outcome)
    groups = rows.groupby("account_id").agg(treated=("treated", "max"), value=("value", "last")).groupby("treated")["value"].agg(["mean", "var", "count"])
    difference = groups.loc[True, "mean"] - groups.loc[False, "mean"]
    return float(difference), float(abs(difference - effect) <= 1.96 * np.sqrt((groups["var"] / groups["count"]).sum()))


def told(drawn: Drawn, *, method: Method, margin: float, effect: float) -> dict[str, float]:
    """Return what is said of one run."""
    found = _compared(drawn.trials, drawn.outcome, method=method, conf_level=LEVEL)
    said = _verdict(found, margin=margin, conf_level=LEVEL)
    limits, control = found.effect, found.control
    claims = {
        "claimed": said in {"helps", "harms"},
        "none": said.startswith("none"),
        "not_shown": said == "not shown",
        "not_trusted": said.startswith("not to"),
    }
    outside = bool(limits.conf_low > 0 or limits.conf_high < 0)
    held = float(limits.conf_low <= effect <= limits.conf_high) if found.bears else np.nan
    alarm = np.nan if control is None else float(not control.conf_low <= 0 <= control.conf_high)
    return {"estimate": limits.estimate, "coverage": held, **claims, "cannot": not found.bears, "without_control": outside, "control_alarm": alarm}


def cell(kind: str, accounts: int, effect: float, *, hidden: tuple[float, float, float], runs: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return one row a method: means over the runs in which at least ten accounts had the action."""
    found = []
    for _ in range(runs):
        drawn = draw(accounts, kind, effect=effect, hidden=hidden, rng=rng)
        if drawn.trials.rows.loc[drawn.trials.rows["treated"], "account_id"].nunique() < FEWEST:
            continue
        beside = dict(zip(("naive", "naive_coverage"), naive(drawn, effect), strict=True))
        found += [{"method": method, **told(drawn, method=method, margin=MARGIN[kind], effect=effect), **beside} for method in get_args(Method)]
    means = pd.DataFrame(found).groupby("method", sort=False).mean().reset_index()
    return means.assign(outcome=kind, accounts=accounts, effect=effect, runs=len(found) // 2)


def study(runs: int, *, cells: list[tuple[str, str, int, float, float]] = CELLS) -> pd.DataFrame:
    """Return one row a setting and method."""
    rng, rows = np.random.default_rng(SEED), []
    for name, kind, accounts, effect, part in cells:
        rows.append(cell(kind, accounts, effect, hidden=HIDDEN[name], runs=round(runs * part), rng=rng).assign(unmeasured=name))
    table = pd.concat(rows, ignore_index=True)
    first = ["unmeasured", "outcome", "accounts", "effect", "method", "runs"]
    return table[[*first, *(name for name in table if name not in first)]]


if __name__ == "__main__":
    results = study(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
    results.round(4).to_csv(Path(__file__).parent / "results" / "effects.csv", index=False, lineterminator="\n")
    print(results.round(3).to_string(index=False))
