"""Directly standardised shares by hand, and how often their limits contain the truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import NotEnoughDataError
from cs_analysis.stats.intervals import wilson, wilson_limits
from cs_analysis.stats.standardised import standardised_difference, standardised_share


def test_one_stratum_is_wilsons_interval() -> None:
    found = standardised_share(np.array([0.3]), np.array([20.0]), weights=np.array([7]))
    assert np.allclose(found, wilson(6, 20), atol=1e-12)


def test_two_strata_by_hand() -> None:
    found = standardised_share(np.array([0.5, 0.2]), np.array([40.0, 60.0]), weights=np.array([3, 1]))
    # with one success and one failure more: 21/42 = 0.5 and 13/62; weights 0.75 and 0.25
    mean = 0.75 * 0.5 + 0.25 * 13 / 62
    variance = 0.75**2 * 0.25 / 40 + 0.25**2 * (13 / 62) * (49 / 62) / 60
    expected = wilson_limits(np.asarray(0.425), n=np.asarray(mean * (1 - mean) / variance), conf_level=0.95)
    assert np.allclose(found, expected, atol=1e-12)


def test_a_stratum_where_everybody_succeeds_is_not_known_exactly() -> None:
    found = standardised_share(np.array([1.0, 1.0]), np.array([5.0, 5.0]), weights=np.array([1, 1]))
    assert found.estimate == 1
    assert 0.6 < found.conf_low < 0.9


def test_without_a_stratum_there_is_no_share() -> None:
    assert np.isnan(standardised_share(np.array([]), np.array([]), weights=np.array([]))).all()


def test_limits_contain_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(3)
    sizes, shares, weights = np.array([12, 40, 3, 25]), np.array([0.5, 0.6, 0.7, 0.5]), np.array([0.2, 0.3, 0.1, 0.4])
    drawn = rng.binomial(sizes, shares, (4000, 4)) / sizes
    limits = np.array([standardised_share(row, sizes.astype(float), weights=weights)[1:] for row in drawn])
    truth = shares @ weights
    assert 0.93 < np.mean((limits[:, 0] <= truth) & (truth <= limits[:, 1])) < 0.97


def test_the_number_of_a_row_is_that_many_units() -> None:
    rows = [("high", "s", 1.0, 20), ("high", "s", 9.0, 20), ("low", "s", 1.0, 10), ("low", "s", 9.0, 30), ("high", "l", 1.0, 30), ("low", "l", 1.0, 10)]
    table = pd.DataFrame(rows, columns=["touch", "size", "duration_days", "count"]).assign(observed=True)
    singly = table.loc[table.index.repeat(table["count"])].drop(columns="count").sample(frac=1, random_state=1)
    options = {"strata": ["size"], "horizon": "5d"}
    pd.testing.assert_frame_equal(standardised_difference(table, "touch", **options), standardised_difference(singly, "touch", **options))


def test_censored_units_count_as_far_as_they_were_seen() -> None:
    # 1 ends after 2 days, 1 is watched for 3 days, 2 for 5: 1 - 3/4; the other side: 1 of 2
    high = pd.DataFrame({"touch": "high", "duration_days": [2.0, 3.0, 5.0, 5.0], "observed": [True, False, False, False]})
    low = pd.DataFrame({"touch": "low", "duration_days": [2.0, 5.0], "observed": [True, False]})
    found = standardised_difference(pd.concat([high, low], ignore_index=True), "touch", horizon="5d").iloc[0]
    assert found["estimate"] == pytest.approx(0.25 - 0.5, abs=1e-12)


def test_a_comparison_needs_two_groups() -> None:
    with pytest.raises(NotEnoughDataError, match="two groups"):
        standardised_difference(pd.DataFrame({"touch": ["a"], "duration_days": [1.0], "observed": [True]}), "touch", horizon="5d")
