"""The rows of a durations table as a Cox regression reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.stats.cox.terms import Terms, read_terms
from cs_analysis.stats.risk import By, Flags, Floats, Integers, read_rows

TIES = ("efron", "breslow")


class CoxData(NamedTuple):
    """What a Cox regression needs to know of each row.

    Attributes
    ----------
    x : array
        Covariates, rows x terms.
    terms : tuple of str
        Their names.
    enter, leave : array
        The row is at risk on (enter, leave], one that enters at 0 at time 0 as well; steps of 1e-9 day.
    observed : array
        Whether the unit ends at `leave`.
    weights : array
        Above 0.
    stratum : array
        Codes from 0; every stratum has its own baseline hazard.
    cluster : array or None
        Codes from 0; rows of one cluster are not independent.
    ties : str
        `"efron"` or `"breslow"`.
    """

    x: Floats
    terms: tuple[str, ...]
    enter: Integers
    leave: Integers
    observed: Flags
    weights: Floats
    stratum: Integers
    cluster: Integers | None
    ties: str

    def at(self, rows: Integers) -> CoxData:
        """Return the rows with these numbers, in their order and as often as they are named."""
        cluster = None if self.cluster is None else self.cluster[rows]
        return self._replace(
            x=self.x[rows],
            enter=self.enter[rows],
            leave=self.leave[rows],
            observed=self.observed[rows],
            weights=self.weights[rows],
            stratum=self.stratum[rows],
            cluster=cluster,
        )


@dataclass(frozen=True, eq=False)
class Design:
    """The rows of a fit, how covariates became columns, and the key values of the strata."""

    data: CoxData
    terms: Terms
    strata: pd.DataFrame

    def stratum_of(self, table: pd.DataFrame) -> Integers:
        """Return the codes of the strata of another table's rows; raise where a row is in none of the fit."""
        names = list(self.strata.columns)
        if not names:
            return np.zeros(len(table), dtype="int64")
        absent = [name for name in names if name not in table.columns]
        if absent:
            raise MissingColumnsError(absent, table.columns, table="table")
        known, found = (pd.MultiIndex.from_frame(each[names].astype(object)) for each in (self.strata, table))
        code = known.get_indexer(found)
        if (code < 0).any():
            first = int(np.argmax(code < 0))
            values = ", ".join(f"{name} {value!r}" for name, value in table[names].iloc[first].items())
            raise ParameterError(f"every row must be in a stratum of the fit; row {table.index[first]!r} has {values}. Leave it out.")
        return np.asarray(code, dtype="int64")


def read_design(
    durations: pd.DataFrame, covariates: str | Sequence[str], *, strata: By = None, cluster: str | None = None, weights: str | None = None, ties: str = "efron"
) -> Design:
    """Return the checked rows of a durations table with their covariates; a row with a `count` stands for that many equal rows.

    Raises
    ------
    MissingColumnsError, ParameterError
        A column is absent, a value breaks a rule or is missing, the ties method is unknown.
    NotEnoughDataError
        There is no row.
    """
    if ties not in TIES:
        raise ParameterError(f"ties must be 'efron' or 'breslow', not {ties!r}.")
    rows = read_rows(durations, strata)
    terms = read_terms(durations, covariates)
    data = CoxData(
        x=terms.of(durations),
        terms=terms.names,
        enter=np.zeros_like(rows.leave) if rows.enter is None else rows.enter,
        leave=rows.leave,
        observed=rows.observed,
        weights=_weights(durations, weights),
        stratum=rows.group,
        cluster=_clusters(durations, cluster),
        ties=ties,
    )
    if rows.count is not None and rows.count.max() > 1:
        data = data.at(np.repeat(np.arange(len(rows.count)), rows.count))  # tied ends are told from one heavy end
    return Design(data, terms, rows.keys)


def _weights(table: pd.DataFrame, name: str | None) -> Floats:
    if name is None:
        return np.ones(len(table))
    if name not in table.columns:
        raise MissingColumnsError([name], table.columns, table="durations")
    numeric = pd.api.types.is_numeric_dtype(table[name])
    weights = table[name].to_numpy("float64", na_value=np.nan) if numeric else np.full(len(table), np.nan)
    bad = ~(np.isfinite(weights) & (weights > 0))
    if bad.any():
        first = int(np.argmax(bad))
        raise ParameterError(
            f"weights must be finite numbers above 0; {name} is not in {int(bad.sum())} rows (first row {table.index[first]!r}: {table[name].iloc[first]}). "
            "Correct the rows, or leave out those that should not count."
        )
    return np.asarray(weights)


def _clusters(table: pd.DataFrame, name: str | None) -> Integers | None:
    if name is None:
        return None
    if name not in table.columns:
        raise MissingColumnsError([name], table.columns, table="durations")
    codes, _ = pd.factorize(table[name])
    if (codes < 0).any():
        first, rows = table.index[int(np.argmax(codes < 0))], int((codes < 0).sum())
        raise ParameterError(f"the cluster {name} must be known in every row; {rows} rows have none (first row {first!r}). Fill it in or leave them out.")
    return np.asarray(codes, dtype="int64")
