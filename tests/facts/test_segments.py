"""How recently, how often and for how much: by hand; and the map of segments."""

from __future__ import annotations

import pandas as pd
import pytest
from tests.helpers import accounts, events, phases, utc

import cs_analysis as cs
from cs_analysis.errors import ParameterError
from cs_analysis.facts.segments import SEGMENTS, amounts_paid, basis_of, buyers, cells_of, users_of_product

PUBLISHED = {  # the ranges of recency, and of frequency and money, that Putler prints; scores of 0 left out
    "champion": ((4, 5), (4, 5)),
    "loyal": ((2, 5), (3, 5)),
    "potential loyalist": ((3, 5), (1, 3)),
    "new": ((4, 5), (1, 1)),
    "promising": ((3, 4), (1, 1)),
    "needs attention": ((2, 3), (2, 3)),
    "about to sleep": ((2, 3), (1, 2)),
    "at risk": ((1, 2), (2, 5)),
    "cannot lose": ((1, 1), (4, 5)),
    "hibernating": ((1, 2), (1, 2)),
    "lost": ((1, 2), (1, 2)),
}


def orders(*rows: tuple[str, str, float]) -> pd.DataFrame:
    """Return orders in EUR from (account_id, ordered_at, amount)."""
    frame = pd.DataFrame(rows, columns=["account_id", "ordered_at", "amount"])
    return frame.assign(ordered_at=utc(*frame["ordered_at"]), order_id=range(len(frame)), currency="EUR")


def test_each_cell_lies_in_the_published_range_of_its_segment() -> None:
    assert list(SEGMENTS) == list(PUBLISHED)
    assert len(cells_of(None, 5)) == 25
    for name, cells in SEGMENTS.items():
        (first, last), (least, most) = PUBLISHED[name]
        assert cells
        assert all(first <= recency <= last and least <= second <= most for recency, second in cells)


@pytest.mark.parametrize(
    ("segments", "bins", "message"),
    [
        (None, 4, "for scores 1 to 5"),
        ({"a": [(1, 1), (1, 2), (2, 1)]}, 2, r"\(2, 2\) is in no segment"),
        ({"a": [(1, 1), (1, 2), (2, 1), (2, 2)], "b": [(1, 1)]}, 2, r"\(1, 1\) is in 'a' and in 'b'"),
        ({"a": [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1)]}, 2, r"\(3, 1\) is no cell"),
    ],
)
def test_a_map_shares_out_all_cells(segments: dict[str, tuple[tuple[int, int], ...]] | None, bins: int, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        cells_of(segments, bins)


def test_buyers_by_hand() -> None:
    # a: 10 and 5 on one day, 20 on another, 8 of it refunded. b: all refunded. c: never. d: knows nobody yet.
    sold = orders(
        ("a", "2026-03-01T09:00Z", 10),
        ("a", "2026-03-01T10:00Z", 5),
        ("a", "2026-03-11T10:00Z", 20),
        ("a", "2026-03-20T10:00Z", -8),
        ("b", "2026-03-02T10:00Z", 30),
        ("b", "2026-03-03T10:00Z", -30),
    )
    ds = cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01", c="2026-01-01", d="2026-06-01"), "orders": sold}, as_of="2026-03-31")
    table = buyers(ds).set_index("account_id")
    assert table.index.tolist() == ["a", "b", "c"]
    assert table.loc["a", ["recency_days", "frequency", "monetary"]].tolist() == [20, 2, 27.0]  # 31 - 11; 10 + 5 + 20 - 8
    assert table.loc[["b", "c"]].isna().all(axis=None)


def test_users_of_the_product_by_hand() -> None:
    # as of 31 March: the last 90 days begin on 1 January 2026 (31 + 28 + 31 = 90). a: 2 of its days lie in them. b: used once, before. c: never. d has left.
    used = events(
        ("2025-12-31T12:00Z", "a", "u", "login"),
        ("2026-01-01T00:00Z", "a", "u", "login"),
        ("2026-03-30T08:00Z", "a", "u", "login"),
        ("2026-03-30T09:00Z", "a", "v", "login"),
        ("2025-12-31T23:00Z", "b", "w", "login"),
        ("2026-03-01T23:00Z", "d", "x", "login"),
    )
    sold = phases(
        ("1", "a", "2025-11-01", None, 50), ("2", "b", "2025-11-01", None, 0), ("3", "c", "2025-11-01", None, 70), ("4", "d", "2025-11-01", "2026-03-15", 9)
    )
    people = accounts(a="2025-11-01", b="2025-11-01", c="2025-11-01", d="2025-11-01")
    ds = cs.read_dataset({"accounts": people, "subscriptions": sold, "events": used}, as_of="2026-03-31")
    table = users_of_product(ds).set_index("account_id")[["recency_days", "frequency", "monetary"]]
    assert table.index.tolist() == ["a", "b", "c"]
    assert table.loc["a"].tolist() == [1, 2, 50.0]
    assert table.loc["b"].tolist() == [90, 0, 0.0]
    assert table.loc["c"].isna().tolist() == [True, True, False]


def test_amounts_are_in_one_currency() -> None:
    sold = phases(("1", "a", "2026-01-01", None, 100), ("2", "b", "2026-01-01", None, 100)).assign(currency=["EUR", "USD"])
    rates = pd.DataFrame({"month": ["2026-01-01", "2026-02-01", "2026-03-01"], "currency": "USD", "rate": [0.9, 0.9, 0.8]})
    tables = {"accounts": accounts(a="2026-01-01", b="2026-01-01"), "subscriptions": sold, "rates": rates}
    ds = cs.read_dataset(tables, as_of="2026-03-15", currency="EUR")
    assert amounts_paid(ds, None)["amount"].tolist() == [100.0, 80.0]
    assert amounts_paid(ds.at("2026-02-15"), "mrr")["amount"].tolist() == [100.0, 90.0]


def test_what_to_look_at_follows_the_tables() -> None:
    people = accounts(a="2026-01-01")
    sold, used = orders(("a", "2026-03-01T09:00Z", 10)), events(("2026-03-01T09:00Z", "a", "u", "login"))
    shop = cs.read_dataset({"accounts": people, "orders": sold, "events": used}, as_of="2026-03-31")
    assert basis_of(shop, None) == "orders"
    assert basis_of(shop, "usage") == "usage"
    assert amounts_paid(shop, None)["amount"].tolist() == [10.0]
    assert basis_of(cs.read_dataset({"accounts": people, "events": used}, as_of="2026-03-31"), None) == "usage"
    with pytest.raises(ParameterError, match="of must be"):
        basis_of(shop, "visits")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="of must be"):
        amounts_paid(shop, "arr")  # type: ignore[arg-type]
