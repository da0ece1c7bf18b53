import pandas as pd
import pytest

from cs_analysis.errors import ParameterError
from cs_analysis.stats.estimates import COLUMNS, check_conf_level, estimates, key_columns, stack


def test_keys_come_first_and_the_rest_has_one_order_and_type() -> None:
    table = estimates({"plan": ["x", "y"]}, metric="mrr", unit="EUR", estimate=[1, 2], n=[3, 4])
    assert tuple(table.columns) == ("plan", *COLUMNS)
    assert table.dtypes[["estimate", "conf_low", "conf_high", "n"]].astype(str).tolist() == ["float64", "float64", "float64", "int64"]
    assert table[["conf_low", "conf_high"]].isna().all(axis=None)
    assert key_columns(table) == ["plan"]


@pytest.mark.parametrize("unit", ["euro", "eur", "EU", "percent", ""])
def test_a_unit_is_known_or_a_currency(unit: str) -> None:
    with pytest.raises(ParameterError, match=f"not '{unit}'"):
        estimates({}, metric="m", unit=unit, estimate=1.0, n=1)


@pytest.mark.parametrize("key", ["n", "estimate", "metric"])
def test_a_key_may_not_bear_the_name_of_a_result_column(key: str) -> None:
    with pytest.raises(ParameterError, match=f"may not be called '{key}'"):
        estimates({key: ["x"]}, metric="m", unit="count", estimate=[1.0], n=[1])


def test_stacked_tables_keep_all_keys_in_front() -> None:
    one = estimates({"plan": ["x"]}, metric="a", unit="count", estimate=[1.0], n=[1])
    two = estimates({"region": ["y"]}, metric="b", unit="count", estimate=[2.0], n=[2])
    both = stack([one, two])
    assert tuple(both.columns) == ("plan", "region", *COLUMNS)
    assert pd.isna(both.loc[1, "plan"])
    assert both["n"].tolist() == [1, 2]


def test_stacking_only_empty_tables_keeps_the_columns() -> None:
    empty = estimates({"plan": ["x"]}, metric="a", unit="count", estimate=[1.0], n=[1]).iloc[:0]
    assert tuple(stack([empty, empty]).columns) == ("plan", *COLUMNS)


@pytest.mark.parametrize("level", [0, 1, 95, -0.5])
def test_a_level_lies_strictly_between_0_and_1(level: float) -> None:
    with pytest.raises(ParameterError, match=f"not {level}"):
        check_conf_level(level)
