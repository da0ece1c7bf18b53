"""Cumulative incidence against R, the definition and the survival curve."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.competing import cumulative_incidence
from cs_analysis.stats.survival import log_log_limits, survival_curve

Reader = Callable[[str], pd.DataFrame]


@pytest.mark.parametrize(("case", "by"), [("mgus2", None), ("mgus2_by_sex", "sex"), ("mgus2_truncated", None)])
def test_equals_r(golden: Reader, case: str, by: str | None) -> None:
    expected = golden("survival/incidence.csv").query("case == @case").sort_values(["group", "ended_by"], kind="stable")
    table = golden("survival/mgus2.csv")
    found = cumulative_incidence(table if case == "mgus2_truncated" else table.drop(columns="enter_days"), by)
    assert found["ended_by"].tolist() == expected["ended_by"].tolist()
    # under left truncation R's variance is another one (infinitesimal jackknife); the definition is tested below
    columns = ["time_days", "n", "estimate"] + ([] if case == "mgus2_truncated" else ["conf_low", "conf_high"])
    np.testing.assert_allclose(found[columns], expected[columns], rtol=0, atol=1e-9)


def test_by_hand() -> None:
    # day 1: 1 of 4 paid: 1/4, left over 3/4. Day 2: of 3, one paid and one left: each 3/4 x 1/3 = 1/4.
    table = pd.DataFrame({"duration_days": [1, 2, 2, 4], "observed": [True, True, True, False], "ended_by": ["paid", "left", "paid", None]})
    found = cumulative_incidence(table)
    assert found[["ended_by", "time_days", "estimate", "n"]].to_numpy().tolist() == [["left", 2, 0.25, 3], ["paid", 1, 0.25, 4], ["paid", 2, 0.5, 3]]
    assert set(found["metric"]) == {"cumulative_incidence"}
    assert set(found["unit"]) == {"share"}


def test_equal_hazards_halve_what_one_minus_kaplan_meier_says() -> None:
    # both hazards such that 59 % end alone by day 90; together 1 - .41^2 = 83 % end, half of them each way: 42 %
    rng, hazard = np.random.default_rng(3), -np.log(1 - 0.59) / 90
    adopt, cancel = rng.exponential(1 / hazard, (2, 200_000))
    table = pd.DataFrame({"duration_days": np.minimum(adopt, cancel), "observed": True, "ended_by": np.where(adopt < cancel, "adopted", "cancelled")})
    adopted = cumulative_incidence(table).query("ended_by == 'adopted' and time_days <= 90")["estimate"].iloc[-1]
    alone = 1 - survival_curve(table.assign(observed=table["ended_by"] == "adopted")).query("time_days <= 90")["estimate"].iloc[-1]
    assert adopted == pytest.approx(0.42, abs=0.005)
    assert alone == pytest.approx(0.59, abs=0.005)


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Draw small tables with ties between ways, late entries, counts and two groups."""
    row = st.tuples(st.integers(0, 6), st.integers(0, 5), st.sampled_from(["left", "paid", "moved", None]), st.integers(1, 3), st.sampled_from("ab"))
    table = pd.DataFrame(draw(st.lists(row, min_size=1, max_size=14)), columns=["duration_days", "enter_days", "ended_by", "count", "segment"])
    enter = np.where(table["enter_days"] < table["duration_days"], table["enter_days"], 0)
    return table.assign(enter_days=enter, observed=table["ended_by"].notna())


def definition(table: pd.DataFrame, way: str) -> list[tuple[float, float, float]]:
    """Return time, F and its variance for one way, straight from the sums."""
    steps, survival, share = [], 1.0, 0.0
    for time in sorted(set(table["duration_days"][table["observed"]])):
        risk = table[((table["enter_days"] < time) | (table["enter_days"] == 0)) & (table["duration_days"] >= time)]
        now = risk[(risk["duration_days"] == time) & risk["observed"]]
        n, d, own = (int(part["count"].sum()) for part in (risk, now, now[now["ended_by"] == way]))
        share += survival * own / n
        steps.append((time, n, d, own, survival, share))
        survival *= (n - d) / n
    found = []
    for time, _, _, own_now, _, until in steps:
        parts = [
            ((until - f) ** 2 * d / (n * (n - d)) if n > d else 0.0) + s**2 * own * (n - own) / n**3 - 2 * (until - f) * s * own / n**2
            for u, n, d, own, s, f in steps
            if u <= time
        ]
        if own_now:
            found.append((time, until, sum(parts)))
    return found


