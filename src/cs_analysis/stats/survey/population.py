"""A sample weighted to a population of which it may not hold every part: what it does not hold is named, not dropped in silence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

import pandas as pd

from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.stats.survey.weights import Totals, Weights, post_stratify, rake, unweighted

Method = Literal["poststratify", "rake"]
Margins = Mapping[str, Totals]


class Represented(NamedTuple):
    """Weights of the rows (None where they stand for nobody), and the share of the population in each part without a row, by name."""

    weights: Weights | None
    uncovered: dict[str, float]


def represent(table: pd.DataFrame, population: pd.DataFrame | Margins, *, method: Method = "poststratify", at_most: float | None = None) -> Represented:
    """Return weights with which rows represent a population, as far as it has rows to be represented by.

    Parts of the population (cells, or with raking categories) without a row are left out and named with their share; the others are met exactly. A part with
    rows that the population does not have gets the weight 0.

    Parameters
    ----------
    table : DataFrame
        One row a unit, with the columns that make the parts; none of them missing.
    population : DataFrame or mapping
        One row a unit of the population with the same columns, or column -> (category -> share or count).
    method : {"poststratify", "rake"}
        Meet the combinations of the columns, or each column by itself.
    at_most : float, optional
        Largest weight, in means of all.

    Raises
    ------
    ParameterError, MissingColumnsError, ConvergenceError
        An unknown method; post-stratification by totals of several columns; as for `rake`.

    References
    ----------
    Holt and Smith (1979), Journal of the Royal Statistical Society A 142, 33-46. Deming and Stephan (1940), Annals of Mathematical Statistics
    11, 427-444.

    Examples
    --------
    >>> asked = pd.DataFrame({"size": ["s"] * 6 + ["m"] * 3 + ["l"]})
    >>> found = represent(pd.DataFrame({"size": ["s", "m", "m"]}), asked)
    >>> found.weights.weight.tolist(), found.uncovered
    ([6.0, 1.5, 1.5], {'size=l': 0.1})
    """
    if method not in get_args(Method):
        raise ParameterError(f"method must be 'poststratify' or 'rake', not {method!r}.")
    if isinstance(population, pd.DataFrame):
        return _of_units(table, population, method=method, at_most=at_most)
    if missing := [column for column in population if column not in table.columns]:
        raise MissingColumnsError(missing, table.columns, table="table")
    if method == "poststratify" and len(population) > 1:
        raise ParameterError("totals of several columns say nothing of their combinations: take method='rake', or one column that holds the combinations.")
    return _of_totals(table, population, at_most=at_most)


def _of_units(table: pd.DataFrame, population: pd.DataFrame, *, method: Method, at_most: float | None) -> Represented:
    """Return weights to the make-up of units."""
    columns = list(table.columns)
    if not columns:
        return Represented(unweighted(len(table)) if len(table) else None, {})
    parts = [columns] if method == "poststratify" else [[column] for column in columns]
    uncovered: dict[str, float] = {}
    left = population
    for part in parts:
        here = pd.MultiIndex.from_frame(left[part]).isin(pd.MultiIndex.from_frame(table[part]))
        sizes = left[~here].groupby(part, sort=True).size()
        uncovered |= {_named(part, cell): float(size) / len(population) for cell, size in sizes.items()}
        left = left[here]
    if not len(left) or not len(table):
        return Represented(None, uncovered)
    if method == "rake":
        margins = {column: left.groupby(column).size().reindex(_values(left[column], table[column]), fill_value=0) for column in columns}
        return Represented(rake(table, margins, at_most=at_most), uncovered)
    joint, rows = (pd.Series(list(frame.itertuples(index=False, name=None)), dtype="object") for frame in (left, table))
    totals = dict.fromkeys(rows, 0.0) | joint.value_counts().to_dict()
    return Represented(post_stratify(rows, totals, at_most=at_most), uncovered)


def _of_totals(table: pd.DataFrame, margins: Margins, *, at_most: float | None) -> Represented:
    """Return weights to given totals; in a margin that lacks a category the others are scaled up to the same grand total."""
    uncovered: dict[str, float] = {}
    kept = {}
    for column, totals in margins.items():
        given = pd.Series(dict(totals.items()), dtype="float64")
        here = given.index.isin(table[column].unique()) | ~(given > 0)
        uncovered |= {_named([column], (category,)): float(size / given.sum()) for category, size in given[~here].items()}
        kept[column] = given[here] * (given.sum() / given[here].sum() if given[here].sum() > 0 else 0.0)
    if not len(table) or any(not totals.sum() > 0 for totals in kept.values()):
        return Represented(None, uncovered)
    return Represented(rake(table, kept, at_most=at_most), uncovered)


def _named(columns: list[str], cell: object) -> str:
    values = cell if isinstance(cell, tuple) else (cell,)
    return ", ".join(f"{column}={value}" for column, value in zip(columns, values, strict=True))


def _values(first: pd.Series, second: pd.Series) -> pd.Index:
    return pd.Index(pd.concat([first, second]).unique(), dtype="object")
