"""Words that set texts apart, against scipy, by hand and with clusters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import sparse, stats

import cs_analysis as cs
from cs_analysis.stats.keyness import keyness


def drawn(seed: int = 0, texts: int = 120, words: int = 15) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return (rng.random((texts, words)) < rng.uniform(0.02, 0.6, words)).astype(int), rng.random(texts) < 0.4


def test_g2_and_p_are_those_of_scipy() -> None:
    present, target = drawn()
    found = keyness(sparse.csr_matrix(present * 3), target)  # how often a text holds a word does not count
    for word, column in enumerate(present.T):
        table = [[column[side].sum(), (1 - column[side]).sum()] for side in (target, ~target)]
        said = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood")
        assert found.g2[word] == pytest.approx(said.statistic, abs=1e-9)
        assert found.p_value[word] == pytest.approx(said.pvalue)


def test_the_log_ratio_by_hand() -> None:
    present = np.array([[1]] * 12 + [[0]] * 28 + [[1]] * 3 + [[0]] * 57)
    found = keyness(sparse.csr_matrix(present), np.arange(100) < 40)
    centre = math.log2((12.5 / 40.5) / (3.5 / 60.5))
    half = 1.959963984540054 * math.sqrt(1 / 12.5 - 1 / 40.5 + 1 / 3.5 - 1 / 60.5) / math.log(2)
    assert (found.target[0], found.reference[0]) == (12, 3)
    assert [value[0] for value in found.log_ratio] == pytest.approx([centre, centre - half, centre + half])


def test_a_word_that_all_or_none_hold_tells_nothing() -> None:
    found = keyness(sparse.csr_matrix(np.array([[1, 0]] * 10)), np.arange(10) < 4)
    assert found.g2.tolist() == [0, 0]
    assert found.p_value.tolist() == [1, 1]


def test_texts_that_are_each_other_s_copies_count_as_few() -> None:
    present, target = drawn(3)
    clusters = np.arange(len(target))
    once = keyness(sparse.csr_matrix(present), target, clusters=clusters)
    fourfold = keyness(sparse.csr_matrix(np.tile(present, (4, 1))), np.tile(target, 4), clusters=np.tile(clusters, 4))
    assert once.design_effect.tolist() == [1.0] * 15
    assert fourfold.design_effect == pytest.approx(np.full(15, 4 * 120 / 119))
    assert fourfold.g2 == pytest.approx(once.g2 * 4)
    assert fourfold.p_value == pytest.approx(once.p_value, abs=0.01)


def test_the_design_effect_by_brute_force() -> None:
    present, target = drawn(5)
    clusters = np.random.default_rng(6).integers(0, 20, len(target))
    found = keyness(sparse.csr_matrix(present), target, clusters=clusters)
    for word, column in enumerate(present.T):
        shares = column[target].mean(), column[~target].mean()
        parts = np.where(target, (column - shares[0]) / target.sum(), -(column - shares[1]) / (~target).sum())
        between = sum(parts[clusters == cluster].sum() ** 2 for cluster in np.unique(clusters)) * 20 / 19
        assert found.design_effect[word] == pytest.approx(max(between / (parts**2).sum(), 1.0))


def test_words_that_differ_by_nothing_are_called_clear_as_rarely_as_promised() -> None:
    rng, low = np.random.default_rng(8), 0
    for _ in range(200):
        clusters = rng.integers(0, 80, 240)
        likely = rng.beta(1.5, 3, (80, 5))[clusters]  # accounts have words of their own
        found = keyness(sparse.csr_matrix(rng.random((240, 5)) < likely), rng.random(80)[clusters] < 0.5, clusters=clusters)
        low += int((found.p_value < 0.05).sum())
    assert 0.03 <= low / 1000 <= 0.075


def test_both_sides_need_texts() -> None:
    present, target = drawn()
    for wrong in (np.zeros(120, dtype=bool), np.ones(120, dtype=bool), target[:5]):
        with pytest.raises(cs.errors.ParameterError, match="in_target"):
            keyness(sparse.csr_matrix(present), wrong)
