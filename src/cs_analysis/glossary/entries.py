"""Every metric once: what it is called, how it is computed, what it is divided by, and how it misleads."""

from __future__ import annotations

from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Literal

from cs_analysis.errors import ParameterError
from cs_analysis.glossary.texts import _texts

Direction = Literal["higher", "lower", "none"]
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
