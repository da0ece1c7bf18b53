"""A short run of the coverage study: limits of terms, expectations and counts contain the truth as often as they promise."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.coverage]

COHORTS = 100  # simulation error of a coverage of 95 %: 2.2 percentage points


@pytest.mark.parametrize("number", [0, 2])
def test_limits_cover(buying_study, number):
    found = buying_study["study"](COHORTS, sizes=(500,), settings=buying_study["SETTINGS"][number : number + 1]).set_index("quantity")
    assert set(found.index) > {"r", "alpha", "a", "b", "expected total", "total that came", "counts that came"}
    assert found["coverage"].min() > 0.95 - 4 * 0.022
    assert found.loc["counts that came", "coverage"] > 0.95
    assert (found["finding"] < 0.15).all()
    assert (found["without_limits"] < 0.05).all()
