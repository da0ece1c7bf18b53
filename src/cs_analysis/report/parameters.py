"""Parameters of a notebook: read from its cell tagged `parameters` without running it, and checked before anything runs.

A parameter is an annotated assignment, `by: str | None = None`; one without a value must be given. Known types are `str`, `int`,
`float`, `bool`, `Literal[...]`, `list[...]` of these, and alternatives with `|`.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, get_args, get_origin

import numpy as np
from nbformat import NotebookNode

from cs_analysis.errors import ParameterError

REQUIRED = object()
_NAMES: dict[str, Any] = {"str": str, "int": int, "float": float, "bool": bool, "None": type(None)}
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Parameter:
    """One declared parameter: `annotation` as written, `kinds` the alternatives it allows, `default` or `REQUIRED`."""

    name: str
    annotation: str
    kinds: tuple[Any, ...]
    default: Any

    def accepts(self, value: Any) -> bool:
        """Return whether a value has one of the parameter's types."""
        return any(_is_of(value, kind) for kind in self.kinds)


def declared_parameters(notebook: NotebookNode, *, name: str = "the notebook") -> dict[str, Parameter]:
    """Return the parameters that a notebook declares, in order.

    Raises
    ------
    ParameterError
        An annotation or a default is not of the known forms; all such are named.
    """
    nodes = [node for node in _statements(notebook, name) if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)]
    found: dict[str, Parameter] = {}
    problems = []
    for node in nodes:
        try:
            parameter = _parameter(node)
        except (ValueError, KeyError):
            problems.append(ast.unparse(node))
        else:
            found[parameter.name] = parameter
    if problems:
        known = "str, int, float, bool, None, Literal[...], list[...] and alternatives with |, with a literal as default"
        raise ParameterError(f"{name} declares parameters of unknown form: {'; '.join(problems)}. Known are {known}.")
    return found


def checked_parameters(declared: Mapping[str, Parameter], given: Mapping[str, Any], *, name: str = "the notebook") -> dict[str, Any]:
    """Return a value for every declared parameter: the given one, else its default.

    Raises
    ------
    ParameterError
        A parameter is unknown, missing or of another type; all such are named.
    """
    problems = [_unknown(key, declared) for key in given if key not in declared]
    values = {key: _plain(given.get(key, parameter.default)) for key, parameter in declared.items()}
    problems += [f"{key} must be given ({declared[key].annotation})" for key, value in values.items() if value is REQUIRED]
    wrong = [key for key, value in values.items() if value is not REQUIRED and not declared[key].accepts(value)]
    problems += [f"{key} must be {declared[key].annotation}, not {values[key]!r}" for key in wrong]
    if problems:
        raise ParameterError(f"{name} was not run: " + "; ".join(problems) + ".")
    return {key: float(value) if _is_whole_float(declared[key], value) else value for key, value in values.items()}


def from_texts(declared: Mapping[str, Parameter], texts: Mapping[str, str]) -> dict[str, Any]:
    """Return texts from a command line as values of the declared types; what does not convert is left for the check to name."""
    return {key: _converted(text, declared[key].kinds) if key in declared else text for key, text in texts.items()}


def _statements(notebook: NotebookNode, name: str) -> list[ast.stmt]:
    """Return the statements of the parameters cell; values are put in after the first one tagged so, hence no other counts."""
    cells = (cell.source for cell in notebook.cells if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", []))
    try:
        return ast.parse(next(cells, "")).body
    except (SyntaxError, ValueError) as error:
        raise ParameterError(f"the parameters cell of {name} must be plain Python without magics; it cannot be read ({error}).") from error


def _parameter(node: ast.AnnAssign) -> Parameter:
    default = REQUIRED if node.value is None else ast.literal_eval(node.value)
    return Parameter(node.target.id, ast.unparse(node.annotation), tuple(_kinds(node.annotation)), default)  # type: ignore[union-attr]


def _kinds(node: ast.expr) -> list[Any]:
    """Return the alternatives of an annotation."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_kinds(node.left), *_kinds(node.right)]
    if isinstance(node, ast.Constant) and node.value is None:
        return [type(None)]
    if isinstance(node, ast.Name):
        return [_NAMES[node.id]]
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        if node.value.id == "Literal":
            values = ast.literal_eval(node.slice)
            return [Literal[values]]
        if node.value.id == "list":
            return [list[kind] for kind in _kinds(node.slice)]  # type: ignore[valid-type]
    raise ValueError(ast.unparse(node))


def _plain(value: Any) -> Any:
    """Return a scalar of numpy as Python's own."""
    return value.item() if isinstance(value, np.generic) else value


def _is_of(value: Any, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return any(value == known and type(value) is type(known) for known in get_args(kind))
    if get_origin(kind) is list:
        return isinstance(value, list) and all(_is_of(item, get_args(kind)[0]) for item in value)
    if kind is float:
        return type(value) is int or (type(value) is float and math.isfinite(value))
    return type(value) is kind and (kind is not str or _is_writable(value))


def _is_writable(text: str) -> bool:
    """Return whether a text can be written to a file, as bytes of a command line that are no UTF-8 cannot."""
    return not any(0xD800 <= ord(sign) < 0xE000 for sign in text)


def _is_whole_float(parameter: Parameter, value: Any) -> bool:
    return type(value) is int and float in parameter.kinds and int not in parameter.kinds


def _converted(text: str, kinds: tuple[Any, ...]) -> Any:
    """Return a text as the first alternative that it can be read as; text itself is tried last, so that `007` stays text where asked."""
    if type(None) in kinds and text in ("", "None", "none"):
        return None
    for kind in kinds:
        if kind is bool and text.lower() in _WORDS:
            return _WORDS[text.lower()]
        if kind in (int, float):
            number = _number(text, kind)
            if number is not None and (str not in kinds or str(number) == text):
                return number
        if get_origin(kind) is list:
            return [_converted(part.strip(), get_args(kind)) for part in text.split(",") if part.strip()]
        if get_origin(kind) is Literal and text in map(str, get_args(kind)):
            return next(value for value in get_args(kind) if str(value) == text)
    return text


def _number(text: str, kind: type[int] | type[float]) -> int | float | None:
    try:
        return kind(text)
    except ValueError:
        return None


def _unknown(key: str, declared: Mapping[str, Parameter]) -> str:
    close = get_close_matches(key, declared, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return f"{key} is not a parameter{hint}; there are {', '.join(declared) or 'none'}"
