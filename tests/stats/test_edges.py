"""Curves, medians, restricted means, tests and incidences at their edges, against R: `tests/golden/survival/edges.R` says which edges."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from cs_analysis.stats.comparison import logrank_test
from cs_analysis.stats.competing import cumulative_incidence
from cs_analysis.stats.medians import median_time
from cs_analysis.stats.restricted_mean import restricted_mean_time
from cs_analysis.stats.survival import survival_curve

Reader = Callable[[str], pd.DataFrame]
Z = 1.959963984540054
CASES = ["lung_months", "colon_counts", "ovarian", "myeloma_quarters", "stanford", "pbc_years", "mgus2_late", "shapes"]

each_case = pytest.mark.parametrize("case", CASES)
pytestmark = pytest.mark.filterwarnings("ignore:all units at risk")


@pytest.fixture
def edges(golden: Reader) -> Callable[[str, str], pd.DataFrame]:
    """Return a reader of one case of a golden table, its groups as text."""

    def read(table: str, case: str) -> pd.DataFrame:
        found = golden(f"survival/{table}.csv").query("case == @case").reset_index(drop=True)
        return found.astype({"group": str}) if "group" in found else found

    return read


def close(actual: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Compare all numbers of the expected table relative to their size, and the groups."""
    numbers = [name for name in expected.columns if pd.api.types.is_numeric_dtype(expected[name])]
    if "group" in actual:
        assert actual["group"].tolist() == expected["group"].tolist()
    np.testing.assert_allclose(actual[numbers].to_numpy(float), expected[numbers].to_numpy(float), rtol=1e-9, atol=1e-12)


@each_case
def test_curves(edges: Callable[[str, str], pd.DataFrame], case: str) -> None:
    close(survival_curve(edges("edges", case), "group"), edges("edges_curves", case))


@each_case
def test_medians(edges: Callable[[str, str], pd.DataFrame], case: str) -> None:
    close(median_time(edges("edges", case), "group"), edges("edges_medians", case))


@each_case
def test_restricted_means(edges: Callable[[str, str], pd.DataFrame], case: str) -> None:
    table, compared = edges("edges", case), 0
    for row in edges("edges_means", case).itertuples():
        found = restricted_mean_time(table[table["group"] == row.group], horizon=pd.Timedelta(row.horizon_days, "D"), conf_level=0.001).iloc[0]
        assert found["estimate"] == pytest.approx(row.estimate, rel=1e-9)
        if row.std_error > 0:
            narrow = (found["conf_high"] - found["conf_low"]) / 2 / 0.0012533144654325565  # z of 0.1 %, so that no limit is cut at the horizon
            assert narrow == pytest.approx(row.std_error, rel=1e-9)
        compared += 1
    assert compared


def test_logrank(golden: Reader, edges: Callable[[str, str], pd.DataFrame]) -> None:
    expected = golden("survival/edges_logrank.csv")
    assert len(expected) == 9
    for row in expected.itertuples():
        found = logrank_test(edges("edges", row.case), "group", None if pd.isna(row.strata) else row.strata).iloc[0]
        assert (found["statistic"], found["df"]) == (pytest.approx(row.statistic, rel=1e-9), row.df)


@pytest.mark.parametrize("case", ["pbc_years", "mgus2_late"])
def test_incidences_and_their_variances(edges: Callable[[str, str], pd.DataFrame], case: str) -> None:
    found = cumulative_incidence(edges("edges", case), "group")
    logged = np.log(found["estimate"])
    spread = np.log(np.log(found["conf_low"]) / logged) / Z  # of log(-log F); times F |log F| that of F
    close(found.assign(std_error=-spread * found["estimate"] * logged), edges("edges_incidence", case))
