"""Changes between samples that share clusters: by hand, against the independent and the paired form, and against a loop over clusters."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import special

from cs_analysis.errors import ParameterError
from cs_analysis.stats.intervals import Interval, net_share_difference, newcombe_difference
from cs_analysis.stats.paired_scores import Answers, Kind, Pairs, paired_differences, sample_differences
from cs_analysis.stats.vote_limits import How, Votes, mean_vote_limits

KINDS: tuple[Kind, ...] = ("net", "top", "mean")
Z = special.ndtri(0.975)


def answered(scores: list[int], samples: list[int], clusters: list[int]) -> Answers:
    """Return answers from 0 to 10, read as nps."""
    score = np.array(scores, dtype="float64")
    flags = [(each).astype("float64") for each in (score <= 6, score >= 9)]
    return Answers(*flags, score / 10, np.array(samples, dtype="int64"), np.array(clusters, dtype="int64"))


def panel(seed: int, *, size: int = 40, shared: float = 0.6) -> Answers:
    """Return two samples of which some clusters are in both, with up to three answers each."""
    rng = np.random.default_rng(seed)
    who = [(sample, cluster) for sample in (0, 1) for cluster in range(size) if rng.random() < shared for _ in range(rng.integers(1, 4))]
    level = rng.normal(0, 1.5, size)
    scores = [int(np.clip(round(8 + level[cluster] + rng.normal()), 0, 10)) for _, cluster in who]
    return answered(scores, [sample for sample, _ in who], [cluster for _, cluster in who])


ONCE = Pairs(np.array([1]), np.array([0]))


def limits(found: Interval) -> list[float]:
    """Return the single entry of an interval."""
    return [float(np.asarray(part)[0]) for part in found]


def test_without_a_shared_cluster_net_shares_have_the_limits_of_independent_samples() -> None:
    counts = {0: (30, 30, 40), 1: (20, 30, 50)}
    scores = [score for sample in (0, 1) for score, count in zip((3, 8, 10), counts[sample], strict=True) for _ in range(count)]
    rows = answered(scores, [0] * 100 + [1] * 100, list(range(200)))
    expected = net_share_difference(counts[1], counts[0])  # 0.20 (-0.0255 to 0.4139)
    np.testing.assert_allclose(limits(sample_differences(rows, ONCE, kind="net")), [float(value) for value in expected], rtol=1e-12)


def test_without_a_shared_cluster_shares_have_newcombes_limits() -> None:
    rows = answered([10] * 48 + [0] * 32 + [10] * 56 + [0] * 14, [0] * 80 + [1] * 70, list(range(150)))
    np.testing.assert_allclose(limits(sample_differences(rows, ONCE, kind="top")), newcombe_difference((56, 70), (48, 80)), rtol=1e-12)
    assert limits(sample_differences(rows, ONCE, kind="top"))[1] == pytest.approx(0.0524, abs=5e-5)  # Newcombe (1998), example a


def test_a_shared_panel_by_hand() -> None:
    # early 2 of 4, Wilson .1500 to .8500; late 3 of 4, .3006 to .9544. Parts of the error: early .5 .5 -.5 -.5 (squares 1), late .25 .25 .25 -.75 (.75)
    rows = answered([10, 10, 0, 0, 10, 10, 10, 0], [0] * 4 + [1] * 4, [0, 1, 2, 3] * 2)
    likeness = (0.125 + 0.125 - 0.125 + 0.375) / np.sqrt(0.75 * 1) * 4 / 5
    down, up = ((a, b) for a, b in ((0.75 - 0.30064, 0.84996 - 0.5), (0.95441 - 0.75, 0.5 - 0.15004)))
    low, high = (0.25 + sign * np.sqrt(a * a + b * b - 2 * likeness * a * b) for sign, (a, b) in ((-1, down), (1, up)))
    assert limits(sample_differences(rows, ONCE, kind="top")) == pytest.approx([0.25, low, high], abs=5e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_the_likeness_is_that_of_a_loop_over_clusters(kind: Kind, seed: int) -> None:
    rows = panel(seed)
    value = {"net": rows.plus - rows.minus, "top": rows.plus, "mean": rows.good}[kind]
    parts: list[dict[int, float]] = []
    for sample in (0, 1):
        own = value[rows.samples == sample]
        parts.append({})
        for cluster, each in zip(rows.clusters[rows.samples == sample], own, strict=True):
            parts[sample][cluster] = parts[sample].get(cluster, 0.0) + (each - own.mean())
    shared = set(parts[0]) & set(parts[1])
    likeness = sum(parts[0][cluster] * parts[1][cluster] for cluster in shared) / np.sqrt(np.prod([sum(part**2 for part in own.values()) for own in parts]))
    likeness *= len(shared) / (len(shared) + 1)
    apart = sample_differences(rows, ONCE, kind=kind, related=False)
    together = sample_differences(rows, ONCE, kind=kind)
    if kind == "mean":
        own = mean_vote_limits(rows.good, votes=Votes(rows.samples, rows.clusters, np.ones(len(value))), how=How())
        down, up = own.estimate[1] - own.conf_low[1], own.conf_high[0] - own.estimate[0]
        expected = np.sqrt(down**2 + up**2 - 2 * likeness * down * up)
        assert together.estimate[0] - together.conf_low[0] == pytest.approx(expected, rel=1e-10)
    assert (together.conf_high - together.conf_low < apart.conf_high - apart.conf_low) == (likeness > 0)


@pytest.mark.parametrize("kind", KINDS)
def test_turning_time_around_turns_the_change_around(kind: Kind) -> None:
    rows = panel(7)
    forward = limits(sample_differences(rows, ONCE, kind=kind))
    back = limits(sample_differences(rows._replace(samples=1 - rows.samples), ONCE, kind=kind))
    assert back == pytest.approx([-forward[0], -forward[2], -forward[1]], abs=1e-12)


def test_several_pairs_are_what_each_is_alone() -> None:
    first, second = panel(1), panel(2)
    both = Answers(*(np.concatenate(parts) for parts in zip(first, second._replace(samples=second.samples + 1, clusters=second.clusters + 40), strict=True)))
    three = both._replace(samples=np.concatenate([first.samples, second.samples + 2]))
    found = sample_differences(three, Pairs(np.array([1, 3]), np.array([0, 2])), kind="net")
    alone = [limits(sample_differences(rows, ONCE, kind="net")) for rows in (first, second)]
    np.testing.assert_allclose(np.array(found).T, alone, rtol=1e-12)


def test_paired_shares_have_the_limits_of_agresti_and_min() -> None:
    # 2 x 2 of 60: 20 yes-yes, 5 yes-no, 15 no-yes, 20 no-no; with 1/2 added to each cell n = 62, b = 15.5, c = 5.5
    before = [10] * 25 + [0] * 35
    after = [10] * 20 + [0] * 5 + [10] * 15 + [0] * 20
    one, who = [0] * 60, list(range(60))
    found = limits(paired_differences(answered(after, one, who), answered(before, one, who), kind="top", pairs=1))
    centre, half = (15.5 - 5.5) / 62, Z / 62 * np.sqrt(15.5 + 5.5 - (15.5 - 5.5) ** 2 / 62)
    assert found == pytest.approx([10 / 60, centre - half, centre + half], rel=1e-10)


def test_paired_net_shares_by_hand() -> None:
    # 40 pairs: 10 from minus to plus (+2), 30 unchanged; 3 pairs of independent answers (variance 1) are added
    before, after, one = [0] * 10 + [8] * 30, [10] * 10 + [8] * 30, [0] * 40
    found = limits(paired_differences(answered(after, one, list(range(40))), answered(before, one, list(range(40))), kind="net", pairs=1))
    centre = 20 / 43
    half = Z * np.sqrt(((10 * 4 + 3) / 43 - centre**2) / 43)
    assert found == pytest.approx([0.5, centre - half, centre + half], rel=1e-10)


def test_where_nobody_changed_the_limits_stay_apart_and_narrow_with_n() -> None:
    widths = []
    for size in (10, 100):
        same = answered([10, 3] * (size // 2), [0] * size, list(range(size)))
        low, high = limits(paired_differences(same, same, kind="net", pairs=1))[1:]
        widths.append(high - low)
    assert widths[0] > widths[1] > 0


def test_respondents_of_one_account_count_less() -> None:
    rng = np.random.default_rng(3)
    before = rng.integers(0, 11, 60)
    after = np.clip(before + np.repeat(rng.integers(-4, 5, 12), 5), 0, 10)
    one, alone, together = [0] * 60, list(range(60)), np.repeat(np.arange(12), 5).tolist()
    wide, narrow = (
        limits(paired_differences(answered(after.tolist(), one, who), answered(before.tolist(), one, who), kind="mean", pairs=1)) for who in (together, alone)
    )
    assert wide[0] == narrow[0]
    assert wide[2] - wide[1] > 1.5 * (narrow[2] - narrow[1])


@pytest.mark.parametrize("kind", KINDS)
def test_one_account_or_nobody_has_no_limits(kind: Kind) -> None:
    rows = answered([10, 9, 3, 10, 9, 3], [0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 2, 3])
    estimate, low, high = limits(sample_differences(rows, ONCE, kind=kind))
    assert estimate == 0
    assert np.isnan([low, high]).all()
    nobody = answered([], [], [])
    assert np.isnan(np.array(paired_differences(nobody, nobody, kind=kind, pairs=2))).all()
    two = answered([10, 9], [1, 1], [0, 0])
    found = paired_differences(two, answered([8, 9], [1, 1], [0, 0]), kind=kind, pairs=2)
    assert np.isnan(found.estimate[0])
    assert np.isfinite(found.estimate[1])
    assert np.isnan([found.conf_low, found.conf_high]).all()


def test_limits_widen_with_the_level() -> None:
    rows = panel(5)
    widths = [np.diff(limits(sample_differences(rows, ONCE, kind="net", conf_level=level))[1:]) for level in (0.5, 0.9, 0.99)]
    assert all(small < large for small, large in pairwise(widths))


def test_an_unknown_measure_is_refused() -> None:
    with pytest.raises(ParameterError, match="measure must be"):
        sample_differences(panel(1), ONCE, kind="median")  # type: ignore[arg-type]
