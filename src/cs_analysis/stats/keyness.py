"""Which words set one body of texts apart from another, counted by text and not by word, with texts that come in clusters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse, special

from cs_analysis.errors import ParameterError
from cs_analysis.stats.estimates import check_conf_level
from cs_analysis.stats.intervals import Floats, Interval

_SMALL = 0.5  # added to counts in ratios, so that a word one side lacks has one


class Keyness(NamedTuple):
    """What sets texts apart, one entry a word.

    `target` and `reference` are texts with the word, `log_ratio` the binary logarithm of the ratio of their shares, `g2` the log-likelihood statistic,
    `design_effect` how many times likeness within clusters multiplies its variance, `p_value` that of `g2` over it.
    """

    target: Floats
    reference: Floats
    log_ratio: Interval
    g2: Floats
    design_effect: Floats
    p_value: Floats


def keyness(present: sparse.spmatrix, in_target: npt.ArrayLike, *, clusters: npt.ArrayLike | None = None, conf_level: float = 0.95) -> Keyness:
    """Log-likelihood, log ratio and p value of each word, for texts of a target against texts of a reference.

    With a of n1 target texts and b of n2 reference texts holding the word, G2 = 2 sum of O ln(O / E) over the four cells. The log ratio is
    log2((a + .5) / (n1 + .5)) - log2((b + .5) / (n2 + .5)); its limits are normal on that scale with the variance
    1 / (a + .5) - 1 / (n1 + .5) + 1 / (b + .5) - 1 / (n2 + .5). Where texts come in clusters the variance is multiplied, and G2 divided, by the
    design effect of the difference of the two shares (Rao and Scott's first-order correction), never below 1.

    Parameters
    ----------
    present : sparse matrix
        Texts by words; a cell that is not 0 says the word is in the text, however often.
    in_target : array-like of bool
        Which texts are the target; the others are the reference.
    clusters : array-like of int, optional
        Number of each text's cluster; a cluster may have texts on both sides.
    conf_level : float
        Level of the limits.

    Returns
    -------
    Keyness

    Raises
    ------
    ParameterError
        Target or reference is empty, or lengths differ.

    References
    ----------
    Dunning (1993), Computational Linguistics 19, 61-74. Hardie (2014), Log Ratio: an informal introduction, CASS. Rao and Scott (1984), Annals of
    Statistics 12, 46-60. Walter (1975), Biometrika 62, 371-374, for the half added.

    Examples
    --------
    >>> found = keyness(sparse.csr_matrix([[1], [1], [1], [0], [1], [0], [0], [0]]), [True] * 4 + [False] * 4)
    >>> round(float(found.g2[0]), 4), round(float(found.log_ratio.estimate[0]), 4)
    (2.093, 1.2224)
    """
    words = sparse.csr_matrix(present).astype(bool).astype("float64")
    target = np.asarray(in_target, dtype=bool)
    if len(target) != words.shape[0] or not target.any() or target.all():
        raise ParameterError("in_target must have one entry a text, and both a target and a reference must have texts.")
    n1, n2 = float(target.sum()), float((~target).sum())
    a, b = (np.asarray(words[side].sum(axis=0), dtype="float64").ravel() for side in (target, ~target))
    effect = np.ones(len(a)) if clusters is None else _design_effect(words, target, np.asarray(clusters), shares=(a / n1, b / n2))
    g2 = log_likelihood(a, b, totals=(n1, n2))
    return Keyness(a, b, _log_ratio(a, b, totals=(n1, n2), effect=effect, conf_level=conf_level), g2, effect, special.chdtrc(1, g2 / effect))


def log_likelihood(a: Floats, b: Floats, *, totals: tuple[float, float]) -> Floats:
    """Return G2 of the tables [[a, n1 - a], [b, n2 - b]]."""
    n1, n2 = totals
    cells = ((a, n1, a + b), (n1 - a, n1, n1 + n2 - a - b), (b, n2, a + b), (n2 - b, n2, n1 + n2 - a - b))
    return np.maximum(
        2 * sum((special.xlogy(seen, seen * (n1 + n2) / np.where(seen > 0, row * column, 1.0)) for seen, row, column in cells), np.zeros(len(a))), 0.0
    )


def _log_ratio(a: Floats, b: Floats, *, totals: tuple[float, float], effect: Floats, conf_level: float) -> Interval:
    z = special.ndtri((1 + check_conf_level(conf_level)) / 2)
    parts = [(count + _SMALL, total + _SMALL) for count, total in zip((a, b), totals, strict=True)]
    centre = np.log(parts[0][0] / parts[0][1]) - np.log(parts[1][0] / parts[1][1])
    spread = z * np.sqrt(effect * sum(1 / count - 1 / total for count, total in parts))
    return Interval(*(values / np.log(2) for values in (centre, centre - spread, centre + spread)))


def _design_effect(words: sparse.csr_matrix, target: npt.NDArray[np.bool_], clusters: npt.NDArray[np.integer], *, shares: tuple[Floats, Floats]) -> Floats:
    """Return how many times the difference of two shares varies as much between clusters as it would for independent texts.

    A text's part in the difference is w (x - p), with w = 1 / n1 and p the target's share, or w = -1 / n2 and p the reference's; the ratio is the sum over
    clusters of squared sums of parts, times clusters / (clusters - 1), over the sum of squared parts.
    """
    _, number = np.unique(clusters, return_inverse=True)
    count, texts = int(number.max()) + 1, words.shape[0]
    weights = [np.where(side, sign / side.sum(), 0.0) for side, sign in ((target, 1.0), (~target, -1.0))]
    by_cluster = sparse.csr_matrix((weights[0] + weights[1], (number, np.arange(texts))), shape=(count, texts))
    sums = sparse.csc_matrix(by_cluster @ words)
    sizes = [np.bincount(number, weight, count) for weight in weights]
    squares = np.asarray(sums.multiply(sums).sum(axis=0)).ravel()
    cross = [np.asarray(sums.T @ size).ravel() for size in sizes]
    squares = squares - 2 * (shares[0] * cross[0] + shares[1] * cross[1]) + shares[0] ** 2 * (sizes[0] @ sizes[0])
    squares = squares + 2 * shares[0] * shares[1] * (sizes[0] @ sizes[1]) + shares[1] ** 2 * (sizes[1] @ sizes[1])
    alone = sum(share * (1 - share) / side.sum() for share, side in zip(shares, (target, ~target), strict=True))
    effect = squares * count / max(count - 1, 1) / np.where(alone > 0, alone, np.nan)
    return np.where(np.isfinite(effect) & (texts > count), np.maximum(effect, 1.0), 1.0)
