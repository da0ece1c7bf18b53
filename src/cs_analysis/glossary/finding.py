"""Finding an entry by what a reader calls it, and showing it in a notebook or a terminal."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

from cs_analysis.errors import ParameterError
from cs_analysis.glossary.entries import Entry, entry, names
from cs_analysis.glossary.terms import Term, links, term, term_names
from cs_analysis.glossary.texts import Language, check_language

WIDTH = 100
WORDS: dict[str, dict[str, str]] = {
    "en": {
        "keywords": "Also found as",
        "formula": "Formula",
        "n": "n counts",
        "pitfalls": "Pitfalls",
        "see": "See also",
        "function": "Function",
        "reference": "Reference",
    },
    "de": {
        "keywords": "Auch zu finden als",
        "formula": "Formel",
        "n": "n zählt",
        "pitfalls": "Fallstricke",
        "see": "Siehe auch",
        "function": "Funktion",
        "reference": "Quelle",
    },
    "tr": {
        "keywords": "Şöyle de aranabilir",
        "formula": "Formül",
        "n": "n neyi sayar",
        "pitfalls": "Tuzaklar",
        "see": "Ayrıca bakınız",
        "function": "İşlev",
        "reference": "Kaynak",
    },
}


@dataclass(frozen=True)
class Found:
    """An entry as it is shown: as text in a terminal, as a definition list in a notebook.

    Attributes
    ----------
    entry : Entry or Term
        The metric or term.
    language : str
        Language of its words.
    """

    entry: Entry | Term
    language: str

    def parts(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Give what there is to say beside the definition: which part it is, and its texts."""
        found = self.entry
        if isinstance(found, Term) and found.keywords:
            yield "keywords", found.keywords
        if isinstance(found, Entry):
            yield "formula", (found.formula,)
            yield "n", (found.denominator,)
        if found.pitfalls:
            yield "pitfalls", found.pitfalls
        yield "see", tuple(title_of(name, self.language) for name in links(found.name))
        if isinstance(found, Entry):
            yield "function", (f"cs.{found.function}",)
            if found.reference:
                yield "reference", (found.reference,)

    def __repr__(self) -> str:
        lines = [f"{self.entry.title} ({self.entry.name})", *textwrap.wrap(self.entry.definition, WIDTH)]
        for part, texts in self.parts():
            said = "; ".join(texts) if part in ("keywords", "see", "reference") else " ".join(texts)
            lines += textwrap.wrap(f"{WORDS[self.language][part]}: {said}", WIDTH, subsequent_indent="  ")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        words = WORDS[self.language]
        rows = "".join(f"<dt>{words[part]}</dt>{''.join(self._row(part, text) for text in texts)}" for part, texts in self.parts())
        head = f"<strong>{html.escape(self.entry.title)}</strong> <code>{self.entry.name}</code>"
        return f'<div lang="{self.language}"><p>{head}</p><p>{html.escape(self.entry.definition)}</p><dl>{rows}</dl></div>'

    def _row(self, part: str, text: str) -> str:
        start = '<dd lang="en">' if part == "reference" and self.language != "en" else "<dd>"
        return f"{start}{html.escape(text)}</dd>"


def find(text: str, language: str = "en") -> Found:
    """Return the metric or term of that name, title or keyword, in any case, with spaces or underscores.

    Parameters
    ----------
    text : str
        Name, title or keyword, such as `"nps"`, `"Logo churn rate"` or `"CAC"`.
    language : str
        `en`, `de` or `tr`: language of the words; titles are looked for in this language and in English.

    Returns
    -------
    Found
        Shown as text, or as HTML in a notebook.

    Raises
    ------
    ParameterError
        There is none; the message names the closest.

    Examples
    --------
    >>> find("Small N")
    Small n (small_n)
    A row that rests on fewer than about thirty cases. It is marked, as its figure swings widely from
    one period to the next.
    See also: As of; Confidence interval; Denominator
    """
    known = _known(check_language(language))
    name = known.get(_plain(text))
    if name is None:
        near = get_close_matches(_plain(text), known, n=5, cutoff=0.5)
        inside = [each for each in known if _plain(text) and _plain(text) in each]
        closest = list(dict.fromkeys(title_of(known[each], language) for each in (*inside[:5], *near)))[:5]
        raise ParameterError(f"the glossary has no {text!r}." + (f" Closest are: {'; '.join(closest)}." if closest else ""))
    return Found(term(name, language) if name in term_names() else entry(name, language), language)


def title_of(name: str, language: str = "en") -> str:
    """Return the title of a metric or term."""
    return (term(name, language) if name in term_names() else entry(name, language)).title


@cache
def _known(language: Language) -> dict[str, str]:
    """Return names by what they may be called; a name comes before a title, a title before a keyword, and a term before a metric."""
    every = (*names(), *term_names())
    called = [{_plain(title_of(name, each)): name for name in every} for each in ("en", language)]
    keywords = {_plain(word): name for each in ("en", language) for name in term_names() for word in term(name, each).keywords}
    return {**keywords, **called[0], **called[1], **{_plain(name): name for name in every}}


def _plain(text: str) -> str:
    """Return the text without regard to case; the dotted and the dotless i of Turkish are one, as a reader may type either."""
    return " ".join(text.replace("_", " ").casefold().replace("i\N{COMBINING DOT ABOVE}", "i").replace("ı", "i").split())
