"""How often the limits of revenue ratios contain the truth, for the groups of one simulated company with heavy-tailed amounts.

`python benchmarks/coverage/revenue.py` writes `results/revenue.csv` beside this file. A company of 2,000 groups is measured by one call through `by=`;
the truth is the ratio of four million accounts drawn in the same way. The bootstrap is measured on 400 of the groups. What lies in between
two months is drawn account by account: leaving, shrinking, staying or growing, and joining.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

import cs_analysis as cs

SEED = 20261031
SETTINGS = [(60, 1.0), (60, 1.5), (300, 1.0), (300, 1.5)]
LEAVE, SHRINK, GROW, JOIN = 0.08, 0.08, 0.2, 0.1
OPTIONS = {"window": "1mo"}
MEASURES: dict[str, tuple[Callable[..., pd.DataFrame], dict[str, str]]] = {
    "net_revenue_retention": (cs.net_revenue_retention, OPTIONS),
    "gross_revenue_retention": (cs.gross_revenue_retention, OPTIONS),
    "revenue_churn_rate": (cs.revenue_churn_rate, {}),
    "quick_ratio": (cs.quick_ratio, {}),
    "arpa": (cs.arpa, {}),
}


class Payments(NamedTuple):
    """What accounts pay in January and in February, in cents."""

    before: np.ndarray
    after: np.ndarray


def payments(size: int, sigma: float, rng: np.random.Generator) -> Payments:
    """Return lognormal amounts with median 100.00, and what becomes of them."""
    amount = np.rint(10_000 * np.exp(sigma * rng.standard_normal(size))) + 1
    fate, by = rng.random(size), rng.uniform(0.05, 0.6, size)
    factor = np.select([fate < LEAVE, fate < LEAVE + SHRINK, fate < LEAVE + SHRINK + GROW], [0, 1 - by, 1 + by], 1.0)
    joins = rng.random(size) < JOIN
    return Payments(np.where(joins, 0, amount), np.where(joins, amount, np.rint(amount * factor)))


def truths(sigma: float, rng: np.random.Generator) -> dict[str, float]:
    """Return the ratios of very many accounts."""
    before, after = payments(4_000_000, sigma, rng)
    start, lost = before.sum(), np.maximum(before - after, 0)[before > 0].sum()
    now = after[before > 0].sum()
    gained = np.maximum(after - before, 0).sum()
    found = {"net_revenue_retention": now / start, "gross_revenue_retention": 1 - lost / start, "revenue_churn_rate": lost / start}
    return {**found, "quick_ratio": gained / lost, "arpa": after.sum() / (after > 0).sum() / 100}


def company(groups: int, *, accounts: int, sigma: float, rng: np.random.Generator) -> cs.Dataset:
    """Return a company in which every account changes what it pays in the middle of February."""
    paid = payments(groups * accounts, sigma, rng)
    number = np.arange(groups * accounts)
    middle, start = pd.Timestamp("2026-02-15", tz="UTC"), pd.Timestamp("2026-01-05", tz="UTC")
    phases = []
    for amounts, begins, ends in ((paid.before, start, middle), (paid.after, middle, pd.NaT)):
        who = number[amounts > 0]
        phases.append(
            pd.DataFrame(
                {
                    "account_id": who.astype(str),
                    "started_at": begins,
                    "ended_at": pd.Series(ends, index=range(len(who)), dtype="datetime64[us, UTC]"),
                    "mrr": amounts[who] / 100,
                }
            )
        )
    sold = pd.concat(phases, ignore_index=True)
    sold = sold.assign(subscription_id=sold["account_id"], currency="EUR")
    people = pd.DataFrame({"account_id": number.astype(str), "started_at": pd.Timestamp("2026-01-01", tz="UTC"), "replicate": number // accounts})
    return cs.read_dataset({"accounts": people, "subscriptions": sold}, as_of="2026-02-28")


def metrics(
    groups: int, rng: np.random.Generator, *, settings: list[tuple[int, float]] = SETTINGS, interval: str = "linearised"
) -> Iterator[dict[str, object]]:
    """Yield coverage of each ratio, of the groups that have both limits, and the share that has."""
    for accounts, sigma in settings:
        ds, truth = company(groups, accounts=accounts, sigma=sigma, rng=rng), truths(sigma, rng)
        for metric, (measure, options) in MEASURES.items():
            table = measure(ds, by="replicate", interval=interval, **options)
            rows = table[(table["metric"] == metric) & (table["period"] == "2026-02-01")]
            known = rows.dropna(subset=["conf_low", "conf_high"])
            inside = (known["conf_low"] <= truth[metric]) & (truth[metric] <= known["conf_high"])
            share = float(inside.mean())
            setting = {"accounts": accounts, "sigma": sigma, "interval": interval, "groups": len(rows), "with_limits": len(known) / len(rows)}
            below, above = (known["conf_high"] < truth[metric]).mean(), (known["conf_low"] > truth[metric]).mean()
            error = float(np.sqrt(share * (1 - share) / len(known)))
            yield {"metric": metric, **setting, "coverage": share, "too_low": below, "too_high": above, "simulation_error": error}


def main() -> None:
    parts = [*metrics(2_000, np.random.default_rng(SEED)), *metrics(400, np.random.default_rng(SEED), interval="bootstrap")]
    table = pd.DataFrame(parts)
    table.round(4).to_csv(Path(__file__).parent / "results" / "revenue.csv", index=False, lineterminator="\n")
    print(table.round(3).to_string())


if __name__ == "__main__":
    main()
