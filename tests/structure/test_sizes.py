"""How large things are: short functions, files that fit the eye, few positional parameters."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

import pytest

Function = ast.FunctionDef | ast.AsyncFunctionDef


def trees(folder: Path) -> dict[str, ast.Module]:
    """Return the syntax trees of a folder's Python files."""
    return {str(path.relative_to(folder)): ast.parse(path.read_text()) for path in sorted(folder.rglob("*.py"))}


def functions(tree: ast.Module) -> Iterator[Function]:
    """Yield every function and method of a tree."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def body_lines(function: Function) -> int:
    """Return the number of lines of a function after its signature and docstring."""
    first = 1 if ast.get_docstring(function) is not None else 0
    return function.end_lineno - function.body[first].lineno + 1 if len(function.body) > first else 0


def positional(function: Function) -> list[str]:
    """Return the names of the parameters that can be given by position."""
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return [name for name in names if name not in ("self", "cls")]


@pytest.fixture(scope="module")
def package_trees(package: Path) -> dict[str, ast.Module]:
    return trees(package)


def test_function_bodies_are_short(package_trees: dict[str, ast.Module]) -> None:
    bodies = [body_lines(function) for tree in package_trees.values() for function in functions(tree)]
    assert median(bodies) <= 8
    assert quantiles(bodies, n=10)[-1] <= 30


@pytest.mark.parametrize("folder", ["src", "tools"])
def test_no_function_is_long(repository: Path, folder: str) -> None:
    over = [f"{name}: {function.name}" for name, tree in trees(repository / folder).items() for function in functions(tree) if body_lines(function) > 50]
    assert over == []


def test_at_most_three_parameters_are_positional(package_trees: dict[str, ast.Module]) -> None:
    over = [f"{name}: {function.name}" for name, tree in package_trees.items() for function in functions(tree) if len(positional(function)) > 3]
    assert over == []


def test_no_class_is_long(package_trees: dict[str, ast.Module]) -> None:
    classes = [(name, node) for name, tree in package_trees.items() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert [f"{name}: {node.name}" for name, node in classes if node.end_lineno - node.lineno + 1 > 150] == []


@pytest.mark.parametrize("folder", ["src", "tests", "tools", "benchmarks"])
def test_no_file_is_long(repository: Path, folder: str) -> None:
    lengths = {str(path.relative_to(repository)): len(path.read_text().splitlines()) for path in (repository / folder).rglob("*.py")}
    assert {name: lines for name, lines in lengths.items() if lines > 400} == {}


def test_a_docstring_does_not_count_as_body() -> None:
    source = 'def f(a, *, b):\n    """Say it.\n\n    At length.\n    """\n    c = a\n    return b + c\n'
    (function,) = functions(ast.parse(source))
    assert body_lines(function) == 2
    assert positional(function) == ["a"]
