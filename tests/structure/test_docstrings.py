"""Every public function says what it takes, gives and refuses, where its method comes from, and shows itself at work."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from numpydoc.docscrape import FunctionDoc
from numpydoc.validate import validate

import cs_analysis as cs

SUMMARY = {"GL08", "SS01", "SS03", "SS06"}  # there is one, in one line that ends in a full stop
COMPLETE = SUMMARY | {"GL07", "PR01", "PR02", "PR03", "PR07", "RT01", "EX01"}  # parameters, result, example


@pytest.fixture(scope="module")
def public() -> dict[str, Any]:
    """Return everything public by name."""
    return {name: getattr(cs, name) for name in cs.__all__ if not name.startswith("_") and name != "errors"}


@pytest.fixture(scope="module")
def functions(public: dict[str, Any]) -> dict[str, Callable]:
    """Return the public functions by name."""
    return {name: thing for name, thing in public.items() if inspect.isfunction(thing)}


def complaints(thing: Any, codes: set[str]) -> list[str]:
    """Return what is wrong with the docstring of a function or class."""
    return [message for code, message in validate(f"{thing.__module__}.{thing.__qualname__}")["errors"] if code in codes]


def raised(function: Callable) -> set[str]:
    """Return the exceptions that a function's own body raises by name."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    calls = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
    return {call.func.id for call in calls if isinstance(call.func, ast.Name)}


def documented(function: Callable) -> set[str]:
    """Return the exceptions that a function's docstring names."""
    return {kind for entry in FunctionDoc(function)["Raises"] for kind in entry.type.split(", ")}


def test_every_class_is_described(public: dict[str, Any]) -> None:
    found = {name: said for name, thing in public.items() if inspect.isclass(thing) and (said := complaints(thing, SUMMARY))}
    assert found == {}


@pytest.mark.slow
def test_every_function_is_described_completely(functions: dict[str, Callable]) -> None:
    assert {name: said for name, function in functions.items() if (said := complaints(function, COMPLETE))} == {}


def test_what_a_function_raises_is_documented(functions: dict[str, Callable]) -> None:
    assert {name: missing for name, function in functions.items() if (missing := raised(function) - documented(function))} == {}


def test_every_number_names_its_source(functions: dict[str, Callable]) -> None:
    numbers = {name: function for name, function in functions.items() if function.__module__.split(".")[1] in {"metrics", "stats"}}
    assert numbers
    assert [name for name, function in numbers.items() if not FunctionDoc(function)["References"]] == []


def test_every_example_is_run(package: Path) -> None:
    assert [path.name for path in package.rglob("*.py") if "doctest: +SKIP" in path.read_text()] == []
