"""From covariates, named in a list or written as a formula, to the columns of a model, for the table of a fit and for later ones."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd

from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.stats.risk import Flags, Floats

OUTCOMES = ("duration_days", "observed", "count")


@dataclass(frozen=True, eq=False)
class Terms:
    """How covariates become columns.

    Attributes
    ----------
    names : tuple of str
        The columns of the model.
    covariates : dict
        Covariate (a column of the table, or a term of the formula) -> its positions among `names`.
    """

    names: tuple[str, ...]
    covariates: dict[str, list[int]]
    _columns: tuple[tuple[str, tuple[Any, ...] | None], ...]
    _formula: Any = None

    def of(self, table: pd.DataFrame) -> Floats:
        """Return the columns of the model for a table that has the covariates."""
        check_present(table, [name for name, _ in self._columns], called="table")
        x = self._from_columns(table) if self._formula is None else _evaluated(self._formula, table).to_numpy("float64")
        _refuse_infinite(x, names=self.names, table=table)
        return x

    def _from_columns(self, table: pd.DataFrame) -> Floats:
        parts = [_numbers(table, name) if levels is None else _dummies(table, name, levels=levels) for name, levels in self._columns]
        return np.column_stack(parts)


def read_terms(table: pd.DataFrame, covariates: str | Sequence[str]) -> Terms:
    """Return how the covariates of a fit become columns.

    Raises
    ------
    ParameterError
        There is none, one is an outcome or constant text, a value is missing, or the formula cannot be read.
    MissingColumnsError
        The table lacks a column.
    """
    if isinstance(covariates, str) and covariates not in table.columns:
        return _from_formula(table, covariates)
    names = [covariates] if isinstance(covariates, str) else list(dict.fromkeys(covariates))
    if not names:
        raise ParameterError("covariates must name at least one column, or be a formula such as 'age + C(plan)'. For none use `survival_curve`.")
    check_present(table, names)
    columns = tuple((name, _levels(table[name])) for name in names)
    terms: list[str] = []
    places: dict[str, list[int]] = {}
    for name, levels in columns:
        own = [name] if levels is None else [f"{name}[T.{level}]" for level in levels[1:]]
        places[name] = list(range(len(terms), len(terms) + len(own)))
        terms += own
    return Terms(tuple(terms), places, columns)


def check_present(table: pd.DataFrame, names: Sequence[str], *, called: str = "durations") -> None:
    """Raise unless the table has the columns and a value in every row of them."""
    absent = [name for name in names if name not in table.columns]
    if absent:
        raise MissingColumnsError(absent, table.columns, table=called)
    banned = [name for name in names if name in OUTCOMES]
    if banned:
        raise ParameterError(f"{banned[0]!r} cannot be a covariate: it is what is explained, or how many units a row stands for. Leave it out.")
    problems = []
    for name in dict.fromkeys(names):
        missing = table[name].isna().to_numpy()
        if missing.any():
            problems.append(f"{name} ({int(missing.sum())} rows, first row {table.index[int(np.argmax(missing))]!r})")
    if problems:
        raise ParameterError(f"covariates must have a value in every row; missing in {', '.join(problems)}. Fill them in or leave the rows out.")


def _levels(values: pd.Series) -> tuple[Any, ...] | None:
    """Return the values of a categorical column that occur, in order, or None for numbers."""
    if pd.api.types.is_numeric_dtype(values):
        return None
    if pd.api.types.is_datetime64_any_dtype(values) or pd.api.types.is_timedelta64_dtype(values):
        raise ParameterError(f"the covariate {values.name!r} must hold numbers or categories, not instants or time spans. Convert it to days.")
    if isinstance(values.dtype, pd.CategoricalDtype):
        found = tuple(values.cat.remove_unused_categories().cat.categories)
    else:
        found = tuple(sorted(values.unique(), key=str))
    if all(isinstance(level, Number) and not isinstance(level, bool) for level in found) and values.dtype == object:
        raise ParameterError(f"the covariate {values.name!r} holds numbers as objects. Convert it: `pandas.to_numeric`, or `astype('category')` for levels.")
    if len(found) < 2:
        raise ParameterError(f"the covariate {values.name!r} has one value only ({found[0]!r}), which explains nothing. Leave it out.")
    return found


def _numbers(table: pd.DataFrame, name: str) -> Floats:
    if not pd.api.types.is_numeric_dtype(table[name]):
        raise ParameterError(f"the covariate {name!r} must hold numbers, as in the table of the fit, not {table[name].iloc[0]!r}. Convert it.")
    return np.asarray(table[name].to_numpy("float64")[:, None])


def _dummies(table: pd.DataFrame, name: str, *, levels: tuple[Any, ...]) -> Floats:
    """Return a column of 0 and 1 for every level but the first."""
    place = pd.Index(levels).get_indexer(pd.Index(table[name]))
    if (place < 0).any():
        first = int(np.argmax(place < 0))
        known = ", ".join(repr(level) for level in levels)
        raise ParameterError(f"{name} must be one of {known}, as in the fit; row {table.index[first]!r} has {table[name].iloc[first]!r}. Leave it out.")
    return np.asarray(place[:, None] == np.arange(1, len(levels)), dtype="float64")


def _from_formula(table: pd.DataFrame, text: str) -> Terms:
    from formulaic import Formula  # noqa: PLC0415 - slow to load, and needed for formulas only
    from formulaic.errors import FormulaicError  # noqa: PLC0415

    try:
        formula = Formula(text)
        if "~" in text or "|" in text:
            raise ParameterError(f"covariates must be one sum of terms without '~' or '|', such as 'age + C(plan)', not {text!r}.")
        check_present(table, sorted(map(str, formula.required_variables)))
        spec = formula.get_model_matrix(_plain(table), context={}, na_action="ignore").model_spec
    except FormulaicError as error:
        raise ParameterError(f"the formula {text!r} cannot be read: {_in_a_line(error)}. Write it like 'age + C(plan) + mrr:seats'.") from error
    return _terms_of(spec, text, table=table)


def _terms_of(spec: Any, text: str, *, table: pd.DataFrame) -> Terms:
    """Return the terms that formulaic found, its intercept left out: every baseline hazard is one."""
    used = sorted(map(str, spec.required_variables))  # what stands inside `scale(...)` and the like is known only now
    check_present(table, used)
    if "Intercept" not in spec.column_names or len(spec.column_names) == 1:
        raise ParameterError(f"the formula must have at least one term and keep its intercept (no '- 1', no '+ 0'), not {text!r}.")
    names = tuple(str(name) for name in spec.column_names if name != "Intercept")
    own = {str(part.term): [names.index(str(name)) for name in part.columns] for part in spec.structure if str(part.term) != "1"}
    return Terms(names, own, tuple((name, None) for name in used), spec)


def _evaluated(spec: Any, table: pd.DataFrame) -> pd.DataFrame:
    from formulaic.errors import DataMismatchWarning, FormulaicError  # noqa: PLC0415 - see above

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DataMismatchWarning)
            matrix = spec.get_model_matrix(_plain(table), context={}, na_action="ignore")
    except (FormulaicError, DataMismatchWarning) as error:
        raise ParameterError(f"the table does not suit the formula of the fit: {_in_a_line(error)}. Correct the rows or leave them out.") from error
    return pd.DataFrame(matrix).drop(columns="Intercept")


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with text as objects, which formulaic takes for categories."""
    return table.astype({name: object for name, kind in table.dtypes.items() if isinstance(kind, pd.StringDtype)})


def _in_a_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0].rstrip(".")


def _refuse_infinite(x: Floats, *, names: Sequence[str], table: pd.DataFrame) -> None:
    bad: Flags = ~np.isfinite(x)
    if bad.any():
        row, column = (int(place[0]) for place in np.nonzero(bad))
        rows = int(bad[:, column].sum())
        raise ParameterError(
            f"the covariate {names[column]} must be finite numbers ({rows} rows are not, first row {table.index[row]!r}: {x[row, column]}). Correct it."
        )
