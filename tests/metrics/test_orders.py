"""Buying histories: by hand, of published data, and of tables of every kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from tests.helpers import accounts, utc

import cs_analysis as cs
from cs_analysis import errors

CDNOW = Path(__file__).parent.parent / "golden" / "cdnow" / "orders.csv.gz"


@pytest.fixture(scope="module")
def cdnow() -> pd.DataFrame:
    """Return the orders of the CDNOW sample."""
    table = pd.read_csv(CDNOW, dtype={"account_id": "str"})
    return table.assign(ordered_at=utc(*table["ordered_on"])).drop(columns="ordered_on")


def test_cdnow_calibration_has_the_published_counts(cdnow: pd.DataFrame) -> None:
    # Fader, Hardie and Lee (2005): 2,357 customers, 39 weeks, 946 of them bought again; the last day is 30 September 1997.
    rfm = cs.rfm_summary(cdnow, as_of="1997-09-30")
    assert (len(rfm), int((rfm["frequency"] == 0).sum())) == (2357, 1411)
    published = pd.read_csv(CDNOW.with_name("calibration.csv"))
    columns = ["frequency", "recency_days", "age_days"]
    pd.testing.assert_frame_equal(rfm[columns], published[columns], check_dtype=False)


def test_the_first_day_is_not_in_the_mean_value() -> None:
    table = pd.DataFrame({"account_id": "a", "ordered_at": utc("2026-01-01", "2026-01-11", "2026-01-11", "2026-01-31"), "amount": [99, 10, 5, 30]})
    (row,) = cs.rfm_summary(table, as_of="2026-03-02").to_dict("records")
    # days: 1, 11 and 31 January; (10 + 5 + 30) / 2 = 22.5; from 1 January to 2 March are 30 + 28 + 2 = 60 days
    assert row == {"account_id": "a", "frequency": 2, "recency_days": 30, "age_days": 60, "mean_value": 22.5}


def test_age_is_zero_on_the_day_of_the_first_purchase_at_whatever_hour() -> None:
    table = pd.DataFrame({"account_id": ["a"], "ordered_at": utc("2026-01-01T23:59Z"), "amount": [1.0]})
    assert cs.rfm_summary(table)["age_days"].tolist() == [0]
    assert cs.rfm_summary(table, as_of="2026-01-02T00:00Z")["age_days"].tolist() == [1]


def test_accounts_without_a_purchase_have_no_row() -> None:
    sold = pd.DataFrame({"order_id": [1, 2], "account_id": ["a", "b"], "ordered_at": utc("2026-01-05", "2026-01-06"), "amount": [5, -5], "currency": "EUR"})
    ds = cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01", c="2026-01-01"), "orders": sold}, as_of="2026-01-31")
    assert cs.rfm_summary(ds)["account_id"].tolist() == ["a"]


@pytest.mark.slow
def test_what_comes_later_changes_nothing() -> None:
    days = ("2026-01-01", "2026-01-05", "2026-01-20")
    table = pd.DataFrame({"account_id": "a", "ordered_at": utc(*days), "amount": [5.0, 7.0, -7.0]})
    early = cs.rfm_summary(table.head(2), as_of="2026-01-10")
    pd.testing.assert_frame_equal(cs.rfm_summary(table, as_of="2026-01-10"), early)
    ds = cs.read_dataset({"accounts": accounts(a="2026-01-01"), "orders": table.assign(order_id=[1, 2, 3], currency="EUR")}, as_of="2026-01-31")
    pd.testing.assert_frame_equal(cs.rfm_summary(ds, as_of="2026-01-10"), early)
    assert cs.rfm_summary(ds)["frequency"].tolist() == [0]  # the refund of the 20th takes the second purchase away


@pytest.mark.parametrize("kind", [pl.from_pandas, lambda table: pl.from_pandas(table).lazy(), lambda table: pl.from_pandas(table).to_arrow()])
def test_tables_of_every_kind_read_alike(kind: object, cdnow: pd.DataFrame) -> None:
    few = cdnow.head(200)
    pd.testing.assert_frame_equal(cs.rfm_summary(kind(few), as_of="1997-09-30"), cs.rfm_summary(few, as_of="1997-09-30"))  # type: ignore[operator]


def test_order_and_index_of_rows_do_not_matter_and_the_table_stays(cdnow: pd.DataFrame) -> None:
    few = cdnow.head(300)
    before = few.copy(deep=True)
    shuffled = few.sample(frac=1, random_state=3).set_axis(np.zeros(300))
    pd.testing.assert_frame_equal(cs.rfm_summary(shuffled, as_of="1998-06-30"), cs.rfm_summary(few, as_of="1998-06-30"))
    pd.testing.assert_frame_equal(few, before)


@pytest.mark.slow
def test_columns_of_by_are_carried() -> None:
    table = pd.DataFrame({"account_id": ["b", "a", "b"], "ordered_at": utc("2026-01-01", "2026-01-02", "2026-01-03"), "amount": 1.0, "shop": ["x", "y", "x"]})
    assert cs.rfm_summary(table, by="shop")[["account_id", "shop", "frequency"]].to_numpy().tolist() == [["a", "y", 0], ["b", "x", 1]]
    people = accounts(a="2026-01-01", b="2026-01-01").assign(segment=["small", None])
    ds = cs.read_dataset({"accounts": people, "orders": table.assign(order_id=[1, 2, 3], currency="EUR")}, as_of="2026-01-31")
    assert cs.rfm_summary(ds, by="segment")["segment"].tolist() == ["small", "(missing)"]


def test_misuse_is_refused_with_the_way_out() -> None:
    table = pd.DataFrame({"account_id": ["a", "a"], "ordered_at": utc("2026-01-01", "2026-01-02"), "amount": 1.0, "shop": ["x", "y"]})
    with pytest.raises(errors.MissingColumnsError, match="'amount'"):
        cs.rfm_summary(table.drop(columns="amount"))
    with pytest.raises(errors.ParameterError, match="does not for 'a'"):
        cs.rfm_summary(table, by="shop")
    with pytest.raises(errors.MissingColumnsError, match="'region'"):
        cs.rfm_summary(table, by="region")
    with pytest.raises(errors.NotEnoughDataError, match="as_of must be given"):
        cs.rfm_summary(table.head(0))
    with pytest.raises(errors.ParameterError, match="not list"):
        cs.rfm_summary([1, 2])
    with pytest.raises(errors.ContractError, match="time zone"):
        cs.rfm_summary(table.assign(ordered_at=table["ordered_at"].dt.tz_localize(None)))
    ds = cs.read_dataset({"accounts": accounts(a="2026-01-01")}, as_of="2026-01-31")
    with pytest.raises(errors.MissingTableError, match="orders"):
        cs.rfm_summary(ds)
    with pytest.raises(errors.ParameterError, match="timezone belongs to a bare table"):
        cs.rfm_summary(ds, timezone="UTC")
