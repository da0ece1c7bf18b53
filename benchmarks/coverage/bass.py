"""How often the limits of a Bass fit contain the truth: Poisson counts around a known curve, seen in full or until just past the peak.

`python benchmarks/coverage/bass.py` writes `results/bass.csv` beside this file: one row a setting, method and quantity with the share of
replicates whose 95 % limits contain the truth, among replicates with a curve; its simulation error; the median width; and the shares of
replicates whose upper limit is infinite and that have no best curve. `adopters` is a count of the period after the data, not its mean.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cs_analysis.errors import ConvergenceError
from cs_analysis.stats.bass import fit_bass
from cs_analysis.stats.bass_optimum import Curve

SEED = 20261122
TERMS = {"p": 0.01, "q": 0.4, "m": 1000.0}  # the peak comes 9.0 periods after the launch
PERIODS = (10, 12, 20)
METHODS = (("ml", "profile"), ("nls", "profile"), ("ml", "bootstrap"), ("nls", "bootstrap"))


def limits_of(setting: tuple[str, str], counts: np.ndarray) -> dict[str, tuple[float, float]] | None:
    """Return the limits by quantity for one replicate whose last count is yet to come, or nothing where there is no curve."""
    method, interval = setting
    seen = pd.DataFrame({"period": np.arange(1, len(counts)), "adopters": counts[:-1]})
    try:
        fit = fit_bass(seen, method=method, interval=interval, replicates=200, rng=int(counts.sum()))
    except ConvergenceError:
        return None
    tables = [fit.coefficients.set_index("term")]
    if interval == "profile":
        tables += [fit.predict(1).set_index("metric"), fit.peak().set_index("metric")]
    return {name: (row["conf_low"], row["conf_high"]) for table in tables for name, row in table.iterrows()}


def study(setting: tuple[str, str], periods: int, replicates: int, *, each: Callable[..., Iterable[Any]] = map) -> Iterator[dict[str, object]]:
    """Yield one row a quantity."""
    curve = Curve(*TERMS.values(), before=0.0, periods=periods)
    expected = curve.expected(np.arange(periods + 1))
    drawn = np.random.default_rng([SEED, periods]).poisson(expected, (replicates, periods + 1))
    found = list(each(partial(limits_of, setting), drawn))
    fitted = [limits for limits in found if limits is not None]
    truth = TERMS | {"expected_adopters": expected[-1], "peak_time": curve.peak_time}
    values = {name: np.full(len(fitted), value) for name, value in truth.items()} | {
        "adopters": np.array([counts[-1] for counts, limits in zip(drawn, found, strict=True) if limits is not None])
    }
    head = {"method": setting[0], "interval": setting[1], "periods": periods, "replicates": replicates}
    for name in fitted[0]:
        low, high = np.array([limits[name] for limits in fitted]).T
        yield head | {"quantity": name} | summary(low, high, values[name]) | {"no_curve": 1 - len(fitted) / replicates}


def summary(low: np.ndarray, high: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Return the share of limits that contain the truth, and what they are like."""
    share = float(np.mean((low <= truth) & (truth <= high)))
    width = {"median_width": float(np.median(high - low)), "infinite": float(np.mean(np.isinf(high)))}
    return {"coverage": share, "simulation_error": float(np.sqrt(share * (1 - share) / len(low)))} | width


def main(replicates: int) -> None:
    """Run every study; the bootstrap, which is slow, with a tenth of the replicates."""
    results = Path(__file__).parent / "results" / "bass.csv"
    rows: list[dict[str, object]] = []
    with ProcessPoolExecutor(2) as pool:
        for setting in METHODS:
            for periods in PERIODS:
                rows += study(setting, periods, replicates if setting[1] == "profile" else replicates // 10, each=partial(pool.map, chunksize=20))
                pd.DataFrame(rows).round(4).to_csv(results, index=False)
    print(pd.DataFrame(rows).round(3).to_string(index=False))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
