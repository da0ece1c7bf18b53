"""How often the limits of lifetime value, its ratio to cost, and payback contain the truth.

`python benchmarks/coverage/lifetime_value.py STUDY [GROUPS]` runs one study and puts its rows into `results/lifetime_value.csv` beside this file:
`within` (horizon within the data), `beyond` (36 months, of which some 25 are seen), `other_family` (lives that follow none of the curves) or
`acquisition`. Groups of customers are drawn whose law is known: lives are Weibull, amounts lognormal, half of the customers pay half as much again after
300 days, and 30 % of the accounts never become customers. One row a metric and setting: the share of limits that contain the truth, its
simulation error, their mean width and the mean estimate over the truth, and the share of groups without both limits.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import cs_analysis as cs
from cs_analysis.facts.lifetimes import first_spells, paid_by_age, paid_now
from cs_analysis.stats.discounting import DAYS_A_MONTH, discount_factors
from cs_analysis.stats.value_over_life import Terms, streams

SEED, AS_OF = 20261122, "2026-06-30"
RESULTS = Path(__file__).parent / "results" / "lifetime_value.csv"
GROWS_AT, GROWS_BY, GROWING, NEVER = 300, 0.5, 0.5, 0.3
MEAN_AMOUNT, SPREAD, MEAN_COST = 100.0, 0.8, 400.0

Survival = Callable[[np.ndarray], np.ndarray]


def weibull(days: np.ndarray) -> np.ndarray:
    """Return the survival of most studies."""
    return np.exp(-((days / 600) ** 0.8))


def mixed(days: np.ndarray) -> np.ndarray:
    """Return the survival of customers of two kinds, who leave at constant rates."""
    return 0.4 * np.exp(-days / 120) + 0.6 * np.exp(-days / 1500)


def drawn(survival: Survival, u: np.ndarray) -> np.ndarray:
    """Return whole days of life with a survival."""
    grid = np.arange(0, 20_000.0)
    return np.searchsorted(-survival(grid), -u).astype("float64")


def company(groups: int, size: int, *, survival: Survival, months: int) -> cs.Dataset:
    """Return groups of accounts that start evenly over so many months."""
    rng = np.random.default_rng(SEED)
    count, end = groups * size, pd.Timestamp(AS_OF, tz="UTC") + pd.Timedelta(1, "D")
    starts = end - pd.to_timedelta(rng.integers(1, int(months * DAYS_A_MONTH), count), "D")
    life = np.maximum(drawn(survival, rng.random(count)), 1)
    amount = MEAN_AMOUNT * rng.lognormal(-(SPREAD**2) / 2, SPREAD, count)
    cost = MEAN_COST * rng.lognormal(-(SPREAD**2) / 2, SPREAD, count)
    accounts = pd.DataFrame({"account_id": [f"a{k}" for k in range(count)], "started_at": starts, "part": np.arange(count) % groups, "acquisition_cost": cost})
    first = pd.DataFrame(
        {"subscription_id": accounts["account_id"], "account_id": accounts["account_id"], "started_at": starts, "mrr": amount, "currency": "EUR"}
    )
    first["ended_at"] = starts + pd.to_timedelta(life, "D")
    grown = first[(rng.random(count) < GROWING) & (life > GROWS_AT)].copy()
    first.loc[grown.index, "ended_at"] = grown["started_at"] = grown["started_at"] + pd.Timedelta(GROWS_AT, "D")
    grown["mrr"] *= 1 + GROWS_BY
    buys = pd.Series(rng.random(count) >= NEVER)
    sold = pd.concat([first, grown])
    sold = sold[buys[sold.index].to_numpy()]
    sold = sold.assign(ended_at=sold["ended_at"].where(sold["ended_at"] < end))[sold["started_at"] < end]
    return cs.read_dataset({"accounts": accounts, "subscriptions": sold}, as_of=AS_OF)


def daily(survival: Survival, days: int, *, rate: float) -> np.ndarray:
    """Return what a customer brings in on each day of life, in the mean."""
    middle = np.arange(days) + 0.5
    amount = MEAN_AMOUNT * np.where(middle > GROWS_AT, 1 + GROWING * GROWS_BY, 1.0)
    return survival(np.floor(middle)) * amount / DAYS_A_MONTH * discount_factors(middle, discount_rate=rate)


def covered(study: str, setting: str, table: pd.DataFrame, truth: float) -> dict[str, object]:
    """Return one row of results; an upper limit that is missing while the lower is there is open."""
    known = table["conf_low"].notna()
    low, high = table.loc[known, "conf_low"], table.loc[known, "conf_high"].fillna(np.inf)
    share = float(((low <= truth) & (truth <= high)).mean())
    row = {"study": study, "metric": table["metric"].iloc[0], "setting": setting, "replicates": len(table), "coverage": share}
    row["simulation_error"] = float(np.sqrt(share * (1 - share) / known.sum()))
    row["above"], row["below"] = float((low > truth).mean()), float((high < truth).mean())
    row["mean_width"] = float((table["conf_high"] - table["conf_low"]).mean() / truth)
    return row | {"mean_estimate": float(table["estimate"].mean() / truth), "without_limits": float(table[["conf_low", "conf_high"]].isna().any(axis=1).mean())}


def values(study: str, groups: int, *, survival: Survival, horizon: str) -> list[dict[str, object]]:
    """Return coverage of the lifetime value of small and larger groups, made as `customer_lifetime_value` makes it, without what stands beside."""
    rows, terms = [], Terms.of(horizon, margin=1.0, discount_rate=0.1)
    for size in (60, 200):
        ds = company(groups if size < 100 else groups // 4, size, survival=survival, months=25)
        found = []
        for stream in streams(first_spells(ds, by="part"), paid_by_age(ds), paid_now(ds), as_of=ds.as_of, keys=["by.part"]):
            value = stream.value(stream.path(terms.days), terms)
            found.append((value.amount, *value.limits(0.95)))
        table = pd.DataFrame(found, columns=["estimate", "conf_low", "conf_high"]).assign(metric="customer_lifetime_value")
        setting = f"{size * (1 - NEVER):.0f} customers a group, {horizon} of 25 months"
        rows.append(covered(study, setting, table, float(daily(survival, terms.days, rate=0.1).sum())))
    return rows


def acquisition(groups: int) -> list[dict[str, object]]:
    """Return coverage of the ratio to cost and of payback, within the data."""
    rows = []
    cost = MEAN_COST / (1 - NEVER)
    paid_back = float(np.searchsorted(np.cumsum(daily(weibull, 2000, rate=0.0)), cost)) + 0.5
    for size in (60, 200):
        ds = company(groups, size, survival=weibull, months=25)
        setting = f"{size} accounts a group, 12 of 25 months"
        ratios = cs.ltv_to_cac(ds, horizon="12mo", by="part")
        truth = float(daily(weibull, 365, rate=0.1).sum())
        rows.append(covered("acquisition", setting, ratios[ratios["metric"] == "ltv_to_cac"], truth / cost))
        rows.append(covered("acquisition", setting, ratios[ratios["metric"] == "acquisition_cost"], cost))
        days = cs.cac_payback(ds, horizon="12mo", by="part")
        rows.append(covered("acquisition", setting, days[days["metric"] == "cac_payback"], paid_back))
    return rows


def main(study: str, groups: int) -> None:
    """Run one study and put its rows in place of its earlier ones."""
    studies = {
        "within": lambda: values("within", groups, survival=weibull, horizon="9mo"),
        "beyond": lambda: values("beyond", groups, survival=weibull, horizon="36mo"),
        "other_family": lambda: values("other_family", groups, survival=mixed, horizon="36mo"),
        "acquisition": lambda: acquisition(groups),
    }
    table = pd.DataFrame(studies[study]()).round(4)
    earlier = pd.read_csv(RESULTS) if RESULTS.exists() else table.iloc[:0]
    pd.concat([earlier[earlier["study"] != study], table]).sort_values("study", kind="stable").to_csv(RESULTS, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2000)
