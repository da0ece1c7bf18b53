"""Tables of features for personas: which columns, whose rows, who never used the product."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.facts.persona_rows import Choice, chosen, persona_rows, refuse_missing

TABLE = pd.DataFrame(
    {"account_id": ["c", "a", "b"], "at": "2026-01-31", "days": [0, 4, 0], "reports": [0.0, 2.0, np.nan], "mrr": [9, 9, 9], "plan": ["x", "y", "x"]}
)


def test_all_columns_of_numbers_are_features_unless_named() -> None:
    options = {"usage": None, "split": True, "missing": "refuse"}
    assert chosen(TABLE, columns=None, **options).names == ("days", "reports", "mrr")
    assert chosen(TABLE, columns=["mrr"], **options).names == ("mrr",)


def test_usage_is_what_health_features_counts_then_what_is_never_negative() -> None:
    options = {"columns": None, "split": True, "missing": "refuse"}
    assert chosen(TABLE, usage=None, **options).usage == ("days", "reports", "mrr")
    assert chosen(TABLE.assign(trend=-1), usage=None, **options).usage == ("days", "reports", "mrr")
    assert chosen(TABLE.assign(active_days_28=1), usage=None, **options).usage == ("active_days_28",)
    assert chosen(TABLE, usage=["days"], **options).usage == ("days",)
    assert chosen(TABLE, usage=None, **{**options, "split": False}).usage == ()


def test_rows_are_by_account_and_never_used_where_all_known_usage_is_nothing() -> None:
    rows = persona_rows(TABLE, Choice(("days", "reports"), ("days", "reports"), "complete"))
    assert rows.accounts.tolist() == ["a", "b", "c"]
    assert rows.numbers[:, 0].tolist() == [4, 0, 0]
    assert rows.never.tolist() == [False, True, True]
    assert not rows.lacking.any()


def test_an_account_of_whom_nothing_is_known_is_not_one_that_never_used() -> None:
    rows = persona_rows(TABLE, Choice(("mrr",), ("reports",), "complete"))
    assert rows.never.tolist() == [False, False, True]


@pytest.mark.parametrize(("missing", "lacking"), [("refuse", [False, True, False]), ("complete", [False, True, False]), ("median", [False] * 3)])
def test_who_lacks_a_value(missing: str, lacking: list[bool]) -> None:
    assert persona_rows(TABLE, Choice(("reports",), (), missing)).lacking.tolist() == lacking


def test_a_missing_value_is_refused_by_name() -> None:
    choice = Choice(("days", "reports"), (), "refuse")
    with pytest.raises(ParameterError, match=r"1 lack one, the first 'b': reports \(1\)"):
        refuse_missing(persona_rows(TABLE, choice), choice)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (pd.concat([TABLE, TABLE]), "'c' has two"),
        (TABLE.assign(at=["2026-01-31", "2026-02-28", "2026-01-31"]), "of one date"),
        (TABLE.assign(account_id=["a", None, "b"]), "row 1 has none"),
        (TABLE.assign(days=["1", "x", "2"]), "'days' must be made of numbers"),
        (TABLE.assign(days=[1, np.inf, 2]), "account 'a' has an infinite value"),
    ],
)
def test_what_is_no_table_of_accounts_is_refused(table: pd.DataFrame, says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        persona_rows(table.reset_index(drop=True), Choice(("days",), (), "complete"))


def test_an_absent_column_is_named() -> None:
    with pytest.raises(MissingColumnsError, match="Did you mean 'reports'"):
        chosen(TABLE, columns=["report"], usage=None, split=True, missing="refuse")


@pytest.mark.parametrize("columns", [[], ["days", "days"], ["account_id"]])
def test_columns_are_named_once_and_are_no_keys(columns: list[str]) -> None:
    with pytest.raises(ParameterError, match="columns must name at least one"):
        chosen(TABLE, columns=columns, usage=None, split=True, missing="refuse")


def test_something_else_than_a_table_is_refused() -> None:
    with pytest.raises(ParameterError, match="must be a table"):
        chosen([1, 2], columns=None, usage=None, split=True, missing="refuse")
