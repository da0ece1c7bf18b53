"""Factors that make the sums of cells meet given totals of margins: with one margin post-stratification, with several raking.

Everything is done for many tables of cells at a time (one row each), so that the weighting can be repeated in every replicate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_SWEEPS = 100  # where they have not met the totals by then, cells are missing and each sweep gains little
_STEPS = 100  # a solution takes ten or so; without one there is no end
_SHORTEST = 1e-9  # part of a Newton step


class Margin(NamedTuple):
    """The number of the category each cell belongs to, and the total of each category."""

    codes: Integers
    totals: Floats


class Calibrated(NamedTuple):
    """Of each table the factor of every cell, the largest gap to a total relative to the grand total, and how often all margins were gone through."""

    factors: Floats
    gap: Floats
    iterations: Integers


def calibrate(sums: Floats, margins: Sequence[Margin], *, start: Floats | None = None, tolerance: float = 1e-12, max_iterations: int = 1000) -> Calibrated:
    """Return factors of cells with which the sums of each category meet its total.

    The factors are products of one number a category: of all factors that meet the totals, those nearest to equal ones in the sense of
    Kullback and Leibler. Margins are met in turn (iterative proportional fitting), and if that is slow by Newton steps on the dual. A category
    in which a table has nothing is left out of that table, and its total given to the others of the margin in proportion.

    Parameters
    ----------
    sums : array
        One row a table, one column a cell.
    margins : list of Margin
        All with the same grand total.
    start : array, optional
        Factors to begin with.
    tolerance : float
        Largest gap that counts as met, relative to the grand total.
    max_iterations : int
        Sweeps and steps at most; the gap tells whether they were enough.

    References
    ----------
    Deming and Stephan (1940), Annals of Mathematical Statistics 11, 427-444. Deville, Särndal and Sautory (1993), Journal of the American
    Statistical Association 88, 1013-1020.
    """
    factors = np.ones_like(sums) if start is None else np.broadcast_to(start, sums.shape).copy()
    wanted = [_reachable(sums, margin) for margin in margins]
    iterations = np.zeros(len(sums), dtype="int64")
    left = np.arange(len(sums))
    while len(left) and iterations[left[0]] < min(_SWEEPS, max_iterations):
        factors[left] = _sweep(sums[left], factors[left], margins, wanted=[totals[left] for totals in wanted])
        iterations[left] += 1
        left = left[_gap(sums[left] * factors[left], margins, [totals[left] for totals in wanted]) > tolerance]
    for table in left:
        most = min(_STEPS, max_iterations - int(iterations[table]))
        own = [totals[table] for totals in wanted]
        factors[table], steps = _newton(sums[table], factors[table], margins, wanted=own, tolerance=tolerance, most=most)
        iterations[table] += steps
    return Calibrated(factors, _gap(sums * factors, margins, wanted), iterations)


def trimmed(sums: Floats, factors: Floats, *, at_most: float) -> Floats:
    """Return factors of which none is above `at_most` means of all; what is cut off is spread equally over the units that are not cut.

    References
    ----------
    Potter (1990), Proceedings of the Survey Research Methods Section, American Statistical Association, 225-230.
    """
    ceiling = at_most * (sums * factors).sum(axis=1, keepdims=True) / sums.sum(axis=1, keepdims=True)
    for _ in range(sums.shape[1]):
        over = factors > ceiling * (1 + 1e-12)
        if not (over & (sums > 0)).any():
            break
        excess = (sums * np.where(over, factors - ceiling, 0.0)).sum(axis=1, keepdims=True)
        free = ~(over | np.isclose(factors, ceiling, rtol=1e-12))
        units = (sums * free).sum(axis=1, keepdims=True)
        factors = np.where(over, ceiling, factors + free * excess / np.where(units > 0, units, np.inf))
    return factors


def category_sums(values: Floats, margin: Margin) -> Floats:
    """Return the sums of cells by category, one row a table."""
    ones = np.zeros((len(margin.codes), len(margin.totals)))
    ones[np.arange(len(margin.codes)), margin.codes] = 1.0
    return np.asarray(values @ ones)


def indicators(margins: Sequence[Margin]) -> Floats:
    """Return one row a cell and one column a category of each margin, 1 where the cell belongs to it."""
    return np.hstack([(margin.codes[:, None] == np.arange(len(margin.totals))[None, :]).astype("float64") for margin in margins])


def _reachable(sums: Floats, margin: Margin) -> Floats:
    """Return the totals of each table, without the categories it has nothing in and scaled up to the grand total."""
    totals = np.where(category_sums(sums, margin) > 0, margin.totals, 0.0)
    there = totals.sum(axis=1, keepdims=True)
    return np.asarray(totals * margin.totals.sum() / np.where(there > 0, there, np.nan))


def _sweep(sums: Floats, factors: Floats, margins: Sequence[Margin], *, wanted: Sequence[Floats]) -> Floats:
    for margin, totals in zip(margins, wanted, strict=True):
        have = category_sums(sums * factors, margin)
        factors = factors * (totals / np.where(have > 0, have, 1.0))[:, margin.codes]
    return factors


def _gap(weighted: Floats, margins: Sequence[Margin], wanted: Sequence[Floats]) -> Floats:
    gaps = [np.abs(category_sums(weighted, margin) - totals).max(axis=1) for margin, totals in zip(margins, wanted, strict=True)]
    return np.asarray(np.max(gaps, axis=0) / margins[0].totals.sum())


def _newton(sums: Floats, factors: Floats, margins: Sequence[Margin], *, wanted: Sequence[Floats], tolerance: float, most: int) -> tuple[Floats, int]:
    """Return the factors of one table after Newton steps on the dual, whose gradient is the gap to the totals, and the number of steps."""
    design, totals, used = indicators(margins), np.concatenate(wanted), sums * factors

    def value(powers: Floats) -> float:
        with np.errstate(over="ignore"):
            return float(used @ np.exp(design @ powers) - totals @ powers)

    powers = np.zeros(design.shape[1])
    for taken in range(max(most, 0)):
        weighted = used * np.exp(design @ powers)
        missing = totals - design.T @ weighted
        if np.abs(missing).max() <= tolerance * wanted[0].sum():
            return factors * np.exp(design @ powers), taken
        move = np.linalg.lstsq(design.T @ (weighted[:, None] * design), missing, rcond=1e-12)[0]
        size, here = 1.0, value(powers)
        while size > _SHORTEST and not value(powers + size * move) <= here + 1e-12 * abs(here):
            size /= 2
        powers = powers + size * move
    return factors * np.exp(design @ powers), max(most, 0)
