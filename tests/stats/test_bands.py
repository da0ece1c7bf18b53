"""Simultaneous bands against R's km.ci, printed tables of critical values, an independent iteration of the process, and simulated curves."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.bands import critical_value, survival_band
from cs_analysis.stats.survival import survival_curve

Reader = Callable[[str], pd.DataFrame]

CASES = {
    "lung": ("lung", None),
    "lung_between": ("lung", None),
    "lung_men": ("lung", "sex == 1"),
    "veteran": ("veteran", None),
    "veteran_adeno": ("veteran", "celltype == 'adeno'"),
    "veteran_between": ("veteran", None),
    "heart": ("heart", None),
}
METHODS = ["equal_precision", "hall_wellner"]
LIMITS = ["conf_low", "conf_high"]


@pytest.fixture
def ten() -> pd.DataFrame:
    """Return ends at days 1 to 10, nobody censored."""
    return pd.DataFrame({"duration_days": np.arange(1.0, 11.0), "observed": True})


def odds(a: float) -> float:
    """Return a / (1 - a), the ends 0 and 1 of the bridge moved inside."""
    inside = min(max(a, 1e-12), 1 - 1e-12)
    return inside / (1 - inside)


def bridge_c(low: float, high: float, method: str, conf_level: float = 0.95) -> float:
    return critical_value(odds(low), odds(high), method=method, conf_level=conf_level)


def stays(c: float, low: float, high: float, *, steps: int = 256, points: int = 240) -> float:
    """Return the probability that |B| / sqrt(a (1 - a)) stays below c, by walking along the stretch in short steps.

    In time u = a / (1 - a) the bridge is a Brownian motion W / (1 + u), and c becomes the boundary c sqrt(u). The step from u to r u is the
    same for every u once W is divided by sqrt(u). The chance to cross between two points below a straight boundary is
    exp(-2 (distance at the start) (distance at the end) / step); the boundary is taken as straight within a step.
    """
    ratio = (odds(high) / odds(low)) ** (1 / steps)
    x, weight = np.polynomial.legendre.leggauss(points)
    start, end = c * x[:, None], c * x[None, :] * np.sqrt(ratio)
    density = np.exp(-((end - start) ** 2) / (2 * (ratio - 1))) / np.sqrt(2 * np.pi * (ratio - 1))
    crossing = sum(np.exp(-2 * (c - side * start) * (c * np.sqrt(ratio) - side * end) / (ratio - 1)) for side in (1, -1))
    step = density * np.maximum(1 - crossing, 0) * c * np.sqrt(ratio) * weight[None, :]
    normal = np.exp(-((c * x) ** 2) / 2) / np.sqrt(2 * np.pi) * c * weight
    return float(normal @ np.linalg.matrix_power(step, steps) @ np.ones(points))


class TestCriticalValues:
    def test_hall_wellner_equals_the_printed_table(self, golden: Reader) -> None:
        table = golden("bands/critical_values.csv").query("method == 'hall_wellner'")
        found = [bridge_c(row.low, row.high, row.method, row.conf_level) for row in table.itertuples()]
        assert len(table) > 200
        # four printed digits; the last one is a unit off where the table repeats the value of the whole bridge (1.2239 for 1.22385)
        np.testing.assert_allclose(found, table["critical_value"], rtol=0, atol=8e-5)

    def test_whole_bridge_is_kolmogorov(self) -> None:
        # the quantiles of the Kolmogorov distribution, as printed everywhere
        found = [bridge_c(0, 1, "hall_wellner", level) for level in (0.9, 0.95, 0.99)]
        assert found == pytest.approx([1.2238, 1.3581, 1.6276], abs=6e-5)

    @pytest.mark.parametrize(("low", "high"), [(0.1, 0.9), (0.05, 0.95), (0.2, 0.4), (0.45, 0.55)])
    @pytest.mark.parametrize("conf_level", [0.8, 0.95])
    def test_equal_precision_equals_a_walk_along_the_stretch(self, low: float, high: float, conf_level: float) -> None:
        c = bridge_c(low, high, "equal_precision", conf_level)
        assert stays(c, low, high) == pytest.approx(conf_level, abs=3e-5)
        assert stays(c + 1e-3, low, high) > conf_level > stays(c - 1e-3, low, high)

    def test_printed_equal_precision_table_is_an_approximation(self, golden: Reader) -> None:
        # Nair's table solves 4 phi(c) / c + phi(c) (c - 1 / c) log(odds ratio) = 1 - level, which holds for large c; the exact values are
        # within 0.02 of it on stretches of some length and well below it on short ones
        table = golden("bands/critical_values.csv").query("method == 'equal_precision'")
        ratio = (table["high"] / (1 - table["high"])) / (table["low"] / (1 - table["low"]))
        c = table["critical_value"]
        tail = np.exp(-(c**2) / 2) / np.sqrt(2 * np.pi) * (4 / c + (c - 1 / c) * np.log(ratio))
        np.testing.assert_allclose(tail, 1 - table["conf_level"], atol=3e-5)
        exact = np.array([bridge_c(row.low, row.high, row.method, row.conf_level) for row in table.itertuples()])
        long = ratio > 3
        assert np.abs(exact - c)[long].max() < 0.02
        assert (exact - c)[ratio < 1.6].max() < 0

    @pytest.mark.parametrize(("method", "share"), [("equal_precision", 1.0), ("hall_wellner", 0.5)])
    def test_a_single_time_needs_the_normal_quantile(self, method: str, share: float) -> None:
        # the bridge at a = 1/2 has standard deviation 1/2; a stretch next to nothing needs next to nothing more
        assert critical_value(1.0, 1.0, method=method) == pytest.approx(1.959964 * share, abs=1e-6)
        # a length t adds about 2 sqrt(t / pi), here with t = 5e-7: .000798
        assert critical_value(1.0, 1.000001, method=method) == pytest.approx((1.959964 + 0.000798) * share, abs=1e-5)

    @pytest.mark.parametrize("method", METHODS)
    def test_longer_stretches_and_higher_levels_need_more(self, method: str) -> None:
        by_stretch = [bridge_c(0.5 - part, 0.5 + part, method) for part in (0.001, 0.01, 0.1, 0.3, 0.49)]
        by_level = [bridge_c(0.1, 0.9, method, level) for level in (0.01, 0.5, 0.9, 0.99, 0.9999, 0.9999999)]
        assert (np.diff(by_stretch) > 0).all()
        assert (np.diff(by_level) > 0).all()


class TestAgainstR:
    @pytest.mark.parametrize("case", CASES)
    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("conf_level", [0.95, 0.9])
    def test_band_with_their_critical_value(self, golden: Reader, case: str, method: str, conf_level: float) -> None:
        expected = golden("bands/bands.csv").query("case == @case and method == @method and conf_level == @conf_level")
        data, rows = CASES[case]
        table = golden(f"survival/{data}.csv")
        low, high, theirs, start, end = expected.iloc[0][["low", "high", "critical_value", "odds_low", "odds_high"]].tolist()
        between = None if np.isnan(low) else (low, high)
        band = survival_band(table.query(rows) if rows else table, method=method, between=between, conf_level=conf_level).dropna(subset=LIMITS)
        if between:  # theirs lists the step in force when the stretch begins
            expected = expected[expected["time_days"] >= low]
        factor = theirs / critical_value(start, end, method=method, conf_level=conf_level)
        # on the scale of log(-log S) the limits are proportional to the critical value
        logged = np.log(band["estimate"].to_numpy())
        for side in LIMITS:
            with np.errstate(divide="ignore"):  # a few limits at the first ends are 0 and 1 in floating point
                scaled = np.exp(logged * np.exp(np.log(np.log(band[side].to_numpy()) / logged) * factor))
            np.testing.assert_allclose(scaled, expected[side], rtol=0, atol=1e-9)
        np.testing.assert_allclose(band[["time_days", "estimate", "n"]], expected[["time_days", "estimate", "n"]], rtol=0, atol=1e-9)

    @pytest.mark.parametrize("case", ["lung", "veteran", "heart"])
    def test_hall_wellner_band_as_it_is(self, golden: Reader, case: str) -> None:
        # whole curves: the table has the exact value to four digits
        expected = golden("bands/bands.csv").query("case == @case and method == 'hall_wellner' and conf_level == 0.95")
        band = survival_band(golden(f"survival/{case}.csv"), method="hall_wellner").dropna(subset=LIMITS)
        np.testing.assert_allclose(band[LIMITS], expected[LIMITS], rtol=0, atol=1e-4)


class TestByHand:
    def test_hall_wellner(self, ten: pd.DataFrame) -> None:
        # nobody censored: n V = (1 - S) / S and a = 1 - S, from .2 at day 2 to .8 at day 8. Printed critical value: 1.3554.
        # Day 5: S = 1/2, n V = 1, w = 1.3554 x 2 / sqrt(10) = .85723, w / log(1/2) = -1.23672, exp = .29034; log S x .29034 = -.20125
        # gives .81771, log S / .29034 = -2.38737 gives .09187.
        band = survival_band(ten, method="hall_wellner", between=(2, 8)).set_index("time_days")
        assert band.loc[5, "conf_low"] == pytest.approx(0.09187, abs=3e-5)
        assert band.loc[5, "conf_high"] == pytest.approx(0.81771, abs=3e-5)

    def test_equal_precision(self, ten: pd.DataFrame) -> None:
        # c solves the walk: P(2.9067) = .95 from a = .2 to .8. Day 5: V = 1/10, w = 2.9067 x .316228 = .91918, w / log(1/2) = -1.32610,
        # exp = .26551; -.69315 x .26551 = -.18404 gives .83190, -.69315 / .26551 = -2.61063 gives .07349.
        assert stays(2.9067, 0.2, 0.8) == pytest.approx(0.95, abs=3e-5)
        band = survival_band(ten, method="equal_precision", between=(2, 8)).set_index("time_days")
        assert band.loc[5, "conf_low"] == pytest.approx(0.07349, abs=3e-5)
        assert band.loc[5, "conf_high"] == pytest.approx(0.83190, abs=3e-5)

    def test_shape_and_what_lies_outside_the_stretch(self, ten: pd.DataFrame) -> None:
        band = survival_band(ten, between=(2, 8))
        assert_frame_equal(band.drop(columns=LIMITS), survival_curve(ten).drop(columns=LIMITS))
        assert list(band.columns) == list(survival_curve(ten).columns)
        assert band["time_days"][band["conf_low"].notna()].tolist() == [2, 3, 4, 5, 6, 7, 8]
        assert band["conf_low"].isna().equals(band["conf_high"].isna())

    def test_default_stretch_ends_before_the_curve_is_zero(self, ten: pd.DataFrame) -> None:
        band = survival_band(ten)
        assert band["conf_low"].notna().tolist() == [True] * 9 + [False]
        assert_frame_equal(band, survival_band(ten, between=(0, 1000)))
        assert_frame_equal(band, survival_band(ten, between=(1, 9)))

    def test_stretch_begins_with_the_step_in_force(self, ten: pd.DataFrame) -> None:
        # from day 2.5 the curve is still that of day 2: the same critical value as from day 2 on, one row less
        from_two, later = survival_band(ten, between=(2, 8)), survival_band(ten, between=(2.5, 8.9))
        assert np.isnan(later["conf_low"].iloc[1])
        assert_frame_equal(later.iloc[2:], from_two.iloc[2:])

    def test_one_end_in_the_stretch_needs_the_limits_of_a_single_time(self, ten: pd.DataFrame) -> None:
        curve = survival_curve(ten).iloc[4]
        for method in METHODS:
            row = survival_band(ten, method=method, between=(5, 5.5)).iloc[4]
            assert row[LIMITS].tolist() == pytest.approx(curve[LIMITS].tolist(), abs=1e-12)

    def test_no_end_in_the_stretch(self, ten: pd.DataFrame) -> None:
        assert survival_band(ten, between=(5.1, 5.9))[LIMITS].isna().all(axis=None)

    def test_nobody_ended_gives_no_row(self, ten: pd.DataFrame) -> None:
        band = survival_band(ten.assign(observed=False))
        assert band.empty
        assert list(band.columns) == list(survival_curve(ten).columns)

    def test_one_unit_has_no_limits(self) -> None:
        band = survival_band(pd.DataFrame({"duration_days": [7], "observed": [True]}))
        assert band[["time_days", "estimate", "n"]].to_numpy().tolist() == [[7, 0, 1]]
        assert band[LIMITS].isna().all(axis=None)

    def test_times_of_the_stretch_are_read_in_steps(self) -> None:
        table = pd.DataFrame({"duration_days": [0.3, 0.5, 1.0], "observed": [True, True, False]})
        assert survival_band(table, between=(0.1 + 0.2, 0.5))["conf_low"].notna().all()


class TestLeftTruncation:
    def test_curve_that_is_zero_early_has_no_band_from_there_on_and_warns_the_caller(self) -> None:
        table = pd.DataFrame({"enter_days": [0, 0, 3, 3], "duration_days": [1, 2, 5, 6], "observed": [True, True, True, False]})
        with pytest.warns(UserWarning, match="all units at risk at 2 days ended") as caught:
            band = survival_band(table)
        assert [warning.filename for warning in caught] == [__file__]
        assert band["conf_low"].notna().tolist() == [True, False, False]


class TestInput:
    @pytest.mark.parametrize("method", ["nair", "", None])
    def test_unknown_method(self, ten: pd.DataFrame, method: object) -> None:
        with pytest.raises(ParameterError, match="method must be 'equal_precision' or 'hall_wellner', not"):
            survival_band(ten, method=method)

    @pytest.mark.parametrize("between", [(8, 2), (3, 3), (-1, 5), (1, np.nan), (1, np.inf), (1, 2, 3), 5])
    def test_stretch_that_does_not_rise(self, ten: pd.DataFrame, between: object) -> None:
        with pytest.raises(ParameterError, match="between must hold two numbers of days, the lower first"):
            survival_band(ten, between=between)

    @pytest.mark.parametrize("conf_level", [0, 1, 95])
    def test_confidence_level(self, ten: pd.DataFrame, conf_level: float) -> None:
        with pytest.raises(ParameterError, match="conf_level must lie between 0 and 1"):
            survival_band(ten, conf_level=conf_level)

    def test_level_that_rounding_would_decide(self, ten: pd.DataFrame) -> None:
        with pytest.raises(ParameterError, match="must not exceed 1 - 1e-8"):
            survival_band(ten, conf_level=1 - 1e-9)

    def test_no_rows_and_no_columns(self, ten: pd.DataFrame) -> None:
        with pytest.raises(NotEnoughDataError, match="has no row"):
            survival_band(ten.iloc[:0])
        with pytest.raises(MissingColumnsError, match="'observed', 'segment'"):
            survival_band(ten[["duration_days"]], "segment")

    @pytest.mark.parametrize("key", ["time_days", "estimate"])
    def test_key_that_clashes_with_the_result(self, ten: pd.DataFrame, key: str) -> None:
        with pytest.raises(ParameterError, match="a key column may not be called"):
            survival_band(ten.assign(**{key: 1}), key)


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Draw small tables with ties, late entries, counts and two groups."""
    rows = draw(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 7), st.booleans(), st.integers(1, 3), st.sampled_from("ab")), min_size=1, max_size=14))
    table = pd.DataFrame(rows, columns=["duration_days", "enter_days", "observed", "count", "segment"])
    return table.assign(enter_days=np.where(table["enter_days"] < table["duration_days"], table["enter_days"], 0))