@pytest.mark.filterwarnings("ignore:all units at risk")
class TestLaws:
    @pytest.mark.slow
    @given(tables())
    @settings(max_examples=80, deadline=None)
    def test_equals_the_definition(self, table: pd.DataFrame) -> None:
        found = cumulative_incidence(table)
        for way in set(table["ended_by"].dropna()):
            ours, theirs = found[found["ended_by"] == way], definition(table, way)
            assert ours["time_days"].tolist() == [row[0] for row in theirs]
            share = np.array([row[1] for row in theirs])
            variance = np.array([max(row[2], 0.0) for row in theirs])
            np.testing.assert_allclose(ours["estimate"], share, rtol=0, atol=1e-12)
            known = np.where((share > 0) & (share < 1 - 1e-12), share, np.nan)
            low, high = log_log_limits(known, variance / known**2, conf_level=0.95)
            clear = ~np.isnan(known) & (variance > 1e-12)
            np.testing.assert_allclose(ours["conf_low"][clear], low[clear], rtol=0, atol=1e-6)
            np.testing.assert_allclose(ours["conf_high"][clear], high[clear], rtol=0, atol=1e-6)

    @pytest.mark.slow
    @given(tables())
    @settings(max_examples=60, deadline=None)
    def test_all_ways_and_survival_add_up_to_one(self, table: pd.DataFrame) -> None:
        together = cumulative_incidence(table, "segment")
        for segment, part in table.groupby("segment"):
            found = together[together["segment"] == segment]
            for time, survival in survival_curve(part)[["time_days", "estimate"]].to_numpy():
                shares = found[found["time_days"] <= time].groupby("ended_by")["estimate"].last()
                assert shares.sum() + survival == pytest.approx(1, abs=1e-12)

    @pytest.mark.slow
    @given(tables())
    @settings(max_examples=60, deadline=None)
    def test_one_way_is_one_minus_survival_with_greenwoods_variance(self, table: pd.DataFrame) -> None:
        alone = table.assign(ended_by=table["ended_by"].where(table["ended_by"].isna(), "left"))
        found, curve = cumulative_incidence(alone), survival_curve(alone)
        np.testing.assert_allclose(found["estimate"], 1 - curve["estimate"], rtol=0, atol=1e-12)
        assert found["conf_low"].isna().tolist() == curve["conf_low"].isna().tolist()
        # either limit is v^exp(z s / (v log v)) with the same s: recover s from each
        sides = [(part["conf_low"].dropna(), part["estimate"][part["conf_low"].notna()]) for part in (found, curve)]
        ours, greenwood = (np.log(np.log(limit) / np.log(value)) * value * np.log(value) for limit, value in sides)
        np.testing.assert_allclose(np.abs(ours), np.abs(greenwood), rtol=1e-6, atol=1e-7)

    @pytest.mark.slow
    @given(tables(), st.integers(0, 10**6))
    @settings(max_examples=40, deadline=None)
    def test_row_order_does_not_matter_groups_stand_alone_and_inputs_stay(self, table: pd.DataFrame, seed: int) -> None:
        shuffled = table.sample(frac=1, random_state=seed)
        before = shuffled.copy(deep=True)
        together = cumulative_incidence(shuffled, "segment")
        assert_frame_equal(together, cumulative_incidence(table, "segment"))
        assert_frame_equal(shuffled, before)
        for segment, part in table.groupby("segment"):
            alone = together[together["segment"] == segment].drop(columns="segment").reset_index(drop=True)
            assert_frame_equal(cumulative_incidence(part), alone, check_dtype=False)


def test_an_early_zero_is_said_once() -> None:
    table = pd.DataFrame({"enter_days": [0, 3], "duration_days": [2, 5], "observed": True, "ended_by": ["paid", "left"]})
    with pytest.warns(UserWarning, match="all units at risk at 2 days ended") as caught:
        found = cumulative_incidence(table)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert found.set_index("ended_by")["estimate"].to_dict() == {"left": 0, "paid": 1}
    assert found["conf_low"].isna().all()


class TestInput:
    def test_observed_without_a_way(self) -> None:
        table = pd.DataFrame({"duration_days": [1, 2], "observed": True, "ended_by": ["paid", None]}, index=["x", "y"])
        with pytest.raises(ParameterError, match=r"row 'y' has no ended_by \(1 rows\)"):
            cumulative_incidence(table)

    def test_a_way_of_a_censored_unit_is_ignored(self) -> None:
        table = pd.DataFrame({"duration_days": [1, 2], "observed": [True, False], "ended_by": ["paid", "planned"]})
        assert cumulative_incidence(table)["ended_by"].tolist() == ["paid"]

    def test_nobody_ended(self) -> None:
        table = pd.DataFrame({"duration_days": [1, 2], "observed": False, "ended_by": None})
        found = cumulative_incidence(table)
        assert found.empty
        assert list(found.columns) == ["ended_by", "time_days", "metric", "unit", "estimate", "conf_low", "conf_high", "n"]

    def test_missing_column_and_no_row(self) -> None:
        table = pd.DataFrame({"duration_days": [1.0], "observed": [True]})
        with pytest.raises(MissingColumnsError, match="'ended_by'"):
            cumulative_incidence(table)
        with pytest.raises(NotEnoughDataError, match="no row"):
            cumulative_incidence(table.assign(ended_by="x").iloc[:0])

    def test_keys_of_the_result_are_taken(self) -> None:
        table = pd.DataFrame({"duration_days": [1.0], "observed": [True], "ended_by": ["x"]})
        with pytest.raises(ParameterError, match="may not be called 'ended_by'"):
            cumulative_incidence(table, "ended_by")
