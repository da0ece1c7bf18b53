"""Themes among texts without a codebook: how many there are beyond chance, which words make them, and whether half of the texts shows them too."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning

from cs_analysis.stats.agreement import matched_overlap
from cs_analysis.stats.intervals import Floats

TOP_WORDS = 8
"""Words that a theme is known by."""

_SHUFFLES = 39  # an eigenvalue above the largest of so many has a chance of 1 in 40 where words are random
_HALVES = 10
_MOST = 12
_TOGETHER = 1.5  # times as often as two words of their frequency
_LEAST = 0.1  # of the weight of a theme's first word


class Themes(NamedTuple):
    """Words of each theme, the most telling first, and how much of them half of the texts gives back on average (Jaccard index)."""

    words: list[list[str]]
    stability: Floats


def word_themes(present: sparse.csr_matrix, names: list[str], *, rng: np.random.Generator) -> Themes:
    """Return the themes of texts as far as they are more than chance, with the stability of each.

    Words are weighted by rarity and texts scaled to length 1. Eigenvalues of the words' covariance are compared, from the largest down, with the largest
    of the same rank in 39 copies in which the words are dealt anew to the texts, so that the lengths of texts and the frequencies of words stay: the
    themes are as many as exceed all copies, plus one, as a theme sets some texts apart from others (Horn's parallel analysis). They are the parts of a
    non-negative factorisation. Each is sought again in ten random halves of the texts; its stability is the mean Jaccard index of its first eight
    words with those of its partner there. A part whose words are merely frequent, as what is left over when the themes are taken out, goes: its words
    have to stand together 1.5 times as often as any words of their frequency.

    References
    ----------
    Horn (1965), Psychometrika 30, 179-185. Lee and Seung (1999), Nature 401, 788-791. Greene, O'Callaghan and Cunningham (2014), ECML PKDD, 498-513.
    """
    count = _beyond_chance(present, rng)
    if not count:
        return Themes([], np.zeros(0))
    weighted = _weighted(present)
    order = _top(weighted, count)
    texts = present.shape[0]
    halves = [np.isin(np.arange(texts), rng.permutation(texts)[: texts // 2]) for _ in range(_HALVES)]
    again = [_top(weighted[half], count) for half in halves]
    stability = np.mean([matched_overlap([*map(frozenset, order)], [*map(frozenset, found)]) for found in again], axis=0)
    together = np.mean([[_lift(present[~half], words) for words in order] for half in halves], axis=0)
    kept = np.flatnonzero(together >= _TOGETHER)
    return Themes([[names[column] for column in order[place]] for place in kept], stability[kept])


def _lift(present: sparse.csr_matrix, words: list[int]) -> float:
    """Return how many times as often two of the words stand in one text as two words of their frequency do, against the same for any two words."""
    share = np.asarray(present.mean(axis=0)).ravel()
    own = _pairs_seen(present[:, words]) / max(_pairs_due(share[words]), 1e-12)
    return float(own / max(_pairs_seen(present) / max(_pairs_due(share), 1e-12), 1e-12))


def _pairs_seen(present: sparse.csr_matrix) -> float:
    """Return the mean number of pairs of words in a text."""
    size = np.asarray(present.sum(axis=1)).ravel()
    return float((size * (size - 1)).mean() / 2)


def _pairs_due(share: Floats) -> float:
    """Return the same if words came independently of each other."""
    return float((share.sum() ** 2 - (share**2).sum()) / 2)


def _beyond_chance(present: sparse.csr_matrix, rng: np.random.Generator) -> int:
    """Return how many themes there are: none, or at least two."""
    size = min(_MOST - 1, present.shape[1] - 1, present.shape[0] - 1)
    if size < 1:
        return 0
    seen = _eigenvalues(present)[:size]
    chance = np.max([_eigenvalues(_dealt_anew(present, rng))[:size] for _ in range(_SHUFFLES)], axis=0)
    above = seen > chance
    return int(np.argmin(np.append(above, False))) + 1 if above[0] else 0


def _eigenvalues(present: sparse.csr_matrix) -> Floats:
    """Return the eigenvalues of the covariance of weighted words, the largest first."""
    weighted = _weighted(present)
    mean = np.asarray(weighted.mean(axis=0)).ravel()
    products = np.asarray((weighted.T @ weighted).todense()) / weighted.shape[0] - np.outer(mean, mean)
    return np.asarray(np.linalg.eigvalsh(products)[::-1])


def _dealt_anew(present: sparse.csr_matrix, rng: np.random.Generator) -> sparse.csr_matrix:
    """Return texts of the same lengths with the same words dealt at random; a word dealt twice to a text is swapped once with a random other."""
    rows = np.repeat(np.arange(present.shape[0]), np.diff(present.indptr))
    columns = rng.permutation(present.indices).astype("int64")
    for _ in range(3):
        code = rows * present.shape[1] + columns
        order = np.argsort(code, kind="stable")
        twice = order[1:][np.diff(code[order]) == 0]
        others = rng.integers(0, len(columns), len(twice))
        for one, other in zip(twice.tolist(), others.tolist(), strict=True):
            columns[one], columns[other] = columns[other], columns[one]
    dealt = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=present.shape)
    dealt.data[:] = 1.0
    return dealt


def _weighted(present: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return texts of length 1 with words weighted by rarity."""
    texts = present.shape[0]
    rarity = np.log((1 + texts) / (1 + np.asarray(present.sum(axis=0)).ravel())) + 1
    weighted = present @ sparse.diags(rarity)
    length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags(1 / np.where(length > 0, length, 1.0)) @ weighted)


def _top(weighted: sparse.csr_matrix, count: int) -> list[list[int]]:
    """Return the places of the first words of each theme, without those of next to no weight."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what an unfinished search gives is judged by its stability
        parts = NMF(n_components=count, init="nndsvd", random_state=0, max_iter=150, tol=1e-3).fit(weighted).components_
    order = np.argsort(-parts, axis=1, kind="stable")[:, :TOP_WORDS]
    return [[place for place in row.tolist() if part[place] > _LEAST * part.max()] for row, part in zip(order, parts, strict=True)]
