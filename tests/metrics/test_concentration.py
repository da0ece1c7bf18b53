"""Concentration of revenue on customers and on groups: by hand, and groups that mean nothing beside groups that do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.helpers import accounts, phases, utc

import cs_analysis as cs
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.metrics.concentration import TRUE_BY_CONSTRUCTION, always_true


def company(amounts: list[float], **columns: list[object]) -> cs.Dataset:
    """Return customers who pay so much a month."""
    names = [f"c{place:03d}" for place in range(len(amounts))]
    people = accounts(**dict.fromkeys(names, "2026-01-01")).assign(**columns)
    sold = phases(*[(name, name, "2026-01-05", None, amount) for name, amount in zip(names, amounts, strict=True)])
    return cs.read_dataset({"accounts": people, "subscriptions": sold}, as_of="2026-03-15")


def rows(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_index("metric")


def test_customers_by_hand() -> None:
    found = rows(cs.revenue_concentration(company([50, 30, 15, 5, 0])))
    assert found.loc["customers_needed", "estimate"] == 2  # 50 + 30 of 100
    assert found.loc["customers_needed_share", "estimate"] == pytest.approx(2 / 5)
    assert found.loc["top_decile_share", "estimate"] == pytest.approx(0.25)  # half of the largest of five
    assert found.loc["largest_customer_share", "estimate"] == pytest.approx(0.5)
    assert found.loc["revenue_herfindahl", "estimate"] == pytest.approx(0.25 + 0.09 + 0.0225 + 0.0025)
    # All pairs: (50 to 30, 15, 5, 0: 150) + (30 to 15, 5, 0: 70) + (15 to 5, 0: 25) + 5 = 250 of 10 pairs, mean 25; over twice the mean amount 20: 25 / 40.
    assert found.loc["revenue_gini", "estimate"] == pytest.approx(0.625)
    assert found["n"].eq(5).all()
    assert found["of_revenue"].isna().tolist() == [False, False, True, True, True, True]
    limits = found.loc["customers_needed", ["conf_low", "conf_high"]]
    assert limits["conf_low"] <= 2 <= limits["conf_high"] <= 5
    assert all(float(limit).is_integer() for limit in limits)


def test_another_share() -> None:
    found = rows(cs.revenue_concentration(company([50, 30, 15, 5]), share=0.96))
    assert found.loc["customers_needed", ["of_revenue", "estimate"]].tolist() == [0.96, 4]


@pytest.mark.slow
@pytest.mark.parametrize("amounts", [[0.0, 0.0], [7.0], [3.0, 3.0, 3.0]])
def test_where_nothing_can_be_said_there_are_no_limits(amounts: list[float]) -> None:
    found = rows(cs.revenue_concentration(company(amounts)))
    assert found[["conf_low", "conf_high"]].drop(index="top_decile_share").isna().all(axis=None)
    assert found["estimate"].isna().all() == (sum(amounts) == 0)
    assert found.loc["customers_needed", "estimate"] == pytest.approx({2: np.nan, 1: 1, 3: 3}[len(amounts)], nan_ok=True)


def test_groups_by_hand() -> None:
    ds = company([50, 30, 15, 5, 0, 0], segment=["x", "y", "y", "z", "z", None])
    found = rows(cs.revenue_concentration(ds, groups="segment"))
    assert found.loc["groups_needed", "estimate"] == 2  # x 50, y 45, z 5
    assert found.loc["groups_in_all", "estimate"] == 4  # and who has none
    assert found.loc["groups_needed", "conf_low"] <= 2 <= found.loc["groups_needed", "conf_high"]
    labels = pd.DataFrame({"account_id": ["c000", "c001", "c002", "c003", "c004"], "persona": ["A", "B", "B", "C", "C"], "margin": 1.0})
    other = rows(cs.revenue_concentration(ds, groups=labels))
    pd.testing.assert_frame_equal(other, found)


@pytest.mark.slow
def test_one_group_is_always_enough() -> None:
    found = rows(cs.revenue_concentration(company([5.0, 1, 1, 1], segment=["x"] * 4), groups="segment"))
    assert found.loc["groups_needed", ["estimate", "conf_low", "conf_high"]].tolist() == [1, 1, 1]
    assert found.loc["groups_needed_by_chance", ["estimate", "conf_low", "conf_high"]].tolist() == [1, 1, 1]
    assert found.loc["groups_needed_chance", "estimate"] == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_five_groups_or_fewer_cannot_need_more_than_five(k: int) -> None:
    rng = np.random.default_rng(k)
    ds = company(np.round(rng.lognormal(3, 1.5, 60), 2).tolist(), segment=[f"p{place % k}" for place in range(60)])
    assert rows(cs.revenue_concentration(ds, groups="segment")).loc["groups_needed", "conf_high"] <= 5
    assert always_true(k)
    assert not always_true(6)
    assert "k <= 5" in TRUE_BY_CONSTRUCTION


@pytest.mark.slow
def test_groups_that_mean_something_need_fewer_than_chance() -> None:
    rng = np.random.default_rng(1)
    labels = [f"p{place % 8}" for place in range(160)]
    amounts = [round(float(rng.lognormal(3, 0.5)) * (30 if label in ("p0", "p1") else 1), 2) for label in labels]
    told = rows(cs.revenue_concentration(company(amounts, segment=labels), groups="segment"))
    assert told.loc["groups_needed", "estimate"] == 2  # two groups of eight have 30 times the amounts: 60 of 66 parts
    assert told.loc["groups_needed_by_chance", "conf_low"] > 2
    assert told.loc["groups_needed_chance", "estimate"] < 0.01
    mixed = rows(cs.revenue_concentration(company(amounts, segment=rng.permutation(labels).tolist()), groups="segment"))
    assert mixed.loc["groups_needed_chance", "estimate"] > 0.05


def test_orders_are_revenue_where_there_are_no_contracts() -> None:
    sold = pd.DataFrame({"account_id": ["a", "a", "b", "c"], "ordered_at": utc(*["2026-02-01"] * 4), "amount": [30.0, 50, 15, 5]})
    sold = sold.assign(order_id=range(4), currency="EUR")
    ds = cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01", c="2026-01-01"), "orders": sold}, as_of="2026-03-31")
    assert rows(cs.revenue_concentration(ds)).loc["customers_needed", "estimate"] == 1
    assert rows(cs.revenue_concentration(ds)).loc["largest_customer_share", "estimate"] == pytest.approx(0.8)


def test_the_curve_by_hand() -> None:
    found = cs.revenue_lorenz(company([50, 30, 15, 5]), points=8)
    # Least first: 5, 20, 50, 100 of 100 at each quarter; halfway between them inside.
    assert found["estimate"].tolist() == pytest.approx([0, 0.025, 0.05, 0.125, 0.2, 0.35, 0.5, 0.75, 1])
    assert found.iloc[[0, -1]][["conf_low", "conf_high"]].isna().all(axis=None)
    inner = found.iloc[1:-1]
    assert ((inner["conf_low"] < inner["estimate"]) & (inner["estimate"] < inner["conf_high"])).all()


@pytest.mark.slow
def test_curve_and_coefficient_agree() -> None:
    ds = company(np.round(np.random.default_rng(9).lognormal(3, 1, 50), 2).tolist())
    curve = cs.revenue_lorenz(ds, points=50)
    area = np.trapezoid(curve["estimate"], curve["population"])
    assert (1 - 2 * area) * 50 / 49 == pytest.approx(rows(cs.revenue_concentration(ds)).loc["revenue_gini", "estimate"])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_and_each_group_its_own() -> None:
    ds = company(np.arange(1.0, 41).tolist(), segment=[f"p{place % 7}" for place in range(40)], region=["n", "s"] * 20)
    first, second = (cs.revenue_concentration(ds, groups="segment", by="region", rng=3) for _ in range(2))
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    assert first["region"].unique().tolist() == ["n", "s"]


@pytest.mark.slow
def test_nobody_pays_yet() -> None:
    ds = company([5.0, 6.0]).at("2026-01-02")
    assert cs.revenue_concentration(ds)["estimate"].isna().all()
    assert cs.revenue_concentration(ds, by="account_id").empty
    assert cs.revenue_lorenz(ds)["estimate"].isna().all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"share": 0}, ParameterError, "share must lie"),
        ({"share": 80}, ParameterError, "share must lie"),
        ({"of": "arr"}, ParameterError, "of must be"),
        ({"groups": "tier"}, MissingColumnsError, "tier"),
        ({"groups": pd.DataFrame({"persona": ["A"]})}, MissingColumnsError, "account_id"),
        ({"groups": pd.DataFrame({"account_id": ["a"]})}, MissingColumnsError, "persona"),
        ({"groups": pd.DataFrame({"account_id": ["a", "a"], "persona": ["A", "B"]})}, ParameterError, "one row an account; 'a'"),
        ({"groups": ["A"]}, ParameterError, "not list"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        cs.revenue_concentration(company([5.0, 6.0]), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("points", [0, 2.5, True])
def test_the_curve_has_points(points: object) -> None:
    with pytest.raises(ParameterError, match="points must be"):
        cs.revenue_lorenz(company([5.0]), points=points)  # type: ignore[arg-type]
