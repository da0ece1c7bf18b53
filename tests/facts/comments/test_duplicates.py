"""Copies are found as comparing every pair would find them, only faster."""

from __future__ import annotations

import time

import numpy as np
import pytest

import cs_analysis as cs
from cs_analysis.facts.comments.duplicates import _plain, _runs, duplicate_groups


def by_every_pair(texts: list[str], threshold: float) -> list[int]:
    """Return the groups that comparing all pairs and following links gives."""
    runs, group = [_runs(_plain(text)) for text in texts], list(range(len(texts)))
    for one in range(len(texts)):
        for other in range(one):
            if len(runs[one] & runs[other]) / len(runs[one] | runs[other]) >= threshold:
                old, new = group[one], group[other]
                group = [new if number == old else number for number in group]
    first = {number: place for place, number in enumerate(dict.fromkeys(group))}
    return [first[number] for number in group]


def test_copies_by_hand() -> None:
    texts = ["Too slow!", "TOO  slow", "too slow 2", "ÇOK yavaş", "cok YAVAS", "👍", "👍", "...", "!!", ""]
    assert duplicate_groups(texts).tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 4, 5]


def test_a_filled_in_template_is_a_near_copy() -> None:
    text = "Dear team, thank you for the help of {} with the big import of all our customers last week, it went very well"
    same = [text.format(name) for name in ("Anna", "Ben", "Cem")]
    other = "Dear team, the import of our customers went badly"
    assert duplicate_groups([*same, other]).tolist() == [0, 0, 0, 1]
    assert duplicate_groups(same, threshold=1).tolist() == [0, 1, 2]


@pytest.mark.parametrize("seed", range(3))
def test_every_pair_gives_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    stock = [[f"{chr(97 + letter)}{chr(97 + k)}x" for k in range(14)] for letter in range(6)]
    texts = []
    for _ in range(60):
        words = list(stock[rng.integers(6)])
        for place in rng.integers(0, 14, rng.integers(0, 2)):
            words[place] = f"z{chr(97 + int(rng.integers(20)))}"
        texts.append(" ".join(words))
    assert duplicate_groups(texts, threshold=0.6).tolist() == by_every_pair(texts, 0.6)


@pytest.mark.slow
def test_fifty_thousand_comments_take_seconds() -> None:
    rng = np.random.default_rng(4)
    stock = np.array([f"{chr(97 + k % 26)}{chr(97 + k // 26 % 26)}{chr(97 + k // 676)}" for k in range(3000)])
    texts = [" ".join(words) for words in stock[rng.integers(0, 3000, (25_000, 12))]]
    template = [f"thanks for all the help with the import of {word} customers and their orders" for word in stock[rng.integers(0, 3000, 25_000)]]
    begun = time.process_time()
    groups = duplicate_groups([*texts, *template])
    assert time.process_time() - begun < 30
    assert len(np.unique(groups[:25_000])) == 25_000
    assert len(np.unique(groups[25_000:])) == 1


@pytest.mark.parametrize("threshold", [0, 1.1, -1])
def test_a_threshold_lies_above_0_and_up_to_1(threshold: float) -> None:
    with pytest.raises(cs.errors.ParameterError, match="threshold"):
        duplicate_groups(["a"], threshold=threshold)


def test_nothing_has_no_groups() -> None:
    assert duplicate_groups([]).tolist() == []
