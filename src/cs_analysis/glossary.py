"""Every metric once: what it is called, how it is computed, what it is divided by, and how it misleads. English, German, Turkish.

The texts stand in `glossary/{en,de,tr}.toml`: `[metric.NAME]` tables, and the words that figures, tables and pages use: `[label]`,
`[key]` for the names of key columns and `[value.COLUMN]` for what stands in them.
What does not depend on the language (unit, direction, function, reference) is written in the English file alone.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

from cs_analysis.errors import ParameterError

Language = Literal["en", "de", "tr"]
Direction = Literal["higher", "lower", "none"]

LANGUAGES: tuple[Language, ...] = ("en", "de", "tr")
TRANSLATED = ("title", "definition", "formula", "denominator", "pitfalls")


@dataclass(frozen=True)
class Entry:
    """One metric of the glossary.

    Attributes
    ----------
    name : str
        The metric's name in an estimates table.
    title, definition, formula, denominator : str
        What readers see; `denominator` says what `n` counts.
    unit : str
        `share`, `days`, `points`, `count`, `ratio`, `per_month` or `currency` (an ISO 4217 code in the table).
    direction : str
        Which way is better: `higher`, `lower` or `none`.
    function : str
        The public function that returns it.
    pitfalls : tuple of str
        How the number misleads.
    reference : str
        Author (year) of the definition or method.
    """

    name: str
    title: str
    definition: str
    formula: str
    denominator: str
    unit: str
    direction: Direction
    function: str
    pitfalls: tuple[str, ...]
    reference: str


def names() -> tuple[str, ...]:
    """Return the names of all metrics, in alphabetical order.

    Examples
    --------
    >>> "nps" in names()
    True
    """
    return tuple(sorted(_texts("en")["metric"]))


def entry(name: str, language: str = "en") -> Entry:
    """Return the glossary's entry of the metric `name`.

    Parameters
    ----------
    name : str
        A metric's name, as it stands in the `metric` column.
    language : str
        `en`, `de` or `tr`.

    Returns
    -------
    Entry
        Title, definition and the rest, in that language.

    Raises
    ------
    ParameterError
        There is no such metric or language.

    Examples
    --------
    >>> entry("nps").unit
    'points'
    >>> entry("logo_churn_rate", "de").title
    'Abwanderungsrate der Kunden'
    """
    metrics = _texts("en")["metric"]
    if name not in metrics:
        close = get_close_matches(name, names(), n=3) or names()[:3]
        raise ParameterError(f"the glossary has no metric {name!r}. Closest are {', '.join(close)}; `glossary.names()` lists all {len(names())}.")
    words = {**metrics[name], **_texts(language)["metric"][name]}
    words["pitfalls"] = tuple(words["pitfalls"])
    return Entry(name=name, **{field.name: words[field.name] for field in fields(Entry) if field.name != "name"})


def title(name: str, language: str = "en") -> str:
    """Return the title of the metric `name`, or the name itself where the glossary does not know it.

    Examples
    --------
    >>> title("mrr"), title("my_metric")
    ('Monthly recurring revenue', 'my metric')
    """
    metric = _texts(language)["metric"].get(name)
    return metric["title"] if metric else name.replace("_", " ")


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
    check_language(language)
    path = Path(__file__).with_name("glossary") / f"{language}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))
