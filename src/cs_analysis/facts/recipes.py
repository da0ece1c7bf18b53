"""Recipes of callers: functions that make features of accounts from a dataset, run as of an earlier date.

A recipe is asked what it would have said then. What it holds on to beside the dataset it is given would tell it more, so a dataset it holds on to is
seen as of the date too, and one that holds on to a table cannot be asked. Columns of `accounts` that are as of the export were not known then.
"""

from __future__ import annotations

import dis
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import replace
from datetime import date
from types import CellType, CodeType, FunctionType, MappingProxyType
from typing import Any

import ibis
import numpy as np
import pandas as pd

from cs_analysis.data.dataset import Dataset, engine_of, relation
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.facts.feature_dates import seen_at

Recipe = Callable[[Dataset], pd.DataFrame]
UNDATED = ("plan", "csm", "seats")
_STANDARD = sysconfig.get_path("stdlib")


def held_tables(recipe: Recipe) -> list[str]:
    """Return the names under which a recipe, or a function it uses, holds on to a table: nobody knows of which date that is.

    An object that can be called and is no plain function may hold on to anything.
    """
    if not isinstance(recipe, FunctionType):
        return [type(recipe).__name__]
    return sorted({name for function in _functions(recipe) for name, value in _held(function) if _is_table(value)})


def made_at(ds: Dataset, recipe: Recipe, day: date) -> pd.DataFrame:
    """Return the columns that a recipe makes as of a date, by account.

    Raises
    ------
    ParameterError, MissingColumnsError
        It returns no table, one without `account_id`, an account twice, or an account that was not known then.
    """
    then = known_at(ds, day)
    made = _seen_from(recipe, day, {})(then)
    if not isinstance(made, pd.DataFrame):
        raise ParameterError(f"a recipe must return a data frame with account_id and its columns, not {type(made).__name__}.")
    table = made if "account_id" in made.columns else made.reset_index()
    if "account_id" not in table.columns:
        raise MissingColumnsError(["account_id"], table.columns, table="of the recipe")
    accounts = table["account_id"].astype("str")
    if accounts.duplicated().any():
        raise ParameterError(f"a recipe must return one row an account; on {day} it has account {accounts[accounts.duplicated()].iloc[0]!r} twice.")
    unknown = accounts[~accounts.isin(then.tables["accounts"].to_pandas(["account_id"])["account_id"])]
    if len(unknown):
        raise ParameterError(f"a recipe must use nothing but the dataset it is given; on {day} it names account {unknown.iloc[0]!r}, which was not known then.")
    return table.assign(account_id=accounts).set_index("account_id")


def known_at(ds: Dataset, day: date) -> Dataset:
    """Return the dataset as of the end of a day, without what `accounts` says of its last day only: plan, manager and seats are missing before."""
    then, columns = seen_at(ds, day), ds.tables["accounts"].columns
    undated = [name for name in UNDATED if name in columns]
    if then.as_of == ds.as_of or not undated:
        return then
    accounts = relation(then, "accounts")
    hidden = engine_of(ds).stage(accounts.mutate(**{name: ibis.null(accounts[name].type()) for name in undated}))
    masked = copy(then)
    tables = {**then.tables, "accounts": replace(then.tables["accounts"], _view=hidden.get_name())}
    object.__setattr__(masked, "tables", MappingProxyType(tables))
    return masked


def _seen_from(function: Any, day: date, seen: dict[int, Any]) -> Any:
    """Return the function with the datasets it holds on to, itself or through other functions of its kind, as of the date."""
    if not isinstance(function, FunctionType):
        return function
    if id(function) in seen:
        return seen[id(function)]
    names = dict(function.__globals__)
    made = FunctionType(function.__code__, names, function.__name__, None, tuple(CellType() for _ in function.__closure__ or ()))
    seen[id(function)] = made
    for name in _global_names(function):
        names[name] = _as_of(names[name], day, seen)
    for cell, original in zip(made.__closure__ or (), function.__closure__ or (), strict=True):
        cell.cell_contents = _as_of(original.cell_contents, day, seen)
    made.__defaults__ = tuple(_as_of(value, day, seen) for value in function.__defaults__ or ()) or None
    made.__kwdefaults__ = {name: _as_of(value, day, seen) for name, value in (function.__kwdefaults__ or {}).items()} or None
    return made


def _as_of(value: Any, day: date, seen: dict[int, Any]) -> Any:
    """Return a value as a function of a date may use it."""
    if isinstance(value, Dataset):
        return known_at(value, day)
    return _seen_from(value, day, seen) if _is_own(value) else value


def _functions(recipe: Any) -> Iterator[FunctionType]:
    """Yield a recipe and the functions that it uses, each once."""
    waiting, found = [recipe], set()
    while waiting:
        function = waiting.pop()
        if isinstance(function, FunctionType) and id(function) not in found:
            found.add(id(function))
            yield function
            waiting.extend(value for _, value in _held(function) if _is_own(value))


def _held(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Yield the names and values that a function holds on to beside its arguments."""
    for name in _global_names(function):
        yield name, function.__globals__[name]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield name, cell.cell_contents
    arguments = function.__code__.co_varnames[: function.__code__.co_argcount]
    defaults = function.__defaults__ or ()
    yield from zip(arguments[len(arguments) - len(defaults) :], defaults, strict=True)
    yield from (function.__kwdefaults__ or {}).items()


def _global_names(function: FunctionType) -> list[str]:
    """Return the global names that a function reads and that exist, those of functions written inside it among them."""
    waiting, names = [function.__code__], set()
    while waiting:
        code = waiting.pop()
        waiting.extend(inner for inner in code.co_consts if isinstance(inner, CodeType))
        names |= {step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return sorted(names & set(function.__globals__))


def _is_own(value: Any) -> bool:
    """Return whether a value is a function that a caller wrote; those of installed packages hold on to no data of the company."""
    if not isinstance(value, FunctionType) or (value.__module__ or "").startswith("cs_analysis."):
        return False
    return "site-packages" not in value.__code__.co_filename and not value.__code__.co_filename.startswith(_STANDARD)


def _is_table(value: Any) -> bool:
    if isinstance(value, Mapping | list | tuple):
        return any(_is_table(each) or isinstance(each, Dataset) for each in (value.values() if isinstance(value, Mapping) else value))
    return isinstance(value, pd.DataFrame | pd.Series | pd.Index | np.ndarray) or (hasattr(value, "to_pandas") and not isinstance(value, type))
