"""Sizes of planned experiments: against R and statsmodels, and whether they keep their promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.power import NormalIndPower, tt_ind_solve_power
from statsmodels.stats.proportion import proportion_effectsize

from cs_analysis.errors import ParameterError
from cs_analysis.stats.sample_size import detectable_effect, experiment_size

GOLDEN = Path(__file__).parents[1] / "golden" / "experiments"


@pytest.fixture(scope="module")
def expected() -> pd.Series:
    return pd.read_csv(GOLDEN / "expected.csv").set_index("figure")["value"]


def needed(**options: float | str) -> list[float]:
    found = experiment_size(**options)  # type: ignore[arg-type]
    return found.loc[found["metric"] == "accounts_needed", "estimate"].tolist()


@pytest.mark.parametrize(
    ("figure", "options"),
    [
        ("share .50 to .60", {"base": 0.5, "effect": 0.1}),
        ("share .90 to .93, power .9, level .99", {"base": 0.9, "effect": 0.03, "power": 0.9, "conf_level": 0.99}),
        ("mean effect 1, sd 3", {"base": 7.0, "effect": -1.0, "metric": "mean", "spread": 3.0}),
        ("mean effect 2, sd 1.5, power .9", {"base": 0.0, "effect": 2.0, "metric": "mean", "spread": 1.5, "power": 0.9}),
    ],
)
def test_sizes_of_r(expected: pd.Series, figure: str, options: dict[str, float | str]) -> None:
    assert needed(**options) == [np.ceil(expected[figure])] * 2


def test_effects_of_r(expected: pd.Series) -> None:
    share = detectable_effect(accounts=250, base=0.5)["estimate"]
    assert share.tolist() == pytest.approx([expected["share above .50 found by 250"], -expected["share above .50 found by 250"]])
    mean = detectable_effect(accounts=250, base=9.0, metric="mean", spread=3.0)["estimate"]
    assert mean[0] == pytest.approx(expected["mean found by 250, sd 3"], rel=1e-8)


def test_sizes_of_statsmodels() -> None:
    three = tt_ind_solve_power(effect_size=0.25, alpha=0.05, power=0.8, ratio=3)
    assert needed(base=0, effect=1, metric="mean", spread=4, ratio=3) == [np.ceil(three), np.ceil(3 * three)]
    arcsine = NormalIndPower().solve_power(proportion_effectsize(0.3, 0.2), alpha=0.05, power=0.8)
    assert needed(base=0.2, effect=0.1)[0] == pytest.approx(arcsine, rel=0.02)


def test_clusters_and_what_was_known_before_by_hand() -> None:
    # ten users of an account with icc .1 say as much as 10 / 1.9; users differ in number by half of their mean: 1 + (10 x 1.25 - 1) x .1 = 2.15
    alone = 387.338516695594
    assert needed(base=0.5, effect=0.1, cluster_size=10, icc=0.1)[0] == np.ceil(alone * 1.9 / 10 + 1)
    assert needed(base=0.5, effect=0.1, cluster_size=10, cluster_spread=0.5, icc=0.1)[0] == np.ceil(alone * 2.15 / 10 + 1)
    assert needed(base=0.5, effect=0.1, correlation=0.7)[0] == np.ceil(alone * 0.51)


def test_weeks_by_hand() -> None:
    found = experiment_size(base=0.5, effect=0.1, starts_per_week=50, follow_up_weeks=13).set_index("metric")["estimate"]
    assert found["weeks_needed"] == np.ceil(2 * 388 / 50) + 13


def test_one_is_the_inverse_of_the_other() -> None:
    options = {"base": 0.8, "cluster_size": 6.0, "icc": 0.05, "ratio": 2.0}
    effect = detectable_effect(accounts=150, **options)["estimate"]  # type: ignore[arg-type]
    for direction in effect:
        assert needed(effect=direction, **options) == [150, 300]
    assert detectable_effect(accounts=20, base=0.9)["estimate"].isna().tolist() == [True, False]


def test_a_size_keeps_its_promise_in_every_possible_result() -> None:
    """Power of Newcombe's limits, summed over all pairs of counts: what was promised is what is got."""
    from cs_analysis.stats.intervals import newcombe_difference

    (n, _) = (int(size) for size in needed(base=0.2, effect=0.2))
    count = np.arange(n + 1)
    found = newcombe_difference((np.repeat(count, n + 1), n), (np.tile(count, n + 1), n))
    claimed = (found.conf_low > 0).reshape(n + 1, n + 1)
    power = stats.binom.pmf(count, n, 0.4) @ claimed @ stats.binom.pmf(count, n, 0.2)
    assert power == pytest.approx(0.8, abs=0.015)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"effect": 0}, "effect must be a number other than 0"),
        ({"effect": 0.6}, "base \\+ effect must be a share"),
        ({"effect": 0.1, "base": 1.4}, "base must be a share"),
        ({"effect": 0.1, "metric": "median"}, "metric must be"),
        ({"effect": 0.1, "metric": "mean"}, "spread must be a standard deviation"),
        ({"effect": 0.1, "spread": 1.0}, "spread must be a standard deviation"),
        ({"effect": 0.1, "power": 0.01}, "power must lie"),
        ({"effect": 0.1, "icc": 1.2}, "icc from 0 to 1"),
        ({"effect": 0.1, "starts_per_week": 0}, "starts_per_week must be above 0"),
        ({"effect": 1e-7}, "takes more than 1e\\+09 accounts"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, float | str], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        experiment_size(**{"base": 0.5, **options})  # type: ignore[arg-type]
