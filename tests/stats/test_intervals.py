"""Intervals from counts against R, published tables, direct maximisation and their own definitions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from cs_analysis.errors import ParameterError
from cs_analysis.stats.intervals import Interval, difference, exact_poisson, net_share, net_share_difference, newcombe_difference, wilson

Reader = Callable[[str], pd.DataFrame]
Z = 1.959963984540054


class TestWilson:
    def test_equals_r(self, golden: Reader) -> None:
        for level, expected in golden("intervals/shares.csv").groupby("conf_level"):
            found = wilson(expected["successes"], expected["n"], conf_level=level)
            np.testing.assert_allclose(found.conf_low, expected["conf_low"], rtol=0, atol=1e-12)
            np.testing.assert_allclose(found.conf_high, expected["conf_high"], rtol=0, atol=1e-12)

    def test_by_hand(self) -> None:
        # 8 of 10, z^2 = 3.841459: centre (.8 + .192073) / 1.384146 = .716740; half 1.959964 sqrt(.016 + .009604) / 1.384146 = .226577
        share = wilson(8, 10)
        assert share.estimate == 0.8
        assert share.conf_low == pytest.approx(0.716740 - 0.226577, abs=2e-6)
        assert share.conf_high == pytest.approx(0.716740 + 0.226577, abs=2e-6)

    def test_edges_are_exact_and_empty_is_missing(self) -> None:
        found = wilson([0, 7, 0], [7, 7, 0])
        # nobody of 7: upper limit z^2 / (7 + z^2) = 3.841459 / 10.841459
        assert found.conf_low.tolist()[0] == 0
        assert found.conf_high.tolist()[1] == 1
        assert found.conf_high[0] == pytest.approx(0.354331, abs=1e-6)
        assert found.conf_low[1] == pytest.approx(1 - 0.354331, abs=1e-6)
        assert np.isnan([values[2] for values in found]).all()

    def test_scalars_in_floats_out(self) -> None:
        assert all(isinstance(value, float) for value in wilson(1, 2))

    @pytest.mark.parametrize(
        ("successes", "n", "message"), [(-1, 5, "successes must be finite"), (np.nan, 5, "successes must be finite"), (1, np.inf, "n must be finite")]
    )
    def test_impossible_counts(self, successes: float, n: float, message: str) -> None:
        with pytest.raises(ParameterError, match=message):
            wilson(successes, n)

    def test_more_successes_than_units(self) -> None:
        with pytest.raises(ParameterError, match="successes may not exceed n; entry 1 is 6"):
            wilson([1, 6], [5, 5])

    def test_no_numbers(self) -> None:
        with pytest.raises(ParameterError, match="n must hold numbers"):
            wilson(1, ["five"])

    @given(st.integers(0, 200), st.integers(1, 200), st.sampled_from([0.5, 0.8, 0.95, 0.999]))
    @settings(max_examples=100, deadline=None)
    def test_contains_its_estimate_and_mirrors(self, successes: int, n: int, conf_level: float) -> None:
        successes = min(successes, n)
        share, mirrored = wilson(successes, n, conf_level=conf_level), wilson(n - successes, n, conf_level=conf_level)
        assert 0 <= share.conf_low <= share.estimate <= share.conf_high <= 1
        assert mirrored.conf_low == pytest.approx(1 - share.conf_high, abs=1e-12)


class TestDifferences:
    @pytest.mark.parametrize(
        ("first", "second", "low", "high"),
        [
            # Newcombe (1998), table II, method 10
            ((56, 70), (48, 80), 0.0524, 0.3339),
            ((9, 10), (3, 10), 0.1705, 0.8090),
            ((6, 7), (2, 7), 0.0582, 0.8062),
            ((5, 56), (0, 29), -0.0381, 0.1926),
            ((0, 10), (0, 20), -0.1611, 0.2775),
            ((0, 10), (0, 10), -0.2775, 0.2775),
            ((10, 10), (0, 20), 0.6791, 1.0),
            ((10, 10), (0, 10), 0.6075, 1.0),
        ],
    )
    def test_published_table(self, first: tuple[int, int], second: tuple[int, int], low: float, high: float) -> None:
        gap = newcombe_difference(first, second)
        assert gap.estimate == pytest.approx(first[0] / first[1] - second[0] / second[1], abs=1e-15)
        assert (gap.conf_low, gap.conf_high) == (pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))

    def test_equals_statsmodels_elementwise(self) -> None:
        from statsmodels.stats.proportion import confint_proportions_2indep

        successes, n = np.array([[3, 40, 7], [5, 30, 7]]), np.array([[10, 100, 8], [12, 100, 30]])
        found = newcombe_difference((successes[0], n[0]), (successes[1], n[1]), conf_level=0.9)
        theirs = [
            confint_proportions_2indep(*column, method="newcomb", compare="diff", alpha=0.1)
            for column in zip(successes[0], n[0], successes[1], n[1], strict=True)
        ]
        np.testing.assert_allclose(np.column_stack(found[1:]), theirs, rtol=0, atol=1e-12)

    def test_swapping_the_groups_mirrors(self) -> None:
        there, back = newcombe_difference((3, 10), (5, 12)), newcombe_difference((5, 12), (3, 10))
        assert there.conf_low == pytest.approx(-back.conf_high, abs=1e-15)

    def test_limits_recovered_from_any_intervals(self) -> None:
        # 5 (4 to 7) minus 1 (0 to 3): low 4 - sqrt(1 + 4), high 4 + sqrt(4 + 1)
        gap = difference(Interval(5.0, 4.0, 7.0), Interval(1.0, 0.0, 3.0))
        assert gap == (4, pytest.approx(4 - 5**0.5), pytest.approx(4 + 5**0.5))

    def test_an_empty_group_is_missing(self) -> None:
        assert np.isnan(newcombe_difference((1, 5), (0, 0))).all()


class TestExactPoisson:
    def test_equals_r(self, golden: Reader) -> None:
        for level, expected in golden("intervals/rates.csv").groupby("conf_level"):
            found = exact_poisson(expected["occurrences"], expected["exposure"], conf_level=level)
            np.testing.assert_allclose(found.estimate, expected["occurrences"] / expected["exposure"], rtol=1e-15)
            np.testing.assert_allclose(found.conf_low, expected["conf_low"], rtol=1e-9)
            np.testing.assert_allclose(found.conf_high, expected["conf_high"], rtol=1e-9)

    def test_none_seen(self) -> None:
        # P(0 | rate x 10) = .025 -> rate = -log(.025) / 10
        assert exact_poisson(0, 10) == (0, 0, pytest.approx(-np.log(0.025) / 10, rel=1e-12))

    def test_no_exposure_is_missing(self) -> None:
        assert np.isnan(exact_poisson(0, 0)).all()

    def test_negative(self) -> None:
        with pytest.raises(ParameterError, match="occurrences must be finite numbers of at least 0; entry 1 is -2"):
            exact_poisson([1, -2], 10)


def restricted_z(t: float, minus: int, zero: int, plus: int) -> float:
    """Return the score statistic of net share t, its nuisance share found by maximising the likelihood directly."""
    n = minus + zero + plus

    def log_likelihood(q: float) -> float:
        shares = np.array([q, 1 - 2 * q - t, q + t])
        seen = np.array([minus, zero, plus])
        return -float(np.sum(seen[seen > 0] * np.log(np.maximum(shares[seen > 0], 1e-300))))

    q = minimize_scalar(log_likelihood, bounds=(max(0.0, -t), (1 - t) / 2), method="bounded", options={"xatol": 1e-13}).x
    return float(((plus - minus) / n - t) / np.sqrt(max(2 * q + t - t * t, 1e-300) / n))


class TestNetShare:
    @pytest.mark.parametrize(
        ("method", "low", "high"),
        # published for (20, 30, 50) on -1..1
        [("score", 0.139551, 0.443393), ("adjusted_wald", 0.140511, 0.442013), ("wald", 0.146922, 0.453078)],
    )
    def test_published_values(self, method: str, low: float, high: float) -> None:
        assert net_share((20, 30, 50), method=method) == (pytest.approx(0.3), pytest.approx(low, abs=5e-7), pytest.approx(high, abs=5e-7))

    @pytest.mark.slow
    @given(st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40)).filter(any))
    @settings(max_examples=60, deadline=None)
    def test_score_limits_are_where_the_score_statistic_is_z(self, counts: tuple[int, int, int]) -> None:
        net = net_share(counts)
        if net.conf_low > -1:
            assert restricted_z(net.conf_low, *counts) == pytest.approx(Z, abs=2e-4)
        if net.conf_high < 1:
            assert restricted_z(net.conf_high, *counts) == pytest.approx(-Z, abs=2e-4)

    @pytest.mark.slow
    @given(st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40)).filter(any), st.sampled_from(["score", "adjusted_wald", "wald"]))
    @settings(max_examples=100, deadline=None)
    def test_contains_its_estimate_within_the_scale_and_mirrors(self, counts: tuple[int, int, int], method: str) -> None:
        net, mirrored = net_share(counts, method=method), net_share(counts[::-1], method=method)
        assert -1 <= net.conf_low <= net.estimate <= net.conf_high <= 1
        assert mirrored.conf_low == pytest.approx(-net.conf_high, abs=1e-9)

    @given(st.integers(0, 60), st.integers(1, 60))
    @settings(max_examples=60, deadline=None)
    def test_without_zeros_it_is_wilson_on_another_scale(self, plus: int, n: int) -> None:
        plus = min(plus, n)
        net, share = net_share((n - plus, 0, plus)), wilson(plus, n)
        np.testing.assert_allclose(net, [2 * value - 1 for value in share], rtol=0, atol=1e-9)

    def test_everybody_in_one_class(self) -> None:
        # all zero, n = 10: t = z^2 / (n + z^2) either way; all plus: (n - z^2) / (n + z^2) to 1
        found = net_share(([10, 0, 0], [0, 10, 0], [0, 0, 10]))
        edge = Z**2 / (10 + Z**2)
        np.testing.assert_allclose(found.conf_low, [-1, -edge, 1 - 2 * edge], rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.conf_high, [2 * edge - 1, edge, 1], rtol=0, atol=1e-12)

    @pytest.mark.parametrize("method", ["score", "adjusted_wald", "wald"])
    def test_no_answer_is_missing(self, method: str) -> None:
        found = net_share(([0, 1], [0, 1], [0, 1]), method=method)
        assert np.isnan([values[0] for values in found]).all()
        assert not np.isnan([values[1] for values in found]).any()

    def test_a_higher_level_is_wider(self) -> None:
        assert net_share((5, 5, 5), conf_level=0.99).conf_high > net_share((5, 5, 5), conf_level=0.9).conf_high

    def test_unknown_method(self) -> None:
        with pytest.raises(ParameterError, match="method must be 'score', 'adjusted_wald' or 'wald', not 'exact'"):
            net_share((1, 1, 1), method="exact")

    def test_difference_by_hand(self) -> None:
        # (20.75, 31.5, 50.75) of 103: .291262, variance (.694175 - .084834) / 103 = .0059159
        # (30.75, 31.5, 40.75) of 103: .097087, variance (.694175 - .009426) / 103 = .0066481
        # .194175 -/+ 1.959964 x .112089 = .194175 -/+ .219691
        change = net_share_difference((20, 30, 50), (30, 30, 40))
        assert change == (pytest.approx(0.2), pytest.approx(-0.025516, abs=2e-6), pytest.approx(0.413866, abs=2e-6))

    def test_difference_stays_on_its_scale_and_is_missing_without_answers(self) -> None:
        change = net_share_difference(([0, 0], [0, 0], [1, 5]), ([1, 0], [0, 0], [0, 0]))
        assert (change.estimate[0], change.conf_high[0]) == (2, 2)
        assert np.isnan([values[1] for values in change]).all()
