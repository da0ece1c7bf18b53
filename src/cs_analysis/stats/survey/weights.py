"""Weights with which a sample has the make-up of a population: post-stratification, raking, and what unequal weights cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.errors import ConvergenceError, MissingColumnsError, ParameterError
from cs_analysis.stats.survey.calibration import Calibrated, Floats, Integers, Margin, calibrate, trimmed

Totals: TypeAlias = Mapping[Any, float] | pd.Series
Collapse: TypeAlias = Mapping[Any, Any]

_SHOWN = 20  # names listed in one message


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights of the rows of a sample, and how they were made, so that it can be done again in a replicate.

    Attributes
    ----------
    weight : array
        One weight a row. They add up to the grand total.
    base : array
        The weights before.
    cell : array of int
        The number of the cell (combination of categories) of each row.
    margins : tuple of Margin
        The category of each cell and the totals of the categories, for each margin.
    factors, exact : array
        Of each cell, weight over weight before; and what that was before trimming.
    iterations : int
        Rounds it took.
    largest_gap : float
        Largest difference between a weighted sum and its total, relative to the grand total. With `at_most` it is that before trimming.
    at_most : float or None
        Largest factor allowed, in means of all.
    """

    weight: Floats
    base: Floats
    cell: Integers
    margins: tuple[Margin, ...]
    factors: Floats
    exact: Floats
    iterations: int
    largest_gap: float
    at_most: float | None = None

    @property
    def design_effect(self) -> float:
        """Kish's design effect of the weights."""
        return kish_design_effect(self.weight)

    def again(self, sums: Floats) -> Floats:
        """Return the factors that the same weighting gives to other sums of base weights by cell, one row a replicate; missing if it fails."""
        again = calibrate(sums, self.margins, start=self.exact, tolerance=1e-11)
        factors = again.factors if self.at_most is None else trimmed(sums, again.factors, at_most=self.at_most)
        return np.where((again.gap <= 1e-8)[:, None], factors, np.nan)


def post_stratify(
    cells: pd.Series | pd.DataFrame, totals: Totals, *, base: npt.ArrayLike | None = None, collapse: Collapse | None = None, at_most: float | None = None
) -> Weights:
    """Weights with which each cell of a sample adds up to its total in the population.

    The weight of a row is the total of its cell over the number of rows (or the sum of base weights) there.

    Parameters
    ----------
    cells : Series or DataFrame
        The cell of each row; with several columns their combination.
    totals : mapping or Series
        Cell -> size in the population, as counts or shares; the cells of several columns are tuples. A cell with total 0 gets weight 0.
    base : array, optional
        Weights to begin with, such as one over the chance of being asked; 1 without it.
    collapse : mapping, optional
        Cell -> cell it is counted with, where a cell has too few rows.
    at_most : float, optional
        Largest factor, in means of all; what is cut off is spread equally over the other rows, and the totals are not met exactly any more.

    Returns
    -------
    Weights
        With `weight`, `factors`, `largest_gap`, `design_effect`.

    Raises
    ------
    ParameterError
        A total is negative or missing; cells have a total but no row (no weight can repair that) or rows but no total: all are listed.

    References
    ----------
    Holt and Smith (1979), Journal of the Royal Statistical Society A 142, 33-46. Potter (1990), Proceedings of the Survey Research Methods
    Section, American Statistical Association, 225-230 (trimming).

    Examples
    --------
    >>> post_stratify(pd.Series(["small", "small", "large"]), {"small": 60, "large": 40}).weight.tolist()
    [30.0, 30.0, 40.0]
    """
    named = cells.to_frame("cell") if isinstance(cells, pd.Series) else cells
    merged = pd.Series(list(named.itertuples(index=False, name=None)) if named.shape[1] > 1 else list(named.iloc[:, 0]), index=named.index, dtype="object")
    name = ", ".join(str(column) for column in named.columns)
    return _weights(pd.DataFrame({name: merged}), {name: totals}, base=base, collapse={name: collapse or {}}, at_most=at_most)


