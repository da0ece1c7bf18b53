"""Comments that say the same in the same words: exact copies, and near copies such as filled-in templates.

Near copies are those whose sets of three-word runs overlap by a Jaccard index of at least a threshold. They are found by minhashing in bands, so that
the work grows with the number of comments and not with its square; what the bands bring together is compared exactly.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from itertools import chain, combinations, pairwise

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cs_analysis.errors import ParameterError
from cs_analysis.facts.comments.text import folded, words

Codes = npt.NDArray[np.int64]

_RUN = 3  # words
_BANDS, _ROWS = 32, 3  # brings two comments with an index of 0.6 together with a chance of 0.9996, of 0.2 with 0.23
_FEW = 12  # members of a bucket up to which all pairs are compared
_PRIME = (1 << 31) - 1
_NOTHING = ""


def duplicate_groups(texts: Sequence[str], *, threshold: float = 0.6) -> Codes:
    """Return for each text the number of its group of exact or near copies, counted from 0 in the order in which groups first come.

    Exact copies are equal in folded words; digits and marks do not count. Groups are connected: a copy of a copy belongs to them.

    Parameters
    ----------
    texts : sequence of str
        Comments.
    threshold : float
        Least Jaccard index of the three-word runs of near copies, above 0 and up to 1; texts of fewer than three words are compared as a whole.

    Raises
    ------
    ParameterError
        The threshold is outside that range.

    References
    ----------
    Broder (1997), Proceedings of Compression and Complexity of Sequences, 21-29.

    Examples
    --------
    >>> duplicate_groups(["Too slow!", "too SLOW", "Far too expensive"]).tolist()
    [0, 0, 1]
    """
    if not 0 < threshold <= 1:
        raise ParameterError(f"threshold must lie above 0 and not above 1, such as 0.7, not {threshold!r}.")
    if not len(texts):
        return np.zeros(0, dtype="int64")
    plain = [_plain(text) for text in texts]
    first: dict[str, int] = {}
    exact = np.array([first.setdefault(text, len(first)) for text in plain])
    runs = [_runs(text) for text in first]
    links = np.array(list(_near(runs, threshold)), dtype="int64").reshape(-1, 2)
    graph = sparse.coo_matrix((np.ones(len(links)), (links[:, 0], links[:, 1])), shape=(len(runs), len(runs)))
    _, group = sparse.csgraph.connected_components(graph, directed=False)
    return _in_order(group[exact])


def _plain(text: str) -> str:
    """Return the words of a text, of whichever language, without digits; a text without words as it is."""
    found = [word for word in words(folded(text, "tr"), "en") if not word.isdigit()]
    return " ".join(found) if found else folded(text, "en")


def _runs(text: str) -> frozenset[int]:
    listed = text.split() or [_NOTHING]
    pieces = [" ".join(listed[start : start + _RUN]) for start in range(max(1, len(listed) - _RUN + 1))]
    return frozenset(zlib.crc32(piece.encode()) for piece in pieces)


def _near(runs: Sequence[frozenset[int]], threshold: float) -> Iterator[tuple[int, int]]:
    """Yield pairs of near copies, enough of them to connect each group: all of a small bucket, of a large one those with its first member and in a row."""
    if threshold >= 1:
        return
    signatures = _signatures(runs)
    for band in range(_BANDS):
        own = np.ascontiguousarray(signatures[:, band * _ROWS : (band + 1) * _ROWS])
        _, bucket = np.unique(own.view([("", own.dtype)] * _ROWS).ravel(), return_inverse=True)
        order = np.argsort(bucket, kind="stable")
        opens = np.flatnonzero(np.r_[True, np.diff(bucket[order]) > 0, True])
        for start in np.flatnonzero(np.diff(opens) > 1).tolist():
            members = order[opens[start] : opens[start + 1]].tolist()
            yield from ((one, other) for one, other in _pairs(members) if _overlap(runs[one], runs[other]) >= threshold)


def _pairs(members: list[int]) -> Iterator[tuple[int, int]]:
    if len(members) <= _FEW:
        return combinations(members, 2)
    return chain(zip(members[:1] * (len(members) - 1), members[1:], strict=True), pairwise(members))


def _signatures(runs: Sequence[frozenset[int]]) -> Codes:
    """Return the smallest values of each text's runs under random linear functions modulo a prime."""
    rng = np.random.default_rng(1997)
    slope, shift = rng.integers(1, _PRIME, (2, _BANDS * _ROWS))
    values = np.fromiter((value % _PRIME for run in runs for value in sorted(run)), dtype="int64")
    starts = np.concatenate([[0], np.cumsum([len(run) for run in runs])[:-1]])
    smallest = [np.minimum.reduceat((values * int(a) + int(b)) % _PRIME, starts) for a, b in zip(slope, shift, strict=True)]
    return np.stack(smallest, axis=1)


def _overlap(one: frozenset[int], other: frozenset[int]) -> float:
    return len(one & other) / len(one | other)


def _in_order(group: npt.NDArray[np.integer]) -> Codes:
    """Return the groups numbered as they first come."""
    _, first, place = np.unique(group, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[place], dtype="int64")