@pytest.mark.filterwarnings("ignore:all units at risk")
class TestLaws:
    @pytest.mark.slow
    @given(tables(), st.sampled_from(METHODS), st.sampled_from([None, (1, 5)]))
    @settings(max_examples=60, deadline=None)
    def test_by_equals_the_group_alone_and_counts_equal_repeated_rows(self, table: pd.DataFrame, method: str, between: tuple[float, float] | None) -> None:
        repeated = table.loc[table.index.repeat(table["count"])].drop(columns="count")
        together = survival_band(table, "segment", method=method, between=between)
        assert_frame_equal(survival_band(repeated, "segment", method=method, between=between), together)
        for segment, part in repeated.groupby("segment"):
            alone = together[together["segment"] == segment].drop(columns="segment").reset_index(drop=True)
            assert_frame_equal(survival_band(part, method=method, between=between), alone)

    @pytest.mark.slow
    @given(tables(), st.sampled_from([None, (1, 5)]))
    @settings(max_examples=60, deadline=None)
    def test_equal_precision_contains_the_limits_of_single_times(self, table: pd.DataFrame, between: tuple[float, float] | None) -> None:
        curve, band = survival_curve(table, "segment"), survival_band(table, "segment", between=between)
        known = band["conf_low"].notna()
        assert (band["conf_low"][known] <= curve["conf_low"][known] + 1e-12).all()
        assert (band["conf_high"][known] >= curve["conf_high"][known] - 1e-12).all()
        assert known.sum() == (curve["conf_low"].notna() & (curve["time_days"].between(1, 5) if between else True)).sum()


