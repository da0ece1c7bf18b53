from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cs_analysis.stats.importance.halo import component_shares
from cs_analysis.stats.importance.noise import unrelated, with_noise
from cs_analysis.stats.importance.ratings import Ratings, read_ratings
from cs_analysis.stats.importance.relations import complete_relations, pairwise_relations
from cs_analysis.stats.importance.subsets import lmg


def ratings(rows: int, *, accounts: int, alike: float = 0.0, seed: int = 0) -> Ratings:
    """Return three related drivers and an outcome, each alike within accounts."""
    rng = np.random.default_rng(seed)
    owner = np.arange(rows) % accounts
    values = np.sqrt(alike) * rng.normal(size=(accounts, 4))[owner] + np.sqrt(1 - alike) * rng.normal(size=(rows, 4))
    values[:, 3] += values[:, 0]
    return read_ratings(pd.DataFrame(values, columns=list("abcy")).assign(o=owner), outcome="y", drivers=list("abc"), cluster="o", missing="refuse")


def test_noise_alone_gets_what_theory_says() -> None:
    rows = ratings(200, accounts=200)
    relations = complete_relations(rows)
    found = lmg(with_noise(relations, rows, deals=3000, rng=np.random.default_rng(1)))[:, 0]
    # given s drivers with R2_s, one more unrelated column takes Beta(1/2, (n - s - 2) / 2) of 1 - R2_s: (1 - R2_s) / (n - s - 1) on average
    share = lmg(relations.whole[None])[0].sum()
    expected = np.mean([(1 - r) / (200 - s - 1) for s, r in [(0, 0.0), (1, share / 3), (2, 2 * share / 3), (3, share)]])
    assert found.mean() == pytest.approx(expected, rel=0.06)


def test_answers_that_are_alike_within_accounts_make_more_noise() -> None:
    means = []
    for alike in (0.0, 0.8):
        rows = ratings(300, accounts=30, alike=alike)
        means.append(lmg(with_noise(complete_relations(rows), rows, deals=500, rng=np.random.default_rng(1)))[:, 0].mean())
    assert means[1] > 3 * means[0]


def test_dealing_moves_whole_accounts_and_keeps_every_answer() -> None:
    owner = np.repeat([0, 1, 2, 3], [1, 3, 2, 2])
    table = pd.DataFrame({"a": 1.0 + owner, "b": [1, 4, 2, 5, 3, 1, 2, 2], "y": [1, 2, 3, 2, 4, 3, 5, 4], "o": owner})
    rows = read_ratings(table, outcome="y", drivers=["a", "b"], cluster="o", missing="refuse")
    found = with_noise(complete_relations(rows), rows, deals=40, rng=np.random.default_rng(0))
    assert_allclose(found[:, 1:, 1:], np.broadcast_to(table[["a", "b", "y"]].corr(), (40, 3, 3)))
    dealt = [np.concatenate([table["a"][owner == account] for account in order]) for order in permutations(range(4))]
    possible = {round(float(np.corrcoef(column, table["a"])[0, 1]), 9) for column in dealt}  # all alike within accounts: their inner order does not matter
    seen = {round(float(value), 9) for value in found[::2, 0, 1]}
    assert seen <= possible
    assert len(seen) > 5


def test_dealing_makes_no_relation_within_accounts() -> None:
    rng = np.random.default_rng(5)
    a = rng.normal(size=2000)
    table = pd.DataFrame({"a": a, "b": rng.normal(size=2000), "y": 3 * a + rng.normal(size=2000), "o": np.arange(2000) % 200})
    rows = read_ratings(table, outcome="y", drivers=["a", "b"], cluster="o", missing="refuse")
    found = with_noise(complete_relations(rows), rows, deals=200, rng=rng)
    assert abs(found[:, 0, 3].mean()) < 0.01
    assert found[:, 0, 3].std() == pytest.approx(1 / np.sqrt(2000), rel=0.2)


def test_unrelated_columns_have_components_as_large_as_chance_makes_them() -> None:
    rows = ratings(100, accounts=100)
    found = component_shares(unrelated(complete_relations(rows), rows, deals=400, rng=np.random.default_rng(2)))
    free = np.random.default_rng(3).normal(size=(400, 100, 3))
    assert found[:, 0].mean() == pytest.approx(component_shares(np.stack([np.corrcoef(part.T) for part in free]))[:, 0].mean(), abs=0.006)


def test_missing_answers_are_dealt_out_too() -> None:
    rng = np.random.default_rng(4)
    table = pd.DataFrame(rng.normal(size=(300, 4)), columns=list("abcy")).mask(rng.random((300, 4)) < [0.5, 0.5, 0.0, 0.0])
    rows = read_ratings(table, outcome="y", drivers=list("abc"), cluster=None, missing="pairwise")
    found = with_noise(pairwise_relations(rows), rows, deals=900, rng=rng)[:, 0]
    assert found[::3, 4].std() == pytest.approx(1 / np.sqrt(150), rel=0.15)  # half of the rows have the answer
    assert found[2::3, 4].std() == pytest.approx(1 / np.sqrt(300), rel=0.15)
