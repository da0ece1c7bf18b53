"""Intervals for clustered units: equal to the plain ones for single units, to R's cluster variance, and honest at the edges."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cs_analysis.errors import ParameterError
from cs_analysis.stats.clusters import clustered_net_share, clustered_share, design_effect
from cs_analysis.stats.intervals import net_share, wilson

Reader = Callable[[str], pd.DataFrame]


def matrix_freedom(sizes: np.ndarray, spread: np.ndarray) -> float:
    """Return Satterthwaite's degrees of freedom of the variance between clusters, from whole matrices."""
    part = sizes / sizes.sum()
    residuals = np.eye(len(sizes)) - np.outer(part, np.ones(len(sizes)))
    covariance = residuals @ np.diag(spread) @ residuals.T
    root = np.diag((1 - part) ** -0.5)
    middle = root @ covariance @ root
    return float(np.trace(middle) ** 2 / np.trace(middle @ middle))


class TestAgainstR:
    def test_design_effect_is_clustered_over_plain_variance(self, golden: Reader) -> None:
        data = golden("intervals/clusters.csv")
        variances = golden("intervals/clustered_variances.csv").set_index("quantity")
        ratio = variances["clustered"] / variances["plain"]
        assert design_effect(data["plus"], data["plus"], data["size"]) == pytest.approx(ratio["share"], rel=1e-10)
        net, moved = data["plus"] - data["minus"], data["plus"] + data["minus"]
        assert design_effect(net, moved, data["size"]) == pytest.approx(ratio["net"], rel=1e-10)

    def test_degrees_of_freedom_of_independent_units(self, golden: Reader) -> None:
        sizes = golden("intervals/clusters.csv")["size"].to_numpy(float)
        expected = golden("intervals/clustered_variances.csv")["freedom"].iloc[0]
        assert matrix_freedom(sizes, sizes) == pytest.approx(expected, rel=1e-10)

    def test_estimates(self, golden: Reader) -> None:
        data = golden("intervals/clusters.csv")
        means = golden("intervals/clustered_variances.csv").set_index("quantity")["mean"]
        assert clustered_share(data["plus"], data["size"]).estimate == pytest.approx(means["share"], rel=1e-12)
        counts = (data["minus"], data["size"] - data["plus"] - data["minus"], data["plus"])
        assert clustered_net_share(counts).estimate == pytest.approx(means["net"], rel=1e-12)


class TestByHand:
    def test_perfect_likeness(self) -> None:
        # four clusters of four: all or nothing. Residuals -/+2: 4 x 4 / 16^2 x 4/3 = 1/12; independent units: .25 / 15. Ratio 5.
        assert design_effect([4, 0, 4, 0], [4, 0, 4, 0], [4, 4, 4, 4]) == pytest.approx(5, rel=1e-12)

    def test_unequal_clusters_against_whole_matrices(self, golden: Reader) -> None:
        data = golden("intervals/clusters.csv").astype(float)
        sizes, hits, units = data["size"].to_numpy(), data["plus"].to_numpy(), data["size"].sum()
        effect = design_effect(hits, hits, sizes)
        likeness = (effect - 1) / ((sizes**2).sum() / units - 1)
        freedom = matrix_freedom(sizes, sizes * (1 + likeness * (sizes - 1)))
        n = units / effect * (stats.t.ppf(0.95, units - 1) / stats.t.ppf(0.95, freedom)) ** 2
        expected = wilson(hits.sum() / units * n, n, conf_level=0.9)
        np.testing.assert_allclose(clustered_share(hits, sizes, conf_level=0.9), expected, rtol=1e-9)

    def test_wilson_on_the_effective_number(self) -> None:
        # p = .45; squared residuals 2 (4.5^2 + 3.5^2 + 2.5^2) = 77.5; 77.5 / 3600 x 6/5 = .0258333; over .2475 / 59 = 6.158249.
        # 60 / 6.158249 = 9.743029 effective units; t(59) = 2.000995, t(5) = 2.570582: x (.778421)^2 = 5.903715
        found = clustered_share([9, 0, 8, 1, 7, 2], [10] * 6)
        expected = wilson(0.45 * 5.903715, 5.903715)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)

    def test_equal_shares_in_all_clusters_are_no_better_than_independent_units(self) -> None:
        assert design_effect([1, 1, 1], [1, 1, 1], [2, 2, 2]) == 1

    def test_silence_about_likeness_is_read_as_full_likeness(self) -> None:
        # nobody succeeds in clusters of 2, 3 and 5: (4 + 9 + 25) / 10 = 3.8, so that 100/38 effective units remain
        assert design_effect([0, 0, 0], [0, 0, 0], [2, 3, 5]) == pytest.approx(3.8)
        assert clustered_share([0, 0, 0], [2, 3, 5]).conf_high > wilson(0, 10).conf_high

    def test_values_that_differ_by_rounding_only(self) -> None:
        assert design_effect([0.1 + 0.2, 0.6, 0.9], [0.09, 0.18, 0.27], [1, 2, 3]) == pytest.approx(14 / 6)


counts = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6), st.integers(0, 2)), min_size=1, max_size=20)


