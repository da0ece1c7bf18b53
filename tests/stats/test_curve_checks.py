"""The chi-square check of a fitted curve: by hand, on curves that are right and wrong, under late entry."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cs_analysis.stats.curve_checks import _edges, curve_check
from cs_analysis.stats.parametric_survival import fit_survival

pytestmark = pytest.mark.lifelines


def lives(rng: np.random.Generator, size: int, *, family: str = "weibull") -> pd.DataFrame:
    """Return units of a family, of which those that ended before a late entry were never seen."""
    life = 400 * rng.weibull(0.8, size) if family == "weibull" else np.where(rng.random(size) < 0.5, rng.uniform(80, 100, size), 2000)
    enter = np.where(rng.random(size) < 0.4, rng.uniform(0, 70, size), 0.0)
    end = enter + rng.uniform(30, 700, size)
    table = pd.DataFrame({"enter_days": enter, "duration_days": np.minimum(life, end), "observed": life <= end})
    return table[life > enter].reset_index(drop=True)


def test_equals_a_sum_over_units_and_cells() -> None:
    table = lives(np.random.default_rng(2), 120)
    fit = fit_survival(table)
    found = curve_check(table, fit)
    ends = np.sort(table.loc[table["observed"], "duration_days"].to_numpy())
    times = (table["enter_days"].to_numpy(), table["duration_days"].to_numpy())
    edges = [0.0, *_edges(fit, times, ended=table["observed"].to_numpy(), count=np.ones(len(table))), np.inf]
    cells = min(10, len(ends) // 8)
    assert len(edges) == cells + 1

    def spent(terms: np.ndarray, low: float, high: float) -> float:
        total = 0.0
        for enter, leave in zip(table["enter_days"], table["duration_days"], strict=True):
            first, last = max(enter, low), min(leave, high)
            if last > first:
                total += (last / terms[0]) ** terms[1] - (first / terms[0]) ** terms[1]
        return total

    pairs = list(itertools.pairwise(edges))
    seen = np.array([((ends > low) & (ends <= high)).sum() for low, high in pairs])
    expected = np.array([spent(fit.terms, low, high) for low, high in pairs])
    np.testing.assert_allclose(expected, len(ends) / cells, rtol=0.1)  # cells are about alike
    slopes = np.zeros((cells, 2))
    for term in range(2):
        move = np.zeros(2)
        move[term] = fit.terms[term] * 1e-5
        slopes[:, term] = [(spent(fit.terms + move, low, high) - spent(fit.terms - move, low, high)) / (2 * move[term]) for low, high in pairs]
    covariance = np.diag(expected) - slopes @ fit.covariance.to_numpy() @ slopes.T
    statistic = (seen - expected) @ np.linalg.pinv(covariance, rcond=1e-3) @ (seen - expected)
    assert found.df == cells - 1  # a Weibull's scale makes ends and expected ends equal in all
    assert found.statistic == pytest.approx(statistic, rel=1e-4)
    assert found.p_value == pytest.approx(stats.chi2.sf(statistic, cells - 1), rel=1e-3)


def test_counts_are_units() -> None:
    table = lives(np.random.default_rng(3), 80)
    twice = pd.concat([table, table], ignore_index=True)
    one, other = curve_check(table.assign(count=2), fit_survival(twice)), curve_check(twice, fit_survival(twice))
    assert one == pytest.approx(other)


def test_a_curve_that_is_wrong_is_found_out() -> None:
    # Half of the units end between 80 and 100 days, as contracts do: no smooth curve follows.
    table = lives(np.random.default_rng(4), 200, family="steps")
    assert curve_check(table, fit_survival(table)).p_value < 1e-6


def test_few_ends_say_nothing() -> None:
    table = pd.DataFrame({"duration_days": [float(day) for day in range(1, 21)], "observed": True})
    found = curve_check(table, fit_survival(table))  # 20 ends make two cells
    assert found.df == 0
    assert np.isnan(found.p_value)


@pytest.mark.slow
def test_a_curve_that_is_right_is_refused_as_often_as_said() -> None:
    rng = np.random.default_rng(5)
    p = []
    for _ in range(60):
        table = lives(rng, 200)
        p.append(curve_check(table, fit_survival(table)).p_value)
    assert np.mean(np.array(p) < 0.05) <= 0.15  # of 60 at a level of 0.05 more than 9 come up once in 1,000 times
    assert np.mean(np.array(p) < 0.5) == pytest.approx(0.5, abs=0.2)
