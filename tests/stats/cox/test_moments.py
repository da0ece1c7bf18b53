"""Risk sets: sums over them against a loop over rows and ends."""

from __future__ import annotations

import numpy as np
import pytest

from cox_designs import design, random_design
from cs_analysis.stats.cox.moments import Moments


@pytest.mark.parametrize("seed", range(30))
def test_sums_over_risk_sets_are_those_of_a_loop(seed: int) -> None:
    data = random_design(seed, rows=25, late=bool(seed % 2), strata=1 + seed % 4)
    data = data._replace(enter=np.where(np.arange(25) % 3, data.enter, 0))
    moments = Moments.of(data)
    ends = sorted({(int(data.stratum[row]), int(data.leave[row])) for row in np.flatnonzero(data.observed)})
    assert list(zip(moments.stratum.tolist(), moments.time.tolist(), strict=True)) == ends
    inside = np.array(
        [
            [data.stratum[row] == stratum and (data.enter[row] < time or data.enter[row] == 0) and data.leave[row] >= time for stratum, time in ends]
            for row in range(25)
        ]
    )
    np.testing.assert_allclose(moments.at_risk(data.x), inside.T @ data.x, atol=1e-12)
    values = np.random.default_rng(seed).normal(size=len(ends))
    np.testing.assert_allclose(moments.over(values), inside @ values, atol=1e-12)
    assert moments.tied.tolist() == [int((data.observed & (data.stratum == stratum) & (data.leave == time)).sum()) for stratum, time in ends]
    assert data.leave[moments.ended].tolist() == moments.time[moments.place].tolist()


def test_who_is_at_risk_when_by_hand() -> None:
    """Ends at 0, 2 and 5: (0, 2] and (0, 0] are there at 0, (2, 5] is not at 2, (0, 9] is everywhere, (5, 7] nowhere."""
    data = design(np.zeros(5), [2, 0, 5, 9, 7], [1, 1, 1, 0, 0], enter=[0, 0, 2, 0, 5])
    moments = Moments.of(data)
    assert (moments.time / 10**9).tolist() == [0, 2, 5]
    assert list(zip(moments.first.tolist(), moments.last.tolist(), strict=True)) == [(0, 2), (0, 1), (2, 3), (0, 3), (3, 3)]
    assert moments.at_risk(np.ones((5, 1))).ravel().tolist() == [3, 2, 2]


def test_a_small_last_risk_set_keeps_its_digits() -> None:
    """Sums run from the end: after ten rows of 1e12 comes one of 1e-6, which is not lost beside them."""
    data = design(np.zeros(11), np.arange(1, 12), np.ones(11))
    found = Moments.of(data).at_risk(np.array([1e12] * 10 + [1e-6])[:, None])
    assert found[-1, 0] == 1e-6
