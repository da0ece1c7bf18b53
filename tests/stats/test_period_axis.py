"""Labels of successive periods: what follows, where a label lies, and what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.period_axis import PeriodAxis, read_counts


def read(periods: Any, counts: Any = (1, 2, 3)) -> tuple[PeriodAxis, np.ndarray]:
    return read_counts(pd.DataFrame({"period": periods, "count": counts}), "count", at_least=3)


@pytest.mark.parametrize(
    ("periods", "step", "unit", "following", "preceding"),
    [
        ([2001, 2002, 2003], 1, "number", 2004, 2000),
        ([2000, 2005, 2010], 5, "number", 2015, 1995),
        (["2026-01-01", "2026-02-01", "2026-03-01"], 1, "months", "2026-04-01", "2025-12-01"),
        (["2026-01-01", "2026-04-01", "2026-07-01"], 3, "months", "2026-10-01", "2025-10-01"),
        (["2024-02-28", "2024-02-29", "2024-03-01"], 1, "days", "2024-03-02", "2024-02-27"),
        (["2026-01-05", "2026-01-12", "2026-01-19"], 7, "days", "2026-01-26", "2025-12-29"),
    ],
)
def test_steps_and_labels(periods: list[Any], step: int, unit: str, following: Any, preceding: Any) -> None:
    axis, counts = read(periods)
    assert (axis.step, axis.unit) == (step, unit)
    expected = [following, preceding] if unit == "number" else [pd.Timestamp(following), pd.Timestamp(preceding)]
    assert [axis.label(3), axis.label(-1)] == expected
    assert axis.position(axis.label(7)) == 7
    assert counts.tolist() == [1, 2, 3]


def test_rows_are_put_in_order() -> None:
    axis, counts = read([2003, 2001, 2002])
    assert axis.first == 2001
    assert counts.tolist() == [2, 3, 1]


def test_days_are_days_of_the_wall_clock() -> None:
    """29 March 2026 has 23 hours in Berlin."""
    axis, _ = read(pd.date_range("2026-03-28", periods=3, freq="D", tz="Europe/Berlin"))
    assert axis.step == 1
    assert axis.label(3) == pd.Timestamp("2026-03-31", tz="Europe/Berlin")


def test_exact_decimals_are_numbers() -> None:
    assert read([1, 2, 3], [Decimal("1.5"), 2, 3])[1].tolist() == [1.5, 2, 3]


@pytest.mark.parametrize("label", [2000, 2001.5, "2002", None])
def test_no_position(label: Any) -> None:
    with pytest.raises(ParameterError, match="is no period"):
        read([2001, 2002, 2003])[0].position(label)


def test_month_ends_are_refused() -> None:
    with pytest.raises(ParameterError, match="label periods by their first day"):
        read(["2026-01-31", "2026-02-28", "2026-03-31"])


@pytest.mark.parametrize("count", [True, "3", -1, np.nan, np.inf])
def test_counts_are_numbers_from_0(count: Any) -> None:
    with pytest.raises(ParameterError, match=r"row 2 \(period 2\) holds"):
        read([1, 2, 3], pd.Series([1, count, 3], dtype=object))


def test_too_few_or_nothing() -> None:
    with pytest.raises(NotEnoughDataError, match="at least 3 periods; the table has 2"):
        read([1, 2], [1, 2])
    with pytest.raises(NotEnoughDataError, match="count is 0 in every period"):
        read([1, 2, 3], [0, 0, 0])
