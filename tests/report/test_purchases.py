"""What a page says of orders: in words, in tables, in figures; and why it says nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from tests.helpers import accounts, phases, utc

import cs_analysis as cs
from cs_analysis import errors
from cs_analysis.report.purchases import Purchases, purchases, relationship_sentence
from cs_analysis.show.style import SMALL_N


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def shop(demo: Path) -> Purchases:
    return purchases(cs.read_dataset(demo, as_of="2026-10-31"))


def orders(*rows: tuple[str, str]) -> pd.DataFrame:
    """Return orders of 5 euro from (account_id, ordered_at)."""
    frame = pd.DataFrame(rows, columns=["account_id", "ordered_at"])
    return frame.assign(ordered_at=utc(*frame["ordered_at"]), order_id=range(len(frame)), amount=5.0, currency="EUR")


@pytest.mark.slow
def test_the_verdict_says_how_the_model_did(shop: Purchases) -> None:
    total = shop.holdout[shop.holdout["part"] == "total"]
    came = total.loc[total["metric"] == "purchases_actual", "estimate"].iloc[0]
    count = total[total["metric"] == "purchases"].iloc[0]
    assert f"predicted {count['estimate']:,.0f} purchases" in shop.verdict
    assert f"and {came:,.0f} came, inside that range" in shop.verdict  # 132 came, 71 to 161 may


@pytest.mark.slow
def test_compared_draws_each_group_once_and_few_customers_hollow(shop: Purchases) -> None:
    rows = shop.compared("frequency")
    predicted = rows[rows["metric"] == "purchases"]
    ax = shop.draw_compared("frequency")
    assert [text.get_text() for text in ax.get_xticklabels()] == predicted["level"].tolist()
    points = [line for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_allclose([line.get_ydata()[0] for line in points], predicted["estimate"] / predicted["n"])
    assert [line.get_markerfacecolor() == "white" for line in points] == (predicted["n"] < SMALL_N).tolist()
    came = next(line for line in ax.lines if line.get_marker() == "D")
    actual = rows[rows["metric"] == "purchases_actual"]
    np.testing.assert_allclose(came.get_ydata(), actual["estimate"] / actual["n"])


def test_tracking_has_a_line_where_the_time_held_out_begins(shop: Purchases) -> None:
    ax = shop.draw_tracking(language="de")
    actual, expected, cut = ax.lines
    assert actual.get_ydata()[-1] == shop.tracking.loc[shop.tracking["metric"] == "purchase_tracking", "estimate"].iloc[-1]
    assert len(expected.get_xdata()) == len(actual.get_xdata())
    assert set(shop.tracking.loc[shop.tracking["time_days"] > cut.get_xdata()[0], "part"]) == {"holdout"}
    assert "Erwartete Käufe" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_chances_are_bars_of_all_customers(shop: Purchases) -> None:
    heights = [bar.get_height() for bar in shop.draw_chances().patches]
    assert sum(heights) == shop.alive["n"].iloc[0]
    assert len(heights) == 5


def test_the_largest_come_first(shop: Purchases) -> None:
    top = shop.largest(3)
    assert top["account_id"].tolist() == shop.customers["account_id"].head(3).tolist()
    assert top["unit"].tolist() == ["EUR"] * 3


def test_bills_have_no_model_and_say_so() -> None:
    names = [f"a{number:02d}" for number in range(12)]
    bills = orders(*[(name, f"2026-{month:02d}-05T10:00Z") for name in names for month in range(1, 9)])
    shop = purchases(cs.read_dataset({"accounts": accounts(**dict.fromkeys(names, "2026-01-01")), "orders": bills}, as_of="2026-09-30"))
    assert "look like bills of a contract" in shop.verdict
    for draw in (shop.draw_chances, shop.draw_tracking, shop.largest, shop.total):
        with pytest.raises(errors.NotEnoughDataError, match="look like bills"):
            draw()


@pytest.mark.slow
def test_too_few_orders_have_no_model_and_say_so() -> None:
    shop = purchases(cs.read_dataset({"accounts": accounts(a="2026-01-01"), "orders": orders(("a", "2026-01-05T10:00Z"))}, as_of="2026-09-30"))
    assert shop.verdict.startswith("There is no model of the orders:")
    assert shop.customers is None


@pytest.mark.slow
def test_the_relationship_is_said_in_words() -> None:
    people, sold = accounts(a="2026-01-01"), phases(("s", "a", "2026-01-01", None, 10.0))
    bought = orders(("a", "2026-01-05T10:00Z"))
    tables = {"accounts": people, "subscriptions": sold, "orders": bought}
    said = [
        relationship_sentence(cs.read_dataset({"accounts": people, **{name: tables[name] for name in names}}, as_of="2026-03-31"))
        for names in (["subscriptions", "orders"], ["subscriptions"], ["orders"], [])
    ]
    assert "valued apart, never added" in said[0]
    assert "part on orders is left out" in said[1]
    assert "part on contracts is left out" in said[2]
    assert "neither" in said[3]
