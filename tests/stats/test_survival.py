"""Survival curves against R's survival package, against a double loop, and against the laws a curve obeys."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.survival import survival_at, survival_curve

Reader = Callable[[str], pd.DataFrame]

CASES = {
    "lung": ("lung", None),
    "lung_by_sex": ("lung", "sex"),
    "heart": ("heart", None),
    "heart_by_transplant": ("heart", "transplant"),
    "veteran_by_celltype": ("veteran", "celltype"),
    "veteran_grouped": ("veteran_grouped", None),
    "veteran_grouped_by_trt": ("veteran_grouped", "trt"),
}
NUMBERS = ["time_days", "estimate", "conf_low", "conf_high", "n"]


@pytest.fixture
def four() -> pd.DataFrame:
    """Return ends at days 2 and 3, censorings at days 3 and 5."""
    return pd.DataFrame({"duration_days": [2.0, 3.0, 3.0, 5.0], "observed": [True, True, False, False]})


def close(actual: pd.DataFrame, expected: pd.DataFrame, columns: list[str] = NUMBERS) -> None:
    np.testing.assert_allclose(actual[columns].to_numpy(float), expected[columns].to_numpy(float), rtol=0, atol=1e-9)


class TestAgainstR:
    @pytest.mark.parametrize("case", CASES)
    @pytest.mark.parametrize("conf_level", [0.95, 0.8])
    def test_curve(self, golden: Reader, case: str, conf_level: float) -> None:
        expected = golden("survival/curves.csv").query("case == @case and conf_level == @conf_level")
        data, by = CASES[case]
        curve = survival_curve(golden(f"survival/{data}.csv"), by, conf_level=conf_level)
        close(curve, expected)
        if by:
            assert curve[by].astype(str).tolist() == expected["group"].astype(str).str.removesuffix(".0").tolist()

    @pytest.mark.parametrize("case", CASES)
    def test_at_given_times(self, golden: Reader, case: str) -> None:
        expected = golden("survival/at_times.csv").query("case == @case")
        data, by = CASES[case]
        found = survival_at(golden(f"survival/{data}.csv"), by, at_days=[30, 90.5, 180, 365, 999]).dropna(subset=["estimate"])
        close(found, expected)


class TestByHand:
    def test_four_units(self, four: pd.DataFrame) -> None:
        # day 2: 4 at risk, 1 ends: 3/4. Day 3: 3 at risk (the one censored at 3 too), 1 ends: 3/4 x 2/3 = 1/2.
        curve = survival_curve(four)
        assert curve["time_days"].tolist() == [2, 3]
        assert curve["estimate"].tolist() == [0.75, 0.5]
        assert curve["n"].tolist() == [4, 3]
        assert list(curve.columns) == ["time_days", "metric", "unit", "estimate", "conf_low", "conf_high", "n"]
        assert set(curve["metric"]) == {"survival"}
        assert set(curve["unit"]) == {"share"}

    def test_greenwood_log_log_limits(self, four: pd.DataFrame) -> None:
        # day 2: variance of log S = 1/(4 x 3) = 1/12; of log(-log S): (1/12) / log(3/4)^2, root 1.00345.
        # exp(1.959964 x 1.00345) = 7.14758; .75^7.14758 = .12794, .75^(1/7.14758) = .96055
        first = survival_curve(four).iloc[0]
        assert first["conf_low"] == pytest.approx(0.12794, abs=1e-5)
        assert first["conf_high"] == pytest.approx(0.96055, abs=1e-5)

    def test_late_entry_joins_the_risk_set_only_then(self) -> None:
        # entered at 2: not at risk at the end on day 2, at risk on day 4. Day 2: 1 of 2; day 4: 1 of 2 -> 1/4.
        table = pd.DataFrame({"enter_days": [0, 0, 2], "duration_days": [2, 4, 6], "observed": [True, True, False]})
        curve = survival_curve(table)
        assert curve["n"].tolist() == [2, 2]
        assert curve["estimate"].tolist() == [0.5, 0.25]

    def test_end_at_time_zero_counts(self) -> None:
        table = pd.DataFrame({"enter_days": [0, 0, 0, 1], "duration_days": [0, 3, 4, 5], "observed": [True, False, False, False]})
        # the late entrant is not at risk at time 0: 1 of 3 ends
        curve = survival_curve(table)
        assert curve[["time_days", "n"]].to_numpy().tolist() == [[0, 3]]
        assert curve["estimate"].iloc[0] == pytest.approx(2 / 3)

    def test_times_that_differ_by_rounding_are_one_time(self) -> None:
        table = pd.DataFrame({"duration_days": [0.1 + 0.2, 0.3, 1.0], "observed": True})
        assert survival_curve(table)["time_days"].tolist() == [0.3, 1.0]

    def test_curve_that_reaches_zero_has_no_limits_there(self) -> None:
        curve = survival_curve(pd.DataFrame({"duration_days": [1, 2], "observed": [True, True]}))
        assert curve["estimate"].tolist() == [0.5, 0.0]
        assert curve["conf_low"].notna().tolist() == [True, False]
        assert curve["conf_high"].notna().tolist() == [True, False]

    def test_nobody_ended_gives_no_row(self, four: pd.DataFrame) -> None:
        curve = survival_curve(four.assign(observed=False))
        assert curve.empty
        assert list(curve.columns) == list(survival_curve(four).columns)

    def test_group_without_an_end_has_no_row(self, four: pd.DataFrame) -> None:
        table = four.assign(segment=["a", "a", "b", "b"])
        assert survival_curve(table, "segment")["segment"].tolist() == ["a", "a"]
        at = survival_at(table, "segment", at_days=4)
        assert at["segment"].tolist() == ["a", "b"]
        assert at["estimate"].isna().tolist() == [True, False]
        assert at["estimate"].iloc[1] == 1

    def test_one_unit(self) -> None:
        curve = survival_curve(pd.DataFrame({"duration_days": [7], "observed": [True]}))
        assert curve[["time_days", "estimate", "n"]].to_numpy().tolist() == [[7, 0, 1]]


class TestAtTimes:
    def test_steps_and_the_end_of_follow_up(self, four: pd.DataFrame) -> None:
        found = survival_at(four, at_days=[0, 1.9, 2, 3.5, 5, 5.1])
        assert found["estimate"].tolist()[:5] == [1, 1, 0.75, 0.5, 0.5]
        assert found["n"].tolist() == [4, 4, 4, 1, 1, 0]
        assert found.iloc[5][["estimate", "conf_low", "conf_high"]].isna().all()

    def test_limits_are_missing_before_the_first_end_only(self, four: pd.DataFrame) -> None:
        found = survival_at(four, at_days=[1, 2, 4])
        assert found["conf_low"].isna().tolist() == [True, False, False]
        curve = survival_curve(four)
        assert found["conf_low"].iloc[1:].tolist() == curve["conf_low"].tolist()

    @pytest.mark.parametrize("hours", range(1, 49))
    def test_the_last_moment_of_follow_up_is_no_multiple_of_a_float(self, hours: int) -> None:
        table = pd.DataFrame({"duration_days": [round(hours / 24, 9)], "observed": [False]})
        assert survival_at(table, at_days=hours / 24)["estimate"].tolist() == [1]

    def test_far_beyond_follow_up(self, four: pd.DataFrame) -> None:
        assert survival_at(four, at_days=8_000_000)["estimate"].isna().all()

    @pytest.mark.parametrize("at_days", [-1, np.nan, [3, np.inf]])
    def test_impossible_times(self, four: pd.DataFrame, at_days: object) -> None:
        with pytest.raises(ParameterError, match="at_days must hold numbers of days"):
            survival_at(four, at_days=at_days)


class TestLeftTruncationThatEmptiesTheRiskSet:
    def table(self) -> pd.DataFrame:
        return pd.DataFrame({"enter_days": [0, 3, 3], "duration_days": [2, 5, 6], "observed": [True, True, False], "plan": "pro"})

    def test_warns_and_stays_at_zero_as_in_r(self) -> None:
        with pytest.warns(UserWarning, match="all units at risk at 2 days ended while others come under observation later"):
            curve = survival_curve(self.table())
        assert curve["estimate"].tolist() == [0, 0]
        assert curve["n"].tolist() == [1, 2]

    @pytest.mark.parametrize("options", [{}, {"at_days": 4}])
    def test_warning_points_at_the_caller(self, options: dict[str, float]) -> None:
        read = survival_at if options else survival_curve
        with pytest.warns(UserWarning, match="all units at risk") as caught:
            read(self.table(), **options)
        assert [warning.filename for warning in caught] == [__file__]

    def test_warning_names_the_group(self) -> None:
        with pytest.warns(UserWarning, match="first in plan 'pro'"):
            survival_curve(self.table(), "plan")

    def test_no_warning_when_the_curve_ends_at_zero(self) -> None:
        table = self.table().assign(enter_days=0, observed=True)
        assert survival_curve(table)["estimate"].iloc[-1] == 0


class TestInput:
    def test_all_broken_rules_at_once_with_their_first_rows(self) -> None:
        table = pd.DataFrame(
            {
                "duration_days": [3, -1, np.nan, 4],
                "enter_days": [3, 0, 0, -2],
                "observed": [True, "no", None, False],
                "count": [1, 0, 1.5, 2],
            },
            index=["w", "x", "y", "z"],
        )
        with pytest.raises(ParameterError) as caught:
            survival_curve(table)
        message = str(caught.value)
        assert "breaks 4 rule(s)" in message
        assert "duration_days must be a number of days from 0 to 9000000 (2 rows, first row 'x'" in message
        assert "enter_days must be 0 or a number of days below duration_days (2 rows, first row 'w'" in message
        assert "observed must be true or false (2 rows, first row 'x': 'no')" in message
        assert "count must be a whole number of at least 1 (2 rows, first row 'x'" in message

    def test_missing_columns(self) -> None:
        with pytest.raises(MissingColumnsError, match="'observed', 'segment'"):
            survival_curve(pd.DataFrame({"duration_days": [1]}), "segment")

    def test_no_rows(self, four: pd.DataFrame) -> None:
        with pytest.raises(NotEnoughDataError, match="has no row"):
            survival_curve(four.iloc[:0])

    @pytest.mark.parametrize("conf_level", [0, 1, 95])
    def test_confidence_level(self, four: pd.DataFrame, conf_level: float) -> None:
        with pytest.raises(ParameterError, match="conf_level must lie between 0 and 1"):
            survival_curve(four, conf_level=conf_level)

    @pytest.mark.parametrize("key", ["time_days", "estimate"])
    def test_key_that_clashes_with_the_result(self, four: pd.DataFrame, key: str) -> None:
        with pytest.raises(ParameterError, match="a key column may not be called"):
            survival_curve(four.assign(**{key: 1}), key)

    def test_text_is_no_duration(self, four: pd.DataFrame) -> None:
        with pytest.raises(ParameterError, match="duration_days must be a number of days"):
            survival_curve(four.astype({"duration_days": str}))

    @pytest.mark.parametrize("kind", ["int64", "boolean", "object", "Int64"])
    def test_other_spellings_of_true_and_false(self, four: pd.DataFrame, kind: str) -> None:
        assert_frame_equal(survival_curve(four.astype({"observed": kind})), survival_curve(four))

    def test_too_many_groups_for_long_durations(self) -> None:
        table = pd.DataFrame({"duration_days": np.linspace(8e6, 9e6, 600), "observed": True, "unit": np.arange(600)})
        with pytest.raises(ParameterError, match="600 groups are too many"):
            survival_curve(table, "unit")


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Draw small tables with ties, late entries, counts and two groups."""
    rows = draw(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 7), st.booleans(), st.integers(1, 3), st.sampled_from("ab")), min_size=1, max_size=14))
    table = pd.DataFrame(rows, columns=["duration_days", "enter_days", "observed", "count", "segment"])
    return table.assign(duration_days=table["duration_days"] / 2, enter_days=np.where(table["enter_days"] < table["duration_days"], table["enter_days"], 0) / 2)