@pytest.mark.slow
@pytest.mark.coverage
def test_bands_cover_the_whole_curve_and_single_times_do_not(repository: Path) -> None:
    study = runpy.run_path(str(repository / "benchmarks" / "coverage" / "bands.py"))["study"]
    found = pd.DataFrame(study(400, sizes=(50, 200), seed=1)).set_index(["stretch", "method"])["coverage"].sort_index()  # simulation error 1.1 points
    assert found["20 to 200 days", "equal_precision"].between(0.92, 0.985).all()
    assert found["20 to 200 days", "hall_wellner"].between(0.92, 0.985).all()
    assert found["default", "hall_wellner"].between(0.9, 0.985).all()
    assert found["default", "equal_precision"].between(0.85, 0.95).all()  # the first end is no matter of normal limits
    assert found["20 to 200 days", "single times"].max() < 0.75
    assert found["default", "single times"].max() < 0.55


def test_limits_too_wide_for_floating_point_are_zero_and_one() -> None:
    # first one of 2 x 10^10 units ends, then half of them: log S = -5 x 10^-11, w = c / sqrt(n) with c about 1, exp(-w / log S) = exp(10^5)
    table = pd.DataFrame({"duration_days": [1, 2, 3], "observed": [True, True, False], "count": [1, 10**10, 10**10 - 1]})
    assert survival_band(table, method="hall_wellner")[LIMITS].iloc[0].tolist() == [0, 1]


@pytest.mark.slow
def test_a_million_rows(record_property: Callable[[str, object], None]) -> None:
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"duration_days": rng.exponential(100, 1_000_000).round(3), "observed": rng.random(1_000_000) < 0.7})
    began = perf_counter()
    band = survival_band(table, between=(1, 300))
    record_property("seconds", perf_counter() - began)
    inside = band.dropna(subset=LIMITS)
    # ends at rate .007 of the hazard .01 that both kinds of leaving share: S(t) = exp(-.007 t)
    truth = np.exp(-0.007 * inside["time_days"])
    assert ((inside["conf_low"] < truth) & (truth < inside["conf_high"])).all()
    assert (inside["conf_high"] - inside["conf_low"]).max() < 0.005
