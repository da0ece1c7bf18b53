"""The texts of the glossary as they are read, and the words that figures, tables and pages use."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

from cs_analysis.errors import ParameterError

Language = Literal["en", "de", "tr"]

LANGUAGES: tuple[Language, ...] = ("en", "de", "tr")


def key_label(column: str, language: str = "en") -> str:
    """Return the word for a key column, or its name in plain letters where the glossary has none.

    Examples
    --------
    >>> key_label("time_days", "de"), key_label("home_office")
    ('Tag', 'home office')
    """
    return cast("str", _texts(language)["key"].get(column, column.replace("_", " ")))


def value_label(column: str, value: str, language: str = "en") -> str:
    """Return the word for a value of a key column, or the value itself where the glossary has none.

    Examples
    --------
    >>> value_label("movement", "new", "de"), value_label("segment", "new", "de")
    ('neu', 'new')
    """
    return cast("str", _texts(language)["value"].get(column, {}).get(value, value))


def label(name: str, language: str = "en", **values: object) -> str:
    """Return one of the fixed words of figures, tables and pages, its placeholders filled with `values`.

    Raises
    ------
    ParameterError
        There is no such label or language.

    Examples
    --------
    >>> label("interval", low="2 %", high="4 %")
    '2 % to 4 %'
    """
    labels = _texts(language)["label"]
    if name not in labels:
        raise ParameterError(f"the glossary has no label {name!r}.")
    return cast("str", labels[name]).format(**values)


def check_language(language: str) -> str:
    """Return `language` if there are texts in it, else raise `ParameterError`."""
    if language not in LANGUAGES:
        raise ParameterError(f"language must be one of {', '.join(LANGUAGES)}, not {language!r}.")
    return language


@cache
def _texts(language: str) -> dict[str, Any]:
    """Return all texts in a language: metrics, terms, and the words of keys, values and labels."""
    check_language(language)
    folder = Path(__file__).parent
    files = (folder / f"{language}.toml", folder / f"terms.{language}.toml")
    return {section: words for path in files for section, words in tomllib.loads(path.read_text(encoding="utf-8")).items()}