def rake(
    table: pd.DataFrame,
    margins: Mapping[str, Totals],
    *,
    base: npt.ArrayLike | None = None,
    collapse: Mapping[str, Collapse] | None = None,
    tolerance: float = 1e-12,
    max_iterations: int = 1000,
    at_most: float | None = None,
) -> Weights:
    """Weights with which each category of several columns adds up to its total in the population.

    For when the totals of the columns are known but not those of their combinations. Weights are the base weights times one factor a
    category. Margins are met in turn and, where that is slow, by Newton's method, until the largest gap is below `tolerance`.

    Parameters
    ----------
    table : DataFrame
        One row a unit, with the columns of the margins.
    margins : mapping
        Column -> (category -> total). All margins have the same grand total.
    base : array, optional
        Weights to begin with; 1 without it.
    collapse : mapping, optional
        Column -> (category -> category it is counted with).
    tolerance : float
        Largest gap between a weighted sum and its total, relative to the grand total. The usual 1e-3 or so stops early.
    max_iterations : int
        Rounds at most.
    at_most : float, optional
        As for `post_stratify`.

    Returns
    -------
    Weights
        With `weight`, `factors`, `iterations`, `largest_gap`, `design_effect`.

    Raises
    ------
    MissingColumnsError, ParameterError
        No such column; margins with different grand totals; categories with a total but no row, or with rows but no total: all are listed.
    ConvergenceError
        No weights meet all totals, because combinations of categories have no row, or not within the rounds: the gaps are listed.

    References
    ----------
    Deming and Stephan (1940), Annals of Mathematical Statistics 11, 427-444. Deville, Särndal and Sautory (1993), Journal of the American
    Statistical Association 88, 1013-1020. Potter (1990), as for `post_stratify`.

    Examples
    --------
    >>> table = pd.DataFrame({"size": ["s", "s", "l", "l"], "region": ["eu", "us", "eu", "us"]})
    >>> weights = rake(table, {"size": {"s": 60, "l": 40}, "region": {"eu": 50, "us": 50}})
    >>> weights.weight.round(6).tolist(), weights.largest_gap < 1e-12
    ([30.0, 30.0, 20.0, 20.0], True)
    """
    if missing := [column for column in margins if column not in table.columns]:
        raise MissingColumnsError(missing, table.columns, table="table")
    if not margins or not tolerance > 0 or max_iterations < 1:
        raise ParameterError(f"raking needs a margin, a tolerance above 0 and a round at least, not {len(margins)}, {tolerance!r} and {max_iterations!r}.")
    merges = {column: (collapse or {}).get(column, {}) for column in margins}
    return _weights(table[list(margins)], margins, base=base, collapse=merges, at_most=at_most, tolerance=tolerance, max_iterations=max_iterations)


def kish_design_effect(weights: npt.ArrayLike) -> float:
    """How many times unequal weights multiply the variance of a mean: 1 plus the squared coefficient of variation of the weights.

    True where the weights have nothing to do with what is measured. Weighting to known totals that are related to it may gain more than it costs.

    Parameters
    ----------
    weights : array
        At least 0, and not all 0.

    Returns
    -------
    float
        Number of weights times their sum of squares over their squared sum; the number of weights over it is the effective number.

    Raises
    ------
    ParameterError
        A weight is negative or missing, or there is none above 0.

    References
    ----------
    Kish (1965), Survey Sampling, section 11.7.

    Examples
    --------
    >>> kish_design_effect([1, 1, 2])
    1.125
    """
    values = _checked(weights, name="weights")
    if not values.sum() > 0:
        raise ParameterError("weights must hold one above 0. Pass the weights of the rows that count.")
    return float(len(values) * (values**2).sum() / values.sum() ** 2)


def unweighted(rows: int) -> Weights:
    """Return the weights of a sample that is taken as it is: 1 a row, in one cell."""
    one, margin = np.ones(rows), Margin(np.zeros(1, dtype="int64"), np.array([float(rows)]))
    return Weights(one, one, np.zeros(rows, dtype="int64"), (margin,), np.ones(1), np.ones(1), 0, 0.0)


