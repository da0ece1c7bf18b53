"""A source named by an environment variable: the name is handed about and written down, the value is read where the data are."""

from __future__ import annotations

import os
from pathlib import Path

from cs_analysis.errors import ParameterError

_PREFIX = "env:"


def env_reference(name: str) -> str:
    """Return the text that stands for the value of an environment variable."""
    return f"{_PREFIX}{name}"


def is_reference(source: object) -> bool:
    """Return whether a source is named by an environment variable."""
    return isinstance(source, str) and source.startswith(_PREFIX)


def resolved(source: object) -> object:
    """Return the path that an environment variable holds; any other source as it is.

    Raises
    ------
    ParameterError
        The variable is not set, or holds no absolute path.
    """
    if not is_reference(source):
        return source
    name = str(source).removeprefix(_PREFIX)
    value = os.environ.get(name, "")
    if not Path(value).is_absolute():
        state = "holds a relative one" if value else "is not set"
        raise ParameterError(f"the environment variable {name} must hold an absolute path; it {state}. Set it where the command runs.")
    return value


def handed_on(data: str | Path) -> str:
    """Return a source as notebooks take it: a reference as it is, a path made absolute."""
    return str(data) if is_reference(data) else str(Path(data).resolve())


def hidden(text: str, source: object) -> str:
    """Return a text in which the reference stands for what it refers to."""
    if not is_reference(source):
        return text
    value = str(resolved(source))
    for form in dict.fromkeys((value, str(Path(value).resolve()), value.rstrip("/"))):
        text = text.replace(form, str(source))
    return text
