"""Median times against R and by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from cs_analysis.stats.medians import median_time

Reader = Callable[[str], pd.DataFrame]


@pytest.mark.parametrize(
    ("case", "data", "by"),
    [
        ("lung", "lung", None),
        ("lung_by_sex", "lung", "sex"),
        ("heart", "heart", None),
        ("heart_by_transplant", "heart", "transplant"),
        ("veteran_by_celltype", "veteran", "celltype"),
        ("veteran_grouped_by_trt", "veteran_grouped", "trt"),
    ],
)
def test_equals_r(golden: Reader, case: str, data: str, by: str | None) -> None:
    expected = golden("survival/medians.csv").query("case == @case")
    table = golden(f"survival/{data}.csv")
    found = median_time(table, by)
    columns = ["estimate", "conf_low", "conf_high"]
    np.testing.assert_allclose(found[columns], expected[columns], rtol=0, atol=1e-9)
    units = table["count"] if "count" in table else pd.Series(1, index=table.index)
    assert found["n"].sum() == units.sum()


@pytest.mark.parametrize(
    ("times", "observed", "median"),
    [
        ([1, 2, 3, 4], [1, 1, 1, 1], 2.5),  # at one half from 2 to 3
        ([1, 2, 3, 4], [1, 1, 0, 1], 3.0),  # at one half from 2 to 4, a censoring between
        ([1, 2, 3, 4], [1, 1, 0, 0], 3.0),  # at one half from 2 to the end of follow-up
        ([1, 2, 3], [1, 1, 1], 2.0),  # 2/3, 1/3
        ([1, 2, 5], [1, 0, 0], np.nan),  # never below 2/3
        ([1, 1, 1], [1, 1, 1], 1.0),
        ([4, 5], [0, 0], np.nan),
    ],
)
def test_by_hand(times: list[float], observed: list[int], median: float) -> None:
    found = median_time(pd.DataFrame({"duration_days": times, "observed": observed})).iloc[0]
    np.testing.assert_equal(found["estimate"], median)
    assert (found["metric"], found["unit"], found["n"]) == ("median_time", "days", len(times))


def test_a_group_that_never_gets_there_stands_beside_one_that_does() -> None:
    table = pd.DataFrame({"duration_days": [1, 2, 3, 9], "observed": [True, True, True, False], "plan": ["a", "a", "a", "b"]})
    found = median_time(table, "plan")
    assert found["plan"].tolist() == ["a", "b"]
    np.testing.assert_equal(found["estimate"].to_numpy(), [2, np.nan])
