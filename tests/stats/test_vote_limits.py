import numpy as np
import pytest
from scipy import stats

from cs_analysis.errors import ParameterError
from cs_analysis.stats.clusters import clustered_net_share, clustered_share, design_effect, effective_number
from cs_analysis.stats.intervals import net_share
from cs_analysis.stats.vote_limits import How, Votes, effective_votes, mean_vote_limits, net_vote_limits, share_vote_limits


def single(count: int) -> Votes:
    return Votes(np.zeros(count, dtype="int64"), np.arange(count), np.ones(count))


class TestEffectiveNumber:
    def test_units_over_design_effect_and_quantiles(self) -> None:
        # four clusters of four, all or nothing: design effect 5; t(15) = 2.131450, t(3) = 3.182446: 16 / 5 x .448565 = 1.435409
        assert effective_number([4, 0, 4, 0], [4, 0, 4, 0], [4, 4, 4, 4]) == pytest.approx(1.435409, abs=1e-5)

    def test_one_unit_a_cluster_is_the_number_of_units(self) -> None:
        assert effective_number([1, -1, 0.5], [1, 1, 0.25], [1, 1, 1]) == 3

    def test_it_is_the_number_under_a_clustered_share(self) -> None:
        hits, sizes = np.array([3, 0, 2, 5]), np.array([4, 2, 5, 5])
        n, p, z = float(effective_number(hits, hits, sizes)), 10 / 16, stats.norm.ppf(0.975)
        found = clustered_share(hits, sizes)
        for limit in (found.conf_low, found.conf_high):
            assert abs(p - limit) == pytest.approx(z * np.sqrt(limit * (1 - limit) / n), rel=1e-9)  # what a score limit is
        assert design_effect(hits, hits, sizes) > 1

    def test_groups_stand_apart(self) -> None:
        found = effective_number([1, 1, 0, 3], [1, 1, 0, 3], [1, 1, 1, 4], groups=[0, 0, 0, 1])
        assert found[0] == 3
        assert np.isnan(found[1])  # a single cluster of four


class TestRowsThatStandForSeveralClusters:
    def test_they_equal_as_many_rows(self) -> None:
        kinds, times = np.array([[2, 0, 0], [1, 1, 0], [0, 0, 2], [0, 1, 1]]), np.array([2, 0, 3, 1])
        repeated = tuple(np.repeat(kinds, times, axis=0).T)
        np.testing.assert_allclose(clustered_net_share(tuple(kinds.T), times=times), clustered_net_share(repeated), rtol=1e-12)


class TestMeans:
    def test_binary_votes_are_wider_than_wilson_and_inside_the_scale(self) -> None:
        values = np.array([1.0] * 18 + [0.0] * 2)
        mean, share = (limits(values, votes=single(20), how=How()) for limits in (mean_vote_limits, share_vote_limits))
        assert 0 < mean.conf_low[0] < share.conf_low[0]
        assert share.conf_high[0] < mean.conf_high[0] < 1

    def test_a_scale_turned_round_turns_the_limits_round(self) -> None:
        values = np.array([0.9, 0.75, 1.0, 0.25, 0.5, 0.75])
        votes = Votes(np.zeros(6, dtype="int64"), np.array([0, 0, 1, 1, 2, 3]), np.ones(6))
        for method in ("score", "adjusted_wald"):
            found, turned = (mean_vote_limits(part, votes=votes, how=How(method)) for part in (values, 1 - values))
            assert (1 - turned.estimate[0], 1 - turned.conf_high[0], 1 - turned.conf_low[0]) == pytest.approx(tuple(part[0] for part in found))

    def test_many_votes_have_the_limits_of_the_t_distribution(self) -> None:
        values = np.random.default_rng(2).choice([0, 0.25, 0.5, 0.75, 1], 4000, p=[0.1, 0.1, 0.2, 0.4, 0.2])
        found = mean_vote_limits(values, votes=single(4000), how=How())
        half = stats.t.ppf(0.975, 3999) * values.std(ddof=1) / np.sqrt(4000)
        assert (found.conf_low[0], found.conf_high[0]) == pytest.approx((values.mean() - half, values.mean() + half), abs=half / 50)


class TestVotesOfSeveralAnswers:
    def test_independent_answers_count_one_by_one(self) -> None:
        rng = np.random.default_rng(5)
        hits = rng.binomial(4, 0.6, 3000) / 4
        votes = Votes(np.zeros(3000, dtype="int64"), np.arange(3000), np.full(3000, 4.0))
        assert effective_votes(hits, hits, votes=votes, conf_level=0.95)[0] == pytest.approx(12_000, rel=0.08)

    def test_never_fewer_than_votes_and_groups_stand_apart(self) -> None:
        values, answers = np.array([1.0, 0.0, 1.0, 0.5, 0.5]), np.array([3.0, 3.0, 3.0, 2.0, 2.0])
        votes = Votes(np.array([0, 0, 0, 1, 1]), np.arange(5), answers)
        found = effective_votes(values, values, votes=votes, conf_level=0.95)
        assert found[0] == pytest.approx(3)  # accounts that never disagree within: one answer each says as much
        assert found[1] == 2  # both halves are a half: four answers by the data, a quarter of one by t with 1 degree of freedom

    @pytest.mark.parametrize("method", ["score", "adjusted_wald"])
    def test_fractions_are_kept(self, method: str) -> None:
        votes = Votes(np.zeros(2, dtype="int64"), np.arange(2), np.array([2.0, 1.0]))
        found = net_vote_limits(np.array([0.5, 0.0]), np.array([0.5, 0.0]), votes=votes, how=How(method))
        expected = net_share((0.5, 1, 0.5), method=method)
        assert found.estimate[0] == 0
        assert expected.conf_low <= found.conf_low[0] + 1e-9  # at least two answers
        assert found.conf_low[0] == pytest.approx(-found.conf_high[0], abs=1e-9)


def test_what_is_no_choice() -> None:
    assert How("bootstrap", 0.9, 3).checked().conf_level == 0.9
    with pytest.raises(ParameterError, match="interval must be"):
        How("wald").checked()  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="conf_level"):
        How(conf_level=0).checked()
