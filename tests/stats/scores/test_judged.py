"""Every measure of one model at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cs_analysis.stats.scores.calibration import brier, brier_skill, calibration_terms, observed_expected
from cs_analysis.stats.scores.discrimination import auc
from cs_analysis.stats.scores.judged import of_differences, of_order, of_probabilities, ranks

P = pd.Series([0.9, 0.8, 0.3, 0.2, 0.6, 0.1])
Y = pd.Series([True, False, True, False, True, False])
ROUNDS = pd.Series([1, 1, 1, 2, 2, 2])
ROWS = {"clusters": pd.Series(list("abcdef")), "conf_level": 0.9}


def test_each_measure_is_the_one_of_its_name() -> None:
    found = {name: (unit, interval) for name, unit, interval in [*of_probabilities(P, Y, **ROWS), *of_differences(P, Y, reference=P * 0 + 0.5, **ROWS)]}
    assert found == {
        "brier": ("ratio", brier(P, Y, **ROWS)),
        "calibration_intercept": ("ratio", calibration_terms(P, Y, **ROWS)[0]),
        "observed_expected": ("ratio", observed_expected(P, Y, **ROWS)),
        "brier_skill": ("share", brier_skill(P, Y, reference=[0.5] * 6, **ROWS)),
        "calibration_slope": ("ratio", calibration_terms(P, Y, **ROWS)[1]),
    }


def test_lists_are_drawn_up_round_by_round() -> None:
    # the highest third of round 1 is .9 (a yes), of round 2 .6 (a yes); of all six scores together it were .9 and .8
    found = {name: interval.estimate for name, _, interval in of_order(P, Y, rounds=ROUNDS, share=1 / 3, rng=0, **ROWS)}
    assert found["precision"] == pytest.approx(1.0)
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["lift"] == pytest.approx(2.0)
    assert found["auc"] == auc(P, Y, **ROWS).estimate
    assert ranks(P, ROUNDS).tolist() == pytest.approx([1, 2 / 3, 1 / 3, 2 / 3, 1, 1 / 3])


def test_a_list_without_a_yes_has_no_limits() -> None:
    score, y = pd.Series(np.arange(40.0)), pd.Series([True, True] + [False] * 38)  # the two with a yes are at the very end of the list
    found = of_order(score, y, rounds=score * 0, share=0.1, rng=0, clusters=score, conf_level=0.95)
    assert {name for name, _, interval in found if interval.estimate == 0 and np.isnan(interval[1:]).all()} == {"precision", "recall", "lift"}