def double_loop(table: pd.DataFrame) -> list[tuple[float, float, float, int]]:
    """Return time, S, variance of log S and number at risk, straight from the definition."""
    survival, variance, rows = 1.0, 0.0, []
    for time in sorted(set(table["duration_days"][table["observed"]])):
        at_risk = ends = 0
        for unit in table.itertuples():
            if (unit.enter_days < time or unit.enter_days == 0) and unit.duration_days >= time:
                at_risk += unit.count
                ends += unit.count * (unit.observed and unit.duration_days == time)
        survival *= (at_risk - ends) / at_risk
        variance += ends / (at_risk * (at_risk - ends)) if at_risk > ends else np.inf
        rows.append((time, survival, variance, at_risk))
    return rows


@pytest.mark.filterwarnings("ignore:all units at risk")
class TestLaws:
    @pytest.mark.slow
    @given(tables())
    @settings(max_examples=150, deadline=None)
    def test_equals_the_double_loop(self, table: pd.DataFrame) -> None:
        curve, expected = survival_curve(table), double_loop(table)
        assert curve["time_days"].tolist() == [row[0] for row in expected]
        assert curve["n"].tolist() == [row[3] for row in expected]
        np.testing.assert_allclose(curve["estimate"], [row[1] for row in expected], rtol=1e-12, atol=0)
        for (_, survival, variance, _), low, high in zip(expected, curve["conf_low"], curve["conf_high"], strict=True):
            if survival == 0:
                assert np.isnan(low)
                assert np.isnan(high)
            else:
                spread = 1.959963984540054 * np.sqrt(variance) / np.log(survival)
                assert low == pytest.approx(survival ** np.exp(-spread), abs=1e-12)
                assert high == pytest.approx(survival ** np.exp(spread), abs=1e-12)

    @pytest.mark.slow
    @given(tables())
    @settings(max_examples=60, deadline=None)
    def test_falls_from_one_to_no_less_than_zero_within_its_limits(self, table: pd.DataFrame) -> None:
        for _, curve in survival_curve(table, "segment").groupby("segment"):
            assert curve["estimate"].between(0, 1).all()
            assert (np.diff(curve["estimate"], prepend=1.0) < 0)[curve["estimate"] > 0].all()
            limits = curve.dropna()
            assert limits["conf_low"].between(0, limits["estimate"]).all()
            assert limits["conf_high"].between(limits["estimate"], 1).all()

    @pytest.mark.slow
    @given(tables(), st.randoms(use_true_random=False))
    @settings(max_examples=60, deadline=None)
    def test_row_order_and_index_do_not_matter_and_inputs_stay(self, table: pd.DataFrame, random: object) -> None:
        order = list(range(len(table)))
        random.shuffle(order)
        shuffled = table.iloc[order].set_index(pd.Index([f"row {i}" for i in order]))
        before = shuffled.copy(deep=True)
        assert_frame_equal(survival_curve(shuffled, "segment"), survival_curve(table, "segment"))
        assert_frame_equal(shuffled, before)

    @pytest.mark.slow
    @given(tables())
    @settings(max_examples=60, deadline=None)
    def test_by_equals_the_group_alone_and_counts_equal_repeated_rows(self, table: pd.DataFrame) -> None:
        repeated = table.loc[table.index.repeat(table["count"])].drop(columns="count")
        together = survival_curve(table, "segment")
        assert_frame_equal(survival_curve(repeated, "segment"), together)
        for segment, part in repeated.groupby("segment"):
            alone = together[together["segment"] == segment].drop(columns="segment").reset_index(drop=True)
            assert_frame_equal(survival_curve(part), alone)

    @pytest.mark.slow
    @given(tables())
    @settings(max_examples=60, deadline=None)
    def test_curve_read_at_its_own_times(self, table: pd.DataFrame) -> None:
        curve = survival_curve(table)
        if len(curve):
            assert_frame_equal(survival_at(table, at_days=curve["time_days"]), curve)


