"""Rows of a durations table as a Cox regression reads them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import ParameterError
from cs_analysis.stats.cox.design import read_design

TABLE = pd.DataFrame(
    {
        "enter_days": [0, 1.5, 0],
        "duration_days": [2.0, 3, 4],
        "observed": [True, False, True],
        "seats": [5, 6, 7],
        "region": ["s", None, "n"],
        "account": ["b", "a", "b"],
        "weight": [1, 0.5, 2],
    }
)


def test_times_are_steps_and_codes_begin_at_zero() -> None:
    data = read_design(TABLE, ["seats"], strata="region", cluster="account", weights="weight", ties="breslow").data
    assert data.enter.tolist() == [0, 1_500_000_000, 0]
    assert data.leave.tolist() == [2 * 10**9, 3 * 10**9, 4 * 10**9]
    assert data.stratum.tolist() == [1, 2, 0]
    assert data.cluster is not None
    assert data.cluster.tolist() == [0, 1, 0]
    assert data.weights.tolist() == [1, 0.5, 2]
    assert (data.terms, data.ties) == (("seats",), "breslow")


def test_what_is_not_given_is_nothing() -> None:
    data = read_design(TABLE.drop(columns="enter_days"), ["seats"]).data
    assert data.enter.tolist() == [0, 0, 0]
    assert data.weights.tolist() == [1, 1, 1]
    assert data.stratum.tolist() == [0, 0, 0]
    assert data.cluster is None


def test_counts_repeat_rows() -> None:
    data = read_design(TABLE.assign(count=[2, 1, 3]), ["seats"], cluster="account").data
    assert data.x.ravel().tolist() == [5, 5, 6, 7, 7, 7]
    assert data.cluster is not None
    assert data.cluster.tolist() == [0, 0, 1, 0, 0, 0]


def test_strata_of_other_tables() -> None:
    design = read_design(TABLE, ["seats"], strata=["region"])
    assert design.stratum_of(TABLE.iloc[::-1]).tolist() == [0, 2, 1]
    assert design.stratum_of(TABLE.astype({"region": "category"})).tolist() == [1, 2, 0]
    two = read_design(TABLE.assign(year=[2024, 2025, 2024]), ["seats"], strata=["region", "year"])
    assert two.stratum_of(pd.DataFrame({"year": [2025, 2024], "region": [None, "n"]})).tolist() == [2, 0]
    with pytest.raises(ParameterError, match="row 0 has region 'n', year '2024'"):
        two.stratum_of(pd.DataFrame({"year": ["2024"], "region": ["n"]}))
    with pytest.raises(ParameterError, match="row 1 has region 'west'"):
        design.stratum_of(pd.DataFrame({"region": ["n", "west"]}))


def test_rows_at_numbers() -> None:
    data = read_design(TABLE, ["seats"], cluster="account").data.at(np.array([2, 0]))
    assert data.x.ravel().tolist() == [7, 5]
    assert data.leave.tolist() == [4 * 10**9, 2 * 10**9]
    assert data.observed.tolist() == [True, True]


def test_broken_rows_are_refused_as_everywhere() -> None:
    with pytest.raises(ParameterError, match="enter_days must be 0 or a number of days below duration_days"):
        read_design(TABLE.assign(enter_days=5), ["seats"])
