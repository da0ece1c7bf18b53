"""The level of the limits around an identified interval."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from cs_analysis.stats.survey.partial import one_sided_level


def test_where_the_ends_meet_it_is_the_plain_level() -> None:
    assert one_sided_level(0.0, 1.0, conf_level=0.9) == pytest.approx(0.9, abs=1e-8)
    assert one_sided_level(0.0, 0.0) == 0.95


def test_far_apart_it_is_one_sided() -> None:
    assert one_sided_level(50.0, 1.0) == pytest.approx(0.9)  # 1.645 either way
    assert one_sided_level(1.0, 0.0) == pytest.approx(0.9)


@pytest.mark.parametrize("width", [0.05, 0.5, 1.0, 2.0])
def test_in_between_it_solves_the_equation(width: float) -> None:
    level = one_sided_level(width, 1.0)
    c = special.ndtri((1 + level) / 2)
    assert special.ndtr(c + width) - special.ndtr(-c) == pytest.approx(0.95, abs=1e-8)
    assert 0.9 < level < 0.95


@pytest.mark.parametrize("width", [0.0, 0.5, 3.0])
def test_the_outer_limits_hold_every_point_of_the_interval_often_enough(width: float) -> None:
    half = special.ndtri((1 + one_sided_level(width, 1.0)) / 2)
    errors = np.random.default_rng(1).normal(size=200_000)  # both ends move together, as they do when answers come and go
    for true in (0.0, width / 2, width):
        held = (errors - half <= true) & (true <= width + errors + half)
        assert held.mean() > 0.95 - 0.002
