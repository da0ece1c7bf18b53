"""Codebooks: for each language the themes, and the terms by which a comment is found to mention one.

A file has one table a language, and in it one list of terms a theme:

    [en]
    price = ["pric*", "too expensive", "cost* ~ seat"]

A term is a word, or several next to each other; `word*` takes any ending and `*word` any beginning; `this ~ that` stands for both within five words,
in either order. Terms are compared as `folded` leaves them, so case, umlauts and Turkish letters do not matter.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from cs_analysis.errors import ParameterError
from cs_analysis.facts.comments.codebook_check import Fault, check_content, said
from cs_analysis.facts.comments.text import LANGUAGES

_FILES = Path(__file__).with_name("codebooks")


@dataclass(frozen=True)
class Codebook:
    """Checked terms.

    Attributes
    ----------
    name : str
        "packaged", the file or "codebook".
    terms : mapping
        Language -> theme -> terms.
    findings : tuple
        Warnings of the check.
    """

    name: str = field(compare=False)
    terms: Mapping[str, Mapping[str, tuple[str, ...]]]
    findings: tuple[Fault, ...] = field(default=(), compare=False)

    @property
    def themes(self) -> tuple[str, ...]:
        """Return all themes, in the order in which they first stand."""
        return tuple(dict.fromkeys(theme for themes in self.terms.values() for theme in themes))

    @property
    def languages(self) -> tuple[str, ...]:
        """Return the languages it has terms for."""
        return tuple(self.terms)


def read_codebook(codebook: Any = None) -> Codebook:
    """Return a checked codebook: the packaged one, or that of a TOML file or a mapping `{language: {theme: [term, ...]}}`.

    Raises
    ------
    ParameterError
        All that is wrong with it, with its place and what to do.
    """
    if isinstance(codebook, Codebook):
        return codebook
    return _packaged() if codebook is None else _checked(*_content(codebook))


def check_codebook(codebook: Any = None) -> pd.DataFrame:
    """All that is wrong or odd with a codebook, as a table; nothing is raised for it.

    Parameters
    ----------
    codebook : mapping or path, optional
        `{language: {theme: [term, ...]}}` or the path of a TOML file of that form; the packaged codebook without it.

    Returns
    -------
    DataFrame
        One row a problem: `severity` ("error": the codebook is refused; "warning"), `language`, `theme`, `term`, `rule`, `what_to_do`.

    Raises
    ------
    ParameterError
        There is no such file, or it is no TOML.

    Examples
    --------
    >>> check_codebook({"en": {"price": ["cost*", "*"], "value": ["cost*"]}})[["severity", "theme", "rule"]].values.tolist()
    [['error', 'price', 'no letters'], ['warning', 'value', 'term of two themes']]
    """
    ready = codebook is None or isinstance(codebook, Codebook)
    found = list(read_codebook(codebook).findings) if ready else check_content(_content(codebook)[1])
    return pd.DataFrame(found, columns=list(Fault._fields)).sort_values("severity", kind="stable", ignore_index=True)


@lru_cache(maxsize=1)
def _packaged() -> Codebook:
    content = {language: table for name in LANGUAGES for language, table in _parsed(_FILES / f"{name}.toml").items()}
    return _checked("packaged", content)


def _content(codebook: Any) -> tuple[str, Mapping[str, Any]]:
    """Return the name and the unchecked content of a codebook."""
    if isinstance(codebook, Mapping):
        return "codebook", codebook
    if isinstance(codebook, str | PathLike):
        return Path(codebook).name, _parsed(Path(codebook))
    raise ParameterError(f"codebook must be a mapping {{language: {{theme: [term, ...]}}}} or the path of a .toml file, not {type(codebook).__name__}.")


def _parsed(path: Path) -> Mapping[str, Any]:
    """Return the content of a TOML file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError) as wrong:
        raise ParameterError(f"there is no file {str(path)!r}. Give the path of a .toml file with one table a language.") from wrong
    except tomllib.TOMLDecodeError as wrong:
        raise ParameterError(f"{path.name} is no valid TOML: {wrong}. Correct that line.") from wrong
    except UnicodeDecodeError as wrong:
        raise ParameterError(f"{path.name} is not written in UTF-8: byte {wrong.start} cannot be read. Save it as UTF-8.") from wrong


def _checked(name: str, content: Mapping[str, Any]) -> Codebook:
    found = check_content(content)
    if errors := [fault for fault in found if fault.severity == "error"]:
        raise ParameterError(f"the codebook ({name}) cannot be used: {len(errors)} problem{'s' if len(errors) > 1 else ''}.\n{said(errors)}")
    terms = {language: {theme: tuple(dict.fromkeys(listed)) for theme, listed in themes.items()} for language, themes in content.items()}
    return Codebook(name, terms, tuple(found))
