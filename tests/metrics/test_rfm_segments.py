"""Segments of recency, frequency and money: by hand, against plain Python, and whether they foretell what they should."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from tests.helpers import accounts, utc

import cs_analysis as cs
from cs_analysis.errors import ParameterError
from cs_analysis.facts.segments import cells_of

FIXED = {"recency_days": [10, 30, 60, 90], "frequency": [2, 3, 4, 5], "monetary": [10, 20, 30, 40]}


def shop(customers: int, *, seed: int = 0, ties: bool = False) -> pd.DataFrame:
    """Return orders of customers who differ in how often they buy."""
    rng = np.random.default_rng(seed)
    number = 1 + rng.geometric(0.3, customers)
    who = np.repeat(np.arange(customers), number)
    when = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 20 if ties else 300, len(who)), "D")
    amount = rng.integers(1, 4, len(who)) * 10.0 if ties else np.round(rng.lognormal(3, 1, len(who)), 2)
    return pd.DataFrame({"account_id": [f"c{one:03d}" for one in who], "ordered_at": when, "amount": amount})


def score(value: float, values: list[float], *, best_small: bool) -> int:
    """Return the fifth in which a value's middle rank lies, by counting."""
    signed, others = (-value, [-other for other in values]) if best_small else (value, values)
    return 1 + 5 * (2 * sum(other < signed for other in others) + sum(other == signed for other in others)) // (2 * len(others))


