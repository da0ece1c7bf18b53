"""Themes without a codebook: planted ones are found, and random words have none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs

PLANTED = [
    ["ship", "harbour", "sail", "deck", "anchor", "captain"],
    ["bread", "oven", "flour", "cake", "butter", "sugar"],
    ["horse", "saddle", "stable", "hay", "meadow", "rider"],
]
NOISE = [f"{first}{second}mn" for first in "bcdfghklpr" for second in ("al", "en", "ir", "ost", "und", "ace")]


def comments(rng: np.random.Generator, size: int, *, planted: bool) -> pd.DataFrame:
    """Return comments of random words, three of four with four words of one of the planted themes."""
    common = 1 / np.arange(1, len(NOISE) + 1) ** 0.7
    texts = []
    for number in range(size):
        words = list(rng.choice(NOISE, rng.integers(3, 9), replace=False, p=common / common.sum()))
        if planted and number % 4 < 3:
            words += list(rng.choice(PLANTED[number % 4], 4, replace=False))
        texts.append(f"the {' '.join(words)} is very and you are with it")
    return pd.DataFrame({"comment": texts})


def shown(table: pd.DataFrame) -> float:
    return table.query("metric == 'discovered_themes' and language == 'en'")["estimate"].item()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_three_planted_themes_are_found(seed: int) -> None:
    found = cs.discovered_themes(comments(np.random.default_rng(seed), 300, planted=True), rng=seed)
    assert shown(found) == 3
    names = found.loc[found["metric"] == "theme_stability", "theme"]
    assert sorted(next(place for place, words in enumerate(PLANTED) if set(name.split(", ")) <= set(words)) for name in names) == [0, 1, 2]
    shares = found.loc[found["metric"] == "theme_share"]
    assert ((shares["conf_low"] <= 0.25) & (shares["conf_high"] >= 0.25)).all()
    assert (found.loc[found["metric"] == "theme_stability", "estimate"] >= 0.5).all()


@pytest.mark.slow
def test_random_words_have_no_themes() -> None:
    times = [shown(cs.discovered_themes(comments(np.random.default_rng(100 + seed), 150, planted=False), rng=seed)) for seed in range(25)]
    assert sum(number > 0 for number in times) <= 2


def test_too_few_comments_have_no_themes_and_it_says_so() -> None:
    found = cs.discovered_themes(comments(np.random.default_rng(0), 60, planted=True))
    assert found["metric"].tolist() == ["discovered_themes"] * 3
    assert found["estimate"].tolist() == [0, 0, 0]
    assert found["n"].tolist() == [60, 0, 0]


@pytest.mark.parametrize("options", [{"min_stability": 1.5}, {"fewest": 1}, {"fewest": 2.5}])
def test_what_cannot_be_meant_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(cs.errors.ParameterError, match="min_stability"):
        cs.discovered_themes(pd.DataFrame({"comment": ["x"]}), **options)
