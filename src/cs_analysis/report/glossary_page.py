"""The glossary as one page: every metric and term in the order of its language's alphabet, with links, and a search that works offline."""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import jinja2

from cs_analysis import glossary
from cs_analysis.glossary.finding import WORDS, title_of
from cs_analysis.report.html import TEMPLATES, page_style

TURKISH = "abcçdefgğhıijklmnoöprsştuüvyzqwx"
TITLES = {
    "en": {"title": "Glossary", "search": "Search", "letters": "Letters", "none": "Nothing found."},
    "de": {"title": "Glossar", "search": "Suchen", "letters": "Buchstaben", "none": "Nichts gefunden."},
    "tr": {"title": "Sözlük", "search": "Ara", "letters": "Harfler", "none": "Bir şey bulunamadı."},
}
SCRIPT = """
const box = document.getElementById("search"), none = document.getElementById("none");
const plain = (text) => text.toLocaleLowerCase(document.documentElement.lang).replaceAll("ı", "i");
box.closest("form").hidden = false;
box.closest("form").addEventListener("submit", (event) => event.preventDefault());
const filter = () => {
  const asked = plain(box.value.trim());
  let found = 0;
  for (const entry of document.querySelectorAll("article")) {
    entry.hidden = !plain(entry.textContent).includes(asked);
    found += !entry.hidden;
  }
  for (const letter of document.querySelectorAll("section.letter")) letter.hidden = !letter.querySelector("article:not([hidden])");
  none.hidden = found > 0;
};
box.addEventListener("input", filter);
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#"]');
  if (link && document.getElementById(link.hash.slice(1)).closest("[hidden]")) { box.value = ""; filter(); }
});
"""


def glossary_page(language: str = "en") -> str:
    """Return the glossary as one page in HTML that needs nothing else: no file, no network.

    Parameters
    ----------
    language : str
        `en`, `de` or `tr`.

    Returns
    -------
    str

    Raises
    ------
    ParameterError
        There are no texts in that language.
    """
    code = glossary.check_language(language)
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined)
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    letters = [(letter, list(entries)) for letter, entries in groupby(_entries(code), key=lambda entry: entry["letter"])]
    return environment.get_template("glossary.html.j2").render(
        language=code, letters=letters, words=TITLES[code], parts=WORDS[code], css=page_style(), script=SCRIPT, digest=digest
    )


def sorting_key(title: str, language: str) -> tuple[Any, ...]:
    """Return what puts titles into the order of a language's alphabet: signs with the letter they stand on, in Turkish as letters of their own.

    Examples
    --------
    >>> sorted(["Zufall", "Überlebenskurve", "Umsatz"], key=lambda title: sorting_key(title, "de"))
    ['Überlebenskurve', 'Umsatz', 'Zufall']
    """
    letters = [_filed(letter, language) for letter in _lower(title, language) if letter.isalnum()]
    if language == "tr":
        return (tuple((TURKISH.find(letter), letter) for letter in letters), title)
    return ("".join(letters), title)


def _entries(language: str) -> Iterator[dict[str, Any]]:
    """Give what the page shows of each entry, in order."""
    every = {name: title_of(name, language) for name in (*glossary.term_names(), *glossary.names())}
    for name in sorted(every, key=lambda name: sorting_key(every[name], language)):
        term = glossary.term(name, language) if name in glossary.term_names() else None
        metric = None if term else glossary.entry(name, language)
        first = next(letter for letter in _lower(every[name], language) if letter.isalnum())
        letter = "#" if first.isdigit() else _upper(_filed(first, language), language)
        links = [(other, every[other]) for other in glossary.links(name)]
        yield {"name": name, "letter": letter, "metric": metric, "entry": metric or term, "keywords": term.keywords if term else (), "links": links}


def _lower(text: str, language: str) -> str:
    return (text.replace("İ", "i").replace("I", "ı") if language == "tr" else text).casefold()


def _upper(letter: str, language: str) -> str:
    return "İ" if language == "tr" and letter == "i" else letter.upper()


def _filed(letter: str, language: str) -> str:
    """Return the letter under which another is filed: ä under a, but not the Turkish ö, which is a letter of its own, unlike â."""
    return letter if language == "tr" and letter in TURKISH else unicodedata.normalize("NFD", letter)[0]
