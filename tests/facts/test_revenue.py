"""The proof that movements add up, shown to notice when they do not, and the shape of account movements."""

from __future__ import annotations

import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.data.dataset import engine_of
from cs_analysis.facts.revenue import account_movements, check_movements
from cs_analysis.facts.subscriptions import account_months, phase_months
from helpers import accounts, phases


@pytest.fixture(scope="module")
def ds() -> cs.Dataset:
    sold = phases(("s", "a", "2026-01-10", "2026-02-10", 10), ("s", "a", "2026-02-10", None, 30), ("t", "b", "2026-01-10", "2026-03-01", 5))
    sold = sold.assign(plan=["basic", "pro", None])
    return cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01"), "subscriptions": sold}, as_of="2026-03-15")


def rows(ds: cs.Dataset, by: str | None = None) -> pd.DataFrame:
    table = account_movements(ds, by=by)
    return engine_of(ds).run(table.order_by(["account_id", "period", "movement", "amount"]))


def test_account_movements_have_one_row_an_account_month_and_movement(ds: cs.Dataset) -> None:
    table = rows(ds)
    assert table.columns.tolist() == ["account_id", "period", "finished", "movement", "amount"]
    assert table[["account_id", "movement", "amount"]].values.tolist() == [["a", "new", 10], ["a", "expansion", 20], ["b", "new", 5], ["b", "churn", -5]]
    assert table["period"].dt.month.tolist() == [1, 2, 1, 3]
    assert table["finished"].tolist() == [True, True, True, False]  # the March of the churn is not over


@pytest.mark.slow
def test_amounts_are_exact_decimals(ds: cs.Dataset) -> None:
    assert str(account_movements(ds)["amount"].type()) == "decimal(18, 4)"
    assert str(account_movements(ds, by="plan")["amount"].type()) == "decimal(18, 4)"


def test_a_missing_group_has_its_name(ds: cs.Dataset) -> None:
    table = rows(ds, by="plan")
    assert table.loc[table["account_id"] == "b", "by.plan"].tolist() == ["(missing)", "(missing)"]


def test_account_months_are_the_closing_amounts(ds: cs.Dataset) -> None:
    months = engine_of(ds).run(account_months(ds).order_by(["account_id", "period"]))
    assert months[["account_id", "closing"]].values.tolist() == [["a", 10], ["a", 30], ["a", 30], ["b", 5], ["b", 5]]
    assert months["finished"].tolist() == [True, True, False, True, True]


@pytest.mark.parametrize("by", [None, "plan"])
def test_movements_that_add_up_pass(ds: cs.Dataset, by: str | None) -> None:
    check_movements(ds, account_movements(ds, by=by), phase_months(ds, by=by), by=by)


def test_a_wrong_amount_is_named_with_account_month_and_amounts(ds: cs.Dataset) -> None:
    table = account_movements(ds)
    broken = table.mutate(amount=(table.amount + (table.movement == "expansion").cast("decimal(18, 4)")).cast("decimal(38, 4)").cast("decimal(18, 4)"))
    with pytest.raises(cs.errors.ContractError, match=r"account 'a' in 2026-02 opened with 10\.0, moved by 21\.0 and closed with 30\.0") as caught:
        check_movements(ds, broken, phase_months(ds))
    assert caught.value.violations[["account_id", "opening", "moved", "closing"]].values.tolist() == [["a", 10, 21, 30]]


def test_a_lost_movement_is_noticed_in_its_group(ds: cs.Dataset) -> None:
    table = account_movements(ds, by="plan")
    with pytest.raises(cs.errors.ContractError, match=r"account 'a' in 2026-02 opened with 10\.0, moved by 0\.0 and closed with 0\.0"):
        check_movements(ds, table.filter(table.movement != "transfer"), phase_months(ds, by="plan"), by="plan")


def test_a_movement_too_many_is_noticed(ds: cs.Dataset) -> None:
    table = account_movements(ds)
    with pytest.raises(cs.errors.ContractError, match=r"account 'a' in 2026-01 opened with 0\.0, moved by 20\.0 and closed with 10\.0"):
        check_movements(ds, table.union(table), phase_months(ds))
