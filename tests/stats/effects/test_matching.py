"""Matched pairs: R's figures, all pairs by brute force, clusters that pairs make together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import special

from cs_analysis.stats.effects.matching import matched_contrast, matched_pairs
from cs_analysis.stats.effects.propensity import propensity

Reader = Callable[[str], pd.DataFrame]
COVARIATES = ["use", "revenue", "large", "tenure"]


def by_brute_force(treated: np.ndarray, chance: np.ndarray, caliper: float) -> dict[int, int]:
    """Return pairs from the list of all distances, the nearest first."""
    odds = np.log(chance / (1 - chance))
    mine, others = np.flatnonzero(treated).tolist(), np.flatnonzero(~treated).tolist()
    near = sorted((abs(odds[a] - odds[b]), a, b) for a in mine for b in others if abs(odds[a] - odds[b]) <= caliper * odds.std())
    pairs: dict[int, int] = {}
    for _, a, b in near:
        if a not in pairs and b not in pairs.values():
            pairs[a] = b
    return pairs


@pytest.mark.parametrize("caliper", [0.05, 0.2, 100.0])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_pairs_are_those_of_brute_force(share: float, caliper: float) -> None:
    rng = np.random.default_rng(5)
    for rows in (2, 5, 9, 16, 25):
        treated, chance = rng.permutation(np.arange(rows) < max(1, round(share * rows))), rng.uniform(0.02, 0.98, rows)
        first, second = matched_pairs(treated, chance, caliper=caliper)
        assert dict(zip(first, second, strict=True)) == by_brute_force(treated, chance, caliper), rows


def test_equals_r(golden: Reader) -> None:
    data = golden("effects/trials.csv")
    treated = data["treated"].to_numpy(bool)
    pairs = matched_pairs(treated, propensity(treated, data[COVARIATES].to_numpy("float64")).chance)
    expected = golden("effects/pairs.csv")
    assert {*zip(*pairs, strict=True)} == {*expected.itertuples(index=False, name=None)}
    for row in golden("effects/contrasts.csv").query("method == 'match'").itertuples():
        found = matched_contrast(data[row.outcome].to_numpy("float64"), pairs, clusters=data["account"].to_numpy("int64") - 1)
        assert (found.treated, found.compared, found.estimate, found.error) == pytest.approx((row.treated, row.compared, row.estimate, row.error), rel=1e-8)


def test_among_equals_each_partner_serves_once() -> None:
    first, second = matched_pairs(np.array([1, 1, 1, 0, 0], dtype=bool), np.full(5, 0.5))
    assert len(first) == 2
    assert len({*first}) == len({*second}) == 2


def test_too_far_is_no_pair() -> None:
    treated = np.array([1, 1, 0, 0], dtype=bool)
    first, second = matched_pairs(treated, np.array([0.9, 0.3, 0.31, 0.1]))
    assert (first.tolist(), second.tolist()) == ([1], [2])
    assert [len(side) for side in matched_pairs(treated, np.array([0.9, 0.8, 0.1, 0.2]))] == [0, 0]


@pytest.mark.parametrize("treated", [True, False])
def test_an_empty_group_has_no_pairs(treated: bool) -> None:
    assert [side.tolist() for side in matched_pairs(np.full(3, treated), np.full(3, 0.5))] == [[], []]


def test_contrast_by_hand() -> None:
    """Differences 3, 1, 2, 2: mean 2; squares 1 + 1 over 4^2, times 4/3 for four clusters; t with 3 degrees of freedom."""
    pairs = (np.array([0, 1, 2, 3]), np.array([4, 5, 6, 7]))
    found = matched_contrast(np.array([5.0, 3, 4, 2, 2, 2, 2, 0]), pairs, clusters=np.arange(8))
    error = np.sqrt(2 / 16 * 4 / 3)
    assert found == pytest.approx((2, 2 - special.stdtrit(3, 0.975) * error, 2 + special.stdtrit(3, 0.975) * error, error, 3, 3.5, 1.5))


def test_pairs_that_share_accounts_by_way_of_others_are_one_cluster() -> None:
    """Pairs of accounts (0, 1), (1, 2), (2, 3) hang together, (4, 5) and (6, 7) do not.

    Differences 3, 3, 0, 0, 4 have the mean 2; the sums of what is beyond it are 0, -2, 2.
    """
    pairs = (np.array([0, 2, 4, 6, 8]), np.array([1, 3, 5, 7, 9]))
    accounts = np.array([0, 1, 1, 2, 2, 3, 4, 5, 6, 7])
    found = matched_contrast(np.array([3.0, 0, 3, 0, 0, 0, 0, 0, 4, 0]), pairs, clusters=accounts)
    assert found.freedom == 2
    assert found.error == pytest.approx(np.sqrt((0 + 4 + 4) * 3 / 2) / 5)


def test_an_account_beside_itself_at_another_date_is_one_cluster() -> None:
    pairs = (np.array([0, 1, 2]), np.array([3, 4, 5]))
    found = matched_contrast(np.array([1.0, 1, 1, 0, 0, 3]), pairs, clusters=np.array([0, 1, 2, 0, 0, 3]))
    assert found.freedom == 1  # accounts 0 and 1 hang together, and 2 and 3
    assert found.estimate == pytest.approx(0)
