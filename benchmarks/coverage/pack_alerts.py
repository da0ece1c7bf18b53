"""How often two runs of one law ring, and how often a real change is found: simulated months of a company.

`python benchmarks/coverage/pack_alerts.py [SAMPLES]` writes `results/pack_alerts.csv` beside this file. A month has twelve headline shares among the same
customers, each customer leaning the same way in all of them, and an average of a skewed amount, with limits of its logarithm. In the second month a part of
the customers is the same as in the first and behaves alike. In some settings the first shares rise. Beside the procedure stands what calling each change by
its own 95 % interval would do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from cs_analysis.report.comparison import Comparison, compared
from cs_analysis.report.figures import figures_of
from cs_analysis.stats.intervals import wilson

SEED = 20261123
SHARES = np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.6, 0.7, 0.8, 0.9])
LEANING = 0.5  # standard deviation of a customer's own lean, in probits
SPREAD = 1.0  # standard deviation of the logarithm of amounts
Z = special.ndtri(0.975)
SETTINGS = [(customers, kept, changed, rise) for customers in (100, 400) for kept in (0.0, 0.9) for changed, rise in ((0, 0.0), (1, 0.1), (4, 0.1), (4, 0.2))]


def month(customers: int, kept: float, *, rises: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield what the customers of two months do: a column a share, 0 or 1, and a last one of amounts."""
    lean = rng.normal(0, LEANING, customers)
    for own in (np.zeros_like(rises), rises):
        levels = special.ndtri(SHARES + own) * np.sqrt(1 + LEANING**2)
        acts = (levels + lean[:, None] + rng.normal(size=(customers, len(SHARES)))) > 0
        yield np.column_stack([acts, np.exp(SPREAD * (lean + rng.normal(size=customers)))])
        stays = rng.random(customers) < kept
        lean = np.where(stays, lean, rng.normal(0, LEANING, customers))


def rows(acts: np.ndarray, start: str) -> list[dict[str, Any]]:
    """Return the headline figures of a month."""
    n = len(acts)
    share = wilson(acts[:, :-1].sum(axis=0), n)
    limits = [tuple(map(float, each)) for each in zip(*share, strict=True)]
    mean, error = acts[:, -1].mean(), acts[:, -1].std(ddof=1) / np.sqrt(n)
    half = Z * error / mean
    limits.append((float(mean), float(mean * np.exp(-half)), float(mean * np.exp(half))))
    shared = {"report": "sample", "period": start, "unit": "share", "n": n}
    return [
        {**shared, "metric": f"figure_{number:02}", "estimate": value, "conf_low": low, "conf_high": high} for number, (value, low, high) in enumerate(limits)
    ]


def found(months: list[np.ndarray], *, rate: float = 0.05) -> Comparison:
    """Return the comparison of the runs at the end of two months."""
    packs = []
    for acts, (start, end) in zip(months, (("2026-09-01", "2026-09-30"), ("2026-10-01", "2026-10-31")), strict=True):
        shown = rows(acts, start)
        about = {"as_of": f"{end}T23:59:59.999999+00:00", "reports": {"sample": {"parameters": {"conf_level": 0.95}}}}
        packs.append(figures_of(shown, headlines=shown, about=about))
    return compared(packs[0], packs[1], rate=rate)


def study(samples: int, rng: np.random.Generator, settings: list[tuple[int, float, int, float]] = SETTINGS) -> Iterator[dict[str, object]]:
    """Yield, by setting and way of calling changes: the share of runs with a false alarm, the share of false ones among alarms, that of changes found."""
    for customers, kept, changed, rise in settings:
        rises = np.where(np.isin(np.arange(len(SHARES)), [2, 3, 4, 5][:changed]), rise, 0.0)
        real = {f"figure_{number:02}" for number in np.flatnonzero(rises)}
        told: dict[str, list[tuple[bool, float, float]]] = {"this procedure": [], "each by its own interval": []}
        for _ in range(samples):
            changes = found(list(month(customers, kept, rises=rises, rng=rng))).changes
            called = {"this procedure": changes["beyond_noise"], "each by its own interval": changes["p_value"] <= 0.05}
            for how, which in called.items():
                rung = set(changes.loc[which, "metric"])
                told[how].append((bool(rung - real), len(rung - real) / max(len(rung), 1), len(rung & real) / max(len(real), 1)))
        for how, each in told.items():
            false, among, power = np.mean(each, axis=0)
            error = round(float(np.sqrt(max(false * (1 - false), 1e-4) / samples)), 4)
            setting = {"customers": customers, "same_customers": kept, "changed": changed, "rise": rise, "how": how, "samples": samples}
            figures = {"any_false": round(float(false), 4), "false_among_alarms": round(float(among), 4), "found": round(float(power), 4)}
            yield {**setting, **figures, "simulation_error": error}


def main(samples: int) -> None:
    table = pd.DataFrame(study(samples, np.random.default_rng(SEED)))
    table.to_csv(Path(__file__).parent / "results" / "pack_alerts.csv", index=False)
    print(table.to_string())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
