"""Rows of an ordinal model, checked and added up to distinct ones."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats.ordinal_likelihood import Cells, Floats, Integers


class Rows(NamedTuple):
    """Distinct rows in standard deviations, and what they were made of.

    Attributes
    ----------
    cells : Cells
        Distinct rows of standardised covariates and category.
    place, weight, clusters
        Of each row as given: its distinct row, the answers it stands for, the number of its cluster (None where rows are independent).
    terms, levels
        Names of the covariates; the categories from the lowest.
    mean, scale : array
        Of each covariate.
    """

    cells: Cells
    place: Integers
    weight: Floats
    clusters: Integers | None
    terms: tuple[str, ...]
    levels: tuple[Any, ...]
    mean: Floats
    scale: Floats

    @property
    def owners(self) -> int:
        """Number of clusters; of rows where they are independent."""
        return len(self.place) if self.clusters is None else int(self.clusters.max()) + 1

    def by_cluster(self, scores: Floats) -> Floats:
        """Return the sums over clusters of what one answer of each distinct row adds."""
        own = np.arange(len(self.place)) if self.clusters is None else self.clusters
        return np.column_stack([np.bincount(own, self.weight * column[self.place], self.owners) for column in scores.T])

    def meat(self, scores: Floats) -> Floats:
        """Return the sum of squared cluster sums, times G / (G - 1) for G clusters."""
        sums = self.by_cluster(scores)
        return np.asarray(sums.T @ sums * self.owners / max(self.owners - 1, 1))


def read_rows(x: pd.DataFrame, y: npt.ArrayLike, *, weights: npt.ArrayLike | None, clusters: npt.ArrayLike | None) -> Rows:
    """Return the rows of an ordinal model.

    Raises
    ------
    ParameterError
        A value is missing or no number, a weight is negative, lengths differ, or a column is constant or a combination of others.
    NotEnoughDataError
        All answers are in one category, or one cluster.
    """
    table = x.reset_index(drop=True)
    outcome = pd.Series(y).reset_index(drop=True)
    weight = np.ones(len(table)) if weights is None else np.asarray(weights, dtype="float64")
    owners = None if clusters is None else pd.Series(clusters).reset_index(drop=True)
    if not len(table) == len(outcome) == len(weight) == len(table if owners is None else owners):
        raise ParameterError(f"x, y, weights and clusters must have as many rows; x has {len(table)}, y {len(outcome)}, weights {len(weight)}.")
    _refuse_missing(table, outcome, weight=weight, owners=owners)
    counted = weight > 0
    table, outcome, weight = table[counted].reset_index(drop=True), outcome[counted].reset_index(drop=True), weight[counted]
    category, levels = pd.factorize(_plain(outcome), sort=True)
    owner = None if owners is None else pd.factorize(owners[counted])[0].astype("int64")
    if len(levels) < 2 or (owner is not None and owner.max() == 0):
        raise NotEnoughDataError(f"an ordinal model needs answers in two categories, and in two clusters; there is one. {len(table)} rows. Use more data.")
    values = table.to_numpy("float64").reshape(len(table), table.shape[1])
    mean, scale = values.mean(axis=0), values.std(axis=0)
    terms = tuple(str(name) for name in table.columns)
    _refuse_constant(values, mean=mean, scale=scale, terms=terms)
    cells, place = _distinct((values - mean) / scale, category.astype("int64"), weight, categories=len(levels))
    return Rows(cells, place, weight, owner, terms, _ordered(outcome, levels), mean, scale)


def _plain(outcome: pd.Series) -> pd.Series:
    """Return categories of an ordered type as their places."""
    if not isinstance(outcome.dtype, pd.CategoricalDtype):
        return outcome
    if not outcome.cat.ordered:
        raise ParameterError("categories of y must be ordered. Use pd.Categorical(..., ordered=True), or numbers.")
    return outcome.cat.codes


def _ordered(outcome: pd.Series, levels: Any) -> tuple[Any, ...]:
    return tuple(outcome.cat.categories[list(levels)] if isinstance(outcome.dtype, pd.CategoricalDtype) else levels)


def _refuse_missing(table: pd.DataFrame, outcome: pd.Series, *, weight: Floats, owners: pd.Series | None) -> None:
    """Raise with the first row of the first column that has no usable value."""
    named: dict[str, Any] = {str(name): pd.to_numeric(table[name], errors="coerce") for name in table.columns}
    for name, column in {**named, "y": outcome, "weights": np.where(weight >= 0, weight, np.nan), **({} if owners is None else {"clusters": owners})}.items():
        bad = pd.isna(column) | np.isin(np.asarray(column, dtype="object"), [np.inf, -np.inf])
        if (bad := np.asarray(bad, dtype=bool)).any():
            raise ParameterError(f"{name} must have a finite value in every row, and no weight below 0; row {int(np.argmax(bad)) + 1} has none. Leave it out.")


def _refuse_constant(values: Floats, *, mean: Floats, scale: Floats, terms: tuple[str, ...]) -> None:
    """Raise where a covariate says nothing of its own."""
    flat = scale <= 1e-10 * np.maximum(np.abs(mean), 1e-300)
    if flat.any():
        raise ParameterError(f"every covariate must vary; {terms[int(np.argmax(flat))]!r} is the same in all rows. Leave it out.")
    if len(terms) > 1 and np.linalg.eigvalsh(np.corrcoef(values.T))[0] < 1e-10:
        raise ParameterError(f"no covariate may be a combination of others; one of {', '.join(map(repr, terms))} is. Leave one out.")


def _distinct(values: Floats, category: Integers, weight: Floats, *, categories: int) -> tuple[Cells, Integers]:
    """Return the distinct rows with their weights, and the one to which each row belongs."""
    frame = pd.DataFrame(values).assign(category=category)
    place = frame.groupby(list(frame.columns), sort=True).ngroup().to_numpy("int64")
    first = np.unique(place, return_index=True)[1]
    return Cells(values[first], category[first], np.bincount(place, weight).astype("float64"), categories), place
