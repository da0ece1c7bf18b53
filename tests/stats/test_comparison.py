"""The log-rank test against R and by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats import comparison
from cs_analysis.stats.comparison import logrank_test

Reader = Callable[[str], pd.DataFrame]


def test_equals_r(golden: Reader) -> None:
    expected = golden("survival/logrank.csv")
    assert len(expected) == 5
    for row in expected.itertuples():
        strata = None if pd.isna(row.strata) else row.strata
        found = logrank_test(golden(f"survival/{row.case}.csv"), row.by, strata).iloc[0]
        tolerance = 2e-3 if row.case == "heart" else 1e-9  # the heart figure is a conditional likelihood's score: ties count differently
        assert found["statistic"] == pytest.approx(row.statistic, rel=tolerance)
        assert found["p_value"] == pytest.approx(row.p_value, rel=10 * tolerance)
        assert found["df"] == row.df


def test_by_hand() -> None:
    # a ends at 1, 2, 3 with 3 of 6, 2 of 5, 1 of 4 at risk: O = 3, E = .5 + .4 + .25 = 1.15, V = .25 + .24 + .1875 = .6775
    table = pd.DataFrame({"duration_days": [1, 2, 3, 4, 5, 6], "observed": True, "plan": ["a", "a", "a", "b", "b", "b"]})
    found = logrank_test(table, "plan")
    assert list(found.columns) == ["statistic", "df", "p_value"]
    assert found["statistic"].iloc[0] == pytest.approx(1.85**2 / 0.6775, rel=1e-12)


def test_strata_that_split_the_groups_lose_a_degree_of_freedom() -> None:
    # a and b meet in one region only, c and d in the other
    table = pd.DataFrame({"duration_days": [1, 2, 3, 4, 1, 3, 5, 6], "observed": True, "plan": list("aabbccdd"), "region": ["n"] * 4 + ["s"] * 4})
    found = logrank_test(table, "plan", strata="region").iloc[0]
    north, south = (logrank_test(part, "plan").iloc[0] for _, part in table.groupby("region"))
    assert found["df"] == 2
    assert found["statistic"] == pytest.approx(north["statistic"] + south["statistic"], rel=1e-12)


def test_row_order_counts_and_names_of_groups_do_not_matter() -> None:
    rng = np.random.default_rng(8)
    table = pd.DataFrame({"duration_days": rng.integers(1, 12, 60), "observed": rng.random(60) < 0.7, "plan": rng.choice(["a", "b", "c"], 60)})
    found = logrank_test(table, ["plan"])
    assert_frame_equal(logrank_test(table.sample(frac=1, random_state=1), "plan"), found)
    assert_frame_equal(logrank_test(table.replace({"plan": {"a": "z"}}), "plan"), found)
    counted = table.groupby(list(table.columns)).size().rename("count").reset_index()
    assert_frame_equal(logrank_test(counted, "plan"), found)


@pytest.mark.slow
def test_rejects_equal_groups_as_often_as_promised() -> None:
    rng = np.random.default_rng(11)
    p_values = []
    for _ in range(800):
        enter = rng.integers(0, 5, 80)
        table = pd.DataFrame({"enter_days": enter, "duration_days": enter + rng.integers(1, 40, 80), "observed": rng.random(80) < 0.7})
        p_values.append(logrank_test(table.assign(plan=rng.choice(["a", "b", "c"], 80)), "plan")["p_value"].iloc[0])
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.025)  # three simulation errors


def definition(table: pd.DataFrame) -> tuple[float, int]:
    """Return the stratified statistic and its degrees of freedom, unit by unit and time by time."""
    names = sorted(set(table["plan"]))
    apart, spread = np.zeros(len(names)), np.zeros((len(names), len(names)))
    for _, layer in table.groupby("region"):
        for time in sorted(set(layer["duration_days"][layer["observed"]])):
            risk = layer[((layer["enter_days"] < time) | (layer["enter_days"] == 0)) & (layer["duration_days"] >= time)]
            now = risk[risk["observed"] & (risk["duration_days"] == time)]
            n, d = risk["count"].sum(), now["count"].sum()
            share = np.array([risk["count"][risk["plan"] == name].sum() / n for name in names])
            apart += [now["count"][now["plan"] == name].sum() for name in names] - d * share
            spread += d * (n - d) / max(n - 1, 1) * (np.diag(share) - np.outer(share, share))
    return float(apart @ np.linalg.pinv(spread, rcond=1e-9, hermitian=True) @ apart), int(np.linalg.matrix_rank(spread, tol=1e-9, hermitian=True))


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("cells", [4_000_000, 9])
def test_equals_the_definition(seed: int, cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "_CELLS_PER_BLOCK", cells)
    rng = np.random.default_rng(seed)
    size = int(rng.integers(8, 40))
    enter = rng.integers(0, 6, size) * rng.integers(0, 2, size)
    table = pd.DataFrame({"enter_days": enter, "duration_days": enter + rng.integers(1, 7, size), "observed": rng.random(size) < 0.7})
    table = table.assign(count=rng.integers(1, 4, size), plan=rng.choice(list("abcd"), size), region=rng.choice(["n", "s", "w"], size))
    statistic, freedom = definition(table)
    found = logrank_test(table, "plan", "region").iloc[0]
    assert (found["statistic"], found["df"]) == (pytest.approx(statistic, rel=1e-9), freedom)
    repeated = table.loc[table.index.repeat(table["count"])].drop(columns="count")
    assert logrank_test(repeated, "plan", "region")["statistic"].iloc[0] == pytest.approx(statistic, rel=1e-9)


def test_a_group_of_one_among_a_million_keeps_its_degree_of_freedom() -> None:
    # c is one of 1,000,001 when 4 of a end on day 1, and is gone on day 2: its expected number is 4e-6
    table = pd.DataFrame({"plan": list("aabbc"), "duration_days": [1, 2, 2, 3, 1], "observed": [True, True, True, False, False]})
    many = table.assign(count=[4, 499_996, 400_000, 100_000, 1])
    found = logrank_test(many, "plan").iloc[0]
    assert found["df"] == 2
    two = logrank_test(many[many["plan"] != "c"], "plan").iloc[0]
    assert found["statistic"] == pytest.approx(two["statistic"], rel=1e-3)
    assert found["statistic"] > 10


def test_groups_that_never_meet() -> None:
    table = pd.DataFrame({"enter_days": [0, 5], "duration_days": [3, 9], "observed": True, "plan": ["a", "b"]})
    with pytest.raises(NotEnoughDataError, match="at no end were units of two of them at risk"):
        logrank_test(table, "plan")


def test_one_group_or_no_end() -> None:
    table = pd.DataFrame({"duration_days": [3, 9], "observed": True, "plan": "a", "half": ["x", "y"]})
    with pytest.raises(NotEnoughDataError, match="cannot be compared"):
        logrank_test(table, "plan")
    with pytest.raises(NotEnoughDataError, match="cannot be compared"):
        logrank_test(table.assign(observed=False), "half")


@pytest.mark.parametrize(("by", "strata"), [([], None), ("plan", ["plan"])])
def test_columns_that_make_no_comparison(by: object, strata: object) -> None:
    table = pd.DataFrame({"duration_days": [3, 9], "observed": True, "plan": ["a", "b"]})
    with pytest.raises(ParameterError, match="by must name columns"):
        logrank_test(table, by, strata)