class TestLaws:
    @pytest.mark.slow
    @given(st.lists(st.integers(0, 2), min_size=1, max_size=30))
    @settings(max_examples=80, deadline=None)
    def test_one_unit_a_cluster_is_the_plain_interval(self, kinds: list[int]) -> None:
        minus, zero, plus = (np.array([kind == k for kind in kinds], dtype=int) for k in range(3))
        np.testing.assert_allclose(clustered_share(plus, np.ones(len(kinds))), wilson(plus.sum(), len(kinds)), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(clustered_net_share((minus, zero, plus)), net_share((minus.sum(), zero.sum(), plus.sum())), rtol=1e-9, atol=1e-9)

    @pytest.mark.slow
    @given(counts)
    @settings(max_examples=80, deadline=None)
    def test_groups_are_the_group_alone_in_any_order_and_empty_clusters_change_nothing(self, rows: list[tuple[int, int, int, int]]) -> None:
        minus, zero, plus, group = np.array(rows).T
        together = clustered_net_share((minus, zero, plus), groups=group)
        shares = clustered_share(plus, minus + zero + plus, groups=group)
        assert len(together.estimate) == group.max() + 1
        for code in range(group.max() + 1):
            inside = np.flatnonzero(group == code)[::-1]
            part = [np.append(values[inside], 0) for values in (minus, zero, plus)]
            np.testing.assert_allclose([values[code] for values in together], clustered_net_share(tuple(part)), rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose([values[code] for values in shares], clustered_share(part[2], sum(part)), rtol=1e-9, atol=1e-9)

    @pytest.mark.slow
    @given(counts)
    @settings(max_examples=80, deadline=None)
    def test_contains_its_estimate_and_is_never_narrower_than_the_plain_interval(self, rows: list[tuple[int, int, int, int]]) -> None:
        minus, zero, plus, _ = np.array(rows).T
        net = clustered_net_share((minus, zero, plus))
        if not np.isnan(net.conf_low):
            plain = net_share((minus.sum(), zero.sum(), plus.sum()))
            assert -1 <= net.conf_low <= plain.conf_low + 1e-9
            assert plain.conf_high - 1e-9 <= net.conf_high <= 1


class TestEdges:
    def test_nothing_at_all(self) -> None:
        assert np.isnan(clustered_share([], [])).all()
        assert np.isnan(clustered_net_share(([0, 0], [0, 0], [0, 0]))).all()
        assert np.isnan(design_effect([], [], []))
        assert clustered_share([], [], groups=np.array([], dtype=int)).estimate.shape == (0,)

    def test_single_cluster_has_an_estimate_without_limits(self) -> None:
        share = clustered_share([3], [10])
        assert share.estimate == 0.3
        assert np.isnan([share.conf_low, share.conf_high]).all()

    def test_single_cluster_of_one_unit_is_the_plain_interval(self) -> None:
        np.testing.assert_allclose(clustered_share([1], [1]), wilson(1, 1), rtol=1e-12)

    def test_group_number_nobody_has(self) -> None:
        found = clustered_share([1, 1], [2, 2], groups=[0, 2])
        assert np.isnan(found.estimate).tolist() == [False, True, False]


class TestInput:
    def test_more_successes_than_units(self) -> None:
        with pytest.raises(ParameterError, match="successes may not exceed totals; cluster 1"):
            clustered_share([1, 3], [2, 2])

    def test_negative(self) -> None:
        with pytest.raises(ParameterError, match="zero must be finite numbers of at least 0; cluster 0 has -1"):
            clustered_net_share(([1], [-1], [1]))

    def test_sums_may_be_negative_but_not_missing(self) -> None:
        assert np.isfinite(design_effect([-1, 2], [1, 2], [2, 2]))
        with pytest.raises(ParameterError, match="sums must be finite numbers; cluster 1 has nan"):
            design_effect([1, np.nan], [1, 1], [2, 2])

    def test_lengths(self) -> None:
        with pytest.raises(ParameterError, match="one entry a cluster"):
            clustered_share([1, 1], [2, 2, 2])

    @pytest.mark.parametrize("groups", [[0.0, 1.0], [-1, 0], ["a", "b"]])
    def test_groups(self, groups: list[object]) -> None:
        with pytest.raises(ParameterError, match="groups must be whole numbers"):
            clustered_share([1, 1], [2, 2], groups=groups)


def test_rows_that_stand_for_several_clusters_equal_the_clusters_themselves() -> None:
    hits, units, groups, counts = [2, 0, 1, 1, 0], [3, 2, 1, 4, 1], [0, 0, 0, 1, 1], [4, 7, 2, 1, 5]
    spread = [np.repeat(column, counts) for column in (hits, units, groups)]
    together = clustered_share(hits, units, groups=groups, counts=counts)
    np.testing.assert_allclose(together, clustered_share(spread[0], spread[1], groups=spread[2]), rtol=1e-12)
    one = clustered_share(hits[:3], units[:3], counts=counts[:3])
    assert one.estimate == 10 / 28  # (4 x 2 + 7 x 0 + 2 x 1) / (4 x 3 + 7 x 2 + 2 x 1)
