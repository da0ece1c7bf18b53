"""The terms of the field and of the method, and how terms and metrics are linked.

A term names terms, metrics and functions in `see`; a function stands for all its metrics. Links show on both sides, and metrics of one function belong
together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from cs_analysis.errors import ParameterError
from cs_analysis.glossary.entries import entry, names
from cs_analysis.glossary.texts import _texts


@dataclass(frozen=True)
class Term:
    """One term of the glossary.

    Attributes
    ----------
    name : str
        Its name in links.
    title, definition : str
        What readers see.
    pitfalls : tuple of str
        How the term misleads; often none.
    keywords : tuple of str
        Abbreviations and other words by which it is found; often none.
    """

    name: str
    title: str
    definition: str
    pitfalls: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()


def term_names() -> tuple[str, ...]:
    """Return the names of all terms, in alphabetical order.

    Examples
    --------
    >>> "censoring" in term_names()
    True
    """
    return tuple(sorted(_texts("en")["term"]))


def term(name: str, language: str = "en") -> Term:
    """Return a term.

    Raises
    ------
    ParameterError
        There is no such term or language.

    Examples
    --------
    >>> term("censoring", "de").title
    'Zensierung'
    """
    if name not in _texts("en")["term"]:
        raise ParameterError(f"the glossary has no term {name!r}; `glossary.term_names()` lists all {len(term_names())}.")
    words = _texts(language)["term"][name]
    return Term(name, words["title"], words["definition"], tuple(words.get("pitfalls", ())), tuple(words.get("keywords", ())))


def links(name: str) -> tuple[str, ...]:
    """Return the names of the terms and metrics that belong to a term or metric: terms first, then metrics named in a link, then the others.

    Parameters
    ----------
    name : str
        Name of a term or metric.

    Returns
    -------
    tuple of str

    Raises
    ------
    ParameterError
        There is no such term or metric.

    Examples
    --------
    >>> links("nps")
    ('promoter', 'scorecard')
    """
    if name not in term_names():
        entry(name)
    return _links()[name]


@cache
def _links() -> dict[str, tuple[str, ...]]:
    """Return the links of all terms and metrics, each in both directions."""
    terms = set(term_names())
    found: dict[str, set[str]] = {name: set() for name in (*terms, *names())}
    by_function: dict[str, set[str]] = {}
    for name in names():
        by_function.setdefault(entry(name).function, set()).add(name)
    for together in by_function.values():
        for name in together:
            found[name] |= together - {name}
    see = {name: set(_texts("en")["term"][name]["see"]) for name in terms}
    for name, others in see.items():
        for one in set().union(*(by_function.get(other, {other}) for other in others)):
            found[name].add(one)
            found[one].add(name)

    def ordered(name: str) -> tuple[str, ...]:
        return tuple(sorted(found[name], key=lambda other: (other not in terms, other not in terms | see.get(name, set()), other)))

    return {name: ordered(name) for name in found}