def test_groups_keep_missing_and_typed_keys() -> None:
    table = pd.DataFrame(
        {
            "duration_days": [1, 2, 3, 4, 5],
            "observed": True,
            "segment": ["b", None, "a", "b", None],
            "plan": pd.Categorical(["x", "y", "x", "x", "y"], categories=["y", "x", "never"]),
        }
    )
    curve = survival_curve(table, ["segment", "plan"])
    assert curve["segment"].fillna("missing").tolist() == ["a", "b", "b", "missing", "missing"]
    assert curve["plan"].tolist() == ["x", "x", "x", "y", "y"]
    assert curve["time_days"].tolist() == [3, 1, 4, 2, 5]


@pytest.mark.slow
@pytest.mark.lifelines
def test_equals_lifelines_on_many_rows() -> None:
    from lifelines import KaplanMeierFitter

    rng = np.random.default_rng(5)
    enter = np.where(rng.random(20_000) < 0.3, rng.integers(1, 50, 20_000), 0)
    table = pd.DataFrame({"enter_days": enter, "duration_days": enter + rng.integers(1, 300, 20_000), "observed": rng.random(20_000) < 0.5})
    curve = survival_curve(table)
    theirs = KaplanMeierFitter().fit(table["duration_days"], table["observed"], entry=table["enter_days"])
    np.testing.assert_allclose(curve["estimate"], theirs.survival_function_at_times(curve["time_days"]), rtol=0, atol=1e-9)
