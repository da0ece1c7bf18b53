"""The parts of a change: by hand, by brute force, and that they add up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.survey.mix_change import mean_change


def parts_of(rows: pd.DataFrame) -> tuple[float, float]:
    """Return mix and rate by the formula, cell by cell."""
    mix = rate = 0.0
    samples = [rows[rows["late"] == late] for late in (False, True)]
    for cell in rows["cell"].unique():
        own = [part[part["cell"] == cell]["value"] for part in samples]
        weight = [len(mine) / len(part) for mine, part in zip(own, samples, strict=True)]
        mean = [mine.mean() if len(mine) else other.mean() for mine, other in zip(own, own[::-1], strict=True)]
        mix += (weight[1] - weight[0]) * (mean[0] + mean[1]) / 2
        rate += (mean[1] - mean[0]) * (weight[0] + weight[1]) / 2
    return mix, rate


@pytest.mark.parametrize("seed", range(5))
def test_parts_and_limits_are_those_of_the_formula_done_anew_without_each_account(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame({"account": rng.integers(0, 15, 60), "cell": rng.choice(list("abc"), 60), "late": rng.random(60) < 0.5, "value": rng.normal(size=60)})
    found = mean_change(rows["value"], rows["cell"], rows["late"], clusters=rows["account"])
    mix, rate = parts_of(rows)
    assert (found["mix"].estimate, found["rate"].estimate) == pytest.approx((mix, rate))
    by_sample = rows.groupby("late")["value"].mean()
    assert found["total"].estimate == pytest.approx(by_sample[True] - by_sample[False])
    without = np.array([parts_of(rows[rows["account"] != account]) for account in rows["account"].unique()])
    count = len(without)
    error = np.sqrt((count - 1) / count * ((without - [mix, rate]) ** 2).sum(axis=0))
    half = special.stdtrit(count - 1, 0.975) * error
    assert found["mix"].conf_high - mix == pytest.approx(half[0])
    assert rate - found["rate"].conf_low == pytest.approx(half[1])


def test_a_cell_that_came_is_all_mix() -> None:
    found = mean_change([1, 1, 1, 5], ["a", "a", "a", "b"], [False, False, True, True])
    assert (found["mix"].estimate, found["rate"].estimate) == pytest.approx((2.0, 0.0))


def test_a_single_account_has_no_limits() -> None:
    assert np.isnan(mean_change([1, 2], ["a", "a"], [False, True], clusters=["x", "x"])["total"].conf_low)


def test_both_samples_must_have_rows() -> None:
    with pytest.raises(NotEnoughDataError, match="both samples"):
        mean_change([1, 2], ["a", "a"], [True, True])
    with pytest.raises(ParameterError, match="one entry a row"):
        mean_change([1, 2], ["a", "a"], [True])