def _weights(
    table: pd.DataFrame,
    margins: Mapping[str, Totals],
    *,
    base: npt.ArrayLike | None,
    collapse: Mapping[str, Collapse],
    at_most: float | None,
    tolerance: float = 1e-12,
    max_iterations: int = 1000,
) -> Weights:
    before = np.ones(len(table)) if base is None else _checked(base, name="base")
    if len(before) != len(table) or not len(table):
        raise ParameterError(f"every row must have a base weight, and there must be a row; there are {len(table)} rows and {len(before)} weights.")
    if at_most is not None and not at_most > 1:
        raise ParameterError(f"at_most must be above 1, in means of all factors, not {at_most!r}.")
    merged = {str(name): table[name].astype("object").map(lambda value, into=collapse[name]: into.get(value, value)) for name in margins}
    totals = {str(name): _merged(margins[name], collapse[name]) for name in margins}
    if problems := [*_contradictions(totals), *_uncovered(merged, totals, before)]:
        raise ParameterError(f"the totals must fit the rows: {'; '.join(problems)}.")
    codes = np.column_stack([pd.Index(totals[name].index).get_indexer(pd.Index(column, dtype="object")) for name, column in merged.items()])
    kinds, cell = np.unique(codes, axis=0, return_inverse=True)
    tables = tuple(Margin(kinds[:, place].astype("int64"), total.to_numpy("float64")) for place, total in enumerate(totals.values()))
    sums = np.bincount(cell, before, len(kinds)).astype("float64")[None, :]
    found = calibrate(sums, tables, tolerance=tolerance, max_iterations=max_iterations)
    if not found.gap[0] <= tolerance:
        raise ConvergenceError(_unmet(sums * found.factors, list(zip(tables, totals.items(), strict=True)), found))
    factors = found.factors if at_most is None else trimmed(sums, found.factors, at_most=at_most)
    rounds, gap = int(found.iterations[0]), float(found.gap[0])
    return Weights(before * factors[0, cell], before, cell, tables, factors[0], found.factors[0], rounds, gap, at_most)


def _merged(totals: Totals, collapse: Collapse) -> pd.Series:
    """Return the totals by category after collapsing, in order of first appearance."""
    pairs = [(collapse.get(name, name), float(total)) for name, total in totals.items()]
    names = list(dict.fromkeys(name for name, _ in pairs))
    sums = [sum(total for name, total in pairs if name == each) for each in names]
    return pd.Series(sums, index=pd.Index(_objects(names), dtype="object"), dtype="float64")


def _objects(names: Sequence[Any]) -> npt.NDArray[np.object_]:
    """Return names as an array of objects in which tuples stay whole."""
    array = np.empty(len(names), dtype="object")
    array[:] = names
    return array


def _contradictions(totals: Mapping[str, pd.Series]) -> Iterator[str]:
    for name, total in totals.items():
        wrong = total[~(np.isfinite(total) & (total >= 0))]
        if len(wrong):
            yield f"a total is a number of at least 0, which of {name} {_listed(wrong.index)} is not"
    grand = {name: float(total.sum()) for name, total in totals.items()}
    if not all(total > 0 for total in grand.values()):
        yield "the totals of a margin add up to more than 0"
    elif max(grand.values()) - min(grand.values()) > 1e-9 * max(grand.values()):
        yield "all margins have one grand total, but " + ", ".join(f"{name} adds up to {total:g}" for name, total in grand.items())


def _uncovered(columns: Mapping[str, pd.Series], totals: Mapping[str, pd.Series], base: Floats) -> Iterator[str]:
    for name, column in columns.items():
        there = set(column[base > 0])
        empty = [category for category, total in totals[name].items() if total > 0 and category not in there]
        if empty:
            yield f"no weight can repair {name} {_listed(empty)}: a total but no row (collapse it with another, or leave it out and say so)"
        unknown = [value for value in column.drop_duplicates() if value not in totals[name].index]
        if unknown:
            yield f"{name} {_listed(unknown)}: rows but no total (give one, 0 if it is none of the population)"


def _listed(names: Sequence[Any] | pd.Index) -> str:
    shown = ", ".join(repr(name) for name in list(names)[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _unmet(weighted: Floats, margins: Sequence[tuple[Margin, tuple[str, pd.Series]]], found: Calibrated) -> str:
    gaps = []
    for margin, (name, total) in margins:
        have = np.bincount(margin.codes, weighted[0], len(total))
        gaps += [f"{name} {category!r} {got:.6g} instead of {want:.6g}" for category, got, want in zip(total.index, have, total, strict=True) if got != want]
    return (
        f"no weights met all totals within {int(found.iterations[0])} rounds (largest gap {found.gap[0]:.2g} of the grand total): {'; '.join(gaps[:_SHOWN])}. "
        "Too many combinations of categories have no row: collapse categories or leave a margin out."
    )


def _checked(values: npt.ArrayLike, *, name: str) -> Floats:
    array = np.asarray(values, dtype="float64").ravel()
    bad = ~(np.isfinite(array) & (array >= 0))
    if bad.any():
        raise ParameterError(f"{name} must be finite numbers of at least 0; row {int(np.argmax(bad))} has {array[bad][0]:g}. Correct it or leave it out.")
    return array
