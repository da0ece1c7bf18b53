"""The split of a change into mix and rates: by hand, against repeated sampling, and at its edges."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.mix import mix_and_rate
from cs_analysis.stats.stages import stage_shares


def units(counts: dict[tuple[str, str], tuple[int, int]]) -> pd.DataFrame:
    """Return units from (period, plan) -> (units, of which reached), all watched for 10 days."""
    rows = [(period, plan, 1.0 if k < hits else np.nan) for (period, plan), (size, hits) in counts.items() for k in range(size)]
    return pd.DataFrame(rows, columns=["period", "plan", "reached"]).assign(follow_up_days=10.0)


def split(table: pd.DataFrame, **options: object) -> pd.DataFrame:
    return mix_and_rate(table, "plan", period="period", stage="reached", horizon_days=10, **options)


def test_by_hand() -> None:
    # April: 60 of small with 30 %, 40 of large with 50 %: 38 %. May: 40 of small with 30 %, 60 of large with 60 %: 48 %. Mean 43 %.
    # Rate: small 0; large (.6 - .5) x (.4 + .6) / 2 = .05. Mix: small (.4 - .6) x (.3 - .43) = .026; large (.6 - .4) x (.55 - .43) = .024.
    found = split(units({("2026-04", "small"): (60, 18), ("2026-04", "large"): (40, 20), ("2026-05", "small"): (40, 12), ("2026-05", "large"): (60, 36)}))
    wide = found.assign(plan=found["plan"].fillna("all")).pivot_table(index="plan", columns="part", values="estimate")
    expected = pd.DataFrame({"mix": [0.05, 0.024, 0.026], "rate": [0.05, 0.05, 0.0], "total": [0.1, 0.074, 0.026]}, index=["all", "large", "small"])
    np.testing.assert_allclose(wide.loc[expected.index, expected.columns], expected, atol=1e-12)
    assert found.loc[found["plan"].isna(), "n"].tolist() == [100] * 3
    assert found.loc[found["plan"] == "large", "n"].tolist() == [40] * 3


def test_with_one_group_all_is_rate_and_the_limits_are_those_of_a_difference() -> None:
    found = split(units({("a", "x"): (50, 20), ("b", "x"): (80, 48)}))
    total = found[found["plan"].isna()].set_index("part")
    assert total["estimate"].tolist() == pytest.approx([0, 0.2, 0.2])
    # Each period's variance is p (1 - p) / n; the small-sample factor of 130 clusters is 130 / 129, and t is 1.9785.
    error = np.sqrt((0.4 * 0.6 / 50 + 0.6 * 0.4 / 80) * 130 / 129)
    assert total.loc["rate", "conf_high"] == pytest.approx(0.2 + 1.978524 * error, abs=1e-6)
    assert total.loc["mix", ["conf_low", "conf_high"]].tolist() == [0, 0]


def test_a_group_that_came_is_all_mix() -> None:
    found = split(units({("a", "x"): (50, 20), ("b", "x"): (50, 20), ("b", "new"): (50, 40)}))
    parts = found.set_index([found["plan"].fillna("all"), "part"])["estimate"]
    assert parts["all", "total"] == pytest.approx(0.2)
    assert parts["all", "rate"] == pytest.approx(0)
    assert parts["new", "mix"] == pytest.approx(0.5 * (0.8 - 0.5))  # .5 is the mean of .4 and .6


def test_the_parts_add_up_with_censored_units_too() -> None:
    rng = np.random.default_rng(2)
    size = 400
    days, watched = rng.exponential(8, size), rng.uniform(2, 15, size).clip(max=10)
    table = pd.DataFrame({"period": rng.choice([1, 2], size), "plan": rng.choice(["x", "y", "z"], size), "follow_up_days": watched})
    table["reached"] = np.where(days <= watched, days, np.nan)
    found = split(table)
    shares = stage_shares(table, ["period", "plan"], stages=["reached"], horizon_days=10).query("metric == 'share_within'")
    weights = shares["n"] / shares.groupby("period")["n"].transform("sum")
    first, second = (weights * shares["estimate"]).groupby(shares["period"]).sum()
    total = found[found["plan"].isna()].set_index("part")["estimate"]
    assert total["total"] == pytest.approx(second - first)
    assert total["mix"] + total["rate"] == pytest.approx(total["total"])
    groups = found[found["plan"].notna()].groupby("part")["estimate"].sum()
    np.testing.assert_allclose(groups, total[groups.index], atol=1e-12)


def test_nothing_is_said_where_nobody_was_watched_long_enough() -> None:
    table = units({("a", "x"): (5, 2), ("b", "x"): (5, 3), ("a", "y"): (5, 2), ("b", "y"): (5, 3)})
    late = (table["period"] == "b") & (table["plan"] == "y")
    found = split(table.assign(follow_up_days=np.where(late, 9.0, 10.0)))
    known = found["estimate"].notna()
    # Every mix part is measured from the mean of all groups, so only the rate part of x remains.
    assert found.loc[known, ["plan", "part"]].to_numpy().tolist() == [["x", "rate"]]


def test_it_needs_two_periods_and_two_columns() -> None:
    with pytest.raises(NotEnoughDataError, match="there are 1"):
        split(units({("a", "x"): (5, 2)}))
    with pytest.raises(ParameterError, match="different columns"):
        mix_and_rate(units({("a", "x"): (5, 2)}), "plan", period="plan", stage="reached", horizon_days=10)


@pytest.mark.slow
def test_the_limits_cover_the_truth_with_clusters() -> None:
    rng = np.random.default_rng(1)
    plan_share, rates, covered = {"a": 0.6, "b": 0.4}, {("a", "x"): 0.3, ("a", "y"): 0.5, ("b", "x"): 0.35, ("b", "y"): 0.6}, []
    weights = {period: np.array([share, 1 - share]) for period, share in plan_share.items()}
    first, second = ([rates[p, g] for g in "xy"] for p in "ab")
    mean = (weights["a"] @ first + weights["b"] @ second) / 2
    truth = {"rate": (np.subtract(second, first) * (weights["a"] + weights["b"]) / 2).sum()}
    truth["mix"] = ((weights["b"] - weights["a"]) * ((np.add(first, second)) / 2 - mean)).sum()
    for _ in range(600):
        # 160 accounts of a plan of their own, each with 1 to 5 users in each period, alike in how many of them convert.
        account = np.repeat(np.arange(160), 2)
        period = np.tile(["a", "b"], 160)
        lean = rng.random(160)
        plan = np.where(lean[account] < np.where(period == "a", 0.6, 0.4), "x", "y")
        size = rng.integers(1, 6, 320)
        likely = np.array([rates[key] for key in zip(period, plan, strict=True)])
        shared = rng.beta(likely * 3, (1 - likely) * 3)
        table = pd.DataFrame({"account": account, "period": period, "plan": plan}).loc[np.repeat(np.arange(320), size)].reset_index(drop=True)
        table["reached"] = np.where(rng.random(len(table)) < np.repeat(shared, size), 1.0, np.nan)
        found = split(table.assign(follow_up_days=10.0), cluster="account")
        rows = found[found["plan"].isna()].set_index("part")
        covered.append({part: rows.loc[part, "conf_low"] <= value <= rows.loc[part, "conf_high"] for part, value in truth.items()})
    # Of 600 intervals that cover 95 %, 92.3 to 97.7 % do so but for 3 in 1,000 studies.
    assert pd.DataFrame(covered).mean().between(0.923, 0.977).all(), pd.DataFrame(covered).mean()
