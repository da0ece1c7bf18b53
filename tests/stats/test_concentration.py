"""Concentration: by hand, by sorting and adding, against R, against numerical derivatives, and how often limits hold the truth."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import ParameterError
from cs_analysis.stats import concentration
from cs_analysis.stats.concentration import Amounts, gini, groups_needed, herfindahl, least_number, needed_share, permuted_sums, resampled_sums, top_share

ROOT = Path(__file__).parents[2]
GOLDEN = pd.read_csv(ROOT / "tests/golden/concentration/concentration.csv").set_index("sample")
LEVEL = {"conf_level": 0.95}


def added(values: list[float], share: float) -> int:
    """Return the least number of units by sorting and adding, in whole cents."""
    cents = sorted((round(100 * value) for value in values), reverse=True)
    return next(k for k in range(1, len(cents) + 1) if sum(cents[:k]) * 1000 >= round(1000 * share) * sum(cents))


@pytest.mark.parametrize("sample", GOLDEN.index)
def test_r_finds_the_same(sample: str) -> None:
    row = GOLDEN.loc[sample]
    amounts = Amounts.of([float(value) for value in row["values"].split()])
    n = len(amounts.falling)
    assert gini(amounts, **LEVEL).estimate == pytest.approx(row["corrected"], rel=1e-12)
    assert gini(amounts, **LEVEL).estimate * (n - 1) / n == pytest.approx(row["plain"], rel=1e-12)
    assert herfindahl(amounts) == pytest.approx(row["herfindahl"], rel=1e-12)
    assert least_number(amounts, 0.8) == row["needed"]
    assert 1 - top_share(amounts, 0.5, **LEVEL).estimate == pytest.approx(row["lorenz_half"], rel=1e-12)
    assert 1 - top_share(amounts, 0.1, **LEVEL).estimate == pytest.approx(row["lorenz_ninety"], rel=1e-12)


def test_the_published_value() -> None:
    # 1, 1, 1, 1, 2, 3, 4: sum of (2 i - 8) x = 28, 28 / (7 x 13) = 0.3076923, as the help of R's phylotools (after ineq) has it.
    assert gini(Amounts.of([1, 3, 2, 1, 1, 1, 4]), **LEVEL).estimate * 6 / 7 == pytest.approx(0.3076923, abs=5e-8)


@pytest.mark.parametrize("seed", range(20))
def test_sorting_and_adding_finds_the_same_number(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.round(rng.choice([0.0, 0.1, 10.0, 99.9, rng.lognormal(5, 2)], rng.integers(1, 40)), 2)
    for share in (0.2, 0.5, 0.8, 1.0):
        expected = added(values.tolist(), share) if values.sum() else np.nan
        np.testing.assert_equal(least_number(Amounts.of(values), share), expected)


def test_the_share_of_units_counts_the_last_one_in_part() -> None:
    amounts = Amounts.of([50, 30, 15, 5])
    # 80 are the first two of four; 86 are these and 6 of the third one's 15.
    assert needed_share(amounts, 0.8, **LEVEL).estimate == pytest.approx(2 / 4)
    assert needed_share(amounts, 0.86, **LEVEL).estimate == pytest.approx((2 + 6 / 15) / 4)
    assert top_share(amounts, 0.6, **LEVEL).estimate == pytest.approx((50 + 30 + 0.4 * 15) / 100)
    assert least_number(amounts, 0.86) == 3


def weighted(name: str, values: np.ndarray, weights: np.ndarray) -> float:
    """Return a figure of units with weights, the last of them in part: what a slight change of one weight moves is its influence."""
    order = np.argsort(-values)
    x, w = values[order], weights[order] / weights.sum()
    money, people = np.append(0, np.cumsum(w * x)) / (w @ x), np.append(0, np.cumsum(w))
    if name == "needed":
        return float(np.interp(0.8, money, people))
    return float(np.interp(0.25, people, money))


@pytest.mark.parametrize("name", ["needed", "top"])
def test_influences_are_derivatives(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[np.ndarray] = []
    monkeypatch.setattr(concentration, "_on_log_odds", lambda estimate, influence, **_: taken.append(influence))
    values = np.round(np.random.default_rng(5).lognormal(3, 1, 41), 1)
    amounts = Amounts.of(values)
    {"needed": lambda: needed_share(amounts, 0.8, **LEVEL), "top": lambda: top_share(amounts, 0.25, **LEVEL)}[name]()
    small = 1e-6
    slopes = []
    for place in range(len(values)):
        more, less = np.full((2, len(values)), 1.0)
        more[place], less[place] = 1 + small, 1 - small
        slopes.append((weighted(name, amounts.falling, more) - weighted(name, amounts.falling, less)) / (2 * small) * len(values))
    influence = taken[0] - taken[0].mean()
    np.testing.assert_allclose(influence, np.array(slopes) - np.mean(slopes), atol=2e-5 * np.ptp(influence) + 1e-9, rtol=1e-4)


@pytest.mark.parametrize("sample", GOLDEN.index)
def test_the_error_of_the_gini_is_that_of_leaving_one_out(sample: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[np.ndarray] = []
    monkeypatch.setattr(concentration, "_on_log_odds", lambda estimate, influence, **_: taken.append(influence))
    row = GOLDEN.loc[sample]
    gini(Amounts.of([float(value) for value in row["values"].split()]), **LEVEL)
    assert np.std(taken[0], ddof=1) / np.sqrt(len(taken[0])) == pytest.approx(row["jackknife"], rel=1e-10)


def test_the_ends_of_inequality() -> None:
    one_has_all, all_alike = Amounts.of([0, 0, 0, 9]), Amounts.of([3, 3, 3, 3, 3])
    assert gini(one_has_all, **LEVEL).estimate == 1.0
    assert herfindahl(one_has_all) == 1.0
    assert least_number(one_has_all, 1.0) == 1
    assert gini(all_alike, **LEVEL).estimate == pytest.approx(0, abs=1e-15)
    assert herfindahl(all_alike) == pytest.approx(1 / 5)
    alike = needed_share(all_alike, 0.8, **LEVEL)
    assert alike.estimate == pytest.approx(0.8)
    assert np.isnan(alike[1:]).all()  # nothing moves it, so it says nothing of its error
    assert least_number(all_alike, 0.8) == 4  # 4 x 3 = 12 = 0.8 x 15, though 0.8 x 15 is not exactly 12 in floats


@pytest.mark.parametrize("values", [[], [0, 0]])
def test_without_an_amount_all_is_missing(values: list[float]) -> None:
    amounts = Amounts.of(values)
    found = [least_number(amounts, 0.8), herfindahl(amounts), *needed_share(amounts, 0.8, **LEVEL), *top_share(amounts, 0.1, **LEVEL), *gini(amounts, **LEVEL)]
    assert np.isnan(found).all()


def test_one_unit_has_no_limits() -> None:
    amounts = Amounts.of([7])
    assert least_number(amounts, 0.8) == 1
    assert needed_share(amounts, 0.8, **LEVEL)[0] == pytest.approx(0.8)
    assert np.isnan([*needed_share(amounts, 0.8, **LEVEL)[1:], *gini(amounts, **LEVEL)]).all()


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_the_unit_of_money_does_not_matter(factor: float) -> None:
    values = np.random.default_rng(6).lognormal(3, 1, 50)
    for figure in (lambda x: needed_share(x, 0.8, **LEVEL), lambda x: top_share(x, 0.1, **LEVEL), lambda x: gini(x, **LEVEL)):
        np.testing.assert_allclose(figure(Amounts.of(values * factor)), figure(Amounts.of(values)), rtol=1e-9)


def test_groups_are_added_up_largest_first() -> None:
    sums = np.array([[10.0, 60.0, 30.0], [80.0, 10.0, 10.0], [0.0, 0.0, 0.0], [34.0, 33.0, 33.0]])
    assert groups_needed(sums, 0.8).tolist() == [2, 1, 0, 3]


def test_dealing_out_keeps_the_sizes_and_the_sum() -> None:
    codes, rng = np.array([0, 0, 0, 1, 2, 2]), np.random.default_rng(1)
    ones = permuted_sums(np.ones(6), codes, groups=3, replicates=20, rng=rng)
    assert (ones == [3, 1, 2]).all()
    dealt = permuted_sums(np.array([1.0, 2, 4, 8, 16, 32]), codes, groups=3, replicates=20, rng=rng)
    assert (dealt.sum(axis=1) == 63).all()
    assert len(np.unique(dealt[:, 1])) > 2
    drawn = resampled_sums(np.ones(6), codes, groups=3, replicates=20, rng=rng)
    assert (drawn.sum(axis=1) == 6).all()
    assert np.ptp(drawn[:, 0]) > 0


@pytest.mark.parametrize("values", [[1, -1], [1, np.nan], [np.inf]])
def test_amounts_are_at_least_0(values: list[float]) -> None:
    with pytest.raises(ParameterError, match="at least 0"):
        Amounts.of(values)


@pytest.mark.parametrize("share", [0, -0.1, 1.1, np.nan])
def test_a_share_is_one(share: float) -> None:
    with pytest.raises(ParameterError, match="share must lie"):
        least_number(Amounts.of([1]), share)


@pytest.mark.slow
def test_limits_hold_the_truth_as_often_as_the_study_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks/coverage"))
    sys.modules.pop("concentration", None)
    study = __import__("concentration")
    monkeypatch.setattr(study, "KINDS", {name: study.KINDS[name] for name in ("log-normal 1", "price list")})
    found = study.customers(400, sizes=(2000,), seed=7)
    assert found["coverage"].between(0.92, 0.98).all()
    dealt = study.groups(100, seed=7).set_index("groups")
    assert dealt.loc["groups that mean nothing", "said_to_matter"] <= 0.1
