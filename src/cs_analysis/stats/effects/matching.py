"""Matched pairs: each treated unit beside the nearest one that was not treated."""

from __future__ import annotations

import heapq

import numpy as np
import numpy.typing as npt
from scipy import special
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from cs_analysis.stats.effects.overlap import Contrast
from cs_analysis.stats.effects.propensity import Flags, Floats

Integers = npt.NDArray[np.int64]
CALIPER = 0.2


def matched_pairs(treated: Flags, chance: Floats, *, caliper: float = CALIPER) -> tuple[Integers, Integers]:
    """Return the rows of treated units and of their partners: nearest in the log-odds of treatment, each partner once, none further than the caliper.

    Pairs are made in the order of their distance, the nearest first. A treated unit without a partner within `caliper` standard deviations of the
    log-odds is left out.

    References
    ----------
    Austin (2011), Pharmaceutical Statistics 10, 150-161, for the caliper.

    Examples
    --------
    >>> [side.tolist() for side in matched_pairs(np.array([True, False, False]), np.array([0.5, 0.2, 0.49]))]
    [[0], [2]]
    """
    odds = np.log(chance) - np.log1p(-chance)
    mine, others = np.flatnonzero(treated), np.flatnonzero(~treated)
    others = others[np.argsort(odds[others], kind="stable")]
    pairs = _nearest_first(odds[mine], odds[others], furthest=caliper * odds.std() + 1e-12)
    return mine[pairs[:, 0]], others[pairs[:, 1]]


def _nearest_first(values: Floats, partners: Floats, *, furthest: float) -> Integers:
    """Return pairs of rows, the nearest first, each once; `partners` rise. A value asks its nearest free neighbours until one is its own."""
    below, above = [np.arange(len(partners) + 1) for _ in range(2)]  # place of the next free partner at or below (shifted by one), at or above
    start = np.searchsorted(partners, values)
    queue: list[tuple[float, int, int]] = []

    def ask(row: int) -> None:
        places = (_free(below, start[row]) - 1, _free(above, start[row]))
        for place in places:
            if 0 <= place < len(partners) and (apart := abs(float(values[row] - partners[place]))) <= furthest:
                heapq.heappush(queue, (apart, row, int(place)))

    for row in range(len(values)):
        ask(row)
    given, taken, pairs = np.zeros(len(values), "bool"), np.zeros(len(partners), "bool"), []
    while queue:
        _, row, place = heapq.heappop(queue)
        if given[row]:
            continue
        if taken[place]:
            ask(row)
            continue
        given[row] = taken[place] = True
        below[place + 1], above[place] = place, place + 1
        pairs.append((row, place))
    return np.array(pairs, dtype="int64").reshape(-1, 2)


def _free(following: Integers, place: int) -> int:
    """Return the free place that a place leads to, and shorten the way to it."""
    end = place
    while following[end] != end:
        end = following[end]
    while following[place] != end:
        following[place], place = end, following[place]
    return int(end)


def matched_contrast(outcome: Floats, pairs: tuple[Integers, Integers], *, clusters: Integers, conf_level: float = 0.95) -> Contrast:
    """Return the mean difference within pairs; pairs that share an account, also by way of others, are one cluster.

    References
    ----------
    Abadie and Spiess (2022), Journal of the American Statistical Association 117, 983-995: after matching without replacement, limits clustered by pair hold.
    """
    first, second = (outcome[rows] for rows in pairs)
    away = first - second
    difference = float(away.mean())
    code = _together(clusters[pairs[0]], clusters[pairs[1]])
    sums = np.bincount(code, away - difference)
    count = len(sums)
    error = float(np.sqrt((sums**2).sum() * count / max(count - 1, 1)) / len(away))
    reach = special.stdtrit(max(count - 1, 1), (1 + conf_level) / 2) * error if error > 0 else np.nan
    return Contrast(difference, difference - reach, difference + reach, error, max(count - 1.0, 1.0), float(first.mean()), float(second.mean()))


def _together(first: Integers, second: Integers) -> Integers:
    """Return the number of the connected group of accounts that each pair belongs to."""
    size = int(max(first.max(), second.max())) + 1
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(size, size))
    _, group = connected_components(graph, directed=False)
    return np.unique(group[first], return_inverse=True)[1].astype("int64")