@pytest.mark.parametrize("ties", [False, True])
def test_plain_python_finds_the_same(ties: bool) -> None:
    orders = shop(37, seed=4, ties=ties)
    last = orders["ordered_at"].max()
    days: dict[str, set] = {}
    money: dict[str, float] = {}
    for row in orders.itertuples():
        days.setdefault(row.account_id, set()).add(row.ordered_at)
        money[row.account_id] = money.get(row.account_id, 0.0) + row.amount
    measures = {one: ((last - max(days[one])).days, len(days[one]), round(money[one], 2)) for one in days}
    columns = [[measure[place] for measure in measures.values()] for place in range(3)]
    cells = cells_of(None, 5)
    table = cs.rfm_scores(orders).set_index("account_id")
    for one, measure in measures.items():
        r, f, m = (score(value, column, best_small=place == 0) for place, (value, column) in enumerate(zip(measure, columns, strict=True)))
        row = table.loc[one]
        assert (row["recency_days"], row["frequency"]) == measure[:2]
        assert row["monetary"] == pytest.approx(measure[2])
        assert (row["r"], row["f"], row["m"]) == (r, f, m)
        assert row["rfm_segment"] == cells[r, (f + m + 1) // 2]


def test_fixed_thresholds_by_hand() -> None:
    # a: 5 days ago -> 5; 2 days -> 2; 35 -> 4 (at least 30). Mean of 2 and 4: 3. b: 100 days ago -> 1; 1 day -> 1; 9 -> 1.
    table = pd.DataFrame({"account_id": ["a", "a", "b"], "ordered_at": utc("2026-05-01", "2026-05-06", "2026-01-31"), "amount": [15.0, 20.0, 9.0]})
    found = cs.rfm_scores(table, as_of="2026-05-11", method="fixed", thresholds=FIXED)
    assert found[["r", "f", "m", "rfm_segment"]].to_numpy().tolist() == [[5, 2, 4, "potential loyalist"], [1, 1, 1, "lost"]]
    assert cs.rfm_scores(table, as_of="2026-05-11", method="fixed", thresholds=FIXED, second="monetary")["rfm_segment"].tolist() == ["champion", "lost"]
    assert cs.rfm_scores(table, as_of="2026-05-11", method="fixed", thresholds=FIXED, second="frequency")["rfm_segment"].tolist() == [
        "potential loyalist",
        "lost",
    ]


@pytest.mark.slow
def test_nested_fifths_are_of_equal_size_within_fifths() -> None:
    number = np.arange(125)
    days = pd.Timestamp("2026-06-01", tz="UTC") - pd.to_timedelta(number, "D")
    table = pd.DataFrame({"account_id": [f"c{one:03d}" for one in number], "ordered_at": days, "amount": 1.0 + (number * 37) % 125})
    found = cs.rfm_scores(table, method="nested")
    assert set(found["f"]) == {3}  # all bought once
    assert Counter(zip(found["r"], found["m"], strict=True)) == {(r, m): 5 for r in range(1, 6) for m in range(1, 6)}
    alone = cs.rfm_scores(table)
    assert set(Counter(alone["m"]).values()) == {25}
    assert Counter(zip(alone["r"], alone["m"], strict=True)) != Counter(zip(found["r"], found["m"], strict=True))


def test_equal_customers_are_in_the_middle_together() -> None:
    table = pd.DataFrame({"account_id": list("abcdefg"), "ordered_at": utc(*["2026-01-05"] * 7), "amount": 10.0})
    found = cs.rfm_scores(table)
    assert found[["r", "f", "m"]].drop_duplicates().to_numpy().tolist() == [[3, 3, 3]]
    assert set(found["rfm_segment"]) == {"needs attention"}


def test_who_never_bought_stands_apart_and_counts() -> None:
    sold = shop(8, seed=1).assign(order_id=lambda rows: range(len(rows)), currency="EUR")
    people = accounts(**{f"c{one:03d}": "2025-12-01" for one in range(10)})
    ds = cs.read_dataset({"accounts": people, "orders": sold}, as_of="2026-12-31")
    scores = cs.rfm_scores(ds)
    never = scores[scores["rfm_segment"] == "never ordered"]
    assert never["account_id"].tolist() == ["c008", "c009"]
    assert never[["recency_days", "frequency", "monetary", "r", "f", "m"]].isna().all(axis=None)
    table = cs.rfm_segments(ds)
    shares = table[table["metric"] == "rfm_segments"]
    assert shares["estimate"].sum() == pytest.approx(1)
    assert set(shares["n"]) == {10}
    assert shares.set_index("rfm_segment").loc["never ordered", "estimate"] == 0.2
    assert "never ordered" not in set(table.loc[table["metric"] != "rfm_segments", "rfm_segment"])


@pytest.mark.slow
def test_the_table_of_segments_adds_up_to_the_scores() -> None:
    orders = shop(60, seed=2)
    scores, table = cs.rfm_scores(orders), cs.rfm_segments(orders)
    for name, own in scores.groupby("rfm_segment"):
        rows = table[table["rfm_segment"] == name].set_index("metric")
        assert rows.loc["rfm_segments", "estimate"] == pytest.approx(len(own) / 60)
        assert rows.loc["segment_revenue_share", "estimate"] == pytest.approx(own["monetary"].sum() / scores["monetary"].sum())
        for measure in ("recency_days", "frequency", "monetary"):
            assert rows.loc[f"median_{measure}", "estimate"] == pytest.approx(float(own[measure].median()))
            assert rows.loc[f"median_{measure}", "n"] == len(own)
    revenue = table[table["metric"] == "segment_revenue_share"]
    assert revenue["estimate"].sum() == pytest.approx(1)
    assert (revenue["conf_low"] <= revenue["estimate"]).all()
    assert (revenue["estimate"] <= revenue["conf_high"]).all()


@pytest.mark.slow
def test_an_own_map_and_other_scores() -> None:
    halves = {"good": [(2, 1), (2, 2)], "bad": [(1, 1), (1, 2)]}
    found = cs.rfm_scores(shop(40, seed=3), bins=2, segments=halves)
    assert ((found["r"] == 2) == (found["rfm_segment"] == "good")).all()
    table = cs.rfm_segments(shop(40, seed=3), bins=2, segments=halves)
    assert table.loc[table["metric"] == "rfm_segments", "rfm_segment"].tolist() == ["good", "bad", "never ordered"]


def test_lift_by_hand() -> None:
    # Segments as of 1 March, orders until 30 May (90 days later). Latest half: a, b; a buys again. Others: c, d; nobody does, c is refunded.
    table = pd.DataFrame(
        {
            "account_id": ["a", "b", "c", "d", "a", "c", "c", "d"],
            "ordered_at": utc("2026-02-20", "2026-02-21", "2026-01-02", "2026-01-03", "2026-03-02", "2026-04-01", "2026-04-03", "2026-06-05"),
            "amount": [1.0, 1, 1, 1, 5, 5, -5, 5],
        }
    )
    options = {"bins": 2, "segments": {"late": [(2, 1), (2, 2)], "early": [(1, 1), (1, 2)]}}
    ds = cs.read_dataset(
        {"accounts": accounts(**dict.fromkeys("abcd", "2026-01-01")), "orders": table.assign(order_id=range(8), currency="EUR")}, as_of="2026-05-30"
    )
    found = cs.rfm_lift(ds, **options).set_index(["metric", "rfm_segment"])
    assert found.loc[("rfm_lift", "late"), "estimate"] == 0.5
    assert found.loc[("rfm_lift", "early"), "estimate"] == 0.0
    assert found.loc[("rfm_lift_difference", "late"), "estimate"] == 0.5
    assert set(found["n"]) == {2}


@pytest.mark.slow
def test_segments_foretell_who_goes_on_buying() -> None:
    # Half of the customers buy every 10 days all year, the others stopped in January: as of June the former are recent.
    rows = [(f"s{one}", day) for one in range(20) for day in range(one % 10, 240, 10)] + [(f"g{one}", one % 25) for one in range(20)]
    table = pd.DataFrame(rows, columns=["account_id", "day"]).assign(amount=10.0)
    table["ordered_at"] = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(table["day"], "D")
    found = cs.rfm_lift(table.drop(columns="day"), horizon="60d").query("metric == 'rfm_lift_difference'").set_index("rfm_segment")
    assert found.loc["champion", "conf_low"] > 0
    assert found.loc[found.index.isin(["hibernating", "lost"]), "estimate"].lt(0).all()


@pytest.mark.slow
def test_groups_of_a_bare_table_are_scored_apart() -> None:
    orders = shop(30, seed=5)
    both = orders.assign(shop=np.where(orders["account_id"] < "c015", "x", "y"))
    together = cs.rfm_segments(both, as_of="2026-11-30", by="shop")
    alone = cs.rfm_segments(both[both["shop"] == "x"], as_of="2026-11-30")
    own = together[together["shop"] == "x"].drop(columns="shop").reset_index(drop=True)
    pd.testing.assert_frame_equal(own, alone)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "quantiles"}, "method must be"),
        ({"second": "money"}, "second must be"),
        ({"method": "fixed"}, "thresholds go with"),
        ({"thresholds": FIXED}, "thresholds go with"),
        ({"method": "fixed", "thresholds": {**FIXED, "frequency": [1, 2]}}, "4 rising numbers for frequency"),
        ({"bins": 4}, "scores 1 to 5"),
        ({"of": "visits"}, "of must be"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        cs.rfm_scores(shop(5), **options)  # type: ignore[arg-type]


@pytest.mark.slow
def test_nobody_at_all() -> None:
    sold = shop(2).assign(order_id=lambda rows: range(len(rows)), currency="EUR")
    ds = cs.read_dataset({"accounts": accounts(c000="2026-01-01", c001="2026-01-01"), "orders": sold}, as_of="2025-06-01")
    assert cs.rfm_scores(ds).empty
    assert cs.rfm_segments(ds)["n"].eq(0).all()
    assert cs.rfm_segments(ds, by="name" if "name" in ds.tables["accounts"].columns else None)["estimate"].isna().all()
