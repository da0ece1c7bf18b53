import pandas as pd
import pytest

import cs_analysis as cs
from helpers import accounts, phases, utc


def company(**columns: object) -> cs.Dataset:
    people = accounts(a="2026-01-01", b="2026-01-01").assign(**columns)
    sold = phases(("s", "a", "2026-01-01", None, 10), ("t", "b", "2026-01-01", None, 20), plan=["old", "new"])
    return cs.read_dataset({"accounts": people, "subscriptions": sold}, as_of="2026-01-31")


def groups(table: pd.DataFrame, by: str) -> dict[object, float]:
    return dict(zip(table[by], table["estimate"], strict=True))


@pytest.mark.slow
def test_a_column_of_the_table_itself_comes_before_that_of_the_account() -> None:
    assert groups(cs.mrr(company(plan="as exported"), by="plan"), "plan") == {"old": 10, "new": 20}


def test_a_missing_group_is_shown_not_dropped() -> None:
    assert groups(cs.mrr(company(segment=["x", None]), by="segment"), "segment") == {"x": 10, "(missing)": 20}


@pytest.mark.slow
@pytest.mark.parametrize("column", ["amount", "ends_at", "spell", "closing"])
def test_a_company_may_call_its_column_as_the_engine_calls_one(column: str) -> None:
    ds = company(**{column: ["x", "y"]})
    assert groups(cs.mrr(ds, by=column), column) == {"x": 10, "y": 20}
    assert set(cs.logo_churn_rate(ds, by=column)[column]) == {"x", "y"}


def test_even_the_account_itself_can_be_the_group() -> None:
    assert groups(cs.mrr(company(), by="account_id"), "account_id") == {"a": 10, "b": 20}


def test_two_columns_at_once() -> None:
    table = cs.mrr(company(segment=["x", "y"]), by=["segment", "plan"])
    assert table[["segment", "plan", "estimate"]].values.tolist() == [["x", "old", 10], ["y", "new", 20]]


@pytest.mark.slow
@pytest.mark.parametrize(("by", "message"), [("period", "may not be called 'period'"), ("n", "may not be called 'n'"), (["plan", "plan"], "different names")])
def test_a_name_the_result_needs_itself_is_refused(by: object, message: str) -> None:
    with pytest.raises(cs.errors.ParameterError, match=message):
        cs.mrr(company(period=["x", "y"], n=["x", "y"]), by=by)


def test_an_account_not_known_yet_is_in_no_group() -> None:
    people = accounts(a="2026-01-01", z="2026-06-01").assign(segment=["x", "y"])
    used = pd.DataFrame({"event_at": utc("2026-01-05", "2026-01-05"), "account_id": ["a", "z"], "user_id": ["u", "v"], "event": "login"})
    ds = cs.read_dataset({"accounts": people, "events": used}, as_of="2026-01-31")
    assert set(cs.active_users(ds, by="segment")["segment"]) == {"x"}


@pytest.mark.slow
def test_a_billing_period_of_the_companys_own_does_not_reach_the_calendar() -> None:
    sold = phases(("s", "a", "2025-12-01", None, 10), period=["monthly"], ends_at=["x"], finished=["y"])
    ds = cs.read_dataset({"accounts": accounts(a="2025-12-01"), "subscriptions": sold}, as_of="2026-01-31")
    assert cs.mrr(ds)["period"].tolist() == [pd.Timestamp("2025-12-01"), pd.Timestamp("2026-01-01")]
    assert cs.mrr(ds, by="ends_at")["ends_at"].tolist() == ["x", "x"]


def test_no_result_has_a_column_twice() -> None:
    with pytest.raises(cs.errors.ParameterError, match="may not be called 'n'"):
        cs.customer_survival(company(n=["x", "y"]), by="n")


@pytest.mark.parametrize("by", [5, [5], [["plan"]]])
def test_by_of_another_kind_is_refused(by: object) -> None:
    with pytest.raises(cs.errors.ParameterError, match="by must be"):
        cs.mrr(company(), by=by)  # type: ignore[arg-type]
