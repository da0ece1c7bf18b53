"""How often a band contains the whole true curve, and how much less often the limits of single times do.

`python benchmarks/coverage/bands.py` writes `results/bands.csv` beside this file: one row a setting and method with the share of replicates
whose 95 % limits contain the true curve everywhere in the stretch, its simulation error and the mean width.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from cs_analysis.stats.bands import survival_band
from cs_analysis.stats.survival import survival_curve

SEED = 20261122
MEDIAN = 100.0
STRETCHES = {"default": None, "20 to 200 days": (20.0, 200.0)}
METHODS: dict[str, Callable[..., pd.DataFrame]] = {
    "equal_precision": partial(survival_band, method="equal_precision"),
    "hall_wellner": partial(survival_band, method="hall_wellner"),
    "single times": survival_curve,
}


def simulated(replicates: int, units: int, *, late: float, censored: bool, rng: np.random.Generator) -> pd.DataFrame:
    """Return exponential times with a median of 100 days, followed for up to four medians; some units enter late."""
    size = replicates * units
    enter = np.where(rng.random(size) < late, rng.uniform(0, MEDIAN, size), 0.0)
    ended = enter + rng.exponential(MEDIAN / np.log(2), size)  # without memory: the rest of a unit's time does not depend on its entry
    left = np.minimum(ended, enter + rng.uniform(0, 4 * MEDIAN, size)) if censored else ended
    return pd.DataFrame({"replicate": np.repeat(np.arange(replicates), units), "enter_days": enter, "duration_days": left, "observed": left == ended})


def whole_curve_inside(found: pd.DataFrame, until: float) -> pd.Series:
    """Return for each replicate whether the true curve stays within the steps of the limits, the last of which runs until the end of the stretch."""
    following = found.groupby("replicate")["time_days"].shift(-1).fillna(pd.Series(np.maximum(found["time_days"], until), index=found.index))
    at_step, before_next = (0.5 ** (days / MEDIAN) for days in (found["time_days"], following))
    inside = (at_step <= found["conf_high"]) & (before_next >= found["conf_low"])
    return inside.groupby(found["replicate"]).all()


def row(table: pd.DataFrame, method: str, stretch: str, **setting: object) -> dict[str, object]:
    """Return one row of results; limits of single times are looked at where the band has limits."""
    between = STRETCHES[stretch]
    with warnings.catch_warnings():  # in a few replicates nobody is left before the late ones enter
        warnings.simplefilter("ignore", UserWarning)
        found = METHODS[method](table, "replicate", **({} if method == "single times" or between is None else {"between": between}))
    low, high = between or (0.0, np.inf)
    found = found[found["time_days"].between(low, high)].dropna(subset=["conf_low", "conf_high"])
    inside = whole_curve_inside(found, high if between else 0.0)
    text = ", ".join(f"{name} {value}" for name, value in setting.items())
    share = float(inside.mean())
    return {"setting": text, "stretch": stretch, "method": method, "replicates": len(inside), "coverage": share} | {
        "simulation_error": float(np.sqrt(share * (1 - share) / len(inside))),
        "mean_width": float((found["conf_high"] - found["conf_low"]).mean()),
    }


def study(replicates: int, *, sizes: tuple[int, ...] = (50, 200, 1000), seed: int = SEED) -> Iterator[dict[str, object]]:
    """Yield the results of every setting."""
    rng = np.random.default_rng(seed)
    for units in sizes:
        for late, censored in ((0.0, False), (0.0, True), (0.5, True)):
            table = simulated(replicates, units, late=late, censored=censored, rng=rng)
            for stretch in STRETCHES:
                for method in METHODS:
                    yield row(table, method, stretch, units=units, late_entry=late, censored=censored)


if __name__ == "__main__":
    results = pd.DataFrame(study(4000))
    path = Path(__file__).parent / "results" / "bands.csv"
    results.round(4).to_csv(path, index=False, lineterminator="\n")
    print(results.groupby(["stretch", "method"])["coverage"].describe()[["count", "min", "mean", "max"]].round(3).to_string())
    print(f"written: {path}")
