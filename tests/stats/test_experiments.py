"""Differences between groups that chance made: by hand, against R, and under fire by simulation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.experiments import anytime, group_difference, ratio_mismatch, share_ratio, two_sided_p, verdict
from cs_analysis.stats.intervals import Interval, newcombe_difference, wilson

GOLDEN = Path(__file__).parents[1] / "golden" / "experiments"
HALF = np.array([True, False])


@pytest.fixture(scope="module")
def expected() -> pd.Series:
    return pd.read_csv(GOLDEN / "expected.csv").set_index("figure")["value"]


def test_welch_of_r(expected: pd.Series) -> None:
    sleep = pd.read_csv(GOLDEN / "sleep.csv")
    found = group_difference(sleep["extra"].to_numpy(), (sleep["group"] == 2).to_numpy(), clusters=np.arange(len(sleep)))
    limits = found.limits(0.95)
    figures = [found.estimate, limits.conf_low, limits.conf_high, found.p_value, found.freedom]
    assert figures == pytest.approx(expected[[f"sleep {name}" for name in ("effect", "low", "high", "p", "df")]].tolist(), rel=1e-6)


def test_regression_adjustment_of_r(expected: pd.Series) -> None:
    cars = pd.read_csv(GOLDEN / "cars.csv")
    columns = cars[["wt", "hp"]].to_numpy("float64")
    found = group_difference(cars["mpg"].to_numpy(), (cars["am"] == 1).to_numpy(), clusters=np.arange(len(cars)), covariates=columns)
    assert [found.estimate, found.error] == pytest.approx(expected[["mtcars effect", "mtcars error"]].tolist(), rel=1e-9)
    idle = np.column_stack([columns, columns @ [1.0, 2.0], np.ones(len(cars))])  # a column made of the others, and a constant
    again = group_difference(cars["mpg"].to_numpy(), (cars["am"] == 1).to_numpy(), clusters=np.arange(len(cars)), covariates=idle)
    assert [again.estimate, again.error, again.freedom] == pytest.approx([found.estimate, found.error, found.freedom])


def test_clusters_of_r(expected: pd.Series) -> None:
    chicks = pd.read_csv(GOLDEN / "chicks.csv")
    clusters = pd.factorize(chicks["Chick"])[0].astype("int64")
    found = group_difference(chicks["weight"].to_numpy("float64"), (chicks["Diet"] == 2).to_numpy(), clusters=clusters)
    assert [found.estimate, found.error] == pytest.approx(expected[["chicks effect", "chicks error"]].tolist(), rel=1e-9)


def test_chi_square_of_r(expected: pd.Series) -> None:
    assert ratio_mismatch({"a": 600, "b": 500}, {"a": 1, "b": 1}) == pytest.approx(expected["chi-square 600 to 500"])
    found = ratio_mismatch({"a": 30, "b": 50, "c": 90}, {"c": 3, "a": 1, "b": 2})
    assert found == pytest.approx(expected["chi-square 30, 50, 90 as 1:2:3"])


def test_strata_by_hand() -> None:
    # small: 6 and 4 against 2 and 0, 4 more; large: 12, 10 against 9, 9, 2 more; four units each: (4 + 2) / 2 = 3
    values = np.array([6, 4, 2, 0, 12, 10, 9, 9, 11, 9], dtype="float64")
    treated = np.array([1, 1, 0, 0, 1, 1, 0, 0, 1, 0]) == 1
    large = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1], dtype="float64")
    found = group_difference(values, treated, clusters=np.arange(10), covariates=large[:, None])
    assert found.estimate == pytest.approx(0.4 * 4 + 0.6 * 2)
    # within strata 2, 2, 1, 0 as variances over 2, 2, 3, 3 units: .4^2 (2/2 + 2/2) + .6^2 (1/3 + 0), plus the spread of 4 and 2 over ten units
    assert found.error**2 == pytest.approx(0.16 * 2 + 0.36 / 3 + 10 * 0.24 * 2**2 / 10**2)


def test_shares_without_adjustment_have_newcombes_limits_and_a_p_value_to_them() -> None:
    values, treated = np.repeat([1.0, 0.0, 1.0, 0.0], [9, 41, 1, 49]), np.repeat(HALF, 50)
    found = group_difference(values, treated, clusters=np.arange(100))
    assert found.limits(0.95) == pytest.approx(newcombe_difference((9, 50), (1, 50)))
    edge = newcombe_difference((9, 50), (1, 50), conf_level=1 - found.p_value)
    assert edge.conf_low == pytest.approx(0, abs=1e-6)
    mirrored = group_difference(values, ~treated, clusters=np.arange(100))
    assert mirrored.p_value == pytest.approx(found.p_value, rel=1e-6)
    nobody = group_difference(np.zeros(100), treated, clusters=np.arange(100)).limits(0.95)
    assert nobody.conf_low == pytest.approx(-wilson(0, 50).conf_high)


def test_always_valid_limits_by_hand() -> None:
    values, treated = np.random.default_rng(0).normal(size=200), np.arange(200) % 2 == 0
    found = group_difference(values, treated, clusters=np.arange(200))
    limits, p_value = anytime(found, planned=200, conf_level=0.95)
    # c = 2 log 20 + log(1 + 2 log 20) = 5.9915 + 1.9447 = 7.9361; z = sqrt(2 (1 + 1 / c) (log(8.9361) / 2 + 2.9957)) = 3.0352
    z = 3.0352
    wide = stats.t.isf(stats.norm.sf(z), found.freedom) * found.error
    assert limits(0.95).conf_high - found.estimate == pytest.approx(wide, rel=1e-4)
    assert p_value == pytest.approx(two_sided_p(limits), rel=1e-6) or p_value == two_sided_p(limits) == 1.0
    sharp = group_difference(values + treated, treated, clusters=np.arange(200))
    always, p_value = anytime(sharp, planned=200, conf_level=0.95)
    assert 0 < p_value < 1e-3
    assert always(1 - p_value).conf_low == pytest.approx(0, abs=1e-9)
    narrow = [anytime(found, planned=planned, conf_level=0.95)[0](0.95).conf_high for planned in (20, 100, 200, 400, 2000)]
    assert narrow[2] == pytest.approx(min(narrow), rel=1e-3)


@pytest.mark.parametrize(
    ("low", "high", "p_value", "margin", "no_worse", "said"),
    [
        (0.01, 0.09, 0.02, 0.1, False, "helps"),
        (-0.09, -0.01, 0.02, 0.1, False, "harms"),
        (0.01, 0.09, 0.06, 0.1, False, "none beyond the margin"),  # several were looked at
        (-0.04, 0.04, 1.0, 0.05, False, "none beyond the margin"),
        (-0.04, 0.04, 1.0, 0.04, False, "not shown"),
        (-0.04, 0.04, 1.0, None, False, "not shown"),
        (-0.04, 0.2, 0.2, 0.05, True, "no worse than the margin"),
        (-0.06, 0.2, 0.2, 0.05, True, "not shown"),
        (np.nan, np.nan, np.nan, 0.05, True, "not shown"),
    ],
)
def test_verdicts(*, low: float, high: float, p_value: float, margin: float | None, no_worse: bool, said: str) -> None:
    limits = Interval((low + high) / 2, low, high)
    assert verdict(limits, margin=margin, p_value=p_value, alpha=0.05, no_worse=no_worse) == said


def test_the_ratio_of_shares_has_limits_that_hold() -> None:
    none, nobody = share_ratio((0, 20), (5, 20)), share_ratio((5, 20), (0, 20))
    assert (none.estimate, none.conf_low) == (0, 0)
    assert 0 < none.conf_high < 1
    assert np.isnan(nobody).all()
    chance = stats.binom.pmf(np.arange(31), 30, 0.5)
    held = [share_ratio((a, 30), (b, 30)) for a in range(31) for b in range(1, 31)]
    inside = np.array([found.conf_low <= 1 <= found.conf_high for found in held]).reshape(31, 30)
    assert 0.94 < chance @ inside @ chance[1:] < 0.97


def test_what_cannot_be_compared_is_refused() -> None:
    values, treated = np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, True, True, False])
    with pytest.raises(NotEnoughDataError, match="a group of 1 accounts"):
        group_difference(values, treated, clusters=np.arange(4))
    mixed = np.arange(20) % 2 == 0
    with pytest.raises(NotEnoughDataError, match="does not vary, or has nobody, within one of the groups"):
        group_difference(np.arange(20.0), mixed, clusters=np.arange(20), covariates=(mixed * np.arange(20.0) // 10)[:, None])
    with pytest.raises(ParameterError, match="finite"):
        group_difference(np.array([1.0, np.nan, 2.0, 3.0]), treated, clusters=np.arange(4))
    with pytest.raises(ParameterError, match="planned must be"):
        anytime(group_difference(values, np.array([True, True, False, False]), clusters=np.arange(4)), planned=0, conf_level=0.95)
    with pytest.raises(ParameterError, match="planned parts"):
        ratio_mismatch({"a": 1, "b": 2}, {"a": 1})


def test_all_alike_has_no_limits() -> None:
    found = group_difference(np.full(10, 3.0), np.arange(10) % 2 == 0, clusters=np.arange(10))
    assert found.estimate == 0
    assert np.isnan([found.limits(0.95).conf_low, found.p_value, anytime(found, planned=10, conf_level=0.95)[1]]).all()
