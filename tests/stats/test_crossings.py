"""When a curve gets to a height, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import ParameterError
from cs_analysis.stats.competing import cumulative_incidence
from cs_analysis.stats.crossings import first_times
from cs_analysis.stats.estimates import estimates
from cs_analysis.stats.medians import median_time

CURVE = estimates(
    {"time_days": [1.0, 2.0, 4.0, 7.0]},
    metric="cumulative_incidence",
    unit="share",
    estimate=[0.1, 0.3, 0.5, 0.6],
    conf_low=[0.02, 0.15, 0.3, 0.4],
    conf_high=[0.3, 0.5, 0.7, 0.8],
    n=[10, 9, 7, 5],
)


@pytest.mark.parametrize(("height", "expected"), [(0.3, (2, 1, 4)), (0.5, (4, 2, np.nan)), (0.55, (7, 4, np.nan)), (0.9, (np.nan, np.nan, np.nan))])
def test_times_are_the_first_at_which_curve_and_limits_are_there(height: float, expected: tuple[float, ...]) -> None:
    found = first_times(CURVE, heights=[height]).iloc[0]
    np.testing.assert_equal(found[["estimate", "conf_low", "conf_high"]].astype(float).to_numpy(), np.array(expected, dtype=float))
    assert found["n"] == 10


def test_a_group_without_a_row_in_the_curve_keeps_its_place() -> None:
    groups = pd.DataFrame({"touch": ["high", "low"], "n": [3, 12]})
    found = first_times(CURVE.assign(touch="low"), ["touch"], heights=[0.3, 0.5], groups=groups)
    assert found[["touch", "quantile", "n"]].values.tolist() == [["high", 0.3, 3], ["low", 0.3, 12], ["high", 0.5, 3], ["low", 0.5, 12]]
    assert found["estimate"].fillna(-1).tolist() == [-1, 2, -1, 4]


def test_a_group_that_is_missing_is_a_group() -> None:
    found = first_times(CURVE.assign(size=np.nan), ["size"], heights=[0.3], groups=pd.DataFrame({"size": [1.0, np.nan], "n": [1, 2]}))
    assert found["estimate"].fillna(-1).tolist() == [-1, 2]


def test_at_the_top_the_upper_limit_is_the_curve() -> None:
    whole = CURVE.assign(estimate=[0.1, 0.3, 0.5, 1.0], conf_low=[0.02, 0.15, 0.3, np.nan], conf_high=[0.3, 0.5, 0.7, np.nan])
    assert first_times(whole, heights=[0.9]).iloc[0][["estimate", "conf_low"]].tolist() == [7, 7]


def test_with_one_way_to_end_the_median_is_that_of_the_survival_curve() -> None:
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"duration_days": rng.exponential(10, 81).round(3), "observed": rng.random(81) < 0.8, "ended_by": "value"})
    found = first_times(cumulative_incidence(table), heights=[0.5]).iloc[0]
    assert found["estimate"] == median_time(table)["estimate"].iloc[0]


@pytest.mark.parametrize("heights", [[], [0.0], [1.0], [0.5, 1.2], [np.nan]])
def test_heights_lie_between_0_and_1(heights: list[float]) -> None:
    with pytest.raises(ParameterError, match="between 0 and 1"):
        first_times(CURVE, heights=heights)
