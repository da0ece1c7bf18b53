"""Comments as sets of words, one language at a time, without what is masked in them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import sparse

from cs_analysis.facts.comments.masking import mask
from cs_analysis.facts.comments.text import words

_MASKED = re.compile(r"\[(?:e-mail|phone|IBAN|card)\]")


def word_table(texts: Sequence[str], language: str, *, fewest: int = 1, stop: bool = False) -> tuple[sparse.csr_matrix, list[str]]:
    """Return which text (rows) holds which word (columns), and the words in alphabetical order.

    Contacts are masked first and their marks left out, as are numbers; words in fewer than `fewest` texts go, with `stop` also single letters and words
    that only join others.
    """
    dropped = stop_words(language) if stop else frozenset()
    listed = [sorted({word for word in said(text, language) if word not in dropped and not (stop and len(word) < 2)}) for text in texts]
    names = sorted({word for row in listed for word in row})
    number = {word: place for place, word in enumerate(names)}
    columns = np.fromiter((number[word] for row in listed for word in row), dtype="int64")
    starts = np.concatenate([[0], np.cumsum([len(row) for row in listed])]).astype("int64")
    table = sparse.csr_matrix((np.ones(len(columns)), columns, starts), shape=(len(listed), len(names)))
    kept = np.flatnonzero(np.asarray(table.sum(axis=0)).ravel() >= fewest)
    return table[:, kept], [names[place] for place in kept]


def said(text: str, language: str) -> list[str]:
    """Return the words of a text, without contacts and numbers."""
    return [word for word in words(_MASKED.sub(" ", mask(text)), language) if not word[0].isdigit()]


@lru_cache(maxsize=8)
def stop_words(language: str) -> frozenset[str]:
    """Return the words of a language that only join others."""
    return frozenset(tomllib.loads(Path(__file__).with_name("stopwords.toml").read_text(encoding="utf-8"))[language].split())
